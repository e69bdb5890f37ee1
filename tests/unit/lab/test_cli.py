"""The command says one sentence and the way out, never a traceback, and ends with the right code."""

import os
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest

from twinspan.cli import main
from twinspan.lab import lab as lab_module
from twinspan.model.errors import Rejected


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch):
    """`twinspan fail` meets the given error."""

    def make(error: BaseException) -> None:
        @click.command()
        def fail() -> None:
            raise error

        monkeypatch.setattr(sys.modules[__name__], "fail_command", fail, raising=False)
        sys.modules["fail_module"] = sys.modules[__name__]
        monkeypatch.setitem(main.COMMANDS, "fail", ("fail_module:fail_command", "Fails."))

    yield make
    sys.modules.pop("fail_module", None)


def test_a_known_error_is_a_sentence_and_a_way_out(failing, capsys: pytest.CaptureFixture[str]) -> None:
    failing(Rejected("the cable is blue", remedy="take a red one"))
    assert main.run(["fail"]) == 2
    assert capsys.readouterr().err == "Error: the cable is blue\n  Way out: take a red one\n"


def test_a_mistake_of_ours_is_short_without_debug(failing, capsys: pytest.CaptureFixture[str]) -> None:
    failing(ZeroDivisionError("division by zero"))
    assert main.run(["fail"]) == 70
    text = capsys.readouterr().err
    assert "ZeroDivisionError: division by zero" in text
    assert "Traceback" not in text
    assert main.run(["--debug", "fail"]) == 70
    assert "Traceback" in capsys.readouterr().err


def test_ctrl_c_ends_with_130(failing, capsys: pytest.CaptureFixture[str]) -> None:
    failing(KeyboardInterrupt())
    assert main.run(["fail"]) == 130
    assert capsys.readouterr().err.strip() == "Interrupted."


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["lab", "nonsense"],
        ["lab", "up"],
        ["lab", "down", "--all", "x"],
        ["lab", "break", "flap", "--times", "0"],
    ],
)
def test_bad_usage_ends_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(arguments) == 2
    assert "Error" in capsys.readouterr().err


def test_an_option_that_the_fault_does_not_read_is_refused(capsys: pytest.CaptureFixture[str], monkeypatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert main.run(["lab", "break", "silent", "--direction", "to-site"]) == 2
    assert "silent has no option --direction" in capsys.readouterr().err


def test_the_only_lab_needs_no_name_and_several_do(tmp_path: Path) -> None:
    with pytest.raises(Rejected, match="no lab is up"):
        lab_module.only_lab(tmp_path)
    (tmp_path / "labs" / "one").mkdir(parents=True)
    assert lab_module.only_lab(tmp_path) == "one"
    (tmp_path / "labs" / "two").mkdir()
    with pytest.raises(Rejected, match=r"several labs are up: one, two \(say which one\)"):
        lab_module.only_lab(tmp_path)


def test_every_command_of_the_overview_has_a_help_with_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    for name in main.COMMANDS:
        assert main.run([name, "--help"]) == 0
        assert "Example" in capsys.readouterr().out, name


@pytest.mark.parametrize("name", ["up", "down", "status", "list", "shell", "break", "mend", "keep"])
def test_every_lab_command_has_a_help_with_an_example(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["lab", name, "--help"]) == 0
    assert "Example" in capsys.readouterr().out


HELPS = [[], *([name] for name in main.COMMANDS), *(["lab", name] for name in ("up", "down", "break", "keep"))]


@pytest.mark.parametrize("columns", ["80", "200"])
@pytest.mark.parametrize("words", HELPS, ids=" ".join)
def test_a_help_fits_into_80_columns_on_any_terminal(
    words: list[str], columns: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    assert main.run([*words, "--help"]) == 0
    assert [line for line in capsys.readouterr().out.splitlines() if len(line) > 80] == []


def test_help_loads_no_command() -> None:
    """What makes it fast: the overview is written without the rooms behind it."""
    code = (
        "import sys\nfrom twinspan.cli.main import run\nrun(['--help'])\n"
        "sys.exit(sum(name.startswith(('twinspan.lab', 'twinspan.engine', 'rich')) for name in sys.modules))"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    begun = time.monotonic()
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "Commands" in done.stdout
    assert time.monotonic() - begun < 2
