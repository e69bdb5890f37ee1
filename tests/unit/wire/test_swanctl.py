"""wire.swanctl: settings and VICI messages of a tunnel, and what charon answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from twinspan.model.device_config import IpsecTunnel
from twinspan.model.device_report import Event, TunnelStatus
from twinspan.model.secret import decode_hook
from twinspan.wire.swanctl import (
    connection,
    render_strongswan_conf,
    shared_secret,
    text,
    tunnel_status,
    updown_event,
)

GOLDEN = Path(__file__).parents[2] / "golden" / "swanctl"
CASES = sorted(path.parent.name for path in GOLDEN.glob("*/tunnel.json"))


def load(name: str) -> IpsecTunnel:
    return msgspec.json.decode((GOLDEN / name / "tunnel.json").read_bytes(), type=IpsecTunnel, dec_hook=decode_hook)


@pytest.mark.parametrize("name", CASES)
def test_a_tunnel_renders_as_recorded(name: str) -> None:
    tunnel = load(name)
    conf = render_strongswan_conf(tunnel)
    assert conf == (GOLDEN / name / "strongswan.conf").read_text()
    messages = {"load-shared": shared_secret(tunnel), "load-conn": connection(tunnel)}
    assert messages == json.loads((GOLDEN / name / "messages.json").read_text())


@pytest.mark.parametrize("name", CASES)
def test_the_key_is_in_one_message_only(name: str) -> None:
    tunnel = load(name)
    key = tunnel.psk.reveal()
    assert shared_secret(tunnel)["data"] == key
    assert key not in json.dumps(connection(tunnel))
    assert key not in render_strongswan_conf(tunnel)


def test_only_the_initiator_starts_and_restarts() -> None:
    tunnel = load("ikev2_initiator")
    child = connection(tunnel)[tunnel.name]["children"][tunnel.name]
    assert (child["start_action"], child["close_action"], child["dpd_action"]) == ("start", "start", "restart")
    answering = msgspec.structs.replace(tunnel, initiate=False)
    child = connection(answering)[tunnel.name]["children"][tunnel.name]
    assert (child["start_action"], child["close_action"], child["dpd_action"]) == ("none", "none", "clear")


@pytest.mark.parametrize("lifetime_s", [1, 60, 3600, 86400])
def test_keys_are_renewed_before_their_lifetime_ends(lifetime_s: int) -> None:
    tunnel = msgspec.structs.replace(load("ikev2_initiator"), ipsec_lifetime_s=lifetime_s, ike_lifetime_s=lifetime_s)
    ike = connection(tunnel)[tunnel.name]
    child = ike["children"][tunnel.name]
    seconds = {
        key: int(value[:-1]) for key, value in (child | ike).items() if str(value).endswith("s") and key[-4:] == "time"
    }
    assert seconds["life_time"] == lifetime_s
    assert int(child["rekey_time"][:-1]) - seconds["rand_time"] < lifetime_s
    assert int(ike["rekey_time"][:-1]) + seconds["over_time"] == lifetime_s


def test_two_charons_of_a_node_share_no_port_and_no_table() -> None:
    first, second = load("ikev2_initiator"), load("ikev2_responder_on_other_ports")

    def settings(tunnel: IpsecTunnel) -> set[str]:
        lines = render_strongswan_conf(tunnel).splitlines()
        return {line.strip() for line in lines if line.strip().startswith(("port", "routing_table"))}

    assert len(settings(first)) == 3
    assert not settings(first) & settings(second)


def sa(state: str, child: str | None, count: int = 0) -> dict[str, Any]:
    children = {"vpn-1": {"state": child, "bytes-in": str(count), "bytes-out": "7"}} if child else {}
    return {"vpn": {"state": state, "child-sas": children}}


def test_a_tunnel_without_an_sa_is_down() -> None:
    assert tunnel_status("vpn", "ipsec0", [{"other": {"state": "ESTABLISHED"}}]) == TunnelStatus(
        name="vpn", device="ipsec0", ike_state="down", child_state="down"
    )


def test_of_several_sas_the_one_that_carries_counts() -> None:
    sas = [sa("CONNECTING", None), sa("ESTABLISHED", "INSTALLED", 84), sa("DELETING", "DELETED", 1)]
    status = tunnel_status("vpn", "ipsec0", sas)
    assert (status.ike_state, status.child_state) == ("ESTABLISHED", "INSTALLED")
    assert (status.bytes_in, status.bytes_out) == (85, 14)


def test_an_sa_tells_its_ends_its_keys_and_its_age() -> None:
    child = {"state": "INSTALLED", "spi-in": "bd4d2cb8", "spi-out": "3780506b", "encap": "yes"}
    child |= {"packets-in": "3", "packets-out": "4", "install-time": "181", "life-time": "3419"}
    ike = {"state": "ESTABLISHED", "initiator": "yes", "established": "1200", "child-sas": {"vpn-1": child}}
    ike |= {"local-host": "198.51.100.2", "remote-host": "203.0.113.1"}
    status = tunnel_status("vpn", "ipsec0", [{"vpn": ike}])
    assert (status.local_address, status.remote_address) == ("198.51.100.2", "203.0.113.1")
    assert (status.spi_in, status.spi_out, status.encapsulated) == ("bd4d2cb8", "3780506b", True)
    assert (status.established_s, status.child_age_s, status.child_remaining_s) == (1200, 181, 3419)
    assert (status.packets_in, status.packets_out, status.initiator) == (3, 4, True)


def test_an_ike_sa_without_a_child_carries_nothing() -> None:
    assert tunnel_status("vpn", None, [sa("ESTABLISHED", None)]).child_state == "down"


@pytest.mark.parametrize(
    ("kind", "message", "what"),
    [
        ("ike-updown", {"up": "yes", "vpn": {}}, "IKE up"),
        ("ike-updown", {"vpn": {}}, "IKE down"),
        ("child-updown", {"up": "yes", "vpn": {}}, "CHILD up"),
        ("child-updown", {"vpn": {}}, "CHILD down"),
    ],
)
def test_an_update_is_down_unless_it_says_up(kind: str, message: dict[str, Any], what: str) -> None:
    expected = Event(at_ns=7, node="gw", source="ike", what=what, detail="vpn")
    assert updown_event(kind, message, at_ns=7, node="gw") == expected


def test_a_message_about_nothing_is_no_event() -> None:
    assert updown_event("ike-updown", {"up": "yes"}, at_ns=7, node="gw") is None
    assert updown_event("ike-rekey", {"vpn": {}}, at_ns=7, node="gw") is None


def test_bytes_become_text_at_every_depth() -> None:
    assert text({"a": b"x", "b": {"c": [b"y", b"\xff"]}}) == {"a": "x", "b": {"c": ["y", "�"]}}
