"""What a device proves itself with besides a password: a client certificate, a one-time token."""

from __future__ import annotations

from tests.inprocess.certificates import client_authority, client_certificate, pem_of
from tests.inprocess.device import Device, managed_by
from tests.inprocess.site import Cloud, Site, until

from twinspan.model.secret import Secret
from twinspan.server.authority import CLIENT_AUTHORITY, authorities, fingerprint_of_pem

TOKEN = "one-time-token-of-a-test"


async def cloud_for_certificates(site: Site) -> tuple[Cloud, Device]:
    """A server that knows who issues certificates for devices, and a device with one."""
    clients = client_authority()
    cloud = await site.cloud()
    await cloud.stop()
    (cloud.folder / CLIENT_AUTHORITY).write_bytes(pem_of(clients))
    await cloud.restart()
    cloud.add("SN1", credential="certificate")
    fingerprint = fingerprint_of_pem(authorities(cloud.folder)[0])
    device = Device(site, managed_by(cloud, password=None, certificate=True, fingerprint=fingerprint))
    client_certificate(device.folder, clients, "SN1").rename(device.folder / "device.pem")
    return cloud, device


async def test_a_certificate_takes_the_place_of_the_password(site: Site) -> None:
    cloud, device = await cloud_for_certificates(site)
    await device.start().connected_to(cloud)
    assert device.status.trust == "configured"


async def test_without_its_file_the_device_says_which_one_is_missing(site: Site) -> None:
    _, device = await cloud_for_certificates(site)
    (device.folder / "device.pem").unlink()
    device.start()
    await until(lambda: device.status.failure)
    assert "device.pem" in device.status.failure_detail


async def test_a_certificate_does_not_vouch_for_the_server(site: Site) -> None:
    """Without a password nobody proves anything to the device: it wants the fingerprint first."""
    cloud, _ = await cloud_for_certificates(site)
    device = Device(site, managed_by(cloud, password=None, certificate=True)).start()
    await until(lambda: device.status.failure)
    assert device.status.failure == "authority"


async def test_a_token_is_used_once_and_the_device_keeps_a_secret_of_its_own(site: Site) -> None:
    cloud = await site.cloud()
    cloud.add("SN1", credential="token", password=Secret(TOKEN))
    settings = managed_by(cloud, password=None, enrolment_token=Secret(TOKEN))
    device = Device(site, settings)
    await device.start().connected_to(cloud)
    row = cloud.worker.store.find("SN1")
    assert row is not None
    assert (row.credential, row.token_used_at_ns is not None) == ("password", True)
    await device.close()
    # With its memory it comes back, though the token is spent; without it the token opens nothing.
    again = Device(site, settings, folder=device.folder)
    await again.start().connected_to(cloud)
    await again.close()
    stranger = Device(site, settings).start()
    await until(lambda: stranger.status.failure)
    assert stranger.status.failure == "not_admitted"
