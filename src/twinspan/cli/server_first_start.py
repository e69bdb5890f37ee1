"""The first start of a server: its authority, its database, and the administrator's token, shown once.

In: a state directory, names. Out: files in it, and what a person must know. Next: `server.py` (init), `server_run.py`.
"""

from __future__ import annotations

import socket
import time
from pathlib import Path

import click

from twinspan.cli.known_servers import write_private
from twinspan.model.errors import Rejected
from twinspan.model.secret import Secret
from twinspan.server.accounts import Accounts
from twinspan.server.authority import create_authority, load_names
from twinspan.server.database.place import choose_database
from twinspan.server.key_file import ticket_key
from twinspan.server.resources.seal import FILE_NAME as SEAL_KEY
from twinspan.server.resources.seal import SealKey
from twinspan.server.store import DeviceStore


def first_start(
    state_dir: Path,
    names: tuple[str, ...],
    token_file: Path | None,
    own_authority: Path | None = None,
    database: str = "",
) -> None:
    """Make a server. Raises Rejected if there is one, in the state directory or in the database."""
    if database:
        require_unused(database)
    fingerprint = create_authority(state_dir, names, time.time_ns(), own_authority)
    ticket_key(state_dir)
    SealKey.load_or_create(state_dir / SEAL_KEY)
    store = DeviceStore(choose_database(state_dir, database))  # last: from now on there is a server
    try:
        token = Accounts(store).renew_administrator(time.time_ns())
    finally:
        store.close()
    click.echo(f"The server {load_names(state_dir)[0]} is made in {state_dir}.")
    click.echo(f"Its authority has the fingerprint\n  {fingerprint}")
    tell_token(token, token_file)


def require_unused(url: str) -> None:
    """Raises Rejected if the database is a server's already: this one would lock its administrator out."""
    store = DeviceStore(url)
    try:
        if Accounts(store).tokens():
            raise Rejected(
                "that database is the one of another server",
                remedy="for a second server on it, copy the first one's --state-dir to this machine and run it there",
            )
    finally:
        store.close()


def own_names() -> tuple[str, ...]:
    """What this machine may be called, where nobody has said: its host name, and itself."""
    name = socket.gethostname()
    return tuple(dict.fromkeys((name, "localhost", "127.0.0.1", "::1")))


def tell_token(token: Secret, token_file: Path | None, account: str | None = None) -> None:
    """Show it, or write it into a file."""
    whose = f"the account {account}" if account else "the administrator"
    if token_file is None:
        click.echo(f"The token of {whose}, written down nowhere else and shown this once:\n  {token.reveal()}")
        return
    try:
        write_private(token_file, f"{token.reveal()}\n".encode())
    except OSError as error:
        remedy = "make another one: twinspan server token"
        raise Rejected(f"cannot write {token_file}: {error.strerror}", remedy=remedy) from error
    click.echo(f"The token of {whose} is in {token_file}.")
