"""Several worker processes: what belongs together meets in one of them, and any of them may die."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest
from tests.topology.cloud.device import Device, entry, managed_by
from tests.topology.cloud.network import Network, until
from tests.topology.cloud.server import Server

pytestmark = pytest.mark.topology


@pytest.fixture
def server(network: Network, authority: Path) -> Server:
    made = Server(network, authority, workers=2).start_by_command()
    until(lambda: len(made.workers()) == 2, 5, "two workers")
    return made


def test_the_main_connection_and_its_sub_connections_meet_in_one_process(network: Network, server: Server) -> None:
    serials = [f"SN{n}" for n in range(6)]
    server.add(*serials)
    devices = [Device(network, managed_by(server), serial=serial).start() for serial in serials]
    for device in devices:
        assert [s.reason for s in device.whole().subconnections] == ["", ""], "each came there at once"
    presence = server.presence()
    workers = server.workers()
    by_pid = {number: server.connections(pid) for number, pid in workers.items()}
    for number, pid in workers.items():
        devices_there = sum(worker == f"worker-{number}" for worker, _ in presence.values())
        assert by_pid[number] == 3 * devices_there, (by_pid, presence, pid)
    assert sum(by_pid.values()) == 18


def test_a_device_that_comes_to_another_worker_takes_its_serial_along(network: Network, server: Server) -> None:
    server.add("SN1")
    device = Device(network, managed_by(entry(server, port=server.port + 1), dead_after_s=30)).start()
    device.whole()
    assert server.presence() == {"SN1": ("worker-0", 1)}
    # Its machine loses the path without a word, and it comes back by the other worker's port.
    network.swallow(port=server.port + 1)
    device.kill()
    device.start(management=managed_by(entry(server, port=server.port + 2)))
    device.whole()
    assert server.presence() == {"SN1": ("worker-1", 2)}
    workers = server.workers()
    until(lambda: server.connections(workers[0]) == 0, 5, "the first worker has let go of the old connection")
    network.heal()
    assert device.alive()
    assert server.presence() == {"SN1": ("worker-1", 2)}, "the late end of the old one changes nothing"
    until(
        lambda: {(e.kind, e.epoch) for e in server.history()[1:]} == {("connected", 1), ("down", 1), ("connected", 2)},
        5,
        server.history,
    )


def test_another_device_with_the_same_serial_on_another_worker_is_told_that_there_is_one(
    network: Network, server: Server
) -> None:
    server.add("SN1")
    first = Device(network, managed_by(entry(server, port=server.port + 1))).start()
    first.whole()
    management = managed_by(entry(server, port=server.port + 2))
    clone = Device(network, management, boot_id="boot-2", step_s=10.0).start()
    clone.fails_with("duplicate")
    assert first.alive()
    assert server.presence() == {"SN1": ("worker-0", 1)}
    # The first one's path dies without a word: asked by the other worker it does not answer, and the next may have it.
    network.swallow(port=server.port + 1)
    first.kill()
    clone.tell("reset")
    clone.established(deadline_s=20)
    assert server.presence() == {"SN1": ("worker-1", 2)}


def test_when_a_worker_is_killed_its_devices_return_and_the_others_notice_nothing(
    network: Network, server: Server
) -> None:
    server.add("SN0", "SN1")
    devices = [
        Device(network, managed_by(entry(server, port=server.port + 1 + n)), serial=f"SN{n}").start() for n in (0, 1)
    ]
    for device in devices:
        device.whole()
    pid = server.workers()[0]
    os.kill(pid, signal.SIGKILL)
    assert devices[0].established(2)[1].detail.endswith("resumed")
    devices[0].whole()
    assert server.workers()[0] != pid
    assert not devices[1].said("down")
    assert server.presence() == {"SN0": ("worker-0", 2), "SN1": ("worker-1", 1)}
    assert server.downs("SN0") == ["the server restarted"]
    assert server.downs("SN1") == []


def test_a_worker_that_died_twice_is_started_twice(network: Network, server: Server) -> None:
    for _ in range(2):
        pid = server.workers()[1]
        os.kill(pid, signal.SIGKILL)
        until(lambda p=pid: server.workers().get(1, p) != p, 10, "another one listens")
    assert server.process is not None
    assert server.process.poll() is None


def test_workers_do_not_outlive_their_parent(network: Network, server: Server) -> None:
    server.add("SN1")
    device = Device(network, managed_by(server)).start()
    device.whole()
    server.kill()
    until(lambda: not server.workers(), 5, "the workers end too")
    device.down()
    server.start_by_command()
    assert device.established(2)[1].detail.endswith("resumed")
    device.whole()


def test_told_to_end_while_a_worker_is_away_the_server_ends(network: Network, server: Server) -> None:
    os.kill(server.workers()[0], signal.SIGKILL)
    time.sleep(0.1)  # within the half second before the next start
    server.stop()
    until(lambda: not server.workers(), 5, "no worker is left")
