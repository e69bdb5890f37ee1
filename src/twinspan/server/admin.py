"""The admin API without its transport: who asks, what for, and which function does it.

In: method, path, headers and body of one HTTP request, the time. Out: status, headers, body. Every path begins with
/api/v1/ and needs a bearer token: an administrator's, or an account's for its own devices. The functions stand in
`admin_devices.py`, `admin_commands.py` and `admin_accounts.py`. Next: the hub calls it.
"""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec

from twinspan.model.errors import Rejected, Retryable
from twinspan.model.secret import encode_hook
from twinspan.server import admin_accounts, admin_commands, admin_config, admin_devices
from twinspan.server.accounts import Principal
from twinspan.server.admin_route import Call, Office, Result, Route
from twinspan.server.problem import (
    ADMINISTRATOR_ONLY,
    CONTENT_TYPE,
    NO_SUCH_PATH,
    UNAUTHORIZED,
    Problem,
    ProblemRaised,
    faults_problem,
    not_allowed,
    problem,
)
from twinspan.server.registry import NoSuchDevice, Refused

PREFIX = "/api/v1"
MAX_QUERY_FIELDS = 20
ROUTES: tuple[Route, ...] = admin_devices.ROUTES + admin_config.ROUTES + admin_commands.ROUTES + admin_accounts.ROUTES
_BEARER = re.compile(r"Bearer +([!-~]{1,256})", re.IGNORECASE)


class AdminResponse(msgspec.Struct, frozen=True, kw_only=True):
    status: int
    headers: dict[str, str]
    body: bytes


class Admin:
    """One per worker. All of it runs on the event loop but the making of passwords."""

    def __init__(self, office: Office) -> None:
        self.office = office

    async def handle(self, method: str, path: str, headers: dict[str, str], body: bytes, now_ns: int) -> AdminResponse:
        """One request; header names are in lower case, the path has its query. Never raises for what a client did."""
        try:
            result = await self._call(method, path, headers, body, now_ns)
        except ProblemRaised as raised:
            return _problem_response(raised.problem)
        except Refused as refused:
            return _problem_response(faults_problem(refused.faults))
        except NoSuchDevice as error:
            return _problem_response(problem(404, "no-such-device", error.message, field="serial", remedy=error.remedy))
        except Rejected as error:
            return _problem_response(problem(409, "conflict", error.message, remedy=error.remedy))
        except Retryable as error:
            busy = problem(503, "busy", error.message, remedy=error.remedy)
            return _problem_response(busy, {"retry-after": str(max(1, round(error.delay_s)))})
        content = msgspec.json.encode(result.value, enc_hook=encode_hook)
        return AdminResponse(status=result.status, headers=_headers("application/json"), body=content)

    def principal(self, headers: dict[str, str]) -> Principal:
        """Who asks; for a WebSocket of a shell as well. Raises ProblemRaised with 401."""
        found = _BEARER.fullmatch(headers.get("authorization", ""))
        # Without a token the look-up is done all the same: the answer comes after the same time.
        principal = self.office.accounts.authenticate(found.group(1) if found else "")
        if principal is None:
            raise ProblemRaised(UNAUTHORIZED)
        return principal

    async def _call(self, method: str, path: str, headers: dict[str, str], body: bytes, now_ns: int) -> Result:
        principal = self.principal(headers)
        url = urlsplit(path)
        if not url.path.startswith(f"{PREFIX}/"):
            raise ProblemRaised(NO_SUCH_PATH)
        parts = [unquote(part) for part in url.path.removeprefix(f"{PREFIX}/").split("/")]
        route, names = self._find(method, parts)
        if route.administrator and not principal.administrator:
            raise ProblemRaised(ADMINISTRATOR_ONLY)
        call = Call(
            office=self.office,
            principal=principal,
            names=names,
            query=_query(url.query),
            body=body,
            content_type=headers.get("content-type", "").partition(";")[0].strip().lower(),
            now_ns=now_ns,
        )
        return await route.function(call)

    def _find(self, method: str, parts: list[str]) -> tuple[Route, dict[str, str]]:
        allow = []
        for route in ROUTES:
            names = route.match(parts)
            if names is None:
                continue
            if route.method == method:
                return route, names
            allow.append(route.method)
        raise ProblemRaised(not_allowed(tuple(allow)) if allow else NO_SUCH_PATH)


def _query(text: str) -> dict[str, str]:
    try:
        return dict(parse_qsl(text, max_num_fields=MAX_QUERY_FIELDS))
    except ValueError as error:
        remedy = f"give up to {MAX_QUERY_FIELDS}"
        raise ProblemRaised(problem(422, "query", "The query has too many fields", remedy=remedy)) from error


def _problem_response(found: Problem, more: dict[str, str] | None = None) -> AdminResponse:
    headers = _headers(CONTENT_TYPE) | (more or {})
    if found.status == 401:
        headers["www-authenticate"] = 'Bearer realm="twinspan"'
    if found.allow:
        headers["allow"] = ", ".join(found.allow)
    return AdminResponse(status=found.status, headers=headers, body=msgspec.json.encode(found))


def _headers(content_type: str) -> dict[str, str]:
    # What is answered may hold a secret that is shown once: no cache keeps it.
    return {"content-type": content_type, "cache-control": "no-store", "x-content-type-options": "nosniff"}
