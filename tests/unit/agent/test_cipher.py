"""Secrets in text: readable for who made it, for nobody else, and never damaged without being noticed."""

from __future__ import annotations

import stat

import pytest

from twinspan.agent.cipher import KEY_BYTES, KEY_FILE, DeviceCipher, ExportCipher, derive, load_cipher, salts_in

SALT = bytes(range(16))


def exported(passphrase: str = "a passphrase", salt: bytes = SALT) -> ExportCipher:
    return ExportCipher(DeviceCipher(bytes(KEY_BYTES)), {salt: derive(passphrase, salt)})


SECRETS = ["", "a", 'pre shared "key" with ? and |', "ключ", "x" * 500]


@pytest.mark.parametrize("plain", SECRETS)
def test_a_secret_comes_back_as_one_word_that_can_be_typed(tmp_path, plain):
    for cipher in (load_cipher(tmp_path), exported()):
        text = cipher.encrypt(plain)
        assert cipher.decrypt(text) == plain
        assert not set(text) & set(' "?|\\#')
        assert len(plain) < 8 or plain not in text


def test_the_key_is_made_once_and_readable_by_its_owner_alone(tmp_path):
    text = load_cipher(tmp_path).encrypt("secret")
    assert load_cipher(tmp_path).decrypt(text) == "secret"
    assert stat.S_IMODE((tmp_path / KEY_FILE).stat().st_mode) == 0o600
    assert len((tmp_path / KEY_FILE).read_bytes()) == KEY_BYTES


def test_another_device_and_another_passphrase_read_nothing(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    text = load_cipher(tmp_path / "a").encrypt("secret")
    assert load_cipher(tmp_path / "b").decrypt(text) is None
    sealed = exported("one").encrypt("secret")
    assert exported("two").decrypt(sealed) is None
    assert exported("one", bytes(16)).decrypt(sealed) is None
    assert exported("one").decrypt(sealed) == "secret"


def test_an_export_is_read_beside_what_the_device_itself_wrote(tmp_path):
    device = load_cipher(tmp_path)
    cipher = ExportCipher(device, {SALT: derive("one", SALT), bytes(16): derive("two", bytes(16))})
    assert cipher.decrypt(device.encrypt("mine")) == "mine"
    assert cipher.decrypt(exported("two", bytes(16)).encrypt("theirs")) == "theirs"
    assert device.decrypt(cipher.encrypt("gone")) is None


def test_the_salts_of_a_text_are_found():
    text = f"password cipher {exported().encrypt('a')}\n key cipher {exported().encrypt('b')}\n x $p1$short$\n"
    assert salts_in(text + exported("x", bytes(16)).encrypt("c")) == (SALT, bytes(16))
    assert salts_in("nothing $t1$abc") == ()


def test_equal_secrets_have_different_texts(tmp_path):
    cipher = load_cipher(tmp_path)
    assert cipher.encrypt("secret") != cipher.encrypt("secret")


@pytest.mark.parametrize("made", ["device", "passphrase"])
def test_a_damaged_text_is_no_secret(tmp_path, made):
    cipher = load_cipher(tmp_path) if made == "device" else exported()
    text = cipher.encrypt("secret")
    for at in range(4, len(text) - 1):
        other = "A" if text[at] != "A" else "B"
        assert cipher.decrypt(text[:at] + other + text[at + 1 :]) is None, at
    for rubbish in ("", "$t1$", "$p1$", "$p1$$", "$t9$" + text[4:], text[:-2], "secret", "$t1$é", "$p1$é$x"):
        assert cipher.decrypt(rubbish) is None


def test_a_damaged_key_file_is_set_aside(tmp_path):
    (tmp_path / KEY_FILE).write_bytes(b"half")
    cipher = load_cipher(tmp_path)
    assert cipher.decrypt(cipher.encrypt("secret")) == "secret"
    assert (tmp_path / (KEY_FILE + ".broken")).read_bytes() == b"half"
