"""The vendors: which number means "primary" and which "standby" on each, its usual ports, its way back.

In: nothing. Out: `VENDORS`. One number cannot serve all: 255 is "never installed" on Cisco and FRR, and the same as a
BGP route on Comware and VRP; a static route beats BGP on Junos and loses to it on Comware. So a renderer asks for the
role and takes the number from here. Next: `writing.py`.
"""

from __future__ import annotations

import msgspec


class Preferences(msgspec.Struct, frozen=True, kw_only=True):
    """Administrative distances (Cisco, FRR, VyOS) or preferences (the others): the lower one wins, except in BIRD."""

    primary: int
    """eBGP over the circuit and in the tunnel, as this text leaves or makes it."""
    standby: int
    """Static routes through the first tunnel; the next tunnel takes the next worse number."""
    default_static: int
    """What a static route has that says nothing."""
    never: int | None = None
    """A route with it is never installed."""
    higher_wins: bool = False

    def of_standby(self, number: int) -> int:
        """The number of the static routes through tunnel `number`, from 1."""
        return self.standby - (number - 1) if self.higher_wins else self.standby + number - 1


class Vendor(msgspec.Struct, frozen=True, kw_only=True):
    """What stands around a configuration."""

    name: str
    title: str
    comment: str
    """Begins a comment line."""
    preferences: Preferences
    ports: tuple[str, str, str]
    """Names of the ports to the data centre, the circuit and the Internet, where nobody gives others."""
    order: tuple[str, ...]
    verify: tuple[str, ...]
    rollback: tuple[str, ...]
    manual: str
    """Where the words stand."""


_LINUX_VERIFY = ("swanctl --list-sas", "ip route get 172.16.0.1")

VENDORS: dict[str, Vendor] = {
    vendor.name: vendor
    for vendor in (
        Vendor(
            name="h3c",
            title="H3C Comware 7",
            comment="#",
            preferences=Preferences(primary=50, standby=200, default_static=60),
            ports=("GigabitEthernet1/0/1", "GigabitEthernet1/0/2", "GigabitEthernet1/0/3"),
            order=(
                "system-view, then this text from top to bottom: ports, IKE and IPsec, tunnel, probe, routes, BGP",
                "the route to the VPN gateway leaves by the Internet port; enter it before the tunnel is tried",
                "on a firewall put the Internet port and the tunnel into security zones and allow UDP 500, 4500, ESP",
            ),
            verify=(
                "display bgp peer ipv4",
                "display bfd session",
                "display ike sa (IKEv1), display ikev2 sa (IKEv2)",
                "display ipsec sa",
                "display track all",
                "display ip routing-table 172.16.0.1 verbose",
            ),
            rollback=(
                "before: save safely, then configuration commit delay 10",
                "if all is well: configuration commit; if not, do nothing: the device goes back after 10 minutes",
            ),
            manual="H3C command references: Layer 3 IP Routing (BGP, static routing), Security (IKE, IKEv2, IPsec), "
            "Network Management (NQA), High Availability (BFD, Track)",
        ),
        Vendor(
            name="huawei",
            title="Huawei VRP",
            comment="#",
            preferences=Preferences(primary=50, standby=200, default_static=60),
            ports=("GigabitEthernet0/0/1", "GigabitEthernet0/0/2", "GigabitEthernet0/0/3"),
            order=(
                "system-view, then this text from top to bottom: ports, IKE and IPsec, tunnel, probe, routes, BGP",
                "exempt tunnelled traffic from NAT on the Internet port; allow UDP 500, 4500 and ESP to the device",
            ),
            verify=(
                "display bgp peer",
                "display bfd session all",
                "display ike sa",
                "display ipsec sa",
                "display nqa results",
                "display ip routing-table 172.16.0.1 verbose",
            ),
            rollback=(
                "two-phase devices (VRP8): commit trial 600, then commit; without it the device goes back by itself",
                "VRP5: save first, schedule reboot delay 10, then undo schedule reboot and save when all is well",
            ),
            manual="Huawei AR and USG command references: IPsec, BGP, NQA, BFD",
        ),
        Vendor(
            name="cisco",
            title="Cisco IOS-XE",
            comment="!",
            preferences=Preferences(primary=20, standby=250, default_static=1, never=255),
            ports=("GigabitEthernet0/0/0", "GigabitEthernet0/0/1", "GigabitEthernet0/0/2"),
            order=(
                "configure terminal revert timer 10 first, then this text from top to bottom",
                "NAT on the Internet port must leave out tunnelled traffic; allow UDP 500, 4500 and ESP to the device",
            ),
            verify=(
                "show bgp ipv4 unicast summary",
                "show bfd neighbors",
                "show crypto ikev2 sa (IKEv2), show crypto isakmp sa (IKEv1)",
                "show crypto ipsec sa",
                "show track",
                "show ip route 172.16.0.1",
            ),
            rollback=(
                "needs: archive, path flash:backup",
                "configure terminal revert timer 10; configure confirm when all is well, else it goes back",
            ),
            manual="Cisco IOS-XE configuration guides: IP Routing BGP, Security and VPN (IKEv2, IPsec VTI), IP SLAs",
        ),
        Vendor(
            name="juniper",
            title="Junos SRX",
            comment="#",
            preferences=Preferences(primary=170, standby=200, default_static=5),
            ports=("ge-0/0/0", "ge-0/0/1", "ge-0/0/2"),
            order=(
                "configure exclusive, load set terminal, this text, commit check",
                "the policies here let everything pass between site and cloud; narrow them to what the site allows",
            ),
            verify=(
                "show bgp summary",
                "show bfd session",
                "show security ike security-associations",
                "show security ipsec security-associations",
                "show route 172.16.0.1",
            ),
            rollback=("commit confirmed 10; commit again when all is well, else it goes back after 10 minutes",),
            manual="Junos OS: BGP User Guide, IPsec VPN User Guide for Security Devices, BFD",
        ),
        Vendor(
            name="vyos",
            title="VyOS 1.4",
            comment="#",
            preferences=Preferences(primary=20, standby=250, default_static=1, never=255),
            ports=("eth0", "eth1", "eth2"),
            order=("configure, then this text from top to bottom, compare, commit-confirm 10",),
            verify=(
                "show bgp summary",
                "show bfd peers",
                "show vpn ike sa",
                "show vpn ipsec sa",
                "show ip route 172.16.0.1",
            ),
            rollback=(
                "commit-confirm 10; confirm when all is well, else it goes back after 10 minutes, on 1.4 by a reboot",
            ),
            manual="VyOS 1.4 user guide: VPN IPsec site-to-site, VTI, BGP, BFD, static routes",
        ),
        Vendor(
            name="frr-strongswan",
            title="FRR and strongSwan on Linux",
            comment="#",
            preferences=Preferences(primary=20, standby=250, default_static=1, never=255),
            ports=("lan", "circuit", "isp"),
            order=(
                "addresses of the ports first, in whatever configures them; then the files of this text",
                "run links.sh, start strongSwan, swanctl --load-all, then FRR, then guard.sh as a service",
            ),
            verify=("vtysh -c 'show bgp summary'", "vtysh -c 'show bfd peers'", *_LINUX_VERIFY),
            rollback=(
                "copy /etc/frr and /etc/swanctl; systemd-run --on-active=10m with the script that copies them back, ",
                "runs frr-reload.py --reload and swanctl --load-all; stop that timer when all is well",
            ),
            manual="FRR user guide: BGP, BFD, static routes; strongSwan: swanctl.conf, route-based VPN",
        ),
        Vendor(
            name="bird-strongswan",
            title="BIRD 2 and strongSwan on Linux",
            comment="#",
            preferences=Preferences(primary=100, standby=10, default_static=200, higher_wins=True),
            ports=("lan", "circuit", "isp"),
            order=(
                "addresses of the ports first, in whatever configures them; then the files of this text",
                "run links.sh, start strongSwan, swanctl --load-all, then BIRD, then guard.sh as a service",
            ),
            verify=("birdc show protocols all", "birdc show bfd sessions", *_LINUX_VERIFY),
            rollback=(
                "birdc configure timeout 600, then birdc configure confirm; else BIRD goes back by itself",
                "swanctl has none: copy /etc/swanctl first, and load the copy again",
            ),
            manual="BIRD 2.0 user's guide: BGP, BFD, Static; strongSwan: swanctl.conf, route-based VPN",
        ),
    )
}
