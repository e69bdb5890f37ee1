"""`twinspan server access-key`: what programs sign requests of the compatible API with.

In: arguments, the state directory. Out: ids, and a secret once, when it is made. Next: nothing;
`server.resources.access` does it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.table import Table

from twinspan.cli.device_screen import console
from twinspan.cli.known_servers import write_private
from twinspan.cli.output import require_writable
from twinspan.cli.server_state import JSON, STATE_DIR, open_store, when
from twinspan.cli.server_token import DAYS, expires_at_ns
from twinspan.model.errors import Rejected
from twinspan.server.resources.access import AccessKeyTable, NewAccessKey
from twinspan.server.resources.seal import FILE_NAME as SEAL_KEY
from twinspan.server.resources.seal import SealKey


@contextmanager
def _keys(state_dir: Path) -> Iterator[AccessKeyTable]:
    store = open_store(state_dir)
    try:
        yield AccessKeyTable(store, SealKey.load_or_create(state_dir / SEAL_KEY))
    finally:
        store.close()


@click.group("access-key")
def access_key() -> None:
    """Add, list and remove access keys: the cloud's own SDKs sign with them.

    \b
    Examples:
      twinspan server access-key add kiel
      twinspan server access-key list
    """


@access_key.command()
@click.argument("account")
@STATE_DIR
@click.option("--label", default="", help="For people.")
@click.option(
    "--role",
    type=click.Choice(("viewer", "operator", "administrator")),
    default="operator",
    show_default=True,
    help="administrator: also what the cloud's provider does, such as enabling a circuit.",
)
@DAYS
@click.option(
    "--key-file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write id and secret there (0600), one per line.",
)
def add(account: str, state_dir: Path, days: int | None, key_file: Path | None, **wish: Any) -> int:
    """Add an access key of an account; its secret is shown once.

    \b
    Example:
      twinspan server access-key add kiel --label rehearsal --days 30
    """
    require_writable(key_file)
    with _keys(state_dir) as keys:
        new = NewAccessKey(account=account, expires_at_ns=expires_at_ns(days), **wish)
        key_id, secret = keys.add(new, time.time_ns())
    if key_file is None:
        click.echo(f"AccessKeyId     : {key_id}\nAccessKeySecret : {secret.reveal()}")
        click.echo("The secret is shown this once; make another key if it is lost.")
        return 0
    try:
        write_private(key_file, f"{key_id}\n{secret.reveal()}\n".encode())
    except OSError as error:
        remedy = f"remove the key {key_id} and make another"
        raise Rejected(f"cannot write {key_file}: {error.strerror}", remedy=remedy) from error
    click.echo(f"The access key {key_id} is in {key_file}.")
    return 0


@access_key.command("list")
@STATE_DIR
@JSON
def list_(state_dir: Path, as_json: bool) -> int:
    """List the access keys, without their secrets.

    \b
    Example:
      twinspan server access-key list
    """
    with _keys(state_dir) as keys:
        found = keys.list()
    if as_json:
        click.echo(msgspec.json.encode(found))
    elif not found:
        click.echo("There is no access key. Add one: twinspan server access-key add ACCOUNT")
    else:
        table = Table("access key", "account", "role", "label", "since", "until", box=None, pad_edge=False)
        for one in found:
            until = when(one.expires_at_ns) if one.expires_at_ns else "-"
            table.add_row(one.id, one.account, one.role, one.label, when(one.created_at_ns), until)
        console().print(table)
    return 0


@access_key.command()
@click.argument("access_key_id")
@STATE_DIR
def remove(access_key_id: str, state_dir: Path) -> int:
    """Remove an access key. It signs nothing from then on.

    \b
    Example:
      twinspan server access-key remove TSAK0123456789abcdef0123
    """
    with _keys(state_dir) as keys:
        keys.remove(access_key_id)
    click.echo(f"The access key {access_key_id} is removed.")
    return 0
