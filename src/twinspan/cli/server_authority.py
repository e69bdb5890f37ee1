"""`twinspan server authority`: look at the server's authority, and replace it without a visit to any device.

In: arguments, the state directory. Out: files in it, and what to do next. Next: nothing; `server.rotation` does it.
"""

from __future__ import annotations

import time
from pathlib import Path

import click
import msgspec

from twinspan.cli.server_state import JSON, OWN_HELP, STATE_DIR, require_state, when
from twinspan.server import rotation
from twinspan.server.authority import authorities, issue_leaf, load_names, save_names


@click.group()
def authority() -> None:
    """Show and replace the authority that devices trust.

    \b
    A replacement, in three steps with time between them:
      twinspan server authority rotate     a next one is announced to every device that is, or gets, connected
      twinspan server authority switch     it issues the server's certificate from now on
      twinspan server authority retire     the old one is trusted no more
    """


@authority.command()
@STATE_DIR
@click.option("--pem", is_flag=True, help="The certificates themselves, for --ca-file or a device.")
@JSON
def show(state_dir: Path, pem: bool, as_json: bool) -> int:
    """Show every authority that is announced, with its fingerprint.

    \b
    Examples:
      twinspan server authority show
      twinspan server authority show --pem > authority.pem
    """
    require_state(state_dir)
    if pem:
        click.echo("".join(authorities(state_dir)), nl=False)
        return 0
    states = rotation.authority_states(state_dir)
    if as_json:
        click.echo(msgspec.json.encode(states))
        return 0
    for state in states:
        click.echo(f"{state.role:<9} {state.fingerprint}  {state.name}, until {when(state.not_after_ns)}")
    return 0


@authority.command()
@STATE_DIR
@click.option("--own", type=click.Path(path_type=Path), metavar="FILE", help=OWN_HELP)
def rotate(state_dir: Path, own: Path | None) -> int:
    """Make a next authority, or bring your own, and announce it. The current one goes on as before.

    \b
    Examples:
      twinspan server authority rotate
      twinspan server authority rotate --own issuing-ca.pem
    """
    require_state(state_dir)
    fingerprint = rotation.rotate(state_dir, time.time_ns(), own)
    click.echo(f"The next authority has the fingerprint\n  {fingerprint}")
    click.echo("Devices learn it when they connect. Then: twinspan server authority switch")
    return 0


@authority.command()
@STATE_DIR
def switch(state_dir: Path) -> int:
    """Let the next authority issue. Devices that did not hear of it trust it by the old one's word.

    \b
    Example:
      twinspan server authority switch
    """
    require_state(state_dir)
    fingerprint = rotation.switch(state_dir, time.time_ns())
    click.echo(f"The certificate comes from this authority now:\n  {fingerprint}")
    click.echo("When every device has connected since the rotation: twinspan server authority retire")
    return 0


@authority.command()
@STATE_DIR
@click.option("--yes", is_flag=True, help="Do not ask.")
def retire(state_dir: Path, yes: bool) -> int:
    """Trust the old authority no more. A device that was away since the rotation needs the new fingerprint by hand.

    \b
    Example:
      twinspan server authority retire
    """
    require_state(state_dir)
    if not yes and not click.confirm("Has every device connected since the rotation (twinspan device list)?"):
        click.echo("Nothing was changed.")
        return 1
    click.echo(f"Trusted no more:\n  {rotation.retire(state_dir, time.time_ns())}")
    return 0


@authority.command()
@STATE_DIR
@click.argument("names", nargs=-1)
def names(state_dir: Path, names: tuple[str, ...]) -> int:
    """Show the names and addresses in the server's certificate, or give it others.

    \b
    Examples:
      twinspan server authority names
      twinspan server authority names cloud.example 192.0.2.10
    """
    require_state(state_dir)
    if names:
        save_names(state_dir, names)
        issue_leaf(state_dir, time.time_ns())
    click.echo("\n".join(load_names(state_dir)))
    return 0
