"""`twinspan plan`: exit codes, and what people and programs get for good, doubtful and bad files."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from twinspan.cli import main
from twinspan.cli import plan as plan_module
from twinspan.cli.picture import picture
from twinspan.cli.site import load_site, plan_deployment
from twinspan.model.schema import schema_text

EXAMPLES = Path(__file__).parents[3] / "examples"
GOOD = EXAMPLES / "01-two-spans" / "site.yaml"
WARNED = EXAMPLES / "06-ikev1" / "site.yaml"
ALL = sorted(EXAMPLES.glob("*/*.yaml"))


@pytest.fixture(autouse=True)
def no_lab(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan_module, "lab_names", lambda: ())


@pytest.fixture
def refused(tmp_path: Path) -> Path:
    path = tmp_path / "refused.yaml"
    path.write_text(GOOD.read_text().replace("peer_gateway_ip: 10.0.0.2", "peer_gateway_ip: 10.0.0.99"))
    return path


def lines_of_json(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_exit_codes_tell_good_doubtful_and_bad_apart(refused: Path) -> None:
    assert [main.run(["plan", str(p)]) for p in (GOOD, WARNED, refused)] == [0, 1, 2]


@pytest.mark.usefixtures("impatient")
def test_a_pipe_is_no_site_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert main.run(["plan", str(tmp_path / "pipe")]) == 2
    shown = capsys.readouterr().err
    assert "pipe: it is a named pipe" in shown
    assert "Way out: give the path of a site file" in shown


def test_the_worst_of_several_files_is_the_exit_code(refused: Path) -> None:
    assert main.run(["plan", "-q", str(WARNED), str(GOOD)]) == 1
    assert main.run(["plan", "-q", str(refused), str(WARNED), str(GOOD)]) == 2


def test_a_refused_file_does_not_keep_the_others_from_being_shown(
    refused: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.run(["plan", str(refused), str(GOOD)]) == 2
    shown = capsys.readouterr()
    assert "Site two-spans" in shown.out
    assert "peer_gateway_ip" in shown.err
    assert "way out:" in shown.err


def test_json_is_one_object_for_each_file_whatever_is_wrong_with_it(
    refused: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = tmp_path / "missing.yaml"
    assert main.run(["plan", "--json", str(GOOD), str(refused), str(missing), str(WARNED)]) == 2
    good, bad, none, warned = lines_of_json(capsys.readouterr().out)
    assert [o["admitted"] for o in (good, bad, none, warned)] == [True, False, False, True]
    assert (good["findings"], good["plan"]["site"], good["error"]) == ([], "two-spans", None)
    assert bad["plan"] is None
    finding = bad["findings"][0]
    assert finding["path"].endswith("peer_gateway_ip")
    assert (finding["severity"], finding["value"], finding["line"] > 0) == ("error", "10.0.0.99", True)
    assert "missing.yaml" in none["error"]
    assert [f["severity"] for f in warned["findings"]] == ["warning"]


def test_the_json_of_a_site_with_a_key_in_it_does_not_have_the_key(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = yaml.safe_load(GOOD.read_text())
    data["bgp_groups"]["vbr"]["auth_key"] = "hush-hush-47"
    path = tmp_path / "site.yaml"
    path.write_text(yaml.safe_dump(data))
    for arguments in (["--json"], []):
        assert main.run(["plan", *arguments, str(path)]) == 0
        shown = capsys.readouterr()
        assert "MD5 key" in shown.out
        assert "hush-hush-47" not in shown.out + shown.err


def test_quiet_is_one_line_for_each_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["plan", "--quiet", str(GOOD), str(GOOD)]) == 0
    shown = capsys.readouterr()
    assert shown.out.splitlines() == [f"{GOOD}: two-spans: 9 nodes, 12 sessions, 9 nodes to change"] * 2
    assert shown.err == ""


def test_a_running_site_shows_only_what_differs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    running = plan_deployment(load_site(GOOD))
    monkeypatch.setattr(plan_module, "_running", lambda _: running)
    data = yaml.safe_load(GOOD.read_text())
    data["virtual_border_routers"]["vbr"]["min_tx_interval_ms"] = 500
    path = tmp_path / "site.yaml"
    path.write_text(yaml.safe_dump(data))
    main.run(["plan", str(path)])
    changes = capsys.readouterr().out.partition("Changes\n")[2].splitlines()
    assert [line for line in changes if line[2] != " "] == ["  ~ gateway: bgp", "  ~ vbr: bgp"]
    assert len(changes) == 9


@pytest.mark.parametrize("path", ALL, ids=lambda p: f"{p.parent.name}-{p.stem}")
def test_the_picture_of_an_example_fits_and_shows_who_carries(path: Path) -> None:
    deployment = plan_deployment(load_site(path))
    upper, middle, lower, summary = picture(deployment)
    assert max(map(len, (upper, middle, lower, summary))) <= 100
    assert upper.index(".") == lower.index("'") == middle.index("gateway") + len("gateway") + 1
    assert upper.rindex(". ") == lower.rindex("' ") == middle.index("transit-router") - 2
    assert ("==" in upper, "==" in lower) == (True, False)
    upper, _, lower, _ = picture(deployment, "vpn")
    assert ("==" in upper, "==" in lower) == (False, True)


def test_schema_prints_the_models_schema(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["schema"]) == 0
    shown = capsys.readouterr().out
    assert shown.strip() == schema_text().strip()
    assert "virtual_border_routers" in json.dumps(json.loads(shown))
