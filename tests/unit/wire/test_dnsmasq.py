"""dnsmasq's configuration files."""

from __future__ import annotations

import msgspec
import pytest

from twinspan.model.device_config import DeviceConfig, DhcpServer, DnsServer
from twinspan.model.errors import Rejected
from twinspan.model.secret import Secret
from twinspan.wire.dnsmasq import render_dhcp_options, render_dnsmasq

CLOUD = DnsServer(
    listen_addresses=("100.100.2.136", "100.100.2.138"),
    records=(("desk.aliyuncs.com", "100.100.64.10"),),
    local_suffixes=("aliyuncs.com",),
)
FORWARDER = DnsServer(
    listen_addresses=("192.168.1.1",),
    forward_suffixes=("aliyuncs.com",),
    forwarders=("100.100.2.136", "100.100.2.138"),
)
DHCP = DhcpServer(
    link="lan",
    range_start="192.168.1.128",
    range_end="192.168.1.199",
    netmask="255.255.255.0",
    router="192.168.1.1",
    dns_servers=("100.100.2.136", "100.100.2.138"),
    lease_s=600,
)


def render(dns: DnsServer | None = None, dhcp: DhcpServer | None = None) -> dict[str, list[str]]:
    config = DeviceConfig(node="n", role="services", site="s", dns=dns, dhcp=dhcp)
    return {name: text.splitlines() for name, text in render_dnsmasq(config).items()}


def test_a_node_without_services_runs_no_dnsmasq() -> None:
    assert render() == {}


def test_each_listen_address_is_a_process_of_its_own() -> None:
    found = render(CLOUD)
    assert set(found) == {"dns-100.100.2.136", "dns-100.100.2.138"}
    for name, lines in found.items():
        assert [line for line in lines if line.startswith("listen-address=")] == [f"listen-address={name[4:]}"]
        assert "host-record=desk.aliyuncs.com,100.100.64.10" in lines
        assert "local=/aliyuncs.com/" in lines
        assert "no-resolv" in lines
        assert "no-hosts" in lines


def test_only_the_one_suffix_is_forwarded_to_all_servers_at_once_from_the_listen_address() -> None:
    lines = render(FORWARDER)["dns-192.168.1.1"]
    assert [line for line in lines if line.startswith("server=")] == [
        "server=/aliyuncs.com/100.100.2.136@192.168.1.1",
        "server=/aliyuncs.com/100.100.2.138@192.168.1.1",
    ]
    assert "all-servers" in lines


def test_an_ipv6_forwarder_is_not_bound_to_an_ipv4_source() -> None:
    mixed = msgspec.structs.replace(FORWARDER, forwarders=("fd00::53",))
    assert "server=/aliyuncs.com/fd00::53" in render(mixed)["dns-192.168.1.1"]


def test_dhcp_answers_on_its_link_alone_and_serves_no_names() -> None:
    lines = render(dhcp=DHCP)["dhcp"]
    assert "port=0" in lines
    assert "interface=lan" in lines
    assert "dhcp-range=192.168.1.128,192.168.1.199,255.255.255.0,600" in lines
    assert "dhcp-option=option:router,192.168.1.1" in lines
    assert "dhcp-option=option:dns-server,100.100.2.136,100.100.2.138" in lines
    assert {"dhcp-authoritative", "dhcp-sequential-ip", "no-ping"} <= set(lines)


def test_dhcp_without_resolvers_sends_no_dns_option() -> None:
    lines = render(dhcp=msgspec.structs.replace(DHCP, dns_servers=()))["dhcp"]
    assert not any("dns-server" in line for line in lines)


@pytest.mark.parametrize(
    ("dns", "field"),
    [
        (msgspec.structs.replace(CLOUD, listen_addresses=("1.2.3.4\ndhcp-script=/bin/x",)), "dns.listen_addresses"),
        (msgspec.structs.replace(CLOUD, records=(("a,b", "1.2.3.4"),)), "dns.records"),
        (msgspec.structs.replace(CLOUD, records=(("a.b", "1.2.3.4,x"),)), "dns.records"),
        (msgspec.structs.replace(CLOUD, local_suffixes=("a/b",)), "dns.local_suffixes"),
        (msgspec.structs.replace(FORWARDER, forward_suffixes=("a\nconf-file=/etc/shadow",)), "dns.forward_suffixes"),
        (msgspec.structs.replace(FORWARDER, forwarders=("1.2.3.4@eth0",)), "dns.forwarders"),
    ],
)
def test_a_value_that_could_smuggle_in_a_setting_is_refused_by_its_field(dns: DnsServer, field: str) -> None:
    with pytest.raises(Rejected, match=field):
        render(dns)


@pytest.mark.parametrize(
    "change", [{"link": "lan\nx"}, {"range_start": "a"}, {"netmask": "/24"}, {"router": ""}, {"dns_servers": ("x",)}]
)
def test_a_dhcp_value_that_is_none_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(Rejected, match=f"dhcp.{next(iter(change))}"):
        render(dhcp=msgspec.structs.replace(DHCP, **change))


def test_every_suffix_is_forwarded_and_all_else_goes_upstream() -> None:
    dns = msgspec.structs.replace(
        FORWARDER, forward_suffixes=("aliyuncs.com", "example.net"), upstream_servers=("192.168.1.53",)
    )
    (text,) = render_dnsmasq(DeviceConfig(node="gateway", role="gateway", site="s", dns=dns)).values()
    assert "server=/example.net/" in text
    assert "server=/aliyuncs.com/" in text
    assert "\nserver=192.168.1.53\n" in text


def test_what_names_the_cloud_server_stands_in_a_file_of_its_own() -> None:
    dhcp = msgspec.structs.replace(DHCP, cloud_domain="cloud.example.com", cloud_password=Secret("pa,ss"))
    config = DeviceConfig(node="n", role="gateway", site="s", dhcp=dhcp)
    assert render_dnsmasq(config)["dhcp"] == render_dnsmasq(msgspec.structs.replace(config, dhcp=DHCP))["dhcp"]
    lines = render_dhcp_options(config).splitlines()
    assert [line for line in lines if not line.startswith("#")] == [
        '253,"cloud.example.com"',
        '252,"pa,ss"',
    ]
    assert render_dhcp_options(msgspec.structs.replace(config, dhcp=DHCP)) == ""
    assert render_dhcp_options(msgspec.structs.replace(config, dhcp=None)) == ""


@pytest.mark.parametrize("change", [{"cloud_domain": "a\n252,x"}, {"cloud_password": Secret("two\nlines")}])
def test_a_cloud_server_that_no_client_would_take_is_refused_with_the_rest_of_the_config(
    change: dict[str, object],
) -> None:
    with pytest.raises(Rejected, match=next(iter(change))) as raised:
        render(dhcp=msgspec.structs.replace(DHCP, **change))
    assert "two" not in str(raised.value)
