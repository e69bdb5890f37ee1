"""The OpenAPI 3.1 document of the native API, made from the routes and the declarations of the model.

In: routes. Out: JSON. A route without a description cannot be served: a test holds the two against each other.
Next: `server.admin` serves it at /api/v1/openapi.json.
"""

from __future__ import annotations

import asyncio
import functools
import re
from collections.abc import Callable
from typing import Any

import msgspec

from twinspan.engine.lifecycle import verbs_of
from twinspan.model.kinds import STORED_KINDS, Kind
from twinspan.server.admin_route import Call, Result, Route
from twinspan.server.problem import Problem
from twinspan.server.resources.api import ChangePage, UsePage
from twinspan.server.resources.api_query import FIELDS, MAX_PAGE, SORTS
from twinspan.server.resources.openapi_schema import Schema, ref, schemas
from twinspan.wire.cloud_connection.messages import Failure

JSON, PROBLEM = "application/json", "application/problem+json"


class Described(msgspec.Struct, frozen=True, kw_only=True):
    """One operation beside those of resources."""

    answer: type | None = None
    """None: an object without further promises."""
    status: int = 200
    more_statuses: tuple[int, ...] = ()
    """Others with the same answer."""
    body: type | None = None
    needs_body: bool = True
    content_type: str = JSON
    """Of the body."""
    answer_type: str = JSON
    query: tuple[str, ...] = ()


_PROBLEMS = (401, 403, 404, 405, 409, 412, 422, 429, 503)
_FAILURES = (400, 411, 413, 431)
"""Said before anybody looks at the path: no HTTP request, too long a header or body."""
_FLAG: Schema = {"type": "boolean"}
_COUNT: Schema = {"type": "integer", "minimum": 1, "maximum": MAX_PAGE}
_QUERY: dict[str, Schema] = {
    "limit": _COUNT,
    "after": {"type": "string", "pattern": "^[0-9]{1,18}$"},
    "offset": {"type": "integer", "minimum": 0, "maximum": 2**53},
    "before": {"type": "integer", "minimum": 1, "maximum": 2**62},
    "connected": _FLAG,
    "dry_run": _FLAG,
    "sort": {"enum": [*SORTS, *(f"-{one}" for one in SORTS)]},
    "cursor": {"type": "string", "description": "`next` of the page before."},
}


def document(routes: tuple[Route, ...], described: dict[tuple[str, str], Described]) -> Schema:
    """The whole document as plain data."""
    kinds = {kind.path: kind for kind in STORED_KINDS.values()}
    paths: dict[str, Schema] = {}
    for route in routes:
        own = described.get((route.method, route.path))
        kind = kinds.get(route.path.split("/")[1]) if own is None else None
        if own is None and kind is None:
            raise KeyError(f"{route.method} {route.path}")
        if kind is not None and route.path.endswith("{verb}") and not verbs_of(kind.name):
            continue
        operation = _described(route, own) if own is not None else _of_kind(route, kind)
        paths.setdefault(f"/api/v1{route.path}", {})[route.method.lower()] = operation
    types: list[type] = [Problem, Failure, UsePage, ChangePage]
    types += [one for item in described.values() for one in (item.answer, item.body) if one is not None]
    return {
        "openapi": "3.1.0",
        "info": {"title": "Twinspan", "version": "1", "description": "The native API of a Twinspan server."},
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "responses": {"Problem": _answer(ref("Problem"), PROBLEM), "Failure": _answer(ref("Failure"), JSON)},
            "schemas": schemas(list(dict.fromkeys(types))),
        },
    }


def serving(
    routes: Callable[[], tuple[Route, ...]], described: dict[tuple[str, str], Described]
) -> Callable[[Call], Any]:
    """The function of GET /openapi.json; `routes` is asked at the first request."""

    @functools.cache
    def text() -> bytes:
        return msgspec.json.encode(document(routes(), described))

    async def show_openapi(_: Call) -> Result:
        """GET /openapi.json: this document"""
        return Result(value=await asyncio.to_thread(text))

    return show_openapi


def _of_kind(route: Route, kind: Kind | None) -> Schema:
    assert kind is not None
    rest = route.path.removeprefix(f"/{kind.path}")
    label = kind.label
    if rest == "":
        if route.method == "GET":
            return _operation(route, f"List every {label}", ref(f"{kind.name}Page"), query=FIELDS)
        body = _body(ref(f"{kind.name}New"), JSON, needed=True)
        found = _operation(route, f"Create a {label}", ref(kind.name), 201, query=("dry_run", "account"), body=body)
        found["responses"]["200"] = _answer(ref(kind.name), JSON)
        found["responses"]["201"]["links"] = _links(kind)
        return _with_headers(found, "Idempotency-Key")
    if rest == "/{id}/uses":
        return _operation(route, f"What refers to a {label}", ref("UsePage"), query=("account",))
    if rest == "/{id}/history":
        return _operation(route, f"The changes of a {label}", ref("ChangePage"), query=("after", "limit", "account"))
    if rest == "/{id}/{verb}":
        body = _body({"type": "object"}, JSON, needed=False)
        summary = f"Do something with a {label}"
        found = _operation(route, summary, ref(kind.name), query=("dry_run", "account"), body=body)
        found["parameters"][1]["schema"] = {"enum": list(verbs_of(kind.name))}
        return _with_headers(found, "Idempotency-Key", "If-Match")
    query = ("account",) if route.method == "GET" else ("dry_run", "account")
    words = {"GET": "Show a", "PATCH": "Change a", "DELETE": "Delete a"}
    summary = f"{words[route.method]} {label}"
    patch = _body(ref(f"{kind.name}Patch"), JSON, needed=True) if route.method == "PATCH" else None
    found = _operation(route, summary, ref(kind.name), query=query, body=patch)
    return found if route.method == "GET" else _with_headers(found, "Idempotency-Key", "If-Match")


def _links(kind: Kind) -> Schema:
    """What can be done with the one that was made."""
    words = kind.path.replace("-", " ").split()
    stems = {"get": "", "patch": "", "delete": "", "get_uses": "uses", "get_history": "history"}
    operations = {
        name: "_".join((name.partition("_")[0], *words, "id", *filter(None, (rest,)))) for name, rest in stems.items()
    }
    return {
        name: {"operationId": operation, "parameters": {"id": "$response.body#/id"}}
        for name, operation in operations.items()
    }


def _described(route: Route, own: Described) -> Schema:
    answer = ref(own.answer.__name__) if own.answer is not None else {"type": "object"}
    if own.answer_type != JSON:
        answer = {"type": "string"}
    body = None
    if own.body is not None:
        body = _body(ref(own.body.__name__), own.content_type, needed=own.needs_body)
    elif own.content_type != JSON:
        body = _body({"type": "string"}, own.content_type, needed=True)
    summary = (route.function.__doc__ or "").partition("\n")[0].strip()
    found = _operation(route, summary, answer, own.status, query=own.query, body=body)
    found["responses"][str(own.status)] = _answer(answer, own.answer_type)
    for status in own.more_statuses:
        found["responses"][str(status)] = _answer(answer, own.answer_type)
    if own.content_type != JSON:
        found["responses"]["415"] = _answer(ref("Problem"), PROBLEM)
    return found


def _operation(
    route: Route, summary: str, answer: Schema, status: int = 200, *, query: tuple[str, ...] = (),
    body: Schema | None = None,
) -> Schema:  # fmt: skip
    named = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
        for name in re.findall(r"{(\w+)}", route.path)
    ]
    asked = [{"name": name, "in": "query", "schema": _QUERY.get(name, {"type": "string"})} for name in query]
    responses = {str(status): _answer(answer, JSON)}
    responses |= {str(one): {"$ref": "#/components/responses/Problem"} for one in _PROBLEMS}
    responses |= {str(one): {"$ref": "#/components/responses/Failure"} for one in _FAILURES}
    found: Schema = {
        "summary": summary,
        "operationId": _operation_id(route),
        "tags": [route.path.split("/")[1]],
        "parameters": [*named, *asked],
        "responses": responses,
    }
    return found if body is None else found | {"requestBody": body}


def _operation_id(route: Route) -> str:
    words = re.findall(r"\w+", route.path)
    return "_".join((route.method.lower(), *words))


def _body(schema: Schema, content_type: str, *, needed: bool) -> Schema:
    return {"required": needed, "content": {content_type: {"schema": schema}}}


def _answer(schema: Schema, content_type: str) -> Schema:
    return {"description": "-", "content": {content_type: {"schema": schema}}}


def _with_headers(operation: Schema, *names: str) -> Schema:
    forms = {"Idempotency-Key": "^[!-~]{1,64}$", "If-Match": r'^(\*|"[0-9]{1,15}")$'}
    for name in names:
        schema = {"type": "string", "pattern": forms[name]}
        operation["parameters"].append({"name": name, "in": "header", "schema": schema})
    return operation
