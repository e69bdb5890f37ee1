"""A PostgreSQL of one's own: made in a folder, reached by a socket there, gone afterwards."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

USER = "twinspan"


def programs() -> Path:
    """Where Debian keeps the newest server's programs, or where they are in PATH."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))
    found = shutil.which("initdb")
    if debian:
        return debian[-1]
    assert found is not None, "PostgreSQL is not installed: run scripts/setup.sh"
    return Path(found).parent


class Cluster:
    """One server process; its databases trust whoever reaches the socket."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "data"
        self._made = 0

    def run(self, program: str, *arguments: str) -> None:
        """One of PostgreSQL's programs; as the user `postgres`, since it refuses to be root."""
        command = [str(programs() / program), "-D", str(self.data), *arguments]
        if os.geteuid() == 0:
            command = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", *command]
        with (self.folder / "log").open("ab") as log:
            subprocess.run(command, check=True, cwd=self.folder, stdout=log, stderr=log, stdin=subprocess.DEVNULL)

    def start(self) -> None:
        options = f"-c listen_addresses='' -k {self.folder} -c fsync=off -c max_connections=40"
        self.run("pg_ctl", "-w", "-t", "60", "-l", str(self.folder / "server.log"), "-o", options, "start")

    def stop(self, mode: str = "fast") -> None:
        self.run("pg_ctl", "-w", "-t", "60", "-m", mode, "stop")

    def url(self, name: str) -> str:
        return f"postgresql:///{name}?host={self.folder}&user={USER}"

    def new_database(self) -> str:
        """The URL of an empty one."""
        self._made += 1
        name = f"test{self._made}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return self.url(name)


@contextmanager
def running_cluster() -> Iterator[Cluster]:
    """A cluster that runs, in a folder that is removed at the end."""
    folder = Path(tempfile.mkdtemp(prefix="twinspan-pg-"))
    if os.geteuid() == 0:
        user = pwd.getpwnam("postgres")
        os.chown(folder, user.pw_uid, user.pw_gid)
    cluster = Cluster(folder)
    try:
        cluster.run("initdb", "--auth=trust", "--no-sync", "--no-locale", "-E", "UTF8", "-U", USER)
        cluster.start()
        try:
            yield cluster
        finally:
            cluster.stop("immediate")
    finally:
        shutil.rmtree(folder)
