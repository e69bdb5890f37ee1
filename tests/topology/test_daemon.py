"""drivers.daemon with a program that does nothing, so that only the keeping of daemons is seen."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from twinspan.drivers.daemon import Daemon, DaemonFailed, DaemonMissing, Program

pytestmark = pytest.mark.topology
SLEEP = Program(name="sleeper", executable=Path("/bin/sleep"), package="coreutils")
SHELL = Program(name="shell", executable=Path("/bin/sh"), package="dash")


def keeper(directory: Path, program: Program = SLEEP) -> tuple[Daemon, list[str]]:
    deaths: list[str] = []
    return Daemon(program, directory, lambda: deaths.append("died")), deaths


def runs(pid: int) -> bool:
    return Path(f"/proc/{pid}/exe").exists()


def kill_and_wait(pid: int | None) -> None:
    """The child is dead when this returns, and not yet reaped."""
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)


def test_a_program_that_is_not_installed_names_its_package(bench: Any) -> None:
    daemon, _ = keeper(bench.directory, Program(name="bird", executable=Path("/nowhere/bird"), package="bird2"))
    with pytest.raises(DaemonMissing, match="apt-get install bird2"):
        daemon.start(["/nowhere/bird"])


def test_one_that_ends_at_once_is_reported_with_its_last_words(bench: Any) -> None:
    async def scenario() -> None:
        daemon, _ = keeper(bench.directory, SHELL)
        daemon.start(["/bin/sh", "-c", "echo cannot open the thing; exit 3"])
        with pytest.raises(DaemonFailed, match=r"ended at once\): cannot open the thing"):
            await daemon.wait_ready(lambda: False, 5.0)
        assert not daemon.alive

    asyncio.run(scenario())


def test_a_death_is_told_once_and_leaves_no_zombie(bench: Any) -> None:
    async def scenario() -> None:
        daemon, deaths = keeper(bench.directory)
        daemon.start(["/bin/sleep", "60"])
        pid = daemon.pid
        assert pid is not None
        assert os.getsid(pid) == pid != os.getsid(0)
        os.kill(pid, signal.SIGKILL)
        await bench.eventually(lambda: deaths == ["died"])
        assert daemon.pid is None
        assert deaths == ["died"]
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)

    asyncio.run(scenario())


def test_a_death_seen_by_a_look_is_told_before_the_next_start(bench: Any) -> None:
    async def scenario() -> None:
        daemon, deaths = keeper(bench.directory)
        daemon.start(["/bin/sleep", "60"])
        kill_and_wait(daemon.pid)
        assert not daemon.alive  # without giving the loop a chance to tell
        assert deaths == ["died"]
        daemon.start(["/bin/sleep", "60"])
        await asyncio.sleep(0)
        assert deaths == ["died"]
        assert daemon.restarts == 1
        await daemon.stop()

    asyncio.run(scenario())


def test_stopping_is_no_death_and_does_not_wait_for_one_that_ignores_it(bench: Any) -> None:
    async def scenario() -> None:
        daemon, deaths = keeper(bench.directory, SHELL)
        daemon.start(["/bin/sh", "-c", "trap '' TERM; echo ready; while :; do sleep 60; done"])
        await bench.eventually(lambda: (bench.directory / "shell.out").read_text() == "ready\n")
        pid = daemon.pid
        await daemon.stop(deadline_s=0.2)
        assert not runs(pid)
        assert deaths == []

    asyncio.run(scenario())


def test_only_the_daemon_of_the_same_directory_and_namespace_is_adopted(bench: Any) -> None:
    async def scenario() -> None:
        other = bench.directory / "other"
        other.mkdir()
        with bench.inside(bench.a):
            first, _ = keeper(bench.directory)
            first.start(["/bin/sleep", "60"])
            pid = first.pid
            first.close()
            stranger, _ = keeper(other)
            (other / "sleeper.pid").write_text(f"{pid}\n")
            assert not stranger.adopt()
        elsewhere, _ = keeper(bench.directory)
        assert not elsewhere.adopt()
        with bench.inside(bench.a):
            second, deaths = keeper(bench.directory)
            assert second.adopt()
            assert second.pid == pid
            os.kill(pid, signal.SIGKILL)
            await bench.eventually(lambda: deaths == ["died"])

    asyncio.run(scenario())


def test_files_of_a_daemon_are_for_its_owner_only(bench: Any) -> None:
    async def scenario() -> None:
        daemon, _ = keeper(bench.directory)
        daemon.start(["/bin/sleep", "60"])
        modes = {path.name: path.stat().st_mode & 0o777 for path in bench.directory.iterdir()}
        assert modes == {"sleeper.pid": 0o600, "sleeper.out": 0o600}
        await daemon.stop()

    asyncio.run(scenario())
