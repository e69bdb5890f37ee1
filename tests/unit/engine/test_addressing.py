"""The address planner."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinspan.engine import addressing

NETWORKS = st.builds(
    lambda bits, length: str(ipaddress.ip_network((bits, length), strict=False)),
    st.integers(0, 2**32 - 1),
    st.integers(4, 32),
)


@given(NETWORKS, NETWORKS)
def test_overlap_is_mutual_and_means_that_one_holds_the_other(left: str, right: str) -> None:
    touching = addressing.overlap(left, right)
    assert touching == addressing.overlap(right, left)
    assert touching == (addressing.inside(left, right) or addressing.inside(right, left))


def test_families_never_overlap() -> None:
    assert not addressing.overlap("0.0.0.0/0", "::/0")
    assert not addressing.inside("10.0.0.1", "::/0")


@given(st.lists(NETWORKS, max_size=12), st.integers(8, 30))
def test_a_free_prefix_is_free_and_the_first(taken: list[str], length: int) -> None:
    pool = "10.0.0.0/8"
    free = addressing.first_free(pool, length, taken)
    if free is None:
        return
    assert addressing.inside(free, pool)
    assert not any(addressing.overlap(free, other) for other in taken)
    before = int(ipaddress.ip_network(free).network_address) - (1 << (32 - length))
    if before >= int(ipaddress.ip_address("10.0.0.0")):
        earlier = f"{ipaddress.ip_address(before)}/{length}"
        assert any(addressing.overlap(earlier, other) for other in taken)


def test_a_full_pool_says_none() -> None:
    assert addressing.first_free("10.0.0.0/30", 30, ["10.0.0.0/8"]) is None
    assert addressing.first_free("10.0.0.0/8", 30, ["10.0.0.0/9", "10.128.0.0/9"]) is None


def test_a_free_ipv6_prefix_is_found() -> None:
    assert addressing.first_free("fd00:a::/64", 126, ["fd00:a::/126"]) == "fd00:a::4/126"


def test_an_address_is_chosen_past_those_in_use() -> None:
    assert addressing.first_free_address("100.96.0.0/16", ["100.96.0.1", "100.96.0.2"]) == "100.96.0.3"
    assert addressing.first_free_address("10.0.0.0/31", ["10.0.0.1"], skip=1) is None


@pytest.mark.parametrize(
    ("text", "prefix", "usable"),
    [
        ("10.0.0.0", "10.0.0.0/30", False),
        ("10.0.0.1", "10.0.0.0/30", True),
        ("10.0.0.3", "10.0.0.0/30", False),
        ("10.0.0.4", "10.0.0.0/30", False),
        ("10.0.0.0", "10.0.0.0/31", True),
        ("fd00::", "fd00::/64", False),
        ("fd00::ffff:ffff:ffff:ffff", "fd00::/64", True),
    ],
)
def test_network_and_broadcast_addresses_are_nobodys(text: str, prefix: str, usable: bool) -> None:
    assert addressing.is_host(text, prefix) is usable


def test_the_other_end_of_a_link_is_another_host() -> None:
    assert addressing.link_peer("10.0.0.1", 30) == "10.0.0.2"
    assert addressing.link_peer("10.0.0.2", 30) == "10.0.0.1"


def test_a_longer_prefix_is_a_real_part() -> None:
    assert addressing.longer("10.0.0.0/25", "10.0.0.0/24")
    assert not addressing.longer("10.0.0.0/24", "10.0.0.0/24")
    assert not addressing.longer("10.0.0.0/23", "10.0.0.0/24")
