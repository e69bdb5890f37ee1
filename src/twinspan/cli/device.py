"""`twinspan device`: the devices of a cloud server, from any machine.

In: arguments, a login. Out: text or JSON, and an exit code: 0 as wished, 1 done but not as wished (a command that
failed or is still waiting), 2 refused or unreachable. Next: `device_login.py`, `device_add.py`, `device_exec.py`,
`device_shell.py`; `admin_client.py` does the talking.
"""

from __future__ import annotations

from typing import Any

import click
import msgspec

from twinspan.cli import device_screen as screen
from twinspan.cli.admin_client import segment
from twinspan.cli.device_add import add, import_, set_password
from twinspan.cli.device_exec import exec_
from twinspan.cli.device_login import ServerOptions, login, logout, open_client, server_options
from twinspan.cli.device_shell import shell
from twinspan.model.device_view import DevicePage, DeviceView
from twinspan.model.secret import Secret

JSON = click.option("--json", "as_json", is_flag=True, help="What the server says, as JSON.")
PAGE = 1000


class _Events(msgspec.Struct, frozen=True, kw_only=True):
    events: tuple[screen.Event, ...]


class _Code(msgspec.Struct, frozen=True, kw_only=True):
    code: Secret
    expires_at_ns: int


@click.group()
def device() -> None:
    """Add, watch and reach the devices of a cloud server.

    \b
    Examples:
      twinspan device login --server cloud.example
      twinspan device add 210235A1K9B1234567
      twinspan device list
      twinspan device exec 210235A1K9B1234567 ping destination=192.0.2.1
      twinspan device shell 210235A1K9B1234567
    """


@device.command("list")
@server_options
@click.option("--owner", metavar="ACCOUNT", help="Only devices of this account (administrators see all).")
@click.option("--tag", metavar="TAG", help="Only devices with this tag.")
@click.option("--connected/--down", "connected", default=None, help="Only those that are, or are not, connected.")
@click.option("--limit", type=click.IntRange(1), default=PAGE, show_default=True, metavar="N", help="At most so many.")
@JSON
def list_(
    where: ServerOptions, owner: str | None, tag: str | None, connected: bool | None, limit: int, as_json: bool
) -> int:
    """List devices: state, since when, address.

    \b
    Examples:
      twinspan device list
      twinspan device list --down --tag site:kiel
      twinspan device list --json | python3 -m json.tool
    """
    client = open_client(where)
    asked = {"owner": owner, "tag": tag, "connected": None if connected is None else str(connected).lower()}
    narrow = "".join(f"&{name}={segment(value)}" for name, value in asked.items() if value)
    found: list[DeviceView] = []
    after: str | None = ""
    while after is not None and len(found) < limit:
        wanted = min(PAGE, limit - len(found))
        path = f"/devices?limit={wanted}&after={segment(after) if after else ''}{narrow}"
        page = client.call(DevicePage, "GET", path)
        found += page.devices
        after = page.next_after
    if as_json:
        click.echo(msgspec.json.encode(found))
    elif found:
        screen.print_devices(found, more=after is not None)
    else:
        click.echo("No such device. Add one: twinspan device add SERIAL")
    return 0


@device.command()
@click.argument("serial")
@server_options
@JSON
def show(serial: str, where: ServerOptions, as_json: bool) -> int:
    """Show one device: whose it is, whether it is connected, why it was last down.

    \b
    Example:
      twinspan device show 210235A1K9B1234567
    """
    found = open_client(where).call(DeviceView, "GET", f"/devices/{segment(serial)}")
    if as_json:
        click.echo(msgspec.json.encode(found))
    else:
        screen.print_device(found)
    return 0


@device.command()
@click.argument("serial")
@server_options
@click.option("--yes", is_flag=True, help="Do not ask.")
def remove(serial: str, where: ServerOptions, yes: bool) -> int:
    """Take a device out of the registry: it is cut off and refused from then on. Its history stays.

    \b
    Example:
      twinspan device remove 210235A1K9B1234567
    """
    client = open_client(where)
    found = client.call(DeviceView, "GET", f"/devices/{segment(serial)}")
    state = "connected" if found.connected else "not connected"
    if not yes and not click.confirm(f"Remove {found.serial} of {found.owner} ({state})?"):
        click.echo("Nothing was removed.")
        return 1
    client.call(dict[str, Any], "DELETE", f"/devices/{segment(serial)}")
    click.echo(f"{serial} is removed.")
    return 0


@device.command("unbind-code")
@click.argument("serial")
@server_options
@JSON
def unbind_code(serial: str, where: ServerOptions, as_json: bool) -> int:
    """Get a code that frees a device from the account it belongs to. Its owner gets a notice.

    Who types the code at the device shows to have it at hand. The code works once, for 15 minutes, with five tries.

    \b
    Example:
      twinspan device unbind-code 210235A1K9B1234567
      then at the device:  cloud-management unbinding-code CODE
      then:                twinspan device add 210235A1K9B1234567
    """
    shown = open_client(where).call(_Code, "POST", f"/devices/{segment(serial)}/unbinding-code")
    if as_json:
        click.echo(msgspec.json.encode({"code": shown.code.reveal(), "expires_at_ns": shown.expires_at_ns}))
        return 0
    click.echo(f"The code is {shown.code.reveal()}, good until {screen.moment(shown.expires_at_ns)}.")
    click.echo(f"In the system view of the device: cloud-management unbinding-code {shown.code.reveal()}")
    click.echo(f"When it says that it is accepted: twinspan device add {serial}")
    return 0


@device.command()
@click.argument("serial")
@server_options
def release(serial: str, where: ServerOptions) -> int:
    """Let a device in again that is in quarantine because two devices showed its serial.

    Look for the second one first: twinspan device events SERIAL.

    \b
    Example:
      twinspan device release 210235A1K9B1234567
    """
    answer = open_client(where).call(dict[str, Any], "DELETE", f"/devices/{segment(serial)}/quarantine")
    click.echo(f"{serial} may connect again." if answer.get("lifted") else f"{serial} is in no quarantine.")
    return 0


@device.command()
@click.argument("serial")
@click.argument("tags", nargs=-1)
@server_options
def tag(serial: str, tags: tuple[str, ...], where: ServerOptions) -> int:
    """Give a device these TAGS in place of those that it has.

    \b
    Example:
      twinspan device tag 210235A1K9B1234567 site:kiel spare
    """
    body = {"tags": tags}
    found = open_client(where).call(DeviceView, "PUT", f"/devices/{segment(serial)}/tags", body)
    click.echo(f"{serial}: {' '.join(found.tags) or 'no tags'}")
    return 0


@device.command()
@click.argument("serial", required=False)
@server_options
@click.option("--limit", type=click.IntRange(1, PAGE), default=50, show_default=True, metavar="N", help="The newest N.")
@JSON
def events(serial: str | None, where: ServerOptions, limit: int, as_json: bool) -> int:
    """Show what happened to a device, or to all of them: every connection, every down with its reason.

    \b
    Examples:
      twinspan device events 210235A1K9B1234567
      twinspan device events --limit 200
    """
    path = f"/devices/{segment(serial)}/events" if serial else "/events"
    found = open_client(where).call(_Events, "GET", f"{path}?limit={limit}").events
    if as_json:
        click.echo(msgspec.json.encode(found))
    elif found:
        screen.print_events(found, with_serial=serial is None)
    else:
        click.echo("Nothing has happened yet.")
    return 0


for _command in (login, logout, add, import_, set_password, exec_, shell):
    device.add_command(_command)
