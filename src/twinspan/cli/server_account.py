"""`twinspan server account`: who may own devices.

In: arguments, the state directory. Out: accounts, and a token once, when it is made. Next: nothing; `server.accounts`
does it.
"""

from __future__ import annotations

import time
from pathlib import Path

import click
import msgspec
from rich.table import Table

from twinspan.cli.device_screen import console
from twinspan.cli.server_state import JSON, STATE_DIR, open_store, when
from twinspan.server.accounts import Accounts


@click.group()
def account() -> None:
    """Add, list and remove accounts. A device belongs to exactly one of them.

    \b
    Examples:
      twinspan server account add kiel
      twinspan server account list
    """


@account.command()
@click.argument("name")
@click.option("--note", default="", help="For people.")
@STATE_DIR
def add(name: str, note: str, state_dir: Path) -> int:
    """Add an account and show its token, once.

    \b
    Example:
      twinspan server account add kiel --note "Network team Kiel"
    """
    store = open_store(state_dir)
    try:
        token = Accounts(store).add(name, note, time.time_ns())
    finally:
        store.close()
    click.echo(f"The account {name} is made. Its token, written down nowhere else and shown this once:")
    click.echo(f"  {token.reveal()}")
    return 0


@account.command("list")
@STATE_DIR
@JSON
def list_(state_dir: Path, as_json: bool) -> int:
    """List the accounts.

    \b
    Example:
      twinspan server account list
    """
    store = open_store(state_dir)
    try:
        found = Accounts(store).list()
    finally:
        store.close()
    if as_json:
        click.echo(msgspec.json.encode(found))
    elif not found:
        click.echo("There is no account. Add one: twinspan server account add NAME")
    else:
        table = Table("account", "devices", "since", "note", box=None, pad_edge=False)
        for one in found:
            table.add_row(one.name, str(one.devices), when(one.created_at_ns), one.note)
        console().print(table)
    return 0


@account.command()
@click.argument("name")
@STATE_DIR
def remove(name: str, state_dir: Path) -> int:
    """Remove an account that owns no device. Its token is worth nothing from then on.

    \b
    Example:
      twinspan server account remove kiel
    """
    store = open_store(state_dir)
    try:
        Accounts(store).remove(name)
    finally:
        store.close()
    click.echo(f"The account {name} is removed.")
    return 0
