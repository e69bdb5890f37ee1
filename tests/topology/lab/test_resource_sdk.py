"""Seed 004, Preparations to Step 3, done by the cloud's own SDKs on a blank lab; the same by a site file on another."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from lab_helpers import eventually as eventually_within

from twinspan.cli.site import load_deployment
from twinspan.lab.cloud import SERVER
from twinspan.lab.down import take_all_down
from twinspan.lab.injection import Injection, mend_listed
from twinspan.lab.lab import Lab
from twinspan.lab.status import look
from twinspan.lab.up import UpOptions, bring_up
from twinspan.model.device_config import DeviceConfig

EXAMPLES = Path(__file__).parents[3] / "examples"
SITE, SCRIPT = EXAMPLES / "01-two-spans" / "site.yaml", EXAMPLES / "09-cloud-sdk" / "build.py"
PATIENCE_S = 60
TWINSPAN = (sys.executable, "-m", "twinspan.cli.main")


def beside_the_server(lab: Lab, *command: str) -> str:
    """What a command says, run as the account that owns everything there."""
    done = subprocess.run(
        [*TWINSPAN, "lab", "shell", "--name", lab.name, SERVER, "--", *command],
        env=os.environ | {"TWINSPAN_LAB_DIR": str(lab.paths.run_dir)},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def blank_lab(name: str, folder: Path) -> Lab:
    return bring_up(load_deployment(SITE), name, UpOptions(run_dir=folder, cloud=True, blank=True))


def eventually(condition: Callable[[], object]) -> bool:
    """For what takes a second on a machine that has nothing else to do."""
    return eventually_within(condition, PATIENCE_S)


def ping(lab: Lab) -> bool:
    words = ["ip", "netns", "exec", lab.netns("pc"), "ping", "-c1", "-W1", lab.deployment.cloud_endpoint.address]
    return subprocess.run(words, capture_output=True, check=False).returncode == 0


def whole(lab: Lab) -> bool:
    """Every node is what resources make of it, and everything is established."""
    now = lab.fresh()
    return look(now).healthy and all(config.bgp for node, config in now.deployment.configs.items() if _routes(node))


def _routes(node: str) -> bool:
    return node not in ("pc", "office-host", "services")


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="tst-", dir="/run"))
    yield made
    take_all_down(made)
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture(scope="module")
def built(folder: Path) -> Lab:
    lab = blank_lab("sdk", folder)
    beside_the_server(lab, *TWINSPAN, "apply", "--only-data-center", str(SITE), "--yes")
    said = beside_the_server(lab, sys.executable, str(SCRIPT))
    assert "BGP: Established" in said
    assert "IPsec: ipsec_sa_established" in said
    assert eventually(lambda: whole(lab)), look(lab.fresh()).missing
    return lab.fresh()


def status(lab: Lab, kind: str) -> dict[str, Any]:
    """What the native API says of the only resource of a kind."""
    (found,) = msgspec.json.decode(beside_the_server(lab, *TWINSPAN, "get", kind, "--json"))
    status: dict[str, Any] = found["status"]
    return status


def test_the_sdks_build_a_site_that_carries(built: Lab) -> None:
    assert eventually(lambda: ping(built))
    with built.agent("vbr") as agent:
        report = agent.report()
    assert {session.state for session in report.bgp} == {"Established"}
    assert {session.state for session in report.bfd} == {"Up"}
    assert [check.healthy for check in report.health_checks] == [True]
    with built.agent("vpn-gateway") as agent:
        assert {tunnel.child_state for tunnel in agent.report().tunnels} == {"INSTALLED"}


def test_the_api_tells_what_the_daemons_tell(built: Lab) -> None:
    assert eventually(lambda: status(built, "health-checks").get("healthy") is True)
    assert status(built, "bgp-peers")["bfd_state"] == "Up"
    assert status(built, "sites")["carrying"] == "circuit"
    assert status(built, "sites")["problems"] == []


def test_when_the_circuit_is_unplugged_the_vpn_carries(built: Lab) -> None:
    injection = Injection(built, "cable")
    injection.fire()
    try:
        assert eventually(lambda: ping(built))
        with built.agent("gateway") as agent:
            failover = agent.report().failover
        assert failover is not None
        assert failover.carrying == "vpn"
    finally:
        injection.heal()
        mend_listed(built)
    assert eventually(lambda: look(built.fresh()).healthy), look(built.fresh()).missing


def test_a_site_file_comes_to_the_same(built: Lab, folder: Path) -> None:
    """Equal but for what was made at random: ids where a resource has no name, keys, serials, passwords."""
    by_sdk = {node: plain(config) for node, config in built.fresh().deployment.configs.items()}
    lab = blank_lab("file", folder)
    beside_the_server(lab, *TWINSPAN, "apply", str(SITE), "--yes")
    assert eventually(lambda: whole(lab)), look(lab.fresh()).missing
    by_file = {node: plain(config) for node, config in lab.fresh().deployment.configs.items()}
    assert by_sdk == by_file


def plain(config: DeviceConfig) -> Any:
    """Without keys, generation and the device's own part; lists of prefixes in one order."""
    data = msgspec.to_builtins(config, enc_hook=lambda _: "a key")
    for name in ("generation", "cloud"):
        data.pop(name, None)
    return ordered(data)


def ordered(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: named(name, ordered(one)) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return sorted((ordered(one) for one in value), key=repr)
    return value


def named(field: str, value: Any) -> Any:
    """A health check has no name in the cloud's API: its id is it."""
    if isinstance(value, str) and field in ("name", "probe") and (value.startswith("hc-") or " hc-" in value):
        return value.partition("hc-")[0] + "vbr"
    return value
