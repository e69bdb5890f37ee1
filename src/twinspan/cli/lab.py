"""`twinspan lab`: bring labs up and down, look at them, enter their nodes, break and mend them.

In: arguments. Out: text or JSON, and an exit code. The work is done in the `lab` room. Next: `lab_screen.py` shows it.
"""

from __future__ import annotations

import os
from pathlib import Path

import click
import msgspec

from twinspan.cli import lab_screen
from twinspan.cli.interrupt import endings_interrupt
from twinspan.cli.lab_break import LAB_OPTION, break_, mend
from twinspan.cli.lab_server import server_access
from twinspan.cli.site import load_deployment
from twinspan.lab import down as lab_down
from twinspan.lab import up as lab_up
from twinspan.lab.cloud import SERVER
from twinspan.lab.lab import only_lab, open_lab
from twinspan.lab.namespace import RESOLV_CONF, enter_like_ip_netns_exec
from twinspan.lab.process import MARK_VARIABLE
from twinspan.lab.requirements import require_root
from twinspan.lab.state import lab_names
from twinspan.lab.status import list_labs, look


@click.group()
def lab() -> None:
    """Bring whole sites up in network namespaces of this machine, and break them.

    \b
    Examples:
      twinspan lab up examples/01-two-spans/site.yaml
      twinspan lab status
      twinspan lab shell gateway -- ping -c3 172.16.0.10
      twinspan lab break silent --for 20
      twinspan lab down
    """


@lab.command()
@click.argument("site", type=click.Path(path_type=Path))
@click.option("--name", "-n", metavar="NAME", help="Name of the lab. Default: the site's name.")
@click.option(
    "--deadline", type=click.FloatRange(1, 600), default=lab_up.DEADLINE_S, show_default=True, metavar="SECONDS"
)
@click.option("--keep", is_flag=True, help="Leave a lab that does not converge, to look into it.")
@click.option("--cloud/--no-cloud", default=True, show_default=True, help="A cloud server that manages every node.")
@click.option("--blank", is_flag=True, help="Machines and cables only: resources in the cloud server make the rest.")
def up(site: Path, name: str | None, deadline: float, keep: bool, cloud: bool, blank: bool) -> int:
    """Build the lab of SITE and wait until every session is established and every probe answers.

    Whatever goes wrong on the way, Ctrl-C included, takes everything down again.

    \b
    Examples:
      twinspan lab up site.yaml
      twinspan lab up site.yaml --name second    (labs may stand side by side)
      twinspan lab up site.yaml --blank          (then: twinspan apply)
    """
    require_root()
    deployment = load_deployment(site)
    options = lab_up.UpOptions(site_file=str(site.resolve()), deadline_s=deadline, keep=keep, cloud=cloud, blank=blank)
    chosen = lab_up.name_for(deployment.site) if name is None else name
    with endings_interrupt(), lab_screen.rising() as screen:
        made = lab_up.bring_up(deployment, chosen, options, screen.show)
    click.echo(f"Lab {made.name} is up: {len(made.state.nodes)} nodes, {screen.elapsed_s:.1f} s.")
    if blank:
        click.echo(f"It is blank. To its server: twinspan lab shell --name {made.name} {SERVER} -- COMMAND")
    return 0


@lab.command()
@click.argument("name", required=False)
@click.option("--all", "every", is_flag=True, help="Take every lab of this machine down.")
def down(name: str | None, every: bool) -> int:
    """Remove a lab: its processes, its namespaces, its files.

    Works after a kill -9 of anything, on half-made labs, and twice with --all.

    \b
    Examples:
      twinspan lab down
      twinspan lab down second
      twinspan lab down --all
    """
    require_root()
    if every and name:
        raise click.UsageError("give a NAME or --all, not both")
    names = lab_names() if every else (name or only_lab(),)
    if not names:
        click.echo("No lab is up.")
    for lab_name in names:
        removed = lab_down.take_down(lab_name)
        click.echo(
            f"Lab {removed.lab} is down: {removed.processes} processes, {removed.namespaces} namespaces removed."
        )
    return 0


@lab.command()
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="Everything as one JSON object.")
def status(name: str | None, as_json: bool) -> int:
    """Show what a lab is: its nodes, what is missing, what is broken. Exit code 1 if it is not healthy.

    \b
    Examples:
      twinspan lab status
      twinspan lab status --json | python3 -m json.tool
    """
    require_root()
    seen = look(open_lab(name))
    if as_json:
        click.echo(msgspec.json.encode(seen))
    else:
        lab_screen.print_status(seen)
    return 0 if seen.healthy else 1


@lab.command("list")
@click.option("--json", "as_json", is_flag=True, help="As a JSON list.")
def list_(as_json: bool) -> int:
    """List the labs of this machine.

    \b
    Example:
      twinspan lab list
    """
    require_root()
    labs = list_labs()
    if as_json:
        click.echo(msgspec.json.encode(labs))
    elif labs:
        lab_screen.print_list(labs)
    else:
        click.echo("No lab is up. Bring one up: twinspan lab up SITE.yaml")
    return 0


@lab.command(context_settings={"ignore_unknown_options": True})
@click.argument("node")
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
@LAB_OPTION
def shell(node: str, command: tuple[str, ...], name: str | None) -> int:
    """Open a shell inside NODE, or run COMMAND there.

    In the node cloud-server you are its administrator; in that of a blank lab the account that owns everything.

    \b
    Examples:
      twinspan lab shell gateway
      twinspan lab shell pc -- ping -c 3 172.16.0.10
      twinspan lab shell vbr -- ip route
      twinspan lab shell cloud-server -- twinspan device list
    """
    require_root()
    chosen = open_lab(name)
    # A host's programs ask the resolvers that the site's DHCP gave, as a user's would.
    enter_like_ip_netns_exec(chosen.netns(node), {chosen.paths.node(node) / "dhcp" / "resolv.conf": RESOLV_CONF})
    arguments = command or (os.environ.get("SHELL", "/bin/sh"),)
    environment = os.environ | {MARK_VARIABLE: chosen.state.mark, "PS1": f"{node}# "}
    if node == SERVER:
        environment |= server_access(chosen)
    try:
        os.execvpe(arguments[0], list(arguments), environment)
    except OSError as error:
        raise click.UsageError(f"{arguments[0]}: {error.strerror}") from error


@lab.command()
@click.argument("name", required=False)
def keep(name: str | None) -> int:
    """Start the lab's keeper again if it died. Agents that still run are adopted, not restarted.

    \b
    Example:
      twinspan lab keep
    """
    require_root()
    chosen = open_lab(name)
    if lab_up.revive_keeper(chosen):
        click.echo(f"The keeper of lab {chosen.name} runs again.")
    else:
        click.echo(f"The keeper of lab {chosen.name} is alive; nothing to do.")
    return 0


lab.add_command(break_)
lab.add_command(mend)
