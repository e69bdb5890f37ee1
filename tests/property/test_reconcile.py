"""Properties of the plan between what a node shall be and what its kernel holds."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from twinspan.engine.reconcile import Step, plan
from twinspan.model.kernel import MAIN_TABLE, KernelLink, KernelRoute, KernelRule, KernelState

LINKS = ("lan", "circuit", "ipsec0")
ADDRESSES = ("10.0.0.2/30", "192.168.1.1/24", "198.18.0.154/30")

links = st.fixed_dictionaries(
    {
        name: st.builds(
            KernelLink,
            name=st.just(name),
            admin_up=st.booleans(),
            carrier=st.just(True),
            mtu=st.sampled_from([1400, 1500]),
            addresses=st.frozensets(st.sampled_from(ADDRESSES), max_size=2),
        )
        for name in LINKS
    }
)
routes = st.dictionaries(
    st.tuples(st.sampled_from(["172.16.0.0/12", "192.168.0.0/24", "0.0.0.0/0"]), st.sampled_from([MAIN_TABLE, 8401])),
    st.tuples(st.sampled_from(LINKS), st.sampled_from([None, "10.0.0.1"])),
    max_size=6,
).map(
    lambda chosen: frozenset(
        KernelRoute(prefix=prefix, table_id=table, device=device, via=via)
        for (prefix, table), (device, via) in chosen.items()
    )
)
rules = st.frozensets(st.builds(KernelRule, priority=st.sampled_from([840, 850]), table_id=st.just(8401)), max_size=2)
states = st.builds(KernelState, links=links, routes=routes, rules=rules, forwarding=st.booleans())
EVERYTHING = frozenset((name, address) for name in LINKS for address in ADDRESSES)


def carried_out(state: KernelState, step: Step) -> KernelState:
    """What the kernel would hold after one step."""
    by_name, by_key, ruleset, forwarding = (
        dict(state.links),
        {r.key(): r for r in state.routes},
        set(state.rules),
        state.forwarding,
    )
    link = by_name.get(step.link or "")
    match step.verb:
        case "forwarding":
            forwarding = step.value == "1"
        case "route_replace" if step.route:
            by_key[step.route.key()] = step.route
        case "route_del" if step.route:
            del by_key[step.route.key()]
        case "rule_add" if step.rule:
            ruleset.add(step.rule)
        case "rule_del" if step.rule:
            ruleset.remove(step.rule)
        case _ if (link is not None and step.value is not None) or step.verb in {"link_up", "link_down"}:
            assert link is not None
            changed = {
                "mtu": link.mtu if step.verb != "mtu" else int(step.value or 0),
                "admin_up": step.verb == "link_up" or (link.admin_up and step.verb != "link_down"),
                "addresses": link.addresses | {step.value or ""}
                if step.verb == "address_add"
                else link.addresses - {step.value or ""}
                if step.verb == "address_del"
                else link.addresses,
            }
            by_name[link.name] = KernelLink(name=link.name, carrier=link.carrier, **changed)
    return KernelState(
        links=by_name, routes=frozenset(by_key.values()), rules=frozenset(ruleset), forwarding=forwarding
    )


def raised(want: KernelState) -> KernelState:
    """A wanted state never asks for a link without carrier: that is nobody's to give."""
    up = {
        n: KernelLink(name=n, admin_up=k.admin_up, carrier=True, mtu=k.mtu, addresses=k.addresses)
        for n, k in want.links.items()
    }
    return KernelState(links=up, routes=want.routes, rules=want.rules, forwarding=want.forwarding)


@given(states)
def test_nothing_is_planned_when_nothing_differs(state):
    assert plan(state, state, EVERYTHING) == ()


@given(states, states)
def test_a_plan_carried_out_gives_what_was_wanted(want, have):
    want = raised(want)
    for step in plan(want, have, EVERYTHING):
        have = carried_out(have, step)
    assert have == want


@given(states, states)
def test_no_destination_loses_its_path_on_the_way(want, have):
    kept = {(r.prefix, r.table_id) for r in have.routes} & {(r.prefix, r.table_id) for r in want.routes}
    for step in plan(raised(want), have, EVERYTHING):
        have = carried_out(have, step)
        assert kept <= {(r.prefix, r.table_id) for r in have.routes}


@given(states, states)
def test_addresses_that_others_set_stay(want, have):
    removed = [s for s in plan(raised(want), have, frozenset()) if s.verb == "address_del"]
    assert removed == []
