"""Signed tickets: the one in a URL (good once, short, for one worker) and the one that resumes a login.

In: values, a key, the time. Out: text, or None where a ticket is forged, expired or for somebody else. That a ticket is
used once is remembered by whoever redeems it. Next: `server`.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Literal

import msgspec

URL_TTL_NS = 60 * 1_000_000_000
RESUME_TTL_NS = 7 * 24 * 3600 * 1_000_000_000
_MAC_BYTES = 16
_GAP = "~"
"""Between the fields: allowed in a URL, and in no serial, service, id or Base64."""
_URL, _RESUME, _RESUME_KEY = b"url ticket", b"resume ticket", b"resume key"
"""What the key is used for: a MAC for the one is none for another."""


class UrlTicket(msgspec.Struct, frozen=True, kw_only=True):
    """Admits one WebSocket."""

    kind: Literal["tunnel", "service"]
    serial: str
    epoch: int
    service: str
    worker: str
    """Instance of the worker process: one that was started anew does not redeem its predecessor's tickets."""
    id: str
    expires_ns: int


class ResumeTicket(msgspec.Struct, frozen=True, kw_only=True):
    """Stands for an authentication that was successful before."""

    serial: str
    credential_id: str
    """Of the verifier it rests on: with a new password it is worth nothing."""
    id: str
    expires_ns: int


def seal(ticket: UrlTicket | ResumeTicket, key: bytes) -> str:
    """The ticket as text for URLs and JSON."""
    if isinstance(ticket, UrlTicket):
        kind, purpose = ticket.kind, _URL
        middle = f"{ticket.epoch}{_GAP}{ticket.service}{_GAP}{ticket.worker}"
        body = f"{kind}{_GAP}{ticket.serial}{_GAP}{middle}{_GAP}{ticket.id}{_GAP}{ticket.expires_ns}"
    else:
        purpose = _RESUME
        body = f"{ticket.serial}{_GAP}{ticket.credential_id}{_GAP}{ticket.id}{_GAP}{ticket.expires_ns}"
    return f"{body}{_GAP}{_mac(body, key, purpose)}"


def open_url_ticket(text: str, key: bytes, now_ns: int) -> UrlTicket | None:
    """The ticket, if it is ours and still good."""
    fields = _verified(text, key, _URL)
    if len(fields) != 7 or fields[0] not in ("tunnel", "service") or now_ns >= int(fields[6]):
        return None
    kind, serial, epoch, service, worker, id_, expires_ns = fields
    return UrlTicket(
        kind="tunnel" if kind == "tunnel" else "service",
        serial=serial,
        epoch=int(epoch),
        service=service,
        worker=worker,
        id=id_,
        expires_ns=int(expires_ns),
    )


def open_resume_ticket(text: str, key: bytes, now_ns: int) -> ResumeTicket | None:
    """The ticket, if it is ours and still good."""
    fields = _verified(text, key, _RESUME)
    if len(fields) != 4 or now_ns >= int(fields[3]):
        return None
    return ResumeTicket(serial=fields[0], credential_id=fields[1], id=fields[2], expires_ns=int(fields[3]))


def resume_key(ticket: str, key: bytes) -> bytes:
    """The key that goes with a resume ticket: the server derives it and keeps nothing."""
    return hashlib.blake2b(ticket.encode(), digest_size=32, key=key, person=_RESUME_KEY).digest()


def resume_proof(ticket: str, nonce: str, key: bytes, binding: bytes) -> str:
    """The device's proof that it holds the ticket's key, to this server."""
    return base64.b64encode(hmac.digest(key, f"{ticket}:{nonce}:{binding.hex()}".encode(), "sha256")).decode()


def server_proof(ticket: str, nonce: str, key: bytes, binding: bytes) -> str:
    """The server's proof in return."""
    return base64.b64encode(hmac.digest(key, f"server:{ticket}:{nonce}:{binding.hex()}".encode(), "sha256")).decode()


def _verified(text: str, key: bytes, purpose: bytes) -> list[str]:
    """The fields of a ticket that is ours; empty if it is not, however it differs."""
    body, _, mac = text.rpartition(_GAP)
    good = hmac.compare_digest(mac.encode("utf-8", "replace"), _mac(body, key, purpose).encode())
    return body.split(_GAP) if good else []


def _mac(body: str, key: bytes, purpose: bytes) -> str:
    """BLAKE2b with a key (RFC 7693): tickets are ours alone, and HMAC of OpenSSL takes four times as long."""
    return hashlib.blake2b(body.encode("utf-8", "replace"), digest_size=_MAC_BYTES, key=key, person=purpose).hexdigest()
