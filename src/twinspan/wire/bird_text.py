"""What BIRD says: replies of its control socket, and the lines of its log, as typed values.

In: bytes of the control socket or of the log file, as they come. Out: `Reply`s, protocol and BFD states, and `Event`s
with BIRD's own time stamps. Sans-I/O: `drivers.bird` feeds it. Next: `model.device_report`, whose words these become.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import msgspec

from twinspan.model.device_report import BfdStatus, Event
from twinspan.wire.bird_names import peer_name

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LONGEST_LINE = 65536
_STATES = {"Down": "Idle", "Close": "Idle", "Passive": "Active"}
"""BIRD's additions to the states of RFC 4271 8.2.2, as the RFC's nearest."""

# ------------------------------------------------------------------------------------------------------ control socket


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """One whole answer to one command."""

    code: int
    """The code of the last line: 0xxx done, 8xxx refused, 9xxx not understood."""
    lines: tuple[str, ...]

    @property
    def failed(self) -> bool:
        """Whether BIRD refused the command."""
        return self.code >= 8000

    @property
    def text(self) -> str:
        return "\n".join(self.lines).strip()


class ReplyReader:
    """Cuts the control socket's bytes into replies.

    A line begins with a four digit code, then `-` if more lines follow and a space if it is the last; a line that
    begins with a space continues under the code before it.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._lines: list[str] = []

    def feed(self, data: bytes) -> list[Reply]:
        """Replies that `data` completes."""
        *whole, self._rest = (self._rest + data).split(b"\n")
        replies = []
        for raw in whole:
            line = raw.decode(errors="replace")
            coded = line[:4].isdigit() and line[4:5] in ("-", " ")
            self._lines.append(line[5:] if coded else line[1:])
            if coded and line[4] == " ":
                replies.append(Reply(code=int(line[:4]), lines=tuple(self._lines)))
                self._lines = []
        return replies


class ProtocolState(msgspec.Struct, frozen=True, kw_only=True):
    """One protocol of `show protocols all`."""

    name: str
    state: str
    """BIRD's own state of the protocol: up, start, down (disabled), stop, flush."""
    since: str
    """Local time of the daemon, which runs in UTC."""
    bgp_state: str = ""
    """RFC 4271 name; empty for protocols that are not BGP."""
    last_error: str = ""
    imported: int = 0
    exported: int = 0
    received: int = 0
    """Updates and withdrawals that the peer sent since the session began."""
    sent: int = 0
    over_limit: bool = False
    """The import limit was reached since the session began or was reloaded."""

    @property
    def disabled(self) -> bool:
        """Switched off, or about to be."""
        return self.state not in ("up", "start")


def parse_protocols(reply: Reply) -> dict[str, ProtocolState]:
    """Protocols by name, of `show protocols all` (or without `all`, then without the details)."""
    found: dict[str, ProtocolState] = {}
    name = ""
    for line in reply.lines:
        words = line.split()
        if line[:1] not in ("", " ") and len(words) >= 5 and words[0] != "Name":
            name = words[0]
            found[name] = ProtocolState(name=name, state=words[3], since=words[4])
        elif name and words:
            found[name] = _detail(found[name], line.strip())
    return found


def _detail(protocol: ProtocolState, line: str) -> ProtocolState:
    key, _, value = line.partition(":")
    value = value.strip()
    if key == "BGP state":
        return msgspec.structs.replace(protocol, bgp_state=_STATES.get(value, value))
    if key == "Last error":
        return msgspec.structs.replace(protocol, last_error=value)
    if key == "Import limit" and value.endswith("[HIT]"):
        return msgspec.structs.replace(protocol, over_limit=True)
    if key.startswith(("Import ", "Export ")) and key.endswith((" updates", " withdraws")):
        return _counted(protocol, key, value.split())
    if key == "Routes":
        counts = {kind: int(count) for count, kind in re.findall(r"(\d+) (imported|exported)", value)}
        return msgspec.structs.replace(protocol, imported=counts.get("imported", 0), exported=counts.get("exported", 0))
    return protocol


def _counted(protocol: ProtocolState, key: str, counts: list[str]) -> ProtocolState:
    """Of the five columns the first is what came and the last what passed."""
    if not counts or not counts[0].isdigit() or not counts[-1].isdigit():
        return protocol
    if key.startswith("Import"):
        return msgspec.structs.replace(protocol, received=protocol.received + int(counts[0]))
    return msgspec.structs.replace(protocol, sent=protocol.sent + int(counts[-1]))


_SECONDS = re.compile(r"[0-9]+(\.[0-9]+)?", re.ASCII)


def parse_bfd_sessions(reply: Reply) -> list[BfdStatus]:
    """Sessions of `show bfd sessions`; BIRD prints seconds. While BFD comes or goes it answers with a sentence."""
    sessions = []
    for line in reply.lines:
        words = line.split()
        if len(words) >= 6 and all(_SECONDS.fullmatch(word) for word in words[-2:]):
            interval_s, detect_s = float(words[-2]), float(words[-1])
            sessions.append(
                BfdStatus(
                    peer_address=words[0],
                    state=words[2],
                    interval_ms=round(interval_s * 1000, 3),
                    detect_ms=round(detect_s * 1000, 3),
                )
            )
    return sessions


def parse_route_count(reply: Reply) -> int:
    """The first number of `show route ... count`: routes that pass the condition, over all tables asked."""
    return sum(int(m[1]) for line in reply.lines if (m := re.match(r"\s*(\d+) of \d+ routes", line)))


class TableRoute(msgspec.Struct, frozen=True, kw_only=True):
    """One route of a BIRD table."""

    table: str
    prefix: str
    protocol: str
    """The protocol that brought it into BIRD."""
    best: bool
    via: str | None = None
    device: str | None = None


def parse_routes(reply: Reply) -> list[TableRoute]:
    """Routes of `show route`; a prefix that has several is named in its first line only."""
    routes: list[TableRoute] = []
    table = prefix = ""
    for line in reply.lines:
        if match := re.fullmatch(r"Table (\S+):", line):
            table = match[1]
        elif match := re.match(r"(\S*)\s+(?:unicast|unreachable|blackhole|prohibit) \[(\S+) [^\]]*\]( \*)?", line):
            prefix = match[1] or prefix
            routes.append(TableRoute(table=table, prefix=prefix, protocol=match[2], best=bool(match[3])))
        elif routes and (match := re.match(r"\s+(?:via (\S+) on|dev) (\S+)", line)):
            routes[-1] = msgspec.structs.replace(routes[-1], via=match[1], device=match[2])
    return routes


# ----------------------------------------------------------------------------------------------------------------- log

_LINE = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}) <(\w+)> (\w+): (.*)")
_BFD = re.compile(r"Session to (\S+) changed state from (\w+) to (\w+)")
_QUOTA = re.compile(r"Protocol peer_(\w+) hits route import limit \((\d+)\)")
_NO_REASON = ("State changed to ", "Keepalive", "Sending ", "Got ")


class LogReader:
    """Cuts the bytes of BIRD's log into the events that matter: BFD up and down, BGP up and down with the reason.

    It keeps the last line of each session, for BIRD logs the reason ("BFD session down", "Received: Cease") in the
    line before "BGP session closed".
    """

    def __init__(self, node: str) -> None:
        self._node = node
        self._rest = b""
        self._reason: dict[str, str] = {}

    def feed(self, data: bytes) -> list[Event]:
        """Events of the lines that `data` completes."""
        *whole, self._rest = (self._rest + data).split(b"\n")
        self._rest = self._rest[-_LONGEST_LINE:]
        events = (self._line(line.decode(errors="replace")) for line in whole)
        return [event for event in events if event is not None]

    def reset(self) -> None:
        """A new log file begins: what was left of a line of the old one counts no more."""
        self._rest = b""

    def _line(self, line: str) -> Event | None:
        if quota := _QUOTA.search(line):
            return self._event(line[:26], "bgp", "BGP quota reached", f"{quota[1]}: {quota[2]} routes")
        match = _LINE.match(line)
        if match is None:
            return None
        at, _, protocol, text = match.groups()
        if bfd := _BFD.match(text):
            return self._bfd(at, *bfd.groups())
        peer = peer_name(protocol)
        return self._session(at, protocol, peer, text) if peer is not None else None

    def _bfd(self, at: str, address: str, before: str, after: str) -> Event | None:
        if "Up" not in (before, after):
            return None
        return self._event(at, "bfd", "BFD up" if after == "Up" else "BFD down", address)

    def _session(self, at: str, protocol: str, peer: str, text: str) -> Event | None:
        if text == "BGP session established":
            return self._event(at, "bgp", "BGP established", peer)
        if text == "BGP session closed":
            reason = self._reason.pop(protocol, "")
            return self._event(at, "bgp", "BGP down", f"{peer}: {reason}" if reason else peer)
        if not text.startswith(_NO_REASON):
            self._reason[protocol] = text
        return None

    def _event(self, at: str, source: str, what: str, detail: str) -> Event | None:
        try:
            moment = datetime.fromisoformat(at).replace(tzinfo=UTC)
        except ValueError:
            return None
        at_ns = (moment - _EPOCH) // timedelta(microseconds=1) * 1000
        return Event(at_ns=at_ns, node=self._node, source="bfd" if source == "bfd" else "bgp", what=what, detail=detail)
