"""Signed tickets: the one in a URL (good once, short, for one worker) and the one that resumes a login.

In: values, a key, the time. Out: text, or None where a ticket is forged, expired or for somebody else. That a ticket is
used once is remembered by whoever redeems it. Next: `server`.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from typing import Literal

import msgspec

URL_TTL_NS = 60 * 1_000_000_000
RESUME_TTL_NS = 7 * 24 * 3600 * 1_000_000_000
_MAC_BYTES = 16


class UrlTicket(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """Admits one WebSocket."""

    kind: Literal["tunnel", "service"]
    serial: str
    epoch: int
    service: str
    worker: str
    """Instance of the worker process: one that was started anew does not redeem its predecessor's tickets."""
    id: str
    expires_ns: int


class ResumeTicket(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """Stands for an authentication that was successful before."""

    serial: str
    credential_id: str
    """Of the verifier it rests on: with a new password it is worth nothing."""
    id: str
    expires_ns: int


_url_decoder = msgspec.json.Decoder(UrlTicket)
_resume_decoder = msgspec.json.Decoder(ResumeTicket)


def seal(ticket: UrlTicket | ResumeTicket, key: bytes) -> str:
    """The ticket as text for URLs and JSON."""
    body = _encode(msgspec.json.encode(ticket))
    return f"{body}.{_encode(hmac.digest(key, body.encode(), 'sha256')[:_MAC_BYTES])}"


def open_url_ticket(text: str, key: bytes, now_ns: int) -> UrlTicket | None:
    """The ticket, if it is ours and still good."""
    body = _verified(text, key)
    try:
        ticket = _url_decoder.decode(body) if body else None
    except msgspec.DecodeError:
        return None
    return ticket if ticket is not None and now_ns < ticket.expires_ns else None


def open_resume_ticket(text: str, key: bytes, now_ns: int) -> ResumeTicket | None:
    """The ticket, if it is ours and still good."""
    body = _verified(text, key)
    try:
        ticket = _resume_decoder.decode(body) if body else None
    except msgspec.DecodeError:
        return None
    return ticket if ticket is not None and now_ns < ticket.expires_ns else None


def resume_key(ticket: str, key: bytes) -> bytes:
    """The key that goes with a resume ticket: the server derives it and keeps nothing."""
    return hmac.digest(key, b"resume:" + ticket.encode(), "sha256")


def resume_proof(ticket: str, nonce: str, key: bytes, binding: bytes) -> str:
    """The device's proof that it holds the ticket's key, to this server."""
    return base64.b64encode(hmac.digest(key, f"{ticket}:{nonce}:{binding.hex()}".encode(), "sha256")).decode()


def server_proof(ticket: str, nonce: str, key: bytes, binding: bytes) -> str:
    """The server's proof in return."""
    return base64.b64encode(hmac.digest(key, f"server:{ticket}:{nonce}:{binding.hex()}".encode(), "sha256")).decode()


def _verified(text: str, key: bytes) -> bytes:
    # As text, not as bytes: Base64 has many spellings of the same bytes, and a ticket has one.
    body, _, mac = text.partition(".")
    data = body.encode("utf-8", "replace")
    expected = _encode(hmac.digest(key, data, "sha256")[:_MAC_BYTES])
    return _decode(body) if hmac.compare_digest(mac.encode("utf-8", "replace"), expected.encode()) else b""


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        return b""
