"""What the server decides about a config on trial, from what the device says of it.

In: a device's `Tried`, what was decided before. Out: a `TrialDecision` to be kept before the device is told, or none.
Next: `services.ConfigService`.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from twinspan.wire.cloud_connection.services import Tried

TRIAL_S = 60
"""So long a config may prove itself where nobody says otherwise."""
ATTEMPTS = 3
"""Trials of one config that has proven itself each time, and whose commitment the device did not hear in time."""

Decision = Literal["committed", "reverted", "again"]
"""`again`: it was proven, and no decision reached the device in time."""


class TrialDecision(msgspec.Struct, frozen=True, kw_only=True):
    """About the config that is wanted of a device."""

    generation: int
    digest: str
    decision: Decision
    reason: str = ""
    """Why the device is to go back, or went back."""
    attempts: int = 1
    """Trials until now."""
    at_ns: int


def decide(tried: Tried, kept: TrialDecision | None, at_ns: int) -> TrialDecision | None:
    """None: there is nothing new to decide; what was kept holds."""
    attempts = kept.attempts if kept is not None else 1
    decision: Decision
    reason = tried.detail
    if tried.state == "trying" or (kept is not None and kept.decision == "reverted"):
        return None  # a refusal is for good; a new generation begins anew
    if tried.state == "verified":
        if kept is not None and kept.decision == "committed":
            return None
        decision, reason = "committed", ""
    elif tried.state == "reverted" and tried.proven and attempts < ATTEMPTS:
        decision, attempts = "again", attempts + 1
    else:
        decision = "reverted"
    return TrialDecision(
        generation=tried.generation,
        digest=tried.digest,
        decision=decision,
        reason=reason or ("" if decision == "committed" else "it did not hold"),
        attempts=attempts,
        at_ns=at_ns,
    )
