"""Signs of life of an established connection, at both ends: keepalives, pings, and when a path counts as dead.

In: the time, and that something was heard. Out: what to send now, and when to look again. Keepalives and pings are
sent on a fixed beat from the start: an answer that comes in never moves the next one, or a NAT entry would be left
alone for twice the interval. Next: `agent.cloud`, `server.hub`.
"""

from __future__ import annotations

from typing import Literal

KEEPALIVES_LOST = 3
"""Seed 000: no response within three keepalive intervals."""
NS_PER_S = 1_000_000_000

Due = Literal["keepalive", "ping", "dead"]


class DeviceLiveness:
    """The device's end. Any frame that comes in is a sign of life."""

    def __init__(self, keepalive_s: float, ping_s: float, dead_after_s: float | None, now_ns: int) -> None:
        self._keepalive_ns = int(keepalive_s * NS_PER_S)
        self.dead_ns = int(KEEPALIVES_LOST * keepalive_s * NS_PER_S)
        """After so long a silence the path is dead."""
        if dead_after_s is not None:
            self.dead_ns = min(self.dead_ns, int(dead_after_s * NS_PER_S))
        # A path that shall be found dead within `dead_after_s` must be asked three times within it.
        self._ping_ns = min(int(ping_s * NS_PER_S), self.dead_ns // KEEPALIVES_LOST)
        self._next_keepalive_ns = now_ns + self._keepalive_ns
        self._next_ping_ns = now_ns + self._ping_ns
        self._heard_ns = now_ns
        self.sequence = 0

    def heard(self, now_ns: int) -> None:
        """A frame came in."""
        self._heard_ns = now_ns

    def due(self, now_ns: int) -> tuple[Due, ...]:
        """What has to happen now; `dead` alone once the path is dead."""
        if now_ns - self._heard_ns >= self.dead_ns:
            return ("dead",)
        found: list[Due] = []
        if now_ns >= self._next_keepalive_ns:
            self._next_keepalive_ns = _next_beat(self._next_keepalive_ns, self._keepalive_ns, now_ns)
            self.sequence += 1
            found.append("keepalive")
        if now_ns >= self._next_ping_ns:
            self._next_ping_ns = _next_beat(self._next_ping_ns, self._ping_ns, now_ns)
            found.append("ping")
        return tuple(found)

    def next_ns(self) -> int:
        """When `due` has something to say at the latest."""
        return min(self._next_keepalive_ns, self._next_ping_ns, self._heard_ns + self.dead_ns)


def silence_limit_s(keepalive_s: float, ping_s: float, dead_after_s: float | None) -> float:
    """How long a server waits for a device that keeps these timers before the connection counts as dead.

    The device pings on a fixed beat, so three missed pings are enough; never less than a second, for a slow path.
    """
    beat_s = min(keepalive_s, ping_s)
    if dead_after_s is not None:
        beat_s = min(beat_s, dead_after_s / KEEPALIVES_LOST)
    return max(1.0, KEEPALIVES_LOST * beat_s)


def _next_beat(beat_ns: int, interval_ns: int, now_ns: int) -> int:
    """The first beat after now: after a pause of the process missed beats are not made up for."""
    return beat_ns + ((now_ns - beat_ns) // interval_ns + 1) * interval_ns
