"""Lists: a query becomes a statement of its shape and the values for it; each shape is compiled once.

A page is chosen by ids alone, out of an index, and only then read: so that page 1,000 costs little more than page 1.

In: a `Query`. Out: statements and values. Next: `sql_view.py`.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, exists, func, literal_column, select, tuple_

from twinspan.model.errors import Rejected
from twinspan.server.database.port import DialectName, Statement, Values
from twinspan.server.database.storable import storable
from twinspan.server.resources.port import Query, Sort
from twinspan.server.resources.statements import ROW, R, number, text
from twinspan.server.resources.tables import REFERENCE, RESOURCE, STATUS, TAG

FEW = 2_000
"""Resources that are read and sorted in some milliseconds; more are looked at in the order of the list."""
LARGEST = 2**62
"""No number that goes to a database is larger: what people write may be."""
_SORTS: dict[Sort, Any] = {"created": R.created_ns, "updated": R.updated_ns, "name": R.name, "id": R.id}
ZERO: Any = literal_column("0")
_LOWER = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")
"""As both databases do it: other letters stay as they are."""


class Shape(NamedTuple):
    """What makes one statement different from another."""

    dialect: DialectName
    account: bool
    site: bool
    ids: int
    names: int
    refers_to: int
    tags: tuple[bool, ...]
    """Of each tag, whether its value is asked for."""
    resource_group: bool
    phase: bool
    text: bool
    sort: Sort
    descending: bool
    after: bool
    few: bool = False
    """So few have the tag that they are read one by one, and then sorted."""

    @property
    def one_tag(self) -> bool:
        """Whether a single tag of an account is all that is asked for: that is counted in one index."""
        others = (self.site, self.ids, self.names, self.refers_to, self.resource_group, self.phase, self.text)
        return self.account and len(self.tags) == 1 and not any(others)

    @property
    def in_tag_order(self) -> bool:
        """Whether that index has the order of the list too."""
        return self.one_tag and self.tags[0] and self.sort == "created"

    @property
    def one_id(self) -> bool:
        """Whether a single id is all that is asked for."""
        return self.ids == 1 and not self.after and not self._filtered

    @property
    def whole_kind(self) -> bool:
        """Whether the total is known without counting."""
        return not self.ids and not self._filtered

    @property
    def _filtered(self) -> bool:
        return bool(
            self.site or self.names or self.refers_to or self.tags or self.resource_group or self.phase or self.text
        )


def shape_of(query: Query, dialect: DialectName) -> Shape:
    """What of the query changes its statement."""
    return Shape(
        dialect, query.account is not None, query.site is not None, len(query.ids), len(query.names),
        len(query.refers_to), tuple(value is not None for _, value in sorted(query.tags.items())),
        query.resource_group is not None, query.phase is not None, query.text != "",
        query.sort, query.descending, query.after is not None,
    )  # fmt: skip


def values_of(query: Query) -> Values:
    """For every statement of the query's shape. Raises Rejected for a cursor that is none."""
    values: dict[str, Any] = {
        "kind": query.kind, "account": query.account, "site": query.site, "resource_group": query.resource_group,
        "phase": query.phase,
        "limit": min(query.limit, LARGEST) + 1,  # one more: is there another page?
        "offset": min(query.offset, LARGEST),
    }  # fmt: skip
    values |= {f"id_{n}": storable(one) for n, one in enumerate(query.ids)}
    values |= {f"name_{n}": storable(one) for n, one in enumerate(query.names)}
    values |= {f"target_{n}": storable(one) for n, one in enumerate(query.refers_to)}
    for n, (key, value) in enumerate(sorted(query.tags.items())):
        values |= {f"tag_key_{n}": storable(key), f"tag_value_{n}": storable(value or "")}
    if query.text:
        values["text"] = storable(query.text).translate(_LOWER)
    if query.after is not None:
        values["after_value"], values["after_id"] = _cursor(query)
    return values


def _cursor(query: Query) -> tuple[str | int, str]:
    value, last = query.after or ("", "")
    if query.sort in ("name", "id"):
        return storable(value), storable(last)
    if not value.isascii() or not value.isdigit() or len(value) > 19:
        raise Rejected("that is no cursor of this list", remedy="give the one of the page before, or none")
    return min(int(value), LARGEST), storable(last)


@functools.lru_cache(maxsize=512)
def page_statement(shape: Shape) -> Statement:
    """The rows of one page and one more."""
    column = _SORTS[shape.sort]
    if shape.in_tag_order:
        chosen, there, one = select(TAG.c.id).where(*_tagged(shape)), TAG.c.created_ns, TAG.c.id
    elif shape.few:
        chosen, there, one = select(R.id).where(R.id.in_(select(TAG.c.id).where(*_tagged(shape)))), column, R.id
    else:
        chosen, there, one = select(R.id).where(*_conditions(shape)), column, R.id
    if shape.after:
        chosen = chosen.where(_behind(shape, there, one))
    chosen = chosen.order_by(*_order(shape, there, one)).limit(number("limit")).offset(number("offset"))
    page = chosen.subquery()
    read = page.join(RESOURCE, R.id == page.c.id).outerjoin(STATUS, STATUS.c.id == R.id)
    rows = select(*ROW).select_from(read).order_by(*_order(shape, column, R.id))
    return Statement(rows, shape.dialect)


def _order(shape: Shape, column: Any, one: Any) -> list[Any]:
    order = [one] if shape.sort == "id" else [column, one]
    return [part.desc() for part in order] if shape.descending else order


@functools.lru_cache(maxsize=512)
def count_statement(shape: Shape) -> Statement:
    """How many there are on all pages."""
    if shape.one_tag:
        return Statement(select(func.count()).select_from(TAG).where(*_tagged(shape)), shape.dialect)
    return Statement(select(func.count()).select_from(RESOURCE).where(*_conditions(shape)), shape.dialect)


@functools.cache
def users_statement(dialect: DialectName) -> Statement:
    """Resources that mention one."""
    mentions = select(REFERENCE.c.source_id).where(REFERENCE.c.target_id == text("id")).distinct().subquery()
    read = mentions.join(RESOURCE, R.id == mentions.c.source_id).outerjoin(STATUS, STATUS.c.id == R.id)
    return Statement(select(*ROW).select_from(read).order_by(R.created_ns, R.id), dialect)


def _behind(shape: Shape, column: Any, one: Any) -> ColumnElement[bool]:
    value = text("after_value") if shape.sort in ("name", "id") else number("after_value")
    if shape.sort == "id":
        last = text("after_id")
        behind: ColumnElement[bool] = one < last if shape.descending else one > last
        return behind
    here, there = tuple_(column, one), tuple_(value, text("after_id"))
    return here < there if shape.descending else here > there


def _conditions(shape: Shape) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = [R.kind == text("kind")]
    if shape.account:
        found.append(R.account == text("account"))
    if shape.site:
        found.append(R.site == text("site"))
    if shape.ids:
        found.append(R.id.in_([text(f"id_{n}") for n in range(shape.ids)]))
    if shape.names:
        found.append(R.name.in_([text(f"name_{n}") for n in range(shape.names)]))
    for n in range(shape.refers_to):
        mentions = select(REFERENCE.c.source_id).where(REFERENCE.c.target_id == text(f"target_{n}"))
        found.append(R.id.in_(mentions))
    found += [_has_tag(n, with_value) for n, with_value in enumerate(shape.tags)]
    if shape.resource_group:
        found.append(R.resource_group == text("resource_group"))
    if shape.phase:
        found.append(R.phase == text("phase"))
    if shape.text:
        place = func.instr if shape.dialect == "sqlite" else func.strpos  # LIKE has a longest pattern
        part = text("text")
        found.append((place(func.lower(R.name), part) > ZERO) | (place(func.lower(R.id), part) > ZERO))
    return found


def _tagged(shape: Shape) -> list[ColumnElement[bool]]:
    """The one tag of the shape, in its own table."""
    T = TAG.c  # noqa: N806
    found = [T.account == text("account"), T.kind == text("kind"), T.key == text("tag_key_0")]
    return [*found, T.value == text("tag_value_0")] if shape.tags[0] else found


def _has_tag(n: int, with_value: bool) -> ColumnElement[bool]:
    tag = exists().where(TAG.c.id == R.id, TAG.c.key == text(f"tag_key_{n}"))
    return tag.where(TAG.c.value == text(f"tag_value_{n}")) if with_value else tag
