"""What DHCP says of the cloud server reaches whoever dials; until somebody does, the event log alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from twinspan.agent.node import Node
from twinspan.model.secret import Secret
from twinspan.wire.dhcp_options import CloudOptions

SAID = CloudOptions(domain="cloud.example", password=Secret("hidden"), link="eth0", server="192.0.2.1", at_ns=7)


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path, "n1")


def test_it_is_recorded_without_the_password(node: Node) -> None:
    node.record_cloud_options(SAID)
    (event,) = node.events.since(0)
    assert event.what == "cloud server by DHCP"
    assert event.detail == "cloud.example, password given, by 192.0.2.1 on eth0"


def test_what_is_stale_or_incomplete_says_so(node: Node) -> None:
    node.record_cloud_options(CloudOptions(link="eth0", server="192.0.2.1", at_ns=7, stale=True))
    (event,) = node.events.since(0)
    assert event.detail == "no name, password not given, by 192.0.2.1 on eth0, lease gone"


def test_whoever_takes_the_hook_over_hears_what_the_driver_says(node: Node) -> None:
    heard: list[CloudOptions] = []
    node.on_cloud_options = heard.append
    node.drivers.dhcp_client._on_cloud_options(SAID)
    assert heard == [SAID]
