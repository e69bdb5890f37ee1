"""One authority follows another while devices are connected, away, or away for too long."""

from __future__ import annotations

import hashlib
import ssl
import subprocess
import time
from pathlib import Path

import pytest
from tests.topology.cloud.device import Device, managed_by
from tests.topology.cloud.network import Network, until
from tests.topology.cloud.server import Server

from twinspan.server.authority import authorities, fingerprint_of_pem, load_leaf
from twinspan.server.rotation import retire, rotate, switch

pytestmark = pytest.mark.topology


def running(network: Network, authority: Path) -> Server:
    server = Server(network, authority, renewal_look_s=0.1).start()
    server.add("SN1")
    return server


def hears(device: Device, server: Server, times: int) -> None:
    """Told in band, on the connection that there is, what may be trusted from now on."""
    until(lambda: len(device.said("authorities changed")) == times, 5, lambda: f"heard {times} times: {device.lines}")
    wanted = {fingerprint_of_pem(pem)[:16] for pem in authorities(server.folder)}
    assert set(device.said("authorities changed")[-1].split(", ")) == wanted


def shows(server: Server) -> None:
    """The port shows the leaf that is on disk now: a login is bound to it and would fail otherwise."""
    wanted = load_leaf(server.folder).binding
    until(lambda: _leaf_of(server) == wanted, 5, "the new leaf is in use")


def _leaf_of(server: Server) -> bytes:
    out = subprocess.run(
        ["ip", "netns", "exec", server.network.server, "python3", "-c",
         f"import ssl; print(ssl.get_server_certificate(({server.address!r}, {server.port})))"],
        check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(out.strip())).digest()


@pytest.mark.parametrize("pinned", [True, False])
def test_a_connected_device_goes_through_a_rotation_without_a_visit(
    network: Network, authority: Path, pinned: bool
) -> None:
    server = running(network, authority)
    wanted = fingerprint_of_pem(authorities(server.folder)[0]) if pinned else None
    device = Device(network, managed_by(server, fingerprint=wanted, dead_after_s=1.0)).start()
    device.whole()
    for step, times in ((rotate, 1), (switch, 1), (retire, 2)):  # a switch changes nothing for those who heard before
        step(server.folder, time.time_ns())
        shows(server)
        hears(device, server, times)
        now = fingerprint_of_pem(authorities(server.folder)[0])
        until(lambda wanted=now: device.status.authority_fingerprint == wanted, 5, "the one that issues is shown")
    assert not device.said("down"), "the connection itself lives through all of it"
    # A sub-connection that breaks now is opened anew under the new authority.
    cut = next(s for s in network.sockets(network.device, server.port) if not _is_main(device, s[0]))
    port = cut[0].rpartition(":")[2]
    network.nft(network.nat, f"add rule inet way faults iifname lan tcp sport {port} drop")
    until(lambda: cut[0] not in {s[0] for s in network.sockets(network.device, server.port)}, 5)
    device.whole()
    assert not device.said("down")
    device.tell("reset")
    device.established(2)
    assert device.whole().trust == "rotated"
    device.kill()
    device.start()
    device.whole()


def _is_main(device: Device, local: str) -> bool:
    status = device.status
    return local == f"{status.local_address}:{status.local_port}"


def test_a_device_that_was_away_since_before_the_rotation_returns_by_the_old_ones_word(
    network: Network, authority: Path
) -> None:
    server = running(network, authority)
    device = Device(network, managed_by(server)).start()
    device.established()
    device.kill()
    rotate(server.folder, time.time_ns())
    switch(server.folder, time.time_ns())
    shows(server)
    device.start()
    device.established()
    hears(device, server, 1)
    retire(server.folder, time.time_ns())
    hears(device, server, 2)
    shows(server)
    device.tell("reset")
    device.established(2)


def test_a_device_that_was_away_for_the_whole_overlap_says_why_and_a_fingerprint_lets_it_in(
    network: Network, authority: Path
) -> None:
    server = running(network, authority)
    device = Device(network, managed_by(server)).start()
    device.established()
    device.kill()
    for step in (rotate, switch, retire):
        step(server.folder, time.time_ns())
    shows(server)
    device.start()
    device.fails_with("authority")
    failed = next(c for c in device.ask("examine").checks if c.passed is False)
    assert failed.topic == "tls"
    assert "fingerprint" in failed.remedy
    assert not device.said("established")
    device.configure(managed_by(server, fingerprint=fingerprint_of_pem(authorities(server.folder)[0])))
    device.established()
    assert device.status.trust == "configured"


def test_a_new_fingerprint_is_believed_over_what_was_learnt_in_rotations(
    network: Network, authority: Path, other_authority: Path
) -> None:
    server = running(network, authority)
    old = fingerprint_of_pem(authorities(server.folder)[0])
    device = Device(network, managed_by(server, fingerprint=old)).start()
    device.established()
    rotate(server.folder, time.time_ns())
    hears(device, server, 1)
    server.kill()
    anew = Server(network, other_authority).start()
    anew.add("SN1")
    device.fails_with("authority")
    device.configure(managed_by(anew, fingerprint=fingerprint_of_pem(authorities(anew.folder)[0])))
    device.established(2)
