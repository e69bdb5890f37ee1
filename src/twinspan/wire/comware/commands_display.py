"""What is shown of the device's state, and the two probes by hand: `display …`, `ping`, `tracert`.

In: nothing. Out: `COMMANDS`. All of them are effects: the shell answers with text. Next: `commands_interface.py`.
"""

from __future__ import annotations

from typing import Any

from twinspan.wire.comware.command import ANY, Command
from twinspan.wire.comware.effects import Display, Ping, Tracert
from twinspan.wire.comware.matching import Match


def _display(said: Match[Any]) -> Display:
    return Display(topic=" ".join(said.keywords[1:]), args=dict(said.args))


def _show(pattern: str, help_: dict[str, str] | None = None) -> Command:
    return Command(view=ANY, pattern=f"display {pattern}", run=_display, piped=True, help=help_ or {})


def _ping(said: Match[Any]) -> Ping:
    args = said.args
    return Ping(
        destination=args["host"],
        source=args.get("source"),
        interface=args.get("interface"),
        count=int(args.get("count", 5)),
        size=int(args.get("size", 56)),
        interval_ms=int(args.get("interval", 200)),
        timeout_ms=int(args.get("timeout", 2000)),
        dont_fragment="-f" in said.keywords,
        ipv6="ipv6" in said.keywords,
    )


def _tracert(said: Match[Any]) -> Tracert:
    args = said.args
    return Tracert(
        destination=args["host"],
        source=args.get("source"),
        first_ttl=int(args.get("first", 1)),
        max_ttl=int(args.get("most", 30)),
        queries=int(args.get("queries", 3)),
        timeout_ms=int(args.get("timeout", 5000)),
        ipv6="ipv6" in said.keywords,
    )


_PING = (
    "[ -c <count:int:1-4294967295> ] [ -s <size:int:20-8100> ] [ -m <interval:int:1-65535> ] "
    "[ -t <timeout:int:0-65535> ] [ -i <interface:interface> ] [ -f ]"
)
_TRACERT = "[ -f <first:int:1-255> ] [ -m <most:int:1-255> ] [ -q <queries:int:1-65535> ] [ -w <timeout:int:1-65535> ]"
_PING_HELP = {
    "-a": "Source address",
    "-c": "Number of echo requests, 5 by default",
    "-f": "Do not fragment",
    "-i": "Interface to leave by",
    "-m": "Milliseconds between two requests, 200 by default",
    "-s": "Bytes of payload, 56 by default",
    "-t": "Milliseconds to wait for an answer, 2000 by default",
    "host": "Address or name",
}
_TRACERT_HELP = {
    "-a": "Source address",
    "-f": "First TTL, 1 by default",
    "-m": "Last TTL, 30 by default",
    "-q": "Probes per hop, 3 by default",
    "-w": "Milliseconds to wait for an answer, 5000 by default",
    "host": "Address or name",
}

COMMANDS = (
    _show("interface [ <interface:interface> ] [ brief ]"),
    _show("ip interface [ <interface:interface> ] [ brief ]"),
    _show("ip routing-table"),
    _show("ipv6 routing-table"),
    _show("bgp peer ipv4 [ unicast ]"),
    _show("bgp peer ipv6 [ unicast ]"),
    _show("bfd session"),
    _show("ike sa"),
    _show("ikev2 sa"),
    _show("ipsec sa"),
    _show("arp"),
    _show("clock"),
    _show("version"),
    _show("device manuinfo"),
    Command(
        view=ANY,
        pattern=f"ping [ ip ] [ -a <source:ipv4> ] {_PING} <host:str:1-253>",
        run=_ping,
        help=_PING_HELP,
    ),
    Command(
        view=ANY,
        pattern=f"ping ipv6 [ -a <source:ipv6> ] {_PING} <host:str:1-253>",
        run=_ping,
        help=_PING_HELP,
    ),
    Command(
        view=ANY,
        pattern=f"tracert [ -a <source:ipv4> ] {_TRACERT} <host:str:1-253>",
        run=_tracert,
        help=_TRACERT_HELP,
    ),
    Command(
        view=ANY,
        pattern=f"tracert ipv6 [ -a <source:ipv6> ] {_TRACERT} <host:str:1-253>",
        run=_tracert,
        help=_TRACERT_HELP,
    ),
)
