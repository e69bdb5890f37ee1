"""No bytes from the network break a decoder, and what is refused is never repeated in the refusal."""

from __future__ import annotations

import json
from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinspan.model.secret import Secret
from twinspan.wire.cloud_connection import messages, services, ticket
from twinspan.wire.cloud_connection.assembly import Assembler
from twinspan.wire.cloud_connection.device import (
    DeviceLogin,
    Identity,
    LoginFailed,
    Proof,
    ResumeState,
    Timers,
    Upgrade,
)
from twinspan.wire.cloud_connection.messages import AUTHENTICATION_PATH, REGISTRATION_PATH, DecodeFailed
from twinspan.wire.cloud_connection.scram import ScramClient, ScramServer, make_verifier, parse_client_first
from twinspan.wire.cloud_connection.server import Answer, Credential, LoginKeys, ServerLogin

KEY, NOW = b"k" * 32, 1_800_000_000_000_000_000
VERIFIER = make_verifier("pw", b"0123456789abcdef", 4096)
DECODERS: list[Callable[[bytes], object]] = [
    messages.decode_device_message,
    messages.decode_server_message,
    services.decode_service_message,
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
)
KINDS = [
    "keepalive",
    "subconnections-request",
    "unbinding-code",
    "authorities",
    "drain",
    "command",
    "report",
    "cli-data",
]
FIELDS = ["sequence", "services", "id", "code", "epoch", "ttl_ms", "name", "arguments", "report", "session", "text"]
NEARLY = st.builds(
    lambda kind, fields: json.dumps({"type": kind, **fields}).encode(),
    st.sampled_from(KINDS) | st.text(),
    st.dictionaries(st.sampled_from(FIELDS), JSON),
)
SURROGATES = st.text(alphabet=st.characters(min_codepoint=0, max_codepoint=0x10FFFF, exclude_categories=()))


@pytest.mark.parametrize("decode", DECODERS)
@given(data=st.binary() | NEARLY)
def test_any_bytes_are_a_message_or_a_reason(decode: Callable[[bytes], object], data: bytes) -> None:
    found = decode(data)
    if isinstance(found, DecodeFailed):
        assert 0 < len(found.detail) <= 200
    else:
        assert isinstance(found, msgspec.Struct)
        assert decode(messages.encode(found)) == found


@pytest.mark.parametrize("decode", DECODERS)
@pytest.mark.parametrize("data", [b"[" * 200_000, b'{"a":' * 200_000, b'"' + b"\\u0000" * 50_000, b"1" * 100_000])
def test_depth_and_length_without_end_are_a_reason(decode: Callable[[bytes], object], data: bytes) -> None:
    assert isinstance(decode(data), DecodeFailed)


@given(
    decode=st.sampled_from(DECODERS), kind=st.sampled_from(KINDS), field=st.sampled_from([*FIELDS, "type", "outcome"])
)
def test_a_refusal_names_the_field_and_never_the_value(
    decode: Callable[[bytes], object], kind: str, field: str
) -> None:
    for value in ("s3cret-value", ["s3cret-value"], {"s3cret-value": "s3cret-value"}):
        found = decode(json.dumps({"type": kind, field: value}).encode())
        if isinstance(found, DecodeFailed):
            assert "s3cret" not in found.detail


@given(text=st.text() | SURROGATES)
def test_no_text_is_a_ticket_of_ours(text: str) -> None:
    assert ticket.open_url_ticket(text, KEY, NOW) is None
    assert ticket.open_resume_ticket(text, KEY, NOW) is None


@given(data=st.data())
def test_a_ticket_has_one_spelling_and_one_kind(data: st.DataObject) -> None:
    url = ticket.UrlTicket(kind="service", serial="SN1", epoch=1, service="log", worker="w", id="i", expires_ns=NOW + 1)
    resume = ticket.ResumeTicket(serial="SN1", credential_id="c", id="i", expires_ns=NOW + 1)
    sealed = data.draw(st.sampled_from([ticket.seal(url, KEY), ticket.seal(resume, KEY)]))
    place = data.draw(st.integers(0, len(sealed)))
    put = data.draw(st.text(max_size=2))
    changed = sealed[:place] + put + sealed[place + data.draw(st.integers(0, 2)) :]
    opened = ticket.open_url_ticket(changed, KEY, NOW), ticket.open_resume_ticket(changed, KEY, NOW)
    if changed == sealed:
        assert sorted(map(repr, opened)) == sorted(map(repr, (None, url if opened[0] else resume)))
    else:
        assert opened == (None, None)


@given(first=st.text() | SURROGATES, final=st.text() | SURROGATES, bound=st.booleans())
def test_no_scram_message_breaks_either_end(first: str, final: str, bound: bool) -> None:
    binding = b"b" * 32 if bound else b""
    parsed = parse_client_first(first)
    assert parsed is None or len(parsed.nonce) >= 16
    client = ScramClient("SN1", "pw", "nonce-of-the-device", binding)
    known = parse_client_first(client.first)
    assert known is not None
    server = ScramServer(known, VERIFIER, "nonce-of-the-server", binding)
    assert server.final(final) is None
    assert client.final(first) is None
    assert not client.server_proved(final)


REQUESTS = st.dictionaries(
    st.sampled_from(["versions", "serial", "boot_id", "method", "message", "session", "resume", "services"]),
    JSON
    | st.sampled_from(["SN1", [1], "password", "certificate", {"ticket": "t", "nonce": "n" * 16, "proof": "p" * 40}]),
)


@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from([AUTHENTICATION_PATH, REGISTRATION_PATH, "/"]),
            st.binary(max_size=64) | REQUESTS.map(lambda fields: json.dumps(fields).encode()),
        ),
        max_size=6,
    )
)
def test_no_order_of_requests_registers_anybody_without_a_proof(steps: list[tuple[str, bytes]]) -> None:
    credential = Credential(kind="password", verifier=VERIFIER, resume_id="r")
    server = ServerLogin(lambda s: credential if s == "SN1" else None, LoginKeys(decoy=KEY, resume=KEY), b"b" * 32)
    for path, body in steps:
        answer = server.receive(path, body, NOW, bytes(32))
        assert isinstance(answer, Answer)
        assert json.loads(answer.body)["result"] in ("challenge", "failure")


@given(answers=st.lists(st.tuples(st.sampled_from([200, 401, 403, 503, 101]), st.binary() | JSON.map(json.dumps))))
def test_no_answer_breaks_a_device_or_makes_it_believe_a_server_without_a_proof(
    answers: list[tuple[int, bytes | str]],
) -> None:
    resume = ResumeState(ticket="t", key=Secret("no Base64 at all"))
    proof = Proof(method="password", secret=Secret("pw"))
    login = DeviceLogin(Identity(serial="SN1", boot_id="b"), proof, resume, "nonce-of-the-device", b"b" * 32)
    login.start(("log",), Timers())
    for status, body in answers:
        found = login.receive(status, body if isinstance(body, bytes) else body.encode("utf-8", "replace"))
        assert not isinstance(found, Upgrade)
        if isinstance(found, LoginFailed):
            break


@given(frames=st.lists(st.tuples(st.sampled_from([0, 1, 2]), st.booleans(), st.binary(max_size=40)), max_size=12))
def test_frames_in_any_order_are_messages_within_the_limit_or_a_close_code(
    frames: list[tuple[int, bool, bytes]],
) -> None:
    assembler = Assembler(100)
    sent = b""
    for kind, fin, payload in frames:
        sent += payload
        found = assembler.receive(kind, fin, payload)
        if isinstance(found, int):
            assert found in (1002, 1007, 1009)
            return
        if found is not None:
            assert found[1] == sent
            assert len(sent) <= 100
            sent = b""
