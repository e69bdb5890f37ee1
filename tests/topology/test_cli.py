"""The command on real daemons: ended in the middle, it heals, takes down what it made, and shows no traceback."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from twinspan.lab.down import take_all_down
from twinspan.lab.state import LabPaths, lab_names, load_state

pytestmark = pytest.mark.topology

EXAMPLE = Path(__file__).parents[2] / "examples" / "01-two-spans" / "site.yaml"


@pytest.fixture
def run_dir() -> Iterator[Path]:
    """Labs of this test alone; short, because a socket's path has at most 107 characters."""
    folder = Path(tempfile.mkdtemp(prefix="tst-", dir="/run"))
    yield folder
    take_all_down(folder)
    shutil.rmtree(folder, ignore_errors=True)


def wait_for(text: str, file: Path, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 60
    while text not in file.read_text():
        assert process.poll() is None, file.read_text()
        assert time.monotonic() < end, file.read_text()
        time.sleep(0.05)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_drill_that_is_ended_in_the_middle_leaves_nothing(
    number: signal.Signals, run_dir: Path, tmp_path: Path
) -> None:
    said = tmp_path / "said"
    with said.open("wb") as file:
        drill = subprocess.Popen(
            [sys.executable, "-m", "twinspan.cli.main", "drill", "silent", "--site", str(EXAMPLE), "--hold", "30"],
            env=os.environ | {"TWINSPAN_LAB_DIR": str(run_dir)},
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
            # As in a terminal, also where these tests run in the background of a shell, which ignores Ctrl-C.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509
        )
    wait_for("breaking: silent", said, drill)
    (name,) = lab_names(run_dir)
    state = load_state(LabPaths(name, run_dir))
    assert state is not None
    os.killpg(drill.pid, number)  # a terminal's Ctrl-C reaches the whole group
    assert drill.wait(timeout=30) == 130
    assert "Traceback" not in said.read_text()
    assert said.read_text().rstrip().endswith("Interrupted.")
    assert lab_names(run_dir) == ()
    assert not [left for left in state.namespaces if Path("/run/netns", left).exists()]
