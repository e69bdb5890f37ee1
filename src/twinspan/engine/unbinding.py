"""Verification codes: how a device that belongs to one account is freed for another (seed 000, "Unbinding the device").

In: random bytes, a key, who asks for which serial, the time. Out: the code for a person, a `CodeState` to keep, and the
judgement of a code that a device sends. Next: `server` keeps the state, tells the old owner and unbinds.

The code is read from a screen and typed into a device, so it has few symbols and none that look alike, and what makes
it safe is the rest: it works once, for a quarter of an hour, from the device itself, and after five wrong tries never.
Only an HMAC is kept, bound to serial and requester: whoever reads the store cannot unbind anything.
"""

from __future__ import annotations

import hmac
from typing import Literal

import msgspec

NS_PER_S = 1_000_000_000
ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Without 0 and O, 1 and I and L, U and V."""
CODE_SYMBOLS = 10
"""30^10 is 2^49: five tries hit one of them with a chance of 1 in 10^14. The least that is asked for is eight."""
RANDOM_BYTES = 16
"""So many make the remainder's bias 2^-79; fewer are refused."""
KEY_BYTES = 16
"""The shortest key."""
LIFETIME_S = 900
TRIES = 5
_IGNORED = str.maketrans("", "", " -\t")


class CodeState(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of a code."""

    serial: str
    requester: str
    """The account that wants the device, and gets it."""
    digest: str
    """HMAC-SHA256 in hex."""
    expires_ns: int
    tries_left: int = TRIES
    used: bool = False


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """What a code that came in is worth."""

    result: Literal["accepted", "expired", "wrong", "exhausted", "used"]
    tries_left: int
    reason: str
    """For the person at the device."""

    @property
    def accepted(self) -> bool:
        return self.result == "accepted"


def make_code(random_bytes: bytes) -> str:
    """A new code. Raises ValueError for fewer than `RANDOM_BYTES` bytes."""
    if len(random_bytes) < RANDOM_BYTES:
        raise ValueError(f"{len(random_bytes)} random bytes are too few, {RANDOM_BYTES} are needed")
    number, symbols = int.from_bytes(random_bytes), ""
    for _ in range(CODE_SYMBOLS):
        number, place = divmod(number, len(ALPHABET))
        symbols += ALPHABET[place]
    return symbols


def issue_code(code: str, key: bytes, serial: str, requester: str, now_ns: int) -> CodeState:
    """The state of a code that was just made; it takes the place of any other of that serial.

    Raises ValueError for a key that is too short.
    """
    digest = _digest(code, key, serial, requester)
    return CodeState(serial=serial, requester=requester, digest=digest, expires_ns=now_ns + LIFETIME_S * NS_PER_S)


def judge_code(state: CodeState, code: str, key: bytes, now_ns: int) -> tuple[Judgement, CodeState]:
    """A code that the device `state.serial` has sent; the new state must be kept before the answer leaves.

    Case, spaces and hyphens do not matter. Comparing takes the same time wherever the first difference is.
    """
    if state.used:
        return _judgement(state, "used", "the code was used already: ask the server for a new one"), state
    if state.tries_left <= 0:
        return _judgement(state, "exhausted", "too many wrong codes: ask the server for a new one"), state
    if now_ns >= state.expires_ns:
        return _judgement(state, "expired", "the code is no longer valid: ask the server for a new one"), state
    if hmac.compare_digest(_digest(code, key, state.serial, state.requester), state.digest):
        state = msgspec.structs.replace(state, used=True)
        return _judgement(state, "accepted", f"the device is free for {state.requester}"), state
    state = msgspec.structs.replace(state, tries_left=state.tries_left - 1)
    if state.tries_left == 0:
        return _judgement(state, "exhausted", "wrong, and it was the last try: ask the server for a new code"), state
    tries = "1 try is" if state.tries_left == 1 else f"{state.tries_left} tries are"
    return _judgement(state, "wrong", f"the code is wrong, {tries} left"), state


def _judgement(
    state: CodeState, result: Literal["accepted", "expired", "wrong", "exhausted", "used"], reason: str
) -> Judgement:
    return Judgement(result=result, tries_left=state.tries_left, reason=reason)


def _digest(code: str, key: bytes, serial: str, requester: str) -> str:
    if len(key) < KEY_BYTES:
        raise ValueError(f"a key of {len(key)} bytes is too short, {KEY_BYTES} are needed")
    plain = code.translate(_IGNORED).upper()
    # A length before each part: no two triples give the same bytes.
    parts = (part.encode(errors="surrogatepass") for part in (serial, requester, plain))
    return hmac.digest(key, b"".join(len(part).to_bytes(4) + part for part in parts), "sha256").hex()
