"""What a lab is now: phase, keeper, what is missing, what is broken, each node in one line.

In: a `Lab`. Out: `LabStatus`, which `twinspan lab status` prints and `--json` gives out whole. Next: `faults.py`.
"""

from __future__ import annotations

import time
from pathlib import Path

import msgspec

from twinspan.lab import process
from twinspan.lab.lab import Lab
from twinspan.lab.readiness import Answers, cloud_state, missing
from twinspan.lab.state import RUN_DIR, ActiveFault, LabPaths, Phase, lab_names, load_state
from twinspan.model.device_report import Alarm, DeviceReport


class NodeSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One node, read from its report."""

    node: str
    netns: str
    answers: bool
    converged: bool = False
    sessions: str = ""
    """BGP sessions established, of all: "2/2"."""
    tunnels: str = ""
    probes: str = ""
    carrying: str = ""
    """The span that carries traffic by this node's own decision; empty where it decides none."""
    cloud: str = ""
    """How far its cloud connection got; empty without a cloud server."""
    problem: str = ""


class LabStatus(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    site: str
    phase: Phase
    healthy: bool
    """Nothing missing, nothing broken, keeper alive."""
    keeper_alive: bool
    missing: tuple[str, ...] = ()
    faults: tuple[ActiveFault, ...] = ()
    alarms: tuple[Alarm, ...] = ()
    nodes: tuple[NodeSummary, ...] = ()


class LabLine(msgspec.Struct, frozen=True, kw_only=True):
    """One lab in the list of all."""

    name: str
    site: str
    phase: str
    nodes: int
    keeper_alive: bool
    created_ns: int
    site_file: str = ""


def look(lab: Lab) -> LabStatus:
    """Asks every agent once."""
    with lab.client() as client:
        answers = client.reports()
    keeper_alive = process.alive(lab.state.keeper)
    lacks = missing(lab.deployment, answers)
    faults = active_faults(lab)
    reports = [answer for answer in answers.values() if isinstance(answer, DeviceReport)]
    return LabStatus(
        name=lab.name,
        site=lab.state.site,
        phase=lab.state.phase,
        healthy=lab.state.phase == "up" and keeper_alive and not lacks and not faults,
        keeper_alive=keeper_alive,
        missing=lacks,
        faults=faults,
        alarms=tuple(alarm for report in reports for alarm in report.alarms),
        nodes=tuple(_summary(node, netns, answers) for node, netns in lab.state.nodes.items()),
    )


def active_faults(lab: Lab, now_ns: int | None = None) -> tuple[ActiveFault, ...]:
    """Those whose time is not over."""
    now = time.time_ns() if now_ns is None else now_ns
    return tuple(fault for fault in lab.state.faults if fault.expires_ns > now)


def list_labs(run_dir: Path = RUN_DIR) -> tuple[LabLine, ...]:
    """Every lab of this machine."""
    lines = []
    for name in lab_names(run_dir):
        state = load_state(LabPaths(name, run_dir))
        if state is None:
            lines.append(LabLine(name=name, site="", phase="half-made", nodes=0, keeper_alive=False, created_ns=0))
            continue
        lines.append(
            LabLine(
                name=name,
                site=state.site,
                phase=state.phase,
                nodes=len(state.nodes),
                keeper_alive=process.alive(state.keeper),
                created_ns=state.created_ns,
                site_file=state.site_file,
            )
        )
    return tuple(lines)


def _summary(node: str, netns: str, answers: Answers) -> NodeSummary:
    answer = answers[node]
    if not isinstance(answer, DeviceReport):
        return NodeSummary(node=node, netns=netns, answers=False, problem=answer.message)
    return NodeSummary(
        node=node,
        netns=netns,
        answers=True,
        converged=answer.converged,
        sessions=_share([peer.state == "Established" for peer in answer.bgp]),
        tunnels=_share([tunnel.child_state == "INSTALLED" for tunnel in answer.tunnels]),
        probes=_share([probe.state == "up" for probe in answer.probes]),
        carrying=answer.failover.carrying if answer.failover else "",
        cloud=cloud_state(answer.cloud) if answer.cloud else "",
    )


def _share(good: list[bool]) -> str:
    return f"{sum(good)}/{len(good)}" if good else ""
