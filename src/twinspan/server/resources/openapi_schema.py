"""The JSON Schemas of the OpenAPI document, made from the declarations.

In: specs and the types of bodies and answers. Out: components. Next: `openapi.py`.
"""

from __future__ import annotations

from typing import Any

import msgspec

from twinspan.model.field_plan import Field, fields_of, structs_in
from twinspan.model.kinds import STORED_KINDS, Kind
from twinspan.model.secret import Secret

Schema = dict[str, Any]
_TEMPLATE = "#/components/schemas/{name}"
_KEY: Schema = {
    "type": ["string", "null"],
    "description": "A key. Sent: the key itself. Answered: *** where there is one; sent back, that keeps it.",
}
_BOUNDS = ("format", "minimum", "maximum", "enum", "minLength", "maxLength", "pattern", "anyOf")


def schemas(types: list[type]) -> Schema:
    """Components of all kinds and of the given types."""
    specs = [kind.spec for kind in STORED_KINDS.values()]
    wanted: list[type] = [*specs, *types]
    _, components = msgspec.json.schema_components(wanted, schema_hook=_of_secret, ref_template=_TEMPLATE)
    for spec in specs:
        for struct in structs_in(spec):
            if struct.__name__ in components:
                _relax(components[struct.__name__], struct)
    components["SecretSource"] = _KEY
    for kind in STORED_KINDS.values():
        components |= _kind_schemas(kind)
    return components


def ref(name: str) -> Schema:
    """A reference to a component."""
    return {"$ref": _TEMPLATE.format(name=name)}


def _kind_schemas(kind: Kind) -> Schema:
    spec = ref(kind.spec.__name__)
    text: Schema = {"type": "string"}
    number: Schema = {"type": "integer"}
    shown = {
        "kind": {"const": kind.name}, "id": text, "account": text, "name": text, "site": text,
        "generation": {"type": "integer", "minimum": 1}, "spec": spec, "status": {"type": "object"},
        "phase": text, "phase_until_ns": number, "created_ns": number, "updated_ns": number,
    }  # fmt: skip
    new = {"name": text, "site": text, "spec": spec}
    patch = {
        "name": text, "site": text, "spec": {"type": "object", "description": "A merge patch (RFC 7396) of the spec."},
        "tags": {"type": "object", "additionalProperties": {"type": ["string", "null"]}},
    }  # fmt: skip
    page = {"items": {"type": "array", "items": ref(kind.name)}, "total": number, "next": {"type": ["string", "null"]}}
    needed = ["spec"] if any(field.required for field in fields_of(kind.spec).values()) else []
    return {
        kind.name: _object(shown, list(shown)),
        f"{kind.name}New": _object(new, needed, closed=True),
        f"{kind.name}Patch": _object(patch, [], closed=True),
        f"{kind.name}Page": _object(page, list(page)),
    }


def _object(properties: Schema, required: list[str], *, closed: bool = False) -> Schema:
    found: Schema = {"type": "object", "properties": properties, "required": required}
    return found | {"additionalProperties": False} if closed else found


def _of_secret(kind: type) -> Schema:
    return {"type": "string"} if kind is Secret else {}


def _relax(schema: Schema, struct: type[msgspec.Struct]) -> None:
    """A field that is left empty is shown so, whatever form it has when it is not."""
    for name, field in fields_of(struct).items():
        shown = schema["properties"][name]
        shown.pop("default", None)
        if not _may_be_empty(field):
            continue
        bounds = {key: shown.pop(key) for key in (*_BOUNDS, "type", "$ref") if key in shown}
        if bounds.keys() & set(_BOUNDS):
            shown["anyOf"] = [bounds, {"const": field.default}]
        else:
            shown.update(bounds)


def _may_be_empty(field: Field) -> bool:
    return not field.required and (field.default in ("", None) or "filled" in field.extra)
