"""Properties of the servers' order: it depends on the set of entries alone, and a pass visits each of them once."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from twinspan.model.cloud_management import CloudManagement, CloudServer
from twinspan.wire.cloud_connection.server_order import Endpoint, check_servers, dial_order, next_after

names = st.sampled_from(["a.example", "A.example", "b.example", "c", "10.0.0.1"])
servers = st.builds(
    CloudServer,
    domain=names,
    port=st.none() | st.sampled_from([1, 443, 9000, 19443]),
    vpn_instance=st.none() | st.just("mgmt"),
)
backup_lists = st.lists(servers, max_size=8)
sites = st.builds(CloudManagement, primary=st.none() | servers, backups=backup_lists.map(tuple))
dhcp_names = st.none() | names | st.just("dhcp.example")


@given(sites, dhcp_names, st.randoms(use_true_random=False))
def test_the_order_in_which_backups_were_entered_does_not_matter(site, name, random):
    backups = list(site.backups)
    random.shuffle(backups)
    other = CloudManagement(primary=site.primary, backups=tuple(backups))
    assert dial_order(site, name) == dial_order(other, name)


@given(sites, dhcp_names)
def test_a_pass_dials_every_server_once_and_comes_back(site, name):
    order = dial_order(site, name)
    current: Endpoint | None = None
    visited = []
    for _ in order:
        turn = next_after(order, current)
        assert turn is not None
        assert not turn.round_over
        current = turn.endpoint
        visited.append(current)
    assert tuple(visited) == order
    if order:
        again = next_after(order, current)
        assert again is not None
        assert (again.endpoint, again.round_over) == (order[0], True)


@given(sites, dhcp_names, st.data())
def test_a_round_from_anywhere_dials_everyone_before_it_is_over(site, name, data):
    order = dial_order(site, name)
    if not order:
        return
    lost = data.draw(st.sampled_from(order))
    current, dialled, over = lost, [], False
    while not over:
        turn = next_after(order, current, began=lost)
        assert turn is not None
        current, over = turn.endpoint, turn.round_over
        dialled.append(current)
        assert len(dialled) <= len(order)
    assert sorted(map(str, dialled)) == sorted(map(str, order))


@given(sites, dhcp_names)
def test_no_server_is_lost_none_is_invented_and_dhcp_comes_first(site, name):
    order = dial_order(site, name)
    manual = [e for e in order if e.kind != "dhcp"]
    written = {(e.domain.lower(), e.port or site.port) for e in (site.primary, *site.backups) if e is not None}
    assert {(e.domain.lower(), e.port) for e in manual} == written
    if name is not None:
        assert order[0].domain.lower() == name.lower()
    assert len(set(order)) == len(order)


@given(sites)
def test_backups_are_sorted_and_the_primary_leads(site):
    order = dial_order(site)
    if site.primary is not None:
        assert order[0].kind == "primary"
    keys = [(e.domain.lower(), -e.port) for e in order if e.kind == "backup"]
    assert keys == sorted(keys)


@given(sites)
def test_an_admitted_site_is_dialled_entry_by_entry(site):
    if not check_servers(site):
        assert len(dial_order(site)) == len(site.backups) + (site.primary is not None)
