"""Check one value against what its field declares.

In: a value and the field's `extra` (see `fields.about`). Out: a `Problem` or None. Next: `decode.py`.
"""

import ipaddress
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from twinspan.model.field_rules import ADDRESS, CHARACTER, HOST_BITS, LENGTH, PROFILE, RANGE, RESERVED
from twinspan.model.fields import DEFAULT_LIMITS, Limits, Profile
from twinspan.model.finding import Rule

_LONGEST_SHOWN = 60
_UNWRITABLE = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""C0 and C1 controls, embeddings, overrides and isolates of bidirectional writing (UAX 9), surrogates."""

_NAMES = {
    "ipv4": "an IPv4 address, such as 10.0.0.1",
    "ipv6": "an IPv6 address, such as fd00::1",
    "ip": "an IP address, such as 10.0.0.1",
    "ipv4-prefix": "an IPv4 prefix, such as 192.168.1.0/24",
    "ipv6-prefix": "an IPv6 prefix, such as fd00:1::/64",
}


class Problem(NamedTuple):
    """What is wrong with a value."""

    rule: Rule
    text: str
    remedy: str


def number(value: float, extra: Mapping[str, Any], profile: Profile, limits: Limits = DEFAULT_LIMITS) -> Problem | None:
    """Range, range of the profile (with the account's `limits`), set of ranges, reserved numbers."""
    unit = f" {extra['unit']}" if "unit" in extra else ""
    if "limits" in extra:
        ranges = _with_quota(extra, limits)
        low, high = ranges[profile]
        if not low <= value <= high:
            return _outside_profile(value, ranges, profile, unit, extra.get("quota", ""))
    if "range" in extra:
        low, high = extra["range"]
        if not low <= value <= high:
            return Problem(RANGE, f"{value} is outside {low} to {high}{unit}", f"write {low} to {high}")
    if value in extra.get("excluded", {}):
        return Problem(RESERVED, f"{value} is {extra['excluded'][value]}", "choose another number")
    if "ranges" in extra and not any(low <= value <= high for low, high in extra["ranges"]):
        allowed = _ranges_text(extra["ranges"])
        return Problem(RANGE, f"{value} is not among the values allowed", f"write one of {allowed}{unit}")
    return None


def _with_quota(extra: Mapping[str, Any], limits: Limits) -> Mapping[Profile, tuple[int, int]]:
    """The ranges by profile; where the cloud's ends at a quota, it ends where the account's quota does."""
    ranges: Mapping[Profile, tuple[int, int]] = extra["limits"]
    quota = extra.get("quota")
    if quota is None:
        return ranges
    low, high = ranges["cloud"]
    allowed = max(upper for _, upper in ranges.values()) if limits is None else limits.get(quota, high)
    return {**ranges, "cloud": (low, allowed)}


def _outside_profile(
    value: float, ranges: Mapping[Profile, tuple[int, int]], profile: Profile, unit: str, quota: str
) -> Problem:
    low, high = ranges[profile]
    remedy = f"write {low} to {high}"
    if quota and profile == "cloud" and value > high:
        remedy += f", or have an operator raise the quota {quota}"
    for other, (other_low, other_high) in ranges.items():
        if other != profile and other_low <= value <= other_high:
            remedy += f", or set profile: {other} ({other_low} to {other_high})"
    return Problem(PROFILE, f"{value} is outside {low} to {high}{unit} of the profile {profile}", remedy)


def _ranges_text(ranges: Sequence[tuple[int, int]]) -> str:
    return ", ".join(str(low) if low == high else f"{low} to {high}" for low, high in ranges)


def characters(value: str) -> Problem | None:
    """What no site file can have, or what shows another text than there is."""
    found = _UNWRITABLE.search(value)
    if found is None:
        return None
    what = f"its character {found.start() + 1} is U+{ord(found[0]):04X}, which nobody sees"
    return Problem(CHARACTER, what, "leave that character out")


def text(value: str, extra: Mapping[str, Any]) -> Problem | None:
    """Characters, address and prefix formats."""
    wrong = characters(value)
    if wrong is not None:
        return wrong
    form = extra.get("form")
    if form is None:
        return None
    shown = value_text(value)
    if form.endswith("prefix"):
        return _prefix(value, form, shown)
    try:
        address = ipaddress.ip_address(value)
    except ValueError:
        return Problem(ADDRESS, f"{shown} is not an IP address", f"write {_NAMES[form]}")
    if form != "ip" and form != f"ipv{address.version}":
        return Problem(ADDRESS, f"{shown} is an IPv{address.version} address", f"write {_NAMES[form]}")
    return None


def _prefix(value: str, form: str, shown: str) -> Problem | None:
    try:
        network = ipaddress.ip_network(value, strict=False)
    except ValueError:
        return Problem(ADDRESS, f"{shown} is not an IP prefix", f"write {_NAMES[form]}")
    if not form.startswith(f"ipv{network.version}"):
        return Problem(ADDRESS, f"{shown} is an IPv{network.version} prefix", f"write {_NAMES[form]}")
    if "/" not in value:
        return Problem(ADDRESS, f"{shown} has no prefix length", f"add it; one host has /{network.prefixlen}")
    if value.partition("/")[0] != str(network.network_address):
        return Problem(HOST_BITS, f"{shown} has host bits set", f"write {network}")
    if value != str(network):
        return Problem(ADDRESS, f"{shown} is not in the usual form", f"write {network}")
    return None


def length(size: int, extra: Mapping[str, Any], of: str) -> Problem | None:
    """Length of a text (`of` characters) or of a list (`of` entries)."""
    if "length" not in extra:
        return None
    low, high = extra["length"]
    if size < low:
        return Problem(LENGTH, f"it has {size} {of}, fewer than {low}", f"give at least {low}")
    if high is not None and size > high:
        return Problem(LENGTH, f"it has {size} {of}, more than {high}", f"give at most {high}")
    return None


def value_text(value: object) -> str:
    """A value for an error text: one line, cut where it is long, nothing that a terminal would obey."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "null"
    shown = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in str(value)[: _LONGEST_SHOWN + 1])
    return shown if len(shown) <= _LONGEST_SHOWN else shown[: _LONGEST_SHOWN - 3] + "..."
