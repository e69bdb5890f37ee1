"""Tracert as this family of devices prints it.

In: `Tracert`, the address, hops. Out: lines for the user. Next: whoever typed the command.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from twinspan.wire.comware.effects import Tracert


class AnswerLike(Protocol):
    """What came back for one packet."""

    @property
    def address(self) -> str:
        """Who answered."""

    @property
    def rtt_ms(self) -> float:
        """How long it took."""

    @property
    def mark(self) -> str:
        """Why the path ends there."""


class HopLike(Protocol):
    """All packets of one TTL."""

    @property
    def ttl(self) -> int:
        """Of these packets."""

    @property
    def answers(self) -> Sequence[AnswerLike | None]:
        """None: nobody answered."""


def tracert_head(tracert: Tracert, address: str) -> str:
    """The first line."""
    name, size = ("traceroute6", 60) if tracert.ipv6 else ("traceroute", 40)
    return (
        f"{name} to {tracert.destination} ({address}), {tracert.max_ttl} hops at most, "
        f"{size} bytes each packet, press CTRL+C to break\n"
    )


def tracert_line(hop: HopLike) -> str:
    """One line: who answered, how fast; an asterisk for each packet that nobody answered."""
    words, before = [], ""
    for answer in hop.answers:
        if answer is None:
            words.append("*")
            continue
        if answer.address != before:
            words.append(f"{answer.address} ({answer.address}) ")
            before = answer.address
        words.append(f"{answer.rtt_ms:.3f} ms{f' {answer.mark}' if answer.mark else ''}")
    return f"{hop.ttl:2d}  {' '.join(words)}\n"
