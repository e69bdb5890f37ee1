"""What DHCP says of the cloud server, between the driver and the connection manager."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from twinspan.agent.cloud import CloudAgent
from twinspan.agent.node import Node
from twinspan.engine.dhcp_trust import Running
from twinspan.model.cloud_management import CloudManagement, CloudServer
from twinspan.model.device_config import DeviceConfig
from twinspan.model.secret import Secret
from twinspan.wire.dhcp_options import CloudOptions

SAID = CloudOptions(domain="cloud.example", password=Secret("by-dhcp"), link="eth0", server="192.0.2.1", at_ns=7)
BY_HAND = CloudManagement(primary=CloudServer(domain="own.example"), password=Secret("by-hand"))


class FakeManager:
    """Remembers what it is given, and runs on that, or on what is set by hand."""

    def __init__(self, manual: Secret | None) -> None:
        self.manual = manual
        self.given: list[tuple[str | None, Secret | None, str, bool]] = []

    def running(self) -> Running:
        domain, password = self.given[-1][:2] if self.given else (None, None)
        return Running(domain=domain, dhcp_domain=domain, password=password or self.manual)

    def dhcp_values(self, domain: str | None, password: Secret | None, note: str = "", *, reconnect: bool) -> None:
        self.given.append((domain, password, note, reconnect))

    def configure(self, config: CloudManagement | None) -> None:
        """Not asked here."""


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path, "n1")


def agent(node: Node, cloud: CloudManagement) -> tuple[CloudAgent, FakeManager]:
    node.converger.config = DeviceConfig(node="n1", role="gateway", site="s", cloud=cloud)
    manager: Any = FakeManager(cloud.password)
    node.cloud._manager = manager
    return node.cloud, manager


def test_the_node_brings_what_the_driver_hears_to_the_cloud_agent(node: Node) -> None:
    _, manager = agent(node, CloudManagement(dhcp_link="eth0"))
    node.drivers.dhcp_client._on_cloud_options(SAID)
    assert [given[:2] + given[3:] for given in manager.given] == [("cloud.example", Secret("by-dhcp"), True)]
    assert [event.what for event in node.events.since(0)] == ["cloud server by DHCP"]


def test_the_same_again_keeps_the_connection_and_another_value_does_not(node: Node) -> None:
    cloud, manager = agent(node, CloudManagement())
    cloud.dhcp_heard(SAID)
    cloud.dhcp_heard(replace(SAID, at_ns=8))
    cloud.dhcp_heard(replace(SAID, password=Secret("another")))
    assert [given[3] for given in manager.given] == [True, False, True]


def test_a_lease_that_is_gone_takes_nothing_back(node: Node) -> None:
    cloud, manager = agent(node, CloudManagement())
    cloud.dhcp_heard(SAID)
    cloud.dhcp_heard(replace(SAID, stale=True))
    assert manager.given[-1][:2] == ("cloud.example", Secret("by-dhcp"))
    assert manager.given[-1][3] is False


def test_what_is_never_trusted_is_said_and_not_used(node: Node) -> None:
    cloud, manager = agent(node, replace(BY_HAND, dhcp_trust="never"))
    cloud.dhcp_heard(SAID)
    domain, password, note, _ = manager.given[-1]
    assert (domain, password) == (None, None)
    assert "never trusted" in note
    (event,) = [event for event in node.events.since(0) if event.what == "DHCP ignored"]
    assert "by-dhcp" not in event.detail


def test_a_policy_that_changes_is_asked_again_with_what_was_learnt(node: Node) -> None:
    cloud, manager = agent(node, replace(BY_HAND, dhcp_trust="never"))
    cloud.dhcp_heard(SAID)
    config = DeviceConfig(node="n1", role="gateway", site="s", cloud=replace(BY_HAND, dhcp_trust="always"))
    node.converger.config = config
    cloud.config_changed(config)
    assert manager.given[-1][:2] == ("cloud.example", Secret("by-dhcp"))
    assert manager.given[-1][3] is True
