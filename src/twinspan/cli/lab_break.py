"""`twinspan lab break` and `mend`: hurt a lab by hand, and heal it.

In: a fault's name and how it shall be. Out: when exactly it began, and when it will heal by itself. Next: `drill.py`
does the same with load on the lab and a stopwatch.
"""

from __future__ import annotations

import textwrap
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Literal

import click

from twinspan.lab.faults import FAULTS
from twinspan.lab.injection import Injection, mend_listed
from twinspan.lab.lab import open_lab
from twinspan.lab.requirements import require_root
from twinspan.lab.state import FaultOptions
from twinspan.model.errors import Rejected

LAB_OPTION = click.option("--name", "-n", metavar="NAME", help="Which lab; not needed while there is only one.")
_DEFAULTS = FaultOptions()
HELP_WIDTH = 76
"""80 columns without the indents of click and of the list."""


def _fault_list() -> str:
    """The faults for --help, each on lines of its own; \\b keeps click from joining them."""
    width = max(len(name) for name in FAULTS)
    entries = (
        textwrap.fill(f"{name:<{width}}  {fault.does}", HELP_WIDTH, subsequent_indent=" " * (width + 2))
        for name, fault in FAULTS.items()
    )
    return "\b\nFaults:\n" + textwrap.indent("\n".join(entries), "  ")


HELP = f"""Break something in a lab. It heals by itself after --for seconds, even if every Twinspan process is killed.

{_fault_list()}

\b
Examples:
  twinspan lab break silent
  twinspan lab break one-way --direction to-site --for 20
  twinspan lab break daemon-kill --node vbr --daemon bird
  twinspan lab break flap --times 4 --period 3
"""


@click.command("break", help=HELP, short_help="Break something in a lab.")
@click.argument("fault")
@click.option("--for", "seconds", type=float, default=_DEFAULTS.expires_s, show_default=True, metavar="SECONDS")
@click.option("--direction", type=click.Choice(["to-cloud", "to-site"]), help="one-way: whose packets are lost.")
@click.option("--node", metavar="NODE", help="daemon-kill, agent-kill: where.  [default: gateway]")
@click.option("--daemon", type=click.Choice(["bird", "charon", "dnsmasq"]), help="daemon-kill: which.")
@click.option("--times", type=click.IntRange(1, 1000), help="flap: how often.  [default: 5]")
@click.option(
    "--period", "period_s", type=click.FloatRange(0.1, 600), help="flap: seconds from off to off.  [default: 2]"
)
@LAB_OPTION
def break_(  # noqa: PLR0913  one parameter for each option
    fault: str,
    seconds: float,
    direction: Literal["to-cloud", "to-site"] | None,
    node: str | None,
    daemon: Literal["bird", "charon", "dnsmasq"] | None,
    times: int | None,
    period_s: float | None,
    name: str | None,
) -> int:
    """See HELP."""
    require_root()
    given = {"direction": direction, "node": node, "daemon": daemon, "times": times, "period_s": period_s}
    chosen = {key: value for key, value in given.items() if value is not None}
    _refuse_unused(fault, chosen)
    options = FaultOptions(
        expires_s=seconds,
        direction=direction or _DEFAULTS.direction,
        node=node or _DEFAULTS.node,
        daemon=daemon or _DEFAULTS.daemon,
        times=times or _DEFAULTS.times,
        period_s=period_s or _DEFAULTS.period_s,
    )
    injection = Injection(open_lab(name), fault, options)
    moment = injection.fire()
    took_us = (moment.after_ns - moment.before_ns) / 1000
    at = datetime.fromtimestamp(moment.before_ns / 1e9, tz=UTC).strftime("%H:%M:%S.%f")
    lasts = f"heals by itself in {seconds:g} s; sooner: twinspan lab mend {fault}" if injection.fault.lasts else "done"
    click.echo(f"{fault}: injected at {at} UTC (± {took_us:.0f} µs); {lasts}")
    return 0


def _refuse_unused(fault: str, chosen: Collection[str]) -> None:
    """An option that the fault does not read is a misunderstanding; better said than ignored."""
    if fault not in FAULTS:
        raise Rejected(f"there is no fault {fault!r}", remedy=f"faults: {', '.join(FAULTS)}")
    unused = [key.removesuffix("_s") for key in chosen if key not in FAULTS[fault].uses]
    if unused:
        raise Rejected(f"{fault} has no option --{unused[0]}", remedy="leave it out; `twinspan lab break --help` tells")


@click.command()
@click.argument("fault", required=False)
@click.option("--all", "every", is_flag=True, help="Whatever is broken.")
@LAB_OPTION
def mend(fault: str | None, every: bool, name: str | None) -> int:
    """Heal a fault now. Without FAULT, or with --all: everything that is broken.

    \b
    Examples:
      twinspan lab mend silent
      twinspan lab mend --all
    """
    require_root()
    if fault and every:
        raise click.UsageError("give a FAULT or --all, not both")
    lab = open_lab(name)
    mended = mend_listed(lab, fault)
    if not mended:
        click.echo(f"{fault} is not broken in lab {lab.name}." if fault else f"Nothing is broken in lab {lab.name}.")
    for one in mended:
        click.echo(f"{one}: mended")
    return 0
