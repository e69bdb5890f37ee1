"""`twinspan check`: does the site reach the cloud over each span, and if not, what to do about it.

In: a lab, or this very machine (`--from-here`). Out: one table, a line per test with the way out for each that failed;
exit code 0 if none failed, 1 if one did, 2 if it could not be tested. Next: `lab.connection_check`,
`cli.check_here`, `cli.check_table`.
"""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from twinspan.cli.check_here import Here, check_here
from twinspan.cli.check_table import print_table
from twinspan.cli.interrupt import endings_interrupt
from twinspan.engine.connection_check import all_well
from twinspan.lab.connection_check import AT_MOST_S, check_lab
from twinspan.lab.lab import open_lab
from twinspan.lab.requirements import require_root
from twinspan.model.connection_check import ConnectionCheck

EXIT_NOT_AS_WISHED = 1


@click.command()
@click.argument("target", required=False, metavar="[LAB | ADDRESS]")
@click.option("--lab", "lab_name", metavar="NAME", help="The lab whose site is tested. Default: the only one there is.")
@click.option("--standby", is_flag=True, help="Close the circuit's port first, and open it again afterwards.")
@click.option(
    "--at-most",
    "at_most_s",
    type=click.FloatRange(10, 3600),
    metavar="SECONDS",
    help=f"--standby: then the port opens again even if this command was killed.  [default: {AT_MOST_S:g}]",
)
@click.option("--from-here", is_flag=True, help="Test from this machine, without root; ADDRESS is a cloud computer's.")
@click.option("--site", type=click.Path(path_type=Path, dir_okay=False, exists=True), help="--from-here: a site file.")
@click.option("--name", metavar="NAME", help="--from-here: the private name to look up.")
@click.option("--dns", metavar="ADDRESS", multiple=True, help="--from-here: DNS server; once for each.")
@click.option("--service", metavar="HOST:PORT", help="--from-here: the service for TCP.  [default: NAME, port 443]")
@click.option("--json", "as_json", is_flag=True, help="JSON instead of a table.")
def check(  # noqa: PLR0913  one parameter for each option
    target: str | None,
    lab_name: str | None,
    standby: bool,
    at_most_s: float | None,
    from_here: bool,
    site: Path | None,
    name: str | None,
    dns: tuple[str, ...],
    service: str | None,
    as_json: bool,
) -> int:
    """Test the connection to the cloud: ping, traceroute, path MTU, routes, names, TCP.

    Of a lab's site: from the gateway over each span, and from the PC as users
    have it. With --from-here: from this machine, which needs no root.

    The exit code is 1 if a test failed, 2 if it could not be made.

    \b
    Examples:
      twinspan check
      twinspan check two-spans --standby
      twinspan check --from-here 172.16.0.10 --site site.yaml
    """
    if from_here:
        if lab_name or standby or at_most_s is not None:
            raise click.UsageError("--lab, --standby and --at-most are for a lab; leave them out, or --from-here")
        checks = check_here(Here(address=target, site=site, name=name, dns=dns, service=service))
    else:
        if site or name or dns or service:
            raise click.UsageError("--site, --name, --dns and --service need --from-here")
        if at_most_s is not None and not standby:
            raise click.UsageError("--at-most needs --standby")
        if target and lab_name and target != lab_name:
            raise click.UsageError("give LAB or --lab NAME, not both")
        checks = _of_lab(target or lab_name, standby, at_most_s or AT_MOST_S)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(checks), indent=2).decode())
    else:
        print_table(checks)
    return 0 if all_well(checks) else EXIT_NOT_AS_WISHED


def _of_lab(name: str | None, standby: bool, at_most_s: float) -> tuple[ConnectionCheck, ...]:
    require_root()
    with endings_interrupt():
        return check_lab(open_lab(name), standby=standby, at_most_s=at_most_s)
