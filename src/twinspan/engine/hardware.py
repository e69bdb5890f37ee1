"""Whether a device's hardware may have a cloud connection.

In: platform and module type as the device names them at registration. Out: a `HardwareVerdict` with its reason. Next:
`server` refuses the registration, or admits it and shows the note.

A combination that the table lists with "No" is refused. What the table does not list is admitted with a note: the table
is one vendor's, and most devices here are none of theirs. Names are compared without regard to case and spaces.
"""

from __future__ import annotations

import functools

import msgspec

from twinspan.model.hardware import HARDWARE_TABLE

_VENDOR_WORDS = ("h3c", "secpath")
"""Devices write them before the platform, the table does not."""
_OTHER_NAMES = {
    "ipsmodule": "intrusionpreventionservice(ips)module",
    "intrusionpreventionservicemodule": "intrusionpreventionservice(ips)module",
}


class HardwareVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """May this hardware be managed over a cloud connection?"""

    admitted: bool
    listed: bool
    """The table has this combination; if not, `reason` is a note for people."""
    reason: str


@functools.lru_cache(maxsize=1024)
def judge_hardware(platform: str, module_type: str) -> HardwareVerdict:
    """The table's word on a platform with a module, or that it has none."""
    wanted = _platform_key(platform)
    rows = [row for row in HARDWARE_TABLE if wanted in map(_platform_key, row.platforms)]
    if not rows:
        name = _shown(platform)
        return _unlisted(f"platform {name} is not" if name else "the device names no platform: it cannot be")
    module = _module_key(module_type)
    listed = next((row for row in rows if _module_key(row.module_type) == module), None)
    if listed is None:
        name = _shown(module_type)
        where = f"platform {_shown(platform)}"
        return _unlisted(f"{where} with {name} is not" if name else f"{where} names no module type: it cannot be")
    verb = "supports" if listed.compatible else "does not support"
    reason = f"{_shown(platform)} with {listed.module_type} {verb} cloud connections"
    return HardwareVerdict(admitted=listed.compatible, listed=True, reason=reason)


def _unlisted(what: str) -> HardwareVerdict:
    return HardwareVerdict(admitted=True, listed=False, reason=f"{what} in the compatibility table; admitted unlisted")


def _shown(text: str) -> str:
    return " ".join(text.split())


def _platform_key(text: str) -> str:
    words = text.casefold().split()
    while words and words[0] in _VENDOR_WORDS:
        words = words[1:]
    return "".join(words)


def _module_key(text: str) -> str:
    key = "".join(text.casefold().split())
    return _OTHER_NAMES.get(key, key)
