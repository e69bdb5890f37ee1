"""Kills the cloud server and measures when each node is connected again.

In: a running lab with a cloud server. Out: a `Return` for each node, from the nodes' own events. Next: `cli.demo`.
"""

from __future__ import annotations

import msgspec

from twinspan.lab.clock import wait_until
from twinspan.lab.cloud import load_managed
from twinspan.lab.injection import Injection
from twinspan.lab.lab import Lab
from twinspan.lab.readiness import cloud_missing
from twinspan.model.device_report import DeviceReport, Event
from twinspan.model.errors import Retryable

DEADLINE_S = 30.0
POLL_S = 0.05
NS_PER_MS = 1e6


class Return(msgspec.Struct, frozen=True, kw_only=True):
    """One node's way back; times since the kill."""

    node: str
    noticed_ms: float
    back_ms: float
    resumed: bool
    """By its ticket, without a full authentication."""


def kill_server(lab: Lab, deadline_s: float = DEADLINE_S) -> tuple[Return, ...]:
    """SIGKILL, then wait for every node; the first to return first. Raises Retryable if one does not in time."""
    killed_ns = Injection(lab, "server-kill").fire().before_ns
    nodes = load_managed(lab.paths)
    with lab.client() as client:
        reports = {}

        def returned() -> bool:
            reports.update(client.reports())
            return all(_is_back(reports[node], killed_ns) for node in nodes)

        if not wait_until(returned, deadline_s, POLL_S):
            left = [node for node in nodes if not _is_back(reports[node], killed_ns)]
            raise Retryable(
                f"{', '.join(left)} did not connect again within {deadline_s:g} s of the server's end",
                delay_s=1.0,
                remedy="look at `twinspan lab status`",
            )
        events = client.events(killed_ns)
    found = [_return(node, events, killed_ns) for node in nodes]
    return tuple(sorted(found, key=lambda one: one.back_ms))


def _is_back(report: object, killed_ns: int) -> bool:
    if not isinstance(report, DeviceReport) or report.cloud is None or any(cloud_missing(report)):
        return False
    return (report.cloud.connected_at_ns or 0) > killed_ns


def _return(node: str, events: tuple[Event, ...], killed_ns: int) -> Return:
    mine = [event for event in events if event.node == node and event.source == "cloud"]
    back = next(event for event in mine if event.what == "established")
    down = next((event for event in mine if event.what == "down"), back)
    return Return(
        node=node,
        noticed_ms=(down.at_ns - killed_ns) / NS_PER_MS,
        back_ms=(back.at_ns - killed_ns) / NS_PER_MS,
        resumed=back.detail.endswith("resumed"),
    )
