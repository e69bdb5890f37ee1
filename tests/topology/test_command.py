"""Short commands: what they say, how they end, and that cancelling leaves nothing behind."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from twinspan.drivers.clock import until
from twinspan.drivers.command import Finished, run_command

pytestmark = pytest.mark.topology


def test_it_hands_over_what_is_given_and_brings_back_both_outputs_and_the_code() -> None:
    finished = asyncio.run(run_command("sh", "-c", "cat; echo oh >&2; exit 3", text="hello"))
    assert finished == Finished(returncode=3, output="hello", errors="oh\n")


def test_a_lot_of_output_does_not_stop_it() -> None:
    finished = asyncio.run(run_command("head", "-c", "3000000", "/dev/zero"))
    assert len(finished.output) == 3_000_000


def test_a_missing_program_is_told_as_such() -> None:
    with pytest.raises(FileNotFoundError):
        asyncio.run(run_command("/nonexistent/program"))


def _descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def _gone(pid: str) -> bool:
    return not pid or not Path(f"/proc/{pid}").exists()


@pytest.mark.parametrize("turns", range(6))
def test_cancelling_while_it_starts_ends_at_once_and_leaves_nothing(turns: int, tmp_path: Path) -> None:
    told = tmp_path / "pid"

    async def scenario() -> None:
        async with asyncio.timeout(5.0):
            task = asyncio.create_task(run_command("sh", "-c", f"echo $$ > {told}; exec tail -f /dev/null"))
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    before = _descriptors()
    asyncio.run(scenario())
    assert _descriptors() == before
    assert _gone(told.read_text().strip() if told.exists() else "")


def test_cancelling_while_it_runs_kills_it(tmp_path: Path) -> None:
    told = tmp_path / "pid"

    async def scenario() -> None:
        task = asyncio.create_task(run_command("sh", "-c", f"echo $$ > {told}; exec tail -f /dev/null"))
        assert await until(lambda: told.exists() and told.read_text() != "", 5.0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(scenario())
    assert _gone(told.read_text().strip())
