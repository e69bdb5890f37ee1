"""The door of the compatible API: one HTTP request to /, one answer.

Bounded before anything is believed: parameters, then the signature, the rate of the key, the action. In: an HTTP
request. Out: status, headers, body. Nothing secret is logged or answered but what its owner asks for. Next:
`authenticate.py`, `execute.py`; the server's front calls `AlibabaDoor.handle`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import msgspec

from twinspan.model.errors import TwinspanError
from twinspan.model.resource import Actor
from twinspan.server.alibaba.authenticate import AccessKeys, SignedRequest, authenticate
from twinspan.server.alibaba.execute import Executor
from twinspan.server.alibaba.nonces import Nonces
from twinspan.server.clock import fresh_id, steady_ns
from twinspan.server.metrics import Metrics
from twinspan.server.resources.rate_limit import RateLimit, RateSettings
from twinspan.server.resources.writer import Writer
from twinspan.server.told import delay_s, sentence
from twinspan.wire.alibaba.action import PRODUCTS, Action
from twinspan.wire.alibaba.fault import Fault, missing, shown
from twinspan.wire.alibaba.parameters import nested, read_form, read_pairs
from twinspan.wire.alibaba.table import ACTIONS

JSON = "application/json;charset=utf-8"
METHODS = ("GET", "POST")


class DoorAnswer(NamedTuple):
    """One answer."""

    status: int
    headers: dict[str, str]
    body: bytes


class _Request(NamedTuple):
    """Read, not believed yet."""

    signed: SignedRequest
    flat: dict[str, str]


class AlibabaDoor:
    """One per worker."""

    def __init__(  # noqa: PLR0913 - what a door is made of, named
        self,
        writer: Writer,
        keys: AccessKeys,
        *,
        region: str,
        names: Callable[[], Iterable[str]],
        nonces: Nonces,
        rate: RateSettings,
        metrics: Metrics | None = None,
    ) -> None:
        """`region`: the one this server is. `names`: the accounts there are."""
        self._executor = Executor(writer, region, names)
        self._keys, self._nonces, self._rate = keys, nonces, RateLimit(rate)
        self.metrics = metrics or Metrics()

    async def handle(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes, now_ns: int, address: str = ""
    ) -> DoorAnswer:
        """One request; header names are in lower case, the path has its query. Never raises for what a client did."""
        request_id, since_ns = _request_id(), steady_ns()
        try:
            answer = await self._answer(method, path, headers, body, now_ns, address)
        except TwinspanError as error:  # of what keeps the access keys
            answer = Fault(
                code="ServiceUnavailable", status=503, message=f"{sentence(error)}.", retry_after_s=delay_s(error)
            )
        if isinstance(answer, Fault):
            found = _fault_answer(answer, request_id, headers.get("host", ""))
        else:
            content = msgspec.json.encode({"RequestId": request_id, **answer})
            found = DoorAnswer(200, {"content-type": JSON, "x-acs-request-id": request_id}, content)
        self.metrics.answered("alibaba", found.status, steady_ns() - since_ns)
        return found

    async def _answer(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes, now_ns: int, address: str
    ) -> dict[str, Any] | Fault:
        request = _read(method, path, headers, body, address)
        if isinstance(request, Fault):
            return self._refused(request)
        actor = authenticate(request.signed, self._keys, self._nonces, now_ns)
        if isinstance(actor, Fault):
            return self._refused(actor)
        fault = self._too_fast(actor, now_ns)
        action = fault or _action(headers, request.flat)
        if isinstance(action, Fault):
            return self._refused(action)
        parameters = nested(request.flat)
        if isinstance(parameters, Fault):
            return self._refused(parameters)
        return await self._executor.execute(action, parameters, actor, now_ns)

    def _too_fast(self, actor: Actor, now_ns: int) -> Fault | None:
        wait_s = self._rate.wait_s(actor.label, now_ns)
        if wait_s is None:
            return None
        return Fault(
            code="Throttling.User",
            message=f"This access key asks too often (ask again in {wait_s:.3f} s).",
            retry_after_s=wait_s,
        )

    def _refused(self, fault: Fault) -> Fault:
        self.metrics.refused("alibaba", fault.code)
        return fault


def _read(method: str, path: str, headers: Mapping[str, str], body: bytes, address: str) -> _Request | Fault:
    if method not in METHODS:
        return Fault(code="UnsupportedHTTPMethod", status=405, message=f"{shown(method)} is not taken (use POST).")
    query = read_pairs(path.partition("?")[2])
    if isinstance(query, Fault):
        return query
    form = read_form(headers.get("content-type", ""), body)
    if isinstance(form, Fault):
        return form
    flat = {**query, **form}
    if len(flat) != len(query) + len(form):
        return Fault(code="InvalidParameter", message="A parameter stands in query and body (give each once).")
    signed = SignedRequest(method=method, headers=headers, query=query, form=form, body=body, address=address)
    return _Request(signed, flat)


def _action(headers: Mapping[str, str], flat: Mapping[str, str]) -> Action | Fault:
    """The row that the request names, where its signature covers it: ACS3 signs headers, the older one parameters."""
    names: Mapping[str, str] = flat
    if "authorization" in headers:
        names = {"Action": headers.get("x-acs-action", ""), "Version": headers.get("x-acs-version", "")}
    name, version = names.get("Action", ""), names.get("Version", "")
    if flat.get("Format", "json").lower() != "json":
        return Fault(code="UnsupportedParameter", message="Format: answers are JSON here (send Format=JSON).")
    if not name or not version:
        return missing("Action" if not name else "Version")
    action = ACTIONS.get((version, name))
    if action is not None:
        return action
    if version not in PRODUCTS:
        return Fault(
            code="InvalidVersion",
            message=f"There is no version {shown(version)} here (these are: "
            f"{', '.join(f'{product} {of}' for of, product in PRODUCTS.items())}).",
        )
    return Fault(
        code="InvalidAction.NotFound",
        status=404,
        message=f"{PRODUCTS[version]} {version} has no action {shown(name)} here (the reference lists those it has).",
    )


def _fault_answer(fault: Fault, request_id: str, host: str) -> DoorAnswer:
    body = {
        "RequestId": request_id,
        "HostId": host,
        "Code": fault.code,
        "Message": fault.message,
        "Recommend": "docs/reference/alibaba-api.md",
    }
    headers = {"content-type": JSON, "x-acs-request-id": request_id}
    if fault.retry_after_s is not None:
        headers["retry-after"] = str(max(1, math.ceil(fault.retry_after_s)))
        if fault.code.startswith("Throttling"):
            headers["x-acs-retry-after"] = str(max(1, math.ceil(1000 * fault.retry_after_s)))
    return DoorAnswer(fault.status, headers, msgspec.json.encode(body))


def _request_id() -> str:
    """As the cloud writes them: 473469C7-AA6F-4DC5-B3DB-A3DC0DE3C83E."""
    text = fresh_id().upper()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
