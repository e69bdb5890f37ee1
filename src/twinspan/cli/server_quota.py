"""`twinspan server quota`: how many of something an account may have.

In: arguments, the server's database. Out: quotas. Next: nothing; `engine.quotas` has the defaults and their sources.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click
import msgspec
from rich.table import Table

from twinspan.cli.device_screen import console
from twinspan.cli.server_state import DATABASE, JSON, STATE_DIR, open_store, require_state
from twinspan.engine.quotas import BY_NAME
from twinspan.model.errors import Rejected
from twinspan.server.accounts import Accounts
from twinspan.server.admin_access import ShownQuota, quotas_of
from twinspan.server.database.place import choose_database
from twinspan.server.resources.port import ResourceStore
from twinspan.server.resources.seal import FILE_NAME as SEAL_KEY
from twinspan.server.resources.seal import SealKey
from twinspan.server.resources.sql_store import open_store as open_resources

T = TypeVar("T")


def _with_store(state_dir: Path, database: str, account: str, do: Callable[[ResourceStore], T]) -> T:
    require_state(state_dir)
    devices = open_store(state_dir)
    try:
        if account not in Accounts(devices).names():
            raise Rejected(f"there is no account {account}", remedy="list them: twinspan server account list")
    finally:
        devices.close()
    store = open_resources(choose_database(state_dir, database), SealKey.load_or_create(state_dir / SEAL_KEY))
    try:
        return do(store)
    finally:
        store.close()


@click.group()
def quota() -> None:
    """List and set how many of something an account may have.

    \b
    Examples:
      twinspan server quota list kiel
      twinspan server quota set kiel vpn_gateways_per_account 60
    """


@quota.command("list")
@click.argument("account")
@STATE_DIR
@DATABASE
@JSON
def list_(account: str, state_dir: Path, database: str, as_json: bool) -> int:
    """List the quotas of an account.

    \b
    Example:
      twinspan server quota list kiel
    """

    def ask(store: ResourceStore) -> tuple[ShownQuota, ...]:
        return store.read(lambda view: quotas_of(view, account))

    found = _with_store(state_dir, database, account, ask)
    if as_json:
        click.echo(msgspec.json.encode(found))
        return 0
    table = Table("quota", "limit", "default", "source", box=None, pad_edge=False)
    for one in found:
        table.add_row(one.name, str(one.limit), str(one.default), one.source)
    console().print(table)
    return 0


@quota.command("set")
@click.argument("account")
@click.argument("name")
@click.argument("limit", type=click.IntRange(0, 1_000_000))
@STATE_DIR
@DATABASE
def set_(account: str, name: str, limit: int, state_dir: Path, database: str) -> int:
    """Raise or lower a quota of an account. It holds from the next request on.

    \b
    Example:
      twinspan server quota set kiel vpn_gateways_per_account 60
    """
    if name not in BY_NAME:
        raise Rejected(f"there is no quota {name}", remedy=f"one of {', '.join(BY_NAME)}")
    _with_store(
        state_dir, database, account, lambda store: store.change(lambda work: work.set_quota(account, name, limit))
    )
    click.echo(f"{name} of {account} is {limit}; the default is {BY_NAME[name].limit}.")
    return 0
