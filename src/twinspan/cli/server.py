"""`twinspan server`: make a cloud server and look after it, on its own machine.

In: arguments, the state directory. Out: files in it, text or JSON. All of it works while the server runs: the workers
take a new certificate up by themselves. Next: `server_authority.py`, `server_account.py`; what works from other
machines is `device.py`.
"""

from __future__ import annotations

import time
from pathlib import Path

import click
import msgspec

from twinspan.cli.known_servers import write_private
from twinspan.cli.output import require_writable
from twinspan.cli.server_account import account
from twinspan.cli.server_authority import authority
from twinspan.cli.server_run import run
from twinspan.cli.server_state import JSON, STATE_DIR, open_store, require_state, when
from twinspan.model.cloud_management import DEFAULT_PORT
from twinspan.model.errors import Rejected
from twinspan.model.secret import Secret
from twinspan.server.accounts import Accounts
from twinspan.server.authority import create_authority, load_leaf, load_names
from twinspan.server.key_file import ticket_key
from twinspan.server.rotation import AuthorityState, authority_states
from twinspan.server.store import FILE_NAME, DeviceStore


class ServerState(msgspec.Struct, frozen=True, kw_only=True):
    """What `server show` tells."""

    state_dir: str
    names: tuple[str, ...]
    certificate_until_ns: int
    authorities: tuple[AuthorityState, ...]
    accounts: int
    devices: int
    connected: int


@click.group()
def server() -> None:
    """Make and run a cloud server: the place that devices connect to.

    \b
    Examples:
      twinspan server init --name cloud.example
      twinspan server account add kiel
      twinspan server run
    """


@server.command()
@STATE_DIR
@click.option(
    "--name",
    "names",
    multiple=True,
    required=True,
    metavar="NAME",
    help="DNS name or address under which devices and people reach it. May be given several times.",
)
@click.option(
    "--token-file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write the administrator's token there (0600) instead of showing it.",
)
def init(state_dir: Path, names: tuple[str, ...], token_file: Path | None) -> int:
    """Make a server: its authority, its certificate, its database, and the administrator's token, shown once.

    \b
    Examples:
      twinspan server init --name cloud.example
      twinspan server init --name cloud.example --name 192.0.2.10 --state-dir ./server --token-file ./token
    """  # fmt: skip
    require_writable(token_file)
    fingerprint = create_authority(state_dir, names, time.time_ns())
    ticket_key(state_dir)
    store = DeviceStore(state_dir / FILE_NAME)
    try:
        token = Accounts(store).renew_administrator(time.time_ns())
    finally:
        store.close()
    click.echo(f"The server {load_names(state_dir)[0]} is made in {state_dir}.")
    click.echo(f"Its authority has the fingerprint\n  {fingerprint}")
    _tell_token(token, token_file)
    click.echo("Next: twinspan server run; twinspan server account add NAME; on any machine: twinspan device login")
    return 0


@server.command()
@STATE_DIR
@JSON
def show(state_dir: Path, as_json: bool) -> int:
    """Show what this server is: names, fingerprints to compare with, accounts and devices.

    \b
    Example:
      twinspan server show
    """
    require_state(state_dir)
    store = open_store(state_dir)
    try:
        rows = tuple(store.devices())
        state = ServerState(
            state_dir=str(state_dir),
            names=load_names(state_dir),
            certificate_until_ns=load_leaf(state_dir).not_after_ns,
            authorities=authority_states(state_dir),
            accounts=len(Accounts(store).names()),
            devices=len(rows),
            connected=sum(row.worker is not None for row in rows),
        )
    finally:
        store.close()
    if as_json:
        click.echo(msgspec.json.encode(state))
        return 0
    click.echo(f"Names       : {', '.join(state.names)}")
    for shown in state.authorities:
        click.echo(f"Authority   : {shown.fingerprint} ({shown.role}, until {when(shown.not_after_ns)})")
    click.echo(f"Certificate : until {when(state.certificate_until_ns)}, renewed by itself before")
    click.echo(f"Accounts    : {state.accounts}")
    click.echo(f"Devices     : {state.devices}, {state.connected} connected")
    return 0


@server.command()
@STATE_DIR
@click.option("--token-file", type=click.Path(path_type=Path), metavar="FILE", help="Write it there (0600) instead.")
@click.option("--account", metavar="NAME", help="Of this account instead of the administrator's.")
def token(state_dir: Path, token_file: Path | None, account: str | None) -> int:
    """Make a new token, for one that was lost or seen by others. The one before is worth nothing from then on.

    \b
    Examples:
      twinspan server token
      twinspan server token --account kiel --token-file ./kiel.token
    """
    require_state(state_dir)
    require_writable(token_file)
    store = open_store(state_dir)
    try:
        accounts, now_ns = Accounts(store), time.time_ns()
        made = accounts.renew(account, now_ns) if account else accounts.renew_administrator(now_ns)
    finally:
        store.close()
    _tell_token(made, token_file, account)
    return 0


@server.command("dnsmasq")
@STATE_DIR
@click.option("--name", metavar="NAME", help="Server name to hand out. Default: the first of the certificate.")
@click.option("--password-file", type=click.Path(path_type=Path), metavar="FILE", help="Its first line is option 252.")
def dnsmasq(state_dir: Path, name: str | None, password_file: Path | None) -> int:
    """Print the lines that let dnsmasq tell devices their server (DHCP option 253) and password (252).

    Every host on that network can ask for option 252 and read the password; it is also what browsers ask for a proxy.

    \b
    Example:
      twinspan server dnsmasq --password-file pw > /etc/dnsmasq.d/cloud.conf
    """
    require_state(state_dir)
    told = name or load_names(state_dir)[0]
    click.echo(f"dhcp-option-force=253,{_quoted(told, '--name')}")
    if password_file is not None:
        try:
            password = password_file.read_text("utf-8").partition("\n")[0].rstrip("\r")
        except (OSError, UnicodeDecodeError) as error:
            raise Rejected(f"--password-file {password_file} cannot be read", remedy="give a text file") from error
        click.echo(f"dhcp-option-force=252,{_quoted(password, '--password-file')}")
    click.echo(f"# devices connect to port {DEFAULT_PORT} unless they are told another", err=True)
    return 0


def _quoted(text: str, option: str) -> str:
    if not text or not text.isprintable() or not text.isascii() or '"' in text or "\\" in text:
        raise Rejected(
            f"what {option} gives cannot be handed out", remedy="printable ASCII without quotes and backslashes"
        )
    return f'"{text}"'


def _tell_token(token_: Secret, token_file: Path | None, account_: str | None = None) -> None:
    whose = f"the account {account_}" if account_ else "the administrator"
    if token_file is None:
        click.echo(f"The token of {whose}, written down nowhere else and shown this once:\n  {token_.reveal()}")
        return
    try:
        write_private(token_file, f"{token_.reveal()}\n".encode())
    except OSError as error:
        remedy = "make another one: twinspan server token"
        raise Rejected(f"cannot write {token_file}: {error.strerror}", remedy=remedy) from error
    click.echo(f"The token of {whose} is in {token_file}.")


server.add_command(run)
server.add_command(authority)
server.add_command(account)
