"""How devices, their events and commands look in a terminal, and in a pipe.

In: answers of the admin API. Out: text. What comes from devices is shown without its control characters. Next: nothing;
this is the edge.
"""

from __future__ import annotations

import datetime
import time
from collections.abc import Sequence

import click
import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from twinspan.cli.admin_client import Fault
from twinspan.model.device_view import AddedDevice, DeviceView

PIPE_WIDTH = 200
MAX_FAULTS = 50
"""A file with more is wrong as a whole."""


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """As `server.events` has it, with any kind: a newer server may know more."""

    serial: str
    at_ns: int
    kind: str
    detail: str = ""
    epoch: int | None = None
    account: str | None = None
    id: int | None = None


def console() -> Console:
    """In a pipe nothing is cut to a width that nobody has."""
    found = Console(highlight=False)
    return found if found.is_terminal else Console(highlight=False, width=PIPE_WIDTH)


def print_devices(devices: Sequence[DeviceView], more: bool) -> None:
    """One line each."""
    table = Table("serial", "owner", "state", "since", "platform", "address", "tags", box=None, pad_edge=False)
    for device in devices:
        state, since_ns = _state(device)
        table.add_row(
            *_texts(
                device.serial, device.owner or "(unbound)", state, _when(since_ns), device.platform,
                (device.connected and device.address) or "", " ".join(device.tags),
            )
        )  # fmt: skip
    console().print(table)
    if more:
        click.echo("There are more: give --limit, or narrow it down with --owner, --tag, --connected.", err=True)


def print_device(device: DeviceView) -> None:
    """Everything about one, a line for each thing that is known."""
    state, since_ns = _state(device)
    lines = (
        ("Serial", device.serial),
        ("Owner", device.owner or "none: it was unbound and can be added"),
        ("State", f"{state} since {_when(since_ns)}" if since_ns else state),
        ("Last down", f"{_when(device.last_down_at_ns)}: {device.last_down_reason}" if device.last_down_at_ns else ""),
        ("Last heard", _when(device.last_heard_ns)),
        ("Address", device.address or ""),
        ("Epoch", str(device.epoch) if device.epoch else ""),
        ("Worker", device.worker or ""),
        ("Platform", " / ".join(part for part in (device.platform, device.module_type) if part)),
        ("Software", device.software),
        ("Note", device.note),
        ("Credential", _credential(device)),
        ("Tags", " ".join(device.tags)),
        ("Added", _when(device.added_at_ns)),
    )
    for name, value in lines:
        if value:
            click.echo(f"{name:<11}: {_plain(value)}")


def print_events(events: Sequence[Event], with_serial: bool) -> None:
    """Oldest first, as a log is read. Devices tell late, and sometimes all at once, what they have seen."""
    in_order = list(events)
    in_order.reverse()  # what has the same time stays as it arrived
    in_order.sort(key=lambda event: event.at_ns)
    for event in in_order:
        serial = f"{event.serial or '-':<24} " if with_serial else ""
        epoch = f"epoch {event.epoch}" if event.epoch else ""
        click.echo(f"{_when(event.at_ns)}  {_plain(serial)}{event.kind:<18} {epoch:<9} {_plain(event.detail)}".rstrip())


def print_added(added: Sequence[AddedDevice]) -> None:
    """What was made for each is told now and never again."""
    made = [device for device in added if device.secret is not None]
    if len(added) == 1:
        click.echo(f"Device {added[0].serial} is added for {added[0].owner}.")
    else:
        click.echo(f"{len(added)} devices are added.")
    if not made:
        return
    click.echo("Written down nowhere else, and shown this once:")
    for device in made:
        click.echo(f"  {device.serial}  {device.credential}  {device.secret.reveal() if device.secret else ''}")
    click.echo("On the device: cloud-management server password simple PASSWORD")


def print_faults(faults: Sequence[Fault]) -> None:
    """Every fault with its line and the way out."""
    for fault in faults[:MAX_FAULTS]:
        where = f"line {fault.line}, {fault.field}" if fault.line else fault.field
        click.echo(f"  {where}: {_plain(fault.problem)}\n    Way out: {_plain(fault.remedy)}", err=True)
    if len(faults) > MAX_FAULTS:
        click.echo(f"  and {len(faults) - MAX_FAULTS} more", err=True)


def moment(at_ns: int) -> str:
    """A time of day for people, in their own zone."""
    return _when(at_ns)


def _state(device: DeviceView) -> tuple[str, int | None]:
    if device.quarantined_at_ns is not None:
        return "quarantined", device.quarantined_at_ns
    if device.connected:
        return "connected", device.connected_at_ns
    return ("down", device.last_down_at_ns) if device.connected_at_ns else ("never connected", None)


def _credential(device: DeviceView) -> str:
    if device.credential != "token" or device.token_expires_at_ns is None:
        return device.credential
    over = device.token_expires_at_ns < time.time_ns()
    return f"one-time token, {'expired' if over else 'good until'} {_when(device.token_expires_at_ns)}"


def _when(at_ns: int | None) -> str:
    if at_ns is None:
        return ""
    return datetime.datetime.fromtimestamp(at_ns / 1e9, tz=datetime.UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _texts(*values: str) -> tuple[Text, ...]:
    return tuple(Text(_plain(value)) for value in values)


def _plain(text: str) -> str:
    """A device chooses part of it: nothing of it may steer the terminal."""
    return "".join(symbol if symbol.isprintable() else "?" for symbol in text)
