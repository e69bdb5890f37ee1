"""What counts as a DNS name."""

from __future__ import annotations

import pytest

from twinspan.wire.dns_name import is_dns_name, is_host


@pytest.mark.parametrize("name", ["a", "Cloud-1.example.com", "_srv.x", "xn--bcher-kva.example", "1.2.3.4", "a" * 63])
def test_a_name_is_labels_between_points(name: str) -> None:
    assert is_dns_name(name)


@pytest.mark.parametrize(
    "name",
    ["", ".", "a.", "a..b", "-a", "a-", "a" * 64, "a b", "bücher.example", "a\n", "a/b", "a." * 130],
)
def test_all_else_is_none(name: str) -> None:
    assert not is_dns_name(name)


@pytest.mark.parametrize(
    "host", ["a", "Cloud-1.example.com", "1and1.example", "xn--bcher-kva.example", "10.0.0.1", "2001:db8::1", "3.0.a"]
)
def test_a_host_is_a_name_or_a_whole_address(host: str) -> None:
    assert is_host(host)


@pytest.mark.parametrize(
    "text",
    ["", "-bad_", "a_b.example", "1.2.3", "1", "10.0.0.256", "0x7f.1", "a.0x10", "a.7", "2001:db8", "a..b", "a.", "é"],
)
def test_what_a_resolver_would_read_as_another_address_is_no_host(text: str) -> None:
    assert not is_host(text)
