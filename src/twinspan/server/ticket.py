"""Tickets in URLs at the server: given out to devices, redeemed once, remembered until they are over anyway.

In: who may come where. Out: URLs; from a URL that somebody comes with, its ticket, if it is one of ours and still good.
Next: `hub`.
"""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Iterable
from typing import Literal

import msgspec

from twinspan.server.clock import fresh_id, wall_ns
from twinspan.wire.cloud_connection import ticket as tickets
from twinspan.wire.cloud_connection.messages import SERVICE_PATH, TUNNEL_PATH, ServiceUrl


class TicketSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Of one worker."""

    base_url: str
    """How devices reach it, where they do not say so themselves, e.g. "wss://cloud.example:19443"."""
    key: bytes
    own_port: int | None = None
    """With several workers on one port: where this one alone is reached."""


class TicketOffice:
    """The tickets of one life of a worker: they die with it."""

    def __init__(self, settings: TicketSettings) -> None:
        self._settings, self._instance = settings, fresh_id()
        self._spent: dict[str, int] = {}

    def base_url(self, host: str) -> str:
        """This server as the device itself calls it: what a NAT shows on its outside is known there only."""
        base = self._settings.base_url
        return f"{base.partition('://')[0]}://{host}" if host else base

    def own_url(self, host: str) -> str:
        """Where a new connection reaches this worker and no other."""
        base, port = self.base_url(host), self._settings.own_port
        if port is None:
            return base
        scheme, _, netloc = base.partition("://")
        name = netloc if netloc.endswith("]") else netloc.rpartition(":")[0] or netloc
        return f"{scheme}://{name}:{port}"

    def tunnel_url(self, host: str, serial: str, epoch: int) -> str:
        """For the main connection: it is opened on the TCP connection that the URL is sent on."""
        return f"{self.base_url(host)}{TUNNEL_PATH}?ticket={self._seal('tunnel', serial, epoch, '')}"

    def service_urls(self, own_url: str, serial: str, epoch: int, services: Iterable[str]) -> tuple[ServiceUrl, ...]:
        """One with a ticket of its own for each."""
        base = f"{own_url}{SERVICE_PATH}"
        return tuple(
            ServiceUrl(service=name, url=f"{base}/{name}?ticket={self._seal('service', serial, epoch, name)}")
            for name in services
        )

    def redeem(self, path: str, now_ns: int) -> tickets.UrlTicket | None:
        """The ticket in a path with query; it is spent from now on, also if it does not belong to this path."""
        place, _, text = path.partition("?ticket=")
        ticket = tickets.open_url_ticket(text, self._settings.key, now_ns)
        if ticket is None or ticket.worker != self._instance or ticket.id in self._spent:
            return None
        self._spent[ticket.id] = ticket.expires_ns
        wanted = TUNNEL_PATH if ticket.kind == "tunnel" else f"{SERVICE_PATH}/{ticket.service}"
        return ticket if place == wanted else None

    def sweep(self, now_ns: int) -> None:
        """Forget the spent ones that are over; they lie nearly in the order of their ends."""
        for over in list(itertools.takewhile(lambda spent: self._spent[spent] <= now_ns, self._spent)):
            del self._spent[over]

    def _seal(self, kind: Literal["tunnel", "service"], serial: str, epoch: int, service: str) -> str:
        ticket = tickets.UrlTicket(
            kind=kind,
            serial=serial,
            epoch=epoch,
            service=service,
            worker=self._instance,
            id=secrets.token_urlsafe(9),
            expires_ns=wall_ns() + tickets.URL_TTL_NS,
        )
        return tickets.seal(ticket, self._settings.key)
