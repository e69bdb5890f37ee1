"""X.509: how an authority, a cross certificate and a leaf are made, saved and read (RFC 5280, ECDSA P-256, SHA-256).

In: names, times, an issuer. Out: keys and certificates of `cryptography`. Nothing here knows which authority is the
current one. Next: `authority.py`.
"""

from __future__ import annotations

import datetime
import ipaddress
import re
from pathlib import Path

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from twinspan.model.errors import Rejected
from twinspan.server.key_file import read_private, write_private

AUTHORITY_LIFE = datetime.timedelta(days=3650)
LEAF_LIFE = datetime.timedelta(days=90)
BACKDATE = datetime.timedelta(days=1)
"""A peer whose clock is somewhat behind must not see a certificate of tomorrow."""
MAX_COMMON_NAME = 64
"""RFC 5280 appendix A.1, ub-common-name."""
MAX_DNS_NAME = 253
_DNS_LABEL = r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_DNS_NAME = re.compile(rf"{_DNS_LABEL}(\.{_DNS_LABEL})*")


class Authority(msgspec.Struct, frozen=True, kw_only=True):
    """A certificate that issues others, with its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey
    chain: tuple[x509.Certificate, ...] = ()
    """What leads from it to an authority that others know, for one that is somebody's own; without the last of them."""

    @property
    def shown(self) -> bytes:
        """PEM of what follows the leaf: nothing, where everybody who trusts us has the certificate itself."""
        if self.certificate.issuer == self.certificate.subject:
            return b""
        return b"".join(one.public_bytes(Encoding.PEM) for one in (self.certificate, *self.chain))


def make_authority(now_ns: int) -> Authority:
    """A new one. Its name is its own: while two overlap, a peer must tell them apart."""
    key = ec.generate_private_key(ec.SECP256R1())
    number = x509.random_serial_number()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Twinspan authority {number % 2**32:08x}")])
    certificate = (
        _builder(name, name, now_ns, _moment(now_ns) + AUTHORITY_LIFE)
        .public_key(key.public_key())
        .serial_number(number)
        .add_extension(x509.BasicConstraints(ca=True, path_length=1), critical=True)  # one cross certificate below
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return Authority(certificate=certificate, key=key)


def cross_certify(issuer: Authority, subject: Authority, now_ns: int) -> x509.Certificate:
    """The subject's name and key under the issuer's signature: who trusts the issuer trusts the subject's leaves."""
    end = min(issuer.certificate.not_valid_after_utc, subject.certificate.not_valid_after_utc)
    return (
        _builder(subject.certificate.subject, issuer.certificate.subject, now_ns, end)
        .public_key(subject.key.public_key())
        .serial_number(x509.random_serial_number())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(subject.key.public_key()), critical=False)
        .add_extension(_issuer_key(issuer), critical=False)
        .sign(issuer.key, hashes.SHA256())
    )


def make_leaf(issuer: Authority, names: tuple[str, ...], now_ns: int) -> tuple[bytes, x509.Certificate]:
    """The key as PEM and the certificate of a server that answers to `names` (DNS names and IP addresses)."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0][:MAX_COMMON_NAME])])
    certificate = (
        _builder(subject, issuer.certificate.subject, now_ns, _moment(now_ns) + LEAF_LIFE)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([general_name(name) for name in names]), critical=False)
        .add_extension(_issuer_key(issuer), critical=False)
        .sign(issuer.key, hashes.SHA256())
    )
    return _key_pem(key), certificate


def save_authority(authority: Authority, state_dir: Path, stem: str) -> None:
    """`stem`.key with key and certificate in one, so that they always belong together, then the public `stem`.pem."""
    certificate = authority.certificate.public_bytes(Encoding.PEM)
    chain = b"".join(one.public_bytes(Encoding.PEM) for one in authority.chain)
    write_private(state_dir / f"{stem}.key", _key_pem(authority.key) + certificate + chain)
    write_private(state_dir / f"{stem}.pem", certificate)


def load_authority(state_dir: Path, stem: str) -> Authority:
    """Raises Unavailable if it is not there, Rejected if it is damaged."""
    return _parsed(state_dir / f"{stem}.key", "restore it from a backup")


def read_own_authority(path: Path, now_ns: int) -> Authority:
    """Somebody's own authority: one PEM file with its key, its certificate, and what leads to a known one.

    Raises Rejected with what is wrong with it, Unavailable if it cannot be read.
    """
    authority = _parsed(path, "give one PEM file with the key (EC, without a passphrase) and the certificate")
    certificate = authority.certificate
    try:
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
        signs = certificate.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign
    except x509.ExtensionNotFound:
        constraints, signs = x509.BasicConstraints(ca=False, path_length=None), False
    if not constraints.ca or not signs:
        raise Rejected(
            f"the certificate in {path} may not issue others", remedy="give one with CA:TRUE and keyCertSign"
        )
    life_ns = not_after_ns(certificate) - now_ns
    if not_before_ns(certificate) > now_ns or life_ns < LEAF_LIFE.total_seconds() * 1e9:
        raise Rejected(
            f"the certificate in {path} is not valid now and for {LEAF_LIFE.days} more days",
            remedy="have it renewed first",
        )
    return authority


def _parsed(path: Path, remedy: str) -> Authority:
    data = read_private(path)
    try:
        key = load_pem_private_key(data, password=None)
        certificate, *chain = x509.load_pem_x509_certificates(data)
    except (ValueError, TypeError) as error:
        raise Rejected(f"{path} is damaged", remedy=remedy) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
        raise Rejected(f"{path} holds a key and a certificate that do not belong together", remedy=remedy)
    return Authority(certificate=certificate, key=key, chain=tuple(chain))


def not_before_ns(certificate: x509.Certificate) -> int:
    """Begin of validity on the wall clock."""
    return _nanoseconds(certificate.not_valid_before_utc)


def not_after_ns(certificate: x509.Certificate) -> int:
    """End of validity on the wall clock."""
    return _nanoseconds(certificate.not_valid_after_utc)


def _builder(subject: x509.Name, issuer: x509.Name, now_ns: int, end: datetime.datetime) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer)
    return builder.not_valid_before(_moment(now_ns) - BACKDATE).not_valid_after(end)


def _moment(now_ns: int) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(now_ns // 1_000_000_000, tz=datetime.UTC)


def general_name(name: str) -> x509.DNSName | x509.IPAddress:
    """A DNS name or an IP address as certificates carry it, in its one usual spelling. Raises Rejected otherwise."""
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        pass
    if len(name) > MAX_DNS_NAME or not _DNS_NAME.fullmatch(name):
        raise Rejected(
            f"{name!r} is neither a DNS name nor an IP address", remedy="give DNS names in ASCII form (xn--...)"
        )
    return x509.DNSName(name.lower())


def _issuer_key(issuer: Authority) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key())


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _nanoseconds(moment: datetime.datetime) -> int:
    return int(moment.timestamp()) * 1_000_000_000
