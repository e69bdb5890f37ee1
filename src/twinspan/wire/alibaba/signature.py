"""Who sent a request: both signatures of the cloud's API, read and checked.

ACS3-HMAC-SHA256 signs method, path, query, headers and body; the older one (SignatureVersion 1.0, HMAC-SHA1) signs the
parameters. Both carry a time, which must be within 15 minutes of ours, and a nonce, which the caller of this module
must see for the first time. In: a request. Out: a `Claim`, then None or a `Fault`.
Next: `server.alibaba.authenticate` finds the key's secret and keeps the nonces.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache

from msgspec import Struct

from twinspan.model.secret import Secret
from twinspan.wire.alibaba.fault import Fault, missing, shown
from twinspan.wire.alibaba.percent import encoded

ACS3 = "ACS3-HMAC-SHA256"
V1 = "HMAC-SHA1"
WINDOW_S = 15 * 60
"""How far a request's time may be from ours (the cloud's documentation of request signatures)."""
_WINDOW_NS = WINDOW_S * 1_000_000_000
_CREDENTIAL = re.compile(
    r"ACS3-HMAC-SHA256\s+Credential=([^,\s]{1,128}),\s*SignedHeaders=([a-z0-9;_-]{1,1000}),\s*Signature=([0-9a-f]{64})"
)
_TIME = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)Z", re.ASCII)
_ALWAYS_SIGNED = frozenset(
    {"host", "x-acs-action", "x-acs-version", "x-acs-date", "x-acs-signature-nonce", "x-acs-content-sha256"}
)
_MAX_NONCE_LENGTH = 128
_OF_NOTHING = hashlib.sha256(b"").hexdigest()


class Claim(Struct, frozen=True, kw_only=True):
    """A request says: I am this key. Nothing of it is proved yet."""

    access_key_id: str
    algorithm: str
    at_ns: int
    """When it was signed, of the wall clock."""
    nonce: str
    text: bytes
    """What was signed."""
    signature: bytes
    """What came out, for them."""


def read_claim(
    method: str, headers: Mapping[str, str], query: Mapping[str, str], form: Mapping[str, str], body: bytes
) -> Claim | Fault:
    """Headers by lower-case name, query and form decoded."""
    if "authorization" in headers:
        return _read_acs3(method, headers, query, body)
    if "Signature" in query or "Signature" in form:
        return _read_v1(method, {**query, **form})
    return Fault(
        code="MissingSignature",
        message="The request is not signed (sign it with an access key: ACS3-HMAC-SHA256 in the header Authorization, "
        "or the parameter Signature).",
    )


def in_time(claim: Claim, now_ns: int) -> Fault | None:
    """The clock window; None: it is in it."""
    if abs(now_ns - claim.at_ns) <= _WINDOW_NS:
        return None
    off_s = (claim.at_ns - now_ns) // 1_000_000_000
    return Fault(
        code="InvalidTimeStamp.Expired",
        message=f"The time of the request is {abs(off_s)} s {'before' if off_s < 0 else 'after'} the server's; up to "
        f"{WINDOW_S} s are accepted (set the clock of the machine that signs).",
    )


def check(claim: Claim, secret: Secret) -> Fault | None:
    """Whether the key's secret made this signature, in constant time; None: it did."""
    key = secret.reveal().encode()
    if claim.algorithm == ACS3:
        right = hmac.new(key, claim.text, hashlib.sha256).digest()
        help_text = f"the server's string to sign is {claim.text.decode().replace(chr(10), ' ')}"
    else:
        right = hmac.new(key + b"&", claim.text, hashlib.sha1).digest()
        help_text = f"the server's string to sign has {len(claim.text)} bytes"
    if hmac.compare_digest(right, claim.signature):
        return None
    return Fault(
        code="SignatureDoesNotMatch",
        message=f"The signature is not that of this access key; {help_text} (check the secret of the access key, and "
        "that nothing changes the request on its way).",
    )


# ------------------------------------------------------------------------------------------------------ ACS3


def _read_acs3(method: str, headers: Mapping[str, str], query: Mapping[str, str], body: bytes) -> Claim | Fault:
    found = _CREDENTIAL.fullmatch(headers["authorization"].strip())
    if found is None:
        return _incomplete(f"the header Authorization is not {ACS3} Credential=..., SignedHeaders=..., Signature=...")
    names = found.group(2).split(";")
    needed = _ALWAYS_SIGNED.union([name for name in headers if name.startswith("x-acs-")])
    for name in needed.difference(headers):
        return _incomplete(f"the header {name} is missing")
    for name in needed.difference(names):
        return _incomplete(f"the header {shown(name)} is not signed")
    payload = hashlib.sha256(body).hexdigest() if body else _OF_NOTHING
    if not hmac.compare_digest(payload.encode(), headers["x-acs-content-sha256"].lower().encode()):
        return Fault(
            code="SignatureDoesNotMatch",
            message="The body is not the one that was signed (x-acs-content-sha256 is the SHA-256 of another body).",
        )
    at_ns = _time_ns(headers["x-acs-date"])
    nonce = headers["x-acs-signature-nonce"]
    if isinstance(at_ns, Fault):
        return at_ns
    if not 1 <= len(nonce) <= _MAX_NONCE_LENGTH:
        return _incomplete(f"x-acs-signature-nonce has 1 to {_MAX_NONCE_LENGTH} characters")
    try:
        canonical_headers = "".join([f"{name}:{headers[name].strip()}\n" for name in names])
    except KeyError:
        return _incomplete("SignedHeaders names a header that is not there")
    canonical_query = "&".join([f"{name}={encoded(query[name])}" for name in sorted(query)])
    canonical = f"{method}\n/\n{canonical_query}\n{canonical_headers}\n{found.group(2)}\n{payload}"
    digest = hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()
    return Claim(
        access_key_id=found.group(1),
        algorithm=ACS3,
        at_ns=at_ns,
        nonce=nonce,
        text=f"{ACS3}\n{digest}".encode(),
        signature=bytes.fromhex(found.group(3)),
    )


# ------------------------------------------------------------------------------------------------------ version 1.0


def _read_v1(method: str, parameters: Mapping[str, str]) -> Claim | Fault:
    for name in ("AccessKeyId", "Timestamp", "SignatureNonce"):
        if not parameters.get(name):
            return missing(name)
    if parameters.get("SignatureVersion") != "1.0" or parameters.get("SignatureMethod") != V1:
        return _incomplete(f"SignatureVersion is not 1.0 or SignatureMethod is not {V1}")
    at_ns = _time_ns(parameters["Timestamp"])
    if isinstance(at_ns, Fault):
        return at_ns
    if len(parameters["SignatureNonce"]) > _MAX_NONCE_LENGTH:
        return _incomplete(f"SignatureNonce has 1 to {_MAX_NONCE_LENGTH} characters")
    try:
        signature = base64.b64decode(parameters["Signature"], validate=True)
    except ValueError:
        return _incomplete("Signature is not Base64")
    signed = "&".join(f"{encoded(n)}={encoded(parameters[n])}" for n in sorted(parameters) if n != "Signature")
    return Claim(
        access_key_id=parameters["AccessKeyId"],
        algorithm=V1,
        at_ns=at_ns,
        nonce=parameters["SignatureNonce"],
        text=f"{method}&%2F&{encoded(signed)}".encode(),
        signature=signature,
    )


@lru_cache(maxsize=64)
@functools.lru_cache(maxsize=64)  # thousands of requests have one second
def _time_ns(text: str) -> int | Fault:
    found = _TIME.fullmatch(text)
    try:
        if found is None:
            raise ValueError
        year, month, day, hour, minute, second = map(int, found.groups())
        at = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return Fault(
            code="InvalidTimeStamp.Format",
            message=f"The time {shown(text)} is not a time (write it in UTC: 2026-01-31T12:00:00Z).",
        )
    return int(at.timestamp()) * 1_000_000_000


def _incomplete(problem: str) -> Fault:
    return Fault(
        code="IncompleteSignature",
        message=f"The request is not signed as a whole: {problem} (let an SDK sign it).",
    )
