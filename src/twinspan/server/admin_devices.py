"""The part of the admin API that is about devices: /devices and /events.

In: calls. Out: values that become JSON; of a credential only its kind, and a secret that was just made, once. Next:
`admin_commands.py`.
"""

from __future__ import annotations

import asyncio

import msgspec

from twinspan.model.device_view import AddedPage, DevicePage, DeviceView
from twinspan.model.secret import Secret
from twinspan.server.admin_route import Call, Result, Route
from twinspan.server.credentials import PASSWORD_RULE, make_credential, password_is_fit
from twinspan.server.device_csv import read_devices
from twinspan.server.events import Event
from twinspan.server.problem import ProblemRaised, problem
from twinspan.server.registry import Fault, NewDevice, NoSuchDevice, Refused, find_faults, make_credentials
from twinspan.server.store import Credential, DeviceRow
from twinspan.wire.cloud_connection.messages import CloseCode

PAGE, MAX_PAGE = 100, 1000


class EventPage(msgspec.Struct, frozen=True, kw_only=True):
    events: tuple[Event, ...]
    """Newest first."""
    next_before: int | None


class NewCredential(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`secret` left out: one is made and shown once."""

    credential: Credential = "password"
    secret: Secret | None = None


class NewTags(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    tags: tuple[str, ...]


class ShownSecret(msgspec.Struct, frozen=True, kw_only=True):
    serial: str
    credential: Credential
    secret: Secret | None


class ShownCode(msgspec.Struct, frozen=True, kw_only=True):
    serial: str
    code: Secret
    expires_at_ns: int


async def list_devices(call: Call) -> Result:
    """GET /devices?owner=&connected=true|false&tag=&after=&limit="""
    owner = call.principal.account or call.query.get("owner")
    connected, tag = call.query.get("connected"), call.query.get("tag")
    if connected not in (None, "true", "false"):
        remedy = "give true or false, or leave it out"
        raise ProblemRaised(problem(422, "query", "connected is neither", field="connected", remedy=remedy))
    limit = call.number("limit", PAGE, MAX_PAGE)
    found: list[DeviceView] = []
    for row in call.office.store.devices(owner, call.query.get("after", "")):
        if (connected is None or (row.worker is not None) == (connected == "true")) and (not tag or tag in row.tags):
            if len(found) == limit:
                return Result(value=DevicePage(devices=tuple(found), next_after=found[-1].serial))
            found.append(view(row))
    return Result(value=DevicePage(devices=tuple(found), next_after=None))


async def add_device(call: Call) -> Result:
    """POST /devices"""
    return await _add(call, [call.read(NewDevice)], [])


async def import_devices(call: Call) -> Result:
    """POST /devices/import, a CSV file"""
    if call.content_type not in ("text/csv", "application/csv"):
        raise ProblemRaised(problem(415, "content-type", "This takes CSV", remedy="send it as Content-Type: text/csv"))
    devices, faults = read_devices(call.body)
    return await _add(call, devices, faults)


async def _add(call: Call, devices: list[NewDevice], faults: list[Fault]) -> Result:
    faults = faults + find_faults(devices, call.office.accounts.names(), call.principal)
    faults += call.office.registry.conflicts(devices, call.principal)
    if faults:
        raise Refused(sorted(faults, key=lambda fault: fault.line or 0))
    made = await asyncio.to_thread(make_credentials, devices, call.now_ns)
    added = call.office.registry.add(devices, made, call.principal, call.now_ns)
    return Result(value=AddedPage(added=added), status=201)


async def show_device(call: Call) -> Result:
    """GET /devices/{serial}"""
    return Result(value=view(call.device()))


async def remove_device(call: Call) -> Result:
    """DELETE /devices/{serial}"""
    row = call.device()
    call.office.registry.remove(row.serial, call.principal, call.now_ns)
    why = "the device was removed from the server"
    await call.office.relay.disconnect(row.serial, row.worker, CloseCode.REMOVED, why)
    return Result(value={"removed": row.serial})


async def set_credential(call: Call) -> Result:
    """POST /devices/{serial}/credential"""
    row, wish = call.device(), call.read(NewCredential)
    if wish.secret is not None and (wish.credential == "certificate" or not password_is_fit(wish.secret.reveal())):
        raise Refused([Fault(field="secret", problem="it breaks the rule", remedy=f"give {PASSWORD_RULE}, or none")])
    made = await asyncio.to_thread(make_credential, wish.credential, wish.secret, call.now_ns)
    call.office.registry.set_credential(row.serial, made, call.principal, call.now_ns)
    await call.office.relay.disconnect(row.serial, row.worker, CloseCode.DRAINING, "its credential was changed")
    return Result(value=ShownSecret(serial=row.serial, credential=made.kind, secret=made.shown))


async def set_tags(call: Call) -> Result:
    """PUT /devices/{serial}/tags"""
    serial = call.device().serial
    call.office.registry.set_tags(serial, call.read(NewTags).tags, call.principal)
    return Result(value=view(call.device()))


async def lift_quarantine(call: Call) -> Result:
    """DELETE /devices/{serial}/quarantine"""
    serial = call.device().serial
    lifted = call.office.registry.lift_quarantine(serial, call.principal, call.now_ns)
    return Result(value={"serial": serial, "lifted": lifted})


async def make_unbinding_code(call: Call) -> Result:
    """POST /devices/{serial}/unbinding-code: for whoever has the device at hand, whoever owns it"""
    serial = call.names["serial"]
    row = call.office.store.find(serial)
    if row is None:
        raise NoSuchDevice(serial)
    code, expires_at_ns = call.office.unbinding.issue(serial, call.principal, call.now_ns)
    return Result(value=ShownCode(serial=serial, code=code, expires_at_ns=expires_at_ns), status=201)


async def device_events(call: Call) -> Result:
    """GET /devices/{serial}/events?limit=&before="""
    serial = call.names["serial"]
    limit, before = call.number("limit", PAGE, MAX_PAGE), call.number("before", 2**62, 2**62)
    since_ns = 0
    if not call.principal.administrator:
        since_ns = call.device().added_at_ns  # what happened under an owner before is not theirs to see
    events = call.office.events.history(serial, limit, before, since_ns)
    return Result(value=_event_page(events, limit))


async def all_events(call: Call) -> Result:
    """GET /events?limit=&before="""
    limit, before = call.number("limit", PAGE, MAX_PAGE), call.number("before", 2**62, 2**62)
    return Result(value=_event_page(call.office.events.recent(limit, call.principal.account, before), limit))


def _event_page(events: tuple[Event, ...], limit: int) -> EventPage:
    return EventPage(events=events, next_before=events[-1].id if len(events) == limit else None)


def view(row: DeviceRow) -> DeviceView:
    """What of a device is shown."""
    return DeviceView(
        serial=row.serial,
        owner=row.owner,
        connected=row.worker is not None,
        platform=row.reported_platform or row.platform,
        module_type=row.reported_module_type or row.module_type,
        tags=row.tags,
        credential=row.credential,
        token_expires_at_ns=row.token_expires_at_ns,
        epoch=row.epoch,
        worker=row.worker,
        address=row.address,
        software=row.software,
        note=row.note,
        added_at_ns=row.added_at_ns,
        connected_at_ns=row.connected_at_ns,
        last_heard_ns=row.last_heard_ns,
        last_down_reason=row.last_down_reason,
        last_down_at_ns=row.last_down_at_ns,
        quarantined_at_ns=row.quarantined_at_ns,
    )


_ONE = "/devices/{serial}"
ROUTES = (
    Route(method="GET", path="/devices", function=list_devices),
    Route(method="POST", path="/devices", function=add_device),
    Route(method="POST", path="/devices/import", function=import_devices),
    Route(method="GET", path=_ONE, function=show_device),
    Route(method="DELETE", path=_ONE, function=remove_device),
    Route(method="POST", path=f"{_ONE}/credential", function=set_credential),
    Route(method="PUT", path=f"{_ONE}/tags", function=set_tags),
    Route(method="DELETE", path=f"{_ONE}/quarantine", function=lift_quarantine),
    Route(method="POST", path=f"{_ONE}/unbinding-code", function=make_unbinding_code),
    Route(method="GET", path=f"{_ONE}/events", function=device_events),
    Route(method="GET", path="/events", function=all_events),
)
