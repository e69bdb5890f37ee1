"""Whatever has the server's port, and wherever the server breaks off: a clear reason, and the doctor's topic."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.topology.cloud.device import Device, entry, managed_by
from tests.topology.cloud.network import SERVERS, Network, until
from tests.topology.cloud.server import ENVIRONMENT, Server

from twinspan.model.cloud_check import CloudCheck
from twinspan.model.cloud_management import CloudServer
from twinspan.model.secret import Secret
from twinspan.server.authority import authorities, create_authority, fingerprint_of_pem

pytestmark = pytest.mark.topology
STRANGER = Path(__file__).with_name("stranger_process.py")
ENTRY = CloudServer(domain=SERVERS[0], port=19443)


def first_failed(device: Device) -> CloudCheck:
    """Where the doctor says to begin."""
    return next(check for check in device.ask("examine").checks if check.passed is False)


def stranger(network: Network, authority: Path, what: str) -> None:
    process = network.start(
        network.server, sys.executable, str(STRANGER), what, SERVERS[0], "19443", str(authority / "server.pem"),
        stdout=subprocess.PIPE, env=ENVIRONMENT,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == b"up\n"


@pytest.mark.parametrize(
    ("what", "reason", "topic"),
    [
        ("silent", "timeout", "port"),
        ("hangs up", "tls", "tls"),
        ("plain HTTP", "tls", "tls"),
        ("TLS 1.1", "tls", "tls"),
        ("another HTTPS", "protocol", "tls"),
        ("no HTTP", "protocol", "tls"),
        ("endless HTTPS", "protocol", "tls"),
    ],
)
def test_something_else_on_the_port_is_named(
    network: Network, authority: Path, what: str, reason: str, topic: str
) -> None:
    stranger(network, authority, what)
    device = Device(network, managed_by(ENTRY), step_s=1.0).start()
    detail = device.fails_with(reason)
    assert detail.partition(": ")[2].strip(), "people are told more than the reason"
    failed = first_failed(device)
    assert (failed.topic, bool(failed.remedy)) == (topic, True)
    held = device.descriptors()
    until(lambda: len(device.said("attempt failed")) >= 1 and device.descriptors() <= held + 2, 5)


@pytest.mark.parametrize(
    ("at", "reason"),
    [
        ("authority 1", "closed"),
        ("authentication 1", "closed"),
        ("after authentication 1", "closed"),
        ("authentication 2", "closed"),
        ("after authentication 2", "closed"),
        ("registration 1", "closed"),
        ("after registration 1", "handshake"),
        ("tunnel", "handshake"),
        ("ticket", "ticket"),
    ],
)
def test_a_server_that_breaks_off_is_a_reason_at_once(network: Network, authority: Path, at: str, reason: str) -> None:
    server = Server(network, authority, breaks_at=at).start()
    server.add("SN1")
    device = Device(network, managed_by(server), step_s=5.0).start()
    began = time.monotonic()
    detail = device.fails_with(reason)
    assert time.monotonic() - began < 4, "nobody waits for an answer that cannot come any more"
    assert detail.partition(": ")[2].strip()
    server.kill()
    Server.start(server_like(server))
    device.established()


def server_like(server: Server) -> Server:
    """The same server, mended."""
    server._options.pop("breaks_at")
    return server


@pytest.mark.parametrize("at", ["authority 1", "authentication 1", "authentication 2", "registration 1", "tunnel"])
def test_a_server_that_falls_silent_is_a_reason_that_names_the_step(network: Network, authority: Path, at: str) -> None:
    server = Server(network, authority, breaks_at=at, silent=True).start()
    server.add("SN1")
    device = Device(network, managed_by(server), step_s=0.7).start()
    detail = device.fails_with("timeout")
    assert {"authority": "authority", "authentication": "authentication", "registration": "registration"}.get(
        at.partition(" ")[0], "handshake"
    ) in detail
    server.kill()
    server_like(server).start()
    device.established()


def test_a_wrong_fingerprint_is_shown_beside_the_right_one(
    network: Network, authority: Path, other_authority: Path
) -> None:
    server = Server(network, authority).start()
    server.add("SN1")
    wanted = fingerprint_of_pem(authorities(other_authority)[0])
    device = Device(network, managed_by(server, fingerprint=wanted)).start()
    device.fails_with("authority")
    failed = first_failed(device)
    assert failed.topic == "tls"
    assert fingerprint_of_pem(authorities(authority)[0])[:16] in failed.detail
    assert wanted in failed.detail
    assert not server.presence()


def test_a_certificate_for_other_names_is_no_question_of_its_authority(network: Network, tmp_path: Path) -> None:
    create_authority(tmp_path / "state", ("elsewhere.test",), time.time_ns())
    server = Server(network, tmp_path / "state").start()
    server.add("SN1")
    device = Device(network, managed_by(server)).start()
    assert "mismatch" in device.fails_with("server_name")
    failed = first_failed(device)
    assert failed.topic == "tls"
    assert "authority names" in failed.remedy, failed


def test_an_unknown_serial_and_a_wrong_password_sound_the_same(network: Network, authority: Path) -> None:
    server = Server(network, authority).start()
    server.add("SN1")
    details = set()
    for serial in ("SN1", "SN2"):
        device = Device(network, managed_by(server, password=Secret("wrong-password")), serial=serial).start()
        details.add(device.fails_with("not_admitted"))
        failed = first_failed(device)
        assert failed.topic == "serial"
        device.kill()
    assert len(details) == 1


def test_without_a_password_the_doctor_begins_with_it(network: Network, authority: Path) -> None:
    server = Server(network, authority).start()
    server.add("SN1")
    device = Device(network, managed_by(server, password=None)).start()
    device.fails_with("no_password")
    assert first_failed(device).topic == "password"


@pytest.mark.parametrize(
    ("what", "reason", "topic"), [("closed port", "refused", "port"), ("no route", "route", "route")]
)
def test_a_port_that_refuses_and_a_network_without_a_way_are_told_apart(
    network: Network, what: str, reason: str, topic: str
) -> None:
    if what == "no route":
        network.ip(network.device, "route del default")
    device = Device(network, managed_by(ENTRY)).start()
    device.fails_with(reason)
    assert first_failed(device).topic == topic


def test_strangers_who_hang_up_leave_no_line_and_no_descriptor_at_the_server(network: Network, authority: Path) -> None:
    server = Server(network, authority).start()
    server.add("SN1")
    Device(network, managed_by(server)).start().whole()
    held = server.descriptors()
    knock = (
        "import socket, ssl, sys\n"
        "for n in range(20):\n"
        "    s = socket.create_connection((sys.argv[1], 19443))\n"
        "    s.sendall([b'', b'GET / HTTP/1.0\\r\\n\\r\\n', b'\\x16\\x03\\x01\\x02\\x00\\x01', b'\\0' * 600][n % 4])\n"
        "    s.close()\n"
    )
    network.start(network.device, "python3", "-c", knock, server.address).wait(10)
    server.settles_at(held)
    assert network.complaints() == ""
    assert entry(server).domain == server.address
