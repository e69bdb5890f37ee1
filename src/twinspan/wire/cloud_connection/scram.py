"""SCRAM-SHA-256 (RFC 5802, RFC 7677), mutual and bound to the server's certificate (RFC 5929 tls-server-end-point).

In: passwords, verifiers and messages; nonces are arguments. Out: the next message, or None where the peer's does not
prove what it must. The server keeps a `Verifier` and no password. Next: `device`, `server`.
"""

from __future__ import annotations

import binascii
import hashlib
import hmac

import msgspec

from twinspan.wire.cloud_connection.messages import Verifier

ITERATIONS = 10_000
"""For new verifiers. RFC 7677 asks for 4,096 at least; the device pays it once for each password and salt."""
MIN_ITERATIONS, MAX_ITERATIONS = 4096, 1_000_000
"""What a device accepts from a server: fewer is a downgrade, more is an attack on its processor."""
GS2_BOUND = "p=tls-server-end-point,,"
GS2_PLAIN = "n,,"
"""For the plain diagnostic mode on loopback only, where there is no certificate to bind to."""
MAX_MESSAGE = 1024


def make_verifier(password: str, salt: bytes, iterations: int = ITERATIONS) -> Verifier:
    """What the server stores for `password` (RFC 5802 section 3)."""
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, iterations)
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    return Verifier(
        salt=_b64(salt),
        iterations=iterations,
        stored_key=_b64(hashlib.sha256(client_key).digest()),
        server_key=_b64(hmac.digest(salted, b"Server Key", "sha256")),
    )


def decoy_verifier(serial: str, key: bytes, iterations: int = ITERATIONS) -> Verifier:
    """For a serial that nobody added: the same salt at every attempt, and keys that no password has."""
    # Made at every login, since the answer to a serial that is there must not come sooner; BLAKE2b is quick at it.
    seed = hashlib.blake2b(serial.encode(), key=key, person=b"decoy").digest()
    return Verifier(salt=_b64(seed[:16]), iterations=iterations, stored_key=_b64(seed[:32]), server_key=_b64(seed[32:]))


class ScramClient:
    """The device's half of one exchange."""

    def __init__(self, serial: str, password: str, nonce: str, binding: bytes) -> None:
        self._password, self._nonce = password, nonce
        gs2 = GS2_BOUND if binding else GS2_PLAIN
        self._bare = f"n={_saslname(serial)},r={nonce}"
        self._channel = _b64(gs2.encode() + binding)
        self.first = gs2 + self._bare
        """The client-first-message."""
        self._server_signature = b""

    def final(self, server_first: str) -> str | None:
        """The client-final-message; None if the challenge is not one that a server may send."""
        fields = _fields(server_first)
        nonce, salt = fields.get("r", ""), _unb64(fields.get("s", ""))
        iterations = int(fields["i"]) if fields.get("i", "").isdecimal() and len(fields["i"]) < 8 else 0
        fresh = nonce.startswith(self._nonce) and len(nonce) >= len(self._nonce) + 16
        if not fresh or not salt or not MIN_ITERATIONS <= iterations <= MAX_ITERATIONS:
            return None
        salted = hashlib.pbkdf2_hmac("sha256", self._password.encode(), salt, iterations)
        client_key = hmac.digest(salted, b"Client Key", "sha256")
        without_proof = f"c={self._channel},r={nonce}"
        signed = f"{self._bare},{server_first},{without_proof}".encode()
        signature = hmac.digest(hashlib.sha256(client_key).digest(), signed, "sha256")
        self._server_signature = hmac.digest(hmac.digest(salted, b"Server Key", "sha256"), signed, "sha256")
        return f"{without_proof},p={_b64(_xor(client_key, signature))}"

    def server_proved(self, server_final: str) -> bool:
        """Whether the server knows the verifier: it is the one that the password was set on."""
        proof = _unb64(_fields(server_final).get("v", ""))
        return bool(self._server_signature) and hmac.compare_digest(proof, self._server_signature)


class ClientFirst(msgspec.Struct, frozen=True, kw_only=True):
    """A client-first-message, taken apart."""

    serial: str
    nonce: str
    bare: str
    gs2: str


def parse_client_first(message: str) -> ClientFirst | None:
    """None if it is not one, or not bound as it must be (RFC 5802 section 7)."""
    for gs2 in (GS2_BOUND, GS2_PLAIN):
        if message.startswith(gs2) and len(message) <= MAX_MESSAGE:
            bare = message.removeprefix(gs2)
            fields = _fields(bare)
            nonce, name = fields.get("r", ""), fields.get("n", "")
            if len(nonce) < 16 or not name or "m" in fields:  # RFC 5802 5.1: "m" is an extension nobody knows
                return None
            return ClientFirst(serial=name.replace("=2C", ",").replace("=3D", "="), nonce=nonce, bare=bare, gs2=gs2)
    return None


class ScramServer:
    """The server's half of one exchange."""

    def __init__(self, first: ClientFirst, verifier: Verifier, nonce: str, binding: bytes) -> None:
        self._first, self._verifier = first, verifier
        self._nonce = first.nonce + nonce
        self.challenge = f"r={self._nonce},s={verifier.salt},i={verifier.iterations}"
        """The server-first-message."""
        self._channel = _b64((GS2_BOUND if binding else GS2_PLAIN).encode() + binding)

    def final(self, client_final: str) -> str | None:
        """The server-final-message if the proof holds. Work and time do not depend on what is wrong."""
        without_proof, _, proof_text = client_final.rpartition(",p=")
        signed = f"{self._first.bare},{self.challenge},{without_proof}".encode()
        stored_key = _unb64(self._verifier.stored_key)
        proof = _unb64(proof_text) if len(client_final) <= MAX_MESSAGE else b""
        client_key = _xor(proof.ljust(32, b"\0")[:32], hmac.digest(stored_key, signed, "sha256"))
        proved = hmac.compare_digest(hashlib.sha256(client_key).digest(), stored_key)
        bound = hmac.compare_digest(without_proof.encode(), f"c={self._channel},r={self._nonce}".encode())
        signature = hmac.digest(_unb64(self._verifier.server_key), signed, "sha256")
        return f"v={_b64(signature)}" if proved and bound and len(proof) == 32 else None


def _fields(message: str) -> dict[str, str]:
    return {part[0]: part[2:] for part in message.split(",") if part[1:2] == "="}


def _saslname(name: str) -> str:
    return name.replace("=", "=3D").replace(",", "=2C")


def _xor(left: bytes, right: bytes) -> bytes:
    return (int.from_bytes(left, "big") ^ int.from_bytes(right, "big")).to_bytes(len(right), "big")


def _b64(data: bytes) -> str:
    return binascii.b2a_base64(data, newline=False).decode()


def _unb64(text: str) -> bytes:
    """Empty where it is not Base64."""
    try:
        return binascii.a2b_base64(text.encode(), strict_mode=True)
    except ValueError:  # binascii.Error is one
        return b""
