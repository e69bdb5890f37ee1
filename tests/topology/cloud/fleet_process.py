"""Many devices in one process, each with the agent's own connection manager and a journal of its own.

In: how many, where, in the first argument as JSON. Out: a JSON line [serial, what, detail, time] for each event.
"""

from __future__ import annotations

import asyncio
import functools
import json
import os
import sys
import time
from pathlib import Path

from tests.topology.cloud.server import PASSWORD

from twinspan.agent.cloud_connection.manager import ConnectionManager, ManagerPorts
from twinspan.agent.cloud_connection.trust import TrustStore
from twinspan.agent.journal import Journal
from twinspan.model.cloud_management import CloudManagement, CloudServer
from twinspan.model.device_identity import DeviceIdentity
from twinspan.model.secret import Secret


def say(serial: str, what: str, detail: str) -> None:
    os.write(1, json.dumps([serial, what, detail, time.monotonic()]).encode() + b"\n")


async def main() -> None:
    options = json.loads(sys.argv[1])
    management = CloudManagement(
        primary=CloudServer(domain=options["address"], port=options["port"]), password=Secret(PASSWORD)
    )
    managers = []
    for serial in options["serials"]:
        folder = Path(options["folder"]) / serial
        folder.mkdir(parents=True)
        ports = ManagerPorts(record=functools.partial(say, serial))
        manager = ConnectionManager(
            DeviceIdentity(serial=serial), f"boot-{serial}", TrustStore(Journal(folder)), (), ports
        )
        manager.configure(management)
        managers.append(manager.run())
    await asyncio.gather(*managers)


asyncio.run(main())
