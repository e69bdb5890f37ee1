"""`twinspan device exec`: run one command on a device and show its result.

In: arguments. Out: the device's output; 0 done (or queued, where nobody waits), 1 anything else that a
device or the queue answers. Next: nothing.
"""

from __future__ import annotations

from typing import Any

import click
import msgspec

from twinspan.cli.admin_client import segment
from twinspan.cli.device_login import ServerOptions, open_client, server_options
from twinspan.cli.device_screen import moment
from twinspan.model.errors import Rejected

MAX_WAIT_S, MAX_TTL_S = 60, 30 * 24 * 3600


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """A command as the server shows it."""

    id: str
    state: str
    expires_at_ns: int
    outcome: str | None = None
    output: str | None = None


@click.command("exec")
@click.argument("serial")
@click.argument("name", required=False)
@click.argument("arguments", nargs=-1, metavar="[KEY=VALUE]...")
@server_options
@click.option(
    "--ttl",
    "ttl_s",
    type=click.FloatRange(0.001, MAX_TTL_S),
    metavar="SECONDS",
    help="It may begin until then; a device that is away gets it if it returns in time. Default: --wait.",
)
@click.option(
    "--wait",
    "wait_s",
    type=click.FloatRange(0, MAX_WAIT_S),
    default=10,
    show_default=True,
    metavar="SECONDS",
    help="Wait so long for the result. With 0 the command is queued, and the exit code is 0 once it is.",
)
@click.option("--result", metavar="ID", help="Show the result of an earlier command instead.")
@click.option("--cancel", metavar="ID", help="Take an earlier command back, if it was not sent yet.")
@click.option("--json", "as_json", is_flag=True, help="What the server says, as JSON.")
def exec_(
    serial: str, name: str | None, arguments: tuple[str, ...], where: ServerOptions, as_json: bool, **options: Any
) -> int:
    """Run command NAME on a device: at most once, whatever happens to the connection meanwhile.

    \b
    Examples:
      twinspan device exec 210235A1K9B1234567 ping destination=192.0.2.1
      twinspan device exec 210235A1K9B1234567 ping destination=192.0.2.1 --ttl 3600 --wait 0
      twinspan device exec 210235A1K9B1234567 --result 8Jk2...
    """
    asked = [options["result"], options["cancel"], name]
    if sum(value is not None for value in asked) != 1:
        raise Rejected(
            "give a command's NAME, or --result ID, or --cancel ID", remedy="see: twinspan device exec --help"
        )
    client, path = open_client(where), f"/devices/{segment(serial)}/commands"
    if name is not None:
        wait_s = float(options["wait_s"] or 0)
        body = {
            "name": name,
            "arguments": _arguments(arguments),
            "ttl_ms": max(1, int(1000 * float(options["ttl_s"] or max(wait_s, 1)))),
            "wait_ms": int(1000 * wait_s),
        }
        found = client.call(Command, "POST", path, body)
    elif options["result"]:
        found = client.call(Command, "GET", f"{path}/{segment(options['result'])}")
    else:
        found = client.call(Command, "DELETE", f"{path}/{segment(options['cancel'] or '')}")
    if as_json:
        click.echo(msgspec.json.encode(found))
    else:
        _print(serial, found)
    queued = name is not None and not options["wait_s"] and found.state in ("queued", "sent")
    return 0 if queued or found.outcome == "done" or (options["cancel"] and found.state == "cancelled") else 1


def _arguments(pairs: tuple[str, ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise Rejected(f"{pair!r} is no KEY=VALUE", remedy="for example: destination=192.0.2.1")
        if key in found:
            raise Rejected(f"{key} is given twice", remedy="leave one of them out")
        found[key] = value
    return found


def _print(serial: str, command: Command) -> None:
    if command.output:
        click.echo(command.output, nl=not command.output.endswith("\n"))
    if command.outcome is not None:
        if command.outcome != "done":
            click.echo(f"The device says: {command.outcome}.", err=True)
    elif command.state in ("queued", "sent"):
        what = "waits for the device" if command.state == "queued" else "was sent and not answered yet"
        click.echo(f"Command {command.id} {what}, until {moment(command.expires_at_ns)}.", err=True)
        click.echo(f"  Its result: twinspan device exec {serial} --result {command.id}", err=True)
    else:
        click.echo(f"Command {command.id} is {command.state}.", err=True)
