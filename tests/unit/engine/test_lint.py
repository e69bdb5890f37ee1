"""The check of an existing gateway's text: every known mistake is found, and no correct text is blamed."""

from __future__ import annotations

from pathlib import Path

import pytest

from twinspan.engine.lint.lint import lint
from twinspan.wire.gateway_text import read_gateway_text, vendor_of

GOLDEN = Path(__file__).parents[2] / "golden"
MISTAKEN = (GOLDEN / "lint" / "mistaken-cisco.txt").read_text()
OWN = sorted((GOLDEN / "vendors").glob("*.txt"))


def vendor_named(path: Path) -> str:
    return path.stem.partition("-ikev")[0]


def rules(text: str, vendor: str = "auto") -> list[str]:
    return sorted(finding.rule.id for finding in lint(read_gateway_text(text, vendor)))


def test_every_mistake_is_found_once_and_nothing_else() -> None:
    assert rules(MISTAKEN) == [f"H{n:03d}" for n in range(1, 15)]


def test_a_finding_points_at_its_line() -> None:
    lines = {f.rule.id: f.line for f in lint(read_gateway_text(MISTAKEN))}
    rows = MISTAKEN.splitlines()
    assert "no switchport ip address" in rows[(lines["H001"] or 0) - 1]
    assert "network 10.77.3.1" in rows[(lines["H004"] or 0) - 1]
    assert "preference 255" in rows[(lines["H009"] or 0) - 1]
    assert "remote-as" in rows[(lines["H012"] or 0) - 1]


def test_the_route_for_the_health_check_is_information_only() -> None:
    assert {f.rule.id for f in lint(read_gateway_text(MISTAKEN)) if f.severity == "info"} == {"H014"}


@pytest.mark.parametrize("path", OWN, ids=lambda p: p.stem)
def test_what_we_write_ourselves_has_no_mistake(path: Path) -> None:
    assert rules(path.read_text(), vendor_named(path)) == []


@pytest.mark.parametrize("path", OWN, ids=lambda p: p.stem)
def test_the_vendor_is_recognised_by_its_words(path: Path) -> None:
    assert vendor_of(path.read_text()) == vendor_named(path)


@pytest.mark.parametrize("path", OWN, ids=lambda p: p.stem)
def test_the_check_really_reads_our_texts(path: Path) -> None:
    text = read_gateway_text(path.read_text(), vendor_named(path))
    assert text.has_ipsec
    assert text.has_mss_clamp
    assert {r.target.written for r in text.routes} >= {"172.16.0.0", "192.168.0.0", "100.64.0.0", "198.18.1.2"}
    assert "192.168.1.0" in {n.written for n in text.networks}
    assert "10.0.0.1" in {p.address for p in text.peers}


@pytest.mark.parametrize(
    ("vendor", "good", "bad", "rule"),
    [
        ("h3c", "preference 200", "preference 50", "H009"),
        ("h3c", "preference 50 255 130", "preference 200 255 130", "H009"),
        ("huawei", "preference 200", "preference 60", ""),
        ("cisco", "Tunnel1 250", "Tunnel1 255", "H009"),
        ("cisco", "Tunnel1 250", "Tunnel1", "H009"),
        ("juniper", " preference 200", "", "H009"),
        ("vyos", "distance '250'", "distance '255'", "H009"),
        ("frr-strongswan", "vpn1 250", "vpn1 255", "H009"),
        ("bird-strongswan", "preference 10", "preference 200", "H009"),
        ("cisco", "mask 255.255.255.0", "mask 255.255.0.0", "H005 H006"),
        ("cisco", "ip route 172.16.0.0 255.240.0.0 Tunnel1", "ip route 172.16.0.0 255.240.0.0 198.18.1.2", "H008"),
        ("cisco", "ip route 198.18.1.2 255.255.255.255 198.18.0.153\n", "", "H011"),
        ("juniper", "set security flow tcp-mss ipsec-vpn mss 1360\n", "", "H013"),
        ("cisco", " neighbor 10.0.0.1 fall-over bfd\n", "", "H012"),
        ("h3c", " peer 10.0.0.1 bfd\n", "", "H012"),
    ],
)
def test_one_change_for_the_worse_is_found(vendor: str, good: str, bad: str, rule: str) -> None:
    text = (GOLDEN / "vendors" / f"{vendor}-ikev2-static-ipv4.txt").read_text()
    assert good in text
    assert set(rules(text.replace(good, bad), vendor)) - {"H004"} == set(rule.split())


def test_a_key_in_a_wrong_line_is_not_repeated() -> None:
    findings = lint(read_gateway_text("bgp 65001\nneighbor 10.0.0.1 password sesame\n", "h3c"))
    assert [f.rule.id for f in findings] == ["H003"]
    assert "sesame" not in repr(findings)
