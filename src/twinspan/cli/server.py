"""`twinspan server`: make a cloud server and look after it, on its own machine.

In: arguments, the state directory. Out: files in it, text or JSON. All of it works while the server runs: the workers
take a new certificate up by themselves. Next: `server_authority.py`, `server_account.py`; what works from other
machines is `device.py`.
"""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from twinspan.cli.output import require_writable
from twinspan.cli.server_access_key import access_key
from twinspan.cli.server_account import account
from twinspan.cli.server_authority import authority
from twinspan.cli.server_first_start import first_start
from twinspan.cli.server_quota import quota
from twinspan.cli.server_run import run
from twinspan.cli.server_seal_key import seal_key
from twinspan.cli.server_state import DATABASE, JSON, OWN_HELP, STATE_DIR, open_store, require_state, when
from twinspan.cli.server_token import token
from twinspan.model.cloud_management import DEFAULT_PORT
from twinspan.model.errors import Rejected
from twinspan.server.accounts import Accounts
from twinspan.server.authority import load_leaf, load_names
from twinspan.server.rotation import AuthorityState, authority_states


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
@click.option("--own-authority", type=click.Path(path_type=Path), metavar="FILE", help=OWN_HELP)
@DATABASE
def init(
    state_dir: Path, names: tuple[str, ...], token_file: Path | None, own_authority: Path | None, database: str
) -> int:
    """Make a server: its authority, its certificate, its database, and the administrator's token, shown once.

    \b
    Examples:
      twinspan server init --name cloud.example
      twinspan server init --name cloud.example --name 192.0.2.10 --state-dir ./server --token-file ./token
      twinspan server init --name cloud.example --database postgresql://twinspan@db.example/twinspan
    """  # fmt: skip
    require_writable(token_file)
    try:
        first_start(state_dir, names, token_file, own_authority, database)
    except OSError as error:
        if error.filename is not None:
            raise
        raise OSError(error.errno, error.strerror, str(state_dir)) from error  # a write does not say where
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


server.add_command(run)
server.add_command(authority)
server.add_command(account)
server.add_command(token)
server.add_command(access_key)
server.add_command(quota)
server.add_command(seal_key)
