"""The parts of docs/reference/cloud-connection.md that follow from the code: tables of messages and limits, examples.

Comes in: the page's text, with a mark `<!-- table: NAME -->` where each part stands. Goes out: the text with those
parts written anew, up to the next `<!-- end -->`. The rest of the page is prose. Next: `generate_reference.py`.
"""

import ast
import base64
import hashlib
import hmac
import inspect
import json
import re
import textwrap
from collections.abc import Callable
from typing import Any, Literal, get_args

import msgspec
from msgspec import inspect as shapes

from twinspan.server import front, hub, worker
from twinspan.wire.cloud_connection import backoff, liveness, messages, scram, services, ticket
from twinspan.wire.cloud_connection.server import Credential, LoginKeys, RegistrationAsked, ServerLogin

PART = re.compile(r"(<!-- (table|example): ([\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)
MESSAGES: dict[str, type[msgspec.Struct]] = {
    cls.__name__: cls
    for module in (messages, services)
    for cls in vars(module).values()
    if isinstance(cls, type) and issubclass(cls, msgspec.Struct) and cls.__module__ == module.__name__
}


def with_parts(text: str) -> str:
    """The page with every marked part as the code has it now. Raises KeyError for a part that nobody makes."""
    return PART.sub(lambda match: match[1] + part(match[2], match[3]) + match[4], text)


def part(kind: str, name: str) -> str:
    """One part by its mark."""
    if kind == "example":
        return EXAMPLES[name]()
    return TABLES[name]() if name in TABLES else message_table(MESSAGES[name])


# ---------------------------------------------------------------------------------------------------------- messages


def message_table(cls: type[msgspec.Struct]) -> str:
    """What a message is, and its fields."""
    told = documented(cls)
    info = shapes.type_info(cls)
    assert isinstance(info, shapes.StructType)
    rows = [f"| `{f.encode_name}` | {_type(f.type)} | {_default(f)} | {told[f.name]} |" for f in info.fields]
    if info.tag is not None:
        rows.insert(0, f"| `type` | `{info.tag}` | **required** | Says which message it is. |")
    about = " ".join((inspect.getdoc(cls) or "").split())
    head = "| field | type and range | default | meaning |\n|---|---|---|---|\n"
    return f"\n{about}\n\n{head}" + "\n".join(rows) + "\n\n"


def documented(cls: type[msgspec.Struct]) -> dict[str, str]:
    """The text under each field. Raises ValueError for a field without one."""
    body = ast.parse(textwrap.dedent(inspect.getsource(cls))).body[0]
    assert isinstance(body, ast.ClassDef)
    found = {}
    for field, below in zip(body.body, [*body.body[1:], ast.Pass()], strict=True):
        if not isinstance(field, ast.AnnAssign) or not isinstance(field.target, ast.Name):
            continue
        value = below.value if isinstance(below, ast.Expr) else None
        if not isinstance(value, ast.Constant):
            raise ValueError(f"{cls.__name__}.{field.target.id} does not say what it means")
        found[field.target.id] = " ".join(str(value.value).split())
    return found


def _type(shape: shapes.Type) -> str:
    if isinstance(shape, shapes.Metadata):
        shape = shape.type
    if isinstance(shape, shapes.UnionType):
        shape = next(t for t in shape.types if not isinstance(t, shapes.NoneType))
    if isinstance(shape, shapes.LiteralType):
        return " \\| ".join(f"`{value}`" for value in shape.values)
    if isinstance(shape, shapes.VarTupleType):
        most = f"at most {shape.max_length} " if shape.max_length else ""
        return f"array: {most}{_type(shape.item_type)}"
    if isinstance(shape, shapes.DictType):
        return "object: text to text"
    if isinstance(shape, shapes.StructType):
        return f"[{shape.cls.__name__}](#{shape.cls.__name__.lower()})"
    return _text_type(shape) if isinstance(shape, shapes.StrType) else _plain_type(shape)


def _plain_type(shape: shapes.Type) -> str:
    if isinstance(shape, shapes.FloatType | shapes.IntType):
        word = "number" if isinstance(shape, shapes.FloatType) else "integer"
        return f"{word}, {shape.ge} to {shape.le}" if shape.ge is not None else word
    return {"BoolType": "boolean", "RawType": "any JSON"}[type(shape).__name__]


def _text_type(shape: shapes.StrType) -> str:
    low, high = shape.min_length or 0, shape.max_length
    length = "" if high is None else f", {low} to {high} characters" if low else f", at most {high} characters"
    pattern = f", `{shape.pattern}`".replace("|", "\\|") if shape.pattern else ""
    return f"text{length}{pattern}"


def _default(field: shapes.Field) -> str:
    if field.default is msgspec.NODEFAULT and field.default_factory is msgspec.NODEFAULT:
        return "**required**"
    value = field.default if field.default is not msgspec.NODEFAULT else field.default_factory()
    if value is None:
        return "none"
    return f"`{json.dumps(value)}`"


# ------------------------------------------------------------------------------------------------- limits and timers


def limits() -> str:
    """What is refused for its size or number."""
    rows = (
        ("header of a request", f"{front.MAX_HEADER_BYTES} bytes", "431"),
        ("body of a request before the upgrade", f"{messages.MAX_BODY_BYTES} bytes", "413"),
        ("body of a response before the upgrade", f"{messages.MAX_BODY_BYTES} bytes", "the device goes"),
        ("TLS handshake", f"{worker.TLS_HANDSHAKE_S:g} s", "cut off"),
        ("from TLS to the upgrade", f"{hub.LOGIN_LIMIT_NS // 10**9} s", "cut off"),
        ("connections of one worker that are not upgraded", str(hub.MAX_LOGINS), "the oldest is cut off"),
        ("message on the main connection", f"{messages.MAX_CONTROL_BYTES} bytes", "close 1009"),
        ("message on a sub-connection", f"{messages.MAX_SERVICE_BYTES} bytes", "close 1009"),
        ("services in one request", str(messages.MAX_SERVICES), "400 in a registration; else the first count"),
        ("SCRAM message", f"{scram.MAX_MESSAGE} characters", "400, 401"),
        ("SCRAM iterations that a device accepts", f"{scram.MIN_ITERATIONS} to {scram.MAX_ITERATIONS}", "it goes"),
        ("iterations of an enrolled verifier", str(scram.ITERATIONS), "400"),
    )
    head = "\n| what | limit | past it |\n|---|---|---|\n"
    return head + "\n".join(f"| {what} | {limit} | {past} |" for what, limit, past in rows) + "\n\n"


def timers() -> str:
    """What happens when."""
    fields = {f.name: f.default for f in msgspec.structs.fields(messages.RegistrationRequest)}
    policy = backoff.DEFAULT
    rows = (
        ("keepalive interval", f"{fields['keepalive_s']} s", "device"),
        ("keepalives without an answer until the path is dead", str(liveness.KEEPALIVES_LOST), "device"),
        ("ping interval, on every connection", f"{fields['ping_s']} s", "device"),
        ("life of a ticket in a URL", f"{ticket.URL_TTL_NS // 10**9} s", "server"),
        ("life of a resume ticket", f"{ticket.RESUME_TTL_NS // 10**9 // 86400} days", "server"),
        ("first wait after a loss", f"0 to {policy.fast_s:g} s", "device"),
        (
            "wait after n failed rounds",
            f"{policy.floor_s:g} s to {policy.base_s:g} s · 2ⁿ, at most {policy.cap_s:g} s",
            "device",
        ),
        ("wait between two servers of a round", f"0 to {policy.fast_s:g} s", "device"),
        ("so long up counts as a success", f"{policy.stable_s:g} s", "device"),
        ("longest wish of a server that is followed", f"{policy.longest_hint_s:g} s", "device"),
    )
    head = "\n| timer | value | who |\n|---|---|---|\n"
    return head + "\n".join(f"| {what} | {value} | {who} |" for what, value, who in rows) + "\n\n"


CLOSE_CODES: dict[str, tuple[str, str]] = {
    "SUPERSEDED": (
        "a newer connection of this device, or of this service, took over",
        "if it did not open the newer one itself: backs off, then comes back",
    ),
    "QUARANTINED": ("several devices with this serial have pushed each other out", "come back after `retry_after_s`"),
    "REMOVED": ("the serial was removed from the server, or has another password", "authenticate anew"),
    "UNBOUND": ("the device was unbound from its account", "authenticate anew, once somebody has added it"),
    "DRAINING": ("the server restarts", "come back, a random moment later"),
    "PROTOCOL": ("a message that is none of this protocol", "mend the device"),
    "DEAD": ("the other end is silent, or the main connection has gone", "connect anew"),
    "OVERFLOW": ("what is sent is not read", "read faster; connect anew"),
}


def close_codes() -> str:
    """Why a WebSocket ends."""
    rows = [f"| {getattr(messages.CloseCode, name)} | {why} | {duty} |" for name, (why, duty) in CLOSE_CODES.items()]
    return "\n| code | why | the device |\n|---|---|---|\n" + "\n".join(rows) + "\n\n"


def words() -> str:
    """Values that several messages share."""
    sets: tuple[tuple[str, Any], ...] = (("`reason` of a failed authentication", messages.FailureReason),)
    sets += (("`reason` of a refused registration", messages.RefusalReason), ("`outcome`", services.Outcome))
    sets += (("`state` of a config that was tried", services.TriedState),)
    return "\n" + "\n".join(f"- {name}: {', '.join(f'`{v}`' for v in get_args(kind))}" for name, kind in sets) + "\n\n"


TABLES: dict[str, Callable[[], str]] = {
    "limits": limits,
    "timers": timers,
    "close-codes": close_codes,
    "words": words,
}

# ---------------------------------------------------------------------------------------------------------- examples

SERIAL, PASSWORD, BINDING = "SN1", "correct-horse", bytes(range(32))
CLIENT_NONCE, SALT, RANDOM = "Zm9yLXRoZS1leGFtcGxl", b"salt-of-example!", b"randomness-of-the-server-32-byte"
NOW_NS = 1_800_000_000_000_000_000


def scram_example() -> str:
    """One exchange with every number on the way, made by the code of both ends and checked against it."""
    verifier = scram.make_verifier(PASSWORD, SALT)
    client = scram.ScramClient(SERIAL, PASSWORD, CLIENT_NONCE, BINDING)
    first = scram.parse_client_first(client.first)
    assert first is not None
    server = scram.ScramServer(first, verifier, base64.b64encode(RANDOM[:18]).decode(), BINDING)
    final = client.final(server.challenge)
    assert final is not None
    outcome = server.final(final)
    assert outcome is not None
    assert client.server_proved(outcome)
    salted = hashlib.pbkdf2_hmac("sha256", PASSWORD.encode(), SALT, scram.ITERATIONS)
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    lines = (
        ("serial, password", f"{SERIAL}, {PASSWORD}"),
        ("binding", BINDING.hex()),
        ("client-first-message", client.first),
        ("server-first-message", server.challenge),
        ("SaltedPassword", salted.hex()),
        ("ClientKey", client_key.hex()),
        ("StoredKey", hashlib.sha256(client_key).hexdigest()),
        ("ServerKey", hmac.digest(salted, b"Server Key", "sha256").hex()),
        ("AuthMessage", f"{first.bare},{server.challenge},{final.rpartition(',p=')[0]}"),
        ("client-final-message", final),
        ("server-final-message", outcome),
    )
    return _listing(lines)


def resume_example() -> str:
    """A ticket's two proofs."""
    text, nonce, key = "eyJ0aWNrZXQiOjF9.c2lnbmF0dXJl", CLIENT_NONCE, bytes(range(32, 64))
    binding = BINDING
    lines = (
        ("key (from Base64)", key.hex()),
        ("ticket", text),
        ("nonce", nonce),
        ("binding", binding.hex()),
        ("signed by the device", f"{text}:{nonce}:{binding.hex()}"),
        ("proof", ticket.resume_proof(text, nonce, key, binding)),
        ("signed by the server", f"server:{text}:{nonce}:{binding.hex()}"),
        ("message", ticket.server_proof(text, nonce, key, binding)),
    )
    return _listing(lines)


def login_example() -> str:
    """The bodies of one login, as both ends send them."""
    verifier = scram.make_verifier(PASSWORD, SALT)
    client = scram.ScramClient(SERIAL, PASSWORD, CLIENT_NONCE, BINDING)
    credential = Credential(kind="password", verifier=verifier)
    server = ServerLogin(lambda _: credential, LoginKeys(decoy=b"d" * 32, resume=b"r" * 32), BINDING)
    asked: dict[str, object] = {"versions": [1], "serial": SERIAL, "boot_id": "b1", "message": client.first}
    said = []
    for path in (messages.AUTHENTICATION_PATH, messages.AUTHENTICATION_PATH, messages.REGISTRATION_PATH):
        answer = server.receive(path, json.dumps(asked).encode(), NOW_NS, RANDOM)
        if isinstance(answer, RegistrationAsked):
            url = f"wss://cloud.example:19443{messages.TUNNEL_PATH}?ticket=..."
            answer = server.accepted(url, 1, NOW_NS, "")
        body = json.loads(answer.body)
        said += [f"> POST {path}", f"> {json.dumps(asked)}", f"< {answer.status}", f"< {json.dumps(body)}", ""]
        if body.get("result") == "challenge":
            asked = {"message": client.final(body["message"])}
        else:
            asked = {"serial": SERIAL, "boot_id": "b1", "session": body.get("session"), "services": ["diagnostics"]}
    return "\n```\n" + "\n".join(said).rstrip() + "\n```\n\n"


def _listing(lines: tuple[tuple[str, str], ...]) -> str:
    return "\n```\n" + "\n".join(f"{name + ':':<22} {value}" for name, value in lines) + "\n```\n\n"


EXAMPLES: dict[Literal["scram", "resume", "login"] | str, Callable[[], str]] = {
    "scram": scram_example,
    "resume": resume_example,
    "login": login_example,
}
