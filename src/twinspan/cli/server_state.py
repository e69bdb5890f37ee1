"""What all commands of `twinspan server` share: where the server's state is, and how a time is written.

In: an option. Out: a store, or an error that says how to make one. Next: `server.py`.
"""

from __future__ import annotations

import datetime
import re
from pathlib import Path

import click

from twinspan.model.errors import Rejected
from twinspan.server.database.place import database_url, is_made
from twinspan.server.resources.seal import FILE_NAME as SEAL_KEY
from twinspan.server.resources.seal import SealKey
from twinspan.server.store import DeviceStore

OWN_HELP = "Your own authority: PEM with its key (EC, 0600), its certificate, and what leads to a known one."


def _without_password(context: click.Context, parameter: click.Parameter, value: str) -> str:
    """Arguments are seen by everybody on the machine."""
    given = context.get_parameter_source(parameter.name or "") is click.core.ParameterSource.COMMANDLINE
    if given and re.search(r"//[^/@]*:[^/@]*@|[?&]password=", value):
        raise Rejected(
            "--database has a password in it, which everybody on this machine can read",
            remedy="leave it out and use PGPASSFILE, or give the URL in the environment as TWINSPAN_DATABASE",
        )
    return value


DEFAULT_STATE_DIR = Path("/var/lib/twinspan/server")
STATE_DIR = click.option(
    "--state-dir", type=click.Path(path_type=Path, file_okay=False), default=DEFAULT_STATE_DIR, show_default=True,
    envvar="TWINSPAN_SERVER_STATE", show_envvar=True, metavar="DIR", help="Where the server keeps everything.",
)  # fmt: skip
DATABASE = click.option(
    "--database", default="", envvar="TWINSPAN_DATABASE", show_envvar=True, metavar="URL", callback=_without_password,
    help="Where everything is kept: postgresql://... or sqlite:///PATH. Default: SQLite in the state directory. The "
    "first command that is given one writes it down.",
)  # fmt: skip
JSON = click.option("--json", "as_json", is_flag=True, help="As one JSON value.")


def require_state(state_dir: Path) -> None:
    """Raises Rejected if no server was made there."""
    if not is_made(state_dir):
        raise Rejected(
            f"there is no server in {state_dir}",
            remedy="make one: twinspan server init --name NAME; or say where it is with --state-dir",
        )


def open_store(state_dir: Path) -> DeviceStore:
    """The server's store. Raises Rejected if there is none."""
    require_state(state_dir)
    return DeviceStore(database_url(state_dir), SealKey.load_or_create(state_dir / SEAL_KEY))


def when(at_ns: int) -> str:
    """A day, in the reader's own zone."""
    return datetime.datetime.fromtimestamp(at_ns / 1e9, tz=datetime.UTC).astimezone().strftime("%Y-%m-%d")
