"""`twinspan backup` and `twinspan restore`: a server in one file.

In: arguments, a state directory. Out: a file, or a server that can run. Next: `server.backup`, `server.restore`.
"""

from __future__ import annotations

import time
from pathlib import Path

import click

from twinspan.cli.server_state import DATABASE, STATE_DIR, require_state
from twinspan.server.backup import back_up
from twinspan.server.backup_check import check_backup
from twinspan.server.backup_format import Contents
from twinspan.server.database.place import choose_database
from twinspan.server.restore import restore as restore_server

FILE = click.argument("file", type=click.Path(path_type=Path, dir_okay=False))


@click.command()
@FILE
@STATE_DIR
@DATABASE
def backup(file: Path, state_dir: Path, database: str) -> int:
    """Write everything that a server is into FILE while it runs, and prove that a server can be made of it.

    FILE has the server's keys in it: keep it as safe as the server itself.

    \b
    Examples:
      twinspan backup /backups/cloud.zip
      twinspan backup ./cloud.zip --state-dir ./server
    """
    require_state(state_dir)
    contents, problems = back_up(state_dir, choose_database(state_dir, database), file, time.time_ns())
    click.echo(f"In {file}: {_told(contents)}")
    return _tell(problems)


@click.command()
@FILE
@STATE_DIR
@DATABASE
@click.option("--force", is_flag=True, help="Give up what is there. It is lost.")
@click.option("--check", is_flag=True, help="Only prove that FILE is whole.")
def restore(file: Path, state_dir: Path, database: str, force: bool, check: bool) -> int:
    """Make a server of a backup: into SQLite or PostgreSQL, whichever it came from.

    \b
    Examples:
      twinspan restore /backups/cloud.zip --check
      twinspan restore /backups/cloud.zip --state-dir ./server
      twinspan restore cloud.zip --database postgresql://twinspan@db.example/cloud
    """
    if check:
        contents, problems = check_backup(file)
        click.echo(f"{file} is whole: {_told(contents)}")
        return _tell(problems)
    contents = restore_server(file, state_dir, database, force=force)
    click.echo(f"The server in {state_dir} is what the backup was: {_told(contents)}")
    click.echo("Next: twinspan server run")
    return 0


def _told(contents: Contents) -> str:
    parts = (
        ("resource", "resources"), ("change", "lines of audit"), ("account", "accounts"), ("device", "devices"),
        ("event", "events"),
    )  # fmt: skip
    return ", ".join(f"{words} {contents.rows(table):,}" for table, words in parts)


def _tell(problems: tuple[str, ...]) -> int:
    """What was wrong with the database already."""
    for problem in problems:
        click.echo(f"The database itself is not whole: {problem}", err=True)
    return 1 if problems else 0
