"""The doctor names the step that fails, and leaves a connection that is up alone."""

from __future__ import annotations

import asyncio

import msgspec
from tests.inprocess.certificates import client_authority, client_certificate
from tests.inprocess.site import Cloud, Site, free_port, until

from twinspan.agent.cloud_connection.manager import ConnectionManager, ManagerPorts
from twinspan.agent.cloud_connection.trust import TrustStore
from twinspan.agent.journal import Journal
from twinspan.model.cloud_management import CloudManagement, CloudServer
from twinspan.model.device_identity import DeviceIdentity
from twinspan.model.secret import Secret
from twinspan.server.authority import authorities, fingerprint_of_pem


class Device:
    """A connection manager without services."""

    def __init__(self, site: Site, config: CloudManagement) -> None:
        self.folder = site.new_folder("device")
        trust = TrustStore(Journal(self.folder))
        ports = ManagerPorts(record=lambda *_: None)
        self.manager = ConnectionManager(DeviceIdentity(serial="SN1"), "boot", trust, (), ports)
        self.manager.configure(config)
        self._task = asyncio.get_running_loop().create_task(self.manager.run())
        site.keep(self)

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def settled(self) -> None:
        """Until it is connected, or the first attempt has failed."""
        await until(lambda: self.manager.status().state == "Established" or self.manager.status().failure)

    async def failures(self) -> list[tuple[str, str]]:
        return [(c.topic, c.remedy) for c in await self.manager.examine() if c.passed is False]


def settings(cloud: Cloud | None, password: str = "correct-horse", **server: object) -> CloudManagement:
    host, _, port = cloud.netloc.rpartition(":") if cloud is not None else ("127.0.0.1", "", "1")
    fields = {"domain": host, "port": int(port), **server}
    return CloudManagement(primary=CloudServer(**fields), password=Secret(password))  # type: ignore[arg-type]


async def test_a_healthy_connection_has_no_finding_and_stays_up(site: Site) -> None:
    cloud = await site.cloud()
    cloud.add("SN1")
    device = Device(site, settings(cloud))
    await device.settled()
    checks = await device.manager.examine()
    assert [c.topic for c in checks] == ["server", "password", "clock", "dns", "port", "tls", "serial", "state"]
    assert all(c.passed for c in checks), checks
    assert device.manager.status().epoch == 1
    assert [(s.port, s.role, s.source) for s in device.manager.status().servers] == [(cloud.port, "primary", "manual")]


async def test_a_wrong_password_is_found_at_the_serial(site: Site) -> None:
    cloud = await site.cloud()
    cloud.add("SN1")
    device = Device(site, settings(cloud, "guess-guess"))
    await device.settled()
    found = await device.failures()
    assert [topic for topic, _ in found] == ["serial", "state"]
    assert "twinspan device add" in found[0][1]


async def test_a_port_where_nobody_listens_is_found_at_the_port(site: Site) -> None:
    cloud = await site.cloud()
    device = Device(site, settings(cloud, port=free_port("127.0.0.1")))
    await device.settled()
    assert [topic for topic, _ in await device.failures()] == ["port", "state"]


async def test_a_name_that_nobody_knows_is_found_at_dns(site: Site) -> None:
    device = Device(site, settings(None, domain="no-such-name.invalid"))
    await device.settled()
    assert [topic for topic, _ in await device.failures()] == ["dns", "state"]


async def test_a_program_that_is_no_cloud_server_is_found_at_tls(site: Site) -> None:
    def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example ESMTP\r\n")
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        device = Device(site, settings(None, port=port))
        await device.settled()
        assert [topic for topic, _ in await device.failures()] == ["tls", "state"]


async def test_another_authority_than_the_configured_one_is_found_at_tls(site: Site) -> None:
    cloud = await site.cloud()
    cloud.add("SN1")
    config = settings(cloud)
    device = Device(site, CloudManagement(primary=config.primary, password=config.password, fingerprint="0" * 64))
    await device.settled()
    assert device.manager.status().failure == "authority"
    assert [topic for topic, _ in await device.failures()] == ["tls", "state"]


async def test_a_client_certificate_without_its_file_is_found_at_the_proof_with_its_place(site: Site) -> None:
    cloud = await site.cloud()
    pinned = fingerprint_of_pem(authorities(cloud.folder)[0])
    config = msgspec.structs.replace(settings(cloud), certificate=True, fingerprint=pinned)
    device = Device(site, config)
    await device.settled()
    found = await device.failures()
    assert [topic for topic, _ in found] == ["password", "state"]
    assert str(device.folder / "device.pem") in found[0][1]


async def test_a_client_certificate_without_a_fingerprint_is_found_at_tls(site: Site) -> None:
    cloud = await site.cloud()
    device = Device(site, msgspec.structs.replace(settings(cloud), certificate=True))
    client_certificate(device.folder, client_authority(), "SN1").rename(device.folder / "device.pem")
    await device.settled()
    found = await device.failures()
    assert [topic for topic, _ in found] == ["tls", "state"]
    assert "fingerprint" in found[0][1]


async def test_the_doctor_says_what_the_serial_is_proved_with(site: Site) -> None:
    cloud = await site.cloud()
    cloud.add("SN1", credential="token", password=Secret("one-time-token-1"))
    token = msgspec.structs.replace(settings(cloud), password=None, enrolment_token=Secret("one-time-token-1"))
    device = Device(site, token)
    await device.settled()
    said = [check.detail for check in await device.manager.examine() if check.topic == "password"]
    assert said == ["an own secret, made in place of the one-time token"]


async def test_no_password_is_found_even_while_the_server_cannot_be_reached(site: Site) -> None:
    device = Device(site, msgspec.structs.replace(settings(None), password=None))
    await device.settled()
    assert [topic for topic, _ in await device.failures()] == ["password", "port", "state"]
