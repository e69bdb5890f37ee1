"""A blank lab that stored resources make: applied, carried, broken, seen through the API, and taken back."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from lab_helpers import eventually as eventually_within

from twinspan.cli.admin_client import Address, AdminClient
from twinspan.cli.known_servers import KnownServer
from twinspan.cli.site import load_deployment
from twinspan.lab.cloud import PORT, SERVER, SERVER_ADDRESS
from twinspan.lab.cloud_return import kill_server
from twinspan.lab.cloud_server import ACCOUNT_TOKEN, STATE_DIR
from twinspan.lab.down import take_all_down
from twinspan.lab.injection import Injection, mend_listed
from twinspan.lab.lab import Lab
from twinspan.lab.namespace import call_inside
from twinspan.lab.status import look
from twinspan.lab.up import UpOptions, bring_up
from twinspan.model.secret import Secret

SITE = Path(__file__).parents[3] / "examples" / "01-two-spans" / "site.yaml"
PATIENCE_S = 60
SOON_S = 1.0
"""So long after a change its status may be old (issue: status within a second), measured from the node's own event."""


def twinspan(lab: Lab, *arguments: str) -> str:
    """A command beside the lab's server, as the account that owns everything there."""
    words = [sys.executable, "-m", "twinspan.cli.main"]
    done = subprocess.run(
        [*words, "lab", "shell", "--name", lab.name, SERVER, "--", *words, *arguments],
        env=os.environ | {"TWINSPAN_LAB_DIR": str(lab.paths.run_dir)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


class Api:
    """The native API of the lab's server."""

    def __init__(self, lab: Lab) -> None:
        self._lab, part = lab, lab.paths.part(SERVER)
        token = Secret((part / ACCOUNT_TOKEN).read_text().strip())
        authority = (part / STATE_DIR / "authority.pem").read_text()
        known = KnownServer(authorities=(authority,), fingerprint="", token=token)
        self._client = AdminClient(Address(host=SERVER_ADDRESS, port=PORT), known)

    def ask(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        work = lambda: self._client.call(dict[str, Any], method, f"/{path}", body)  # noqa: E731
        return call_inside(self._lab.netns(SERVER), work)

    def all(self, path: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.ask("GET", path)["items"]
        return found

    def status(self, path: str) -> dict[str, Any]:
        (one,) = self.all(path)
        return one["status"]


def eventually(condition: Callable[[], object]) -> bool:
    """For what takes a second on a machine that has nothing else to do."""
    return eventually_within(condition, PATIENCE_S)


def ping(lab: Lab) -> bool:
    words = ["ip", "netns", "exec", lab.netns("pc"), "ping", "-c1", "-W1", lab.deployment.cloud_endpoint.address]
    return subprocess.run(words, capture_output=True, check=False).returncode == 0


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    folder = Path(tempfile.mkdtemp(prefix="tst-", dir="/run"))
    try:
        yield bring_up(load_deployment(SITE), "blank", UpOptions(run_dir=folder, cloud=True, blank=True))
    finally:
        take_all_down(folder)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def applied(lab: Lab) -> Lab:
    twinspan(lab, "apply", str(SITE), "--yes")
    assert eventually(lambda: whole(lab)), look(lab.fresh()).missing
    return lab


def whole(lab: Lab) -> bool:
    """Every node is what the resources make of it, and everything is established."""
    now = lab.fresh()
    return look(now).healthy and all(config.generation > 1 for config in now.deployment.configs.values())


def test_a_blank_lab_has_machines_and_nothing_else(lab: Lab) -> None:
    """The first one: afterwards it is blank no more."""
    assert look(lab).healthy
    assert not ping(lab)
    assert Api(lab).all("vpcs") == []


def test_applied_resources_make_the_lab(applied: Lab) -> None:
    assert eventually(lambda: ping(applied))
    api = Api(applied)
    assert eventually(lambda: api.status("bgp-peers").get("bgp_state") == "Established")
    assert eventually(lambda: api.status("bgp-peers").get("bfd_state") == "Up")
    assert eventually(lambda: api.status("ipsec-connections").get("status") == "ipsec_sa_established")
    assert eventually(lambda: api.status("health-checks").get("healthy") is True)
    assert eventually(lambda: api.status("sites").get("carrying") == "circuit")
    assert api.status("sites").get("problems", []) == []


def test_the_same_file_again_changes_nothing(applied: Lab) -> None:
    generations = {node: config.generation for node, config in applied.fresh().deployment.configs.items()}
    assert "26 resources are as they shall be" in twinspan(applied, "apply", str(SITE), "--yes")
    assert {node: config.generation for node, config in applied.fresh().deployment.configs.items()} == generations


def test_without_the_circuit_the_vpn_carries_and_the_api_says_so_within_a_second(applied: Lab) -> None:
    api, lab = Api(applied), applied.fresh()
    assert eventually(lambda: api.status("sites").get("carrying") == "circuit")
    injection = Injection(lab, "cable")
    injection.fire()
    try:
        assert eventually(lambda: ping(lab))
        with lab.agent("gateway") as agent:
            assert eventually(lambda: agent.report().failover.carrying == "vpn")  # type: ignore[union-attr]
        began = time.monotonic()
        assert eventually(lambda: api.status("sites").get("carrying") == "vpn")
        took_s = time.monotonic() - began
        assert took_s <= SOON_S
        assert eventually(lambda: api.status("bgp-peers").get("bgp_state") != "Established")
        assert api.status("physical-connections")["link_up"] is False
    finally:
        injection.heal()
        mend_listed(lab)
    assert eventually(lambda: look(lab.fresh()).healthy), look(lab.fresh()).missing
    assert eventually(lambda: api.status("bgp-peers").get("bgp_state") == "Established")


def test_a_failover_test_job_takes_the_circuit_out_until_it_is_stopped(applied: Lab) -> None:
    api = Api(applied)
    assert eventually(lambda: api.status("sites").get("carrying") == "circuit")
    (circuit,) = api.all("physical-connections")
    spec = {"resource_kind": "circuit", "resources": [circuit["id"]], "job_type": "start_now", "duration_min": 5}
    job = api.ask("POST", "failover-test-jobs", {"name": "rehearsal", "spec": spec})
    assert eventually(lambda: api.status("sites").get("carrying") == "vpn")
    assert eventually(lambda: ping(applied))
    assert eventually(lambda: api.status("bgp-peers").get("bgp_state") == "Idle")
    api.ask("POST", f"failover-test-jobs/{job['id']}/stop", {})
    assert eventually(lambda: api.status("sites").get("carrying") == "circuit")
    assert eventually(lambda: look(applied.fresh()).healthy), look(applied.fresh()).missing


def test_a_server_that_comes_back_finds_everything_as_it_is(applied: Lab) -> None:
    generations = {node: config.generation for node, config in applied.fresh().deployment.configs.items()}
    assert {one.node for one in kill_server(applied.fresh(), PATIENCE_S)} == set(applied.state.nodes)
    assert eventually(lambda: look(applied.fresh()).healthy), look(applied.fresh()).missing
    assert ping(applied)
    assert {node: config.generation for node, config in applied.fresh().deployment.configs.items()} == generations


def test_destroying_the_site_leaves_a_blank_lab(applied: Lab) -> None:
    """The last one."""
    twinspan(applied, "destroy", "two-spans", "--yes")
    assert eventually(lambda: not any(config.bgp for config in applied.fresh().deployment.configs.values()))
    assert eventually(lambda: look(applied.fresh()).healthy), look(applied.fresh()).missing
    assert not ping(applied)
    assert Api(applied).all("sites") == []
