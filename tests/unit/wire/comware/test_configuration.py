"""wire.comware.configuration: what lines make of a config, what they refuse, what waits, what has no words."""

from __future__ import annotations

import pytest
from msgspec import structs
from tests.unit.wire.comware.terminal import OpenCipher, Terminal, gateway_of

from twinspan.model.cloud_management import CloudManagement, CloudServer
from twinspan.model.device_access import DeviceAccess, LocalUser
from twinspan.model.device_config import (
    Bfd,
    Bgp,
    BgpPeer,
    DeviceConfig,
    Link,
    NextHop,
    Originate,
    PolicyRule,
    StaticRoute,
)
from twinspan.model.secret import Secret
from twinspan.wire.comware.algorithms import comware_words, strongswan_words
from twinspan.wire.comware.names import Names, display_names
from twinspan.wire.comware.parse import ParsedConfig, blank_config, parse
from twinspan.wire.comware.render import render

CIPHER = OpenCipher()
FULL_CLOUD = CloudManagement(
    primary=CloudServer(domain="cloud.example", port=443, vpn_instance="mgmt", source_ip="192.0.2.1"),
    backups=(CloudServer(domain="b.example", ipv6=True), CloudServer(domain="a.example", port=8443)),
    port=443,
    keepalive_s=10,
    ping_s=600,
    password=Secret("p w?"),
    enrolment_token=Secret("token"),
    fingerprint="ab" * 32,
    dead_after_s=2.5,
    switch_back=True,
    certificate=True,
    dhcp_trust="first",
)


def through(config: DeviceConfig) -> ParsedConfig:
    """The config as text and back."""
    return parse(render(config, CIPHER).text, CIPHER)


def pasted(terminal: Terminal, text: str) -> DeviceConfig:
    for line in text.strip().splitlines():
        shown = terminal.line(line.strip())
        assert shown == "", shown
    return terminal.config


@pytest.mark.parametrize(
    "change",
    [
        {"cloud": FULL_CLOUD},
        {"cloud": CloudManagement()},
        {"cloud": CloudManagement(dhcp_link="isp")},
        {"cloud": structs.replace(FULL_CLOUD, dhcp_link="lan")},
        {"node": "gw 2", "site": "x y", "profile": "cloud", "generation": 7, "forwarding": False},
        {"access": DeviceAccess(sysname="branch")},
        {
            "access": DeviceAccess(
                ssh=True,
                ssh_port=2222,
                ssh_addresses=("192.0.2.1", "fd00::1"),
                users=(
                    LocalUser(name="admin", password=Secret("x"), ssh=True, role="network-admin"),
                    LocalUser(
                        name="guest", public_keys=("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5 guest", "ssh-rsa AAAAB3Nza")
                    ),
                ),
            )
        },
        {"shutdown": ("lan", "isp"), "descriptions": (("circuit", 'to "the" carrier?'),)},
        {"names": (("GigabitEthernet1/0/7", "isp"), ("Tunnel9", "t1"))},
        {"names": (("GigabitEthernet1/0/2", "lan"), ("GigabitEthernet1/0/1", "circuit"))},
        {"resolvers": ("192.0.2.53", "2001:db8::53"), "dhcp_client": "isp"},
        {"rules": (PolicyRule(priority=1, table="override", source="10.0.0.0/8"), PolicyRule(priority=1, table="x"))},
        {"tunnels": (), "routes": (), "probes": (), "failover": None, "dhcp": None, "bgp": None},
    ],
    ids=str,
)
def test_every_part_of_a_gateway_is_read_back(change: dict[str, object]) -> None:
    config = structs.replace(gateway_of("01-two-spans-site"), **change)
    rendered = render(config, CIPHER)
    read = parse(rendered.text, CIPHER)
    assert (rendered.not_expressed, read.findings, read.config) == ((), (), config)


@pytest.mark.parametrize(
    "change",
    [
        {"ike_proposal": "aes256gcm16-prfsha256-ecp256", "esp_proposal": "aes256gcm16"},
        {"ike_proposal": "aes128-sha1-modp1024", "esp_proposal": "3des-md5"},
        {"local_id": "site@example", "remote_id": "cloud.example"},
        {"local_ts": ("192.168.1.0/24",), "remote_ts": ("172.16.0.0/12", "100.64.0.0/10")},
        {"initiate": False, "dpd_delay_s": 0, "bandwidth_mbit": 200, "tcp_mss": 0, "mtu": 1380},
        {"ike_version": "ikev1", "ike_mode": "aggressive", "ike_proposal": "aes128-sha1-modp2048"},
        {"ike_lifetime_s": 3600, "ipsec_lifetime_s": 7200, "ike_port": 510, "nat_t_port": 4510},
        {"inner_addresses": ("169.254.10.2/30", "2001:db8::2/64")},
    ],
    ids=str,
)
def test_every_part_of_a_tunnel_is_read_back(change: dict[str, object]) -> None:
    base = gateway_of("01-two-spans-site")
    config = structs.replace(base, tunnels=(structs.replace(base.tunnels[0], **change),))
    assert (render(config, CIPHER).not_expressed, through(config).config) == ((), config)


@pytest.mark.parametrize(
    "change",
    [
        {"bfd": None, "auth_key": None, "import_limit": None},
        {
            "bfd": Bfd(min_tx_interval_ms=300, min_rx_interval_ms=500, detect_multiplier=4, hop_count=3),
            "ebgp_multihop": 3,
        },
        {
            "bfd": Bfd(min_tx_interval_ms=300, min_rx_interval_ms=500, detect_multiplier=4, hop_count=3),
            "ebgp_multihop": 9,
        },
        {"bfd": Bfd(min_tx_interval_ms=300, min_rx_interval_ms=300, detect_multiplier=3), "link": None, "tunnel": "t1"},
        {"local_asn": 65009, "span": None, "kernel": False, "local_pref": 50, "reflect": True},
        {"import_filters": (), "export_filters": ()},
        {"name": "peer_10", "hold_time_s": 180, "keepalive_interval_s": 60},
    ],
    ids=str,
)
def test_every_part_of_a_bgp_session_is_read_back(change: dict[str, object]) -> None:
    base = gateway_of("01-two-spans-site")
    assert base.bgp is not None
    peer = structs.replace(base.bgp.peers[0], **change)
    config = structs.replace(base, bgp=structs.replace(base.bgp, peers=(peer,)))
    assert (render(config, CIPHER).not_expressed, through(config).config) == ((), config)


def test_prefixes_without_a_span_are_plain_networks() -> None:
    config = structs.replace(
        blank_config(),
        bgp=Bgp(
            router_id="10.0.0.2",
            asn=65001,
            originate=(Originate(prefix="10.1.0.0/16"), Originate(prefix="2001:db8::/32")),
        ),
    )
    text = render(config, CIPHER).text
    assert ("network 10.1.0.0 16" in text, "network 2001:db8:: 32" in text, "twinspan network" in text) == (
        True,
        True,
        False,
    )
    assert through(config).config == config


def test_sessions_of_one_link_with_timers_of_their_own_keep_them() -> None:
    base = gateway_of("05-dual-stack-site")
    assert base.bgp is not None
    slow = Bfd(min_tx_interval_ms=1000, min_rx_interval_ms=1000, detect_multiplier=3)
    peers = tuple(structs.replace(p, bfd=slow) if p.family == "ipv6" else p for p in base.bgp.peers)
    config = structs.replace(base, bgp=structs.replace(base.bgp, peers=peers))
    assert through(config).config == config


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"routes": (StaticRoute(prefix="10.0.0.0/8", next_hops=(NextHop(link="gone"),)),)}, "gone"),
        ({"routes": (StaticRoute(prefix="10.0.0.0/8", next_hops=(NextHop(link="isp", track="gone"),)),)}, "gone"),
        ({"routes": (StaticRoute(prefix="10.0.0.0/8", next_hops=()),) * 2}, "10.0.0.0/8"),
        ({"shutdown": ("gone",)}, "gone"),
        ({"dhcp_client": "gone"}, "gone"),
        ({"cloud": CloudManagement(dhcp_link="gone")}, "gone"),
        ({"links": (Link(name="v", kind="vlan", parent="gone", vlan_id=7),)}, "gone"),
        ({"site": "two\nlines"}, "two"),
    ],
    ids=str,
)
def test_what_has_no_words_is_named(change: dict[str, object], named: str) -> None:
    config = structs.replace(blank_config(), **({"links": (Link(name="isp"),)} | change))
    assert any(named in what for what in render(config, CIPHER).not_expressed)


def test_two_sessions_with_one_address_are_named_and_the_first_is_written() -> None:
    peer = BgpPeer(name="a", local_address="10.0.0.2", peer_address="10.0.0.1", local_asn=1, peer_asn=2)
    config = structs.replace(
        blank_config(), bgp=Bgp(router_id="10.0.0.2", asn=1, peers=(peer, structs.replace(peer, name="b")))
    )
    rendered = render(config, CIPHER)
    assert len(rendered.not_expressed) == 1
    assert " description a" in rendered.text


def test_a_secret_from_another_device_is_a_finding_and_no_password() -> None:
    read = parse("cloud-management server password cipher $x$00\n", CIPHER)
    assert read.config.cloud == CloudManagement()
    assert [finding.problem for finding in read.findings] == [
        "The cipher text cannot be read here: it was made with another passphrase, or is damaged."
    ]


def test_a_text_in_plain_secrets_is_read_too() -> None:
    read = parse('cloud-management server password simple "a b"\n', CIPHER)
    assert read.config.cloud == CloudManagement(password=Secret("a b"))


def test_a_wrong_line_is_found_with_its_number_and_the_others_are_read() -> None:
    read = parse("sysname x\nnonsense\ninterface LoopBack0\n ip address 10.0.0.1 33\nreturn\nquit\n", CIPHER)
    assert [(f.line, f.text, f.problem) for f in read.findings] == [
        (2, "nonsense", "Unrecognized command found (column 1)"),
        (4, "ip address 10.0.0.1 33", "Wrong parameter found (column 21)"),
    ]
    assert read.config.links == (Link(name="lo", kind="loopback"),)


def test_a_command_that_does_something_is_no_line_of_a_text() -> None:
    assert len(parse("save force\n", CIPHER).findings) == 1


def test_undo_in_a_text_takes_a_line_back() -> None:
    assert parse("dns server 192.0.2.1\nundo dns server\n", CIPHER).config.resolvers == ()


# ------------------------------------------------------------------------------------------- the seed's commands


def test_without_its_options_a_server_has_none() -> None:
    assert parse("cloud-management server domain Cloud.Example", CIPHER).config.cloud == CloudManagement(
        primary=CloudServer(domain="Cloud.Example")
    )


def test_the_eighth_backup_is_the_last(system: Terminal) -> None:
    for number in range(8):
        assert system.line(f"cloud-management backup-server domain s{number}.example") == ""
    assert "at most 8 backup servers" in system.line("cloud-management backup-server domain s9.example")
    assert system.config.cloud is not None
    assert len(system.config.cloud.backups) == 8


def test_a_name_has_three_ports_primary_and_backups_together(system: Terminal) -> None:
    for line in ("server domain a port 1", "backup-server domain a port 2", "backup-server domain a port 3"):
        assert system.line(f"cloud-management {line}") == ""
    assert "at most 3 ports" in system.line("cloud-management backup-server domain a port 4")


def test_a_server_that_is_named_already_is_refused_where_it_is_typed(system: Terminal) -> None:
    system.line("cloud-management server domain a")
    said = system.line("cloud-management backup-server domain A port 19443")
    assert "A server is named once." in said
    assert "remove one of them" in said
    assert system.config.cloud is not None
    assert system.config.cloud.backups == ()


def test_a_second_primary_replaces_the_first_and_a_backup_its_like(system: Terminal) -> None:
    system.lines(
        "cloud-management server domain a",
        "cloud-management server domain b",
        "cloud-management backup-server domain c port 1 source-ip 10.0.0.1",
        "cloud-management backup-server domain c port 1",
    )
    assert system.config.cloud == CloudManagement(
        primary=CloudServer(domain="b"), backups=(CloudServer(domain="c", port=1),)
    )


@pytest.mark.parametrize(("undo", "left"), [("domain a port 1", 2), ("domain a", 1), ("domain", 0)])
def test_backups_are_removed_one_by_one_by_name_or_all(system: Terminal, undo: str, left: int) -> None:
    for server in ("a port 1", "a port 2", "b"):
        system.line(f"cloud-management backup-server domain {server}")
    system.line(f"undo cloud-management backup-server {undo}")
    backups = system.config.cloud.backups if system.config.cloud else ()
    assert len(backups) == left


@pytest.mark.parametrize(
    ("setting", "undo", "field"),
    [
        ("keepalive 60", "keepalive", "keepalive_s"),
        ("ping 30", "ping", "ping_s"),
        ("server port 443", "server port", "port"),
        ("server password simple x", "server password", "password"),
        ("server domain a", "server domain", "primary"),
    ],
)
def test_undo_gives_the_default_back(system: Terminal, setting: str, undo: str, field: str) -> None:
    system.line("twinspan cloud-management enable")
    system.line(f"cloud-management {setting}")
    assert getattr(system.config.cloud, field) != getattr(CloudManagement(), field)
    system.line(f"undo cloud-management {undo}")
    assert system.config.cloud == CloudManagement()


@pytest.mark.parametrize(
    ("line", "good"),
    [
        ("keepalive 10", True),
        ("keepalive 600", True),
        ("keepalive 9", False),
        ("keepalive 601", False),
        ("ping 10", True),
        ("ping 601", False),
        ("server port 1", True),
        ("server port 65535", True),
        ("server port 0", False),
        ("server port 65536", False),
        (f"server domain {'d' * 253}", True),
        (f"server domain {'d' * 254}", False),
        (f"server domain d vpn-instance {'v' * 31}", True),
        (f"server domain d vpn-instance {'v' * 32}", False),
        (f"server password simple {'p' * 63}", True),
        (f"server password simple {'p' * 64}", False),
        ("server domain d source-ip 300.0.0.1", False),
    ],
)
def test_the_commands_keep_their_ranges(system: Terminal, line: str, good: bool) -> None:
    assert ("Wrong parameter" in system.line(f"cloud-management {line}")) is not good


# ---------------------------------------------------------------------------------------------- other nouns


def test_vlan_interface_1_stands_for_a_port(system: Terminal) -> None:
    config = pasted(
        system,
        """
        interface GigabitEthernet1/0/1
        twinspan binding wan0
        interface Vlan-interface1
        ip address dhcp-alloc
        twinspan port GigabitEthernet1/0/1
        """,
    )
    assert config.cloud == CloudManagement(dhcp_link="wan0")


def test_an_address_by_dhcp_displaces_a_fixed_one_and_the_other_way_round(system: Terminal) -> None:
    pasted(system, "interface GigabitEthernet1/0/1\ntwinspan binding e\nip address 10.0.0.1 24\nip address dhcp-alloc")
    assert (system.config.links[0].addresses, system.config.dhcp_client) == ((), "e")
    system.line("ip address 10.0.0.2 24")
    assert (system.config.links[0].addresses, system.config.dhcp_client) == (("10.0.0.2/24",), None)


def test_one_interface_asks_for_its_address(system: Terminal) -> None:
    for number in (1, 2):
        pasted(system, f"interface GigabitEthernet1/0/{number}\ntwinspan binding e{number}")
    system.line("ip address dhcp-alloc")
    system.line("interface GigabitEthernet1/0/1")
    assert "One interface can be a DHCP client" in system.line("ip address dhcp-alloc")
    assert system.config.dhcp_client == "e2"


def test_shutdown_holds_a_link_down_and_undo_lets_it_up(gateway: Terminal) -> None:
    gateway.lines("interface GigabitEthernet1/0/2", "shutdown")
    assert gateway.config.shutdown == ("circuit",)
    gateway.line("undo shutdown")
    assert gateway.config.shutdown == ()


def test_a_loopback_is_never_shut(gateway: Terminal) -> None:
    gateway.line("interface LoopBack0")
    assert "never shut" in gateway.line("shutdown")
    assert gateway.config.shutdown == ()


def test_a_subinterface_is_a_vlan_of_its_port(system: Terminal) -> None:
    config = pasted(
        system,
        """
        interface GigabitEthernet1/0/1
        twinspan binding eth0
        interface GigabitEthernet1/0/1.5
        vlan-type dot1q vid 100
        ip address 10.0.0.2 30
        """,
    )
    assert config.links[1] == Link(name="eth0.100", kind="vlan", parent="eth0", vlan_id=100, addresses=("10.0.0.2/30",))
    assert config.names == (("GigabitEthernet1/0/1.5", "eth0.100"),)
    assert through(config).config == config


def test_the_order_of_ways_is_the_order_of_lines(gateway: Terminal) -> None:
    gateway.lines("ip route-static 10.9.0.0 16 198.18.0.153", "ip route-static 10.9.0.0 16 Tunnel1 preference 60")
    assert gateway.config.routes[-1] == StaticRoute(
        prefix="10.9.0.0/16", next_hops=(NextHop(link="isp", via="198.18.0.153"), NextHop(tunnel="t1"))
    )
    gateway.line("undo ip route-static 10.9.0.0 16 198.18.0.153")
    assert gateway.config.routes[-1].next_hops == (NextHop(tunnel="t1"),)


def test_a_route_to_null0_refuses_its_prefix(gateway: Terminal) -> None:
    gateway.line("ip route-static 10.9.0.0 255.255.0.0 NULL0")
    assert gateway.config.routes[-1] == StaticRoute(prefix="10.9.0.0/16", next_hops=())


@pytest.mark.parametrize(("preference", "role"), [(1, "fixed"), (60, "fixed"), (61, "standby"), (255, "standby")])
def test_a_preference_above_the_default_makes_a_standby(gateway: Terminal, preference: int, role: str) -> None:
    gateway.line(f"ip route-static 10.9.0.0 16 Tunnel1 preference {preference}")
    assert gateway.config.routes[-1].role == role


def test_a_track_that_is_not_there_keeps_its_route_waiting(gateway: Terminal) -> None:
    before = gateway.config
    gateway.line("ip route-static 10.9.0.0 16 Tunnel1 track 3")
    assert gateway.config == before
    assert "track 3 is not defined" in gateway.line("display twinspan pending")
    gateway.line('track 3 nqa entry twinspan "tunnel t1" reaction 1')
    assert gateway.config.routes[-1].next_hops == (NextHop(tunnel="t1", track="tunnel t1"),)
    assert ("track 3", "tunnel t1") in gateway.config.names


def test_a_probe_runs_once_it_is_scheduled(gateway: Terminal) -> None:
    gateway.lines("nqa entry admin x", "type icmp-echo", "destination ip 10.0.0.1", "source ip 10.0.0.2", "return")
    count = len(gateway.config.probes)
    gateway.lines("system-view", "nqa schedule admin x start-time now lifetime forever")
    assert [p.name for p in gateway.config.probes[count:]] == ["x"]


def test_a_tunnel_without_its_key_waits_and_says_for_what(gateway: Terminal) -> None:
    gateway.lines("ikev2 keychain t1", "undo peer t1")
    assert gateway.config.tunnels == ()
    assert "pre-shared key" in gateway.line("display twinspan pending")


def test_removing_a_peer_removes_all_that_is_said_of_it(gateway: Terminal) -> None:
    gateway.lines("bgp 65001", "undo peer 10.0.0.1")
    assert gateway.config.bgp is not None
    assert gateway.config.bgp.peers == ()
    assert "10.0.0.1" not in gateway.line("display this")


def test_a_peers_address_decides_its_own_when_none_is_said(system: Terminal) -> None:
    config = pasted(
        system,
        """
        interface GigabitEthernet1/0/1
        twinspan binding eth0
        ip address 10.0.0.2 30
        bgp 65001
        router-id 10.0.0.2
        peer 10.0.0.1 as-number 45104
        address-family ipv4
        peer 10.0.0.1 enable
        """,
    )
    assert config.bgp is not None
    assert (config.bgp.peers[0].local_address, config.bgp.peers[0].name) == ("10.0.0.2", "peer_10_0_0_1")


def test_a_dhcp_pool_serves_once_it_is_applied(gateway: Terminal) -> None:
    gateway.lines("interface GigabitEthernet1/0/1", "undo dhcp server apply ip-pool")
    assert gateway.config.dhcp is None
    gateway.line("dhcp server apply ip-pool lan")
    assert gateway.config.dhcp == gateway_of("01-two-spans-site").dhcp


def test_interfaces_have_their_linux_names_and_running_tunnels_their_devices() -> None:
    config = gateway_of("04-vlan-site")
    names = Names(config)
    assert names.interface_of_link["circuit"] == "GigabitEthernet1/0/2"
    assert display_names(config)["lo"] == "LoopBack0"
    assert names.link("GigabitEthernet1/0/1") == "lan"
    assert names.link("Tunnel1") is None
    assert names.tunnel("Tunnel1") == config.tunnels[0].name


@pytest.mark.parametrize("proposal", ["aes256-sha256-modp2048", "aes128-sha1-modp1024", "3des-md5", "aes256-sha512"])
def test_a_proposal_in_comwares_words_is_the_same_proposal(proposal: str) -> None:
    words = comware_words(proposal)
    assert words is not None
    assert strongswan_words(words.cipher, words.hash, words.group) == proposal
