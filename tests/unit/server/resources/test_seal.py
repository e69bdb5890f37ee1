"""The seal: what is sealed opens in its place with its key, and nowhere else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from twinspan.model.errors import Rejected, Unavailable
from twinspan.model.secret import Secret
from twinspan.server.resources.seal import SealKey

SECRET = Secret("a very secret key")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "seal.key"


@pytest.fixture
def key(path: Path) -> SealKey:
    return SealKey.load_or_create(path)


def test_what_is_sealed_opens_again(key: SealKey, path: Path) -> None:
    sealed = key.seal(SECRET, "vco-1.psk")
    assert SECRET.reveal() not in sealed
    assert SealKey(path).unseal(sealed, "vco-1.psk") == SECRET


def test_the_same_secret_never_looks_the_same(key: SealKey) -> None:
    assert key.seal(SECRET, "vco-1.psk") != key.seal(SECRET, "vco-1.psk")


def test_a_sealed_text_does_not_open_in_another_place(key: SealKey) -> None:
    with pytest.raises(Unavailable, match=r"vco-2\.psk was altered"):
        key.unseal(key.seal(SECRET, "vco-1.psk"), "vco-2.psk")


@pytest.mark.parametrize("change", [lambda t: t[:-4] + "AAAA", lambda t: t[:-8], lambda t: "geheim", lambda t: ""])
def test_an_altered_text_does_not_open_and_is_not_shown(key: SealKey, change: object) -> None:
    altered = change(key.seal(SECRET, "vco-1.psk"))  # type: ignore[operator]
    with pytest.raises(Unavailable) as refusal:
        key.unseal(altered, "vco-1.psk")
    assert not altered or altered not in str(refusal.value)


def test_the_file_is_for_its_owner_alone_and_is_refused_otherwise(key: SealKey, path: Path) -> None:
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o640)
    with pytest.raises(Rejected, match="can be read by others"):
        SealKey(path)


def test_a_key_is_made_once(key: SealKey, path: Path) -> None:
    sealed = SealKey.load_or_create(path).seal(SECRET, "x")
    assert key.unseal(sealed, "x") == SECRET


def test_a_rotation_reaches_running_processes_both_ways(key: SealKey, path: Path) -> None:
    running, before = SealKey(path), key.seal(SECRET, "x")
    key.add_key()
    after = key.seal(SECRET, "x")
    assert not key.is_current(before)
    assert running.unseal(after, "x") == SECRET
    assert key.is_current(running.seal(SECRET, "x"))
    assert SealKey(path).unseal(before, "x") == SECRET


def test_a_key_that_was_forgotten_opens_nothing_in_a_new_process(key: SealKey, path: Path) -> None:
    before = key.seal(SECRET, "x")
    key.add_key()
    key.forget_old_keys()
    assert SealKey(path).unseal(key.seal(SECRET, "x"), "x") == SECRET
    with pytest.raises(Unavailable, match="does not have the key"):
        SealKey(path).unseal(before, "x")


def test_nothing_is_sealed_while_the_file_is_away(key: SealKey, path: Path) -> None:
    path.rename(path.with_suffix(".away"))
    with pytest.raises(Unavailable, match="put it back"):
        key.seal(SECRET, "x")


@pytest.mark.parametrize(
    "content", [b"", b"{}", b'{"current": "a", "keys": {}}', b'{"current": "a", "keys": {"a": "AA=="}}']
)
def test_a_damaged_file_is_said(path: Path, content: bytes) -> None:
    path.touch(mode=0o600)
    path.write_bytes(content)
    with pytest.raises(Rejected, match="damaged"):
        SealKey(path)


def test_a_missing_file_is_said(path: Path) -> None:
    with pytest.raises(Unavailable):
        SealKey(path)


def test_a_mac_is_known_again_also_after_a_rotation(key: SealKey, path: Path) -> None:
    mac = key.mac("text")
    key.add_key()
    assert key.is_ours("text", mac)
    assert not key.is_ours("other", mac)
    assert not key.is_ours("text", f"none:{os.urandom(32).hex()}")
