"""How often an address may guess: failures within a minute shut it out, longer each time.

In: addresses and the time. Out: whether it may try. Pure but for its memory, which is bounded. Next:
`agent.ssh_server`.
"""

from __future__ import annotations

from collections import OrderedDict
from ipaddress import ip_address, ip_network

import msgspec

MAX_FAILURES = 5
WINDOW_S, LOCKED_S, LOCKED_MAX_S = 60.0, 60.0, 900.0
MAX_ADDRESSES = 1024
"""Remembered; the one not heard of for longest is forgotten first."""


class _Record(msgspec.Struct, kw_only=True):
    failures: int = 0
    since_s: float = 0.0
    locked_until_s: float = 0.0
    locked_s: float = LOCKED_S


class LoginGuard:
    """Times are of a steady clock, in seconds."""

    def __init__(self) -> None:
        self._records: OrderedDict[str, _Record] = OrderedDict()

    def allows(self, address: str, now_s: float) -> bool:
        """Whether it may try now."""
        record = self._records.get(_subject(address))
        return record is None or now_s >= record.locked_until_s

    def failed(self, address: str, now_s: float) -> bool:
        """Note a failure; whether the address is shut out by it."""
        subject = _subject(address)
        record = self._records.pop(subject, None) or _Record(since_s=now_s)
        self._records[subject] = record
        if len(self._records) > MAX_ADDRESSES:
            self._records.popitem(last=False)
        if now_s - record.since_s > WINDOW_S:
            record.failures, record.since_s = 0, now_s
        record.failures += 1
        if record.failures < MAX_FAILURES:
            return False
        record.locked_until_s = now_s + record.locked_s
        record.locked_s = min(2 * record.locked_s, LOCKED_MAX_S)
        record.failures = 0
        return True

    def succeeded(self, address: str) -> None:
        """The address is forgiven."""
        self._records.pop(_subject(address), None)


def _subject(address: str) -> str:
    """Of IPv6 the /64: who has one address there has them all."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    mapped = getattr(found, "ipv4_mapped", None)
    if mapped is not None:
        return str(mapped)
    return str(ip_network(f"{found}/64", strict=False)) if found.version == 6 else str(found)
