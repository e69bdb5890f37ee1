"""The phases between created and deleted that some kinds have of their own, and which verb leads where.

In: nothing. Out: tables. Next: `lifecycle.py`, which reads them.
"""

from typing import NamedTuple

from twinspan.model.resource import CHANGING, CREATING, DELETED, DELETING, READY

NS_PER_MIN = 60 * 1_000_000_000

UNCONFIRMED, TERMINATING, TERMINATED, RECOVERING = "unconfirmed", "terminating", "terminated", "recovering"
"""Of a VBR (CreateVirtualBorderRouter, TerminateVirtualBorderRouter, RecoverVirtualBorderRouter)."""

INIT, STARTING, TESTING, STOPPING, STOPPED = "init", "starting", "testing", "stopping", "stopped"
"""Of a failover test job (CreateFailoverTestJob)."""

INITIAL, APPROVED, ALLOCATING, ALLOCATED, CONFIRMED = "initial", "approved", "allocating", "allocated", "confirmed"
REJECTED, CANCELED = "rejected", "canceled"
"""Of a circuit (CreatePhysicalConnection); enabled is `ready`."""

PASSING: dict[str, str] = {
    CREATING: READY,
    CHANGING: READY,
    DELETING: DELETED,
    TERMINATING: TERMINATED,
    RECOVERING: READY,
    STARTING: TESTING,
    TESTING: STOPPED,
    STOPPING: STOPPED,
    ALLOCATING: ALLOCATED,
}
"""Phases that end by themselves, and what comes after them."""

_SHOWN_NOWHERE = (
    "AttachmentGrant", "CenVerification", "CustomerGateway", "EndUser", "HealthCheck", "PhysicalConnection",
    "ResourceGroup", "Site",
)  # fmt: skip
"""Kinds whose answers in the seed's cloud have no status that says Pending: nobody could wait for them."""

AT_ONCE: frozenset[tuple[str, str]] = frozenset(
    {(kind, phase) for kind in _SHOWN_NOWHERE for phase in (CREATING, CHANGING, DELETING)}
    | {("VirtualBorderRouter", CREATING), ("VirtualBorderRouter", CHANGING)}
)
"""Kind and phase that is over as soon as it begins, at every edge."""


class Verb(NamedTuple):
    """Something that can be done to a kind beside create, update and delete."""

    needs: tuple[str, ...]
    """The phases in which it may begin."""
    opens: str
    """The phase that it opens."""


UNBUILT = (INITIAL, APPROVED, ALLOCATING, ALLOCATED, CONFIRMED)
"""A circuit that is not enabled yet."""

VERBS: dict[tuple[str, str], Verb] = {
    ("VirtualBorderRouter", "confirm"): Verb((UNCONFIRMED,), CREATING),
    ("VirtualBorderRouter", "terminate"): Verb((READY,), TERMINATING),
    ("VirtualBorderRouter", "recover"): Verb((TERMINATED,), RECOVERING),
    # What a provider does to a circuit (`approve`, `allocate`, `enable`) and what its owner does.
    ("PhysicalConnection", "approve"): Verb((INITIAL,), APPROVED),
    ("PhysicalConnection", "reject"): Verb((INITIAL,), REJECTED),
    ("PhysicalConnection", "allocate"): Verb((APPROVED,), ALLOCATING),
    ("PhysicalConnection", "confirm"): Verb((ALLOCATED,), CONFIRMED),
    ("PhysicalConnection", "enable"): Verb(UNBUILT, READY),
    ("PhysicalConnection", "cancel"): Verb((INITIAL, APPROVED, ALLOCATED, CONFIRMED), CANCELED),
    ("PhysicalConnection", "terminate"): Verb((READY,), TERMINATED),
    ("FailoverTestJob", "start"): Verb((INIT,), STARTING),
    ("FailoverTestJob", "stop"): Verb((TESTING,), STOPPING),
    # Into the VPC's route table and out of it (PublishVpnRouteEntry).
    ("DestinationRoute", "publish"): Verb((READY,), CHANGING),
    ("DestinationRoute", "withdraw"): Verb((READY,), CHANGING),
    ("PolicyRoute", "publish"): Verb((READY,), CHANGING),
    ("PolicyRoute", "withdraw"): Verb((READY,), CHANGING),
}
"""By kind and verb."""
