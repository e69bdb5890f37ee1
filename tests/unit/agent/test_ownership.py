"""Whose the running config is, and what a change by command means for the next start and for the server."""

from __future__ import annotations

import asyncio
import errno

from msgspec.structs import replace
from tests.unit.agent.terminals import CONFIG, Seat, make_node

from twinspan.agent import journal, ownership
from twinspan.agent.cloud_connection.services import ConfigModule
from twinspan.agent.journal import Journal
from twinspan.agent.node import Node
from twinspan.model.cloud_management import CloudManagement
from twinspan.model.config_digest import config_digest
from twinspan.wire.cloud_connection.services import ConfigHave

PUSHED = replace(CONFIG, generation=7, cloud=CloudManagement(keepalive_s=50))


def restarted(directory) -> Node:
    node = Node(directory, "n1")
    node.restore()
    return node


def machine_restarts(monkeypatch, tmp_path) -> None:
    boot = tmp_path / "boot_id"
    boot.write_text("another\n")
    monkeypatch.setattr(ownership, "_BOOT_ID", boot)


def test_a_change_by_command_diverges_from_the_server_and_is_only_reported(tmp_path):
    async def scenario():
        node = make_node(tmp_path)
        assert not (await node.report()).diverged, "no server has ever pushed anything"
        node.apply_pushed(PUSHED, 7, "digest-of-the-server")
        report = await node.report()
        assert (report.config_source, report.diverged, report.server_generation) == ("server", False, 7)
        await Seat(node).type("system-view", "cloud-management keepalive 99")
        report = await node.report()
        assert (report.config_source, report.diverged) == ("cli", True)
        assert report.server_digest == config_digest(PUSHED) != report.digest
        assert node.converger.config.cloud.keepalive_s == 99
        await Seat(node).type("system-view", "cloud-management keepalive 50")
        assert not (await node.report()).diverged, "the same config again is none, whoever made it"

    asyncio.run(scenario())


def test_the_server_is_told_what_it_gave_last_so_that_it_does_not_overwrite_a_change(tmp_path):
    said = []

    class Link:
        def send(self, message):
            said.append(message)

    async def connect(node):
        module = ConfigModule(node.ownership.last_pushed, node.apply_pushed)
        task = asyncio.create_task(module.run(Link()))
        await asyncio.sleep(0)
        task.cancel()

    async def scenario():
        node = make_node(tmp_path)
        await connect(node)
        node.apply_pushed(PUSHED, 7, "digest-of-the-server")
        await Seat(node).type("system-view", "cloud-management keepalive 99")
        await connect(node)
        await connect(restarted(tmp_path))

    asyncio.run(scenario())
    given = ConfigHave(generation=7, digest="digest-of-the-server")
    assert said == [ConfigHave(generation=0, digest=""), given, given]


def test_an_unsaved_change_outlives_the_agent_and_not_the_machine(tmp_path, monkeypatch):
    async def scenario():
        node = make_node(tmp_path)
        await Seat(node).type("system-view", "cloud-management keepalive 99")
        again = restarted(tmp_path)
        assert again.converger.config.cloud.keepalive_s == 99
        assert again.ownership.owner.source == "cli"
        machine_restarts(monkeypatch, tmp_path)
        assert restarted(tmp_path).converger.config == CONFIG
        assert restarted(tmp_path).converger.config == CONFIG, "the next agent agrees"

    asyncio.run(scenario())


def test_a_saved_change_outlives_the_machine(tmp_path, monkeypatch):
    async def scenario():
        node = make_node(tmp_path)
        seat = Seat(node)
        assert "saved" in await seat.type("system-view", "cloud-management keepalive 99", "save force")
        await seat.type("cloud-management keepalive 98")
        machine_restarts(monkeypatch, tmp_path)
        assert restarted(tmp_path).converger.config.cloud.keepalive_s == 99

    asyncio.run(scenario())


def test_a_config_put_there_by_hand_counts_as_a_file(tmp_path, monkeypatch):
    async def scenario():
        node = make_node(tmp_path)
        await Seat(node).type("system-view", "cloud-management keepalive 99")
        by_hand = replace(CONFIG, cloud=CloudManagement(keepalive_s=42))
        Journal(tmp_path).save_config(by_hand)
        machine_restarts(monkeypatch, tmp_path)
        again = restarted(tmp_path)
        assert again.converger.config == by_hand
        assert again.ownership.owner.source == "file"

    asyncio.run(scenario())


def test_torn_files_of_the_command_line_never_prevent_a_start(tmp_path):
    async def scenario():
        node = make_node(tmp_path)
        await Seat(node).type("system-view", "cloud-management keepalive 99", "save force")
        for name in ("owner.json", "startup.json", "draft.json", "cipher.key"):
            (tmp_path / name).write_bytes(b'{"half')
        again = restarted(tmp_path)
        assert again.converger.config.cloud.keepalive_s == 99
        assert "UTC" in await Seat(again).type("display clock")

    asyncio.run(scenario())


def test_a_full_disk_does_not_keep_the_agent_from_starting_with_its_config(tmp_path, monkeypatch):
    async def scenario():
        make_node(tmp_path).apply(PUSHED, source="cli")
        machine_restarts(monkeypatch, tmp_path)
        monkeypatch.setattr(journal, "_write", full_disk)
        node = restarted(tmp_path)
        assert node.converger.config is not None
        assert node.ownership.owner.digest == config_digest(node.converger.config)
        assert any("No space left" in sentence for sentence in node.journal.set_aside)

    def full_disk(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    asyncio.run(scenario())
