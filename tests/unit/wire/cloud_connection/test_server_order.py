"""The stored order of cloud servers: primary, names alphabetical, ports descending, DHCP above all, round and round."""

from __future__ import annotations

import pytest

from twinspan.model.cloud_management import CloudManagement, CloudServer
from twinspan.wire.cloud_connection.server_order import (
    Endpoint,
    check_servers,
    dial_order,
    next_after,
    preferred_to,
)


def server(name: str, port: int | None = None) -> CloudServer:
    return CloudServer(domain=name, port=port)


def config(primary: str | None, *backups: tuple[str, int | None], port: int = 19443) -> CloudManagement:
    return CloudManagement(
        primary=None if primary is None else server(primary), backups=tuple(server(*b) for b in backups), port=port
    )


def dialled(order: tuple[Endpoint, ...]) -> list[str]:
    return [f"{e.domain}:{e.port}" for e in order]


def test_the_primary_is_first_whatever_its_name() -> None:
    assert dialled(dial_order(config("z.example", ("a.example", None)))) == ["z.example:19443", "a.example:19443"]


def test_backups_are_in_the_order_of_their_names_and_of_descending_ports() -> None:
    entries = (("b.example", 443), ("a.example", 1000), ("b.example", 20000), ("a.example", 9000))
    assert dialled(dial_order(config(None, *entries))) == [
        "a.example:9000", "a.example:1000", "b.example:20000", "b.example:443"
    ]  # fmt: skip


def test_ports_are_ordered_as_numbers_not_as_text() -> None:
    assert dialled(dial_order(config(None, ("a", 999), ("a", 10000)))) == ["a:10000", "a:999"]


def test_capital_letters_do_not_change_the_place_of_a_name() -> None:
    assert dialled(dial_order(config(None, ("b", 1), ("A", 1), ("C", 1)))) == ["A:1", "b:1", "C:1"]


def test_an_entry_without_a_port_has_the_common_one() -> None:
    assert dialled(dial_order(config("p", ("b", None), port=443))) == ["p:443", "b:443"]


def test_backups_alone_are_dialled_too_and_nothing_gives_nothing() -> None:
    assert [e.kind for e in dial_order(config(None, ("b", None)))] == ["backup"]
    assert dial_order(CloudManagement()) == ()


def test_entries_that_differ_only_in_the_way_have_one_order_on_every_device() -> None:
    ways = [CloudServer(domain="a", source_ip="10.0.0.2"), CloudServer(domain="a", source_ip="10.0.0.1")]
    ways += [CloudServer(domain="a", vpn_instance="m"), CloudServer(domain="a", ipv6=True), CloudServer(domain="a")]
    order = dial_order(CloudManagement(backups=tuple(ways)))
    assert [(e.vpn_instance, e.source_ip, e.ipv6) for e in order] == [
        (None, None, False), (None, None, True), (None, "10.0.0.1", False), (None, "10.0.0.2", False),
        ("m", None, False),
    ]  # fmt: skip


def test_how_a_server_is_reached_stays_with_it() -> None:
    primary = CloudServer(domain="p", port=1, vpn_instance="mgmt", source_ip="10.0.0.1")
    backup = CloudServer(domain="b", ipv6=True)
    assert dial_order(CloudManagement(primary=primary, backups=(backup,))) == (
        Endpoint(domain="p", port=1, vpn_instance="mgmt", source_ip="10.0.0.1", kind="primary"),
        Endpoint(domain="b", port=19443, ipv6=True, kind="backup"),
    )


def test_a_name_from_dhcp_is_tried_first_on_the_common_port_and_the_manual_ones_stay() -> None:
    order = dial_order(config("p", ("b", 1), port=443), "dhcp.example")
    assert dialled(order) == ["dhcp.example:443", "p:443", "b:1"]
    assert [e.kind for e in order] == ["dhcp", "primary", "backup"]


def test_a_name_from_dhcp_that_is_the_primary_changes_nothing() -> None:
    site = CloudManagement(primary=CloudServer(domain="p.example", port=8443), backups=(server("b"),))
    assert dial_order(site, "P.Example") == dial_order(site)
    assert dial_order(site, "p.example.") == dial_order(site)


def test_a_name_from_dhcp_that_is_a_backup_moves_its_entries_to_the_front() -> None:
    order = dial_order(config("p", ("b", 1), ("c", 5), ("c", 7)), "c")
    assert dialled(order) == ["c:7", "c:5", "p:19443", "b:1"]
    assert [e.kind for e in order] == ["backup", "backup", "primary", "backup"]


def test_an_ipv6_address_from_dhcp_is_dialled_over_ipv6() -> None:
    assert dial_order(CloudManagement(), "2001:db8::1")[0].ipv6
    assert not dial_order(CloudManagement(), "192.0.2.1")[0].ipv6


def test_an_entry_that_repeats_another_is_dialled_once_and_the_primary_wins() -> None:
    order = dial_order(config("p", ("P", 19443), ("b", 1), ("b", 1)))
    assert [(e.domain, e.kind) for e in order] == [("p", "primary"), ("b", "backup")]


# ---------------------------------------------------------------------------------------------------- whose turn

ORDER = dial_order(config("p", ("a", 1), ("b", 1)))


def test_a_start_or_a_reset_begins_with_the_first() -> None:
    turn = next_after(ORDER)
    assert turn is not None
    assert (turn.endpoint, turn.round_over, turn.reason) == (ORDER[0], False, "first")


def test_after_the_last_comes_the_first_and_the_round_is_over() -> None:
    turns = [next_after(ORDER, endpoint) for endpoint in ORDER]
    assert [(t.endpoint.domain, t.round_over, t.reason) for t in turns if t] == [
        ("a", False, "next"), ("b", False, "next"), ("p", True, "wrapped")
    ]  # fmt: skip


def test_a_round_that_began_elsewhere_ends_where_it_began() -> None:
    lost = ORDER[1]
    turns, current = [], lost
    for _ in ORDER:
        turn = next_after(ORDER, current, began=lost)
        assert turn is not None
        current = turn.endpoint
        turns.append((current.domain, turn.round_over))
    assert turns == [("b", False), ("p", False), ("a", True)]


def test_a_round_that_began_with_a_server_no_longer_stored_ends_with_the_first() -> None:
    turns = [next_after(ORDER[:2], current, began=ORDER[2]) for current in ORDER[:2]]
    assert [(t.endpoint.domain, t.round_over) for t in turns if t] == [("a", False), ("p", True)]


def test_a_single_server_is_a_round_of_its_own() -> None:
    turn = next_after(ORDER[:1], ORDER[0])
    assert turn is not None
    assert (turn.endpoint, turn.round_over) == (ORDER[0], True)


def test_a_server_that_is_no_longer_stored_gives_way_to_the_first() -> None:
    turn = next_after(ORDER[1:], ORDER[0])
    assert turn is not None
    assert (turn.endpoint, turn.reason, turn.round_over) == (ORDER[1], "first", False)


def test_without_servers_there_is_no_turn() -> None:
    assert next_after(()) is None
    assert next_after((), ORDER[0]) is None


def test_switching_back_may_try_only_what_is_above() -> None:
    assert preferred_to(ORDER, ORDER[2]) == ORDER[:2]
    assert preferred_to(ORDER, ORDER[0]) == ()
    assert preferred_to(ORDER[:2], ORDER[2]) == ORDER[:2]


# ---------------------------------------------------------------------------------------------------- limits


def found(site: CloudManagement) -> list[tuple[str, tuple[str | int, ...], str]]:
    return [(f.rule.id, f.path, f.value) for f in check_servers(site)]


@pytest.mark.parametrize("domain", ["-bad_", "1.2.3", "cloud..example", "cloud.example:443", "10.0.0.300"])
def test_a_server_is_named_by_a_host_name_or_a_whole_address(domain: str) -> None:
    assert found(config(domain)) == [("cloud-server-domain", ("primary", "domain"), domain)]
    assert found(config("p", (domain, None))) == [("cloud-server-domain", ("backups", 0, "domain"), domain)]


@pytest.mark.parametrize("domain", ["Cloud.Example.com", "cloud.example.com.", "10.0.0.3", "2001:db8::3", "localhost"])
def test_names_and_whole_addresses_are_admitted_as_they_are_written(domain: str) -> None:
    assert found(config(domain)) == []


def test_eight_backups_are_admitted_and_nine_are_not() -> None:
    entries = tuple((f"s{i}", None) for i in range(9))
    assert found(config("p", *entries[:8])) == []
    assert found(config("p", *entries)) == [("cloud-backup-servers", ("backups",), "9")]
    assert check_servers(config("p", *entries))[0].remedy == "remove 1"


def test_a_name_has_three_ports_counting_the_primary_and_the_common_port() -> None:
    assert found(config("p", ("p", 1), ("p", 2))) == []
    assert found(config("p", ("p", 1), ("P", 2), ("p", 3))) == [("cloud-server-ports", ("backups", 2, "port"), "3")]
    assert found(config(None, ("p", 1), ("p", 2), ("p", 3))) == []


def test_the_ports_of_different_names_do_not_add_up() -> None:
    assert found(config("p", ("a", 1), ("a", 2), ("a", 3), ("b", 1), ("b", 2), ("b", 3))) == []


def test_the_same_server_twice_is_found_even_if_only_one_entry_spells_its_port() -> None:
    expected = [("cloud-server-duplicate", ("backups", 0), "P port 19443")]
    assert found(config("p", ("P", 19443))) == expected


def test_the_same_server_by_another_way_is_no_duplicate() -> None:
    ways = (CloudServer(domain="p"), CloudServer(domain="p", vpn_instance="m"), CloudServer(domain="p", ipv6=True))
    assert found(CloudManagement(backups=ways)) == []


@pytest.mark.parametrize(("source", "ipv6", "bad"), [
    ("10.0.0.1", False, False), ("10.0.0.300", False, True), ("2001:db8::1", False, True), ("10.0.0.1", True, True),
    ("2001:db8::1", True, True),
])  # fmt: skip
def test_a_source_address_is_ipv4_and_for_ipv4(source: str, ipv6: bool, bad: bool) -> None:
    site = CloudManagement(primary=CloudServer(domain="p", source_ip=source, ipv6=ipv6))
    expected = [("cloud-server-source-ip", ("primary", "source_ip"), source)]
    assert found(site) == (expected if bad else [])


def test_every_finding_says_the_way_out() -> None:
    entries = tuple(("p", i + 1) for i in range(9))
    assert all(f.problem and f.remedy for f in check_servers(config("p", *entries)))
