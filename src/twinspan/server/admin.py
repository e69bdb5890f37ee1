"""The native API without its transport: who asks, what for, and which function does it.

In: method, path, headers and body of one HTTP request, the time. Out: status, headers, body. Every path begins with
/api/v1/ and needs a bearer token: an administrator's, or an account's for its own devices and resources. The functions
stand in the modules named in `ROUTES`. Next: the door calls it.
"""

from __future__ import annotations

import math
import re
from collections.abc import AsyncIterator
from urllib.parse import parse_qsl, unquote

import msgspec

from twinspan.model.errors import Rejected, Retryable, Unavailable
from twinspan.model.secret import encode_hook
from twinspan.server import admin_access, admin_accounts, admin_commands, admin_config, admin_devices
from twinspan.server.accounts import Principal
from twinspan.server.admin_described import DESCRIBED
from twinspan.server.admin_route import Call, Office, Result, Route, RouteTable
from twinspan.server.clock import steady_ns
from twinspan.server.metrics import Metrics
from twinspan.server.problem import (
    ADMINISTRATOR_ONLY,
    CONTENT_TYPE,
    NO_SUCH_PATH,
    NOT_FOR_THIS,
    TOO_FAST,
    UNAUTHORIZED,
    Problem,
    ProblemRaised,
    faults_problem,
    not_allowed,
    problem,
)
from twinspan.server.registry import NoSuchDevice, Refused
from twinspan.server.resources import api, apply_api, event_stream
from twinspan.server.resources.error import ServiceError
from twinspan.server.resources.openapi import serving
from twinspan.server.resources.port import StaleWrite
from twinspan.server.resources.problems import service_problem, stale_problem
from twinspan.server.resources.rate_limit import RateLimit, RateSettings
from twinspan.server.told import delay_s, told

PREFIX = "/api/v1"
_BELOW = f"{PREFIX}/"
MAX_QUERY_FIELDS = 40
FLAGS = frozenset({"dry_run"})
"""Fields of a query that mean something without a value."""
ROUTES: tuple[Route, ...] = (
    admin_devices.ROUTES + admin_config.ROUTES + admin_commands.ROUTES + admin_accounts.ROUTES
    + admin_access.ROUTES
    + apply_api.ROUTES + api.ROUTES + event_stream.ROUTES
    + (Route(method="GET", path="/openapi.json", function=serving(lambda: ROUTES, DESCRIBED)),)
)  # fmt: skip
UNLIMITED = RateSettings(per_s=0)
# What is answered may hold a secret that is shown once: no cache keeps it.
_JSON = {"content-type": "application/json", "cache-control": "no-store", "x-content-type-options": "nosniff"}
_PROBLEM = _JSON | {"content-type": CONTENT_TYPE}
_BEARER = re.compile(r"Bearer +([!-~]{1,256})", re.IGNORECASE)
_TABLE = RouteTable(ROUTES)
_OPEN_TO_ALL = frozenset({"whoami", "openapi.json"})
"""What every good token may read, whatever its scopes."""


class AdminResponse(msgspec.Struct, frozen=True, kw_only=True):
    status: int
    headers: dict[str, str]
    body: bytes
    stream: AsyncIterator[bytes] | None = None
    """Instead of a body."""


class Admin:
    """One per worker. What it does on the event loop takes microseconds; writing is the writer's."""

    def __init__(self, office: Office, rate: RateSettings = UNLIMITED, metrics: Metrics | None = None) -> None:
        self.office, self.rate = office, RateLimit(rate)
        self.metrics = metrics or Metrics()

    async def handle(
        self, method: str, path: str, headers: dict[str, str], body: bytes, now_ns: int, address: str = ""
    ) -> AdminResponse:
        """One request; header names are in lower case, the path has its query. Never raises for what a client did."""
        since_ns = steady_ns()
        try:
            response = _response(await self._call(method, path, headers, body, now_ns, address))
        except ServiceError as error:
            response = _problem_response(*service_problem(error))
        except StaleWrite as error:
            response = _problem_response(*stale_problem(error))
        except ProblemRaised as raised:
            response = _problem_response(raised.problem, raised.headers)
        except Refused as refused:
            response = _problem_response(faults_problem(refused.faults))
        except NoSuchDevice as error:
            found = problem(404, "no-such-device", error.message, field="serial", remedy=error.remedy)
            response = _problem_response(found)
        except Rejected as error:
            message, remedy = told(error)
            response = _problem_response(problem(409, "conflict", message, remedy=remedy))
        except (Retryable, Unavailable) as error:
            message, remedy = told(error)
            busy = problem(503, "busy", message, remedy=remedy)
            response = _problem_response(busy, {"retry-after": str(max(1, math.ceil(delay_s(error))))})
        self.metrics.answered("native", response.status, steady_ns() - since_ns)
        return response

    def principal(self, headers: dict[str, str], now_ns: int) -> Principal:
        """Who asks; for a WebSocket of a shell as well. Raises ProblemRaised with 401."""
        principal = self.known(headers, now_ns)
        if principal is None:
            self.metrics.refused("native", "token")
            raise ProblemRaised(UNAUTHORIZED)
        return principal

    def known(self, headers: dict[str, str], now_ns: int) -> Principal | None:
        """Who shows a good token; None: nobody does."""
        found = _BEARER.fullmatch(headers.get("authorization", ""))
        # Without a token the look-up is done all the same: the answer comes after the same time.
        return self.office.accounts.authenticate(found.group(1) if found else "", now_ns)

    async def _call(
        self, method: str, path: str, headers: dict[str, str], body: bytes, now_ns: int, address: str
    ) -> Result:
        principal = self.principal(headers, now_ns)
        wait_s = self.rate.wait_s(principal.label, now_ns)
        if wait_s is not None:
            self.metrics.refused("native", "rate")
            raise ProblemRaised(TOO_FAST, {"retry-after": str(max(1, math.ceil(wait_s)))})
        place, _, query = path.partition("?")
        if not place.startswith(_BELOW):
            raise ProblemRaised(NO_SUCH_PATH)
        parts = place[len(_BELOW) :].split("/")
        if "%" in place:
            parts = [unquote(part) for part in parts]
        found = _TABLE.find(method, parts)
        if found is None:
            allow = _TABLE.allowed(parts)
            raise ProblemRaised(not_allowed(allow) if allow else NO_SUCH_PATH)
        route, names = found
        if route.administrator and not principal.administrator:
            raise ProblemRaised(ADMINISTRATOR_ONLY)
        if parts[0] not in _OPEN_TO_ALL and not principal.may_use(parts[0], change=route.changes):
            raise ProblemRaised(NOT_FOR_THIS)
        call = Call(
            office=self.office,
            principal=principal,
            names=names,
            query=_query(query) if query else {},
            body=body,
            content_type=headers.get("content-type", "").partition(";")[0].strip().lower(),
            now_ns=now_ns,
            headers=headers,
            address=address,
        )
        return await route.function(call)


def _query(text: str) -> dict[str, str]:
    try:
        fields = parse_qsl(text, keep_blank_values=True, max_num_fields=MAX_QUERY_FIELDS)
    except ValueError as error:
        remedy = f"give up to {MAX_QUERY_FIELDS}"
        raise ProblemRaised(problem(422, "query", "The query has too many fields", remedy=remedy)) from error
    return {name: value for name, value in fields if value or name in FLAGS or name.startswith("tag.")}


def _response(result: Result) -> AdminResponse:
    headers = {**_JSON, **result.headers} if result.headers else _JSON
    if result.stream is not None:
        return AdminResponse(status=result.status, headers=headers, body=b"", stream=result.stream)
    value = result.value
    body = value if isinstance(value, bytes) else msgspec.json.encode(value, enc_hook=encode_hook)
    return AdminResponse(status=result.status, headers=headers, body=body)


def _problem_response(found: Problem, more: dict[str, str] | None = None) -> AdminResponse:
    headers = _PROBLEM | (more or {})
    if found.status == 401:
        headers["www-authenticate"] = 'Bearer realm="twinspan"'
    if found.allow:
        headers["allow"] = ", ".join(found.allow)
    return AdminResponse(status=found.status, headers=headers, body=msgspec.json.encode(found))
