"""What counts as a DNS name."""

from __future__ import annotations

import pytest

from twinspan.wire.dns_name import is_dns_name


@pytest.mark.parametrize("name", ["a", "Cloud-1.example.com", "_srv.x", "xn--bcher-kva.example", "1.2.3.4", "a" * 63])
def test_a_name_is_labels_between_points(name: str) -> None:
    assert is_dns_name(name)


@pytest.mark.parametrize(
    "name",
    ["", ".", "a.", "a..b", "-a", "a-", "a" * 64, "a b", "bücher.example", "a\n", "a/b", "a." * 130],
)
def test_all_else_is_none(name: str) -> None:
    assert not is_dns_name(name)
