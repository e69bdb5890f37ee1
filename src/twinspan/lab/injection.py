"""Carries a fault out: prepare, fire, heal; and keeps the lab's state honest about what is broken.

In: a `Lab`, a fault's name, `FaultOptions`. Out: the exact moment it began and ended, and a lab that heals by itself
even if this process is killed in between. Next: `drill.py` measures what it does to users.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import msgspec

from twinspan.lab import process
from twinspan.lab.effect import Effect, heal_all, trigger_all
from twinspan.lab.faults import find_fault
from twinspan.lab.lab import Lab
from twinspan.lab.netlink import Moment
from twinspan.lab.state import ActiveFault, FaultOptions, LabState, update_state
from twinspan.lab.status import active_faults
from twinspan.model.errors import Rejected, TwinspanError

MAX_EXPIRES_S = 3600.0


class Injection:
    """One fault, ready to be fired. Everything slow is done when this value exists."""

    def __init__(self, lab: Lab, name: str, options: FaultOptions = FaultOptions()) -> None:  # noqa: B008  frozen
        _check(lab, name, options)
        self.lab = lab
        self.fault = find_fault(name)
        self.options = options
        self.effects: Sequence[Effect] = self.fault.effects(lab, options)
        self.moment: Moment | None = None
        mend(lab, name)  # what an earlier one of this name has left behind
        self._record(())
        healers: list[process.ProcessId] = []
        try:
            for effect in self.effects:
                healers += effect.prepare(options.expires_s, lab.state.mark)
                self._record(healers)
        except TwinspanError:
            self._forget()
            raise

    def fire(self) -> Moment:
        """Hurts, now; returns when exactly."""
        try:
            self.moment = trigger_all(self.effects, self.options.expires_s)
        except TwinspanError:
            self.heal()
            raise
        if self.fault.lasts:
            self._record(self._healers(), at_ns=self.moment.before_ns)
        else:
            self._forget()
        return self.moment

    def heal(self) -> Moment:
        """Undoes it; returns when exactly. Harmless if it has healed by itself."""
        _end_healers(self._healers())
        moment = heal_all(self.effects)
        self._forget()
        return moment

    def _healers(self) -> tuple[process.ProcessId, ...]:
        found = [fault.healers for fault in self.lab.fresh().state.faults if fault.name == self.fault.name]
        return found[0] if found else ()

    def _record(self, healers: Sequence[process.ProcessId], at_ns: int | None = None) -> None:
        now = time.time_ns() if at_ns is None else at_ns
        entry = ActiveFault(
            name=self.fault.name,
            options=self.options,
            injected_ns=now,
            expires_ns=now + int(self.options.expires_s * 1e9),
            healers=tuple(healers),
        )
        update_state(self.lab.paths, lambda state: _with(state, self.fault.name, entry))

    def _forget(self) -> None:
        update_state(self.lab.paths, lambda state: _with(state, self.fault.name, None))


def mend(lab: Lab, name: str) -> Moment | None:
    """Undoes a fault that is listed in the lab's state, also one whose time is over; None if it is not listed."""
    listed = next((fault for fault in lab.fresh().state.faults if fault.name == name), None)
    if listed is None:
        return None
    _end_healers(listed.healers)
    moment = heal_all(find_fault(name).effects(lab, listed.options))
    update_state(lab.paths, lambda state: _with(state, name, None))
    return moment


def mend_listed(lab: Lab, name: str | None = None) -> tuple[str, ...]:
    """Undoes the fault of that name, or all that are listed; the names of those that had not healed by themselves."""
    if name is not None:
        find_fault(name)
    fresh = lab.fresh()
    broken = {fault.name for fault in active_faults(fresh)}
    names = [fault.name for fault in fresh.state.faults if name in (None, fault.name)]
    return tuple(one for one in names if mend(lab, one) and one in broken)


def _check(lab: Lab, name: str, options: FaultOptions) -> None:
    if not 0 < options.expires_s <= MAX_EXPIRES_S:
        raise Rejected(
            f"a fault of {options.expires_s:g} s is not possible", remedy=f"use more than 0 and up to {MAX_EXPIRES_S:g}"
        )
    if name == "flap" and options.times * options.period_s > options.expires_s:
        raise Rejected(
            f"{options.times} flaps of {options.period_s:g} s do not fit into {options.expires_s:g} s",
            remedy="give it longer (--for), fewer --times or a shorter --period",
        )
    if any(fault.name == name for fault in active_faults(lab.fresh())):
        raise Rejected(f"{name} is broken already", remedy=f"mend it first: twinspan lab mend {name}")


def _with(state: LabState, name: str, entry: ActiveFault | None) -> LabState:
    others = tuple(fault for fault in state.faults if fault.name != name)
    return msgspec.structs.replace(state, faults=(*others, entry) if entry else others)


def _end_healers(healers: Sequence[process.ProcessId]) -> None:
    for healer in healers:
        process.end_session(healer)
