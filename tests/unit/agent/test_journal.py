"""What survives a kill: whole files or the ones before, for root only; damaged ones are set aside."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from twinspan.agent.journal import Journal
from twinspan.model.device_config import Failover, IpsecTunnel, RouteTable
from twinspan.model.secret import Secret

TUNNEL = IpsecTunnel(
    name="t", local_address="1.1.1.1", remote_address="1.1.1.2", local_id="a", remote_id="b", psk=Secret("k")
)


def test_a_config_comes_back_with_its_secrets_from_a_file_for_root_only(tmp_path, config):
    saved = replace(config, tunnels=(TUNNEL,))
    Journal(tmp_path).save_config(saved)
    assert Journal(tmp_path).load_config() == saved
    assert (tmp_path / "config.json").stat().st_mode & 0o777 == 0o600
    assert [p.name for p in tmp_path.iterdir()] == ["config.json"]


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

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        journal.save_config(replace(config, generation=2))
    assert journal.load_config() == config
