"""What the device remembers of its cloud server: trusted authorities, the ticket to return with, the last good time.

In and out: one small JSON file in the node's directory, 0600, written whole. Losing it costs a full authentication and
a new first trust, never a start. Next: `dial`.

The clock rule: a certificate's dates are checked against the device's clock, unless that clock is certainly wrong, that
is before this software was written or before the last time a trusted server told. Then the dates alone are left out;
authority, name and the mutual proof are checked as always, and the time is taken from the server afterwards.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import ssl
from collections.abc import Callable

import msgspec

from twinspan.agent.journal import Journal
from twinspan.model.cloud_status import Trust
from twinspan.model.secret import Secret

SOFTWARE_TIME_NS = 1_763_769_600_000_000_000
"""2025-11-22: no clock that shows an earlier time is right."""
_NO_CHECK_TIME = 0x200000
"""X509_V_FLAG_NO_CHECK_TIME (OpenSSL x509_vfy.h)."""


class Pin(msgspec.Struct, frozen=True, kw_only=True):
    """Whom to trust behind one server name."""

    authorities: tuple[str, ...]
    """PEM."""
    trust: Trust
    began_with: str | None = None
    """The fingerprint that was configured when this trust began: rotations since then rest on it."""


class Ticket(msgspec.Struct, frozen=True, kw_only=True):
    """To return with, to one server."""

    ticket: str
    key: Secret


class CloudMemory(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The file's content."""

    pins: dict[str, Pin] = {}
    """By server name: two servers may belong to two authorities."""
    tickets: dict[str, Ticket] = {}
    """By name and port."""
    secret: Secret | None = None
    """Made by the device when it used its one-time token; it replaces a password."""
    enrolled: bool = False
    """The server has taken that secret: the token is spent."""
    last_time_ns: int = 0
    """The latest time that a trusted server told."""
    dhcp_domain: str | None = None
    dhcp_password: Secret | None = None


class TrustStore:
    """The memory, and TLS contexts made from it."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self.certificate_file = journal.certificate_file
        """Client certificate and its key, PEM, put there by people."""
        self.on_trouble: Callable[[str], None] = _nobody_hears
        """Hears that the memory could not be saved, once for each reason."""
        self._trouble = ""
        self._context: tuple[tuple[object, ...], ssl.SSLContext] | None = None
        known = len(journal.set_aside)
        loaded = journal.load_cloud_memory(CloudMemory) or CloudMemory()
        self.memory, unusable = _usable(loaded)
        self.damage: tuple[str, ...] = (*journal.set_aside[known:], *unusable)
        """What could not be used of the file, in sentences."""

    def change(self, **fields: object) -> bool:
        """Take new values and save them, if they are new. False: they hold until the next start only."""
        memory = msgspec.structs.replace(self.memory, **fields)
        if memory == self.memory and not self._trouble:
            return True
        self.memory = memory
        try:
            self._journal.save_cloud_memory(memory)
        except OSError as error:
            # A full disk must not take the connection away by which somebody could see to it.
            trouble = error.strerror or str(error)
            if trouble != self._trouble:
                self.on_trouble(f"what the cloud connection remembers cannot be saved: {trouble}")
            self._trouble = trouble
            return False
        self._trouble = ""
        return True

    def clock_is_wrong(self, now_ns: int) -> bool:
        """See the clock rule above."""
        return now_ns < max(SOFTWARE_TIME_NS, self.memory.last_time_ns)

    def context(self, authorities: tuple[str, ...], now_ns: int, *, certificate: bool = False) -> ssl.SSLContext:
        """Verifies the server's chain against `authorities` and its name, and its dates if the clock allows.

        `certificate`: show our own. Raises OSError or ssl.SSLError if that cannot be read.
        """
        wrong = self.clock_is_wrong(now_ns)
        key = (authorities, wrong, certificate)
        if self._context is not None and self._context[0] == key and not certificate:
            return self._context[1]
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_verify_locations(cadata="".join(authorities))
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # an authority below somebody's own is pinned itself
        if certificate:
            context.load_cert_chain(self.certificate_file)
        if wrong:
            context.verify_flags = ssl.VerifyFlags(context.verify_flags | _NO_CHECK_TIME)
        self._context = (key, context)
        return context


def blind_context() -> ssl.SSLContext:
    """For asking a server for its authority, and nothing else: no secret ever goes over such a connection."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def fingerprint(pem: str) -> str:
    """SHA-256 of the certificate's DER, 64 hex digits. Raises ValueError for what is no certificate."""
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem.strip())).hexdigest()


def acceptable(authorities: tuple[str, ...], wanted: str | None) -> tuple[str, ...]:
    """Those of the offered authorities that may be trusted: all, or the one whose fingerprint is configured."""
    readable = [pem for pem in authorities[:8] if is_certificate(pem)]
    if wanted is None:
        return tuple(readable)
    return tuple(pem for pem in readable if fingerprint(pem) == wanted.lower().replace(":", ""))


def still_trusted(pin: Pin, wanted: str | None) -> bool:
    """Whether what was pinned agrees with the fingerprint that is configured now, by itself or through rotations."""
    if wanted is None or (pin.trust == "rotated" and pin.began_with == wanted):
        return True
    return bool(acceptable(pin.authorities, wanted))


def is_certificate(pem: str) -> bool:
    """Whether it is one certificate that can be trusted at all."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=pem)
        return bool(fingerprint(pem))
    except (ssl.SSLError, ValueError):
        return False


def _usable(memory: CloudMemory) -> tuple[CloudMemory, list[str]]:
    """Without what can be decoded and not be used; a file may be damaged inside a string."""
    pins = {
        name: pin for name, pin in memory.pins.items() if pin.authorities and all(map(is_certificate, pin.authorities))
    }
    tickets = {netloc: ticket for netloc, ticket in memory.tickets.items() if _is_base64(ticket.key.reveal())}
    said = [f"the remembered authority of {name} is damaged and forgotten" for name in memory.pins if name not in pins]
    said += [
        f"the remembered ticket of {netloc} is damaged and forgotten"
        for netloc in memory.tickets
        if netloc not in tickets
    ]
    return msgspec.structs.replace(memory, pins=pins, tickets=tickets), said


def _is_base64(text: str) -> bool:
    try:
        return bool(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError):
        return False


def _nobody_hears(_trouble: str) -> None:
    """Nobody listens."""
