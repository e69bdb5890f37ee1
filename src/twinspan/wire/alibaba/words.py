"""The words of the cloud for phases, and its forms of time.

In: a phase, nanoseconds. Out: text. Next: `shape.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from twinspan.model.resource import CHANGING, CREATING, DELETED, DELETING, READY

Words = Mapping[str, str]
"""Phase to word."""

PENDING: Words = {
    READY: "Available",
    CREATING: "Pending",
    CHANGING: "Pending",
    DELETING: "Deleting",
    DELETED: "Deleted",
}
"""VPC, vSwitch, route table, route entry."""

BGP: Words = {**PENDING, CHANGING: "Modifying"}
"""BGP groups, peers and networks."""

VBR: Words = {
    READY: "active",
    CREATING: "active",  # the cloud creates one at once; it is not to be seen on the way
    CHANGING: "active",
    DELETING: "deleting",
    DELETED: "deleted",
}
"""Virtual border routers; their own phases (unconfirmed, terminating, ...) are spelled as the cloud does."""

CIRCUIT: Words = {READY: "Enabled", CREATING: "Initial", CHANGING: "Enabled"}
"""Physical connections; their own phases only begin with a capital there."""

VPN_GATEWAY: Words = {
    READY: "active",
    CREATING: "provisioning",
    CHANGING: "updating",
    DELETING: "deleting",
    DELETED: "deleted",
}
"""VPN gateways, and the State of IPsec connections."""

JOB: Words = {CREATING: "Init", READY: "Init"}
"""Failover test jobs; their own phases only begin with a capital there."""

ATTACHMENT: Words = {
    READY: "Attached",
    CREATING: "Attaching",
    CHANGING: "Attached",
    DELETING: "Detaching",
    DELETED: "Detached",
}
"""Attachments of a transit router."""

CEN: Words = {READY: "Active", CREATING: "Creating", CHANGING: "Active", DELETING: "Deleting", DELETED: "Deleted"}
"""CEN instances and what is in them."""


def word(words: Words, phase: str, capital: bool = False) -> str:
    """A phase in the cloud's words; one that the table has not is spelled as it is."""
    return words.get(phase) or (phase.capitalize() if capital else phase)


def minute(at_ns: int) -> str:
    """2026-01-31T12:00Z."""
    return f"{datetime.fromtimestamp(at_ns // 1_000_000_000, UTC):%Y-%m-%dT%H:%MZ}"


def second(at_ns: int) -> str:
    """2026-01-31T12:00:00Z."""
    return f"{datetime.fromtimestamp(at_ns // 1_000_000_000, UTC).isoformat()[:19]}Z"


def milliseconds(at_ns: int) -> int:
    """Since 1970."""
    return at_ns // 1_000_000
