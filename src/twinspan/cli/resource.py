"""`twinspan get`, `describe`, `create`, `edit`, `delete`: the resources of a server, one by one.

In: a kind, names, a login. Out: text or JSON, and an exit code: 0 as wished, 1 not changed, 2 refused or unreachable.
Whole sites are `apply.py`. Next: `admin_client.py` does the talking, `resource_screen.py` the looks.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click
import msgspec
import yaml

from twinspan.cli import resource_screen as screen
from twinspan.cli.admin_client import AdminClient, segment
from twinspan.cli.device_login import ACCOUNT, ServerOptions, open_client, server_options
from twinspan.cli.resource_kind import KindType
from twinspan.cli.resource_screen import Change, Resource, Use
from twinspan.cli.site_file import read_file
from twinspan.model.errors import Rejected
from twinspan.model.kinds import STORED_KINDS, Kind

PAGE = 200
HISTORY = 20
_KIND = click.argument("kind", type=KindType())
_NAME = click.argument("name")
_JSON = click.option("--json", "as_json", is_flag=True, help="What the server says, as JSON.")
_YES = click.option("--yes", "-y", is_flag=True, help="Do not ask.")


class _Page(msgspec.Struct, frozen=True, kw_only=True):
    items: tuple[Resource, ...]
    total: int
    next: str | None


class _Uses(msgspec.Struct, frozen=True, kw_only=True):
    items: tuple[Use, ...]


class _History(msgspec.Struct, frozen=True, kw_only=True):
    items: tuple[Change, ...]


@click.command()
@click.argument("kind", type=KindType(), required=False)
@click.argument("names", nargs=-1)
@server_options
@click.option("--site", metavar="NAME", help="Only what is bound to this site.")
@click.option("--tag", metavar="KEY[=VALUE]", help="Only those with this tag.")
@click.option("--text", metavar="TEXT", help="Only those with this in their name or id.")
@click.option("--limit", type=click.IntRange(1), default=PAGE, show_default=True, metavar="N", help="At most so many.")
@ACCOUNT
@_JSON
def get(
    kind: Kind | None, names: tuple[str, ...], where: ServerOptions, as_json: bool, account: str, **narrow: Any
) -> int:
    """List resources of a KIND, or those named. Without a kind: the kinds, and how many there are of each.

    \b
    Examples:
      twinspan get
      twinspan get vbr
      twinspan get ipsec-connections --site two-spans
      twinspan get vpc --tag env=test --json
    """
    client = open_client(where)
    if kind is None:
        return _overview(client, account, as_json)
    if names:
        found = tuple(_one(client, kind, name, account) for name in names)
        total = len(found)
    else:
        found, total = _list(client, kind, narrow, account)
    if as_json:
        click.echo(msgspec.json.encode(found))
    else:
        screen.print_resources(kind, found, total)
    return 0


@click.command()
@_KIND
@_NAME
@server_options
@ACCOUNT
def describe(kind: Kind, name: str, where: ServerOptions, account: str) -> int:
    """Show everything about one resource: what it shall be, what was seen, what uses it, who changed it.

    \b
    Example:
      twinspan describe vbr vbr
    """
    client = open_client(where)
    found = _one(client, kind, name, account)
    path = f"/{kind.path}/{segment(found.id)}"
    uses = client.call(_Uses, "GET", f"{path}/uses{_asked(account)}").items
    history = client.call(_History, "GET", f"{path}/history{_asked(account)}").items
    screen.print_resource(found, uses, history[-HISTORY:])
    return 0


@click.command()
@_KIND
@_NAME
@click.option(
    "--file",
    "-f",
    "file",
    type=click.Path(path_type=Path, allow_dash=True),
    metavar="FILE",
    help="YAML or JSON of its fields; - : standard input.",
)
@click.option("--site", metavar="NAME", default="", help="Bind it to this site.")
@click.option("--dry-run", is_flag=True, help="Check everything, change nothing.")
@server_options
@ACCOUNT
@_JSON
def create(  # noqa: PLR0913 - one argument an option
    kind: Kind,
    name: str,
    file: Path | None,
    site: str,
    dry_run: bool,
    where: ServerOptions,
    account: str,
    as_json: bool,
) -> int:
    """Make a resource. Its fields are those of the site file; references are names or ids.

    \b
    Examples:
      echo '{cidr_block: 10.1.0.0/16}' | twinspan create vpc test -f -
      twinspan create vbr vbr-2 -f vbr.yaml --site two-spans --dry-run
    """
    body = {"name": name, "site": site, "spec": _fields(file)}
    asked = _asked(account, dry_run=dry_run)
    made = open_client(where).call(Resource, "POST", f"/{kind.path}{asked}", body)
    if as_json:
        click.echo(msgspec.json.encode(made))
    else:
        click.echo(f"{kind.label} {name} would be made." if dry_run else f"{kind.label} {name} is {made.id}.")
    return 0


@click.command()
@_KIND
@_NAME
@click.option(
    "--set",
    "values",
    metavar="FIELD=VALUE",
    multiple=True,
    help="Change a field without an editor; may be given several times. The value is YAML.",
)
@server_options
@ACCOUNT
@_JSON
def edit(kind: Kind, name: str, values: tuple[str, ...], where: ServerOptions, account: str, as_json: bool) -> int:
    """Change a resource in your editor ($EDITOR), or by --set. If somebody else changed it meanwhile, nothing is.

    \b
    Examples:
      twinspan edit vbr vbr
      twinspan edit vbr vbr --set detect_multiplier=5
    """
    client = open_client(where)
    found = _one(client, kind, name, account)
    patch = {"spec": _set_values(values)} if values else _edited(found)
    if not patch:
        click.echo("Nothing was changed.")
        return 1
    path = f"/{kind.path}/{segment(found.id)}{_asked(account)}"
    changed = client.call(Resource, "PATCH", path, patch, headers={"If-Match": f'"{found.generation}"'})
    if as_json:
        click.echo(msgspec.json.encode(changed))
    elif changed.generation == found.generation:
        click.echo(f"{kind.label} {name} was so already.")
    else:
        click.echo(f"{kind.label} {name} has generation {changed.generation}.")
    return 0


@click.command()
@_KIND
@click.argument("names", nargs=-1, required=True)
@server_options
@ACCOUNT
@_YES
def delete(kind: Kind, names: tuple[str, ...], where: ServerOptions, account: str, yes: bool) -> int:
    """Delete resources. One that something else refers to stays, and that is named.

    \b
    Example:
      twinspan delete vpc test
    """
    client = open_client(where)
    found = [_one(client, kind, name, account) for name in names]
    if not yes:
        if not sys.stdin.isatty():
            raise Rejected("nobody is here to be asked", remedy="give --yes")
        called = ", ".join(f"{one.name or one.id}" for one in found)
        if not click.confirm(f"Delete {kind.label} {called}?"):
            return 1
    for one in found:
        headers = {"If-Match": f'"{one.generation}"'}
        client.call(Resource, "DELETE", f"/{kind.path}/{segment(one.id)}{_asked(account)}", headers=headers)
        click.echo(f"{kind.label} {one.name or one.id} is deleted.")
    return 0


def _one(client: AdminClient, kind: Kind, name: str, account: str) -> Resource:
    return client.call(Resource, "GET", f"/{kind.path}/{segment(name)}{_asked(account)}")


def _list(client: AdminClient, kind: Kind, narrow: dict[str, Any], account: str) -> tuple[tuple[Resource, ...], int]:
    limit = narrow["limit"]
    asked = {"account": account, "site": narrow["site"] or "", "text": narrow["text"] or ""}
    if narrow["tag"]:
        key, _, value = narrow["tag"].partition("=")
        asked[f"tag.{key}"] = value
    found: list[Resource] = []
    cursor: str | None = ""
    total = 0
    while cursor is not None and len(found) < limit:
        query = asked | {"limit": str(min(PAGE, limit - len(found))), "cursor": cursor}
        text = "&".join(f"{segment(name)}={segment(value)}" for name, value in query.items() if value)
        page = client.call(_Page, "GET", f"/{kind.path}?{text}")
        found += page.items
        cursor, total = page.next, page.total
    return tuple(found), total


def _overview(client: AdminClient, account: str, as_json: bool) -> int:
    asked = _asked(account, limit="1")
    counts = {kind.path: client.call(_Page, "GET", f"/{kind.path}{asked}").total for kind in STORED_KINDS.values()}
    if as_json:
        click.echo(msgspec.json.encode(counts))
    else:
        for path, count in counts.items():
            click.echo(f"{count:6}  {path}")
    return 0


def _asked(account: str, *, dry_run: bool = False, limit: str = "") -> str:
    parts = {"account": account, "limit": limit, "dry_run": "true" if dry_run else ""}
    text = "&".join(f"{name}={segment(value)}" for name, value in parts.items() if value)
    return f"?{text}" if text else ""


def _fields(file: Path | None) -> dict[str, Any]:
    if file is None:
        return {}
    try:
        text = sys.stdin.buffer.read() if str(file) == "-" else read_file(file)
    except OSError as error:
        raise Rejected(f"cannot read {file}: {error.strerror}", remedy="give a file of fields") from error
    return _mapping(text, str(file))


def _mapping(text: bytes | str, what: str) -> dict[str, Any]:
    try:
        plain = yaml.safe_load(text)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise Rejected(f"{what} is no YAML: {str(error).partition(chr(10))[0]}", remedy="correct it") from error
    if plain is None:
        return {}
    if not isinstance(plain, dict) or not all(isinstance(key, str) for key in plain):
        raise Rejected(f"{what} is no mapping of fields", remedy="write FIELD: VALUE")
    return plain


def _set_values(values: tuple[str, ...]) -> dict[str, Any]:
    """a.b=c as a merge patch."""
    patch: dict[str, Any] = {}
    for text in values:
        path, found, value = text.partition("=")
        if not found or not path:
            raise Rejected(f"--set {text!r} is not FIELD=VALUE", remedy="for example --set detect_multiplier=5")
        part = patch
        *steps, last = path.split(".")
        for step in steps:
            part = part.setdefault(step, {})
        part[last] = _mapping(f"value: {value}", f"--set {path}").get("value")
    return patch


def _edited(found: Resource) -> dict[str, Any]:
    """The patch that an editor's text asks for; empty: none."""
    before = screen.editable(found)
    after = click.edit(before, extension=".yaml", require_save=True)
    if after is None or after == before:
        return {}
    wanted = _mapping(after, "what you wrote")
    unknown = set(wanted) - {"name", "spec"}
    if unknown:
        raise Rejected(f"{', '.join(sorted(unknown))}: only name and spec can be changed", remedy="edit it again")
    spec = wanted.get("spec") or {}
    if not isinstance(spec, dict):
        raise Rejected("spec is no mapping of fields", remedy="write FIELD: VALUE below it")
    patch = _difference(found.spec, spec)
    named = {"name": wanted["name"]} if wanted.get("name", found.name) != found.name else {}
    return named | ({"spec": patch} if patch else {})


def _difference(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """A merge patch (RFC 7396) that makes `after` of `before`."""
    patch: dict[str, Any] = {key: None for key in before if key not in after}
    for key, value in after.items():
        was = before.get(key)
        if isinstance(was, dict) and isinstance(value, dict):
            inner = _difference(was, value)
            if inner:
                patch[key] = inner
        elif was != value or key not in before:
            patch[key] = value
    return patch
