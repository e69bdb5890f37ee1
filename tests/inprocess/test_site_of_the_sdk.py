"""What the cloud's own SDK has built, as in examples/09-cloud-sdk, fits the site file and its own export."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import mock

import pytest
from tests.inprocess.compatible import ADDRESS, Server, made_state

from twinspan.cli.site_file import check
from twinspan.model.resource import Actor
from twinspan.model.site_apply import SitePlanned
from twinspan.server.resources.apply import apply_site, check_site, export_site, plan_site
from twinspan.wire.site_file_text import to_plain

EXAMPLES = Path(__file__).parents[2] / "examples"
ACCOUNT = "acme"
OWNER = Actor(account=ACCOUNT, label="test", role="operator", edge="site_file")


@pytest.fixture
def server(tmp_path: Path, authority: Path) -> Iterator[Server]:
    running = Server(made_state(tmp_path / "state", authority), async_delay_ms=0)
    yield running
    running.close()


def built(server: Server) -> None:
    """The data centre's own half by its site file, everything else by the example's program."""
    apply(server, declared(), only_data_center=True)
    program = _program(server)
    cen, router, office, network, switch = program.preparations()
    vbr, _ = program.step_1()
    program.step_2(network, switch)
    program.step_3(cen, router, office, network, switch, vbr)


def _program(server: Server) -> ModuleType:
    key_id, secret = server.key(ACCOUNT)
    environment = {
        "ALIBABA_CLOUD_ACCESS_KEY_ID": key_id,
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET": secret.reveal(),
        "CLOUD_ENDPOINT": f"{ADDRESS}:{server.port}",
        "CLOUD_CA": str(server.folder / "authority.pem"),
    }
    where = importlib.util.spec_from_file_location("build", EXAMPLES / "09-cloud-sdk" / "build.py")
    assert where is not None
    assert where.loader is not None
    program = importlib.util.module_from_spec(where)
    with mock.patch.dict(os.environ, environment):
        where.loader.exec_module(program)
    return program


def declared() -> dict[str, Any]:
    path = EXAMPLES / "01-two-spans" / "site.yaml"
    found = check(path.read_bytes(), path.name)
    assert found.site is not None
    return to_plain(found.site)


def apply(server: Server, plain: dict[str, Any], *, only_data_center: bool = False) -> SitePlanned:
    server.key(ACCOUNT)
    checked = check_site(plain, only_data_center=only_data_center)
    return server.inside(lambda worker: worker.resources.service.run(OWNER, lambda tx: apply_site(tx, checked)))


def look(server: Server, plain: dict[str, Any]) -> list[tuple[Any, ...]]:
    """What an application of it would change."""
    checked = check_site(plain)
    planned = server.inside(
        lambda worker: worker.resources.service.run(OWNER, lambda tx: plan_site(tx, checked), dry_run=True)
    )
    return [(one.action, one.kind, one.name, one.id, one.fields) for one in planned.changes]


def export(server: Server) -> dict[str, Any]:
    return server.inside(
        lambda worker: worker.resources.service.run(OWNER, lambda tx: export_site(tx, "two-spans"), dry_run=True)
    )


def test_the_site_file_and_the_export_fit_what_the_sdk_has_built(server: Server) -> None:
    built(server)
    assert look(server, export(server)) == []
    changes = look(server, declared())
    assert not [one for one in changes if one[0] in {"create", "delete"}]
    assert not [one for one in changes if one[1] in {"RouteTable", "BgpPeer", "HealthCheck", "Vpc", "Vswitch", "Site"}]
    apply(server, declared())
    assert look(server, declared()) == []
