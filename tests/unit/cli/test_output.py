"""What a command is to write is looked at before it breaks anything, and what it has measured is not lost."""

import errno
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import click
import pytest

from twinspan.cli import drill as drill_module
from twinspan.cli import main
from twinspan.cli.output import require_writable, write_page
from twinspan.lab import requirements
from twinspan.model.errors import Rejected

EXAMPLE = Path(__file__).parents[3] / "examples" / "01-two-spans" / "site.yaml"


@pytest.fixture
def root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)


@pytest.fixture
def no_lab_is_touched(monkeypatch: pytest.MonkeyPatch) -> None:
    def touched(*_: object) -> None:
        pytest.fail("it went on to the lab")

    monkeypatch.setattr(drill_module, "open_lab", touched)
    monkeypatch.setattr(drill_module, "load_deployment", touched)


@pytest.mark.usefixtures("root", "no_lab_is_touched")
def test_a_report_that_cannot_be_written_is_refused_before_anything_is_broken(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "nowhere" / "r.html"
    assert main.run(["drill", "silent", "--html", str(page)]) == 2
    assert f"cannot write {page}: No such file or directory" in capsys.readouterr().err


@pytest.mark.usefixtures("root")
def test_the_demo_looks_at_its_page_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "nowhere" / "r.html"
    assert main.run(["demo", str(tmp_path / "no-site.yaml"), "--html", str(page)]) == 2
    assert f"cannot write {page}" in capsys.readouterr().err


@pytest.mark.usefixtures("root", "no_lab_is_touched")
def test_a_hold_that_is_no_number_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["drill", "silent", "--hold", "nan"]) == 2
    assert "--hold nan is not a time" in capsys.readouterr().err


def test_looking_leaves_no_file_and_keeps_the_one_that_is_there(tmp_path: Path) -> None:
    require_writable(tmp_path / "new.html")
    assert not (tmp_path / "new.html").exists()
    (tmp_path / "old.html").write_text("old")
    require_writable(tmp_path / "old.html")
    assert (tmp_path / "old.html").read_text() == "old"


def test_a_full_disk_is_a_sentence() -> None:
    with pytest.raises(Rejected, match="cannot write /dev/full: No space left on device"):
        write_page(Path("/dev/full"), "text")


@pytest.mark.usefixtures("root")
def test_a_later_drill_that_cannot_be_run_leaves_the_earlier_ones_figures(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def drills(*_: object, **__: object):
        yield SimpleNamespace(verdict="passed", fault="silent")
        raise Rejected("the lab has gone")

    monkeypatch.setattr(drill_module, "open_lab", lambda _: None)
    monkeypatch.setattr(drill_module, "run_drills", drills)
    monkeypatch.setattr(drill_module, "render_json", lambda reports: ",".join(r.fault for r in reports))
    monkeypatch.setattr(drill_module, "render_html", lambda reports: f"page of {len(reports)}")
    page = tmp_path / "r.html"
    assert main.run(["drill", "silent", "cable", "--json", "--html", str(page)]) == 2
    shown = capsys.readouterr()
    assert shown.out == "silent\n"
    assert "Error: the lab has gone" in shown.err
    assert page.read_text() == "page of 1"


def test_no_space_for_the_output_is_no_mistake_of_ours(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    @click.command()
    def full() -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(sys.modules[__name__], "full_command", full, raising=False)
    monkeypatch.setitem(main.COMMANDS, "full", (f"{__name__}:full_command", "Is full."))
    monkeypatch.setitem(sys.modules, __name__, sys.modules[__name__])
    assert main.run(["full"]) == 2
    assert "Error: no space is left\n  Way out: free some space" in capsys.readouterr().err


def test_a_server_that_cannot_be_made_on_a_full_disk_names_its_directory(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("twinspan.cli.server.first_start", full)
    assert main.run(["server", "init", "--name", "a.example", "--state-dir", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert said == f"Error: no space is left for {tmp_path}\n  Way out: free some space where that is\n"


def test_one_file_that_cannot_be_read_does_not_hide_the_others(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["plan", "-q", "nowhere.yaml", str(EXAMPLE)]) == 2
    shown = capsys.readouterr()
    assert "cannot read nowhere.yaml" in shown.err
    assert "two-spans: 9 nodes" in shown.out


@pytest.mark.usefixtures("root")
def test_an_empty_name_is_refused_and_not_replaced(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setattr(requirements, "require", lambda *_, **__: None)
    assert main.run(["lab", "up", str(EXAMPLE), "--name", ""]) == 2
    assert "lab name '' is not usable" in capsys.readouterr().err
