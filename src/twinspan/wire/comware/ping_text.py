"""Ping as this family of devices prints it, from what iputils' `ping` says (iputils 20221126).

In: `Ping`, lines of the program. Out: its arguments; lines for the user. Sequence numbers begin with 0 here. Next:
whoever typed the command.
"""

from __future__ import annotations

import re

from twinspan.wire.comware.effects import Ping

_HEAD = re.compile(r"PING (\S+?) ?\((\S+?)\)")
_REPLY = re.compile(r"\d+ bytes from (.+?): icmp_seq=(\d+) ttl=(\d+) time=([\d.]+) ms")
_NO_ANSWER = re.compile(r"no answer yet for icmp_seq=(\d+)")
_ERROR = re.compile(r"From (\S+?):? icmp_seq=(\d+) (.+)")
_TOTAL = re.compile(
    r"(\d+) packets transmitted, (\d+) received,(?: \+\d+ (?:errors|duplicates),)* ([\d.]+)% packet loss"
)
_ROUND_TRIP = re.compile(r"rtt min/avg/max/mdev = (\S+) ms")
_LOCAL = re.compile(r"ping: (?:local error: )?(.+)")


def ping_argv(ping: Ping, link: str | None) -> tuple[str, ...]:
    """The program's arguments. `link`: Linux name of the interface to leave by."""
    words = ["ping", "-n", "-O", "-6" if ping.ipv6 else "-4", "-c", str(ping.count), "-s", str(ping.size)]
    words += ["-i", f"{ping.interval_ms / 1000:g}", "-W", f"{max(1, ping.timeout_ms) / 1000:g}"]
    for source in (link, ping.source):
        words += ["-I", source] if source else []
    words += ["-M", "do"] if ping.dont_fragment else []
    return (*words, "--", ping.destination)


class PingText:
    """Lines of one ping."""

    def __init__(self, ping: Ping) -> None:
        self._ping = ping
        self._seen: set[int] = set()
        self._statistics_of = ping.destination

    def line(self, line: str) -> str:
        """What to show for a line of the program; empty: nothing."""
        if match := _REPLY.match(line):
            self._note(match[2])
            who, sequence = match[1], int(match[2]) - 1
            return f"{self._ping.size} bytes from {who}: icmp_seq={sequence} ttl={match[3]} time={match[4]} ms\n"
        if match := _NO_ANSWER.match(line):
            self._note(match[1])
            return "Request time out\n"
        if match := _ERROR.match(line):
            self._note(match[2])
            return f"From {match[1]}: icmp_seq={int(match[2]) - 1} {match[3]}\n"
        if match := _HEAD.match(line):
            self._statistics_of = match[1]
            return f"Ping {match[1]} ({match[2]}): {self._ping.size} data bytes, press CTRL+C to break\n"
        return self._end(line)

    def _end(self, line: str) -> str:
        if match := _TOTAL.match(line):
            sent, received, loss = int(match[1]), match[2], float(match[3])
            return (
                "Request time out\n" * min(max(0, sent - len(self._seen)), 1000)
                + f"\n--- Ping statistics for {self._statistics_of} ---\n"
                + f"{sent} packet(s) transmitted, {received} packet(s) received, {loss:.1f}% packet loss\n"
            )
        if match := _ROUND_TRIP.match(line):
            return f"round-trip min/avg/max/std-dev = {match[1]} ms\n"
        if match := _LOCAL.match(line):
            return f" % {match[1]}\n"
        return ""

    def _note(self, sequence: str) -> None:
        """Bounded: the program numbers modulo 65536."""
        self._seen.add(int(sequence))
