"""How one kind of resource looks in the compatible API: names of its id, of its fields, of its phases.

`shape(...)` derives all of it from the kind's declarations; a noun's module gives what differs. `item` shows one.
In: a kind. Out: `Shape`. Next: `action.py`, whose rows name a shape.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from twinspan.model.field_plan import fields_of
from twinspan.model.kinds import STORED_KINDS
from twinspan.model.resource import Resource
from twinspan.wire.alibaba.fault import Fault, malformed, missing, shown
from twinspan.wire.alibaba.spelling import Spelling, Write, as_is, as_text, derived, put
from twinspan.wire.alibaba.view import View
from twinspan.wire.alibaba.words import PENDING, Words, word

More = Callable[[Resource, View], Any]
"""A part of an answer that is no field: what else is known of a resource. None: it is left out."""


class Shape(Struct, frozen=True, kw_only=True, eq=False):
    """One kind in one of the cloud's products."""

    kind: str
    id: str
    """Parameter and part of answers: VbrId; empty: it has none there."""
    name: str
    """Parameter and part of answers: VpcName; empty: it has no name there."""
    absent: str
    """Error code where there is none of that id."""
    tags: str
    """Parameter: Tag or Tags; empty: it has no tags there."""
    reply_tags: str
    """Where answers have them: Tags.Tag; empty: they do not."""
    spellings: tuple[Spelling, ...]
    status: str
    """Part of answers with the phase; empty: there is none."""
    words: Words
    capital: bool
    """Phases that `words` has not begin with a capital."""
    more: Mapping[str, More]
    """Parts of answers by dotted name."""

    @property
    def label(self) -> str:
        """As people say it."""
        return STORED_KINDS[self.kind].label


def shape(  # noqa: PLR0913 - a declaration: every argument is named and most are left out
    kind: str,
    *,
    id: str,  # noqa: A002 - as the API says
    absent: str,
    name: str = "Name",
    tags: str = "Tag",
    reply_tags: str = "Tags.Tag",
    differ: tuple[Spelling, ...] = (),
    without: tuple[str, ...] = (),
    as_texts: tuple[str, ...] = (),
    only_asked: tuple[str, ...] = (),
    renamed: Mapping[str, str] | None = None,
    status: str = "Status",
    words: Words = PENDING,
    capital: bool = False,
    more: Mapping[str, More] | None = None,
) -> Shape:
    """differ: spellings by hand, for fields whose derived one is wrong or missing. without: fields that this product
    does not know. as_texts: parts of answers that are numbers or switches here and texts there. only_asked: fields that
    requests set and answers do not show. renamed: parameter to part of answers, where these differ."""
    by_hand = {spelling.field for spelling in differ if spelling.field}
    left_out = {*by_hand, *without, "tags"}
    found = [*differ]
    for field in fields_of(STORED_KINDS[kind].spec).values():
        spelling = None if field.name in left_out else derived(field)
        if spelling is None:
            continue
        spelling = replace(spelling, reply=(renamed or {}).get(spelling.parameter, spelling.reply))
        if spelling.reply in as_texts:
            spelling = replace(spelling, write=as_text)
        found.append(replace(spelling, reply="") if spelling.field in only_asked else spelling)
    return Shape(
        kind=kind,
        id=id,
        name=name,
        absent=absent,
        tags=tags,
        reply_tags=reply_tags,
        spellings=tuple(found),
        status=status,
        words=words,
        capital=capital,
        more=more or {},
    )


def item(of: Shape, resource: Resource, view: View) -> dict[str, Any]:
    """A resource as answers show it."""
    spec = resource.spec
    found: dict[str, Any] = {of.id: resource.id} if of.id else {}
    if of.name:
        found[of.name] = resource.name
    if of.status:
        found[of.status] = word(of.words, resource.phase, of.capital)
    if of.reply_tags:
        put(found, of.reply_tags, [{"Key": key, "Value": value} for key, value in spec.tags.items()])
    flat, deep = _shown(of)
    for path, field, write in flat:
        value = getattr(spec, field)
        found[path] = value if write is as_is else write(value)
    for path, field, write in deep:
        put(found, path, write(getattr(spec, field) if field else spec))
    for path, tell in of.more.items():
        if "." in path:
            put(found, path, tell(resource, view))
        else:
            found[path] = tell(resource, view)
    for name in [name for name, value in found.items() if value is None]:
        del found[name]
    return found


Written = tuple[str, str, Write]
"""Part of answers, field, and how it is written."""


@functools.cache
def _shown(of: Shape) -> tuple[tuple[Written, ...], tuple[Written, ...]]:
    """What answers have of the spec: at the top from one field, and all the rest."""
    parts = [(one.reply, one.field, one.write) for one in of.spellings if one.reply]
    flat = tuple(part for part in parts if part[1] and "." not in part[0])
    return flat, tuple(part for part in parts if part not in flat)


def read_tags(parameter: str, value: Any) -> dict[str, str] | Fault:
    """Tag.N.Key and Tag.N.Value; a missing value is empty."""
    if not isinstance(value, list) or not all(isinstance(part, dict) for part in value):
        return malformed(
            parameter, "it is not a list of keys and values", f"write {parameter}.1.Key, {parameter}.1.Value"
        )
    tags: dict[str, str] = {}
    for number, part in enumerate(value, 1):
        key, text = part.get("Key"), part.get("Value", "")
        if not isinstance(key, str) or not key:
            return missing(f"{parameter}.{number}.Key")
        if not isinstance(text, str):
            return malformed(f"{parameter}.{number}.Value", "it is a structure", "write one text")
        if key in tags:
            return malformed(f"{parameter}.{number}.Key", f"{shown(key)} is given twice", "give each key once")
        tags[key] = text
    return tags


def parameter_of(of: Shape, path: str) -> str:
    """The parameter that sets what stands at a path of the spec: ike.lifetime_s -> IkeConfig.IkeLifetime."""
    first, _, rest = path.removeprefix("spec.").replace("[", ".").replace("]", "").partition(".")
    if first == "name":
        return of.name or "Name"
    if first == "tags":
        return of.tags or "Tag"
    return _spelled(of.spellings, first, rest) or path


def _spelled(spellings: tuple[Spelling, ...], field: str, rest: str) -> str:
    for spelling in spellings:
        if spelling.field == field and (spelling.parameter or spelling.parts):
            inner, _, further = rest.partition(".")
            if inner.isdecimal():  # a list: tunnels[0].ike is its Name.1
                return _dotted(spelling.parameter, str(int(inner) + 1), _part(spelling, further))
            return _dotted(spelling.parameter, _part(spelling, rest))
    for spelling in spellings:
        part = "" if spelling.field else _spelled(spelling.parts, field, rest)  # several fields in one parameter
        if part:
            return _dotted(spelling.parameter, part)
    return ""


def _part(spelling: Spelling, path: str) -> str:
    inner, _, further = path.partition(".")
    return _spelled(spelling.parts, inner, further) if inner else ""


def _dotted(*names: str) -> str:
    return ".".join(filter(None, names))
