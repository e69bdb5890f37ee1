"""SSH that cannot be opened is said, and ends nothing else."""

from __future__ import annotations

import asyncio

from msgspec.structs import replace
from tests.unit.agent.terminals import CONFIG, make_node

from twinspan.agent.ssh_door import SshDoor
from twinspan.model.device_access import DeviceAccess


def test_a_host_key_that_cannot_be_saved_is_said_and_the_door_goes_on(tmp_path):
    async def scenario():
        node = make_node(tmp_path)
        door = SshDoor(node.command_line, tmp_path / "a-directory-that-is-not-there")
        running = asyncio.create_task(door.run())
        door.config_changed(replace(CONFIG, access=DeviceAccess(ssh=True)))
        async with asyncio.timeout(10):
            while "SSH cannot be opened" not in [event.what for event in node.events.since(0)]:
                assert not running.done(), running.exception()
                await asyncio.sleep(0.01)
        assert not running.done()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(scenario())
