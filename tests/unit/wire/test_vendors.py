"""Every vendor's configuration of every kind of site, compared with what was read and approved.

Regenerate after reading the difference: `python -m tests.unit.wire.test_vendors --regenerate`.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.unit.wire.comware.terminal import OpenCipher

from twinspan.cli.site_file import check
from twinspan.engine.compile import compile_site
from twinspan.engine.compile.keys import keys_from, wanted_keys
from twinspan.engine.peer_configuration import peer_configuration
from twinspan.model.device_config import DeviceConfig
from twinspan.model.peer_configuration import PeerConfiguration, PeerText
from twinspan.model.secret import Secret
from twinspan.wire.comware.parse import parse
from twinspan.wire.vendors.h3c import comware_config
from twinspan.wire.vendors.render import render
from twinspan.wire.vendors.vendor import VENDORS
from twinspan.wire.vendors.writing import Page, revealed

ROOT = Path(__file__).parents[3]
GOLDEN = ROOT / "tests" / "golden" / "vendors"
CASES = [
    f"{ike}-{routing}-{family}"
    for ike in ("ikev1", "ikev2")
    for routing in ("static", "bgp")
    for family in ("ipv4", "dual")
]
PAIRS = [(vendor, case) for vendor in VENDORS for case in CASES]


def site_text(case: str) -> str:
    """A short site file of one kind."""
    ike, routing, family = case.split("-")
    dual = family == "dual"
    office = "172.16.0.0/12" + (", ipv6_cidr_block: 'fd00:2::/56'" if dual else "")
    circuit = (
        "virtual_border_routers: {vbr: {enable_ipv6: true, local_ipv6_gateway_ip: 'fd00:a::1', "
        "peer_ipv6_gateway_ip: 'fd00:a::2', ipv6_prefix_length: 126}}"
    )
    home = "office" if routing == "bgp" else "user"
    lines = [
        f"site: {case}",
        "data_center: {prefixes: [192.168.1.0/24]" + (", ipv6_prefixes: ['fd00:1::/64']}" if dual else "}"),
        f"gateway: {{public_address: 198.18.0.154, local_asn: 65001, ike_versions: [{ike}]}}",
        f"vpcs: {{office: {{cidr_block: {office}}}, user: {{cidr_block: 192.168.0.0/24}}}}",
        f"vpn_gateways: {{vpn-gateway: {{vpc: {home}}}}}",
        "ipsec_connections:",
        "  vpn:",
        f"    ike: {{version: {ike}, encryption: aes256, integrity: sha256, dh_group: group14}}",
        *(["    bgp: {tunnel_cidr: 169.254.10.0/30, local_ip: 169.254.10.1}"] if routing == "bgp" else []),
        *([circuit] if dual else []),
    ]
    return "\n".join(lines) + "\n"


def configs(text: str) -> tuple[DeviceConfig, PeerConfiguration]:
    """The gateway of a site file, and what another make in its place must be told. Each key is its own name."""
    result = check(text.encode(), "site.yaml")
    assert result.site is not None, [f.problem for f in result.findings]
    site = result.site
    keys = keys_from({name: Secret(f"key-{re.sub('[^a-z0-9]', '-', name)}") for name in wanted_keys(site)})
    config = compile_site(site, keys).configs["gateway"]
    return config, peer_configuration(config, site.gateway.isp_next_hop)


def written(vendor: str, case: str, *, show_secrets: bool = True) -> PeerText:
    return render(configs(site_text(case))[1], vendor, show_secrets=show_secrets)


@pytest.mark.parametrize(("vendor", "case"), PAIRS)
def test_the_gateway_of_a_site_is_told_exactly_this(vendor: str, case: str) -> None:
    assert written(vendor, case).text == (GOLDEN / f"{vendor}-{case}.txt").read_text()


def test_there_is_no_approved_text_without_its_case() -> None:
    assert sorted(p.stem for p in GOLDEN.glob("*.txt")) == sorted(f"{v}-{c}" for v, c in PAIRS)


@pytest.mark.parametrize(("vendor", "case"), PAIRS)
def test_no_secret_shows_unless_asked_for(vendor: str, case: str) -> None:
    config, _ = configs(site_text(case))
    keys = {t.psk.reveal() for t in config.tunnels}
    keys |= {p.auth_key.reveal() for p in (config.bgp.peers if config.bgp else ()) if p.auth_key}
    assert len(keys) >= 2
    hidden, shown = written(vendor, case, show_secrets=False).text, written(vendor, case).text
    assert [key for key in keys if key in hidden] == []
    assert [key for key in keys if key not in shown] == []


@pytest.mark.parametrize("case", CASES)
def test_the_h3c_text_loads_in_our_own_device_and_says_the_same(case: str) -> None:
    _, peer = configs(site_text(case))
    wanted = comware_config(Page(peer, VENDORS["h3c"], {}, revealed))
    ports = "".join(
        f"interface {name}\n port link-mode route\n twinspan binding {ours}\n#\n" for name, ours in wanted.names
    )
    read = parse(ports + render(peer, "h3c", show_secrets=True).text, OpenCipher())
    assert read.findings == ()
    assert sorted(read.config.links, key=repr) == sorted(wanted.links, key=repr)
    same = {"bgp": None, "names": (), "links": (), "site": ""}
    assert replace(read.config, **same) == replace(wanted, **same)
    assert read.config.bgp is not None
    assert wanted.bgp is not None
    assert read.config.bgp.originate == wanted.bgp.originate
    least = min(p.local_pref for p in wanted.bgp.peers)
    for got, asked in zip(read.config.bgp.peers, wanted.bgp.peers, strict=True):
        assert replace(got, local_pref=0) == replace(asked, local_pref=0)
        assert got.local_pref - 100 == asked.local_pref - least


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize(
    ("vendor", "pattern", "standby"),
    [
        ("h3c", r"^ ip route-static 172\.16\.0\.0 12 Tunnel1 track 1 preference (\d+)$", "200"),
        ("huawei", r"^ip route-static 172\.16\.0\.0 255\.240\.0\.0 Tunnel0/0/1 preference (\d+) track nqa", "200"),
        ("cisco", r"^ip route 172\.16\.0\.0 255\.240\.0\.0 Tunnel1 (\d+) track 1$", "250"),
        ("juniper", r"static route 172\.16\.0\.0/12 qualified-next-hop st0\.1 preference (\d+)$", "200"),
        ("vyos", r"static route 172\.16\.0\.0/12 interface vti1 distance '(\d+)'$", "250"),
        ("frr-strongswan", r"^ip route 172\.16\.0\.0/12 vpn1 (\d+)$", "250"),
        ("bird-strongswan", r"^protocol static standby1 {\n  ipv4 { preference (\d+); };$", "10"),
    ],
)
def test_the_standby_has_the_number_that_loses_to_bgp_there(vendor: str, pattern: str, standby: str, case: str) -> None:
    assert re.findall(pattern, written(vendor, case).text, re.MULTILINE) == [standby]


def test_the_standby_loses_to_bgp_by_every_table_of_numbers() -> None:
    for vendor in VENDORS.values():
        numbers = vendor.preferences
        for tunnel in (1, 2):
            worse = numbers.of_standby(tunnel)
            assert (worse < numbers.primary) if numbers.higher_wins else (worse > numbers.primary)
            assert worse != numbers.never


@pytest.mark.parametrize("vendor", VENDORS)
def test_what_is_not_expressed_is_in_the_text_field_by_field(vendor: str) -> None:
    one = written(vendor, "ikev2-static-dual")
    assert one.not_expressed
    for missing in one.not_expressed:
        assert f"  {missing.field}: {missing.reason}" in one.text


def test_multi_hop_bfd_is_said_by_every_vendor_that_tells_it_apart() -> None:
    peers = "bgp_peers: {vbr: {bfd_hop_count: 3}}\n"
    _, peer = configs(site_text("ikev2-static-ipv4") + peers)
    said = {
        "h3c": "peer 10.0.0.1 bfd multi-hop",
        "cisco": "neighbor 10.0.0.1 fall-over bfd multi-hop",
        "juniper": "set protocols bgp group vbr multihop ttl 3",
        "frr-strongswan": "neighbor 10.0.0.1 ebgp-multihop 3",
        "bird-strongswan": "multihop 3;",
    }
    for vendor, words in said.items():
        assert words in render(peer, vendor).text


if __name__ == "__main__":
    if sys.argv[1:] != ["--regenerate"]:
        sys.exit(__doc__)
    GOLDEN.mkdir(exist_ok=True)
    for one_vendor, one_case in PAIRS:
        (GOLDEN / f"{one_vendor}-{one_case}.txt").write_text(written(one_vendor, one_case).text)
