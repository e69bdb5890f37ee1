"""A spec as the database keeps it: JSON with every secret sealed; and as the audit keeps it: with every secret masked.

A row that an older Twinspan wrote may have fields that are known no more: they are left out when it is read, so that a
forgotten migration does not make a resource unreadable.

In: specs, texts. Out: texts, specs. Next: `sql_view.py`, `sql_work.py`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
from msgspec import inspect as shapes

from twinspan.model.errors import Unavailable
from twinspan.model.field_plan import fields_of, structs_in, without_none
from twinspan.model.fields import ResourceSpec
from twinspan.model.kinds import STORED_KINDS
from twinspan.model.resource import Resource
from twinspan.model.secret import MASK, Secret, decode_hook, encode_hook
from twinspan.model.secret_source import SecretSource
from twinspan.server.resources.seal import SealKey

SpecT = TypeVar("SpecT", bound=msgspec.Struct)

_encoder = msgspec.json.Encoder(enc_hook=encode_hook)


def _mask(value: Any) -> Any:
    if isinstance(value, Secret):
        return MASK
    raise TypeError(f"cannot encode {type(value).__name__}")


_masking = msgspec.json.Encoder(enc_hook=_mask)


def sealed_text(spec: ResourceSpec, resource_id: str, key: SealKey) -> str:
    """The spec for the database."""
    if holds_secrets(type(spec)):
        spec = _with_secrets(spec, resource_id, lambda place, secret: Secret(key.seal(secret, place)))
    return _encoder.encode(spec).decode()


def opened_spec(kind: str, text: str, resource_id: str, key: SealKey) -> ResourceSpec:
    """The spec of a row. Raises Unavailable if the row is not readable, or a secret does not open."""
    spec = decoded_spec(kind, text, resource_id)
    if holds_secrets(type(spec)):
        spec = _with_secrets(spec, resource_id, lambda place, secret: key.unseal(secret.reveal(), place))
    return spec


def resealed_text(kind: str, text: str, resource_id: str, key: SealKey) -> str | None:
    """The same row with every secret sealed by the current key; None if they all are already."""
    stale = False

    def again(place: str, secret: Secret) -> Secret:
        nonlocal stale
        if key.is_current(secret.reveal()):
            return secret
        stale = True
        return Secret(key.seal(key.unseal(secret.reveal(), place), place))

    spec = _with_secrets(decoded_spec(kind, text, resource_id), resource_id, again)
    return _encoder.encode(spec).decode() if stale else None


def audit_text(resource: Resource | None) -> str:
    """The resource for the audit: without what was seen of it, secrets masked. null: there is none."""
    if resource is None:
        return "null"
    shown = {name: getattr(resource, name) for name in resource.__struct_fields__ if name != "status"}
    return _masking.encode(shown).decode()


@functools.cache
def holds_secrets(cls: type[msgspec.Struct]) -> bool:
    """Whether values of that struct can hold a secret."""
    return SecretSource in structs_in(cls)


@functools.cache
def _parts_with_secrets(cls: type[msgspec.Struct]) -> tuple[str, ...]:
    found = []
    for field in fields_of(cls).values():
        shape = without_none(field.shape)
        if isinstance(shape, shapes.VarTupleType):
            shape = shape.item_type
        if isinstance(shape, shapes.StructType) and (shape.cls is SecretSource or holds_secrets(shape.cls)):
            found.append(field.name)
    return tuple(found)


def _with_secrets(value: SpecT, place: str, change: Callable[[str, Secret], Secret]) -> SpecT:
    """The same with every secret changed; each is told with its place: vco-1.tunnels[0].psk."""
    changed: dict[str, Any] = {}
    for field in _parts_with_secrets(type(value)):
        part = getattr(value, field)
        if isinstance(part, tuple):
            changed[field] = tuple(_part(one, f"{place}.{field}[{n}]", change) for n, one in enumerate(part))
        elif part is not None:
            changed[field] = _part(part, f"{place}.{field}", change)
    return msgspec.structs.replace(value, **changed) if changed else value


def _part(part: msgspec.Struct, place: str, change: Callable[[str, Secret], Secret]) -> msgspec.Struct:
    if isinstance(part, SecretSource):
        return part if part.value is None else SecretSource(value=change(place, part.value))
    return _with_secrets(part, place, change)


@functools.cache
def _decoder(kind: str) -> msgspec.json.Decoder[ResourceSpec]:
    if kind not in STORED_KINDS:
        raise Unavailable(f"the database has a {kind}, which this Twinspan does not know", remedy="run the newer one")
    return msgspec.json.Decoder(STORED_KINDS[kind].spec, dec_hook=decode_hook)


def decoded_spec(kind: str, text: str, resource_id: str) -> ResourceSpec:
    """The spec with its secrets as they stand in the text. Raises Unavailable if it is not readable."""
    decoder = _decoder(kind)
    try:
        return decoder.decode(text)
    except msgspec.ValidationError:
        try:
            plain = _known_only(shapes.type_info(STORED_KINDS[kind].spec), msgspec.json.decode(text))
            return msgspec.convert(plain, STORED_KINDS[kind].spec, dec_hook=decode_hook)
        except (msgspec.ValidationError, msgspec.DecodeError) as error:
            raise _unreadable(kind, resource_id, error) from error
    except msgspec.DecodeError as error:
        raise _unreadable(kind, resource_id, error) from error


def _unreadable(kind: str, resource_id: str, error: Exception) -> Unavailable:
    return Unavailable(
        f"the {kind} {resource_id} in the database cannot be read: {error}", remedy="restore the last backup"
    )


def _known_only(shape: shapes.Type, plain: Any) -> Any:
    """Without the fields that are known no more."""
    shape = without_none(shape)
    if isinstance(shape, shapes.Metadata):
        return _known_only(shape.type, plain)
    if isinstance(shape, shapes.StructType) and isinstance(plain, dict):
        fields = {field.encode_name: field.type for field in shape.fields}
        return {name: _known_only(fields[name], part) for name, part in plain.items() if name in fields}
    if isinstance(shape, shapes.VarTupleType) and isinstance(plain, list):
        return [_known_only(shape.item_type, part) for part in plain]
    return plain
