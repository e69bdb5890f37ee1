"""What differs between two specs of a kind, field by field, for plans, audits and rules.

In: two specs. Out: `FieldChange`s, secrets masked. Next: `site_changes.py`, `resource_rules.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec import Struct
from msgspec import inspect as shapes
from msgspec.structs import replace

from twinspan.model.bgp_group import BgpGroupSpec
from twinspan.model.field_plan import Field, fields_of, without_none
from twinspan.model.fields import ResourceSpec
from twinspan.model.finding import Path, path_text
from twinspan.model.ipsec_connection import IpsecConnectionSpec, TunnelSpec
from twinspan.model.secret import MASK, Secret
from twinspan.model.secret_source import SecretSource


class FieldChange(Struct, frozen=True, kw_only=True):
    """One field that differs."""

    path: str
    """ike.version, tunnels[0].psk, entries."""
    before: str
    after: str
    immutable: bool = False
    """It cannot change after creation: a wish to change it is a wish for another resource."""


def spec_changes(before: ResourceSpec, after: ResourceSpec) -> tuple[FieldChange, ...]:
    """Every field that differs, in the order of declaration. Both are of one kind."""
    return tuple(_changes(before, after, (), False))


def _changes(before: Struct, after: Struct, path: Path, immutable: bool) -> Iterator[FieldChange]:
    for name, field in fields_of(type(before)).items():
        was, wanted = getattr(before, name), getattr(after, name)
        if was == wanted:
            continue
        fixed = immutable or bool(field.extra.get("immutable"))
        gap = "filled" in field.extra and was == field.default
        yield from _change(field, (*path, name), was, wanted, fixed and not gap)


def _change(field: Field, path: Path, was: Any, wanted: Any, immutable: bool) -> Iterator[FieldChange]:
    parts = isinstance(was, Struct) and isinstance(wanted, Struct) and not isinstance(was, SecretSource)
    shape = without_none(field.shape)
    lists = isinstance(shape, shapes.VarTupleType) and isinstance(shape.item_type, shapes.StructType)
    if parts:
        yield from _changes(was, wanted, path, immutable)
    elif lists and len(was) == len(wanted):
        for index, (one, other) in enumerate(zip(was, wanted, strict=True)):
            if one != other:
                yield from _changes(one, other, (*path, index), immutable)
    else:
        yield FieldChange(path=path_text(path), before=shown(was), after=shown(wanted), immutable=immutable)


def shown(value: object) -> str:
    """A value as text for people; secrets as a mask."""
    if isinstance(value, Secret | SecretSource):
        return MASK
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None or value == "":
        return ""
    if isinstance(value, tuple):
        return f"[{', '.join(shown(one) for one in value)}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key}: {shown(one)}' for key, one in value.items())}}}"
    if isinstance(value, Struct):
        fields = fields_of(type(value)).items()
        parts = [f"{name}: {shown(got)}" for name, f in fields if (got := getattr(value, name)) != f.default]
        return f"{{{', '.join(parts)}}}"
    return str(value)


def with_made_keys(wanted: ResourceSpec, stored: ResourceSpec) -> ResourceSpec:
    """`wanted` with the keys of `stored` where it names none: such a key was made once, and is kept."""
    if isinstance(wanted, BgpGroupSpec) and isinstance(stored, BgpGroupSpec):
        return replace(wanted, auth_key=wanted.auth_key or stored.auth_key)
    if isinstance(wanted, IpsecConnectionSpec) and isinstance(stored, IpsecConnectionSpec):
        tunnels = _tunnels_with_keys(wanted.tunnels, stored.tunnels)
        return replace(wanted, psk=wanted.psk or stored.psk, tunnels=tunnels)
    return wanted


def _tunnels_with_keys(wanted: tuple[TunnelSpec, ...], stored: tuple[TunnelSpec, ...]) -> tuple[TunnelSpec, ...]:
    keys = {tunnel.role: tunnel.psk for tunnel in stored}
    return tuple(replace(tunnel, psk=tunnel.psk or keys.get(tunnel.role)) for tunnel in wanted)
