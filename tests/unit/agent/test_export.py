"""A gateway's text with its secrets under a passphrase makes the same gateway elsewhere."""

from __future__ import annotations

import asyncio
from pathlib import Path

from msgspec.structs import replace
from tests.unit.agent.terminals import ROOT, Seat

from twinspan.agent.cipher import derive
from twinspan.agent.node import Node
from twinspan.agent.script import ScriptRun
from twinspan.cli.site import load_site
from twinspan.engine.compile import compile_site
from twinspan.engine.compile.keys import keys_from, wanted_keys
from twinspan.model.cloud_management import CloudManagement, CloudServer
from twinspan.model.device_config import DeviceConfig
from twinspan.model.secret import Secret

SITE = Path(__file__).parents[3] / "examples" / "01-two-spans" / "site.yaml"
SALT = bytes(16)
KEYS = {SALT: derive("a passphrase", SALT)}
SECRET = "a-key-of-this-test-only"


def gateway() -> DeviceConfig:
    site = load_site(SITE)
    keys = keys_from({name: Secret(SECRET) for name in wanted_keys(site)})
    cloud = CloudManagement(primary=CloudServer(domain="cloud.example"), password=Secret(SECRET))
    return replace(compile_site(site, keys).configs["gateway"], cloud=cloud)


async def run(node: Node, *lines: str, keys: dict[bytes, bytes] | None = KEYS) -> tuple[str, int]:
    shown: list[str] = []
    script = ScriptRun(node.command_line, ROOT, shown.append, lambda: True, transcript=False, keys=keys)
    mistakes = await script.run(lines)
    return "".join(shown), mistakes


def fresh(directory: Path) -> Node:
    directory.mkdir()
    return Node(directory, "gateway")


def test_pasted_into_a_fresh_gateway_it_makes_the_same_config(tmp_path):
    async def scenario():
        one, two = fresh(tmp_path / "one"), fresh(tmp_path / "two")
        config = gateway()
        one.apply(config)
        text, _ = await run(one, "display current-configuration")
        assert SECRET not in text
        assert "$t1$" not in text, "the device's own key is of no use elsewhere"
        shown, mistakes = await run(two, "system-view", *text.splitlines())
        assert mistakes == 0, shown
        assert replace(two.converger.config, generation=0) == replace(config, generation=0)
        assert SECRET not in repr(two.events.since(0))

    asyncio.run(scenario())


def test_with_another_passphrase_no_secret_is_taken(tmp_path):
    async def scenario():
        one, two = fresh(tmp_path / "one"), fresh(tmp_path / "two")
        one.apply(gateway())
        text, _ = await run(one, "display current-configuration")
        shown, mistakes = await run(two, "system-view", *text.splitlines(), keys={SALT: derive("another", SALT)})
        assert mistakes > 0
        assert "another passphrase" in shown

    asyncio.run(scenario())


def test_a_session_with_a_passphrase_leaves_no_lines_that_others_cannot_read(tmp_path):
    async def scenario():
        node = fresh(tmp_path / "one")
        node.apply(gateway())
        await run(node, "system-view", "interface Tunnel9 mode ipsec", "save force")
        assert "$p1$" not in await Seat(node).type("display current-configuration")
        assert node.command_line.draft == ""

    asyncio.run(scenario())
