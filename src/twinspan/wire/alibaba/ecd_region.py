"""Regions, zones and tags of the office network product in the compatible API.

In: the region. Out: `ACTIONS`. Next: `table.py`.
"""

from __future__ import annotations

from typing import Any

from twinspan.wire.alibaba.action import ECD, Action, Compute
from twinspan.wire.alibaba.ecd_office_site import row
from twinspan.wire.alibaba.region import ZONES, zone_shown
from twinspan.wire.alibaba.tag import actions
from twinspan.wire.alibaba.view import View

TYPES = {"ALIYUN::GWS::OFFICESITE": "OfficeNetwork"}
"""The cloud tags cloud computers there; office networks carry tags here, too."""


def _regions(_: dict[str, Any], view: View) -> dict[str, Any]:
    endpoint = f"ecd.{view.region}.aliyuncs.com"
    return {"Regions": [{"RegionId": view.region, "LocalName": view.region, "RegionEndpoint": endpoint}]}


def _zones(_: dict[str, Any], view: View) -> dict[str, Any]:
    return {"Zones": [{"ZoneId": zone_shown(letter, view.region)} for letter in ZONES]}


ACTIONS: tuple[Action, ...] = (
    row(name="DescribeRegions", does=Compute((), _regions), region=False),
    row(
        name="DescribeZones",
        does=Compute((), _zones),
        ignored={"ZoneType": "there is one type", "VpcAccessZone": "every zone is reached over a VPC"},
    ),
    *actions(ECD, ("TagResources", "UntagResources", "ListTagResources"), TYPES, into="TagResources"),
)
