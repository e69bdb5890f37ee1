"""How one field is spelled in the compatible API: its parameter, its place in answers, and how its value is written.

Most spellings follow from the declaration of the field (`api=`, its type); `derived` makes them. A noun's module says
only what differs. In: declarations. Out: `Spelling`s. Next: `shape.py` collects those of a kind.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct
from msgspec import inspect as shapes

from twinspan.model.field_plan import Field, fields_of, without_none
from twinspan.model.secret import Secret
from twinspan.model.secret_source import SecretSource
from twinspan.wire.alibaba.fault import Fault, malformed, shown

_NUMBER = re.compile(r"-?[0-9]{1,18}")
MAX_JSON_DEPTH = 5


class Wrong(Struct, frozen=True, kw_only=True):
    """A value that cannot be read."""

    problem: str
    remedy: str
    at: str = ""
    """Which part of a structure: IkeLifetime."""


Read = Callable[[Any], Any]
"""A parameter's value (text, list or mapping) -> what the spec is decoded from; else `Wrong` or a `Fault`."""
Write = Callable[[Any], Any]
"""A field's value -> JSON; None: it is left out of the answer."""


class Spelling(Struct, frozen=True, kw_only=True):
    """One field."""

    parameter: str
    """As requests spell it; empty: they cannot set it."""
    field: str
    """Name of the spec's field; empty: the value is several fields of the spec, as a mapping."""
    read: Read
    write: Write
    reply: str
    """As answers spell it, dots for structure; empty: they do not show it."""
    parts: tuple[Spelling, ...] = ()
    """Of a structure, for names in error texts."""

    def taken(self, value: Any) -> Any | Fault:
        """`read` with a fault that names the parameter."""
        found = self.read(value)
        if isinstance(found, Fault):
            return found
        if isinstance(found, Wrong):
            name = f"{self.parameter}.{found.at}" if found.at else self.parameter
            return malformed(name, found.problem, found.remedy)
        return found


# ------------------------------------------------------------------------------------------------------ values


def text(value: Any) -> Any:
    """Text."""
    return value if isinstance(value, str) else Wrong(problem="it is a list or a structure", remedy="write one text")


def whole(value: Any) -> Any:
    """A whole number, or an ASN in two parts (123.456 is 123 x 65536 + 456)."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return int(value)
    return Wrong(problem=f"{shown(value)} is not a whole number", remedy="write digits alone")


def asn(value: Any) -> Any:
    """An ASN, also in two parts: 123.456 is 123 x 65536 + 456 (CreateCustomerGateway)."""
    if isinstance(value, str) and value.count(".") == 1:
        high, low = value.split(".")
        if high.isdecimal() and low.isdecimal() and len(high) <= 5 and len(low) <= 5 and int(low) < 1 << 16:
            return int(high) * 65536 + int(low)
    return whole(value)


def switch(value: Any) -> Any:
    """true or false."""
    if isinstance(value, bool):
        return value
    word = value.lower() if isinstance(value, str) else ""
    if word in {"true", "false"}:
        return word == "true"
    return Wrong(problem=f"{shown(value)} is neither true nor false", remedy="write true or false")


def inverted(value: Any) -> Any:
    """A switch that says the opposite of the field."""
    found = switch(value)
    return found if isinstance(found, Wrong) else not found


def comma_list(value: Any) -> Any:
    """Texts with commas between them, Name.1, Name.2, or a JSON list."""
    if isinstance(value, str):
        if value.startswith("["):
            value = from_json(value)
        else:
            return [part.strip() for part in value.split(",") if part.strip()]
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        return value
    return Wrong(problem="it is not a list of texts", remedy="write them with commas, or as Name.1, Name.2")


def from_json(value: str) -> Any:
    """JSON inside a parameter."""
    try:
        found = msgspec.json.decode(value)
    except (msgspec.DecodeError, RecursionError):
        return Wrong(problem="it is not JSON", remedy='write it as {"Name": "value"}')
    if _depth(found) > MAX_JSON_DEPTH:
        return Wrong(problem="its JSON is nested too deep", remedy=f"at most {MAX_JSON_DEPTH} levels")
    return found


def _depth(value: Any) -> int:
    depth, level = 0, [value]
    while level and depth <= MAX_JSON_DEPTH:
        depth += 1
        level = [
            inner
            for part in level
            for inner in (part.values() if isinstance(part, dict) else part if isinstance(part, list) else ())
            if isinstance(inner, dict | list)
        ]
    return depth


def choice(words: Mapping[str, Any]) -> Read:
    """One of some words, upper or lower case."""
    folded = {word.lower(): value for word, value in words.items()}

    def read(value: Any) -> Any:
        word = str(value).lower()
        if word in folded:
            return folded[word]
        return Wrong(problem=f"{shown(value)} is not a value of it", remedy=f"write one of {', '.join(words)}")

    return read


def structure(parts: Sequence[Spelling]) -> Read:
    """Name.Part parameters or a JSON object, into the fields that `parts` name."""
    by_name = {part.parameter: part for part in parts}

    def read(value: Any) -> Any:
        if isinstance(value, str):
            value = from_json(value)
        if isinstance(value, Wrong):
            return value
        if not isinstance(value, dict):
            return Wrong(problem="it is not a structure", remedy="write it as a JSON object or as Name.Part")
        found: dict[str, Any] = {}
        for name, inner in value.items():
            part = by_name.get(name)
            if part is None:
                return Wrong(
                    problem="there is no such part", remedy=f"its parts are {', '.join(by_name)}", at=shown(name)
                )
            result = part.read(inner)
            if isinstance(result, Wrong):
                return msgspec.structs.replace(result, at=f"{name}.{result.at}" if result.at else name)
            found.update({part.field: result} if part.field else result)
        return found

    return read


def list_of(read_one: Read) -> Read:
    """Name.1, Name.2, ... or a JSON list."""

    def read(value: Any) -> Any:
        if isinstance(value, str):
            value = from_json(value)
        if isinstance(value, Wrong):
            return value
        if not isinstance(value, list):
            return Wrong(problem="it is not a list", remedy="write Name.1, Name.2")
        found = []
        for number, one in enumerate(value, 1):
            result = read_one(one)
            if isinstance(result, Wrong):
                return msgspec.structs.replace(result, at=f"{number}.{result.at}" if result.at else str(number))
            found.append(result)
        return found

    return read


# ------------------------------------------------------------------------------------------------------ answers


def as_is(value: Any) -> Any:
    """The value itself."""
    return value


def as_text(value: Any) -> Any:
    """A number or switch as text; empty text where there is none."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def opposite(value: Any) -> Any:
    """A switch that says the opposite of the field."""
    return not value


def with_commas(value: Any) -> Any:
    """A list as one text."""
    return ",".join(value)


def as_list(value: Any) -> Any:
    """A list."""
    return list(value)


def revealed(value: SecretSource | None) -> Any:
    """A key, which its owner may see here (DescribeVpnConnection, DescribeBgpGroups)."""
    secret: Secret | None = value.value if value is not None else None
    return secret.reveal() if secret is not None else ""


def words_of(words: Mapping[str, Any]) -> Write:
    """The inverse of `choice`."""
    back = {value: word for word, value in words.items()}
    return lambda value: back.get(value, value)


def parts_of(parts: Sequence[Spelling]) -> Write:
    """A structure as a mapping."""

    def write(value: Any) -> Any:
        return None if value is None else written(parts, value)

    return write


def written(parts: Sequence[Spelling], value: Any) -> dict[str, Any]:
    """The fields of a struct as answers spell them."""
    found: dict[str, Any] = {}
    for part in parts:
        if part.reply:
            put(found, part.reply, part.write(getattr(value, part.field) if part.field else value))
    return found


def put(answer: dict[str, Any], path: str, value: Any) -> None:
    """Set what stands at a dotted path; None is left out."""
    if value is None:
        return
    if "." not in path:
        answer[path] = value
        return
    *outer, last = path.split(".")
    for name in outer:
        answer = answer.setdefault(name, {})
    answer[last] = value


# ------------------------------------------------------------------------------------------------------ derivation


def derived(field: Field) -> Spelling | None:
    """The spelling that a declaration implies; None: the compatible API does not know the field."""
    api = field.extra.get("api")
    if api is None:
        return None
    shape = without_none(field.shape)
    parts: tuple[Spelling, ...] = ()
    read: Read = text
    write: Write = as_is
    if isinstance(shape, shapes.BoolType):
        read = switch
    elif isinstance(shape, shapes.IntType):
        read = asn if api.lower().endswith("asn") else whole
    elif isinstance(shape, shapes.LiteralType):
        words = {str(value): value for value in shape.values if value != ""}
        read = choice(words)
    elif isinstance(shape, shapes.VarTupleType):
        read, write = comma_list, as_list
    elif isinstance(shape, shapes.StructType) and shape.cls is SecretSource:
        write = revealed
    elif isinstance(shape, shapes.StructType):
        parts = tuple(filter(None, map(derived, fields_of(shape.cls).values())))
        read, write = structure(parts), parts_of(parts)
    return Spelling(parameter=api, field=field.name, read=read, write=write, reply=api, parts=parts)


def spelled(field: str, parameter: str, read: Read = text, write: Write = as_is, reply: str | None = None) -> Spelling:
    """A spelling by hand; `reply` left out: like the parameter."""
    return Spelling(
        parameter=parameter, field=field, read=read, write=write, reply=parameter if reply is None else reply
    )
