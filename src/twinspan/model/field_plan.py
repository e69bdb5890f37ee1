"""The fields of a declared struct as values, for all who derive something from the declarations.

In: a struct type. Out: `Field`s. Next: `decode.py`, `schema.py`, `engine.admission.references`.
"""

import functools
from collections.abc import Iterator
from typing import Any, cast

from msgspec import NODEFAULT, Struct
from msgspec import inspect as shapes


class Field(Struct, frozen=True, kw_only=True):
    """One field: its shape, what `fields.about` says of it, and its default (of the profile edge)."""

    name: str
    shape: shapes.Type
    description: str
    extra: dict[str, Any]
    required: bool
    default: Any


@functools.cache
def fields_of(cls: type[Struct]) -> dict[str, Field]:
    """The fields of a struct by name, in the order of declaration."""
    fields = {}
    for field in cast("shapes.StructType", shapes.type_info(cls)).fields:
        shape: shapes.Type = field.type
        extra: dict[str, Any] = {}
        description = ""
        if isinstance(shape, shapes.Metadata):
            extra = shape.extra or {}
            description = (shape.extra_json_schema or {}).get("description", "")
            shape = shape.type
        required = field.default is NODEFAULT and field.default_factory is NODEFAULT
        default = None if required else (field.default if field.default is not NODEFAULT else field.default_factory())
        fields[field.name] = Field(
            name=field.name, shape=shape, description=description, extra=extra, required=required, default=default
        )
    return fields


def without_none(shape: shapes.Type) -> shapes.Type:
    """`int | None` -> `int`; everything else as it is."""
    if isinstance(shape, shapes.UnionType):
        return next(part for part in shape.types if not isinstance(part, shapes.NoneType))
    return shape


def structs_in(cls: type[Struct]) -> Iterator[type[Struct]]:
    """`cls` and every struct that its fields are made of, each once."""
    found = [cls]
    for struct in found:
        for field in fields_of(struct).values():
            shape = without_none(field.shape)
            if isinstance(shape, shapes.DictType):
                shape = shape.value_type
            elif isinstance(shape, shapes.VarTupleType):
                shape = shape.item_type
            if isinstance(shape, shapes.StructType) and shape.cls not in found:
                found.append(shape.cls)
    yield from found
