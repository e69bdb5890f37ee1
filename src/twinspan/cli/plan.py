"""`twinspan plan`: check site files and print what they would make.

In: site files. Out: nodes, routes, sessions and changes, as text or JSON; exit code 0, 1 (warnings) or 2 (refused).
Next: `engine.plan` describes, `cli.site` reads.
"""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from twinspan.cli.main import show
from twinspan.cli.picture import picture
from twinspan.cli.site import plan_deployment
from twinspan.cli.site_file import CheckResult, findings_text, read
from twinspan.engine.plan import SitePlan, plan_site
from twinspan.lab.lab import open_lab
from twinspan.lab.state import lab_names
from twinspan.lab.up import name_for
from twinspan.model.deployment import Deployment
from twinspan.model.errors import Rejected, TwinspanError
from twinspan.model.finding import path_text

MARKS = {"create": "+", "change": "~", "remove": "-", "none": " "}


@click.command()
@click.argument("sites", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Everything as one JSON object per file.")
@click.option("--quiet", "-q", is_flag=True, help="Only findings and one line per file.")
def plan(sites: tuple[Path, ...], as_json: bool, quiet: bool) -> int:
    """Check site files and print what each would make: nodes, addresses, routes, sessions, and what would change.

    Nothing is touched. If a lab of the same site runs, the changes are against it.
    Exit code: 0 admitted, 1 admitted with warnings, 2 refused.

    \b
    Examples:
      twinspan plan site.yaml
      twinspan plan --json site.yaml | python3 -m json.tool
      twinspan plan --quiet sites/*.yaml
    """
    worst = 0
    for path in sites:
        worst = max(worst, _one(path, as_json=as_json, quiet=quiet))
    return worst


def _one(path: Path, *, as_json: bool, quiet: bool) -> int:
    try:
        result = read(path)
    except Rejected as unreadable:  # the other files are checked all the same
        show(unreadable)
        if as_json:
            unread = CheckResult(site=None, findings=(), file_name=path.name)
            click.echo(_json(unread, None, error=unreadable.message))
        return 2
    warned = any(f.severity == "warning" for f in result.findings)
    if result.site is None:
        _refuse(result, as_json=as_json)
        return 2
    deployment = plan_deployment(result.site)
    shown = plan_site(deployment, _running(deployment.site))
    if as_json:
        click.echo(_json(result, shown))
    else:
        if any(f.severity != "info" for f in result.findings):
            click.echo(findings_text(result), err=True)
        click.echo(summary(path, shown) if quiet else text(shown, deployment))
    return 1 if warned else 0


def _refuse(result: CheckResult, *, as_json: bool) -> None:
    if as_json:
        click.echo(_json(result, None))
    else:
        click.echo(findings_text(result), err=True)


def _running(site: str) -> Deployment | None:
    """The deployment of a lab of this site, if one is up and we may look; of several, the one named after the site."""
    for name in sorted(lab_names(), key=lambda one: (one != name_for(site), one)):
        try:
            found = open_lab(name)
        except (TwinspanError, OSError):
            continue
        if found.state.site == site:
            return found.deployment
    return None


def _json(result: CheckResult, shown: SitePlan | None, error: str | None = None) -> bytes:
    """`error` says why there is nothing to find: the file cannot be read."""
    findings = [
        {
            "rule": f.rule.id,
            "severity": f.severity,
            "path": path_text(f.path),
            "value": f.value,
            "line": f.line,
            "column": f.column,
            "problem": f.problem,
            "remedy": f.remedy,
            "source": f.source or f.rule.source,
        }
        for f in result.findings
    ]
    return msgspec.json.encode(
        {
            "file": result.file_name,
            "admitted": shown is not None,
            "error": error,
            "findings": findings,
            "plan": shown,
        }
    )


def summary(path: Path, shown: SitePlan) -> str:
    """One line for one site."""
    changed = sum(c.what != "none" for c in shown.changes)
    return f"{path}: {shown.site}: {len(shown.nodes)} nodes, {len(shown.sessions)} sessions, {changed} nodes to change"


def text(shown: SitePlan, deployment: Deployment) -> str:
    """The whole plan for people."""
    lines = [
        f"Site {shown.site} in {shown.region}, limits profile: {shown.profile}",
        "",
        *picture(deployment),
        "",
        "Nodes",
    ]
    for node in shown.nodes:
        lines.append(f"  {node.node} ({node.role})")
        lines += [f"    link   {link}" for link in node.links]
        lines += [f"    route  {route}" for route in node.routes]
        lines += [f"    origin {origin}" for origin in node.originates]
    lines += ["", "Sessions"]
    lines += [f"  {s.kind:4} {s.span or 'cloud':8} {s.from_node:15} -> {s.to:26} {s.detail}" for s in shown.sessions]
    lines += ["", "Changes"]
    lines += [f"  {MARKS[c.what]} {c.node}{': ' + ', '.join(c.fields) if c.fields else ''}" for c in shown.changes]
    return "\n".join(lines)
