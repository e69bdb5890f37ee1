"""References of a spec: which resources it mentions, and the same spec with other names for them.

A site file mentions by name, the store by id; both are the same field. Which fields mention something comes from the
declarations (`ref` of `fields.about`), and for the few whose kind stands in a field beside them from `_BESIDE`.

In: a spec. Out: `Mention`s, or a spec. Next: `site_assembly.py`, `lifecycle.py`, and the store's table of references.
"""

import functools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeVar

from msgspec import Struct
from msgspec import inspect as shapes
from msgspec.structs import replace

from twinspan.model.failover_test_job import FailoverTestJobSpec
from twinspan.model.field_plan import fields_of, without_none
from twinspan.model.finding import Path, path_text
from twinspan.model.route_table import RouteEntry

SpecT = TypeVar("SpecT", bound=Struct)


class Mention(NamedTuple):
    """One place of a spec that names a resource."""

    path: str
    """Of the field, as findings write it: tunnels[0].customer_gateway."""
    kind: str
    """What it names: CustomerGateway."""
    target: str
    """Name or id; never empty."""


class _Beside(NamedTuple):
    """A field that names resources whose kind another field of the same struct tells."""

    field: str
    told_by: str
    kinds: dict[str, str]


_BESIDE: dict[type[Struct], _Beside] = {
    RouteEntry: _Beside(
        "next_hop",
        "next_hop_kind",
        {"circuit": "PhysicalConnection", "vpc": "Vpc", "attachment": "Attachment", "vpn_gateway": "VpnGateway"},
    ),
    FailoverTestJobSpec: _Beside(
        "resources",
        "resource_kind",
        {"circuit": "PhysicalConnection", "vbr": "VirtualBorderRouter", "bgp_peer": "BgpPeer"},
    ),
}


class _Places(NamedTuple):
    references: tuple[tuple[str, str], ...]
    """Field and kind."""
    parts: tuple[str, ...]
    """Fields that are structs or lists of structs."""


@functools.cache
def _places(cls: type[Struct]) -> _Places:
    fields = fields_of(cls).values()
    references = tuple((field.name, field.extra["ref"]) for field in fields if "ref" in field.extra)
    parts = []
    for field in fields:
        shape = without_none(field.shape)
        if isinstance(shape, shapes.VarTupleType):
            shape = shape.item_type
        if isinstance(shape, shapes.StructType):
            parts.append(field.name)
    return _Places(references, tuple(parts))


def _naming_fields(spec: Struct) -> Iterator[tuple[str, str]]:
    """Field and kind of everything that `spec` itself names, its parts left out."""
    yield from _places(type(spec)).references
    beside = _BESIDE.get(type(spec))
    if beside is not None and getattr(spec, beside.told_by) in beside.kinds:
        yield beside.field, beside.kinds[getattr(spec, beside.told_by)]


def references(spec: Struct) -> tuple[Mention, ...]:
    """Everything that a spec mentions, in the order of its fields; places left empty are no mention."""
    return tuple(_mentions(spec, ()))


def _mentions(spec: Struct, path: Path) -> Iterator[Mention]:
    for field, kind in _naming_fields(spec):
        value = getattr(spec, field)
        if isinstance(value, tuple):
            for index, target in enumerate(value):
                if target:
                    yield Mention(path_text((*path, field, index)), kind, target)
        elif value:
            yield Mention(path_text((*path, field)), kind, value)
    for field in _places(type(spec)).parts:
        value = getattr(spec, field)
        if isinstance(value, tuple):
            for index, part in enumerate(value):
                yield from _mentions(part, (*path, field, index))
        elif value is not None:
            yield from _mentions(value, (*path, field))


def rename(spec: SpecT, new_name: Callable[[str, str], str]) -> SpecT:
    """The spec with `new_name(kind, text)` in every place that mentions something; empty places stay empty."""
    changed: dict[str, Any] = {}
    for field, kind in _naming_fields(spec):
        value = getattr(spec, field)
        if isinstance(value, tuple):
            changed[field] = tuple(new_name(kind, target) if target else target for target in value)
        elif value:
            changed[field] = new_name(kind, value)
    for field in _places(type(spec)).parts:
        value = getattr(spec, field)
        if isinstance(value, tuple):
            changed[field] = tuple(rename(part, new_name) for part in value)
        elif value is not None:
            changed[field] = rename(value, new_name)
    differing = {field: value for field, value in changed.items() if value != getattr(spec, field)}
    return replace(spec, **differing) if differing else spec
