"""The agent as a whole: no loop dies alone, and no config that cannot be carried out replaces the running one."""

from __future__ import annotations

import asyncio
import os

import pytest
from msgspec.structs import replace

from twinspan.agent.config_check import check_config
from twinspan.agent.journal import Journal
from twinspan.agent.node import Node
from twinspan.agent.orders import Orders
from twinspan.agent.supervisor import _work
from twinspan.model.cloud_management import CloudManagement, CloudServer
from twinspan.model.device_config import (
    DeviceConfig,
    Failover,
    Link,
    NextHop,
    PolicyRule,
    Probe,
    RouteTable,
    StaticRoute,
)
from twinspan.model.errors import Rejected

PROBE = Probe(name="p", source="10.0.0.2", destination="10.0.0.1", link="eth0")


def test_a_loop_that_breaks_ends_the_worker_with_its_reason(tmp_path, monkeypatch, capfd):
    async def broken(_: Orders) -> None:
        raise KeyError("a mistake of ours")

    monkeypatch.setattr(Orders, "run", broken)
    pid = os.fork()
    if pid == 0:
        os._exit(_work(tmp_path, os.getppid()))
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 1
    assert "a mistake of ours" in capfd.readouterr().err


IMPOSSIBLE = {
    "a rule into no table": ({"rules": (PolicyRule(priority=9, table="x"),)}, r"rules\[0\].table 'x'"),
    "a route over no link": (
        {"routes": (StaticRoute(prefix="10.0.0.0/8", next_hops=(NextHop(link="eth7"),)),)},
        r"next_hops\[0\].link 'eth7'",
    ),
    "a prefix that is none": ({"routes": (StaticRoute(prefix="ten", next_hops=()),)}, "'ten'"),
    "a prefix with host bits": ({"routes": (StaticRoute(prefix="10.0.0.1/8", next_hops=()),)}, "host bits"),
    "an address the kernel spells otherwise": ({"links": (Link(name="eth0", addresses=("FD00::1/64",)),)}, "fd00::1"),
    "a link name too long": ({"links": (Link(name="x" * 16),)}, "1 to 15"),
    "a table of the kernel": ({"tables": (RouteTable(name="t", table_id=254),)}, "254"),
    "two probes of one name": ({"probes": (PROBE, PROBE)}, "twice"),
    "a probe without an interval": ({"probes": (replace(PROBE, interval_ms=0),)}, "above 0"),
    "a policy without spans": ({"failover": Failover(spans=(), prefixes=())}, "one active and one standby"),
}


@pytest.mark.parametrize(("change", "says"), IMPOSSIBLE.values(), ids=IMPOSSIBLE.keys())
def test_an_impossible_config_is_refused_by_its_field(config, change, says):
    with pytest.raises(Rejected, match=says):
        check_config(replace(config, **change))


def test_the_running_config_stays_when_the_next_one_is_refused(tmp_path, config):
    async def scenario():
        node = Node(tmp_path, "n1")
        node.apply(config)
        for wrong in (replace(config, node="n2"), replace(config, rules=(PolicyRule(priority=9, table="x"),))):
            with pytest.raises(Rejected):
                node.apply(wrong)
        return node.converger.config

    assert asyncio.run(scenario()) == config
    assert Journal(tmp_path).load_config() == config


def test_a_saved_config_that_cannot_be_carried_out_is_set_aside_at_start(tmp_path, config):
    Journal(tmp_path).save_config(replace(config, rules=(PolicyRule(priority=9, table="x"),)))

    async def scenario():
        node = Node(tmp_path, "n1")
        node.restore()
        return node

    node = asyncio.run(scenario())
    assert node.converger.config is None
    assert [e.what for e in node.events.since(0)] == ["file set aside"]
    assert (tmp_path / "config.json.broken").exists()


def test_more_servers_than_a_device_may_have_are_refused_wherever_the_config_comes_from() -> None:
    backups = tuple(CloudServer(domain="cloud.example", port=port) for port in (1, 2, 3))
    cloud = CloudManagement(primary=CloudServer(domain="cloud.example", port=4), backups=backups)
    config = DeviceConfig(node="n", role="gateway", site="s")
    check_config(replace(config, cloud=replace(cloud, backups=backups[:2])))
    with pytest.raises(Rejected, match="cloud"):
        check_config(replace(config, cloud=cloud))
