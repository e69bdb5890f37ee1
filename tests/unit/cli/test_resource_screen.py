"""What a list of resources says of each in one word or two."""

from __future__ import annotations

from typing import Any

import pytest

from twinspan.cli.resource_screen import seen


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ({}, "-"),
        ({"bgp_state": "Established", "bfd_state": "Up"}, "Established"),
        ({"bgp_state": "Established", "link_up": False, "healthy": False}, "link down"),
        ({"status": "ipsec_sa_established", "bgp_state": "", "healthy": True}, "ipsec_sa_established"),
        ({"healthy": False, "route_moved": True}, "not healthy"),
        ({"connections": 2, "connections_up": 1}, "1 of 2 up"),
        ({"problems": [], "nodes": {"vbr": {"converged": True}}}, "converged"),
        ({"nodes": {"vbr": {"converged": True}, "pc": {"converged": False}}}, "1 of 2 nodes not converged"),
        ({"problems": ["vpcs: none"], "nodes": {}}, "problems: 1"),
    ],
)  # fmt: skip
def test_what_was_seen_of_a_resource_is_said_in_a_word(status: dict[str, Any], words: str) -> None:
    assert seen(status) == words
