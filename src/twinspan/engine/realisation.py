"""From what a site shall be to what each of its devices shall be told, pure.

A device has more to its config than its site: how it is managed, who may log in, what its ports are called. That part
was given to it by whoever connected it, and no change of the site takes it away. In: compiled configs by node, the
configs that devices are to have now. Out: the new ones, only where something differs. Next: `server.resources.realise`.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from msgspec import structs

from twinspan.model.device_config import DeviceConfig, Link, StaticRoute


class Push(msgspec.Struct, frozen=True, kw_only=True):
    """A device shall be something else than before."""

    serial: str
    node: str
    config: DeviceConfig


def base_config(config: DeviceConfig) -> DeviceConfig:
    """A node as it is taken out of its box and plugged in: ports that are up, and its own part."""
    bare = DeviceConfig(
        node=config.node,
        role=config.role,
        site=config.site,
        profile=config.profile,
        links=tuple(_bare(link) for link in config.links if link.kind != "vlan"),
    )
    return with_own_part(bare, config)


def with_own_part(wanted: DeviceConfig, present: DeviceConfig) -> DeviceConfig:
    """`wanted` with everything of `present` that is the device's own: how it is managed and by whom.

    Management links are the device's, whatever the site calls its own, and so are the static routes over them.
    """
    own = {link.name for link in present.links if link.management}
    links = [link for link in wanted.links if not link.management and link.name not in own]
    routes = [route for route in wanted.routes if route not in present.routes or not _over(route, own)]
    return structs.replace(
        wanted,
        generation=present.generation,
        links=(*links, *(link for link in present.links if link.management)),
        routes=(*routes, *(route for route in present.routes if _over(route, own))),
        cloud=present.cloud,
        access=present.access,
        names=present.names,
        shutdown=present.shutdown,
        descriptions=present.descriptions,
    )


def bindings(
    site: str, devices: Mapping[str, str], others: Mapping[str, str], present: Mapping[str, DeviceConfig]
) -> tuple[dict[str, str], tuple[str, ...]]:
    """Node to serial number of its device, and what stands in the way.

    What the site says counts. Of a node that it does not name, the device is the one whose config says that it is this
    node of this site. `others`: serials that other sites name, and which one does. `present`: configs of all devices of
    the site's account, by serial.
    """
    found: dict[str, str] = {}
    problems: list[str] = []
    for node, serial in devices.items():
        problem = _unusable(node, serial, devices, others, present)
        if problem:
            problems.append(problem)
        else:
            found[node] = serial
    for serial, config in sorted(present.items()):
        if config.site != site or config.node in devices or serial in devices.values() or serial in others:
            continue
        if config.node in found:
            both = f"devices {found[config.node]} and {serial} both say that they are node {config.node}"
            problems.append(f"{both}: name one of them in the site's field devices")
        else:
            found[config.node] = serial
    return found, tuple(problems)


def _unusable(
    node: str, serial: str, devices: Mapping[str, str], others: Mapping[str, str], present: Mapping[str, DeviceConfig]
) -> str:
    if list(devices.values()).count(serial) > 1:
        return f"devices.{node}: device {serial} is named for several nodes: one device is one node"
    if serial in others:
        return f"devices.{node}: site {others[serial]} names device {serial} too: take it out of one of them"
    if serial not in present:
        return (
            f"devices.{node}: no config of device {serial} is known here, so what it needs to stay connected is not"
            f" known either: give it one with its cloud part first (PUT /devices/{serial}/config)"
        )
    return ""


def pushes(
    site: str, configs: Mapping[str, DeviceConfig], bound: Mapping[str, str], present: Mapping[str, DeviceConfig]
) -> tuple[Push, ...]:
    """Which devices must be told something. A bound node that the site has no more goes back to its base config."""
    found = []
    for node, serial in sorted(bound.items()):
        before, wanted = present[serial], configs.get(node)
        if wanted is None and (before.site, before.node) != (site, node):
            continue  # it never was this node
        after = with_own_part(wanted, before) if wanted is not None else base_config(before)
        if after != structs.replace(before, generation=after.generation):
            more = structs.replace(after, generation=before.generation + 1)
            found.append(Push(serial=serial, node=node, config=more))
    return tuple(found)


def _bare(link: Link) -> Link:
    return link if link.management else Link(name=link.name, kind=link.kind, mtu=link.mtu)


def _over(route: StaticRoute, links: set[str]) -> bool:
    return bool(route.next_hops) and all(hop.link in links for hop in route.next_hops)
