"""wire.bird: what a node's configuration becomes in BIRD's language."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from twinspan.model.device_config import Bgp, BgpPeer, DeviceConfig, Originate, PrefixFilter
from twinspan.model.errors import Rejected
from twinspan.model.secret import Secret, decode_hook
from twinspan.wire.bird import export_switches, import_switches, render_bird, with_disabled
from twinspan.wire.bird_names import peer_name, session_name, symbol
from twinspan.wire.bird_session import admitted

GOLDEN = Path(__file__).parents[2] / "golden" / "bird"
CASES = sorted(path.parent.name for path in GOLDEN.glob("*/config.json"))


class Case(msgspec.Struct):
    config: DeviceConfig
    devices: dict[str, str]


def load(name: str) -> Case:
    return msgspec.json.decode((GOLDEN / name / "config.json").read_bytes(), type=Case, dec_hook=decode_hook)


def peer(**fields: object) -> BgpPeer:
    base = BgpPeer(
        name="vbr", local_address="10.0.0.2", peer_address="10.0.0.1", local_asn=65001, peer_asn=45104, span="circuit"
    )
    return msgspec.structs.replace(base, **fields)


def node(*peers: BgpPeer, originate: tuple[Originate, ...] = ()) -> DeviceConfig:
    bgp = Bgp(router_id="10.0.0.2", asn=65001, peers=peers, originate=originate)
    return DeviceConfig(node="gateway", role="gateway", site="hz", bgp=bgp)


def block(text: str, head: str) -> str:
    """The protocol that begins with `head`, up to the brace that ends it."""
    return text.split(f"{head} {{\n")[1].split("\n}\n", maxsplit=1)[0]


@pytest.mark.parametrize("name", CASES)
def test_a_config_renders_as_recorded(name: str) -> None:
    case = load(name)
    text = render_bird(case.config, case.devices, log_path="/run/ts/bird.log")
    assert text == (GOLDEN / name / "bird.conf").read_text()


def test_holding_a_span_switches_what_can_move_and_leaves_what_is_pinned() -> None:
    config = load("gateway_two_bgp_spans").config
    assert export_switches(config, "circuit") == ["origin_circuit4", "out_circuit4"]
    assert import_switches(config, "circuit") == ["in_circuit4"]
    assert export_switches(config, "vpn") == ["origin_vpn4", "out_vpn4"]
    assert export_switches(config, "unknown") == import_switches(config, "unknown") == []


def test_every_switch_of_both_families_is_a_protocol_of_the_configuration() -> None:
    config = load("vbr_dual_stack").config
    text = render_bird(config, {}, log_path="/x")
    switches = export_switches(config, "circuit") + import_switches(config, "circuit")
    assert switches == ["out_circuit4", "out_circuit6", "in_circuit4", "in_circuit6"]
    assert all(f"protocol pipe {name} {{" in text for name in switches)


def test_a_node_without_bgp_has_nothing_to_switch() -> None:
    config = load("no_bgp").config
    assert export_switches(config, "circuit") == import_switches(config, "circuit") == []


def test_conditions_joined_by_or_stand_in_parentheses_because_bird_reads_from_left_to_right() -> None:
    text = render_bird(load("gateway_two_bgp_spans").config, {}, log_path="/x")
    for line in text.splitlines():
        depth = 0
        for position, character in enumerate(line):
            depth += (character == "(") - (character == ")")
            if depth == 0 and line.startswith("||", position):
                assert "&&" not in _outside_parentheses(line)


def _outside_parentheses(line: str) -> str:
    depth, kept = 0, ""
    for character in line:
        depth += character == "("
        kept += character if depth == 0 else ""
        depth -= character == ")"
    return kept


def test_a_span_peer_without_import_filters_may_announce_nothing_and_one_inside_the_cloud_everything() -> None:
    assert admitted(peer(import_filters=())) == "false"
    assert admitted(peer(import_filters=(), span=None)) == "true"


def test_a_longer_maximum_length_admits_more_specific_prefixes_and_an_equal_one_only_the_prefix() -> None:
    filters = (PrefixFilter(prefix="10.0.0.0/8", max_length=24), PrefixFilter(prefix="10.1.0.0/16", max_length=16))
    assert admitted(peer(import_filters=filters)) == "net ~ [ 10.0.0.0/8{8,24}, 10.1.0.0/16 ]"


def test_the_pinned_prefix_of_a_held_span_has_a_pipe_of_its_own_and_passes_only_there() -> None:
    filters = (PrefixFilter(prefix="10.0.0.0/8", max_length=32), PrefixFilter(prefix="10.9.9.9/32", pinned=True))
    text = render_bird(node(peer(import_filters=filters)), {}, log_path="/x")
    assert "!(net ~ [ 10.9.9.9/32 ])" in block(text, "protocol pipe in_circuit4")
    assert "&& net ~ [ 10.9.9.9/32 ];" in block(text, "protocol pipe inpin_circuit4")


def test_what_a_span_originates_is_announced_to_its_own_peers_only() -> None:
    config = node(
        peer(),
        peer(name="vpn", span="vpn", peer_address="10.1.0.1"),
        originate=(Originate(prefix="192.168.1.0/24", span="vpn"),),
    )
    text = render_bird(config, {}, log_path="/x")
    assert 'proto = "origin_vpn4"' in block(text, "protocol bgp peer_vpn")
    assert "origin_" not in block(text, "protocol bgp peer_vbr")


def test_local_preference_is_set_by_the_border_and_carried_inside() -> None:
    inside = peer(name="tr", span=None, peer_asn=65001)
    assert "bgp_local_pref" not in block(render_bird(node(inside), {}, log_path="/x"), "protocol bgp peer_tr")
    chosen = msgspec.structs.replace(inside, local_pref=50)
    assert "bgp_local_pref = 50" in block(render_bird(node(chosen), {}, log_path="/x"), "protocol bgp peer_tr")
    assert "bgp_local_pref = 100" in block(render_bird(node(peer()), {}, log_path="/x"), "protocol bgp peer_vbr")


def test_only_reflecting_sessions_send_more_than_the_best_path() -> None:
    inside = peer(name="tr", span=None, peer_asn=65001)
    text = render_bird(node(inside), {}, log_path="/x")
    assert "add paths rx" in text
    assert "rr client" not in text
    text = render_bird(node(msgspec.structs.replace(inside, reflect=True)), {}, log_path="/x")
    assert "add paths on" in text
    assert "rr client" in text


@pytest.mark.parametrize("key", ['a"b', "line\nbreak", ""])
def test_a_key_that_cannot_be_written_down_is_refused_without_being_shown(key: str) -> None:
    with pytest.raises(Rejected) as refused:
        render_bird(node(peer(auth_key=Secret(key))), {}, log_path="/x")
    assert "bgp.peers[vbr].auth_key" in str(refused.value)
    assert not key or key not in str(refused.value)


def test_names_are_quoted_only_where_bird_needs_it() -> None:
    assert symbol("in_circuit4") == "in_circuit4"
    assert symbol("in_dc-hz4") == "'in_dc-hz4'"


def test_a_span_may_have_any_name() -> None:
    text = render_bird(node(peer(span="dc hz'1")), {}, log_path="/x")
    assert "protocol pipe 'in_dc:20:hz:27:14' {" in text


def test_a_session_name_leads_back_to_its_peer_and_nothing_else_does() -> None:
    assert peer_name(session_name("path")) == "path"
    assert peer_name("kernel4") is None


def test_what_is_disabled_from_the_start_is_disabled_in_the_text_and_nothing_else() -> None:
    text = render_bird(load("gateway_two_bgp_spans").config, {}, log_path="/x")
    held = with_disabled(text, ["out_circuit4", "origin_circuit4", "unknown"])
    assert held.count("  disabled;\n") == 2
    assert block(held, "protocol pipe out_circuit4").startswith("  disabled;")
    assert block(held, "protocol static origin_circuit4").startswith("  disabled;")
    assert held.replace("  disabled;\n", "") == text
    spaced = render_bird(node(peer(span="dc-1")), {}, log_path="/x")
    assert with_disabled(spaced, ["in_dc-14"]).count("disabled;") == 1
