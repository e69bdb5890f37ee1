"""`twinspan doctor`: why a device cannot connect to its cloud server, on one page.

In: the node's directory, or a node of a lab. Out: a line per step with the way out, exit code 0 if it is connected, 1
if something is wrong. Next: `agent.cloud_connection.doctor` does the looking.
"""

from __future__ import annotations

from pathlib import Path

import click
import msgspec
from rich.console import Console
from rich.text import Text

from twinspan.lab.client import AgentClient
from twinspan.lab.lab import open_lab
from twinspan.model.cloud_check import CloudCheck

EXIT_NOT_AS_WISHED = 1
EXAMINATION_S = 90.0
"""Nine servers that do not answer take their time."""
_MARKS = {True: ("ok", "green"), False: ("FAILED", "bold red"), None: ("-", "dim")}


@click.command()
@click.argument("node_dir", required=False, type=click.Path(path_type=Path, file_okay=False))
@click.option("--lab", "lab_name", metavar="NAME", help="A node of this lab. Default: the only one there is.")
@click.option("--node", metavar="NODE", help="Name of the lab's node.  [default: gateway]")
@click.option("--json", "as_json", is_flag=True, help="JSON instead of a page.")
def doctor(node_dir: Path | None, lab_name: str | None, node: str | None, as_json: bool) -> int:
    """Say why a device cannot connect to its cloud server.

    Tries name, route, port, TLS, clock, serial number and password one by
    one, for every server and every address. A connection that is up stays up.

    NODE_DIR is the directory of its agent. The exit code is 1 if anything is
    wrong.

    \b
    Examples:
      twinspan doctor /var/lib/twinspan/gateway
      twinspan doctor --lab two-spans --node vbr
    """
    if node_dir is not None and (lab_name or node):
        raise click.UsageError("give NODE_DIR, or --lab and --node, not both")
    socket = node_dir / "agent.sock" if node_dir else open_lab(lab_name).agent(node or "gateway").path
    with AgentClient(socket, node=node or "", deadline_s=EXAMINATION_S) as agent:
        checks = agent.examine_cloud()
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(checks), indent=2).decode())
    else:
        _show(checks)
    return 0 if all(check.passed is not False for check in checks) else EXIT_NOT_AS_WISHED


def _show(checks: tuple[CloudCheck, ...]) -> None:
    out = Console(soft_wrap=True)
    for check in checks:
        word, style = _MARKS[check.passed]
        subject = f"{check.subject}: " if check.subject else ""
        out.print(Text.assemble((f"{word:<7}", style), f"{check.topic:<9}", f"{subject}{check.detail}"))
        if check.remedy:
            out.print(Text(f"{'':16}way out: {check.remedy}"))
