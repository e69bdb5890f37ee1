"""Which link a connection leaves by, as the kernel says it."""

from __future__ import annotations

from twinspan.agent.cloud_connection.way import find_way
from twinspan.model.device_config import DeviceConfig, Failover, FailoverSpan, Link


async def test_the_link_is_the_one_that_the_kernel_takes() -> None:
    way = await find_way(None, "127.0.0.1", "127.0.0.1")
    assert (way.link, way.fallback) == ("lo", "none: no other link has a route to the server")


async def test_the_active_span_is_no_fallback() -> None:
    """`lo` has a route to the address; it would be offered if it were an ordinary link."""
    links = (Link(name="lo"),)
    spans = (FailoverSpan(name="circuit", role="active", links=("lo",)), FailoverSpan(name="vpn", role="standby"))
    ordinary = DeviceConfig(node="n", role="gateway", site="s", links=links)
    span = DeviceConfig(node="n", role="gateway", site="s", links=links, failover=Failover(spans=spans, prefixes=()))
    assert (await find_way(ordinary, "203.0.113.9", None)).fallback == "by lo"
    assert (await find_way(span, "203.0.113.9", None)).fallback.startswith("none")
