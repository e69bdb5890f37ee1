"""What is noted of a cloud connection while it is made: `CloudStatus` field by field, and how each server did.

In: fields that have changed, failures and successes by endpoint. Out: `CloudStatus`, the `ServerEntry`s of an order.
Next: `manager` keeps one of these for each device.
"""

from __future__ import annotations

import msgspec

from twinspan.agent.clock import steady_ns, wall_ns
from twinspan.model.cloud_management import CloudManagement
from twinspan.model.cloud_status import (
    CloudStatus,
    DeviceState,
    FailureReason,
    ProcessState,
    ServerEntry,
    StepReached,
)
from twinspan.wire.cloud_connection.server_order import Endpoint, dial_order

_PROCESS: dict[DeviceState, ProcessState] = {
    "Resolving": "Name not resolved",
    "Connecting": "Name resolved",
    "TLS": "Name resolved",
    "Authentication": "Message sent",
    "Register": "Message sent",
    "Register_success": "Message received",
    "Request_success": "Message received",
}


def intended(serial: str, config: CloudManagement | None) -> CloudStatus:
    """What the settings say before anything was tried."""
    notes = StatusNotes(serial)
    if config is None:
        return notes.status
    order = dial_order(config, None)
    notes.aims_at(order)
    notes.note(
        domain_source="manual" if config.primary is not None else "none",
        password_source="manual" if config.password is not None else "none",
    )
    return msgspec.structs.replace(notes.status, servers=notes.servers(order))


class StatusNotes:
    """Of one device, since its agent started."""

    def __init__(self, serial: str) -> None:
        self.status = CloudStatus(serial=serial)
        self._failed: dict[Endpoint, tuple[int, FailureReason]] = {}
        """How often since it last worked, and why the last time."""

    def note(self, **fields: object) -> None:
        """New values of these fields of `CloudStatus`; a new `device_state` is a step as well."""
        state = fields.get("device_state")
        if state is not None:
            process = _PROCESS.get(state, self.status.process_state)  # type: ignore[call-overload]
            fields.setdefault("process_state", process)
            fields["steps"] = self._steps_with(state)  # type: ignore[arg-type]
        self.status = msgspec.structs.replace(self.status, **fields)

    def aims_at(self, order: tuple[Endpoint, ...]) -> None:
        """That is the order from now on; a connection that is still up is shown until it ends."""
        if self.status.state != "Established":
            first = order[0] if order else None
            domain, port = (first.domain, first.port) if first is not None else (None, None)
            self.note(server_domain=domain, server_port=port, server_address=None)

    def failed_at(self, endpoint: Endpoint, reason: FailureReason) -> None:
        """An attempt at that server failed."""
        before = self._failed.get(endpoint, (0, reason))[0]
        self._failed[endpoint] = (before + 1, reason)

    def worked_at(self, endpoint: Endpoint) -> None:
        """A connection to that server was established."""
        self._failed.pop(endpoint, None)

    def servers(self, order: tuple[Endpoint, ...]) -> tuple[ServerEntry, ...]:
        """The servers of that order; what was noted of any other is forgotten."""
        self._failed = {endpoint: noted for endpoint, noted in self._failed.items() if endpoint in order}
        return tuple(self._entry(endpoint) for endpoint in order)

    def _entry(self, endpoint: Endpoint) -> ServerEntry:
        attempts, failure = self._failed.get(endpoint, (0, None))
        return ServerEntry(
            domain=endpoint.domain,
            port=endpoint.port,
            role="backup" if endpoint.kind == "backup" else "primary",
            source="dhcp" if endpoint.kind == "dhcp" else "manual",
            attempts=attempts,
            failure=failure,
        )

    def _steps_with(self, state: DeviceState) -> tuple[StepReached, ...]:
        """Times of the newest attempt's steps; what follows an attempt is none of it."""
        if state in ("Idle", "Waiting"):
            return self.status.steps
        before = () if state == "Resolving" else self.status.steps
        if before and before[-1].state == state:
            return before
        return (*before, StepReached(state=state, at_ns=wall_ns(steady_ns())))
