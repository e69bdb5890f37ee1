"""What survives a kill: whole files or the ones before, for root only; damaged ones are set aside."""

from __future__ import annotations

import msgspec
import pytest
from msgspec.structs import replace

from twinspan.agent.cloud_connection.trust import CloudMemory, Ticket
from twinspan.agent.journal import Journal
from twinspan.model.device_config import Failover, IpsecTunnel, RouteTable
from twinspan.model.secret import Secret, encode_hook

TUNNEL = IpsecTunnel(
    name="t", local_address="1.1.1.1", remote_address="1.1.1.2", local_id="a", remote_id="b", psk=Secret("k")
)


def test_a_config_comes_back_with_its_secrets_from_a_file_for_root_only(tmp_path, config):
    saved = replace(config, tunnels=(TUNNEL,))
    Journal(tmp_path).save_config(saved)
    assert Journal(tmp_path).load_config() == saved
    assert (tmp_path / "config.json").stat().st_mode & 0o777 == 0o600
    assert sorted(p.name for p in tmp_path.iterdir()) == ["cipher.key", "config.json"]


def test_no_saved_file_has_a_secret_in_clear(tmp_path, config):
    secret = Secret("Open-sesame-42")
    with_secrets = replace(config, tunnels=(replace(TUNNEL, psk=secret),))
    journal = Journal(tmp_path)
    journal.save_config(with_secrets)
    journal.save_startup(with_secrets)
    journal.save_cloud_memory(CloudMemory(secret=secret, tickets={"a:1": Ticket(ticket="t", key=secret)}))
    for file in tmp_path.iterdir():
        assert b"sesame" not in file.read_bytes(), file.name
    again = Journal(tmp_path)
    assert again.load_config() == again.load_startup() == with_secrets
    assert again.load_cloud_memory(CloudMemory).secret == secret


def test_a_file_that_came_in_clear_is_read_and_sealed_at_the_first_start(tmp_path, config):
    with_secrets = replace(config, tunnels=(replace(TUNNEL, psk=Secret("Open-sesame-42")),))
    for name in ("config.json", "startup.json"):
        (tmp_path / name).write_bytes(msgspec.json.encode(with_secrets, enc_hook=encode_hook))
    journal = Journal(tmp_path)
    assert journal.load_config() == with_secrets
    journal.seal_startup()
    for name in ("config.json", "startup.json"):
        assert b"sesame" not in (tmp_path / name).read_bytes(), name
    assert Journal(tmp_path).load_config() == Journal(tmp_path).load_startup() == with_secrets
    assert journal.set_aside == []


def test_a_clear_file_on_a_full_disk_is_used_and_said(tmp_path, config, monkeypatch):
    with_secrets = replace(config, tunnels=(TUNNEL,))
    (tmp_path / "config.json").write_bytes(msgspec.json.encode(with_secrets, enc_hook=encode_hook))
    monkeypatch.setattr("os.fsync", full)
    journal = Journal(tmp_path)
    assert journal.load_config() == with_secrets
    (sentence,) = journal.set_aside
    assert "still in clear" in sentence
    assert "free some space" in sentence


def test_secrets_sealed_with_a_lost_key_are_set_aside_with_that_reason(tmp_path, config):
    Journal(tmp_path).save_config(replace(config, tunnels=(TUNNEL,)))
    (tmp_path / "cipher.key").unlink()
    journal = Journal(tmp_path)
    assert journal.load_config() is None
    (sentence,) = journal.set_aside
    assert "another key than the one in cipher.key" in sentence


@pytest.mark.parametrize(
    "damage", [b"", b'{"node":', b"\xff\xfe\x00", b"[" * 100_000, b'{"node": 7}', b'{"tunnels": [{"psk": 31337}]}']
)
def test_a_damaged_file_is_set_aside_with_a_sentence_and_no_secret(tmp_path, damage):
    (tmp_path / "config.json").write_bytes(damage)
    journal = Journal(tmp_path)
    assert journal.load_config() is None
    assert (tmp_path / "config.json.broken").read_bytes() == damage
    (sentence,) = journal.set_aside
    assert sentence.startswith("config.json cannot be used")
    assert "31337" not in sentence
    assert Journal(tmp_path).load_config() is None


def test_nothing_saved_is_no_damage(tmp_path):
    journal = Journal(tmp_path)
    assert (journal.load_config(), journal.load_orders(), journal.load_owned()) == (None, (), frozenset())
    assert journal.set_aside == []


def test_the_override_table_is_known_although_the_config_is_damaged(tmp_path, config):
    policy = replace(
        config, tables=(RouteTable(name="override", table_id=8401),), failover=Failover(spans=(), prefixes=())
    )
    Journal(tmp_path).note_override(policy)
    (tmp_path / "config.json").write_bytes(b"{")
    assert Journal(tmp_path).override_table() == 8401


def test_a_full_disk_leaves_the_file_that_was_there(tmp_path, config, monkeypatch):
    journal = Journal(tmp_path)
    journal.save_config(config)
    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match=r"config\.json cannot be written: No space left on device.*free some space"):
        journal.save_config(replace(config, generation=2))
    assert journal.load_config() == config
    assert [p.name for p in tmp_path.iterdir()] == ["config.json"]


def full(_: int) -> None:
    raise OSError(28, "No space left on device")
