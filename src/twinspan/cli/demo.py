"""`twinspan demo`: the main job from nothing, in about a minute.

In: nothing. Out: a lab of the first example, its picture, sessions and routes, how its gateway came to be managed by a
cloud server and stays so when that is killed, three drills measured against their bounds, an HTML report; and a clean
machine. Next: `cli.drill`, `cli.demo_cloud`.
"""

from __future__ import annotations

import time
from pathlib import Path

import click

from twinspan.cli import lab_screen
from twinspan.cli.demo_cloud import connection_lines, return_lines
from twinspan.cli.drill import run_drills
from twinspan.cli.drill_report import render_html
from twinspan.cli.interrupt import endings_interrupt
from twinspan.cli.output import require_writable, write_page
from twinspan.cli.picture import picture
from twinspan.cli.site import load_deployment
from twinspan.engine.drill_verdict import headline_results
from twinspan.lab import up as lab_up
from twinspan.lab.cloud_return import kill_server
from twinspan.lab.down import take_down
from twinspan.lab.drill import DrillOptions
from twinspan.lab.lab import Lab
from twinspan.lab.requirements import require_root
from twinspan.lab.state import lab_names
from twinspan.model.deployment import Deployment
from twinspan.model.device_report import DeviceReport
from twinspan.model.drill import DrillReport

FAULTS = ("port-shutdown", "silent", "dead-transit")
LAB = "demo"


@click.command()
@click.argument("site", type=click.Path(path_type=Path), default=Path("examples/01-two-spans/site.yaml"))
@click.option(
    "--html", type=click.Path(path_type=Path, dir_okay=False), default=Path("demo-report.html"), show_default=True
)
@click.option("--keep", is_flag=True, envvar="KEEP", help="Leave the lab up afterwards (or KEEP=1).")
def demo(site: Path, html: Path, keep: bool) -> int:
    """Bring up the first example, break its circuit in three ways, and show how long users were cut off.

    Safe to run twice, and after one that was aborted. Exit code 1 if a drill failed.

    \b
    Examples:
      twinspan demo
      KEEP=1 twinspan demo      (then: twinspan lab status)
    """
    require_root()
    require_writable(html)
    if LAB in lab_names():
        click.echo("Removing the lab of an earlier demo.")
        take_down(LAB)
    deployment = load_deployment(site)
    click.echo(f"Site {deployment.site}, limits profile {deployment.profile}:\n")
    click.echo("\n".join(picture(deployment, "circuit")))
    click.echo("\nBringing it up on BIRD, strongSwan and the kernel's routes:")
    with endings_interrupt():
        reports = _drilled(deployment, site, keep=keep)
    write_page(html, render_html(reports))
    click.echo(table(reports))
    click.echo(f"\nReport with timelines: {html}")
    click.echo("The lab stays (KEEP): twinspan lab status" if keep else "The lab is gone; nothing is left behind.")
    return 0 if all(r.verdict == "passed" for r in reports) else 1


def _drilled(deployment: Deployment, site: Path, *, keep: bool) -> list[DrillReport]:
    """The lab up, shown and drilled; and down again, whatever happens."""
    begun = time.monotonic()
    options = lab_up.UpOptions(site_file=str(site.resolve()), cloud=True)
    with lab_screen.rising() as screen:
        lab = lab_up.bring_up(deployment, LAB, options, screen.show)
    try:
        click.echo(f"Everything is established and proven after {time.monotonic() - begun:.1f} s.\n")
        show_state(lab)
        show_cloud(lab)
        return list(run_drills(lab, FAULTS, DrillOptions()))
    finally:
        if not keep:
            take_down(LAB)


def show_state(lab: Lab) -> None:
    """Sessions and routes of the gateway, as the daemons and the kernel report them."""
    with lab.agent("gateway") as agent:
        report = agent.report()
    click.echo("Sessions of the gateway")
    for line in _sessions(report):
        click.echo(f"  {line}")
    click.echo("Routes of the gateway")
    for route in report.routes:
        way = f"{route.device or 'unreachable'}{f' via {route.via}' if route.via else ''}"
        click.echo(f"  {route.prefix:18} {way:28} {route.protocol:8} metric {route.metric:<10} table {route.table}")


def show_cloud(lab: Lab) -> None:
    """How the gateway's cloud connection came up; then its server is killed."""
    with lab.agent("gateway") as agent:
        report = agent.report()
    if report.cloud is None:  # a site without a management bridge
        return
    click.echo("Cloud connection of the gateway, behind a NAT")
    for line in connection_lines(report):
        click.echo(f"  {line}")
    click.echo("Killing the cloud server (kill -9)")
    for line in return_lines(kill_server(lab)):
        click.echo(f"  {line}")


def _sessions(report: DeviceReport) -> list[str]:
    lines = [f"BGP {s.peer_address} {s.state}, {s.imported} routes in, {s.exported} out" for s in report.bgp]
    lines += [
        f"BFD {s.peer_address} {s.state}, {s.interval_ms:g} ms, dead after {s.detect_ms:g} ms" for s in report.bfd
    ]
    lines += [f"IKE {t.name} {t.ike_state}, ESP {t.child_state}, device {t.device}" for t in report.tunnels]
    if report.failover is not None:
        lines += [f"span {s.name} ({s.role}) {'proven' if s.healthy else 'NOT proven'}" for s in report.failover.spans]
    return lines


def table(reports: list[DrillReport]) -> str:
    """Measured against bound, a line per drill."""
    lines = ["", f"{'fault':15} {'to cloud':>10} {'to site':>10} {'bound':>10} {'lost on the way back':>22}  verdict"]
    for report in reports:
        cut = {r.direction: r for r in headline_results(report, "failover")}
        back = sum(r.lost for r in headline_results(report, "failback"))
        bound = report.expectation.bound_ms
        lines.append(
            f"{report.fault:15} {_ms(cut['site_to_cloud'].outage_ms)} {_ms(cut['cloud_to_site'].outage_ms)}"
            f" {_ms(bound or 0)} {back:>14} packets  {report.verdict}"
            if len(cut) == 2
            else f"{report.fault:15} nothing measured  {report.verdict}"
        )
    return "\n".join(lines)


def _ms(value: float) -> str:
    return f"{value:>7.0f} ms"
