"""The server's authority: real handshakes in memory, renewal, and a rotation that no device has to be visited for."""

from __future__ import annotations

import hashlib
import ssl
import stat
import time
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from twinspan.model.errors import Rejected, Unavailable
from twinspan.server import rotation
from twinspan.server.authority import (
    CLIENT_AUTHORITY,
    ServerTls,
    authorities,
    create_authority,
    fingerprint_of_pem,
    leaf_binding,
    load_leaf,
    load_names,
    renew_leaf_if_due,
    save_names,
)
from twinspan.server.certificate import Authority, cross_certify, load_authority, make_authority, save_authority

DAY = 24 * 3600 * 1_000_000_000
NAMES = ("Cloud.Example", "127.0.0.1", "2001:DB8::1")


@pytest.fixture
def now() -> int:
    """A real clock's time: OpenSSL judges validity with its own."""
    return time.time_ns()


@pytest.fixture
def state_dir(tmp_path: Path, now: int) -> Path:
    create_authority(tmp_path / "state", NAMES, now - 61 * DAY)
    return tmp_path / "state"


def handshake(server: ssl.SSLContext, client: ssl.SSLContext, name: str = "cloud.example") -> ssl.SSLObject:
    """A whole handshake without sockets; raises what the client would."""
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    one = client.wrap_bio(to_client, to_server, server_hostname=name)
    other = server.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(4):
        for side in (one, other):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    return one


def trusting(pems: tuple[str, ...]) -> ssl.SSLContext:
    return ssl.create_default_context(cadata="".join(pems))


def shown(server: ServerTls, pems: tuple[str, ...]) -> bytes:
    """SHA-256 of the certificate that a device sees, in other words its channel binding."""
    der = handshake(server.context, trusting(pems)).getpeercert(binary_form=True)
    assert der is not None
    return hashlib.sha256(der).digest()


def test_a_device_that_trusts_the_authority_accepts_every_name_and_address(state_dir: Path) -> None:
    server = ServerTls(state_dir)
    for name in ("cloud.example", "127.0.0.1", "2001:db8::1"):
        assert handshake(server.context, trusting(authorities(state_dir)), name).version() == "TLSv1.3"


def test_another_name_is_refused(state_dir: Path) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        handshake(ServerTls(state_dir).context, trusting(authorities(state_dir)), "other.example")


def test_another_authority_is_not_trusted(state_dir: Path, tmp_path: Path, now: int) -> None:
    create_authority(tmp_path / "rogue", NAMES, now)
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(ServerTls(tmp_path / "rogue").context, trusting(authorities(state_dir)))


def test_the_channel_binding_is_the_hash_of_the_leaf_that_is_shown(state_dir: Path) -> None:
    server = ServerTls(state_dir)
    assert shown(server, authorities(state_dir)) == server.binding == leaf_binding(state_dir)


def test_tls_1_2_works_and_1_1_does_not(state_dir: Path) -> None:
    server = ServerTls(state_dir)
    old = trusting(authorities(state_dir))
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    assert handshake(server.context, old).version() == "TLSv1.2"
    assert server.context.minimum_version == ssl.TLSVersion.TLSv1_2


def test_everything_is_p_256_and_lives_as_long_as_said(state_dir: Path, now: int) -> None:
    leaf = load_leaf(state_dir)
    assert leaf.names == ("cloud.example", "127.0.0.1", "2001:db8::1")
    assert (leaf.not_after_ns - now) // DAY in (28, 29)
    certificate = x509.load_pem_x509_certificate(authorities(state_dir)[0].encode())
    key = certificate.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert key.curve.name == "secp256r1"
    assert (certificate.not_valid_after_utc - certificate.not_valid_before_utc).days == 3651


def test_files_are_the_owners_alone(state_dir: Path) -> None:
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in state_dir.iterdir()}
    assert set(modes.values()) == {0o600}
    assert stat.S_IMODE(state_dir.stat().st_mode) == 0o700


def test_a_key_that_others_can_read_is_refused(state_dir: Path) -> None:
    (state_dir / "server.pem").chmod(0o644)
    with pytest.raises(Rejected, match="can be read by others"):
        ServerTls(state_dir)


def test_an_authority_is_never_replaced_by_accident(state_dir: Path, now: int) -> None:
    before = authorities(state_dir)
    with pytest.raises(Rejected, match="already"):
        create_authority(state_dir, NAMES, now)
    assert authorities(state_dir) == before


def test_without_an_authority_the_way_out_is_said(tmp_path: Path) -> None:
    with pytest.raises(Unavailable) as error:
        authorities(tmp_path)
    assert "twinspan server init" in error.value.remedy


@pytest.mark.parametrize("name", ["", "two words", "-x.example", "a..b", "x" * 300, "ex*mple", "snø.example"])
def test_what_cannot_be_a_name_is_refused(state_dir: Path, name: str) -> None:
    with pytest.raises(Rejected):
        save_names(state_dir, (name,))
    assert load_names(state_dir)[0] == "cloud.example"


def test_a_leaf_is_renewed_after_two_thirds_of_its_life_and_taken_up_without_a_restart(
    state_dir: Path, now: int
) -> None:
    server = ServerTls(state_dir)
    before = server.binding
    assert not renew_leaf_if_due(state_dir, now - 2 * DAY)
    assert not server.reload()
    assert renew_leaf_if_due(state_dir, now)
    assert server.reload()
    assert server.binding != before
    assert shown(server, authorities(state_dir)) == server.binding


def test_a_new_name_is_a_reason_to_renew(state_dir: Path, now: int) -> None:
    save_names(state_dir, ("cloud.example", "second.example"))
    assert renew_leaf_if_due(state_dir, now - 61 * DAY)
    assert not renew_leaf_if_due(state_dir, now - 61 * DAY)
    assert load_leaf(state_dir).names == ("cloud.example", "second.example")


def test_a_rotation_overlaps_and_no_device_is_left_out(state_dir: Path, now: int) -> None:
    server, old = ServerTls(state_dir), authorities(state_dir)
    new_fingerprint = rotation.rotate(state_dir, now)
    both = authorities(state_dir)
    assert both[0] == old[0]
    assert fingerprint_of_pem(both[1]) == new_fingerprint
    assert server.announced == old
    assert server.reload()
    assert server.announced == both
    assert shown(server, old) == server.binding  # announced, not in use yet

    assert rotation.switch(state_dir, now) == new_fingerprint
    server.reload()
    assert set(authorities(state_dir)) == set(both)
    for trusted in (old, both[1:], both):  # a device that was away all the time, a new one, one that was told
        assert shown(server, trusted) == server.binding

    rotation.retire(state_dir, now)
    server.reload()
    assert authorities(state_dir) == both[1:]
    assert shown(server, both[1:]) == server.binding
    with pytest.raises(ssl.SSLCertVerificationError):
        shown(server, old)


def test_a_leaf_that_is_renewed_after_the_switch_still_convinces_old_devices(state_dir: Path, now: int) -> None:
    server, old = ServerTls(state_dir), authorities(state_dir)
    rotation.rotate(state_dir, now)
    rotation.switch(state_dir, now)
    save_names(state_dir, ("cloud.example",))
    assert renew_leaf_if_due(state_dir, now)
    server.reload()
    assert shown(server, old) == server.binding


def test_steps_of_a_rotation_come_in_order(state_dir: Path, now: int) -> None:
    for step in (rotation.switch, rotation.retire):
        with pytest.raises(Rejected):
            step(state_dir, now)
    rotation.rotate(state_dir, now)
    with pytest.raises(Rejected, match="next authority exists"):
        rotation.rotate(state_dir, now)
    rotation.switch(state_dir, now)
    with pytest.raises(Rejected, match="still announced"):
        rotation.rotate(state_dir, now)
    assert [state.role for state in rotation.authority_states(state_dir)] == ["current", "previous"]


def test_a_switch_that_was_cut_off_anywhere_is_ended_by_the_same_call(
    state_dir: Path, now: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = authorities(state_dir)
    wanted = rotation.rotate(state_dir, now)
    real = rotation.issue_leaf

    class Killed(BaseException):
        pass

    def killed(*_: object) -> None:
        raise Killed

    for name in ("cross_certify", "issue_leaf", "_remove"):
        monkeypatch.setattr(rotation, name, killed)
        with pytest.raises(Killed):
            rotation.switch(state_dir, now)
        monkeypatch.undo()
        assert len(set(authorities(state_dir))) == 2
    assert rotation.issue_leaf is real
    assert rotation.switch(state_dir, now) == wanted
    server = ServerTls(state_dir)
    assert shown(server, old) == server.binding
    assert fingerprint_of_pem(authorities(state_dir)[0]) == wanted


def test_client_certificates_are_asked_for_once_somebody_may_issue_them(
    state_dir: Path, tmp_path: Path, now: int
) -> None:
    assert ServerTls(state_dir).context.verify_mode is ssl.CERT_NONE
    create_authority(tmp_path / "devices", ("unused",), now)
    (state_dir / CLIENT_AUTHORITY).write_text(authorities(tmp_path / "devices")[0])
    server = ServerTls(state_dir)
    assert server.context.verify_mode is ssl.CERT_OPTIONAL
    assert shown(server, authorities(state_dir)) == server.binding  # without one it goes on as before
    (state_dir / CLIENT_AUTHORITY).write_text("no certificate")
    with pytest.raises(Rejected, match=CLIENT_AUTHORITY):
        ServerTls(state_dir)


def test_a_damaged_key_is_named(state_dir: Path) -> None:
    (state_dir / "authority.key").write_bytes(b"torn")
    with pytest.raises(Rejected, match=r"authority\.key is damaged"):
        load_authority(state_dir, "authority")


def own_authority(path: Path, now: int, *, below: bool = True) -> ssl.SSLContext:
    """A file as an organisation's PKI gives it, and what trusts that PKI alone."""
    root = make_authority(now)
    issuing = make_authority(now)
    certificate = cross_certify(root, issuing, now) if below else issuing.certificate
    save_authority(Authority(certificate=certificate, key=issuing.key), path.parent, path.stem)
    trusted = root.certificate if below else issuing.certificate
    return trusting((trusted.public_bytes(Encoding.PEM).decode(),))


@pytest.mark.parametrize("below", [True, False])
def test_with_an_authority_of_its_own_an_organisation_trusts_the_server_at_once(
    tmp_path: Path, now: int, below: bool
) -> None:
    everybody = own_authority(tmp_path / "issuing.key", now, below=below)
    create_authority(tmp_path / "state", NAMES, now, tmp_path / "issuing.key")
    server = ServerTls(tmp_path / "state")
    assert handshake(server.context, everybody).version() == "TLSv1.3"
    pinned = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    pinned.load_verify_locations(cadata="".join(server.announced))
    pinned.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    assert handshake(server.context, pinned).version() == "TLSv1.3"
    assert renew_leaf_if_due(tmp_path / "state", now + 61 * DAY)


def test_an_organisation_s_authority_can_follow_ours(state_dir: Path, now: int, tmp_path: Path) -> None:
    devices = trusting(authorities(state_dir))
    everybody = own_authority(tmp_path / "issuing.key", now)
    rotation.rotate(state_dir, now, tmp_path / "issuing.key")
    rotation.switch(state_dir, now)
    assert handshake(ServerTls(state_dir).context, devices).version() == "TLSv1.3"
    rotation.retire(state_dir, now)
    assert handshake(ServerTls(state_dir).context, everybody).version() == "TLSv1.3"


def test_a_certificate_that_may_not_issue_is_no_authority(state_dir: Path, now: int, tmp_path: Path) -> None:
    leaf = tmp_path / "leaf.pem"
    leaf.touch(mode=0o600)
    leaf.write_bytes((state_dir / "server.pem").read_bytes())
    with pytest.raises(Rejected, match="may not issue"):
        rotation.rotate(state_dir, now, leaf)
    own_authority(tmp_path / "old.key", now - 3700 * DAY)
    with pytest.raises(Rejected, match="not valid"):
        rotation.rotate(state_dir, now, tmp_path / "old.key")
