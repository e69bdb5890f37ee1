"""A spec as plain data: for merging a patch into it, and for showing it.

Secrets never leave: in what is shown they are `***`, and in what a patch is merged into each stands as a mark that
comes back as the secret itself. So whoever reads a resource, changes a line and sends it all back, keeps the secrets.

In: specs. Out: plain data, specs. Next: `operations.py`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import inspect as shapes

from twinspan.model.field_plan import Field, fields_of, without_none
from twinspan.model.fields import ResourceSpec
from twinspan.model.resource import Resource
from twinspan.model.secret import MASK, Secret
from twinspan.model.secret_source import SecretSource
from twinspan.server.resources.sealed_spec import holds_secrets

_MARK = "\x00secret:"


def shown(resource: Resource) -> bytes:
    """The resource as JSON, secrets masked."""
    if not holds_secrets(type(resource.spec)):
        return msgspec.json.encode(resource)
    plain = {name: getattr(resource, name) for name in resource.__struct_fields__}
    plain["spec"] = plain_spec(resource.spec, lambda source: MASK if source.value is not None else None)
    return msgspec.json.encode(plain)


def masked(resource: Resource) -> Resource:
    """The same with every secret replaced by the mask: what an answer may be remembered as."""
    if not holds_secrets(type(resource.spec)):
        return resource
    return msgspec.structs.replace(resource, spec=_replaced(resource.spec, lambda _: SecretSource(value=Secret(MASK))))


def plain_spec(spec: msgspec.Struct, secret: Callable[[SecretSource], Any]) -> dict[str, Any]:
    """Lists and mappings; each secret as `secret` says."""
    return {name: _plain(getattr(spec, name), secret) for name in spec.__struct_fields__}


def _plain(value: Any, secret: Callable[[SecretSource], Any]) -> Any:
    if isinstance(value, SecretSource):
        return secret(value)
    if isinstance(value, msgspec.Struct):
        return plain_spec(value, secret)
    if isinstance(value, tuple):
        return [_plain(part, secret) for part in value]
    if isinstance(value, dict):
        return {key: _plain(part, secret) for key, part in value.items()}
    return value


class KeptSecrets:
    """The secrets of a spec while a patch is merged into its plain form."""

    def __init__(self, spec: ResourceSpec) -> None:
        self._sources: list[SecretSource] = []
        self.plain = plain_spec(spec, self._keep)

    def _keep(self, source: SecretSource) -> str | None:
        if source == SecretSource():
            return None
        self._sources.append(source)
        return f"{_MARK}{len(self._sources) - 1}"

    def unmask(self, merged: Any, before: Any) -> Any:
        """A mask that came back means the secret that stood there."""
        if isinstance(merged, dict):
            there = before if isinstance(before, dict) else {}
            return {key: self.unmask(part, there.get(key)) for key, part in merged.items()}
        if isinstance(merged, list):
            rest = before if isinstance(before, list) else []
            return [self.unmask(part, rest[n] if n < len(rest) else None) for n, part in enumerate(merged)]
        if merged == MASK and isinstance(before, str) and before.startswith(_MARK):
            return before
        return merged

    def restore(self, spec: ResourceSpec) -> ResourceSpec:
        """The secrets themselves in the place of their marks."""
        return _replaced(spec, self._back) if self._sources else spec

    def _back(self, source: SecretSource) -> SecretSource:
        text = source.value.reveal() if source.value is not None else ""
        return self._sources[int(text.removeprefix(_MARK))] if text.startswith(_MARK) else source


def secrets_of(spec: ResourceSpec) -> list[SecretSource]:
    """Every secret in it."""
    found: list[SecretSource] = []
    if holds_secrets(type(spec)):
        plain_spec(spec, found.append)
    return found


def _replaced(value: Any, secret: Callable[[SecretSource], SecretSource]) -> Any:
    if isinstance(value, SecretSource):
        return secret(value)
    if isinstance(value, msgspec.Struct):
        changed = {name: _replaced(getattr(value, name), secret) for name in value.__struct_fields__}
        return msgspec.structs.replace(value, **changed)
    if isinstance(value, tuple):
        return tuple(_replaced(part, secret) for part in value)
    return value


@functools.cache
def null_fields(cls: type[msgspec.Struct]) -> frozenset[str]:
    """Fields in which null is a value of its own, and not the one they have when they are left out."""
    return frozenset(
        name
        for name, field in fields_of(cls).items()
        if isinstance(field.shape, shapes.UnionType) and field.default is not None
    )


def merge_patch(target: Any, patch: Any, null_is_value: frozenset[str] = frozenset()) -> Any:
    """RFC 7396, but that in some fields null is a value and takes nothing away."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for key, part in patch.items():
        if part is None and key not in null_is_value:
            merged.pop(key, None)
        else:
            merged[key] = merge_patch(merged.get(key), part)
    return merged


def without_gaps(cls: type[msgspec.Struct], plain: Any) -> Any:
    """Without the fields that say nothing: they are as empty as the field's own default, which no format check takes.

    So what was read can be sent back, and an empty text means the same as leaving the field out.
    """
    if not isinstance(plain, dict):
        return plain
    fields, kept = fields_of(cls), {}
    for key, part in plain.items():
        field = fields.get(key)
        if field is None:
            kept[key] = part
        elif field.required or not _is_gap(field, part):
            kept[key] = _inside(without_none(field.shape), part)
    return kept


def _is_gap(field: Field, part: Any) -> bool:
    if part != field.default or isinstance(part, bool):
        return False
    return part in ("", None) or "filled" in field.extra


def _inside(shape: shapes.Type, part: Any) -> Any:
    if isinstance(shape, shapes.StructType) and shape.cls is not SecretSource:
        return without_gaps(shape.cls, part)
    if isinstance(shape, shapes.VarTupleType) and isinstance(part, list):
        return [_inside(shape.item_type, one) for one in part]
    return part
