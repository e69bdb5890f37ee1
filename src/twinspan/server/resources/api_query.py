"""The query of a list request, and the cursor that leads to its next page.

In: the fields of the query. Out: a `Query`. A cursor is a place in an order: it stays right while others write, and
holds nothing that is not in the page it came with. Next: `api.py`.
"""

from __future__ import annotations

import base64
import binascii
from typing import get_args

import msgspec

from twinspan.model.kinds import Kind
from twinspan.server.admin_route import Call
from twinspan.server.problem import ProblemRaised, problem
from twinspan.server.resources.port import Query, Sort

PAGE, MAX_PAGE = 50, 1000
MAX_NAMED = 100
"""Ids or names in one query."""
SORTS: tuple[Sort, ...] = get_args(Sort)
FIELDS = ("account", "site", "id", "name", "text", "refers_to", "resource_group", "sort", "cursor", "offset", "limit")
"""Beside tag.KEY."""


class _Cursor(msgspec.Struct, frozen=True, array_like=True):
    sort: str
    value: str
    id: str


def list_query(call: Call, kind: Kind, account: str | None) -> Query:
    """What `GET /KIND?...` asks for. Raises ProblemRaised naming the field."""
    for name in call.query:
        if name not in FIELDS and not name.startswith("tag."):
            raise _wrong(name, f"there is no such filter; there are {', '.join(FIELDS)} and tag.KEY")
    order = call.query.get("sort", "created")
    named, descending = order.removeprefix("-"), order.startswith("-")
    sort = next((one for one in SORTS if one == named), None)
    if sort is None:
        raise _wrong("sort", f"sort by {', '.join(SORTS)}, with - before it the other way round")
    after = _after(call.query.get("cursor"), order)
    offset = call.number("offset", 0, 2**53, lowest=0)
    if after is not None and offset:
        raise _wrong("offset", "give either a cursor or an offset")
    return Query(
        kind=kind.name,
        account=account,
        site=call.query.get("site"),
        ids=_several(call, "id"),
        names=_several(call, "name"),
        refers_to=_several(call, "refers_to"),
        tags={name[4:]: value or None for name, value in call.query.items() if name.startswith("tag.")},
        resource_group=call.query.get("resource_group"),
        text=call.query.get("text", ""),
        sort=sort,
        descending=descending,
        limit=call.number("limit", PAGE, MAX_PAGE),
        after=after,
        offset=offset,
    )


def cursor(query: Query, after: tuple[str, str] | None) -> str | None:
    """Where the next page begins; None after the last."""
    if after is None:
        return None
    order = f"-{query.sort}" if query.descending else query.sort
    place = msgspec.json.encode(_Cursor(order, *after))
    return base64.urlsafe_b64encode(place).decode().rstrip("=")


def _after(text: str | None, order: str) -> tuple[str, str] | None:
    if text is None:
        return None
    try:
        place = msgspec.json.decode(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), type=_Cursor)
    except (ValueError, binascii.Error, msgspec.DecodeError, RecursionError) as error:
        raise _wrong("cursor", "give `next` of the page before, as it is") from error
    if place.sort != order:
        raise _wrong("cursor", f"it belongs to a list sorted by {place.sort}: keep the order from page to page")
    return place.value, place.id


def _several(call: Call, name: str) -> tuple[str, ...]:
    text = call.query.get(name, "")
    parts = tuple(part for part in text.split(",") if part)
    if len(parts) > MAX_NAMED:
        raise _wrong(name, f"give up to {MAX_NAMED}, with commas between")
    return parts


def _wrong(field: str, remedy: str) -> ProblemRaised:
    return ProblemRaised(problem(422, "query", f"{field} cannot be used like that", field=field, remedy=remedy))
