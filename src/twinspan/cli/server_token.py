"""`twinspan server token`: tokens of people and programs, with a role, scopes and an end.

In: arguments, the state directory. Out: tokens, each once, when it is made. Next: nothing; `server.accounts` does it.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.table import Table

from twinspan.cli.device_screen import console
from twinspan.cli.output import require_writable
from twinspan.cli.server_first_start import tell_token
from twinspan.cli.server_state import JSON, STATE_DIR, open_store, require_state, when
from twinspan.model.resource import Role
from twinspan.server.accounts import Accounts, NewToken

NS_PER_DAY = 24 * 3600 * 1_000_000_000
DAYS = click.option(
    "--days", type=click.IntRange(1, 3650), metavar="N", help="It ends after so many days. Default: never."
)
TOKEN_FILE = click.option(
    "--token-file", type=click.Path(path_type=Path), metavar="FILE", help="Write it there (0600) instead."
)


def expires_at_ns(days: int | None) -> int | None:
    """So many days from now."""
    return None if days is None else time.time_ns() + days * NS_PER_DAY


@click.group(invoke_without_command=True)
@STATE_DIR
@TOKEN_FILE
@click.option("--account", metavar="NAME", help="Of this account instead of the administrator's.")
@click.pass_context
def token(context: click.Context, state_dir: Path, token_file: Path | None, account: str | None) -> int:
    """Make a new token, for one that was lost or seen by others. The one before is worth nothing from then on.

    With a command behind it: add, list and remove further tokens.

    \b
    Examples:
      twinspan server token
      twinspan server token --account kiel --token-file ./kiel.token
      twinspan server token add kiel --label ci --role viewer --days 90
    """
    if context.invoked_subcommand is not None:
        return 0
    require_state(state_dir)
    require_writable(token_file)
    store = open_store(state_dir)
    try:
        accounts, now_ns = Accounts(store), time.time_ns()
        made = accounts.renew(account, now_ns) if account else accounts.renew_administrator(now_ns)
    finally:
        store.close()
    tell_token(made, token_file, account)
    return 0


@token.command()
@click.argument("account", required=False)
@STATE_DIR
@click.option("--label", required=True, metavar="LABEL", help="What it is for; the list shows ACCOUNT/LABEL.")
@click.option(
    "--role", type=click.Choice(("viewer", "operator", "administrator")), help="Default: operator of an account."
)
@click.option("--scope", "scopes", multiple=True, metavar="PATH[:read]", help="Only for these, for example vpcs:read.")
@DAYS
@TOKEN_FILE
def add(account: str | None, state_dir: Path, token_file: Path | None, days: int | None, **wish: Any) -> int:
    """Add a token and show it, once. Without an account it is for the whole server.

    \b
    Examples:
      twinspan server token add kiel --label ci --scope vpcs --scope cens:read --days 90
      twinspan server token add --label monitoring --role viewer
    """
    require_writable(token_file)
    role: Role = wish.pop("role") or ("operator" if account else "administrator")
    store = open_store(state_dir)
    try:
        new = NewToken(account=account, role=role, expires_at_ns=expires_at_ns(days), **wish)
        made = Accounts(store).add_token(new, time.time_ns())
    finally:
        store.close()
    tell_token(made, token_file, account)
    return 0


@token.command("list")
@STATE_DIR
@JSON
def list_(state_dir: Path, as_json: bool) -> int:
    """List the tokens; of the tokens themselves nothing is known any more.

    \b
    Example:
      twinspan server token list
    """
    store = open_store(state_dir)
    try:
        found = Accounts(store).tokens()
    finally:
        store.close()
    if as_json:
        click.echo(msgspec.json.encode(found))
        return 0
    table = Table("token", "account", "role", "scopes", "since", "until", box=None, pad_edge=False)
    for one in found:
        until = when(one.expires_at_ns) if one.expires_at_ns else "-"
        scopes = " ".join(one.scopes) or "all"
        table.add_row(one.label, one.account or "-", one.role, scopes, when(one.created_at_ns), until)
    console().print(table)
    return 0


@token.command()
@click.argument("label")
@STATE_DIR
def remove(label: str, state_dir: Path) -> int:
    """Remove a token. It is worth nothing from then on.

    \b
    Example:
      twinspan server token remove kiel/ci
    """
    store = open_store(state_dir)
    try:
        Accounts(store).remove_token(label)
    finally:
        store.close()
    click.echo(f"The token {label} is removed.")
    return 0
