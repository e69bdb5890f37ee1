"""SCRAM-SHA-256 against the published example, and what it must refuse."""

from __future__ import annotations

import base64

import pytest

from twinspan.wire.cloud_connection.scram import (
    ScramClient,
    ScramServer,
    decoy_verifier,
    make_verifier,
    parse_client_first,
)

BINDING = bytes(range(32))
SALT = b"0123456789abcdef"


def exchange(
    password: str, verifier_password: str = "s3cret", device_binding: bytes = BINDING, server_binding: bytes = BINDING
) -> tuple[ScramClient, str | None]:
    client = ScramClient("SN1", password, "client-nonce-0123", device_binding)
    first = parse_client_first(client.first)
    assert first is not None
    server = ScramServer(first, make_verifier(verifier_password, SALT, 4096), "server-nonce-4567", server_binding)
    final = client.final(server.challenge)
    assert final is not None
    return client, server.final(final)


def test_the_example_of_rfc_7677_gives_its_messages() -> None:
    client = ScramClient("user", "pencil", "rOprNGfwEbeRWgbNEkqO", b"")
    assert client.first == "n,,n=user,r=rOprNGfwEbeRWgbNEkqO"
    verifier = make_verifier("pencil", base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ=="), 4096)
    first = parse_client_first(client.first)
    assert first is not None
    server = ScramServer(first, verifier, "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0", b"")
    assert server.challenge == "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
    final = client.final(server.challenge)
    assert final == (
        "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
    )
    assert server.final(final) == "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="
    assert client.server_proved("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")


def test_both_ends_prove_themselves() -> None:
    client, answer = exchange("s3cret")
    assert answer is not None
    assert client.server_proved(answer)
    assert not client.server_proved("v=" + base64.b64encode(bytes(32)).decode())
    assert not client.server_proved("e=other-error")


def test_a_wrong_password_is_refused() -> None:
    assert exchange("s3cres")[1] is None


def test_a_proof_made_for_another_certificate_is_refused() -> None:
    """Somebody in the middle shows a certificate of their own and passes the messages on."""
    assert exchange("s3cret", device_binding=bytes(32))[1] is None


def test_an_unbound_proof_is_refused_where_there_is_a_certificate() -> None:
    assert exchange("s3cret", device_binding=b"")[1] is None


@pytest.mark.parametrize("damage", ["", ",p=", "c=x", "c=biws,r=x,p=AAAA", "c=biws,r=x,p=" + "A" * 2000])
def test_a_damaged_final_message_is_refused(damage: str) -> None:
    client = ScramClient("SN1", "s3cret", "client-nonce-0123", BINDING)
    first = parse_client_first(client.first)
    assert first is not None
    assert ScramServer(first, make_verifier("s3cret", SALT, 4096), "n" * 16, BINDING).final(damage) is None


@pytest.mark.parametrize(
    "challenge",
    [
        "r=other-nonce-entirely-0000,s=MDEyMw==,i=4096",
        "r=client-nonce-0123,s=MDEyMw==,i=4096",
        "r=client-nonce-0123server-nonce-4567,s=MDEyMw==,i=1",
        "r=client-nonce-0123server-nonce-4567,s=MDEyMw==,i=99999999",
        "r=client-nonce-0123server-nonce-4567,s=,i=4096",
        "",
    ],
    ids=["foreign nonce", "no nonce of the server", "downgrade", "exhaustion", "no salt", "empty"],
)
def test_a_device_does_not_answer_a_challenge_that_no_server_may_send(challenge: str) -> None:
    assert ScramClient("SN1", "s3cret", "client-nonce-0123", BINDING).final(challenge) is None


@pytest.mark.parametrize("text", ["", "n,,", "y,,n=a,r=0123456789abcdef", "n,,n=a,r=short", "n,,r=0123456789abcdef"])
def test_a_first_message_that_is_none_is_told_apart(text: str) -> None:
    assert parse_client_first(text) is None


def test_a_serial_that_nobody_added_gets_the_same_salt_every_time_and_no_password_opens_it() -> None:
    decoy = decoy_verifier("SN9", b"k" * 32)
    assert decoy == decoy_verifier("SN9", b"k" * 32)
    assert decoy.salt != decoy_verifier("SN8", b"k" * 32).salt
    client = ScramClient("SN9", "", "client-nonce-0123", BINDING)
    first = parse_client_first(client.first)
    assert first is not None
    server = ScramServer(first, decoy, "server-nonce-4567", BINDING)
    final = client.final(server.challenge)
    assert final is not None
    assert server.final(final) is None
