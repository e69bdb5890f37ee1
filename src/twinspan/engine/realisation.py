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
    claims: dict[str, list[str]] = {}
    for serial, config in sorted(present.items()):
        if config.site == site and config.node not in devices and serial not in {*devices.values(), *others}:
            claims.setdefault(config.node, []).append(serial)
    for node, serials in claims.items():
        if len(serials) == 1:
            found[node] = serials[0]
        else:
            both = f"devices {' and '.join(serials)} all say that they are node {node}"
            problems.append(f"{both}, so none of them is told anything: name one in the site's field devices")
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
    """Which devices must be told something.

    A bound node that the site has no more goes back to its base config, and so does a device whose node is another one
    now.
    """
    wanted: dict[str, DeviceConfig] = {}
    for serial, before in present.items():
        replaced = bound.get(before.node, serial) != serial and serial not in bound.values()
        if before.site == site and (replaced or bound.get(before.node) == serial):
            wanted[serial] = base_config(before)
    for node, serial in bound.items():
        if node in configs:
            wanted[serial] = with_own_part(configs[node], present[serial])
    return tuple(
        Push(serial=serial, node=config.node, config=structs.replace(config, generation=present[serial].generation + 1))
        for serial, config in sorted(wanted.items())
        if config != present[serial]
    )


def _bare(link: Link) -> Link:
    return link if link.management else Link(name=link.name, kind=link.kind, mtu=link.mtu)


def _over(route: StaticRoute, links: set[str]) -> bool:
    return bool(route.next_hops) and all(hop.link in links for hop in route.next_hops)
