"""`twinspan server run`: the server itself, until it is told to end.

In: arguments. Out: a line when it listens; then nothing but errors. Next: `server.run`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from twinspan.cli.server_state import STATE_DIR, require_state
from twinspan.model.cloud_management import DEFAULT_PORT
from twinspan.model.errors import Rejected
from twinspan.server.run import MAX_WORKERS, run_server
from twinspan.server.worker import ServerOptions


@click.command()
@STATE_DIR
@click.option(
    "--listen",
    multiple=True,
    default=ServerOptions(state_dir=Path()).listen,
    metavar="ADDRESS",
    show_default=True,
    help="May be given several times.",
)
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    default=DEFAULT_PORT,
    show_default=True,
    metavar="PORT",
    help="Of devices and people. With several workers, those after it are used as well.",
)
@click.option(
    "--workers",
    type=click.IntRange(1, MAX_WORKERS),
    default=1,
    show_default=True,
    metavar="N",
    help="Processes; one holds some 4,500 devices with three sub-connections each.",
)
@click.option("--public", metavar="NAME", help="Name that devices are told. Default: the one that they used.")
@click.option(
    "--drain",
    "drain_s",
    type=click.FloatRange(0, 3600),
    default=0.0,
    show_default=True,
    metavar="SECONDS",
    help="At the end, send devices away one by one within this time; they come back as spread.",
)
@click.option("--plain", is_flag=True, help="Without TLS, on loopback only: for measuring.")
def run(state_dir: Path, port: int, workers: int, plain: bool, **options: Any) -> int:
    """Run the server until SIGTERM or Ctrl-C.

    \b
    Examples:
      twinspan server run
      twinspan server run --state-dir ./server --listen 127.0.0.1 --port 19443
      twinspan server run --workers 4 --drain 30
    """  # fmt: skip
    require_state(state_dir)
    if port + workers > 65535:
        raise Rejected(
            f"--port {port} leaves no ports for {workers} workers", remedy="give a lower --port or fewer --workers"
        )
    chosen = ServerOptions(state_dir=state_dir, port=port, workers=workers, plain=plain, **options)
    where = "127.0.0.1, without TLS" if plain else ", ".join(chosen.listen)
    run_server(chosen, lambda: click.echo(f"The server listens on {where}, port {port}."))
    return 0
