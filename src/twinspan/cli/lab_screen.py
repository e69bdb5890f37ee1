"""How a lab looks in a terminal, and in a pipe.

In: `Progress`, `LabStatus`, `LabLine`. Out: text on standard output. On a terminal progress is one line that moves,
elsewhere a line whenever something has changed. Next: nothing; this is the edge.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

from rich.console import Console
from rich.status import Status
from rich.table import Table

from twinspan.lab.status import LabLine, LabStatus
from twinspan.lab.up import Progress

PIPE_WIDTH = 200
PLAIN_STEP_S = 1.0
"""In a pipe: at most one line a second while waiting."""


class Rising:
    """Shows a lab coming up."""

    def __init__(self, console: Console, live: Status | None) -> None:
        self.console = console
        self.live = live
        self.elapsed_s = 0.0
        self._last = ""
        self._due_s = 0.0

    def show(self, progress: Progress) -> None:
        """One look: phase, seconds, and the first things that are still missing."""
        self.elapsed_s = progress.elapsed_s
        text = _sentence(progress)
        if self.live is not None:
            self.live.update(f"{progress.elapsed_s:4.1f} s  {text}")
        elif text != self._last and progress.elapsed_s >= self._due_s:
            self.console.print(f"{progress.elapsed_s:5.1f} s  {text}", soft_wrap=True, highlight=False, markup=False)
            self._last, self._due_s = text, progress.elapsed_s + (PLAIN_STEP_S if progress.missing else 0.0)


def _sentence(progress: Progress) -> str:
    match progress.phase:
        case "building":
            return "building namespaces and cables"
        case "starting":
            return "starting agents"
        case "converging":
            shown = ", ".join(progress.missing[:3])
            more = f" and {len(progress.missing) - 3} more" if len(progress.missing) > 3 else ""
            return f"waiting for {shown}{more}"
        case _:
            return "everything is established and proven"


@contextlib.contextmanager
def rising() -> Iterator[Rising]:
    """The display for one `up`; gone from a terminal when it ends."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield Rising(console, None)
        return
    with console.status("") as live:
        yield Rising(console, live)


def _console() -> Console:
    """In a pipe nothing is cut to a width that nobody has."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=PIPE_WIDTH)


def print_status(status: LabStatus) -> None:
    """A heading, a table of nodes, then everything that is not as it should be."""
    console = _console()
    state = "healthy" if status.healthy else "not healthy"
    console.print(f"Lab {status.name} (site {status.site}): {status.phase}, {state}", markup=False)
    cloud = ["cloud"] if any(node.cloud for node in status.nodes) else []
    columns = ("node", "agent", "BGP", "tunnels", "probes", "traffic on", *cloud, "namespace")
    table = Table(*columns, box=None, pad_edge=False)
    for node in status.nodes:
        agent = "converged" if node.converged else "converging" if node.answers else "no answer"
        shown = [node.cloud] if cloud else []
        table.add_row(node.node, agent, node.sessions, node.tunnels, node.probes, node.carrying, *shown, node.netns)
    console.print(table)
    lines = [f"missing: {lack}" for lack in status.missing]
    lines += [_fault_line(fault.name, fault.expires_ns) for fault in status.faults]
    lines += [f"alarm: {alarm.name} {alarm.subject} {alarm.detail}".rstrip() for alarm in status.alarms]
    if not status.keeper_alive:
        lines.append(f"keeper: dead, agents will not be restarted; revive it: twinspan lab keep {status.name}")
    for line in lines:
        console.print(line, markup=False, soft_wrap=True)


def _fault_line(name: str, expires_ns: int) -> str:
    left_s = max(0.0, (expires_ns - time.time_ns()) / 1e9)
    return f"broken: {name}, heals by itself in {left_s:.0f} s; sooner: twinspan lab mend {name}"


def print_list(labs: tuple[LabLine, ...]) -> None:
    """One line for each lab."""
    table = Table("lab", "site", "phase", "nodes", "keeper", "age", "site file", box=None, pad_edge=False)
    for lab in labs:
        keeper = "alive" if lab.keeper_alive else "dead"
        table.add_row(lab.name, lab.site, lab.phase, str(lab.nodes), keeper, _age(lab.created_ns), lab.site_file)
    _console().print(table)


def _age(created_ns: int) -> str:
    if not created_ns:
        return ""
    seconds = int(time.time() - created_ns / 1e9)
    return (
        f"{seconds // 3600} h {seconds % 3600 // 60} min"
        if seconds >= 3600
        else f"{seconds // 60} min {seconds % 60} s"
    )
