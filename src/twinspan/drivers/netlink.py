"""The kernel's links, addresses, routes and rules: observe, apply, and hear of changes.

In: `Step`s of `engine.reconcile`. Out: a `KernelState`, BGP routes in the kernel, and link and route events. State and
changes go through iproute2 (`ip -json`, `ip -batch`), events through a raw rtnetlink socket. It sees and touches only
what carries Twinspan's protocol id; decisions are made elsewhere.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import socket
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from twinspan.drivers.command import run_command
from twinspan.engine.reconcile import Step
from twinspan.model.kernel import (
    BIRD_PROTOCOL,
    MAIN_TABLE,
    ROUTE_PROTOCOL,
    KernelLink,
    KernelRoute,
    KernelRule,
    KernelState,
)
from twinspan.wire.rtnetlink import (
    RTMGRP_IPV4_ROUTE,
    RTMGRP_IPV6_ROUTE,
    RTMGRP_LINK,
    LinkChanged,
    RouteChanged,
    decode,
)

_FORWARDING = (Path("/proc/sys/net/ipv4/ip_forward"), Path("/proc/sys/net/ipv6/conf/all/forwarding"))
_RECEIVE_BUFFER = 1 << 20
_FAILED_LINE = re.compile(r"Command failed -:(\d+)")
"""What iproute2 says after the reasons of a refused line of a batch."""
_UNREACHABLE = "7"
"""RTN_UNREACHABLE of linux/rtnetlink.h."""
_TAKEN = "File exists"
"""EEXIST: a route with this prefix, table and metric is there already."""
_BOOT = 3
"""RTPROT_BOOT: what a route has that nobody gave a protocol; iproute2 leaves it out."""
_PROTOCOLS = {2: "kernel", _BOOT: "boot", 4: "static", 9: "ra", 11: "zebra", BIRD_PROTOCOL: "bird", 16: "dhcp"}
"""Names of iproute2's etc/iproute2/rt_protos."""
_SCOPE_LINK = "253"
"""RT_SCOPE_LINK of linux/rtnetlink.h."""


class NetlinkFailed(Exception):
    """The kernel refused; the text names each refused change and the kernel's own reason."""


class NetlinkDriver:
    """Acts on the network namespace of the calling process."""

    async def observe(self) -> tuple[KernelState, frozenset[KernelRoute]]:
        """Links with their addresses, and Twinspan's own routes and rules; then what BIRD has in the main table.

        One process for each address family asks everything: this is most of what an idle agent costs.
        """
        (links, routes4, bgp4, rules4), (routes6, bgp6, rules6) = await asyncio.gather(
            _ip_batch_json("addr show", *_questions("0.0.0.0/0")), _ip_batch_json(*_questions("::/0"), family="-6")
        )
        state = KernelState(
            links={link["ifname"]: _link(link) for link in links},
            routes=frozenset([_route(r, 4) for r in routes4] + [_route(r, 6) for r in routes6]),
            rules=frozenset(
                [_rule(r, "ipv4") for r in rules4 if _ours(r)] + [_rule(r, "ipv6") for r in rules6 if _ours(r)]
            ),
            forwarding=_FORWARDING[0].read_text().strip() == "1",
        )
        usable = [_route(r, 4) for r in bgp4 if _alive(r)] + [_route(r, 6) for r in bgp6 if _alive(r)]
        return state, frozenset(usable)

    async def apply(self, steps: Iterable[Step]) -> None:
        """Carry the steps out in order; every one is tried, and all refusals are told together (`NetlinkFailed`)."""
        refused: list[str] = []
        for tool, group in itertools.groupby(steps, key=_tool):
            if tool == "proc":
                refused += _set_forwarding([step.value or "0" for step in group][-1])
            elif tool == "routes":
                refused += await _set_routes([step.route for step in group if step.route is not None])
            else:
                options = ["-6"] if tool == "ip -6" else []
                refused += await _ip_batch([_line(step) for step in group], *options)
        if refused:
            raise NetlinkFailed("; ".join(refused))

    async def set_link(self, name: str, *, up: bool) -> None:
        """Set a link administratively up or down. Raises NetlinkFailed."""
        refused = await _ip_batch([f"link set dev {name} {'up' if up else 'down'}"])
        if refused:
            raise NetlinkFailed("; ".join(refused))


class NetlinkMonitor:
    """Hears of link and route changes. `on_overrun` means events were lost: look at everything again."""

    def __init__(self, on_event: Callable[[LinkChanged | RouteChanged], None], on_overrun: Callable[[], None]) -> None:
        self._on_event = on_event
        self._on_overrun = on_overrun
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
        self._socket.setblocking(False)
        self._socket.bind((0, RTMGRP_LINK | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE))

    def start(self) -> None:
        asyncio.get_running_loop().add_reader(self._socket, self._read)

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()

    def _read(self) -> None:
        while True:
            try:
                data = self._socket.recv(1 << 16)
            except BlockingIOError:
                return
            except OSError:  # ENOBUFS: the kernel dropped events
                self._on_overrun()
                return
            for event in decode(data):
                self._on_event(event)


def _tool(step: Step) -> str:
    """What carries it out. A rule without a source has no family of its own, and a batch has one for all its lines."""
    if step.verb == "forwarding":
        return "proc"
    if step.verb == "route_replace":
        return "routes"
    return "ip -6" if step.rule is not None and step.rule.family == "ipv6" else "ip"


def _set_forwarding(value: str) -> list[str]:
    """Refusals."""
    try:
        for path in _FORWARDING:
            if path.exists():
                path.write_text(f"{value}\n")
    except OSError as error:
        return [f"forwarding {value}: {error}"]
    return []


def _line(step: Step) -> str:
    if step.rule is not None:
        verb = "add" if step.verb == "rule_add" else "del"
        source = step.rule.source or "all"
        return (
            f"rule {verb} priority {step.rule.priority} from {source}"
            f" lookup {step.rule.table_id} protocol {ROUTE_PROTOCOL}"
        )
    if step.route is not None:
        return _route_line("del", step.route)
    if step.verb == "mtu":
        return f"link set dev {step.link} mtu {step.value}"
    if step.verb in {"link_up", "link_down"}:
        return f"link set dev {step.link} {step.verb.removeprefix('link_')}"
    verb = "replace" if step.verb == "address_add" else "del"
    nodad = " nodad" if verb == "replace" and ":" in (step.value or "") else ""
    return f"addr {verb} {step.value} dev {step.link}{nodad}"


async def _set_routes(routes: list[KernelRoute]) -> list[str]:
    """Add each; one of ours that has its place is replaced in one step, anybody else's stays. Refusals.

    `replace` alone would not ask whose route it overwrites. What is new, as every override is, costs one process.
    """
    lines = [_route_line("add", route) for route in routes]
    refused = await _try_lines(lines)
    taken = [routes[n] for n, reason in refused.items() if _TAKEN in reason and n < len(routes)]
    if not taken:
        return _told(lines, refused)
    others = {n: reason for n, reason in refused.items() if _TAKEN not in reason}
    foreign = await _foreign_protocols(taken)
    said = _told(lines, others) + [_in_the_way(route, foreign[route]) for route in taken if route in foreign]
    ours = [_route_line("replace", route) for route in taken if route not in foreign]
    return said + (await _ip_batch(ours) if ours else [])


async def _foreign_protocols(routes: list[KernelRoute]) -> dict[KernelRoute, int]:
    """Those whose place in the kernel a route of another protocol has, with that protocol."""
    found: dict[KernelRoute, int] = {}
    for version, family in ((4, "-4"), (6, "-6")):
        asked = [route for route in routes if (":" in route.prefix) == (version == 6)]
        if not asked:
            continue
        questions = [f"route show table {route.table_id} exact {route.prefix}" for route in asked]
        for route, present in zip(asked, await _ip_batch_json(*questions, family=family), strict=True):
            there = {int(one.get("protocol", _BOOT)) for one in present if _route(one, version).metric == route.metric}
            if there - {ROUTE_PROTOCOL}:
                found[route] = min(there - {ROUTE_PROTOCOL})
    return found


def _in_the_way(route: KernelRoute, protocol: int) -> str:
    name = f" ({_PROTOCOLS[protocol]})" if protocol in _PROTOCOLS else ""
    place = f"{route.prefix} table {route.table_id} metric {route.metric}"
    return f"route {place} cannot be set: a route of protocol {protocol}{name} has that place and stays"


def _route_line(verb: str, route: KernelRoute) -> str:
    kind = "" if route.device else "unreachable "
    way = (f" via {route.via}" if route.via else "") + (f" dev {route.device}" if route.device else "")
    metric = f" metric {route.metric}" if route.metric else ""
    return f"route {verb} {kind}{route.prefix}{way} table {route.table_id} proto {ROUTE_PROTOCOL}{metric}"


def _link(link: dict[str, Any]) -> KernelLink:
    flags = link.get("flags", [])
    addresses = frozenset(
        f"{a['local']}/{a['prefixlen']}" for a in link.get("addr_info", []) if a.get("scope") != _SCOPE_LINK
    )
    return KernelLink(
        name=link["ifname"],
        admin_up="UP" in flags,
        carrier="LOWER_UP" in flags and "NO-CARRIER" not in flags,
        mtu=link.get("mtu", 0),
        addresses=addresses,
    )


def _route(route: dict[str, Any], version: int) -> KernelRoute:
    destination = route["dst"]
    if destination == "default":
        destination = "0.0.0.0/0" if version == 4 else "::/0"
    elif "/" not in destination:
        destination += "/32" if version == 4 else "/128"
    unreachable = route.get("type") == _UNREACHABLE
    return KernelRoute(
        prefix=destination,
        table_id=int(route.get("table", MAIN_TABLE)),
        metric=int(route.get("metric", 0)),
        device=None if unreachable else route.get("dev"),
        via=route.get("gateway"),
    )


def _alive(route: dict[str, Any]) -> bool:
    return not {"dead", "linkdown"} & set(route.get("flags", []))


def _ours(rule: dict[str, Any]) -> bool:
    return str(rule.get("protocol", "")) == str(ROUTE_PROTOCOL)


def _rule(rule: dict[str, Any], family: Any) -> KernelRule:
    source = rule.get("src", "all")
    length = rule.get("srclen")  # left out for a single host
    text = None if source == "all" else f"{source}/{length}" if length is not None else source
    return KernelRule(priority=int(rule["priority"]), table_id=int(rule["table"]), source=text, family=family)


def _questions(everything: str) -> tuple[str, ...]:
    """`everything` keeps the family: of all tables iproute2 shows both (`dump_family` in ip/iproute.c)."""
    return (
        f"route show table all root {everything} proto {ROUTE_PROTOCOL}",
        f"route show table {MAIN_TABLE} proto {BIRD_PROTOCOL}",
        "rule show",
    )


async def _ip_batch_json(*questions: str, family: str = "") -> list[list[dict[str, Any]]]:
    """One list of entries for each question, in their order. Without a family addresses are of both."""
    # -N: numbers instead of the names that somebody may have given to tables and protocols in /etc/iproute2.
    options = ["-N", family] if family else ["-N"]
    finished = await run_command("ip", *options, "-json", "-batch", "-", text="\n".join(questions) + "\n")
    if finished.returncode:
        raise NetlinkFailed(" ".join(finished.errors.split()) or f"ip ended with {finished.returncode}")
    text = finished.output
    decoder, answers = json.JSONDecoder(), []
    while text := text.lstrip():
        entries, end = decoder.raw_decode(text)
        answers.append([entry for entry in entries if entry])
        text = text[end:]
    if len(answers) != len(questions):
        raise NetlinkFailed(f"ip answered {len(answers)} of {len(questions)} questions")
    return answers


async def _ip_batch(lines: list[str], *options: str) -> list[str]:
    """Try every line; for each that was refused, the line and the kernel's reason."""
    return _told(lines, await _try_lines(lines, *options))


def _told(lines: list[str], refused: dict[int, str]) -> list[str]:
    return [f"{lines[n]}: {reason}" if n < len(lines) else reason for n, reason in refused.items()]


async def _try_lines(lines: list[str], *options: str) -> dict[int, str]:
    """Try every line; the kernel's reason by the number of each refused one, or by one more if ip itself failed."""
    finished = await run_command("ip", *options, "-force", "-batch", "-", text="\n".join(lines) + "\n")
    if not finished.returncode:
        return {}
    refused: dict[int, str] = {}
    reasons: list[str] = []
    for said in finished.errors.splitlines():
        failed = _FAILED_LINE.fullmatch(said)
        if failed is None:
            reasons.append(said.strip())
        else:
            refused[int(failed[1]) - 1] = " ".join(reasons)
            reasons = []
    return refused or {len(lines): " ".join(reasons) or f"ip ended with {finished.returncode}"}
