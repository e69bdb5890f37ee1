"""What the lab's tests share: waiting for a condition, and looking for what should be gone."""

import time
from collections.abc import Callable

from twinspan.lab import namespace, process
from twinspan.lab.state import LabPaths, load_state

FAKE_AGENT = "fake_agent:run_supervisor"


def eventually(condition: Callable[[], object], deadline_s: float = 10.0) -> bool:
    """Whether the condition came true before the deadline."""
    end = time.monotonic() + deadline_s
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return False


def leftovers(paths: LabPaths, lab_id: str) -> list[str]:
    """Everything of a lab that is still there."""
    found = [f"namespace {name}" for name in namespace.names(f"ts-{lab_id}-")]
    found += [f"process {one.pid}" for one in process.with_mark(f"{paths.name}:{lab_id}")]
    found += [str(path) for path in (paths.root, paths.run_dir / "locks" / f"{paths.name}.lock") if path.exists()]
    return found


def lab_id(paths: LabPaths) -> str:
    state = load_state(paths)
    assert state is not None
    return state.lab_id
