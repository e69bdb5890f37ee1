"""What watches over the server asks: /healthz, /readyz, /metrics.

/healthz: the process answers. /readyz: it can read its databases. Both are open to all and say nothing more. /metrics
has numbers and no secrets; it is for administrators, for whole-server viewers and for programs on the same machine.

In: a path. Out: an answer. Next: nothing.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping

from twinspan.model.errors import TwinspanError
from twinspan.server.admin import Admin, AdminResponse
from twinspan.server.clock import wall_ns
from twinspan.server.metrics import CONTENT_TYPE
from twinspan.server.problem import ProblemRaised
from twinspan.server.told import told

PATHS = frozenset({"/healthz", "/readyz", "/metrics"})
_TEXT = {"content-type": "text/plain; charset=utf-8", "cache-control": "no-store"}


class PlainPaths:
    """One per worker."""

    def __init__(self, admin: Admin, gauges: Callable[[], Mapping[str, float]]) -> None:
        self._admin, self._gauges = admin, gauges

    async def handle(self, method: str, path: str, headers: dict[str, str], address: str) -> AdminResponse:
        """One request to one of PATHS."""
        if method != "GET":
            return AdminResponse(status=405, headers=_TEXT | {"allow": "GET"}, body=b"only GET\n")
        if path == "/healthz":
            return AdminResponse(status=200, headers=_TEXT, body=b"ok\n")
        if path == "/readyz":
            return await self._ready()
        if not self._may_read(headers, address):
            return AdminResponse(status=401, headers=_TEXT | {"www-authenticate": "Bearer"}, body=b"send a token\n")
        body = self._admin.metrics.text(self._gauges()).encode()
        return AdminResponse(status=200, headers=_TEXT | {"content-type": CONTENT_TYPE}, body=body)

    async def _ready(self) -> AdminResponse:
        resources = self._admin.office.resources
        try:
            if resources is not None:
                store = resources.service.store
                await resources.ask(lambda: store.read(lambda view: view.newest_change()))
        except TwinspanError as error:
            body = f"not ready: {told(error)[0]}\n".encode()
            return AdminResponse(status=503, headers=_TEXT | {"retry-after": "1"}, body=body)
        return AdminResponse(status=200, headers=_TEXT, body=b"ready\n")

    def _may_read(self, headers: dict[str, str], address: str) -> bool:
        try:
            if ipaddress.ip_address(address).is_loopback:
                return True
        except ValueError:
            pass  # a transport without an address: only a token counts
        try:
            return self._admin.principal(headers, wall_ns()).account is None
        except ProblemRaised:
            return False
