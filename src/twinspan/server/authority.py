"""Who the server is: its own certificate authority, and the leaf certificate that its ports show.

In: a state directory, names and addresses, the time. Out: PEM files, a TLS context, the fingerprint that devices pin.
ECDSA P-256 throughout. Devices trust the authority, not the leaf, so that a leaf can change at any time. How one
authority follows another is `rotation.py`; how certificates are made is `certificate.py`. Next: `rotation.py`.
"""

from __future__ import annotations

import hashlib
import ssl
from pathlib import Path

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from twinspan.model.errors import Rejected, Unavailable
from twinspan.server.certificate import (
    general_name,
    load_authority,
    make_authority,
    make_leaf,
    not_after_ns,
    not_before_ns,
    read_own_authority,
    save_authority,
)
from twinspan.server.key_file import make_state_dir, read_private, write_private

CURRENT, NEXT, PREVIOUS = "authority", "authority-next", "authority-previous"
"""File stems. `current` issues the leaf; `next` is announced only; `previous` is still announced after a switch."""
CROSS = "authority-cross.pem"
"""The current authority's key, certified by the previous one: for devices that know the previous one only."""
LEAF = "server"
CLIENT_AUTHORITY = "client-authority.pem"
"""Put there by people: whoever may issue certificates for devices. Without it no client certificate is asked for."""
SETTINGS = "server-names.json"
RENEW_AFTER = 2 / 3
"""Of a leaf's life: the last third is for noticing that renewal fails."""


class Leaf(msgspec.Struct, frozen=True, kw_only=True):
    """What the server's ports show now."""

    names: tuple[str, ...]
    binding: bytes
    """tls-server-end-point (RFC 5929 4.1): SHA-256 of the certificate's DER."""
    not_before_ns: int
    not_after_ns: int


def create_authority(state_dir: Path, names: tuple[str, ...], now_ns: int, own: Path | None = None) -> str:
    """Makes the authority, or takes somebody's own, and the first leaf; the authority's fingerprint.

    Raises Rejected if there is one already.
    """
    make_state_dir(state_dir)
    if (state_dir / f"{CURRENT}.pem").exists():
        raise Rejected(
            f"{state_dir} has an authority already, and devices may have pinned it",
            remedy="keep it, replace it with: twinspan server authority rotate, or give another --state-dir",
        )
    authority = make_authority(now_ns) if own is None else read_own_authority(own, now_ns)
    save_names(state_dir, names)
    save_authority(authority, state_dir, CURRENT)
    issue_leaf(state_dir, now_ns)
    return fingerprint(authority.certificate)


def save_names(state_dir: Path, names: tuple[str, ...]) -> None:
    """The names and addresses that the next leaf shall carry. Raises Rejected if there is none."""
    if not names:
        raise Rejected("a server certificate needs at least one name or address", remedy="give one with --name")
    usual = tuple(dict.fromkeys(str(general_name(name).value) for name in names))
    write_private(state_dir / SETTINGS, msgspec.json.encode(usual))


def load_names(state_dir: Path) -> tuple[str, ...]:
    """Names and addresses under which devices and people reach this server, the first one is the usual."""
    try:
        return msgspec.json.decode(read_private(state_dir / SETTINGS), type=tuple[str, ...])
    except msgspec.DecodeError as error:
        raise Rejected(
            f"{state_dir / SETTINGS} is damaged", remedy="write the names anew: twinspan server authority names"
        ) from error


def issue_leaf(state_dir: Path, now_ns: int) -> Leaf:
    """A new leaf for the saved names, from the current authority, with what devices of the previous one need."""
    authority = load_authority(state_dir, CURRENT)
    key, certificate = make_leaf(authority, load_names(state_dir), now_ns)
    chain = certificate.public_bytes(Encoding.PEM)
    cross = state_dir / CROSS
    if cross.exists():  # first: of two ways up a client tries one, and devices must not be lost
        chain += cross.read_bytes()
    chain += authority.shown
    # Key and chain are one file: no moment at which they do not belong together.
    write_private(state_dir / f"{LEAF}.pem", key + chain)
    return load_leaf(state_dir)


def renew_leaf_if_due(state_dir: Path, now_ns: int) -> bool:
    """Issues a new leaf after two thirds of the old one's life. Whether it did: contexts then need a reload."""
    leaf = load_leaf(state_dir)
    due_ns = leaf.not_before_ns + int((leaf.not_after_ns - leaf.not_before_ns) * RENEW_AFTER)
    if now_ns < due_ns and leaf.names == load_names(state_dir):
        return False
    issue_leaf(state_dir, now_ns)
    return True


def load_leaf(state_dir: Path) -> Leaf:
    """The leaf as it is on disk. Raises Unavailable if there is none."""
    certificate = x509.load_pem_x509_certificate(read_private(state_dir / f"{LEAF}.pem"))
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return Leaf(
        names=tuple(str(name.value) for name in names),
        binding=hashlib.sha256(certificate.public_bytes(Encoding.DER)).digest(),
        not_before_ns=not_before_ns(certificate),
        not_after_ns=not_after_ns(certificate),
    )


def leaf_binding(state_dir: Path) -> bytes:
    """tls-server-end-point of the leaf on disk; a connection is bound to the one that its context had loaded."""
    return load_leaf(state_dir).binding


def authorities(state_dir: Path) -> tuple[str, ...]:
    """PEM of every authority that devices shall trust from now on, the one that issues first."""
    paths = [state_dir / f"{stem}.pem" for stem in (CURRENT, NEXT, PREVIOUS)]
    found = [path.read_text("ascii") for path in paths if path.exists()]
    if not found:
        raise Unavailable(f"{state_dir} has no authority", remedy="make one with: twinspan server init")
    return tuple(found)


def fingerprint(certificate: x509.Certificate) -> str:
    """SHA-256 of the DER, 64 hex digits: what a device pins with `cloud-management server fingerprint`."""
    return hashlib.sha256(certificate.public_bytes(Encoding.DER)).hexdigest()


def fingerprint_of_pem(pem: str) -> str:
    """The same, of one of `authorities`."""
    return fingerprint(x509.load_pem_x509_certificate(pem.encode("ascii")))


class ServerTls:
    """The TLS context of this process, the channel binding that belongs to it, and what devices are told to trust.

    `reload` changes the leaf for connections that begin from then on, without a restart; those that live keep theirs,
    so a connection remembers `binding` as it was when it was accepted.
    """

    def __init__(self, state_dir: Path) -> None:
        self._state_dir = state_dir
        self.context = ssl_context(state_dir)
        self.binding = leaf_binding(state_dir)
        self.announced = authorities(state_dir)
        """PEM of every authority, as of the last look at the disk."""

    def reload(self) -> bool:
        """Takes up what has changed on disk. Whether anything has."""
        binding, announced = leaf_binding(self._state_dir), authorities(self._state_dir)
        if (binding, announced) == (self.binding, self.announced):
            return False
        if binding != self.binding:
            self.context.load_cert_chain(self._state_dir / f"{LEAF}.pem")
        self.binding, self.announced = binding, announced
        return True


def ssl_context(state_dir: Path) -> ssl.SSLContext:
    """For the server's ports: TLS 1.2 or newer, our leaf, client certificates welcome if somebody may issue them."""
    read_private(state_dir / f"{LEAF}.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(state_dir / f"{LEAF}.pem")
    # A resumed TLS session would be bound to the leaf of its first handshake, and SCRAM with it to one that may be
    # gone; the cloud connection has resume tickets of its own. Issuing none also saves two messages per handshake.
    context.num_tickets = 0
    context.options |= ssl.OP_NO_TICKET | ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.set_ciphers("ECDHE+AESGCM:ECDHE+CHACHA20")  # of TLS 1.2; those of 1.3 are all of this kind
    clients = state_dir / CLIENT_AUTHORITY
    if clients.exists():
        context.verify_mode = ssl.CERT_OPTIONAL
        _load_client_authority(context, clients)
    return context


def _load_client_authority(context: ssl.SSLContext, path: Path) -> None:
    try:
        context.load_verify_locations(path)
    except (ssl.SSLError, OSError) as error:
        raise Rejected(f"{path} holds no certificates that can be read", remedy="put PEM certificates there") from error
