"""JSON Schema of the site file, made from the declarations.

Editors complete and check with it as people type; it knows types, choices and the widest ranges, while the profile's
ranges and the rules between fields are `twinspan plan`'s to judge. In: the model. Out: `schema_text`. Next: `cli`.
"""

import json
from typing import Any

import msgspec
from msgspec import Struct

from twinspan.model.field_plan import fields_of, structs_in
from twinspan.model.secret import Secret
from twinspan.model.site import SiteFile

SCHEMA_ID = "site.schema.json"

_KEY = {
    "title": "Key",
    "description": "A key: the text itself, or the file or environment variable to read it from.",
    "anyOf": [
        {"type": "string", "minLength": 1},
        *(
            {
                "type": "object",
                "properties": {place: {"type": "string", "minLength": 1}},
                "required": [place],
                "additionalProperties": False,
            }
            for place in ("file", "env")
        ),
    ],
}


def site_schema() -> dict[str, Any]:
    """The schema (draft 2020-12) as plain data."""
    (reference,), components = msgspec.json.schema_components(
        [SiteFile], schema_hook=_text_for_secret, ref_template="#/$defs/{name}"
    )
    for cls in structs_in(SiteFile):
        _without_empty_defaults(components[cls.__name__], cls)
    components["SecretSource"] = _KEY
    top = components.pop(reference["$ref"].rpartition("/")[2])
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        **top,
        "$defs": dict(sorted(components.items())),
    }


def schema_text() -> str:
    """The schema as JSON text."""
    return json.dumps(site_schema(), indent=2, ensure_ascii=False) + "\n"


def _text_for_secret(kind: type) -> dict[str, Any]:
    return {"type": "string"} if kind is Secret else {}


def _without_empty_defaults(part: dict[str, Any], cls: type[Struct]) -> dict[str, Any]:
    """A field that `expand` fills has an empty default inside; a reader must not take it for a value."""
    for field in fields_of(cls).values():
        if "filled" in field.extra:
            shown = part["properties"][field.name]
            shown.pop("default", None)
            shown["description"] += f" Left out: {field.extra['filled']}."
    return part
