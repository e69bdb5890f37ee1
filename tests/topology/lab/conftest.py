"""Labs of a small site with a fake agent, in a run directory of their own, always removed."""

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

FAKES = Path(__file__).parent / "fakes"
sys.path.insert(0, str(FAKES))

from lab_helpers import FAKE_AGENT  # noqa: E402
from lab_site import mini_site  # noqa: E402

from twinspan.lab.down import take_down  # noqa: E402
from twinspan.lab.lab import Lab  # noqa: E402
from twinspan.lab.state import lab_names  # noqa: E402
from twinspan.lab.up import UpOptions, bring_up  # noqa: E402
from twinspan.model.errors import TwinspanError  # noqa: E402


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.topology)


@pytest.fixture(scope="session", autouse=True)
def fakes_on_path() -> Iterator[None]:
    """The keeper is another interpreter; it finds the fake agent by the environment."""
    old = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(FAKES), old)))
    yield
    if old is None:
        del os.environ["PYTHONPATH"]
    else:
        os.environ["PYTHONPATH"] = old


def remove_all(run_dir: Path) -> None:
    for name in lab_names(run_dir):
        with contextlib.suppress(TwinspanError):
            take_down(name, run_dir)


@pytest.fixture
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Short, because a socket's path has at most 108 characters."""
    folder = tmp_path_factory.mktemp("r")
    yield folder
    remove_all(folder)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """One lab for all tests of a module that leave it as they found it."""
    folder = tmp_path_factory.mktemp("r")
    yield bring_up(mini_site(), "mini", UpOptions(run_dir=folder, agent=FAKE_AGENT, deadline_s=20))
    remove_all(folder)
