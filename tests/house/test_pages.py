"""Pages name only what exists, and nothing in the tree points outside it."""

import subprocess
from pathlib import Path

import check_docs
import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "real.md").write_text("A page.\n")
    (tmp_path / "src/twinspan/engine").mkdir(parents=True)
    (tmp_path / "src/twinspan/engine/failover.py").write_text("def decide() -> None: ...\n")
    return tmp_path


def test_the_pages_of_this_tree_are_true() -> None:
    assert check_docs.check(ROOT) == []


def test_paths_links_globs_and_node_ids_that_exist_are_fine(tree: Path) -> None:
    (tree / "README.md").write_text(
        "`docs/real.md` `docs/*.md` `engine/failover.py` [x](docs/real.md#top) [y](https://example.net/docs/gone.md)\n"
        "`src/twinspan/engine/failover.py::decide` `docs/<name>.md` and/or docs/prose\n"
    )
    assert check_docs.check(tree) == []


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ("`docs/gone.md`", "README.md: names docs/gone.md, which is not in the tree"),
        ("`twinspan plan docs/gone.yaml`", "README.md: names docs/gone.yaml, which is not in the tree"),
        ("```\ncat docs/gone.md\n```", "README.md: names docs/gone.md, which is not in the tree"),
        ("`engine/gone.py`", "README.md: names engine/gone.py, which is not in the tree"),
        ("[x](gone.md)", "README.md: links to gone.md, which is not in the tree"),
        (
            "`src/twinspan/engine/failover.py::test_gone`",
            "README.md: names test_gone in src/twinspan/engine/failover.py, which has no such test",
        ),
    ],
)
def test_a_path_that_is_not_there_is_a_finding(tree: Path, text: str, finding: str) -> None:
    (tree / "README.md").write_text(text + "\n")
    assert check_docs.check(tree) == [finding]


def test_a_line_number_of_code_is_a_finding(tree: Path) -> None:
    (tree / "README.md").write_text("see `engine/failover.py`, failover.py:12\n")
    assert len(check_docs.check(tree)) == 1


@pytest.mark.parametrize("place", ["/wor" + "k/x", "../share" + "d/design.md", "pyp" + "i.org/simple"])
def test_a_place_outside_the_tree_is_a_finding(tree: Path, place: str) -> None:
    (tree / "setup.sh").write_text(f"cat {place}\n")
    assert len(check_docs.check(tree)) == 1
