"""`twinspan apply`, `diff`, `destroy`, `export`: a site file against a server.

In: a site file, a login. Out: the changes as text or JSON, and an exit code: 0 as wished, 1 differs (diff) or not
confirmed, 2 refused or unreachable. The server decides what changes; what was shown is what is carried out, or nothing.
Next: `admin_client.py` does the talking, `server.resources.apply` the work.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click
import msgspec

from twinspan.cli.admin_client import AdminClient, segment
from twinspan.cli.device_login import ACCOUNT, ServerOptions, open_client, server_options
from twinspan.cli.output import require_writable, write_page
from twinspan.cli.site import load_site, read_keys
from twinspan.model.decode import decode
from twinspan.model.errors import Rejected
from twinspan.model.kinds import STORED_KINDS
from twinspan.model.site import SiteFile
from twinspan.model.site_apply import ApplyRequest, ResourceChange, SitePlanned
from twinspan.wire.site_file_text import site_text, to_plain

_JSON = click.option("--json", "as_json", is_flag=True, help="What the server says, as JSON.")
_YES = click.option("--yes", "-y", is_flag=True, help="Do not ask.")
_HALF = click.option(
    "--only-data-center",
    is_flag=True,
    help="Only the data centre's own half: who makes the cloud's resources in another way, keeps them as they are.",
)
_FILE = click.argument("site_file", type=click.Path(path_type=Path))
_MARKS = {"create": "+", "update": "~", "replace": "!", "delete": "-"}
_WORDS = {"create": "made", "update": "changed", "replace": "made anew", "delete": "deleted"}


@click.command()
@_FILE
@server_options
@ACCOUNT
@_HALF
@_YES
@_JSON
def apply(site_file: Path, where: ServerOptions, account: str, only_data_center: bool, yes: bool, as_json: bool) -> int:
    """Make a server's resources as a site file says: all of it, or nothing.

    Shows what would change and asks; then makes exactly that in one step. The same file twice changes nothing.
    Resources of the site that the file does not have are deleted. Keys that the file leaves out are made once and kept.

    \b
    Examples:
      twinspan apply site.yaml
      twinspan apply site.yaml --server cloud.example --yes
      twinspan apply site.yaml --only-data-center
    """
    client = open_client(where)
    request = _request(site_file, only_data_center)
    planned = _plan(client, request, account)
    if not planned.changes:
        _show(planned, as_json)
        return 0
    if not as_json:
        click.echo(plan_text(planned))
    if not _confirmed(yes, as_json, f"Make {_changes(planned)}?"):
        return 1
    done = client.call(
        SitePlanned, "POST", f"/apply{_asked(account=account)}", msgspec.structs.replace(request, plan=planned.plan)
    )
    _show(done, as_json)
    return 0


@click.command()
@_FILE
@server_options
@ACCOUNT
@_HALF
@_JSON
def diff(site_file: Path, where: ServerOptions, account: str, only_data_center: bool, as_json: bool) -> int:
    """Show what `twinspan apply` would change. Exit code: 0 nothing, 1 something, 2 refused.

    \b
    Examples:
      twinspan diff site.yaml
      twinspan diff site.yaml --json | python3 -m json.tool
    """
    planned = _plan(open_client(where), _request(site_file, only_data_center), account)
    _show(planned, as_json)
    return 1 if planned.changes else 0


@click.command()
@click.argument("site")
@server_options
@ACCOUNT
@_YES
@_JSON
def destroy(site: str, where: ServerOptions, account: str, yes: bool, as_json: bool) -> int:
    """Delete a site and every resource that belongs to it, by its name.

    \b
    Example:
      twinspan destroy two-spans
    """
    client = open_client(where)
    path = f"/sites/{segment(site)}/destroy"
    planned = client.call(SitePlanned, "POST", f"{path}{_asked(account=account, dry_run='true')}")
    if not as_json:
        click.echo(plan_text(planned))
    if not _confirmed(yes, as_json, f"Delete all of it ({_changes(planned)})?"):
        return 1
    _show(client.call(SitePlanned, "POST", f"{path}{_asked(account=account, plan=planned.plan)}"), as_json)
    return 0


@click.command()
@click.argument("site")
@server_options
@ACCOUNT
@click.option("--output", "-o", type=click.Path(path_type=Path), metavar="FILE", help="Default: standard output.")
def export(site: str, where: ServerOptions, account: str, output: Path | None) -> int:
    """Write a site as a site file, from what the server has now.

    Applied again it changes nothing. Keys stay on the server: a file without them keeps those that are there.

    \b
    Examples:
      twinspan export two-spans
      twinspan export two-spans -o site.yaml && twinspan diff site.yaml
    """
    require_writable(output)
    client = open_client(where)
    plain = client.call(dict[str, Any], "GET", f"/sites/{segment(site)}/export{_asked(account=account)}")
    decoded = decode(SiteFile, plain, profile=plain.get("profile", "edge"), limits=None)
    if decoded.value is None:
        raise Rejected("the server's site is not one that this version knows", remedy="use the server's version")
    text = site_text(decoded.value)
    if output is None:
        click.echo(text, nl=False)
    else:
        write_page(output, text)
        click.echo(f"{site} written to {output}", err=True)
    return 0


def _request(path: Path, only_data_center: bool) -> ApplyRequest:
    site = load_site(path, limits=None)  # the server knows the account's quotas
    return ApplyRequest(site=to_plain(read_keys(site, path)), only_data_center=only_data_center)


def _plan(client: AdminClient, request: ApplyRequest, account: str) -> SitePlanned:
    return client.call(SitePlanned, "POST", f"/apply{_asked(account=account, dry_run='true')}", request)


def _asked(**fields: str) -> str:
    """As a query; what is empty is left out."""
    text = "&".join(f"{name}={segment(value)}" for name, value in fields.items() if value)
    return f"?{text}" if text else ""


def _confirmed(yes: bool, as_json: bool, question: str) -> bool:
    if yes:
        return True
    if as_json or not sys.stdin.isatty():
        raise Rejected("nobody is here to be asked", remedy="look with `twinspan diff`, then give --yes")
    return click.confirm(question)


def _show(planned: SitePlanned, as_json: bool) -> None:
    click.echo(msgspec.json.encode(planned) if as_json else plan_text(planned))


def plan_text(planned: SitePlanned) -> str:
    """Changes as people read them."""
    lines = [f"warning: {warning}" for warning in planned.warnings]
    if planned.applied:
        lines += [f"{_MARKS[c.action]} {_line(c)} {_WORDS[c.action]}" for c in planned.changes]
        lines.append(f"{planned.site}: {_counted(planned)}; {planned.unchanged} are as they were.")
    elif planned.changes:
        lines += [f"{_MARKS[c.action]} {_line(c)}{_why(c)}" for c in planned.changes]
        lines.append(f"{planned.site}: {_changes(planned)}; {planned.unchanged} resources are as they shall be.")
    else:
        lines.append(f"{planned.site}: nothing to change; {planned.unchanged} resources are as they shall be.")
    return "\n".join(lines)


def _changes(planned: SitePlanned) -> str:
    return f"{len(planned.changes)} change{'' if len(planned.changes) == 1 else 's'}"


def _counted(planned: SitePlanned) -> str:
    counts = {word: sum(c.action == action for c in planned.changes) for action, word in _WORDS.items()}
    return ", ".join(f"{count} {word}" for word, count in counts.items() if count)


def _line(change: ResourceChange) -> str:
    label = STORED_KINDS[change.kind].label if change.kind in STORED_KINDS else change.kind
    return f"{label} {change.name}{f' ({change.id})' if change.id else ''}"


def _why(change: ResourceChange) -> str:
    fields = f": {', '.join(change.fields)}" if change.fields else ""
    return f"{fields}{f' - {change.reason}' if change.reason else ''}"
