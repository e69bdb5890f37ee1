"""`twinspan check --from-here`: what a PC in the data centre can test by itself, without root.

In: an address of the office network and what to look up, given or read from a site file. Out: `ConnectionCheck`s, the
last of them saying what only the gateway can test. Next: `drivers.connection_check` measures,
`engine.connection_check` judges.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import click
import msgspec

from twinspan.cli.site import load_site, plan_deployment
from twinspan.drivers.connection_check import Way, connect, echoes, hops, lookup, path_mtu, route_now
from twinspan.engine.connection_check import judge, not_looked_at
from twinspan.model.connection_check import CheckPlace, CheckTopic, ConnectionCheck, Measured
from twinspan.model.dns_service import CLOUD_DNS_SERVERS, CLOUD_SERVICES_PREFIX
from twinspan.model.errors import Rejected

FULL_MTU = 1500
HTTPS = 443
_ORIGIN = "here"
_NEEDS_SITE = (
    ("ping", "by each span"),
    ("round trip", "by each span"),
    ("port", "closing it, to test the standby"),
)
_SITE_WORDS = "needs the site: run `twinspan check` where its gateway is"


class Here(msgspec.Struct, frozen=True, kw_only=True):
    """What the options say."""

    address: str | None = None
    site: Path | None = None
    name: str | None = None
    dns: tuple[str, ...] = ()
    service: str | None = None


def check_here(here: Here) -> tuple[ConnectionCheck, ...]:
    """All lines. Raises Rejected without an address to ask, or for a service that is no HOST:PORT."""
    here = _completed(here)
    if here.address is None:
        raise Rejected(
            "there is no address of the office network to ask",
            remedy="give a cloud computer's address, or --site FILE: twinspan check --from-here 172.16.0.10",
        )
    work = list(_work(here, here.address))
    with ThreadPoolExecutor(max_workers=len(work)) as pool:
        checks = list(pool.map(lambda item: judge(item[0], item[1]()), work))
    return (*checks, *_left_out(here))


def _completed(here: Here) -> Here:
    if here.site is None:
        return here
    deployment = plan_deployment(load_site(here.site))
    address = here.address or deployment.cloud_endpoint.address
    return msgspec.structs.replace(here, address=address, name=here.name or deployment.dns_name)


def _work(here: Here, address: str) -> Iterator[tuple[CheckPlace, Callable[[], Measured]]]:
    way, name = Way(), here.name

    def line(
        topic: CheckTopic, subject: str, measure: Callable[[], Measured]
    ) -> tuple[CheckPlace, Callable[[], Measured]]:
        return CheckPlace(topic=topic, origin=_ORIGIN, subject=subject), measure

    yield line("ping", address, lambda: echoes(way, address))
    yield line("traceroute", address, lambda: hops(way, address))
    yield line("path mtu", address, lambda: path_mtu(way, address, FULL_MTU, None))
    yield line("route", CLOUD_SERVICES_PREFIX, lambda: route_now(CLOUD_SERVICES_PREFIX))
    if name is not None:
        yield line("dns", name, lambda: lookup(way, name, ()))
        for server in here.dns or CLOUD_DNS_SERVERS:
            servers = (server,)
            yield line("dns", f"{name} @{server}", lambda servers=servers: lookup(way, name, servers))  # type: ignore[misc]
    if (service := _service(here)) is not None:
        host, port = service
        yield line("tcp", f"{host} port {port}", lambda: connect(way, host, port))


def _service(here: Here) -> tuple[str, int] | None:
    if here.service is None:
        return (here.name, HTTPS) if here.name else None
    host, _, port = here.service.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 1 << 16:
        raise click.UsageError(
            f"--service {here.service}: must be HOST:PORT, e.g. ecd-vpc.cn-hangzhou.aliyuncs.com:443"
        )
    return host, int(port)


def _left_out(here: Here) -> Iterator[ConnectionCheck]:
    if here.name is None:
        place = CheckPlace(topic="dns", origin=_ORIGIN, subject="private name")
        yield not_looked_at(place, "no name was given: --name NAME, or --site FILE")
    for topic, subject in _NEEDS_SITE:
        yield not_looked_at(CheckPlace(topic=topic, origin=_ORIGIN, subject=subject), _SITE_WORDS)  # type: ignore[arg-type]
