"""Every message of the cloud connection, as typed values.

In: JSON bytes. Out: values, or `DecodeFailed` naming the field. Steps 1 to 4 of the seed are HTTP requests; after the
upgrade messages are text frames: a JSON object each whose `type` says which. A field that a peer does not know is
ignored, so that a newer peer may add one; a field may never change its meaning. Next: `device`, `server`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Literal

import msgspec

VERSIONS: tuple[int, ...] = (1,)
"""Protocol versions spoken here, newest first. A server accepts its own and the one before."""
PREFIX = "/cloud/v1"
AUTHORITY_PATH = f"{PREFIX}/authority"
AUTHENTICATION_PATH = f"{PREFIX}/authentication"
REGISTRATION_PATH = f"{PREFIX}/registration"
TUNNEL_PATH = f"{PREFIX}/tunnel"
SERVICE_PATH = f"{PREFIX}/service"
SUBPROTOCOL = "twinspan.cloud.v1"
MAX_BODY_BYTES = 16 << 10
"""Of a request or response before the upgrade."""
MAX_CONTROL_BYTES = 64 << 10
"""Of a message on the main connection."""
MAX_SERVICE_BYTES = 4 << 20
"""Of a message on a sub-connection: a whole config or report fits many times."""
MAX_SERVICES = 16
"""Sub-connections of one device."""

Serial = Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9._-]+$")]
ServiceName = Annotated[str, msgspec.Meta(min_length=1, max_length=32, pattern=r"^[a-z][a-z0-9-]*$")]
Text = Annotated[str, msgspec.Meta(max_length=512)]
Token = Annotated[str, msgspec.Meta(min_length=1, max_length=1024)]
Url = Annotated[
    str, msgspec.Meta(max_length=2048, pattern=r"^wss?://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?/[!-~]*$")
]
"""What a device opens: it always stays on the server that it logged in to."""

Method = Literal["password", "token", "certificate"]
FailureReason = Literal["not_admitted", "protocol", "version", "busy", "sequence"]
"""`not_admitted` says neither whether the serial exists nor what was wrong with the proof."""
RefusalReason = Literal["incompatible_hardware", "duplicate", "quarantined", "session", "ticket", "busy", "removed"]


class CloseCode:
    """WebSocket close codes of this protocol (private range of RFC 6455 7.4.2)."""

    SUPERSEDED = 4001
    QUARANTINED = 4002
    REMOVED = 4003
    UNBOUND = 4004
    DRAINING = 4005
    PROTOCOL = 4006
    DEAD = 4007
    OVERFLOW = 4008


# --------------------------------------------------------------------------------------------- HTTP, before the upgrade


class AuthenticationRequest(msgspec.Struct, frozen=True, kw_only=True):
    """First request: who it is and which proof it offers (seed 000, step 1)."""

    versions: tuple[int, ...]
    """Protocol versions that the device speaks; the server chooses the highest that both do."""
    serial: Serial
    """The device's serial number, as it was added to the server."""
    boot_id: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    """Made at each start of the machine: the same serial with the same boot-id is the same device returning."""
    method: Method = "password"
    """What it proves itself with."""
    message: Token | None = None
    """`password`, `token`: the SCRAM client-first-message. `certificate`: none."""


class AuthenticationProof(msgspec.Struct, frozen=True, kw_only=True):
    """Second request on the same connection."""

    message: Token
    """The SCRAM client-final-message."""


class AuthenticationChallenge(msgspec.Struct, frozen=True, kw_only=True):
    """Answer to the first request."""

    result: Literal["challenge"] = "challenge"
    """Always this."""
    message: str
    """The SCRAM server-first-message."""


class AuthenticationSuccess(msgspec.Struct, frozen=True, kw_only=True):
    """The seed's success packet."""

    result: Literal["success"] = "success"
    """Always this."""
    version: int
    """The one that the server chose."""
    session: str
    """To be named in the registration, on this connection only."""
    message: str | None = None
    """SCRAM server-final-message: the server's own proof. None with a certificate."""
    server_time_ns: int
    """The server's clock, nanoseconds since 1970."""


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """The seed's failure packet, and every other refusal before the upgrade."""

    result: Literal["failure"] = "failure"
    """Always this."""
    reason: str
    """A word of the table of refusals."""
    detail: str = ""
    """A sentence for people."""
    retry_after_s: float | None = None
    """Come back no sooner, in seconds; none: the device's own backoff. Also as the header `Retry-After`."""


class Verifier(msgspec.Struct, frozen=True, kw_only=True):
    """What a server keeps instead of a password (RFC 5802 section 3)."""

    salt: str
    """Base64, 16 random bytes."""
    iterations: int
    """Of PBKDF2-HMAC-SHA-256."""
    stored_key: str
    """Base64 of StoredKey."""
    server_key: str
    """Base64 of ServerKey."""


class Resume(msgspec.Struct, frozen=True, kw_only=True):
    """Instead of the authentication: a ticket of the last registration, and the proof of its key."""

    ticket: Token
    """As it was granted; to the device it means nothing."""
    nonce: Annotated[str, msgspec.Meta(min_length=16, max_length=64)]
    """Random, new in each request."""
    proof: Annotated[str, msgspec.Meta(min_length=32, max_length=64)]
    """Base64 of HMAC-SHA256(key, ticket ":" nonce ":" channel binding in hex)."""


class RegistrationRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Seed 000, step 3."""

    serial: Serial
    """The one that was authenticated, or that the ticket was granted to."""
    boot_id: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    """As in the authentication."""
    session: str | None = None
    """Of the authentication before it on this connection; none with a ticket."""
    resume: Resume | None = None
    """Instead of an authentication."""
    versions: tuple[int, ...] = VERSIONS
    """Counts with a ticket; otherwise the authentication has settled it."""
    platform: Text = ""
    """Hardware platform, e.g. `M9000-AI-E8`; empty: unknown."""
    module_type: Text = ""
    """Of its service module, e.g. `Blade V firewall module`; empty: unknown."""
    software: Text = ""
    """Name and version, for people."""
    services: Annotated[tuple[ServiceName, ...], msgspec.Meta(max_length=MAX_SERVICES)] = ()
    """Service modules of the device that want a sub-connection."""
    keepalive_s: Annotated[float, msgspec.Meta(ge=0.05, le=600)] = 180
    """So often it sends a keepalive, in seconds."""
    ping_s: Annotated[float, msgspec.Meta(ge=0.05, le=600)] = 60
    """So often it sends a ping on each of its connections, in seconds."""
    dead_after_s: Annotated[float, msgspec.Meta(ge=0.05, le=1800)] | None = None
    """It gives a silent path up after so long, if that is sooner than three keepalives, in seconds."""
    last_down: Text = ""
    """Why the connection before this one ended, as the device saw it."""
    enrolment: Verifier | None = None
    """After a one-time token: the verifier of the secret that the device has made for itself."""


class ResumeGrant(msgspec.Struct, frozen=True, kw_only=True):
    """What the next registration may present. `key` never leaves the TLS connection and the device's state file."""

    ticket: str
    """To be presented as it is, once."""
    key: str
    """Base64, 32 bytes: what the proof is made with."""
    expires_in_s: float
    """Seconds from now."""


class RegistrationResponse(msgspec.Struct, frozen=True, kw_only=True):
    """Seed 000, step 4."""

    result: Literal["success"] = "success"
    """Always this."""
    version: int = 1
    """The one that was settled."""
    url: Url
    """Of the worker that owns the device from now on; its ticket is good once, for 60 s."""
    epoch: int
    """Number of this connection among all of this serial; commands carry it."""
    server_time_ns: int
    """The server's clock, nanoseconds since 1970."""
    resume: ResumeGrant | None = None
    """Replaces the ticket that the device kept before, which is worth nothing from now on."""
    message: str | None = None
    """With a resume: the server's own proof, base64 of HMAC-SHA256(key, "server:" ticket ":" nonce ":" binding)."""
    note: str = ""
    """For people: for example that the hardware is not in the compatibility table."""


# ------------------------------------------------------------------------------------------------ the main connection


class Keepalive(msgspec.Struct, frozen=True, kw_only=True, tag="keepalive", tag_field="type"):
    """Device to server, on its beat."""

    sequence: int
    """Counts up from 1 on each connection."""


class SubconnectionsRequest(msgspec.Struct, frozen=True, kw_only=True, tag="subconnections-request", tag_field="type"):
    """Device to server: URLs for sub-connections, please (seed 000, step 7)."""

    services: tuple[ServiceName, ...] = ()
    """Which; empty: all that were named in the registration. Of more than 16 the first 16 count."""


class UnbindingCode(msgspec.Struct, frozen=True, kw_only=True, tag="unbinding-code", tag_field="type"):
    """Device to server: the verification code that somebody typed on the device."""

    id: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    """Comes back in the answer."""
    code: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    """As it was typed; case, spaces and hyphens do not matter."""


class KeepaliveReply(msgspec.Struct, frozen=True, kw_only=True, tag="keepalive-reply", tag_field="type"):
    """Server to device, at once."""

    sequence: int
    """Of the keepalive that it answers."""
    server_time_ns: int
    """The server's clock, nanoseconds since 1970."""


class ServiceUrl(msgspec.Struct, frozen=True, kw_only=True):
    """Where one sub-connection is opened."""

    service: str
    """Its name."""
    url: Url
    """Good once, for 60 s."""


class Subconnections(msgspec.Struct, frozen=True, kw_only=True, tag="subconnections", tag_field="type"):
    """Server to device: the answer to `subconnections-request`."""

    services: tuple[ServiceUrl, ...]
    """One for each that was asked for and is served here."""
    unknown: tuple[str, ...] = ()
    """Asked for, and not served here."""


class UnbindingResult(msgspec.Struct, frozen=True, kw_only=True, tag="unbinding-result", tag_field="type"):
    """Server to device: what became of the code."""

    id: str
    """Of the `unbinding-code`."""
    accepted: bool
    """The device belongs to nobody now; the server closes with 4004."""
    detail: str = ""
    """A sentence for the person on the device."""


class Drain(msgspec.Struct, frozen=True, kw_only=True, tag="drain", tag_field="type"):
    """Server to device: a planned restart. Close, and come back at a moment of your own."""

    after_ms: int
    """Not sooner, in milliseconds."""
    within_ms: int
    """Width of the range from there that the moment is drawn from, in milliseconds."""


class Authorities(msgspec.Struct, frozen=True, kw_only=True, tag="authorities", tag_field="type"):
    """All authorities whose certificates the servers may show from now on; the device trusts no other.

    Server to device, first on the main connection and when they change; also the body of `GET /cloud/v1/authority`.
    """

    certificates: tuple[str, ...]
    """X.509, PEM; the one that issues first."""


DeviceMessage = Keepalive | SubconnectionsRequest | UnbindingCode
ServerMessage = KeepaliveReply | Subconnections | UnbindingResult | Drain | Authorities


class DecodeFailed(msgspec.Struct, frozen=True, kw_only=True):
    """What came is no such message: which field, and why. Never the value."""

    detail: str


_QUOTED = re.compile(r"'.*'", re.DOTALL)
"""Values stand in such quotes in msgspec's errors, fields in others."""
_device_decoder: msgspec.json.Decoder[DeviceMessage] = msgspec.json.Decoder(DeviceMessage)
_server_decoder: msgspec.json.Decoder[ServerMessage] = msgspec.json.Decoder(ServerMessage)


encode: Callable[[msgspec.Struct], bytes] = msgspec.json.Encoder().encode
"""JSON of any message."""


def decode_device_message(data: str | bytes | memoryview) -> DeviceMessage | DecodeFailed:
    """What a device says on the main connection."""
    try:
        return _device_decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return DecodeFailed(detail=why_not(error))


def decode_server_message(data: str | bytes | memoryview) -> ServerMessage | DecodeFailed:
    """What a server says on the main connection."""
    try:
        return _server_decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return DecodeFailed(detail=why_not(error))


def why_not(error: Exception) -> str:
    """What is wrong with a message, and with which field; never what stands there, which may be a secret."""
    return _QUOTED.sub("...", str(error) or type(error).__name__)[:200]
