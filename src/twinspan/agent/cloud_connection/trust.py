"""What the device remembers of its cloud server: trusted authorities, the ticket to return with, the last good time.

In and out: one small JSON file in the node's directory, 0600, written whole. Losing it costs a full authentication and
a new first trust, never a start. Next: `dial`.

The clock rule: a certificate's dates are checked against the device's clock, unless that clock is certainly wrong, that
is before this software was written or before the last time a trusted server told. Then the dates alone are left out;
authority, name and the mutual proof are checked as always, and the time is taken from the server afterwards.
"""

from __future__ import annotations

import hashlib
import ssl

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
        self.memory = journal.load_cloud_memory(CloudMemory) or CloudMemory()

    def change(self, **fields: object) -> None:
        """Save new values, if they are new."""
        memory = msgspec.structs.replace(self.memory, **fields)
        if memory != self.memory:
            self.memory = memory
            self._journal.save_cloud_memory(memory)

    def clock_is_wrong(self, now_ns: int) -> bool:
        """See the clock rule above."""
        return now_ns < max(SOFTWARE_TIME_NS, self.memory.last_time_ns)

    def context(self, authorities: tuple[str, ...], now_ns: int, *, certificate: bool = False) -> ssl.SSLContext:
        """Verifies the server's chain against `authorities` and its name, and its dates if the clock allows.

        `certificate`: show our own. Raises OSError or ssl.SSLError if that cannot be read.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_verify_locations(cadata="".join(authorities))
        if certificate:
            context.load_cert_chain(self.certificate_file)
        if self.clock_is_wrong(now_ns):
            context.verify_flags = ssl.VerifyFlags(context.verify_flags | _NO_CHECK_TIME)
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
    found = []
    for pem in authorities[:8]:
        try:
            if wanted is None or fingerprint(pem) == wanted.lower().replace(":", ""):
                found.append(pem)
        except ValueError:
            continue
    return tuple(found)
