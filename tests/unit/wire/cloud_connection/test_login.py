"""Both state machines of the login against each other, and what each must refuse."""

from __future__ import annotations

import msgspec
import pytest

from twinspan.model.secret import Secret
from twinspan.wire.cloud_connection.device import (
    DeviceLogin,
    Identity,
    LoginFailed,
    Proof,
    Request,
    ResumeState,
    Timers,
    Upgrade,
)
from twinspan.wire.cloud_connection.messages import AUTHENTICATION_PATH, REGISTRATION_PATH, Failure, Verifier
from twinspan.wire.cloud_connection.scram import make_verifier
from twinspan.wire.cloud_connection.server import Answer, Credential, LoginKeys, RegistrationAsked, ServerLogin

BINDING = b"b" * 32
KEYS = LoginKeys(decoy=b"d" * 32, resume=b"r" * 32)
NOW = 1_700_000_000_000_000_000
NONCE = "nonce-of-the-device"


class Site:
    """A server's knowledge of one serial, and logins against it."""

    def __init__(self, kind: str = "password") -> None:
        self.credential: Credential | None = Credential(
            kind=kind,  # type: ignore[arg-type]
            verifier=make_verifier("s3cret", b"0123456789abcdef", 4096),
        )
        self.count = 0

    def server(self, **options: object) -> ServerLogin:
        return ServerLogin(
            lambda s: self.credential if s == "SN1" else None,
            KEYS,
            BINDING,
            **options,  # type: ignore[arg-type]
        )

    def login(
        self, device: DeviceLogin, server: ServerLogin | None = None, now_ns: int = NOW
    ) -> tuple[Upgrade | LoginFailed, list[str]]:
        server = server or self.server()
        paths = []
        step: Request | Upgrade | LoginFailed = device.start(("config",), Timers())
        while isinstance(step, Request):
            paths.append(step.path)
            answer = server.receive(step.path, step.body, now_ns, bytes([self.count]) * 32)
            if isinstance(answer, RegistrationAsked):
                self.count += 1
                assert self.credential is not None
                self.credential = msgspec.structs.replace(self.credential, resume_id=f"r{self.count}")
                answer = server.accepted("wss://w1/cloud/v1/tunnel?ticket=t", 7, now_ns, f"r{self.count}")
            step = device.receive(answer.status, answer.body)
        return step, paths


def device(
    password: str = "s3cret",
    serial: str = "SN1",
    resume: ResumeState | None = None,
    binding: bytes = BINDING,
    method: str = "password",
) -> DeviceLogin:
    proof = Proof(method=method, secret=Secret(password))  # type: ignore[arg-type]
    return DeviceLogin(Identity(serial=serial, boot_id="boot-1"), proof, resume, NONCE, binding)


def resumable(site: Site) -> ResumeState:
    done, _ = site.login(device())
    assert isinstance(done, Upgrade)
    assert done.resume is not None
    return done.resume


def test_authentication_then_registration_gives_the_url() -> None:
    done, paths = Site().login(device())
    assert isinstance(done, Upgrade)
    assert (done.url, done.epoch, done.resumed) == ("wss://w1/cloud/v1/tunnel?ticket=t", 7, False)
    assert paths == [AUTHENTICATION_PATH, AUTHENTICATION_PATH, REGISTRATION_PATH]


def test_a_resume_ticket_replaces_the_authentication_and_both_ends_prove_its_key() -> None:
    site = Site()
    done, paths = site.login(device(resume=resumable(site)))
    assert isinstance(done, Upgrade)
    assert done.resumed
    assert paths == [REGISTRATION_PATH]


def test_a_resume_ticket_is_good_once_and_a_spent_one_falls_back_to_the_full_exchange() -> None:
    site = Site()
    first = resumable(site)
    assert site.login(device(resume=first))[1] == [REGISTRATION_PATH]
    done, paths = site.login(device(resume=first))
    assert isinstance(done, Upgrade)
    assert paths == [REGISTRATION_PATH, AUTHENTICATION_PATH, AUTHENTICATION_PATH, REGISTRATION_PATH]


def test_a_new_password_makes_resume_tickets_worthless() -> None:
    site = Site()
    ticket = resumable(site)
    assert site.credential is not None
    changed = make_verifier("other", b"0123456789abcdef", 4096)
    site.credential = msgspec.structs.replace(site.credential, verifier=changed)
    done, _ = site.login(device(resume=ticket))
    assert isinstance(done, LoginFailed)
    assert done.reason == "not_admitted"


def test_an_expired_resume_ticket_is_refused() -> None:
    site = Site()
    ticket = resumable(site)
    _, paths = site.login(device(resume=ticket), now_ns=NOW + 8 * 24 * 3600 * 10**9)
    assert len(paths) == 4


def test_a_stolen_ticket_without_its_key_is_refused() -> None:
    site = Site()
    stolen = msgspec.structs.replace(resumable(site), key=Secret("AAAA"))
    _, paths = site.login(device(resume=stolen))
    assert len(paths) == 4


def test_an_unknown_serial_and_a_wrong_password_get_the_same_answer() -> None:
    site = Site()
    unknown, _ = site.login(device(serial="SN2"))
    wrong, _ = site.login(device(password="guess"))
    assert isinstance(unknown, LoginFailed)
    assert unknown == wrong
    assert unknown.reason == "not_admitted"


def test_somebody_in_the_middle_with_another_certificate_gets_nowhere() -> None:
    done, _ = Site().login(device(binding=b"x" * 32))
    assert isinstance(done, LoginFailed)


def test_a_server_that_cannot_prove_the_password_is_left() -> None:
    site, login = Site(), device()
    server = site.server()
    step = login.start((), Timers())
    for _ in range(2):
        assert isinstance(step, Request)
        answer = server.receive(step.path, step.body, NOW, bytes(32))
        assert isinstance(answer, Answer)
        body = answer.body
        if b"v=" in body:
            body = body.replace(b"v=", b"v=AAAA")
        step = login.receive(answer.status, body)
    assert step == LoginFailed(step="proof", reason="server_proof", detail="the server does not know the password")


def test_a_server_that_cannot_prove_the_ticket_is_left() -> None:
    site = Site()
    login = device(resume=resumable(site))
    request = login.start((), Timers())
    assert isinstance(request, Request)
    server = site.server()
    assert isinstance(server.receive(request.path, request.body, NOW, bytes(32)), RegistrationAsked)
    answer = server.accepted("wss://evil/", 1, NOW, "x")
    body = answer.body.replace(b'"message":"', b'"message":"AA')
    assert login.receive(200, body) == LoginFailed(
        step="resume", reason="server_proof", detail="the server does not know the ticket"
    )


def test_a_certificate_admits_its_own_serial_only() -> None:
    site = Site("certificate")
    login = DeviceLogin(Identity(serial="SN1", boot_id="b"), Proof(method="certificate"), None, NONCE, BINDING)
    done, _ = site.login(login, site.server(certificate_serials=frozenset({"SN1"})))
    assert isinstance(done, Upgrade)
    login = DeviceLogin(Identity(serial="SN1", boot_id="b"), Proof(method="certificate"), None, NONCE, BINDING)
    refused, _ = site.login(login, site.server(certificate_serials=frozenset({"SN2"})))
    assert isinstance(refused, LoginFailed)


def test_a_one_time_token_brings_the_verifier_of_the_secret_that_replaces_it() -> None:
    site = Site("token")
    mine = Verifier(salt="c2FsdA==", iterations=4096, stored_key="a2V5", server_key="a2V5")
    proof = Proof(method="token", secret=Secret("s3cret"), enrolment=mine)
    login = DeviceLogin(Identity(serial="SN1", boot_id="b"), proof, None, NONCE, BINDING)
    server = site.server()
    step: Request | Upgrade | LoginFailed = login.start((), Timers())
    asked = None
    while asked is None:
        assert isinstance(step, Request)
        answer = server.receive(step.path, step.body, NOW, bytes(32))
        if isinstance(answer, RegistrationAsked):
            asked = answer
        else:
            step = login.receive(answer.status, answer.body)
    assert (asked.by, asked.request.enrolment) == ("token", mine)


def test_a_password_does_not_pass_for_a_token() -> None:
    done, _ = Site("token").login(device(method="password"))
    assert isinstance(done, LoginFailed)


@pytest.mark.parametrize(
    ("path", "body", "reason"),
    [
        (AUTHENTICATION_PATH, b"{}", "protocol"),
        (AUTHENTICATION_PATH, b"\xff\xfe", "protocol"),
        (AUTHENTICATION_PATH, b"[" * 100_000, "protocol"),
        (AUTHENTICATION_PATH, b'{"versions":[99],"serial":"SN1","boot_id":"b"}', "version"),
        (AUTHENTICATION_PATH, b'{"versions":[1],"serial":"S N","boot_id":"b"}', "protocol"),
        (AUTHENTICATION_PATH, b'{"versions":[1],"serial":"SN1","boot_id":"b","message":"x"}', "protocol"),
        (REGISTRATION_PATH, b'{"serial":"SN1","boot_id":"b"}', "session"),
        (REGISTRATION_PATH, b'{"serial":"SN1","boot_id":"b","session":"guess"}', "session"),
        ("/cloud/v1/else", b"{}", "sequence"),
    ],
)
def test_what_is_no_request_of_this_step_is_refused(path: str, body: bytes, reason: str) -> None:
    answer = Site().server().receive(path, body, NOW, bytes(32))
    assert isinstance(answer, Answer)
    assert answer.close
    assert msgspec.json.decode(answer.body, type=Failure).reason == reason
    assert b"S N" not in answer.body


def test_without_a_password_the_device_says_so_and_sends_nothing() -> None:
    login = DeviceLogin(Identity(serial="SN1", boot_id="b"), None, None, NONCE, BINDING)
    failed = login.start((), Timers())
    assert isinstance(failed, LoginFailed)
    assert failed.reason == "no_password"


def test_a_hint_when_to_come_back_reaches_the_device() -> None:
    server, login = Site().server(), device()
    login.start((), Timers())
    answer = server.refused("busy", "a storm", retry_after_s=12, status=503)
    assert login.receive(answer.status, answer.body) == LoginFailed(
        step="authentication", reason="busy", detail="a storm", retry_after_s=12
    )
