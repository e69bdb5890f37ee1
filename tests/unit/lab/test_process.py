"""A process is its pid and its start time; signals reach exactly that one."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import msgspec

from twinspan.lab import process


def sleeper(**environment: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(["sleep", "60"], env=os.environ | environment, start_new_session=True)


def test_identity_holds_for_a_lifetime() -> None:
    with sleeper() as child:
        identity = process.identify(child.pid)
        assert process.alive(identity)
        child.kill()
        child.wait()
        assert not process.alive(identity)


def test_another_process_with_the_same_pid_is_not_signalled() -> None:
    with sleeper() as child:
        identity = process.identify(child.pid)
        stranger = msgspec.structs.replace(identity, start_ticks=identity.start_ticks + 1)
        assert not process.send(stranger, signal.SIGKILL)
        assert process.alive(identity)
        assert process.send(identity, signal.SIGKILL)


def test_a_zombie_counts_as_gone() -> None:
    child = sleeper()
    identity = process.identify(child.pid)
    child.kill()
    assert process.wait_gone([identity], 5) == ()


def test_one_that_ignores_sigterm_is_killed() -> None:
    code = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as child:
        child.stdout.readline()
        assert process.end([process.identify(child.pid)], grace_s=0.1) == ()
        child.wait()
    assert child.returncode != 0


def test_a_marked_process_is_found_by_its_mark_only() -> None:
    mark = f"test:{os.getpid()}"
    with sleeper(**{process.MARK_VARIABLE: mark}) as child, sleeper(**{process.MARK_VARIABLE: mark + "0"}) as other:
        found = process.with_mark(mark)
        assert [one.pid for one in found] == [child.pid]
        for one in (child, other):
            one.kill()


def test_a_session_ends_with_its_children() -> None:
    leader = subprocess.Popen(["/bin/sh", "-c", "sleep 61; :"], start_new_session=True)
    identity = process.identify(leader.pid)
    process.end_session(identity)
    assert not process.alive(identity)
    assert not [one for one in Path("/proc").glob("[0-9]*") if process.arguments(int(one.name)) == ("sleep", "61")]


def test_nothing_is_known_of_a_process_that_is_not_there() -> None:
    assert process.identify(2**22 + 5) is None
    assert process.arguments(2**22 + 5) == ()
    assert process.command_name(2**22 + 5) == ""
