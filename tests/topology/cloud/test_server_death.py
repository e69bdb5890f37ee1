"""The server is killed: its devices come back with their tickets, each at a moment of its own, and none gives up."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from tests.topology.cloud.device import Device, managed_by
from tests.topology.cloud.network import Network, until
from tests.topology.cloud.server import ENVIRONMENT, Server

pytestmark = pytest.mark.topology
FLEET = 200
PROCESS = Path(__file__).with_name("fleet_process.py")


def test_after_a_kill_of_the_server_the_device_returns_with_its_ticket(network: Network, authority: Path) -> None:
    server = Server(network, authority).start_by_command()
    server.add("SN1")
    device = Device(network, managed_by(server)).start()
    device.whole()
    server.kill()
    assert device.down()[0].detail.startswith("socket")
    server.start_by_command()
    assert device.established(2)[1].detail.endswith("epoch 2, resumed")
    device.whole()
    assert server.downs() == ["the server restarted"]


def test_a_fleet_returns_spread_with_tickets_and_none_gives_up(network: Network, authority: Path) -> None:
    server = Server(network, authority).start()
    serials = [f"D{n:03}" for n in range(FLEET)]
    server.add(*serials)
    fleet = Fleet(network, server, serials)
    until(lambda: len(fleet.last("established")) == FLEET, 25, lambda: f"{len(fleet.last('established'))} came")
    server.kill()
    until(lambda: len(fleet.last("down")) == FLEET, 5, "all notice")
    server.start()
    fleet.forget()
    back = until(
        lambda: found if len(found := fleet.last("established")) == FLEET else None,
        25,
        lambda: f"{FLEET - len(fleet.last('established'))} did not return",
    )
    assert all(detail.endswith("resumed") for detail, _ in back.values())
    moments = sorted(at_s for _, at_s in back.values())
    assert moments[-1] - moments[0] > 0.5, "they came all at once"
    assert len(server.presence()) == FLEET


class Fleet:
    """What the devices say, by serial."""

    def __init__(self, network: Network, server: Server, serials: list[str]) -> None:
        options = {
            "address": server.address, "port": server.port, "serials": serials, "folder": str(network.folder / "fleet"),
        }  # fmt: skip
        process = network.start(
            network.device, sys.executable, str(PROCESS), json.dumps(options), stdout=subprocess.PIPE, env=ENVIRONMENT
        )
        self._said: list[tuple[str, str, str, float]] = []
        threading.Thread(target=self._read, args=(process,), daemon=True).start()

    def _read(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        self._said.extend(tuple(json.loads(line)) for line in process.stdout)

    def last(self, what: str) -> dict[str, tuple[str, float]]:
        return {serial: (detail, at_s) for serial, name, detail, at_s in tuple(self._said) if name == what}

    def forget(self) -> None:
        self._said.clear()
