"""How a field is declared: one call that carries everything anyone may ask about it.

`Annotated[int, about("...", source=SEED_STEP_1, unit="ms", limits=...)]` is read by the decoder (ranges, references,
formats), by the site file (defaults), by the compatible API (its spelling and its cloud's default) and by the
reference pages. In: plain arguments. Out: `msgspec.Meta`. Next: the modules of the nouns, then `decode.py`.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct

Profile = Literal["edge", "cloud"]
"""`cloud`: the limits of the cloud that the seed describes. `edge`: what Twinspan's own nodes can do (default)."""

PROFILES: tuple[Profile, ...] = ("edge", "cloud")

Edge = Literal["site_file", "native", "alibaba"]
"""Where a value comes in. `alibaba` is the compatible API: it keeps its cloud's defaults (`cloud_default`)."""

SEED_PLANNING = "seed 004, CIDR block planning"
SEED_PREPARATIONS = "seed 004, Preparations"
SEED_STEP_1 = "seed 004, Step 1"
SEED_STEP_2 = "seed 004, Step 2"
SEED_STEP_3 = "seed 004, Step 3"
SEED_STEP_4 = "seed 004, Step 4"
SEED_STEP_6 = "seed 004, Step 6"
TWINSPAN = "Twinspan"

Limits = Mapping[str, int] | None
"""What an operator allows, by name of the quota; a quota that is not in it has its default. None: quotas do not count
here, somebody who knows the account counts them."""

DEFAULT_LIMITS: Limits = MappingProxyType({})
"""No operator has set anything."""

Format = Literal["ipv4", "ipv6", "ip", "ipv4-prefix", "ipv6-prefix"]
"""What a text must be. A prefix has no host bits set."""

_JSON_FORMATS = {"ipv4": "ipv4", "ipv6": "ipv6"}


def about(  # noqa: PLR0913 - a declaration: every argument is named and most are left out
    description: str,
    *,
    source: str,
    unit: str | None = None,
    ge: int | float | None = None,
    le: int | float | None = None,
    min_length: int | None = None,
    max_length: int | None = None,
    form: Format | None = None,
    ref: str | None = None,
    filled: str | None = None,
    limits: Mapping[Profile, tuple[int, int]] | None = None,
    quota: str | None = None,
    defaults: Mapping[Profile, object] | None = None,
    ranges: Sequence[tuple[int, int]] | None = None,
    excluded: Mapping[int, str] | None = None,
    cloud_default: object = UNSET,
    immutable: bool = False,
    api: str | None = None,
) -> Meta:
    """Describe a field.

    description: one or more sentences, with the unit where it has one. source: who sets range and default.
    ge, le: the range in every profile, given together. min_length, max_length: of a text or a list. limits: the
    range per profile, both ends included. quota: what the cloud's upper end is the default of. ref: the kind whose
    resource this text names. filled: how `expand` fills the field where the file leaves it out; such a field has an
    empty default ("" or 0) that never reaches a complete `Site`.
    defaults: default of the site file per profile where the profiles differ. cloud_default: the default that the
    compatible API keeps. ranges, excluded: a set of numbers that is no single range, and numbers in it that are
    taken, each with the reason. immutable: cannot change after creation. api: the spelling of the compatible API.
    """
    named = {
        "unit": unit,
        "ref": ref,
        "form": form,
        "filled": filled,
        "range": None if ge is None or le is None else (ge, le),
        "length": None if min_length is None and max_length is None else (min_length or 0, max_length),
        "limits": limits,
        "quota": quota,
        "defaults": defaults,
        "ranges": ranges,
        "excluded": excluded,
        "immutable": immutable or None,
        "api": api,
    }
    extra: dict[str, Any] = {"source": source, **{key: value for key, value in named.items() if value is not None}}
    if cloud_default is not UNSET:  # None is a default too: nothing
        extra["cloud_default"] = cloud_default
    return Meta(description=description, extra=extra, extra_json_schema=_json_schema(extra) or None)


def _json_schema(extra: Mapping[str, Any]) -> dict[str, Any]:
    schema: dict[str, Any] = {}
    if extra.get("form") in _JSON_FORMATS and "filled" not in extra:
        schema["format"] = _JSON_FORMATS[extra["form"]]
    if "range" in extra:
        schema["minimum"], schema["maximum"] = extra["range"]
    if "limits" in extra:
        schema["minimum"] = min(low for low, _ in extra["limits"].values())
        schema["maximum"] = max(high for _, high in extra["limits"].values())
    return schema


class ResourceSpec(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every resource of a section carries beside its own fields."""

    description: Annotated[
        str,
        about("What the resource is for, in free words: up to 256 characters.", source=SEED_STEP_1, api="Description"),
    ] = ""
    tags: Annotated[
        dict[str, str],
        about("Labels for finding and billing, key to value; at most 20.", source=SEED_STEP_1, api="Tags"),
    ] = {}
    resource_group: Annotated[
        str, about("Group for billing and permissions; free text.", source=SEED_STEP_1, api="ResourceGroupId")
    ] = ""
