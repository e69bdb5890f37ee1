"""`twinspan server run`: the server itself, until it is told to end.

In: arguments. Out: a line when it listens; then nothing but errors. Next: `server.run`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from twinspan.cli.server_first_start import first_start, own_names
from twinspan.cli.server_state import DATABASE, STATE_DIR
from twinspan.model.cloud_management import DEFAULT_PORT
from twinspan.model.errors import Rejected
from twinspan.server.database.place import choose_database, is_made
from twinspan.server.request_log import LOGGED
from twinspan.server.resources.parts import ResourceOptions
from twinspan.server.resources.rate_limit import RateSettings
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
@DATABASE
@click.option(
    "--name",
    "names",
    multiple=True,
    metavar="NAME",
    help="At the first start: under which names devices and people reach it. Default: this machine's.",
)
@click.option(
    "--rate",
    "per_s",
    type=click.FloatRange(0, 1_000_000),
    default=RateSettings().per_s,
    show_default=True,
    metavar="N",
    help="Requests a second that one token or access key may make, twice as many at once. 0: no limit.",
)
@click.option(
    "--async-delay",
    "delay_s",
    type=click.FloatRange(0, 600),
    default=ResourceOptions().async_delay_ms / 1000,
    show_default=True,
    metavar="SECONDS",
    help="How long the compatible API says creating, changing and deleting take.",
)
@click.option(
    "--log",
    type=click.Choice(LOGGED),
    default="refused",
    show_default=True,
    help="Which requests become lines of JSON on standard error.",
)
@click.option("--plain", is_flag=True, help="Without TLS, on loopback only: for measuring.")
def run(state_dir: Path, port: int, workers: int, names: tuple[str, ...], **options: Any) -> int:
    """Run the server until SIGTERM or Ctrl-C. The first time it makes its authority and the administrator's token.

    \b
    Examples:
      twinspan server run
      twinspan server run --state-dir ./server --listen 127.0.0.1 --port 19443
      twinspan server run --workers 4 --drain 30
      twinspan server run --database postgresql://twinspan@db.example/twinspan
    """  # fmt: skip
    if not is_made(state_dir):
        first_start(state_dir, names or own_names(), None, database=options["database"])
    if port + workers > 65535:
        raise Rejected(
            f"--port {port} leaves no ports for {workers} workers", remedy="give a lower --port or fewer --workers"
        )
    per_s = options.pop("per_s")
    resources = ResourceOptions(
        database=choose_database(state_dir, options.pop("database")),
        async_delay_ms=round(options.pop("delay_s") * 1000),
        rate=RateSettings(per_s=per_s, burst=2 * per_s),
    )
    chosen = ServerOptions(state_dir=state_dir, port=port, workers=workers, resources=resources, **options)
    where = "127.0.0.1, without TLS" if chosen.plain else ", ".join(chosen.listen)
    run_server(chosen, lambda: click.echo(f"The server listens on {where}, port {port}."))
    return 0
