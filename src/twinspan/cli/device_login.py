"""Options that say which server, and why to trust it; `twinspan device login` and `logout`.

In: options, the environment, the file of known servers, a person at a terminal. Out: an `AdminClient`. Next:
`device.py`.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import msgspec

from twinspan.cli.admin_client import (
    LOGIN,
    Address,
    AdminClient,
    fetch_authorities,
    fingerprint_of,
    parse_address,
    read_authority_file,
    with_fingerprint,
)
from twinspan.cli.known_servers import KnownServer, load_servers, save_server
from twinspan.model.errors import Rejected
from twinspan.model.secret import Secret

SERVER_VARIABLE, TOKEN_VARIABLE = "TWINSPAN_SERVER", "TWINSPAN_TOKEN"


class ServerOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What was given on the command line."""

    server: str | None
    token_file: Path | None
    fingerprint: str | None
    ca_file: Path | None


_OPTIONS = (
    click.option("--server", "-s", metavar="NAME[:PORT]", envvar=SERVER_VARIABLE, show_envvar=True,
                 help="Cloud server. Default: the one that you are logged in to."),
    click.option("--token-file", type=click.Path(path_type=Path), metavar="FILE",
                 help=f"File with your token; or the token in {TOKEN_VARIABLE}. Default: the one of your login."),
    click.option("--fingerprint", metavar="HEX", help="The server's authority, instead of the one of your login."),
    click.option("--ca-file", type=click.Path(path_type=Path), metavar="FILE",
                 help="PEM file of authorities to trust, instead of those of your login."),
)  # fmt: skip


ACCOUNT = click.option("--account", metavar="NAME", default="", help="Whose they are; for administrators.")
"""Of commands about resources."""


def server_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options; the command gets them as `where`."""

    @functools.wraps(function)
    def command(*args: Any, server: Any, token_file: Any, fingerprint: Any, ca_file: Any, **rest: Any) -> Any:
        where = ServerOptions(server=server, token_file=token_file, fingerprint=fingerprint, ca_file=ca_file)
        return function(*args, where=where, **rest)

    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def open_client(where: ServerOptions) -> AdminClient:
    """The client for these options. Raises Rejected where there is nothing to trust or no such server is known."""
    servers = load_servers()
    address = _address(where, servers)
    known = servers.get(str(address))
    token = _token(where) or (known.token if known else None)
    if where.ca_file is not None:
        authorities = read_authority_file(where.ca_file)
    elif where.fingerprint is not None:
        authorities = with_fingerprint(fetch_authorities(address), where.fingerprint, address)
    elif known is not None:
        authorities = known.authorities
    else:
        raise Rejected(
            f"{address} is not known here, so nothing says that it is the right one",
            remedy=f"{LOGIN.format(address)}, or give --fingerprint or --ca-file",
        )
    fingerprint = known.fingerprint if known else ""
    return AdminClient(address, KnownServer(authorities=authorities, fingerprint=fingerprint, token=token))


@click.command()
@server_options
@click.option("--no-token", is_flag=True, help="Remember the server, and no token.")
def login(where: ServerOptions, no_token: bool) -> int:
    """Get to know a cloud server: pin its authority, check your token, remember both (readable by you alone).

    The fingerprint to compare with is shown by `twinspan server show` on the server's machine.

    \b
    Examples:
      twinspan device login --server cloud.example
      twinspan device login --server cloud.example --fingerprint 5f1c... --token-file token.txt
    """
    servers = load_servers()
    address = _address(where, servers)
    authorities = _compared(where, address)
    token = _token(where)
    if token is None and not no_token:
        token = Secret(_ask_token(address))
    known = KnownServer(authorities=authorities, fingerprint=fingerprint_of(authorities[0]), token=token)
    client = AdminClient(address, known)
    if token is not None:
        client.call(dict[str, Any], "GET", "/whoami")
    # Proved by now: all authorities that it announces are believed, also the one that will take over next.
    announced = tuple(dict.fromkeys((*authorities, *fetch_authorities(address, client.context))))
    save_server(str(address), msgspec.structs.replace(known, authorities=announced, token=None if no_token else token))
    click.echo(f"Logged in to {address}." if token else f"The server {address} is known now.")
    return 0


@click.command()
@click.option("--server", "-s", metavar="NAME[:PORT]", envvar=SERVER_VARIABLE, show_envvar=True)
def logout(server: str | None) -> int:
    """Forget a server and your token for it.

    \b
    Example:
      twinspan device logout --server cloud.example
    """
    servers = load_servers()
    address = _address(ServerOptions(server=server, token_file=None, fingerprint=None, ca_file=None), servers)
    if str(address) not in servers:
        raise Rejected(f"{address} is not known here", remedy=f"known are: {', '.join(servers) or 'none'}")
    save_server(str(address), None)
    click.echo(f"{address} is forgotten. The token itself is still good; replace it with: twinspan server token")
    return 0


def _compared(where: ServerOptions, address: Address) -> tuple[str, ...]:
    if where.ca_file is not None:
        return read_authority_file(where.ca_file)
    found = fetch_authorities(address)
    if where.fingerprint is not None:
        return with_fingerprint(found, where.fingerprint, address)
    if not sys.stdin.isatty():
        raise Rejected(
            f"nobody is here to compare the fingerprint of {address}",
            remedy="give it by --fingerprint; `twinspan server show` on the server's machine tells it",
        )
    click.echo(f"The authority of {address} has the fingerprint\n  {fingerprint_of(found[0])}")
    if not click.confirm("Is it the one that `twinspan server show` tells on the server's machine?"):
        raise Rejected("the server was not recognised", remedy="nothing was remembered and nothing sent")
    return found[:1]


def _address(where: ServerOptions, servers: dict[str, KnownServer]) -> Address:
    if where.server is not None:
        return parse_address(where.server)
    if len(servers) == 1:
        return parse_address(next(iter(servers)))
    if servers:
        raise Rejected("several servers are known", remedy=f"choose one with --server: {', '.join(servers)}")
    raise Rejected(
        "no server is given",
        remedy=f"give --server NAME[:PORT] or set {SERVER_VARIABLE}; or {LOGIN.format('NAME')}",
    )


def _token(where: ServerOptions) -> Secret | None:
    if where.token_file is not None:
        try:
            text = where.token_file.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is no text"
            raise Rejected(f"--token-file {where.token_file}: {reason}", remedy="give a file with the token") from error
        return _checked(text, f"--token-file {where.token_file}")
    text = os.environ.get(TOKEN_VARIABLE, "")
    return _checked(text, TOKEN_VARIABLE) if text else None


def _ask_token(address: Address) -> str:
    if not sys.stdin.isatty():
        raise Rejected(
            f"no token for {address}",
            remedy=f"give --token-file or set {TOKEN_VARIABLE}; `twinspan server token` at the server makes one",
        )
    return _checked(click.prompt("Token", hide_input=True), "the token").reveal()


def _checked(text: str, place: str) -> Secret:
    token = text.strip()
    if not token or not token.isascii() or not token.isprintable() or " " in token or len(token) > 256:
        raise Rejected(f"{place} holds no token", remedy="a token is one word; `twinspan server token` makes a new one")
    return Secret(token)
