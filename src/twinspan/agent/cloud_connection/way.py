"""Which link a cloud connection leaves by, and which other one could carry it.

In: addresses of both ends. Out: link names. The kernel is asked; nothing is changed. Next: `manager`.
"""

from __future__ import annotations

import msgspec

from twinspan.drivers.command import run_command
from twinspan.model.device_config import DeviceConfig


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """How it goes out."""

    link: str | None = None
    fallback: str = ""
    """What it would dial by if that link failed, in words."""


class _Route(msgspec.Struct, frozen=True, kw_only=True):
    dev: str = ""


async def find_way(config: DeviceConfig | None, server_address: str, local_address: str | None) -> Way:
    """The link that the kernel would take now, and another that is no span and has a route as well."""
    link = await _route(server_address, local_address, None)
    circuit = {name for span in _spans(config) for name in span}
    links = config.links if config is not None else ()
    others = [each.name for each in links if each.kind == "physical" and each.name not in circuit]
    for other in others:
        if other != link and await _route(server_address, None, other) == other:
            return Way(link=link, fallback=f"by {other}")
    return Way(link=link, fallback="none: no other link has a route to the server")


def _spans(config: DeviceConfig | None) -> list[tuple[str, ...]]:
    """Links of the active span: a connection that rides on what is being drilled would die with it."""
    failover = config.failover if config is not None else None
    return [span.links for span in failover.spans if span.role == "active"] if failover is not None else []


async def _route(destination: str, source: str | None, link: str | None) -> str | None:
    argv = ["ip", "-json", "route", "get", destination]
    argv += ["from", source] if source else []
    argv += ["oif", link] if link else []
    finished = await run_command(*argv)
    try:
        found = msgspec.json.decode(finished.output, type=list[_Route])
    except msgspec.DecodeError:
        return None
    return found[0].dev or None if found else None
