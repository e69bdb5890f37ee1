"""One lab as a value: where it lies, what it is made of, how to reach its agents.

In: a name. Out: `Lab`, which everything that works on a running lab takes as its first argument. Next: `up.py`.
"""

from __future__ import annotations

from pathlib import Path

from twinspan.lab.blank import running
from twinspan.lab.client import DEADLINE_S, AgentClient, LabClient
from twinspan.lab.state import RUN_DIR, LabPaths, LabState, lab_names, load_deployment, load_state
from twinspan.model.deployment import Deployment
from twinspan.model.errors import Rejected


class Lab:
    """A lab that is (or was) up. `state` is what was on disk when this value was made."""

    def __init__(self, paths: LabPaths, state: LabState, deployment: Deployment) -> None:
        self.paths = paths
        self.state = state
        self.deployment = deployment

    @property
    def name(self) -> str:
        return self.paths.name

    def netns(self, node: str) -> str:
        """The namespace of a node, of the cloud server or its NAT. Raises Rejected for what the lab does not have."""
        names = self.state.nodes | self.state.parts
        if node not in names:
            raise Rejected(f"lab {self.name} has no node {node!r}", remedy=f"nodes: {', '.join(names)}")
        return names[node]

    def segment_netns(self, segment: str) -> str:
        """The namespace in which a segment's bridge stands."""
        if segment not in self.state.segments:
            raise Rejected(
                f"lab {self.name} has no segment {segment!r}", remedy=f"segments: {', '.join(self.state.segments)}"
            )
        return self.state.segments[segment]

    def agent(self, node: str, *, deadline_s: float = DEADLINE_S) -> AgentClient:
        self.netns(node)
        return AgentClient(self.paths.socket(node), node=node, deadline_s=deadline_s)

    def client(self, *, deadline_s: float = DEADLINE_S) -> LabClient:
        return LabClient({node: self.paths.socket(node) for node in self.state.nodes}, deadline_s=deadline_s)

    def fresh(self) -> Lab:
        """The same lab with its state as it is on disk now; with a blank one's configs as its nodes have them now."""
        state = _state_of(self.paths)
        return Lab(self.paths, state, running(self.deployment, self.paths) if state.blank else self.deployment)


def open_lab(name: str | None = None, run_dir: Path = RUN_DIR) -> Lab:
    """The lab of that name; without a name the only one there is. Raises Rejected if that names none, or several."""
    paths = LabPaths(name or only_lab(run_dir), run_dir)
    state, deployment = _state_of(paths), load_deployment(paths)
    return Lab(paths, state, running(deployment, paths) if state.blank else deployment)


def only_lab(run_dir: Path = RUN_DIR) -> str:
    """The name of the only lab there is. Raises Rejected if there is none, or several."""
    labs = lab_names(run_dir)
    if not labs:
        raise Rejected("no lab is up", remedy="bring one up: twinspan lab up SITE.yaml")
    if len(labs) > 1:
        raise Rejected(f"several labs are up: {', '.join(labs)}", remedy="say which one")
    return labs[0]


def _state_of(paths: LabPaths) -> LabState:
    state = load_state(paths)
    if state is None:
        known = ", ".join(lab_names(paths.run_dir)) or "none"
        raise Rejected(
            f"there is no lab {paths.name!r}", remedy=f"labs: {known}; bring one up: twinspan lab up SITE.yaml"
        )
    return state
