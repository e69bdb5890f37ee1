"""A public reader of other makers' configurations takes those that we write, without a line too many or too few."""

from __future__ import annotations

from pathlib import Path

import pytest
from hier_config import Platform, get_hconfig

GOLDEN = Path(__file__).parents[1] / "golden" / "vendors"
PLATFORMS = {
    "cisco": (Platform.CISCO_IOS, "!"),
    "huawei": (Platform.HUAWEI_VRP, "#"),
    "juniper": (Platform.JUNIPER_JUNOS, "#"),
    "vyos": (Platform.VYOS, "#"),
}
TEXTS = [path for vendor in PLATFORMS for path in sorted(GOLDEN.glob(f"{vendor}-*.txt"))]


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.stem)
def test_every_line_has_its_place_once(path: Path) -> None:
    platform, comment = PLATFORMS[path.stem.partition("-")[0]]
    rows = [row for row in path.read_text().splitlines() if not row.strip().startswith(comment)]
    rows = [row for row in rows if row.strip() not in {"exit-address-family", "return"}]
    read = get_hconfig(platform, "\n".join(rows))
    seen = [child.text for child in read.all_children()]
    # The reader puts lines with the same place together: two of ours that say one thing would be one less.
    assert len(seen) == len(rows)


@pytest.mark.parametrize("case", ["ikev1-static-ipv4", "ikev2-bgp-dual"])
def test_the_reader_finds_the_standby_where_we_put_it(case: str) -> None:
    read = get_hconfig(Platform.CISCO_IOS, (GOLDEN / f"cisco-{case}.txt").read_text())
    assert read.get_child(equals="ip route 172.16.0.0 255.240.0.0 Tunnel1 250 track 1") is not None
    bgp = read.get_child(equals="router bgp 65001")
    assert bgp is not None
    assert bgp.get_child(equals="neighbor 10.0.0.1 fall-over bfd") is not None
