"""How the device database was brought from version to version before there was one tree for all tables.

A file of that time (`devices.db`, its version in `user_version`) is brought to the last of these versions and then goes
on with the tree, whose revision 0002 knows it. Nothing is ever added here: what is new is a new revision.

In: a connection to such a file. Out: the same file at the last version. Next: `versions/revision_0002_devices.py`.
"""

from __future__ import annotations

import sqlite3

from twinspan.model.errors import Rejected

_FIRST = """
CREATE TABLE account (
  name TEXT PRIMARY KEY,
  created_at_ns INTEGER NOT NULL,
  note TEXT NOT NULL DEFAULT ''
) STRICT, WITHOUT ROWID;

-- Of a token the file has the SHA-256 alone. Without an account it is an administrator's.
CREATE TABLE token (
  hash BLOB PRIMARY KEY,
  label TEXT NOT NULL UNIQUE,
  account TEXT REFERENCES account (name) ON DELETE CASCADE,
  created_at_ns INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE device (
  serial TEXT PRIMARY KEY,
  owner TEXT REFERENCES account (name),
  platform TEXT NOT NULL DEFAULT '',
  module_type TEXT NOT NULL DEFAULT '',
  tags TEXT NOT NULL DEFAULT '',
  added_at_ns INTEGER NOT NULL,
  credential TEXT NOT NULL CHECK (credential IN ('password', 'token', 'certificate')),
  credential_id TEXT NOT NULL,
  salt TEXT,
  iterations INTEGER,
  stored_key TEXT,
  server_key TEXT,
  token_expires_at_ns INTEGER,
  token_used_at_ns INTEGER,
  epoch INTEGER NOT NULL DEFAULT 0,
  resume_id TEXT,
  boot_id TEXT,
  worker TEXT,
  address TEXT,
  reported_platform TEXT NOT NULL DEFAULT '',
  reported_module_type TEXT NOT NULL DEFAULT '',
  software TEXT NOT NULL DEFAULT '',
  note TEXT NOT NULL DEFAULT '',
  connected_at_ns INTEGER,
  last_heard_ns INTEGER,
  last_down_reason TEXT,
  last_down_at_ns INTEGER,
  swaps TEXT NOT NULL DEFAULT '',
  quarantined_at_ns INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX device_owner ON device (owner);
CREATE INDEX device_worker ON device (worker) WHERE worker IS NOT NULL;

-- A serial that is removed and added again goes on counting: an old ticket never fits.
CREATE TABLE former_device (serial TEXT PRIMARY KEY, epoch INTEGER NOT NULL) STRICT, WITHOUT ROWID;

CREATE TABLE event (
  id INTEGER PRIMARY KEY,
  serial TEXT NOT NULL,
  at_ns INTEGER NOT NULL,
  kind TEXT NOT NULL,
  detail TEXT NOT NULL DEFAULT '',
  epoch INTEGER,
  account TEXT
) STRICT;
CREATE INDEX event_serial ON event (serial, id);

CREATE TABLE command (
  id TEXT PRIMARY KEY,
  serial TEXT NOT NULL,
  name TEXT NOT NULL,
  arguments TEXT NOT NULL,
  account TEXT,
  queued_at_ns INTEGER NOT NULL,
  expires_at_ns INTEGER NOT NULL,
  state TEXT NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'sent', 'finished', 'cancelled', 'expired')),
  epoch INTEGER,
  outcome TEXT,
  output TEXT,
  finished_at_ns INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX command_open ON command (serial, queued_at_ns) WHERE state IN ('queued', 'sent');
CREATE INDEX command_finished ON command (finished_at_ns) WHERE finished_at_ns IS NOT NULL;

CREATE TABLE unbinding (
  serial TEXT PRIMARY KEY,
  state TEXT NOT NULL
) STRICT, WITHOUT ROWID;
"""

_WANTED_CONFIG = """
-- What a device shall be, as JSON with its secrets in it: the file is for its owner only.
CREATE TABLE wanted_config (
  serial TEXT PRIMARY KEY,
  generation INTEGER NOT NULL,
  digest TEXT NOT NULL,
  config BLOB NOT NULL,
  taken_digest TEXT,
  refusal TEXT NOT NULL DEFAULT ''
) STRICT, WITHOUT ROWID;
"""

_CONFIG_REVISION = """
-- Grows with every change of a wanted config: each worker looks for what is newer than it has seen.
ALTER TABLE wanted_config ADD COLUMN revision INTEGER NOT NULL DEFAULT 0;
CREATE INDEX wanted_config_revision ON wanted_config (revision);
"""

_CONFIG_SITE = """
-- Whose config says that it is of a site: asked with every change of one.
CREATE INDEX wanted_config_site ON wanted_config (json_extract(CAST(config AS TEXT), '$.site'));
"""

_ACCESS = """
-- What a token may do, on which paths (empty: all), and until when. One without an account is for the whole server.
ALTER TABLE token ADD COLUMN role TEXT NOT NULL DEFAULT 'operator';
ALTER TABLE token ADD COLUMN scopes TEXT NOT NULL DEFAULT '';
ALTER TABLE token ADD COLUMN expires_at_ns INTEGER;
UPDATE token SET role = 'administrator' WHERE account IS NULL;

-- Keys of the compatible API. Its signatures need the secret itself, so it is sealed and not hashed.
CREATE TABLE access_key (
  id TEXT PRIMARY KEY,
  account TEXT NOT NULL REFERENCES account (name) ON DELETE CASCADE,
  label TEXT NOT NULL,
  role TEXT NOT NULL,
  sealed BLOB NOT NULL,
  created_at_ns INTEGER NOT NULL,
  expires_at_ns INTEGER
) STRICT, WITHOUT ROWID;
"""

_REPORTS = """
-- With several workers: reports of configured devices, for the one that makes statuses of them. No `seq` comes twice.
CREATE TABLE device_report (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  serial TEXT NOT NULL UNIQUE REFERENCES device (serial) ON DELETE CASCADE,
  report BLOB NOT NULL
) STRICT;
"""

STEPS: tuple[str, ...] = (_FIRST, _WANTED_CONFIG, _CONFIG_REVISION, _CONFIG_SITE, _ACCESS, _REPORTS)
"""Step n leads from version n to n + 1."""


def version_of(connection: sqlite3.Connection) -> int:
    """0: it is no such file."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version)


def finish(connection: sqlite3.Connection, place: object) -> None:
    """Brings it to the last version, in the transaction that the connection is in. Raises Rejected for a newer one."""
    version = version_of(connection)
    if version > len(STEPS):
        raise Rejected(
            f"{place} has version {version}, versions up to {len(STEPS)} are known",
            remedy="run the newer Twinspan that wrote it, or give another state directory",
        )
    for step in STEPS[version:]:
        for statement in statements(step):
            connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {len(STEPS)}")


def statements(script: str) -> list[str]:
    """`executescript` would commit the transaction, so the steps are run one by one."""
    lines = (line for line in script.splitlines() if not line.lstrip().startswith("--"))
    return [statement for statement in "\n".join(lines).split(";") if statement.strip()]
