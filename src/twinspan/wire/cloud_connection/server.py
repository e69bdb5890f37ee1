"""The server's state machine of one connection before its upgrade: authentication, registration.

In: requests (method, path, body), credentials by a look-up that the caller gives, time and randomness. Out: `Answer`
to send, or `RegistrationAsked`: who owns a serial is decided elsewhere, and `accepted` or `refused` makes the answer.
Next: `server.front`, which gives it a socket.

    start --authentication--> challenged --authentication--> admitted --registration--> asked --> (upgrade)
      \\--registration with a resume ticket------------------------------------------/
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Callable
from typing import Literal, TypeVar

import msgspec

from twinspan.wire.cloud_connection import ticket as tickets
from twinspan.wire.cloud_connection.messages import (
    AUTHENTICATION_PATH,
    REGISTRATION_PATH,
    VERSIONS,
    AuthenticationChallenge,
    AuthenticationProof,
    AuthenticationRequest,
    AuthenticationSuccess,
    Failure,
    RegistrationRequest,
    RegistrationResponse,
    ResumeGrant,
    Verifier,
    encode,
    why_not,
)
from twinspan.wire.cloud_connection.scram import ScramServer, decoy_verifier, parse_client_first

T = TypeVar("T", bound=msgspec.Struct)
RANDOM_BYTES = 32
"""Of randomness that each request needs."""


class Credential(msgspec.Struct, frozen=True, kw_only=True):
    """What the server knows of a serial's proof."""

    kind: Literal["password", "token", "certificate"]
    verifier: Verifier | None = None
    resume_id: str = ""
    """Id of the resume ticket given out last: any other is spent."""


class LoginKeys(msgspec.Struct, frozen=True, kw_only=True):
    """Keys of the server, the same after a restart."""

    decoy: bytes
    resume: bytes


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """An HTTP response. `close`: the connection ends after it."""

    status: int
    body: bytes
    retry_after_s: float | None = None
    close: bool = False


class RegistrationAsked(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who has proved to be `request.serial` wants to be registered."""

    request: RegistrationRequest
    by: Literal["password", "token", "certificate", "resume"]
    version: int


_authentication = msgspec.json.Decoder(AuthenticationRequest)
_proof = msgspec.json.Decoder(AuthenticationProof)
_registration = msgspec.json.Decoder(RegistrationRequest)


class ServerLogin:
    """One connection. `binding`: tls-server-end-point of the certificate shown, empty on a plain connection.

    `certificate_serials`: serials in the verified client certificate, if there is one.
    """

    def __init__(
        self,
        find: Callable[[str], Credential | None],
        keys: LoginKeys,
        binding: bytes,
        certificate_serials: frozenset[str] = frozenset(),
        versions: tuple[int, ...] = VERSIONS,
    ) -> None:
        self._find, self._keys, self._binding = find, keys, binding
        self._certificate_serials, self._versions = certificate_serials, versions
        self._scram: ScramServer | None = None
        self._request: AuthenticationRequest | None = None
        self._admitted: RegistrationAsked | None = None
        self._by: Literal["password", "token", "certificate"] | None = None
        self._credential: Credential | None = None
        self._session = ""
        self._version = 0
        self._resumed: tuple[str, str, bytes] | None = None
        self._asked: RegistrationAsked | None = None

    @property
    def serial(self) -> str:
        """Who it says it is; proved only once registration is asked."""
        return self._request.serial if self._request else self._asked.request.serial if self._asked else ""

    @property
    def credential(self) -> Credential | None:
        """As `find` gave it for the serial, which may not be proved yet."""
        return self._credential

    def receive(self, path: str, body: bytes, now_ns: int, random: bytes) -> Answer | RegistrationAsked:
        """A POST request. `random`: `RANDOM_BYTES` fresh bytes."""
        if path == AUTHENTICATION_PATH:
            if self._by is not None or self._asked is not None:
                return _failure(409, "sequence", "this connection is authenticated already", close=True)
            if self._scram is not None:
                return self._finish_scram(body, now_ns, random)
            return self._authenticate(body, now_ns, random)
        if path == REGISTRATION_PATH and self._asked is None:
            return self._register(body, now_ns)
        return _failure(404 if path != REGISTRATION_PATH else 409, "sequence", "not now, or no such path", close=True)

    def accepted(
        self, url: str, epoch: int, now_ns: int, grant_id: str, *, credential_id: str = "", note: str = ""
    ) -> Answer:
        """The registration response. `grant_id`: id of the new resume ticket; empty for none."""
        assert self._asked is not None
        request, message = self._asked.request, None
        if self._resumed is not None:
            ticket, nonce, key = self._resumed
            message = tickets.server_proof(ticket, nonce, key, self._binding)
        response = RegistrationResponse(
            version=self._version,
            url=url,
            epoch=epoch,
            server_time_ns=now_ns,
            resume=self._grant(request.serial, grant_id, credential_id or self._credential_id(), now_ns),
            message=message,
            note=note,
        )
        return Answer(status=200, body=encode(response))

    def refused(
        self, reason: str, detail: str, *, retry_after_s: float | None = None, status: int = 403, again: bool = False
    ) -> Answer:
        """No registration. `again`: the same connection may ask once more."""
        if again:
            self._asked = None
        return _failure(status, reason, detail, retry_after_s=retry_after_s, close=not again)

    # ---------------------------------------------------------------------------------------------------- steps

    def _authenticate(self, body: bytes, now_ns: int, random: bytes) -> Answer:
        request = _decode(_authentication, body)
        if isinstance(request, str):
            return _failure(400, "protocol", request, close=True)
        version = _common(request.versions, self._versions)
        if version is None:
            spoken = ", ".join(map(str, self._versions))
            return _failure(426, "version", f"this server speaks version {spoken}", close=True)
        self._version, self._request = version, request
        credential = self._find(request.serial)
        self._credential = credential
        if request.method == "certificate":
            shown = request.serial in self._certificate_serials
            if shown and credential is not None and credential.kind == "certificate":
                return self._success("certificate", None, now_ns, random)
            return _not_admitted()
        first = parse_client_first(request.message or "")
        if first is None or first.serial != request.serial:
            return _failure(400, "protocol", "message: no SCRAM client-first-message of this serial", close=True)
        known = credential is not None and credential.kind == request.method
        verifier = credential.verifier if known and credential is not None else None
        decoy = decoy_verifier(request.serial, self._keys.decoy)
        self._scram = ScramServer(first, verifier or decoy, base64.b64encode(random[:18]).decode(), self._binding)
        return Answer(status=200, body=encode(AuthenticationChallenge(message=self._scram.challenge)))

    def _finish_scram(self, body: bytes, now_ns: int, random: bytes) -> Answer:
        assert self._scram is not None
        assert self._request is not None
        scram, self._scram = self._scram, None
        proof = _decode(_proof, body)
        if isinstance(proof, str):
            return _failure(400, "protocol", proof, close=True)
        final = scram.final(proof.message)
        if final is None:
            return _not_admitted()
        return self._success("token" if self._request.method == "token" else "password", final, now_ns, random)

    def _success(
        self, by: Literal["password", "token", "certificate"], message: str | None, now_ns: int, random: bytes
    ) -> Answer:
        self._by, self._session = by, random[:16].hex()
        success = AuthenticationSuccess(
            version=self._version, session=self._session, message=message, server_time_ns=now_ns
        )
        return Answer(status=200, body=encode(success))

    def _register(self, body: bytes, now_ns: int) -> Answer | RegistrationAsked:
        request = _decode(_registration, body)
        if isinstance(request, str):
            return _failure(400, "protocol", request, close=True)
        if request.resume is not None and self._by is None:
            return self._resume(request, now_ns)
        same = self._request is not None and (request.serial, request.boot_id) == (
            self._request.serial,
            self._request.boot_id,
        )
        if self._by is None or not same or not hmac.compare_digest(request.session or "", self._session):
            return _failure(401, "session", "authenticate first, on this connection", close=True)
        self._asked = RegistrationAsked(request=request, by=self._by, version=self._version)
        return self._asked

    def _resume(self, request: RegistrationRequest, now_ns: int) -> Answer | RegistrationAsked:
        """A refusal here leaves the connection open: the full authentication may follow on it."""
        asked = request.resume
        version = _common(request.versions, self._versions)
        assert asked is not None
        ticket = tickets.open_resume_ticket(asked.ticket, self._keys.resume, now_ns)
        key = tickets.resume_key(asked.ticket, self._keys.resume)
        proved = hmac.compare_digest(
            tickets.resume_proof(asked.ticket, asked.nonce, key, self._binding).encode(), asked.proof.encode()
        )
        credential = self._find(request.serial)
        fresh = (
            ticket is not None
            and credential is not None
            and ticket.serial == request.serial
            and ticket.id == credential.resume_id
            and ticket.credential_id == _credential_id(credential)
        )
        if not (proved and fresh) or version is None:
            return _failure(401, "ticket", "authenticate in full")
        self._version, self._credential = version, credential
        self._resumed = (asked.ticket, asked.nonce, key)
        self._asked = RegistrationAsked(request=request, by="resume", version=version)
        return self._asked

    def _credential_id(self) -> str:
        return _credential_id(self._credential) if self._credential else ""

    def _grant(self, serial: str, grant_id: str, credential_id: str, now_ns: int) -> ResumeGrant | None:
        if not grant_id:
            return None
        expires_ns = now_ns + tickets.RESUME_TTL_NS
        ticket = tickets.seal(
            tickets.ResumeTicket(serial=serial, credential_id=credential_id, id=grant_id, expires_ns=expires_ns),
            self._keys.resume,
        )
        key = tickets.resume_key(ticket, self._keys.resume)
        return ResumeGrant(
            ticket=ticket, key=base64.b64encode(key).decode(), expires_in_s=tickets.RESUME_TTL_NS / 1_000_000_000
        )


def credential_id(kind: str, verifier: Verifier | None) -> str:
    """Changes with the proof: what a resume ticket rests on."""
    return f"{kind}:{verifier.stored_key[:12]}" if verifier else kind


def _credential_id(credential: Credential) -> str:
    return credential_id(credential.kind, credential.verifier)


def _common(theirs: tuple[int, ...], ours: tuple[int, ...]) -> int | None:
    both = set(theirs) & set(ours)
    return max(both) if both else None


def _decode(decoder: msgspec.json.Decoder[T], body: bytes) -> T | str:
    """The value, or what is wrong with the field, never what it holds."""
    try:
        return decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return why_not(error)


def _not_admitted() -> Answer:
    return _failure(
        401, "not_admitted", "the serial number is not added on this server, or its proof is wrong", close=True
    )


def _failure(
    status: int, reason: str, detail: str, *, retry_after_s: float | None = None, close: bool = False
) -> Answer:
    return Answer(
        status=status,
        body=encode(Failure(reason=reason, detail=detail, retry_after_s=retry_after_s)),
        retry_after_s=retry_after_s,
        close=close,
    )
