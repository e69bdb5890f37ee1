"""The failover policy: which spans there are, what proves them, what is moved. Comware has no words for it.

In: the `twinspan failover` view, or the policy of a config. Out: the other. Next: `commands_services.py`.
"""

from __future__ import annotations

from typing import Literal

from twinspan.model.device_config import DeviceConfig, Failover, FailoverSpan, HealthCheck, NextHop, SpanProbe
from twinspan.wire.comware.command import SYSTEM, Command
from twinspan.wire.comware.document import Line
from twinspan.wire.comware.reading import Notes
from twinspan.wire.comware.writing import Export

_SPAN = "failover-span"
_HOLD_DOWN_S, _MAX_S, _WINDOW_S = 5.0, 300.0, 300.0

COMMANDS = (
    Command(
        view=SYSTEM,
        id="failover",
        pattern="twinspan failover",
        undo=("twinspan failover",),
        opens="failover",
        prompt="-failover",
    ),
    Command(
        view="failover",
        id="hold-down",
        pattern="hold-down <seconds:decimal:0-86400> [ max <most:decimal:0-86400> ] "
        "[ flap-window <window:decimal:0-86400> ]",
        undo=("hold-down",),
        help={
            "seconds": "A span is healthy for so long before traffic returns to it",
            "max": "Longest hold-down; every flap doubles it",
            "flap-window": "Seconds in which changes count as flaps",
        },
    ),
    Command(
        view="failover",
        id="override-table",
        pattern="override-table <table:str:1-31>",
        undo=("override-table",),
    ),
    Command(
        view="failover",
        id="moved",
        pattern="prefix <prefix:prefix>",
        key=("prefix",),
        undo=("prefix <prefix:prefix>",),
        help={"prefix": "Prefix that an override moves"},
    ),
    Command(
        view="failover",
        id="refused",
        pattern="refuse <prefix:prefix>",
        key=("prefix",),
        undo=("refuse <prefix:prefix>",),
        help={"prefix": "Prefix without a standby: unreachable during an override"},
    ),
    Command(
        view="failover",
        id="span",
        pattern="span <name:str:1-63> role { active | standby }",
        key=("name",),
        undo=("span <name:str:1-63>",),
        opens=_SPAN,
        prompt="-span-{name}",
    ),
    Command(view=_SPAN, id="span peer", pattern="peer <name:str:1-63>", key=("name",), undo=("peer <name:str:1-63>",)),
    Command(
        view=_SPAN, id="expected", pattern="expect <prefix:prefix>", key=("prefix",), undo=("expect <prefix:prefix>",)
    ),
    Command(
        view=_SPAN,
        id="span hop",
        pattern="next-hop <interface:interface> [ <via:ip> ] [ track <track:int:1-1024> ]",
        key=("interface", "via"),
        undo=("next-hop <interface:interface> [ <via:ip> ]",),
    ),
    Command(
        view=_SPAN,
        id="span link",
        pattern="link <interface:interface>",
        key=("interface",),
        undo=("link <interface:interface>",),
    ),
    Command(
        view=_SPAN,
        id="span probe",
        pattern="probe <probe:str:1-128> target <target:str:1-128>",
        key=("probe",),
        undo=("probe <probe:str:1-128>",),
    ),
    Command(
        view=SYSTEM,
        id="health-check",
        pattern="twinspan health-check <name:str:1-63> probe <probe:str:1-128> span <span:str:1-63> [ probe-only ]",
        key=("name",),
        undo=("twinspan health-check <name:str:1-63>",),
    ),
)


def read_failover(document: Line, notes: Notes) -> Failover | None:
    """What the view says; None without it, and while it has not both spans."""
    view = next(document.every("failover"), None)
    if view is None:
        return None
    spans = tuple(_span(line, notes) for line in view.every("span"))
    if sorted(span.role for span in spans) != ["active", "standby"]:
        notes.wait("twinspan failover: it needs one span of the role active and one of the role standby")
        return None
    times = next((line.args for line in view.every("hold-down")), {})
    return Failover(
        spans=spans,
        prefixes=tuple(line.args["prefix"] for line in view.every("moved")),
        refused=tuple(line.args["prefix"] for line in view.every("refused")),
        override_table=view.get("override-table", "table", "override"),
        hold_down_s=float(times.get("seconds", _HOLD_DOWN_S)),
        hold_down_max_s=float(times.get("most", _MAX_S)),
        flap_window_s=float(times.get("window", _WINDOW_S)),
    )


def _span(view: Line, notes: Notes) -> FailoverSpan:
    what = f"span {view.args['name']}"
    links = [notes.way(line.args["interface"], what) for line in view.every("span link")]
    hops: list[NextHop | None] = [notes.next_hop(line, what) for line in view.every("span hop")]
    role: Literal["active", "standby"] = "active" if view.text.endswith(" active") else "standby"
    return FailoverSpan(
        name=view.args["name"],
        role=role,
        peers=tuple(line.args["name"] for line in view.every("span peer")),
        expected_prefixes=tuple(line.args["prefix"] for line in view.every("expected")),
        next_hops=tuple(hop for hop in hops if hop is not None),
        links=tuple(way.link for way in links if way is not None and way.link is not None),
        probes=tuple(
            SpanProbe(probe=line.args["probe"], target=line.args["target"]) for line in view.every("span probe")
        ),
    )


def read_health_checks(document: Line) -> tuple[HealthCheck, ...]:
    """The health checks of a VBR."""
    return tuple(
        HealthCheck(
            name=line.args["name"],
            probe=line.args["probe"],
            span=line.args["span"],
            change_route=not line.text.endswith(" probe-only"),
        )
        for line in document.every("health-check")
    )


def write_failover(config: DeviceConfig, export: Export) -> list[str]:
    """Policy and health checks."""
    lines = [
        f"twinspan health-check {export.word(check.name)} probe {export.word(check.probe)} "
        f"span {export.word(check.span)}{'' if check.change_route else ' probe-only'}"
        for check in config.health_checks
    ]
    policy = config.failover
    if policy is None:
        return lines
    lines += [
        "twinspan failover",
        f"hold-down {export.number(policy.hold_down_s)} max {export.number(policy.hold_down_max_s)} "
        f"flap-window {export.number(policy.flap_window_s)}",
    ]
    if policy.override_table != "override":
        lines.append(f"override-table {export.word(policy.override_table)}")
    lines += [f"prefix {prefix}" for prefix in policy.prefixes]
    lines += [f"refuse {prefix}" for prefix in policy.refused]
    for span in policy.spans:
        lines += _span_lines(span, export)
    return lines


def _span_lines(span: FailoverSpan, export: Export) -> list[str]:
    what = f"the span {span.name}"
    lines = [f"span {export.word(span.name)} role {span.role}"]
    lines += [f"peer {export.word(peer)}" for peer in span.peers]
    lines += [f"expect {prefix}" for prefix in span.expected_prefixes]
    lines += [f"next-hop {words}" for hop in span.next_hops if (words := export.next_hop(hop, what))]
    lines += [f"link {name}" for link in span.links if (name := export.interface(link, None, what))]
    return lines + [f"probe {export.word(p.probe)} target {export.word(p.target)}" for p in span.probes]
