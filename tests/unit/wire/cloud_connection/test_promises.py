"""What the protocol page promises beyond its steps: versions, equal work for strangers, compatible additions."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

import pytest

from twinspan.model.secret import Secret
from twinspan.wire.cloud_connection import device as device_module
from twinspan.wire.cloud_connection import messages, services
from twinspan.wire.cloud_connection.device import DeviceLogin, Identity, LoginFailed, Proof, Request, Timers, Upgrade
from twinspan.wire.cloud_connection.messages import AUTHENTICATION_PATH, DecodeFailed
from twinspan.wire.cloud_connection.scram import ScramClient, make_verifier
from twinspan.wire.cloud_connection.server import Answer, Credential, LoginKeys, RegistrationAsked, ServerLogin

BINDING, NOW = b"b" * 32, 1_800_000_000_000_000_000
KEYS = LoginKeys(decoy=b"d" * 32, resume=b"r" * 32)
CREDENTIAL = Credential(kind="password", verifier=make_verifier("pw", b"0123456789abcdef"))


def server(versions: tuple[int, ...] = (1,)) -> ServerLogin:
    return ServerLogin(lambda s: CREDENTIAL if s == "SN1" else None, KEYS, BINDING, versions=versions)


def log_in(of_server: tuple[int, ...]) -> Upgrade | LoginFailed:
    login = DeviceLogin(
        Identity(serial="SN1", boot_id="b"),
        Proof(method="password", secret=Secret("pw")),
        None,
        "nonce-of-the-device",
        BINDING,
    )
    end = server(of_server)
    step: Any = login.start((), Timers())
    while isinstance(step, Request):
        answer = end.receive(step.path, step.body, NOW, bytes(32))
        if isinstance(answer, RegistrationAsked):
            answer = end.accepted("wss://s:1/cloud/v1/tunnel?ticket=t", 1, NOW, "")
        step = login.receive(answer.status, answer.body)
    return step


@pytest.mark.parametrize(
    ("of_device", "of_server", "spoken"),
    [
        ((1,), (1,), 1),
        ((1,), (2, 1), 1),  # a server accepts the version before its own
        ((2, 1), (1,), 1),  # and so does a device
        ((3, 2), (2, 1), 2),
        ((3, 2, 1), (3, 2), 3),
        ((3, 2), (1,), None),
        ((1,), (3, 2), None),
    ],
)
def test_the_highest_version_that_both_speak_is_used(
    monkeypatch: pytest.MonkeyPatch, of_device: tuple[int, ...], of_server: tuple[int, ...], spoken: int | None
) -> None:
    monkeypatch.setattr(device_module, "VERSIONS", of_device)
    done = log_in(of_server)
    if spoken is None:
        assert isinstance(done, LoginFailed)
        assert done.reason == "version"
        assert all(str(version) in done.detail for version in of_server)
    else:
        assert isinstance(done, Upgrade)
        assert done.version == spoken


def test_a_field_from_the_future_is_ignored_everywhere() -> None:
    more = {"a_field_of_version_9": {"x": [1]}}
    assert messages.decode_device_message(json.dumps({"type": "keepalive", "sequence": 1, **more}).encode()) == (
        messages.Keepalive(sequence=1)
    )
    assert messages.decode_server_message(json.dumps({"type": "drain", "after_ms": 1, "within_ms": 2, **more})) == (
        messages.Drain(after_ms=1, within_ms=2)
    )
    assert services.decode_service_message(json.dumps({"type": "result-taken", "id": "c", **more})) == (
        services.ResultTaken(id="c")
    )
    scram = ScramClient("SN1", "pw", "nonce-of-the-device", BINDING)
    asked = {"versions": [1], "serial": "SN1", "boot_id": "b", "message": scram.first, **more}
    answer = server().receive(AUTHENTICATION_PATH, json.dumps(asked).encode(), NOW, bytes(32))
    assert isinstance(answer, Answer)
    assert answer.status == 200


def test_a_message_type_from_the_future_is_none() -> None:
    for decode in (messages.decode_device_message, messages.decode_server_message, services.decode_service_message):
        assert isinstance(decode(b'{"type":"of-version-9"}'), DecodeFailed)


def test_a_stranger_costs_the_server_the_same_work_as_somebody_it_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    work: list[str] = []
    digest, sha256 = hmac.digest, hashlib.sha256
    monkeypatch.setattr(hmac, "digest", lambda *a: (work.append("hmac"), digest(*a))[1])
    monkeypatch.setattr(hashlib, "sha256", lambda *a: (work.append("sha256"), sha256(*a))[1])

    def cost(serial: str, password: str) -> list[str]:
        scram, end = ScramClient(serial, password, "nonce-of-the-device", BINDING), server()
        asked = {"versions": [1], "serial": serial, "boot_id": "b", "message": scram.first}
        work.clear()
        challenge = end.receive(AUTHENTICATION_PATH, json.dumps(asked).encode(), NOW, bytes(32))
        first, made = list(work), json.loads(challenge.body)["message"]  # type: ignore[union-attr]
        final = {"message": scram.final(made)}
        work.clear()
        answer = end.receive(AUTHENTICATION_PATH, json.dumps(final).encode(), NOW, bytes(32))
        assert isinstance(answer, Answer)
        assert answer.status == 401
        return first + work

    assert cost("SN1", "wrong") == cost("SN2", "wrong") != []
