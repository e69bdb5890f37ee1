"""`twinspan server seal-key`: the key that seals secrets in the database.

In: arguments, a state directory. Out: another key. Next: `server.seal_rotation`.
"""

from __future__ import annotations

from pathlib import Path

import click

from twinspan.cli.server_state import DATABASE, STATE_DIR, require_state
from twinspan.server.database.migrate import open_database
from twinspan.server.database.place import choose_database
from twinspan.server.resources.seal import FILE_NAME, SealKey
from twinspan.server.seal_rotation import rotate as rotate_key


@click.group("seal-key")
def seal_key() -> None:
    """Replace the key that seals secrets in the database.

    \b
    Example:
      twinspan server seal-key rotate
    """


@seal_key.command()
@STATE_DIR
@DATABASE
@click.option(
    "--keep-old",
    is_flag=True,
    help="Let the file keep the old key: for servers on other machines, until they have the file too.",
)
def rotate(state_dir: Path, database: str, keep_old: bool) -> int:
    """Make a new key and seal every secret again with it, while the server runs.

    Several machines on one database: rotate with --keep-old on one, copy its seal.key to the others, then rotate on
    that one without --keep-old and copy it again.

    \b
    Example:
      twinspan server seal-key rotate
    """
    require_state(state_dir)
    key = SealKey.load_or_create(state_dir / FILE_NAME)
    opened = open_database(choose_database(state_dir, database))
    try:
        done = rotate_key(opened, key, keep_old=keep_old)
    finally:
        opened.close()
    click.echo(f"{done:,} secrets are sealed with the new key in {key.path}.")
    click.echo("Take a backup: older ones have the key that fits them, this database needs the new one.")
    return 0
