"""Regions and zones in the compatible API: this server is one region.

In: the region. Out: `ACTIONS`. Next: `table.py`.
"""

from __future__ import annotations

from typing import Any

from twinspan.wire.alibaba.action import Action, Compute
from twinspan.wire.alibaba.fault import Fault, shown
from twinspan.wire.alibaba.view import View

ZONES = "abc"
"""Zones of the region. A vSwitch is stored with the letter; a site file may name any other, too."""


def zone_shown(zone: str, region: str) -> str:
    """A stored zone as DescribeZones calls it; the region may stand in it already."""
    return zone if not zone or zone.startswith(f"{region}-") else f"{region}-{zone}"


def zone_read(parameter: str, text: object, region: str) -> str | Fault:
    """The letter of a zone of DescribeZones."""
    known = {zone_shown(letter, region): letter for letter in ZONES}
    if text in known:
        return known[str(text)]
    return Fault(
        code=f"Invalid{parameter.rpartition('.')[2]}.NotFound",
        status=404,
        message=f"{parameter}: there is no zone {shown(text)} (the zones are {', '.join(known)}).",
    )


def regions(_: dict[str, Any], view: View) -> dict[str, Any]:
    """DescribeRegions: shows the one that this server is."""
    row = {"RegionId": view.region, "LocalName": view.region, "RegionEndpoint": f"vpc.{view.region}.aliyuncs.com"}
    return {"Regions": {"Region": [row]}}


def zones(_: dict[str, Any], view: View) -> dict[str, Any]:
    """DescribeZones: shows where vSwitches can be."""
    rows = [
        {"ZoneId": zone_shown(letter, view.region), "LocalName": letter, "ZoneType": "AvailabilityZone"}
        for letter in ZONES
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
