"""What the machine lacks is said in one sentence with the way out, before anything is begun."""

import os
import shutil
from pathlib import Path

import pytest

from twinspan.lab import requirements
from twinspan.model.deployment import Deployment, Endpoint, Expectation, Topology
from twinspan.model.device_config import Bgp, DeviceConfig, DnsServer, IpsecTunnel
from twinspan.model.errors import Unavailable
from twinspan.model.secret import Secret


def deployment(**fields: object) -> Deployment:
    config = DeviceConfig(node="gateway", role="gateway", site="s", **fields)
    return Deployment(
        site="s", profile="edge", region="r", topology=Topology(nodes=("gateway",), wires=(), segments=()),
        configs={"gateway": config}, site_endpoint=Endpoint(node="gateway", address="10.0.0.2"),
        cloud_endpoint=Endpoint(node="gateway", address="10.0.0.1"),
        expectation=Expectation(
            bfd_interval_ms=None, bfd_multiplier=None, probe_interval_ms=1, probe_lost_threshold=1, hold_time_s=3,
            hold_down_s=1, health_check_interval_s=None, health_check_packets=None, max_outage_ms=1,
        ),
        dns_name="", site_prefixes=(), cloud_prefixes=(),
    )  # fmt: skip


TUNNEL = IpsecTunnel(
    name="t1", local_address="198.18.0.1", remote_address="198.18.0.2", local_id="a", remote_id="b", psk=Secret("k")
)


def test_everybody_but_root_is_told_to_use_sudo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(Unavailable, match=r"needs root \(run the same command with sudo\)"):
        requirements.require_root()


def test_each_missing_program_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(requirements, "SEARCH_PATH", str(tmp_path))
    monkeypatch.setattr(requirements, "CHARON", tmp_path / "charon")
    monkeypatch.setattr(requirements, "PLUGINS", tmp_path)
    site = deployment(
        bgp=Bgp(router_id="1.1.1.1", asn=1), tunnels=(TUNNEL,), dns=DnsServer(listen_addresses=("10.0.0.1",))
    )
    assert requirements.missing_packages(site) == {
        "iproute2": ["ip"],
        "nftables": ["nft"],
        "bird2": ["bird", "birdc"],
        "dnsmasq-base": ["dnsmasq"],
        "strongswan-charon": ["charon"],
        "libcharon-extra-plugins": ["libstrongswan-kernel-libipsec.so"],
        "strongswan-swanctl": ["libstrongswan-vici.so"],
        "libstrongswan-standard-plugins": ["libstrongswan-openssl.so"],
    }
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(Unavailable, match="apt-get install --no-install-recommends bird2 dnsmasq-base iproute2"):
        requirements.require(site, tmp_path)


def test_a_site_without_vpn_dns_or_bgp_needs_no_daemon(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(requirements, "SEARCH_PATH", str(tmp_path))
    assert set(requirements.missing_packages(deployment())) == {"iproute2", "nftables"}


def test_a_full_disk_is_told_before_it_hurts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    requirements.require_space(tmp_path / "not" / "yet", 1)
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=5 << 20))
    with pytest.raises(Unavailable, match=r"has 5 MiB free, a lab needs 32 MiB"):
        requirements.require_space(tmp_path / "not" / "yet")
