"""`twinspan gateway`, as it is typed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from twinspan.cli.gateway import gateway
from twinspan.model.errors import Rejected

SITE = Path(__file__).parents[3] / "examples" / "01-two-spans" / "site.yaml"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(gateway, list(arguments), catch_exceptions=True)


def test_a_port_takes_the_name_that_the_device_gives_it() -> None:
    shown = run("config", str(SITE), "--vendor", "cisco", "--port", "circuit=TenGigabitEthernet0/1/0").stdout
    assert "interface TenGigabitEthernet0/1/0\n ip address 10.0.0.2 255.255.255.252" in shown


def test_json_has_the_files_and_what_is_not_expressed() -> None:
    shown = json.loads(run("config", str(SITE), "--vendor", "frr-strongswan", "--json").stdout)
    assert {"/etc/frr/frr.conf", "/etc/swanctl/conf.d/twinspan.conf"} <= {file["path"] for file in shown["files"]}
    assert "failover.override" in {one["field"] for one in shown["not_expressed"]}


def test_a_folder_gets_every_file_in_its_place_and_for_its_owner_alone(tmp_path: Path) -> None:
    run("config", str(SITE), "--vendor", "bird-strongswan", "-o", str(tmp_path))
    bird = tmp_path / "etc" / "bird" / "bird.conf"
    assert "protocol static standby1" in bird.read_text()
    assert bird.stat().st_mode & 0o777 == 0o600


def test_a_key_that_nobody_gave_is_not_made_up() -> None:
    refused = run("config", str(SITE), "--vendor", "h3c", "--show-secrets").exception
    assert isinstance(refused, Rejected)
    assert "psk:vpn/0" in refused.message


@pytest.mark.parametrize("port", ["wan=eth0", "circuit=", "circuit=a b", "circuit"])
def test_a_port_that_is_none_is_refused(port: str) -> None:
    refused = run("config", str(SITE), "--vendor", "h3c", "--port", port).exception
    assert isinstance(refused, Rejected)


MISTAKEN = Path(__file__).parents[2] / "golden" / "lint" / "mistaken-cisco.txt"


def test_lint_shows_every_finding_with_its_line_and_way_out() -> None:
    result = CliRunner().invoke(gateway, ["lint", str(MISTAKEN)], standalone_mode=False)
    assert result.return_value == 1
    assert "error[H009] mistaken-cisco.txt:8\n    problem: 255 is never installed on this device" in result.stdout
    assert result.stdout.rstrip().endswith("read as cisco; 14 findings")


def test_lint_as_json_names_the_vendor_and_the_rules() -> None:
    shown = json.loads(run("lint", str(MISTAKEN), "--json").stdout)
    assert shown["vendor"] == "cisco"
    assert {one["rule"] for one in shown["findings"]} == {f"H{n:03d}" for n in range(1, 15)}


def test_lint_of_no_file_says_so(tmp_path: Path) -> None:
    refused = run("lint", str(tmp_path / "none")).exception
    assert isinstance(refused, Rejected)
