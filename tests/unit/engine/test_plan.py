"""A plan says what a site would be and exactly what it would change, and never a key."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from msgspec.structs import replace

from twinspan.cli.site_file import check
from twinspan.engine.compile import compile_site
from twinspan.engine.compile.keys import keys_from, wanted_keys
from twinspan.engine.plan import Change, plan_site
from twinspan.model.deployment import Deployment
from twinspan.model.secret import Secret

EXAMPLE = Path(__file__).parents[3] / "examples" / "01-two-spans" / "site.yaml"
KEY = "hush-hush-47"


def deployment(key: str = KEY, **sections: Any) -> Deployment:
    """The first example with fields of its sections replaced."""
    data = yaml.safe_load(EXAMPLE.read_text())
    for section, fields in sections.items():
        for name, value in fields.items():
            part = data.setdefault(section, {})
            part[name] = part[name] | value if isinstance(value, dict) and name in part else value
    result = check(yaml.safe_dump(data).encode(), "site.yaml")
    assert result.site is not None, result.findings
    return compile_site(result.site, keys_from({name: Secret(key) for name in wanted_keys(result.site)}))


def changed(running: Deployment, wanted: Deployment) -> dict[str, tuple[str, ...]]:
    changes = plan_site(wanted, running).changes
    assert {c.what for c in changes} <= {"change", "none"}
    assert all(bool(c.fields) == (c.what == "change") for c in changes)
    return {c.node: c.fields for c in changes if c.what == "change"}


def test_a_site_that_does_not_run_is_created_node_by_node() -> None:
    wanted = deployment()
    assert plan_site(wanted, None).changes == tuple(Change(node=n, what="create") for n in wanted.topology.nodes)


def test_other_keys_and_another_generation_are_no_change() -> None:
    running = deployment("another-key-of-yesterday")
    running = replace(running, configs={n: replace(c, generation=7) for n, c in running.configs.items()})
    assert changed(running, deployment()) == {}


def test_a_changed_timer_shows_at_both_ends_of_the_session_and_nowhere_else() -> None:
    wanted = deployment(virtual_border_routers={"vbr": {"min_tx_interval_ms": 500}})
    found = changed(deployment(), wanted)
    assert found == {"gateway": ("bgp",), "vbr": ("bgp",)}


def test_another_customer_address_shows_in_every_field_it_reaches() -> None:
    wanted = deployment(gateway={"public_address": "198.18.0.158"})
    found = changed(deployment(), wanted)
    assert set(found) >= {"gateway", "vpn-gateway"}
    for node, fields in found.items():
        before, after = deployment().configs[node], wanted.configs[node]
        assert set(fields) == {f for f in before.__struct_fields__ if getattr(before, f) != getattr(after, f)}


def test_nodes_that_come_and_go_are_told_apart() -> None:
    whole = deployment()
    without = {n: c for n, c in whole.configs.items() if n != "pc"}
    less = replace(
        whole,
        configs=without,
        topology=replace(whole.topology, nodes=tuple(n for n in whole.topology.nodes if n != "pc")),
    )
    assert [c for c in plan_site(whole, less).changes if c.what != "none"] == [Change(node="pc", what="create")]
    assert [c for c in plan_site(less, whole).changes if c.what != "none"] == [Change(node="pc", what="remove")]


def test_the_plan_names_every_node_and_both_ends_of_every_session() -> None:
    wanted = deployment()
    shown = plan_site(wanted, None)
    assert [n.node for n in shown.nodes] == list(wanted.topology.nodes)
    over_spans = {(s.kind, s.span, s.from_node) for s in shown.sessions if s.span}
    assert over_spans == {
        ("bgp", "circuit", "gateway"),
        ("bgp", "circuit", "vbr"),
        ("ike", "vpn", "gateway"),
        ("ike", "vpn", "vpn-gateway"),
    }
    (at_gateway,) = (s for s in shown.sessions if (s.kind, s.from_node) == ("bgp", "gateway"))
    assert (at_gateway.to, "from 10.0.0.2 AS65001" in at_gateway.detail) == ("10.0.0.1 AS45104", True)


@pytest.mark.parametrize("running", [None, deployment("other")])
def test_no_key_is_in_a_plan(running: Deployment | None) -> None:
    assert KEY.encode() not in msgspec.json.encode(plan_site(deployment(), running))
