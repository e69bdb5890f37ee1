"""`twinspan drill`: break a span on purpose and say what users lost.

In: faults, and a running lab or a site file to bring one up from. Out: text, JSON or one HTML page; the exit code is
the verdict. Next: `lab.drill` runs the sequence.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from pathlib import Path

import click
import msgspec

from twinspan.cli.drill_report import render_html, render_json, render_text
from twinspan.cli.interrupt import endings_interrupt
from twinspan.cli.output import require_writable, write_page
from twinspan.cli.site import load_deployment
from twinspan.lab import up as lab_up
from twinspan.lab.down import take_down
from twinspan.lab.drill import Drill, DrillOptions
from twinspan.lab.faults import FAULTS, find_fault
from twinspan.lab.jitter import JitterMeter
from twinspan.lab.lab import Lab, open_lab
from twinspan.lab.requirements import require_root
from twinspan.lab.state import FaultOptions
from twinspan.model.drill import DrillReport
from twinspan.model.errors import Rejected


@click.command()
@click.argument("faults", nargs=-1, required=True, metavar="FAULT...")
@click.option("--name", "-n", metavar="NAME", help="Which lab; not needed while there is only one.")
@click.option("--site", type=click.Path(path_type=Path), help="Bring this site up for the drill, and down afterwards.")
@click.option("--force", is_flag=True, help="Go on although the standby is not proven to work.")
@click.option("--direction", type=click.Choice(["to-cloud", "to-site"]), default="to-cloud", help="For one-way.")
@click.option(
    "--hold", "hold_s", type=click.FloatRange(0, 600), default=0.0, help="Keep the fault so long after the switch (s)."
)
@click.option("--json", "as_json", is_flag=True, help="Reports as a JSON list.")
@click.option(
    "--html", type=click.Path(path_type=Path, dir_okay=False), help="Also write one self-contained page here."
)
def drill(  # noqa: PLR0913  one argument per option of the command
    faults: tuple[str, ...],
    name: str | None,
    site: Path | None,
    force: bool,
    direction: str,
    hold_s: float,
    as_json: bool,
    html: Path | None,
) -> int:
    """Prove the standby, load both directions, break, wait for the switch, mend, wait for the way back, and report.

    A drill refuses to start while the standby is not proven to work. What it breaks heals by itself, even if every
    Twinspan process is killed. Exit code: 0 passed, 1 failed or refused, 2 it could not be run.

    \b
    Examples:
      twinspan drill silent
      twinspan drill silent cable dead-transit --html report.html
      twinspan drill port-shutdown --site examples/01-two-spans/site.yaml
      twinspan drill one-way --direction to-site --json
    """
    require_root()
    for fault in faults:
        find_fault(fault)
    if not math.isfinite(hold_s):  # "nan" is in every range
        raise Rejected(f"--hold {hold_s:g} is not a time", remedy="give seconds, 0 to 600")
    require_writable(html)
    options = DrillOptions(
        fault=FaultOptions(direction="to-site" if direction == "to-site" else "to-cloud"), force=force, hold_s=hold_s
    )
    reports: list[DrillReport] = []
    try:
        with endings_interrupt(), _lab(site, name) as chosen:
            reports.extend(run_drills(chosen, faults, options, quiet=as_json))
    finally:  # a later drill that cannot be run does not take the earlier ones' figures along
        if as_json and reports:
            click.echo(render_json(reports))
        if html is not None and reports:
            write_page(html, render_html(reports))
            click.echo(f"Report: {html}", err=True)
    return 0 if all(r.verdict == "passed" for r in reports) else 1


def run_drills(
    lab: Lab, faults: tuple[str, ...], options: DrillOptions, *, quiet: bool = False
) -> Iterator[DrillReport]:
    """One drill after the other, each printed as it ends. Raises Rejected before the first if the lab has not what one
    of them breaks."""
    for fault in faults:
        find_fault(fault).effects(lab, options.fault)
    for fault in faults:
        with JitterMeter() as meter:
            drill_run = Drill(lab, fault, options, lambda text: click.echo(f"  ... {text}", err=True))
            if not quiet:
                click.echo(f"\nDrill {fault}: {FAULTS[fault].does}")
            report = drill_run.run()
        report = msgspec.structs.replace(report, jitter=meter.result())
        if not quiet:
            click.echo(render_text(report))
        yield report


@contextlib.contextmanager
def _lab(site: Path | None, name: str | None) -> Iterator[Lab]:
    if site is None:
        yield open_lab(name)
        return
    deployment = load_deployment(site)
    lab_name = name or f"{lab_up.name_for(deployment.site)[:18]}-drill"
    made = lab_up.bring_up(deployment, lab_name, lab_up.UpOptions(site_file=str(site.resolve())))
    try:
        yield made
    finally:
        take_down(lab_name)
