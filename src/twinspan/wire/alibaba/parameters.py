"""The parameters of a request: flat text in a query and a form, plain nested data for an action.

`Tag.1.Key=a&Tag.1.Value=b` becomes `{"Tag": [{"Key": "a", "Value": "b"}]}`. Values stay text; `spelling.py` reads them.
Number, lengths and depth are bounded, and nothing may be said twice. In: query and form. Out: dicts, or a `Fault`.
Next: `signature.py` looks at the flat ones, `decide.py` at the nested ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from twinspan.wire.alibaba.fault import Fault, shown
from twinspan.wire.alibaba.percent import decoded

MAX_PARAMETERS = 1000
MAX_NAME_LENGTH = 200
MAX_VALUE_LENGTH = 32 << 10
MAX_DEPTH = 6
MAX_INDEX = 1000
FORM = "application/x-www-form-urlencoded"


def read_pairs(text: str) -> dict[str, str] | Fault:
    """A query or a form."""
    pairs: dict[str, str] = {}
    if not text:
        return pairs
    parts = text.split("&", MAX_PARAMETERS)
    if len(parts) > MAX_PARAMETERS:
        return _invalid(f"more than {MAX_PARAMETERS} parameters were sent", "send fewer in one request")
    for part in parts:
        if not part:
            continue
        raw_name, _, raw_value = part.partition("=")
        if len(raw_name) > MAX_NAME_LENGTH or len(raw_value) > 3 * MAX_VALUE_LENGTH:
            return _invalid(
                f"the parameter {shown(raw_name)} is too long",
                f"names have up to {MAX_NAME_LENGTH} characters, values up to {MAX_VALUE_LENGTH}",
            )
        name, value = decoded(raw_name), decoded(raw_value)
        if not name or value is None:
            return _invalid(f"the parameter {shown(raw_name)} is not percent-encoded UTF-8", "encode it (RFC 3986)")
        if name in pairs:
            return _invalid(f"the parameter {shown(name)} is given twice", "give it once; lists are Name.1, Name.2")
        pairs[name] = value
    return pairs


def read_form(content_type: str, body: bytes) -> dict[str, str] | Fault:
    """The form in a body; any other body has no parameters."""
    if not body or content_type.partition(";")[0].strip().lower() != FORM:
        return {}
    return read_pairs(body.decode("latin-1"))


def nested(flat: Mapping[str, str]) -> dict[str, Any] | Fault:
    """Dotted names as structure. Numbers count from 1; gaps close."""
    tree: dict[str, Any] = {}
    for name, value in flat.items():
        if "." not in name:
            if name in tree:
                return _mixed(name)
            tree[name] = value
            continue
        parts = name.split(".")
        if len(parts) > MAX_DEPTH or not all(parts) or any(len(p) > 4 and p.isdecimal() for p in parts):
            return _invalid(f"the parameter {shown(name)} is nested too deep or badly", f"at most {MAX_DEPTH} parts")
        place = tree
        for part in parts[:-1]:
            inner = place.setdefault(part, {})
            if not isinstance(inner, dict):
                return _mixed(name)
            place = inner
        if parts[-1] in place:
            return _mixed(name)
        place[parts[-1]] = value
    return _with_lists(tree, "")


def _with_lists(tree: dict[str, Any], path: str) -> dict[str, Any] | Fault:
    for name, part in tree.items():
        if not isinstance(part, dict):
            continue
        where = f"{path}{name}"
        inner = _with_lists(part, f"{where}.")
        if isinstance(inner, Fault):
            return inner
        numbers = [_index(key) for key in inner]
        if all(number is not None for number in numbers):
            tree[name] = [inner[key] for _, key in sorted(zip(numbers, inner, strict=True))]
        elif any(number is not None for number in numbers):
            return _mixed(where)
    return tree


def _index(key: str) -> int | None:
    if not (key.isascii() and key.isdecimal()):
        return None
    number = int(key)
    return number if 1 <= number <= MAX_INDEX else None


def _mixed(name: str) -> Fault:
    return _invalid(
        f"the parameter {shown(name)} is a value, a list and a structure at once", "write Name, Name.N or Name.N.Part"
    )


def _invalid(problem: str, remedy: str) -> Fault:
    return Fault(code="InvalidParameter", message=f"{problem[:1].upper()}{problem[1:]} ({remedy}).")
