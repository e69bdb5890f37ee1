"""Who owns a serial: the one session whose messages count, and what happens when another one wants to be it.

In: what is known of the serial (`Ownership`), the newcomer's boot-id, whether its predecessor answered, the time. Out:
a decision with its reason, and the new `Ownership`. The newcomer has already proved the serial. Next: `server`
registers, closes and raises the alarm.

Each grant is an epoch, one more than the last, and a message or a close counts only with the current one: the late end
of an old socket cannot touch its successor. `server.store` keeps to that in the statement that writes, since several
workers do; `tests/property/test_epoch.py` plays both together. The same boot-id is the same device returning and gets
through at once, since its old path may be half-open. Another boot-id is a restart or a clone, so the predecessor is
asked first: if it lives it stays, whoever came second, and people are told.

Clones of one device push each other out in turn, which shows as a boot-id that comes back after another had its place.
A device that restarts again and again never returns to an old boot-id, so restarts alone do not quarantine it.
"""

from __future__ import annotations

from typing import Literal

import msgspec

NS_PER_S = 1_000_000_000
PROBE_S = 5
"""So long a predecessor has to show that it lives."""
SWAPS_ALLOWED, SWAP_WINDOW_S = 3, 600
"""More changes between boot-ids within the window, with one coming back, are a quarrel of clones."""
SWAPS_KEPT = 32
"""A device that restarts every second must not make a long history."""
QUARANTINE_S = 600
"""As long as the window: when it is over, no swap from before it counts, and a quarrel that goes on is caught again
after three more. Somebody can end it earlier."""
DUPLICATE_RETRY_S = 60.0


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """The holder of the last epoch."""

    epoch: int
    boot_id: str
    live: bool
    """It has the serial: it is connected, or has its URL and has not come yet. False: its connection has ended."""


class Swap(msgspec.Struct, frozen=True, kw_only=True):
    """A change from one boot-id to another."""

    at_ns: int
    boot_id: str
    """Of the one that was replaced."""


class Ownership(msgspec.Struct, frozen=True, kw_only=True):
    """All that is remembered of a serial; a fresh value is one that nobody has ever presented."""

    epoch: int = 0
    """The last one granted; it never falls."""
    session: Session | None = None
    swaps: tuple[Swap, ...] = ()
    """Oldest first, within the window."""
    quarantined_until_ns: int | None = None

    @property
    def live_epoch(self) -> int | None:
        """The one epoch that counts now; None while nobody holds the serial."""
        return self.session.epoch if self.session is not None and self.session.live else None


class ProbeResult(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the session of that epoch answered in time."""

    epoch: int
    alive: bool


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """The newcomer is the owner from now on."""

    epoch: int
    replaces: int | None
    """Epoch that is over now: its connection, if it has one, is closed as superseded. None: none was live."""
    reason: Literal["first", "same_boot", "predecessor_closed", "predecessor_dead"]


class ProbeFirst(msgspec.Struct, frozen=True, kw_only=True):
    """Ask the session of `epoch` for a sign of life, then decide again with the result."""

    epoch: int
    deadline_ns: int
    reason: Literal["other_boot"] = "other_boot"


class Refuse(msgspec.Struct, frozen=True, kw_only=True):
    """The newcomer does not get in."""

    reason: Literal["duplicate", "quarantined"]
    detail: str
    retry_after_s: float
    alarm: bool
    """People must know: two devices show one serial."""


class Quarantine(msgspec.Struct, frozen=True, kw_only=True):
    """Nobody gets in with this serial, and whoever is in is closed; it is always an alarm."""

    until_ns: int
    boot_ids: tuple[str, ...]
    """The quarrelling ones."""
    closes: int | None
    """Epoch whose connection is to be closed; None: there is none."""
    detail: str
    retry_after_s: float
    reason: Literal["quarantined"] = "quarantined"


Decision = Grant | ProbeFirst | Refuse | Quarantine


def decide_owner(owner: Ownership, boot_id: str, probe: ProbeResult | None, now_ns: int) -> tuple[Decision, Ownership]:
    """Whether the newcomer gets the serial. `probe` None: the predecessor was not asked yet.

    A result for another epoch than the current one is void: the predecessor was replaced while it was asked.
    """
    owner = _forget(owner, now_ns)
    if owner.quarantined_until_ns is not None:
        left_s = (owner.quarantined_until_ns - now_ns) / NS_PER_S
        detail = "several devices with this serial number have pushed each other out"
        return Refuse(reason="quarantined", detail=detail, retry_after_s=left_s, alarm=False), owner
    session = owner.session
    if session is None:
        return _grant(owner, boot_id, "first")
    if session.boot_id == boot_id:
        return _grant(owner, boot_id, "same_boot")
    if session.live:
        if probe is None or probe.epoch != session.epoch:
            return ProbeFirst(epoch=session.epoch, deadline_ns=now_ns + PROBE_S * NS_PER_S), owner
        if probe.alive:
            detail = "another device with this serial number is connected and alive"
            return Refuse(reason="duplicate", detail=detail, retry_after_s=DUPLICATE_RETRY_S, alarm=True), owner
    swaps = (*owner.swaps, Swap(at_ns=now_ns, boot_id=session.boot_id))
    if _is_quarrel(swaps, boot_id):
        return _quarantine(owner, swaps, boot_id, now_ns)
    reason: Literal["predecessor_closed", "predecessor_dead"]
    reason = "predecessor_dead" if session.live else "predecessor_closed"
    return _grant(msgspec.structs.replace(owner, swaps=swaps), boot_id, reason)


def _forget(owner: Ownership, now_ns: int) -> Ownership:
    """Without what is over. Times in the future come from a clock that was set back, and count no more either."""
    until_ns = owner.quarantined_until_ns
    if until_ns is not None and not 0 < until_ns - now_ns <= QUARANTINE_S * NS_PER_S:
        owner = msgspec.structs.replace(owner, quarantined_until_ns=None, swaps=())
    if not owner.swaps:
        return owner
    swaps = tuple(swap for swap in owner.swaps if 0 <= now_ns - swap.at_ns < SWAP_WINDOW_S * NS_PER_S)
    return msgspec.structs.replace(owner, swaps=swaps[-SWAPS_KEPT:])


def _is_quarrel(swaps: tuple[Swap, ...], newcomer: str) -> bool:
    chain = [*(swap.boot_id for swap in swaps), newcomer]
    return len(swaps) > SWAPS_ALLOWED and len(set(chain)) < len(chain)


def _grant(
    owner: Ownership,
    boot_id: str,
    reason: Literal["first", "same_boot", "predecessor_closed", "predecessor_dead"],
) -> tuple[Grant, Ownership]:
    epoch = owner.epoch + 1
    session = Session(epoch=epoch, boot_id=boot_id, live=True)
    after = msgspec.structs.replace(owner, epoch=epoch, session=session)
    return Grant(epoch=epoch, replaces=owner.live_epoch, reason=reason), after


def _quarantine(owner: Ownership, swaps: tuple[Swap, ...], newcomer: str, now_ns: int) -> tuple[Quarantine, Ownership]:
    boot_ids = tuple(dict.fromkeys((*(swap.boot_id for swap in swaps), newcomer)))
    until_ns = now_ns + QUARANTINE_S * NS_PER_S
    decision = Quarantine(
        until_ns=until_ns,
        boot_ids=boot_ids,
        closes=owner.live_epoch,
        detail=f"{len(swaps)} changes between {len(boot_ids)} devices with this serial number in {SWAP_WINDOW_S} s",
        retry_after_s=float(QUARANTINE_S),
    )
    return decision, Ownership(epoch=owner.epoch, swaps=swaps, quarantined_until_ns=until_ns)
