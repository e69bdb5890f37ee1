"""A server in one file, and a server made of it: from SQLite and PostgreSQL, into either."""

from __future__ import annotations

import json
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import text
from tests.contract.postgres import Cluster
from tests.contract.resources import KIEL, NOW, PSK, connection, inserting, renamed, vpc, vswitch

from twinspan.cli import main
from twinspan.model.errors import Rejected, Unavailable
from twinspan.server import backup_format
from twinspan.server.accounts import Accounts, Principal
from twinspan.server.authority import create_authority
from twinspan.server.backup import back_up
from twinspan.server.backup_check import check_backup
from twinspan.server.config_store import ConfigTable
from twinspan.server.database.place import CHOICE_NAME, choose_database, database_url
from twinspan.server.database.port import Statement
from twinspan.server.events import Event, write_event
from twinspan.server.registry import NewDevice, Registry, make_credentials
from twinspan.server.resources.access import AccessKeyTable, NewAccessKey
from twinspan.server.resources.port import Remembered
from twinspan.server.resources.seal import FILE_NAME as SEAL_KEY
from twinspan.server.resources.seal import SealKey
from twinspan.server.resources.sql_store import SqlStore, open_store
from twinspan.server.resources.verify import verify
from twinspan.server.restore import restore
from twinspan.server.seal_rotation import check_seals, rotate
from twinspan.server.services import WantedConfig
from twinspan.server.state_lock import alone
from twinspan.server.store import DeviceStore

CONFIG = WantedConfig(generation=1, digest="d", config=b'{"site":"two-spans","psk":"a very secret key"}')


class Server:
    """A state directory with something of everything in it."""

    def __init__(self, state_dir: Path, url: str) -> None:
        self.state_dir = state_dir
        choose_database(state_dir, url)
        create_authority(state_dir, ("cloud.example",), NOW)
        self.key = SealKey.load_or_create(state_dir / SEAL_KEY)
        self.url = database_url(state_dir)
        self.store = open_store(self.url, self.key)
        devices = DeviceStore(self.url, self.key)
        Accounts(devices).add("kiel", "Öresund", NOW)
        self.access_key = AccessKeyTable(devices, self.key).add(NewAccessKey(account="kiel"), NOW)
        new = [NewDevice(serial="S1", tags=("a", "b"))]
        Registry(devices).add(new, make_credentials(new, NOW), Principal(label="kiel", account="kiel"), NOW)
        ConfigTable(devices).want("S1", CONFIG)
        devices.close()
        first = connection("c-1")
        self.store.change(inserting(vpc("vpc-1", spec={"tags": {"ort": "Kiel ⚓"}}), vswitch("vsw-1", "vpc-1"), first))
        self.store.change(lambda work: work.update(first, renamed(first, "second"), KIEL))
        self.store.change(lambda work: work.remove(vswitch("vsw-1", "vpc-1"), KIEL))
        self.store.write_status({"vpc-1": {"state": "up"}}, NOW)
        self.store.change(lambda work: work.remember("kiel", "k", Remembered(fingerprint="f", answer=b"\0\xff"), NOW))

    def back_up(self, path: Path) -> tuple[str, ...]:
        return back_up(self.state_dir, self.url, path, NOW)[1]


@pytest.fixture
def server(database_url: str, tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path / "server", database_url if database_url.startswith("postgresql") else "")
    yield made
    made.store.close()


def assert_same(state_dir: Path, server: Server) -> None:
    """The server there is the one that was backed up."""
    key = SealKey(state_dir / SEAL_KEY)
    store = open_store(database_url(state_dir), key)
    assert verify(store) == ()
    check_seals(store.database, key)
    for resource_id in ("vpc-1", "c-1", "vsw-1"):
        there = store.read(lambda view, resource_id=resource_id: view.get(resource_id))  # type: ignore[misc]
        assert there == server.store.read(lambda view, resource_id=resource_id: view.get(resource_id))  # type: ignore[misc]
    remembered = store.change(lambda work: work.recall("kiel", "k", NOW))
    assert remembered == Remembered(fingerprint="f", answer=b"\0\xff")
    devices = DeviceStore(database_url(state_dir), key)
    row = devices.find("S1")
    assert row is not None
    assert (row.owner, row.tags) == ("kiel", ("a", "b"))
    assert [account.note for account in Accounts(devices).list()] == ["Öresund"]
    found = AccessKeyTable(devices, key).find_access_key(server.access_key[0], NOW)
    assert found is not None
    assert found.secret == server.access_key[1]
    assert ConfigTable(devices).wanted("S1") == CONFIG
    with devices.change() as write:  # whatever counts goes on counting
        write_event(write, Event(serial="S1", at_ns=NOW, kind="note"))
    devices.close()
    store.change(inserting(vpc("vpc-after")))
    assert verify(store) == ()
    store.close()
    for name in ("authority.pem", "authority.key", "server.pem", "server-names.json", SEAL_KEY):
        assert (state_dir / name).read_bytes() == (server.state_dir / name).read_bytes()
        assert (state_dir / name).stat().st_mode & 0o777 == 0o600


def test_a_backup_makes_the_same_server_on_either_database(server: Server, tmp_path: Path, cluster: Cluster) -> None:
    file = tmp_path / "backup.zip"
    assert server.back_up(file) == ()
    restore(file, tmp_path / "sqlite")
    assert_same(tmp_path / "sqlite", server)
    restore(file, tmp_path / "postgres", cluster.new_database())
    assert_same(tmp_path / "postgres", server)


def test_a_backup_is_for_its_owner_alone_and_no_secret_of_a_spec_is_readable_in_it(
    server: Server, tmp_path: Path
) -> None:
    file = tmp_path / "backup.zip"
    server.back_up(file)
    assert file.stat().st_mode & 0o777 == 0o600
    with zipfile.ZipFile(file) as archive:
        tables = b"".join(archive.read(name) for name in archive.namelist() if name.startswith("tables/"))
    assert PSK.encode() not in tables
    assert server.access_key[1].reveal().encode() not in tables


def test_a_backup_that_is_taken_while_others_write_is_one_moment(server: Server, tmp_path: Path) -> None:
    stop = threading.Event()

    def write() -> None:
        n = 0
        while not stop.is_set():
            server.store.change(inserting(vpc(f"vpc-w{n}"), vpc(f"vpc-v{n}")))
            n += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for n in range(3):
            assert server.back_up(tmp_path / f"{n}.zip") == ()
    finally:
        stop.set()
        writer.join()
    counts = [check_backup(tmp_path / f"{n}.zip")[0].rows("resource") for n in range(3)]
    assert all(count % 2 == 0 for count in counts), "of each change all or nothing"
    assert counts == sorted(counts)


def test_a_database_that_was_tampered_with_is_backed_up_and_said(server: Server, tmp_path: Path) -> None:
    with server.store.database.writing() as session:
        session.run(Statement(text("UPDATE change SET \"by\" = 'x' WHERE seq = 1"), server.store.database.dialect))
    file = tmp_path / "backup.zip"
    assert "audit of kiel, line 1" in server.back_up(file)[0]
    with pytest.raises(Rejected, match="the database was not"):
        restore(file, tmp_path / "new")
    restore(file, tmp_path / "new", force=True)


def _damaged(file: Path, member: str, change: bytes) -> None:
    """The archive with one member that says something else, though the archive itself is fine."""
    with zipfile.ZipFile(file) as archive:
        kept = {name: archive.read(name) for name in archive.namelist()}
    kept[member] = change
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in kept.items():
            archive.writestr(name, data)


@pytest.mark.parametrize(
    ("member", "change"),
    [
        ("tables/resource.jsonl", b""),
        ("files/authority.key", b"another"),
        ("files/seal.key", b'{"current": "a", "keys": {}}'),
        ("manifest.json", b"{}"),
        ("manifest.json", b"nothing"),
    ],
)
def test_a_backup_that_was_altered_is_not_restored(tmp_path: Path, member: str, change: bytes) -> None:
    server, file = Server(tmp_path / "server", ""), tmp_path / "backup.zip"
    server.back_up(file)
    server.store.close()
    _damaged(file, member, change)
    with pytest.raises(Rejected):
        restore(file, tmp_path / "new")
    assert not (tmp_path / "new").exists(), "nothing was touched"


def test_a_backup_cannot_write_elsewhere(tmp_path: Path) -> None:
    server, file = Server(tmp_path / "server", ""), tmp_path / "backup.zip"
    server.back_up(file)
    server.store.close()
    with zipfile.ZipFile(file) as archive:
        contents = json.loads(archive.read("manifest.json"))
    contents["files"][0]["name"] = "../stray.key"
    _damaged(file, "manifest.json", json.dumps(contents).encode())
    with pytest.raises(Rejected):
        restore(file, tmp_path / "new")


def test_a_file_that_is_no_backup_is_said(tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_bytes(b"something")
    with pytest.raises(Rejected, match="no backup"):
        restore(tmp_path / "x.zip", tmp_path / "new")
    with pytest.raises(Unavailable, match="cannot read"):
        restore(tmp_path / "none.zip", tmp_path / "new")


def test_half_a_backup_is_never_left(tmp_path: Path) -> None:
    server = Server(tmp_path / "server", "")
    server.store.close()
    (tmp_path / "folder").mkdir()
    (server.state_dir / "authority.key").chmod(0o644)
    with pytest.raises(Rejected, match="can be read by others"):
        server.back_up(tmp_path / "folder" / "backup.zip")
    assert list((tmp_path / "folder").iterdir()) == []
    with pytest.raises(Unavailable):
        server.back_up(tmp_path / "none" / "backup.zip")


def test_a_server_that_is_there_is_not_lost_without_force(server: Server, tmp_path: Path) -> None:
    file = tmp_path / "backup.zip"
    server.back_up(file)
    server.store.change(inserting(vpc("vpc-late")))
    with pytest.raises(Rejected, match="there is a server"):
        restore(file, server.state_dir)
    restore(file, server.state_dir, force=True)
    store = open_store(server.url, server.key)
    assert store.read(lambda view: view.get("vpc-late")) is None
    assert store.read(lambda view: view.get("vpc-1")) is not None
    store.close()


def test_a_filled_postgresql_is_not_lost_without_force(tmp_path: Path, cluster: Cluster) -> None:
    url, file = cluster.new_database(), tmp_path / "backup.zip"
    server = Server(tmp_path / "server", url)
    server.back_up(file)
    server.store.close()
    with pytest.raises(Rejected, match="data already"):
        restore(file, tmp_path / "new", url)
    assert (tmp_path / "server" / CHOICE_NAME).stat().st_mode & 0o777 == 0o600


def test_a_server_that_runs_is_not_restored_over(tmp_path: Path) -> None:
    server, file = Server(tmp_path / "server", ""), tmp_path / "backup.zip"
    server.back_up(file)
    server.store.close()
    with alone(server.state_dir), pytest.raises(Rejected, match="runs"):
        restore(file, server.state_dir, force=True)


# ------------------------------------------------------------------------------------------------ another key


def test_another_seal_key_opens_everything_and_the_old_one_nothing(server: Server) -> None:
    old = server.state_dir / "old.key"
    old.touch(mode=0o600)
    old.write_bytes(server.key.path.read_bytes())
    running = open_store(server.url, SealKey(server.key.path))
    assert running.read(lambda view: view.get("c-1")) is not None
    assert rotate(server.store.database, SealKey(server.key.path)) == 3
    fresh = SealKey(server.key.path)
    for store in (running, SqlStore(server.store.database, fresh)):
        assert store.read(lambda view: view.get("c-1")) == renamed(connection("c-1"), "second")
        assert verify(store) == ()
    check_seals(server.store.database, fresh)
    running.change(inserting(connection("c-2")))
    assert SqlStore(server.store.database, fresh).read(lambda view: view.get("c-2")) == connection("c-2")
    with pytest.raises(Unavailable, match="does not have the key"):
        SqlStore(server.store.database, SealKey(old)).read(lambda view: view.get("c-1"))
    running.close()


def test_the_old_key_is_kept_for_other_machines_if_told(server: Server) -> None:
    rotate(server.store.database, server.key, keep_old=True)
    assert len(msgspec.json.decode(server.key.path.read_bytes())["keys"]) == 2
    rotate(server.store.database, server.key)
    assert len(msgspec.json.decode(server.key.path.read_bytes())["keys"]) == 1


def test_a_rotation_that_cannot_open_something_changes_nothing(server: Server) -> None:
    with server.store.database.writing() as session:
        damage = "UPDATE access_key SET sealed = CAST('sealed:none:xx' AS BLOB)"
        if server.store.database.dialect == "postgresql":
            damage = "UPDATE access_key SET sealed = 'sealed:none:xx'::bytea"
        session.run(Statement(text(damage.replace(":", r"\:")), server.store.database.dialect))
    with pytest.raises(Unavailable):
        rotate(server.store.database, server.key)
    assert SqlStore(server.store.database, SealKey(server.key.path)).read(lambda view: view.get("c-1")) is not None
    assert verify(server.store) == ()


def test_a_break_in_the_audit_is_not_mended_by_another_key(server: Server) -> None:
    with server.store.database.writing() as session:
        session.run(Statement(text("UPDATE audit_chain SET mac = 'x'"), server.store.database.dialect))
    rotate(server.store.database, server.key)
    assert "was not written with this seal key" in verify(server.store)[0]


# ---------------------------------------------------------------------------------------------- the commands


def test_the_commands_back_up_check_restore_and_rotate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    server, file = Server(tmp_path / "server", ""), str(tmp_path / "backup.zip")
    server.store.close()
    assert main.run(["backup", file, "--state-dir", str(server.state_dir)]) == 0
    assert "resources 2, lines of audit 5, accounts 1, devices 1" in capsys.readouterr().out
    assert main.run(["restore", file, "--check"]) == 0
    assert main.run(["restore", file, "--state-dir", str(server.state_dir)]) == 2
    assert "--force" in capsys.readouterr().err
    assert main.run(["restore", file, "--state-dir", str(tmp_path / "new")]) == 0
    assert main.run(["server", "seal-key", "rotate", "--state-dir", str(tmp_path / "new")]) == 0
    assert "3 secrets" in capsys.readouterr().out
    assert main.run(["backup", file, "--state-dir", str(tmp_path / "none")]) == 2
    assert backup_format.FORMAT == 1


def test_a_password_in_an_argument_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url = "postgresql://me:geheim@db.example/twinspan"
    assert main.run(["backup", str(tmp_path / "x"), "--database", url, "--state-dir", str(tmp_path)]) == 2
    told = capsys.readouterr().err
    assert "PGPASSFILE" in told
    assert "geheim" not in told
