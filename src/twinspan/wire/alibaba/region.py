"""Regions and zones in the compatible API: this server is one region.

In: the region. Out: `ACTIONS`. Next: `table.py`.
"""

from __future__ import annotations

from typing import Any

from twinspan.wire.alibaba.action import Action, Compute
from twinspan.wire.alibaba.view import View

ZONES = "abc"
"""Zones of the region; a vSwitch may name any other, too."""


def regions(_: dict[str, Any], view: View) -> dict[str, Any]:
    """DescribeRegions: shows the one that this server is."""
    row = {"RegionId": view.region, "LocalName": view.region, "RegionEndpoint": f"vpc.{view.region}.aliyuncs.com"}
    return {"Regions": {"Region": [row]}}


def zones(_: dict[str, Any], view: View) -> dict[str, Any]:
    """DescribeZones: shows where vSwitches can be."""
    rows = [
        {"ZoneId": f"{view.region}-{letter}", "LocalName": letter, "ZoneType": "AvailabilityZone"} for letter in ZONES
    ]
    return {"Zones": {"Zone": rows}}


ACTIONS: tuple[Action, ...] = (
    Action(
        name="DescribeRegions",
        does=Compute((), regions),
        region=False,
        ignored={"ProductType": "every product of this server is in its region"},
    ),
    Action(name="DescribeZones", does=Compute((), zones), ignored={"ZoneType": "there is one type"}),
)
