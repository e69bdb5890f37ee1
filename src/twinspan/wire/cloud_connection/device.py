"""The device's state machine of one connection before its upgrade: authentication, registration, the URL.

In: who the device is and what it can prove, then response after response. Out: the next request, the URL to upgrade
to, or why it ended and at which step. Next: `agent.cloud`, which gives it a socket; `liveness` after the upgrade.

    start --registration with a resume ticket------------------------\\
       \\--(or refused) authentication--> challenge --> success --> registration --> Upgrade
"""

from __future__ import annotations

import base64
import hmac
from typing import Literal, TypeVar

import msgspec

from twinspan.model.secret import Secret
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
    Method,
    RegistrationRequest,
    RegistrationResponse,
    Resume,
    Verifier,
    encode,
)
from twinspan.wire.cloud_connection.scram import ScramClient

T = TypeVar("T", bound=msgspec.Struct)
Step = Literal["resume", "authentication", "proof", "registration", "done"]


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """Who the device is."""

    serial: str
    boot_id: str
    platform: str = ""
    module_type: str = ""
    software: str = ""


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """What it can prove it with. `secret`: the password or the one-time token; none for a certificate."""

    method: Method
    secret: Secret | None = None
    enrolment: Verifier | None = None
    """With a token: of the secret that replaces it."""


class ResumeState(msgspec.Struct, frozen=True, kw_only=True):
    """Kept from the last registration."""

    ticket: str
    key: Secret
    """Base64."""


class Timers(msgspec.Struct, frozen=True, kw_only=True):
    """What the device tells the server about its signs of life, in seconds."""

    keepalive_s: float = 180
    ping_s: float = 60
    dead_after_s: float | None = None


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """A POST to send."""

    path: str
    body: bytes


class Upgrade(msgspec.Struct, frozen=True, kw_only=True):
    """Registered: the URL to upgrade to."""

    url: str
    epoch: int
    version: int
    server_time_ns: int
    resume: ResumeState | None
    note: str
    resumed: bool


class LoginFailed(msgspec.Struct, frozen=True, kw_only=True):
    """It ended. `reason` is the server's word, or `server_proof` where the server could not prove itself."""

    step: Step
    reason: str
    detail: str = ""
    retry_after_s: float | None = None


class DeviceLogin:
    """One connection. `nonce` and `boot_id` are random; `binding` is the tls-server-end-point of what was shown."""

    def __init__(
        self,
        identity: Identity,
        proof: Proof | None,
        resume: ResumeState | None,
        nonce: str,
        binding: bytes,
    ) -> None:
        self._identity, self._proof, self._resume = identity, proof, resume
        self._nonce, self._binding = nonce, binding
        self._scram: ScramClient | None = None
        self._session: str | None = None
        self._registration = RegistrationRequest(
            serial=identity.serial,
            boot_id=identity.boot_id,
            platform=identity.platform,
            module_type=identity.module_type,
            software=identity.software,
        )
        self.step: Step = "resume" if resume is not None else "authentication"
        self.server_time_ns = 0

    def start(self, services: tuple[str, ...], timers: Timers, last_down: str = "") -> Request | LoginFailed:
        """The first request."""
        self._registration = msgspec.structs.replace(
            self._registration,
            services=services,
            keepalive_s=timers.keepalive_s,
            ping_s=timers.ping_s,
            dead_after_s=timers.dead_after_s,
            last_down=last_down[:512],
        )
        if self._resume is None:
            return self._authenticate()
        ticket = self._resume.ticket
        proof = tickets.resume_proof(ticket, self._nonce, _key(self._resume), self._binding)
        asked = msgspec.structs.replace(
            self._registration, resume=Resume(ticket=ticket, nonce=self._nonce, proof=proof)
        )
        return Request(path=REGISTRATION_PATH, body=encode(asked))

    def receive(self, status: int, body: bytes) -> Request | Upgrade | LoginFailed:
        """The response to the request sent last."""
        if status != 200:
            return self._failed(body, status)
        if self.step == "authentication" and self._scram is not None:
            return self._answer_challenge(body)
        if self.step in ("authentication", "proof"):
            return self._admitted(body)
        return self._registered(body)

    # ---------------------------------------------------------------------------------------------------- steps

    def _authenticate(self) -> Request | LoginFailed:
        self.step = "authentication"
        if self._proof is None:
            return LoginFailed(step=self.step, reason="no_password", detail="no password is set on this device")
        message = None
        if self._proof.method != "certificate" and self._proof.secret is not None:
            self._scram = ScramClient(self._identity.serial, self._proof.secret.reveal(), self._nonce, self._binding)
            message = self._scram.first
        request = AuthenticationRequest(
            versions=VERSIONS,
            serial=self._identity.serial,
            boot_id=self._identity.boot_id,
            method=self._proof.method,
            message=message,
        )
        return Request(path=AUTHENTICATION_PATH, body=encode(request))

    def _answer_challenge(self, body: bytes) -> Request | LoginFailed:
        challenge = _decode(AuthenticationChallenge, body)
        final = self._scram.final(challenge.message) if challenge is not None and self._scram is not None else None
        if final is None:
            return LoginFailed(step=self.step, reason="server_proof", detail="the challenge is not one to be answered")
        self.step = "proof"
        return Request(path=AUTHENTICATION_PATH, body=encode(AuthenticationProof(message=final)))

    def _admitted(self, body: bytes) -> Request | LoginFailed:
        success = _decode(AuthenticationSuccess, body)
        if success is None:
            return LoginFailed(step=self.step, reason="protocol", detail="no authentication response")
        if self._scram is not None and not self._scram.server_proved(success.message or ""):
            return LoginFailed(step=self.step, reason="server_proof", detail="the server does not know the password")
        if success.version not in VERSIONS:
            return LoginFailed(step=self.step, reason="version", detail=f"the server chose version {success.version}")
        self.step, self._session, self.server_time_ns = "registration", success.session, success.server_time_ns
        asked = msgspec.structs.replace(
            self._registration,
            session=success.session,
            enrolment=self._proof.enrolment if self._proof is not None else None,
        )
        return Request(path=REGISTRATION_PATH, body=encode(asked))

    def _registered(self, body: bytes) -> Upgrade | LoginFailed:
        response = _decode(RegistrationResponse, body)
        if response is None:
            return LoginFailed(step=self.step, reason="protocol", detail="no registration response")
        resumed = self.step == "resume"
        if resumed and self._resume is not None:
            expected = tickets.server_proof(self._resume.ticket, self._nonce, _key(self._resume), self._binding)
            if not hmac.compare_digest(expected.encode(), (response.message or "").encode()):
                return LoginFailed(step=self.step, reason="server_proof", detail="the server does not know the ticket")
        grant = response.resume
        self.step, self.server_time_ns = "done", response.server_time_ns
        return Upgrade(
            url=response.url,
            epoch=response.epoch,
            version=response.version,
            server_time_ns=response.server_time_ns,
            resume=ResumeState(ticket=grant.ticket, key=Secret(grant.key)) if grant else None,
            note=response.note,
            resumed=resumed,
        )

    def _failed(self, body: bytes, status: int) -> Request | LoginFailed:
        failure = _decode(Failure, body)
        if self.step == "resume" and status == 401:
            # The ticket is spent, expired or of another password: prove everything again.
            return self._authenticate()
        if failure is None:
            return LoginFailed(step=self.step, reason="protocol", detail=f"HTTP status {status}")
        return LoginFailed(
            step=self.step, reason=failure.reason, detail=failure.detail[:300], retry_after_s=failure.retry_after_s
        )


def _key(resume: ResumeState) -> bytes:
    """Empty where a server or a torn file left nonsense: the proof then fails, and the full exchange follows."""
    try:
        return base64.b64decode(resume.key.reveal())
    except ValueError:
        return b""


def _decode(kind: type[T], body: bytes) -> T | None:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
