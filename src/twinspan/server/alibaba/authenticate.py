"""Whose request it is: the claim of a request, the key it names, its time, its signature, its nonce.

In: a request. Out: an `Actor`, or a `Fault`. Next: `execute.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import msgspec

from twinspan.model.resource import Actor, Role
from twinspan.model.secret import Secret
from twinspan.server.alibaba.nonces import Nonces
from twinspan.wire.alibaba.fault import Fault
from twinspan.wire.alibaba.signature import WINDOW_S, check, in_time, read_claim

_WINDOW_NS = WINDOW_S * 1_000_000_000


class AccessKey(msgspec.Struct, frozen=True, kw_only=True):
    """What signs requests. The same role as a token's: it says what its holder may do."""

    id: str
    secret: Secret
    account: str
    role: Role = "operator"


class AccessKeys(Protocol):
    """Where access keys are kept."""

    def find_access_key(self, access_key_id: str, now_ns: int) -> AccessKey | None:
        """None: there is none, or it has expired."""


class SignedRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What both signatures look at."""

    method: str
    headers: Mapping[str, str]
    query: Mapping[str, str]
    form: Mapping[str, str]
    body: bytes
    address: str


def authenticate(request: SignedRequest, keys: AccessKeys, nonces: Nonces, now_ns: int) -> Actor | Fault:
    """Who asks. The nonce is only looked at when everything else is right, so that nobody else can use it up."""
    claim = read_claim(request.method, request.headers, request.query, request.form, request.body)
    if isinstance(claim, Fault):
        return claim
    fault = in_time(claim, now_ns)
    if fault is not None:
        return fault
    key = keys.find_access_key(claim.access_key_id, now_ns)
    if key is None:
        return Fault(
            code="InvalidAccessKeyId.NotFound",
            status=404,
            message="There is no such access key (make one with `twinspan server access-key add`, or use one that is "
            "there).",
        )
    fault = check(claim, key.secret)
    if fault is not None:
        return fault
    new = nonces.is_new(claim.access_key_id, claim.nonce, max(claim.at_ns, now_ns) + _WINDOW_NS, now_ns)
    if new:
        return Actor(account=key.account, label=key.id, role=key.role, edge="alibaba", address=request.address)
    if new is None:
        return Fault(
            code="Throttling.User",
            message="More requests were signed within 15 minutes than can be remembered (ask more slowly).",
            retry_after_s=1.0,
        )
    return Fault(
        code="SignatureNonceUsed",
        message="The nonce of the signature was used before (sign every request anew, with a nonce of its own).",
    )
