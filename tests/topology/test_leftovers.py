"""A test run that is ended leaves nothing, and what a killed one left is removed by the next."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest
from tests.topology.leftovers import remove_leftovers

pytestmark = pytest.mark.topology
_HELD = """
import signal
from tests.topology.leftovers import end_in_good_order
end_in_good_order()
try:
    print("up", flush=True)
    signal.pause()
finally:
    print("cleaned up", flush=True)
"""


@pytest.fixture
def ended() -> int:
    """Process id of a run that is over."""
    run = subprocess.Popen(["true"])
    run.wait()
    return run.pid


@pytest.fixture
def made(ended: int) -> Iterator[tuple[str, str, str]]:
    """Of an ended run: an empty namespace and one with a process; an empty one of a run that lives."""
    names = (f"tst-{ended}-a", f"tc-{ended}-9-srv", f"tst-{os.getpid()}-left")
    for name in names:
        subprocess.run(["ip", "netns", "add", name], check=True)
    inside = subprocess.Popen(["ip", "netns", "exec", names[1], "cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert inside.stdin is not None
    assert inside.stdout is not None
    inside.stdin.write(b"x\n")
    inside.stdin.flush()
    assert inside.stdout.readline() == b"x\n"
    yield names
    inside.kill()
    inside.communicate()
    for name in names:
        subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)


def test_empty_namespaces_of_ended_runs_are_removed_and_no_others(made: tuple[str, str, str]) -> None:
    empty, busy, living = made
    removed = remove_leftovers()
    assert empty in removed
    listed = subprocess.run(["ip", "netns", "list"], check=True, capture_output=True, text=True).stdout
    assert empty not in listed
    assert busy in listed
    assert living in listed


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_run_that_is_told_to_end_cleans_up(number: int) -> None:
    run = subprocess.Popen([sys.executable, "-c", _HELD], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert run.stdout is not None
    assert run.stdout.readline() == "up\n"
    run.send_signal(number)
    assert run.communicate(timeout=10)[0] == "cleaned up\n"
