"""The architecture as a test: who may import whom, and what pure rooms may not touch."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def lint_imports(root: Path) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache", "--no-logo"]
    return subprocess.run(
        command, cwd=root, env={"PYTHONPATH": "src"}, capture_output=True, text=True, check=False, timeout=120
    )


@pytest.fixture
def copy_of_the_tree(tmp_path: Path) -> Path:
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    return tmp_path


def test_the_tree_keeps_every_contract() -> None:
    result = lint_imports(ROOT)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    ("module", "text", "broken"),
    [
        ("utils/__init__.py", "", "twinspan.utils"),
        ("engine/late.py", "import time\n", "twinspan.engine is not allowed to import time"),
        ("wire/late.py", "import socket\n", "twinspan.wire is not allowed to import socket"),
        ("wire/nosy.py", "import twinspan.engine\n", "twinspan.wire is not allowed to import twinspan.engine"),
        ("model/nosy.py", "import twinspan.wire\n", "twinspan.model is not allowed to import twinspan.wire"),
        ("agent/nosy.py", "import twinspan.lab\n", "twinspan.agent is not allowed to import twinspan.lab"),
    ],
)
def test_a_wrong_import_or_a_stray_room_breaks_a_contract(
    copy_of_the_tree: Path, module: str, text: str, broken: str
) -> None:
    path = copy_of_the_tree / "src" / "twinspan" / module
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    result = lint_imports(copy_of_the_tree)
    assert result.returncode == 1
    assert broken in result.stdout
