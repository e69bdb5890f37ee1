"""`twinspan device add`, `import`, `set-password`: bring serials in, and say how each proves itself.

In: arguments, files, a person at a terminal; a password is never an argument, since everybody can read those. Out: what
was added, with the secrets that were made, once. Next: `device_screen.py`.
"""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import msgspec

from twinspan.cli import device_screen as screen
from twinspan.cli.admin_client import RefusedByServer, segment
from twinspan.cli.device_login import ServerOptions, open_client, server_options
from twinspan.cli.known_servers import write_private
from twinspan.cli.output import require_writable
from twinspan.model.device_view import AddedDevice, AddedPage
from twinspan.model.errors import Rejected
from twinspan.model.secret import Secret

_JSON = click.option("--json", "as_json", is_flag=True, help="What the server says, as JSON.")
_PASSWORD_FILE = click.option(
    "--password-file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Its first line is the password; - : stdin.",
)
_ASK = click.option("--ask-password", is_flag=True, help="Ask for the password here.")
_TOKEN = click.option("--token", is_flag=True, help="Make a one-time token: the device then makes its own secret.")
_CERTIFICATE = click.option("--certificate", is_flag=True, help="It shows a client certificate with its serial.")
_SECRETS_FILE = click.option(
    "--secrets-file", type=click.Path(path_type=Path), metavar="FILE", help="Write made secrets there (0600), not here."
)


class _Shown(msgspec.Struct, frozen=True, kw_only=True):
    credential: str
    secret: Secret | None = None


@click.command()
@click.argument("serial")
@server_options
@click.option("--owner", metavar="ACCOUNT", default="", help="Whose it is; accounts leave it out.")
@click.option("--platform", metavar="NAME", default="", help="For example M9000-AI-E8.")
@click.option("--module-type", metavar="NAME", default="", help="For example 'Blade V firewall module'.")
@click.option("--tag", "tags", metavar="TAG", multiple=True, help="May be given several times.")
@_PASSWORD_FILE
@_ASK
@_TOKEN
@_CERTIFICATE
@_JSON
def add(serial: str, where: ServerOptions, as_json: bool, **wish: Any) -> int:
    """Add a device by its serial number. Without any password a good one is made and shown once.

    The serial is shown at the device by: display device manuinfo

    \b
    Examples:
      twinspan device add 210235A1K9B1234567
      twinspan device add 210235A1K9B1234567 --owner kiel --tag site:kiel --ask-password
      twinspan device add 210235A1K9B1234567 --token
    """
    kind, secret = _credential(wish)
    client = open_client(where)
    body = {
        "serial": serial,
        "owner": wish["owner"],
        "platform": wish["platform"],
        "module_type": wish["module_type"],
        "tags": wish["tags"],
        "credential": kind,
        "password": secret,
    }
    _print_added(client.call(AddedPage, "POST", "/devices", body).added, as_json)
    return 0


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
@server_options
@_SECRETS_FILE
@_JSON
def import_(file: Path, where: ServerOptions, secrets_file: Path | None, as_json: bool) -> int:
    """Add many devices from a CSV FILE. If any row has a fault, all are named and nothing is added.

    The first line names the columns: serial, and any of platform, module_type, owner, password, token, tags. A token
    `new`, and a row with neither password nor token, has a secret made.

    \b
    Example:
      twinspan device import devices.csv --secrets-file made.csv
    """
    require_writable(secrets_file)
    client = open_client(where)
    try:
        data = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    except OSError as error:
        raise Rejected(f"cannot read {file}: {error.strerror}", remedy="give a CSV file") from error
    try:
        added = client.call(AddedPage, "POST", "/devices/import", csv=data).added
    except RefusedByServer as refused:
        if not refused.problem.faults:
            raise
        click.echo(f"Error: {file}: {refused.problem.title}", err=True)
        screen.print_faults(refused.problem.faults)
        return 2
    if secrets_file is not None:
        _write_secrets(secrets_file, added)
        added = tuple(msgspec.structs.replace(device, secret=None) for device in added)
    _print_added(added, as_json)
    return 0


@click.command("set-password")
@click.argument("serial")
@server_options
@_PASSWORD_FILE
@_ASK
@_TOKEN
@_CERTIFICATE
@_JSON
def set_password(serial: str, where: ServerOptions, as_json: bool, **wish: Any) -> int:
    """Give a device another password, one-time token or certificate. What it had is worth nothing from then on.

    \b
    Examples:
      twinspan device set-password 210235A1K9B1234567              (one is made and shown once)
      twinspan device set-password 210235A1K9B1234567 --ask-password
    """
    kind, secret = _credential(wish)
    body = {"credential": kind, "secret": secret}
    shown = open_client(where).call(_Shown, "POST", f"/devices/{segment(serial)}/credential", body)
    made = shown.secret.reveal() if shown.secret else None
    if as_json:
        click.echo(msgspec.json.encode({"serial": serial, "credential": shown.credential, "secret": made}))
    else:
        click.echo(f"{serial} proves itself by a new {shown.credential} from now on.")
        if made:
            click.echo(f"Written down nowhere else, and shown this once: {made}")
    return 0


def _credential(wish: dict[str, Any]) -> tuple[str, Secret | None]:
    given = [name for name in ("password_file", "ask_password", "token", "certificate") if wish[name]]
    if len(given) > 1:
        raise Rejected(
            f"--{given[0].replace('_', '-')} and --{given[1].replace('_', '-')} exclude each other",
            remedy="give one of them, or none to have a password made",
        )
    if wish["password_file"] is not None:
        return "password", _from_file(wish["password_file"])
    if wish["ask_password"]:
        return "password", Secret(click.prompt("Password", hide_input=True, confirmation_prompt=True))
    return ("certificate" if wish["certificate"] else "token" if wish["token"] else "password"), None


def _from_file(path: Path) -> Secret:
    try:
        text = sys.stdin.read() if str(path) == "-" else path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise Rejected(f"--password-file {path}: {reason}", remedy="give a file with the password") from error
    line = text.partition("\n")[0].rstrip("\r")
    if not line:
        raise Rejected(f"--password-file {path}: its first line is empty", remedy="write the password there")
    return Secret(line)


def _print_added(added: Sequence[AddedDevice], as_json: bool) -> None:
    if as_json:
        click.echo(msgspec.json.encode({"added": added}, enc_hook=lambda value: value.reveal()))
    else:
        screen.print_added(added)


def _write_secrets(path: Path, added: Sequence[AddedDevice]) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(("serial", "credential", "secret"))
    writer.writerows((d.serial, d.credential, d.secret.reveal()) for d in added if d.secret is not None)
    try:
        write_private(path, text.getvalue().encode())
    except OSError as error:
        remedy = "the devices are added; give those without a password a new one: twinspan device set-password"
        raise Rejected(f"cannot write {path}: {error.strerror}", remedy=remedy) from error
