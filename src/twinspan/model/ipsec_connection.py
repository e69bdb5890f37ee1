"""IPsec connection: one or two tunnels between a VPN gateway and the data centre.

In: nothing. Out: `IpsecConnectionSpec`, `tunnels_of` (the same view of one and of two tunnels).
Next: `destination_route.py`.
"""

from typing import Annotated, Literal

from msgspec import Struct

from twinspan.model.fields import SEED_STEP_2, TWINSPAN, ResourceSpec, about
from twinspan.model.ike import IkeSpec, IpsecSpec, TunnelBgpSpec
from twinspan.model.secret_source import SecretSource

CREATE = "CreateVpnConnection"
ANY = "0.0.0.0/0"

TunnelRole = Literal["master", "slave"]


class IpsecHealthCheckSpec(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Probes through a single tunnel; a connection whose probes die counts as down although its SAs are up."""

    destination_ip: Annotated[
        str,
        about(
            "What is probed: an address in the data centre.",
            source=SEED_STEP_2,
            form="ipv4",
            filled="the gateway's address in the data centre",
            api="dip",
        ),
    ] = ""
    source_ip: Annotated[
        str,
        about(
            "Source of the probes: an address in the VPC.",
            source=SEED_STEP_2,
            form="ipv4",
            filled="an address of the VPN gateway's vSwitch",
            api="sip",
        ),
    ] = ""
    interval_s: Annotated[
        int, about("Time between probes.", source=CREATE, unit="s", ge=1, le=60, cloud_default=3, api="interval")
    ] = 3
    retries: Annotated[
        int, about("Probes lost in a row that mean failure.", source=CREATE, ge=1, le=10, cloud_default=3, api="retry")
    ] = 3
    policy: Annotated[
        Literal["revoke_route", "reserve_route"],
        about("What happens to the connection's routes on failure.", source=CREATE, api="Policy"),
    ] = "revoke_route"


class TunnelSpec(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One of the two tunnels of a connection. Empty parts are the connection's own."""

    role: Annotated[TunnelRole, about("master carries traffic while it is up.", source=CREATE, api="Role")]
    customer_gateway: Annotated[
        str,
        about(
            "The far end of this tunnel.",
            source=CREATE,
            ref="CustomerGateway",
            filled="the connection's customer gateway",
            api="CustomerGatewayId",
        ),
    ] = ""
    psk: Annotated[SecretSource | None, about("Pre-shared key of this tunnel.", source=CREATE, api="Psk")] = None
    ike: Annotated[IkeSpec | None, about("Phase 1 of this tunnel.", source=CREATE)] = None
    ipsec: Annotated[IpsecSpec | None, about("Phase 2 of this tunnel.", source=CREATE)] = None
    bgp: Annotated[TunnelBgpSpec | None, about("BGP inside this tunnel.", source=CREATE)] = None


class IpsecConnectionSpec(ResourceSpec, frozen=True, kw_only=True):
    """One tunnel (`tunnels` empty) or two. `local` is the VPN gateway's side, `remote` the data centre's."""

    vpn_gateway: Annotated[
        str,
        about(
            "The VPN gateway.",
            source=SEED_STEP_2,
            ref="VpnGateway",
            filled="the only VPN gateway",
            immutable=True,
            api="VpnGatewayId",
        ),
    ] = ""
    customer_gateway: Annotated[
        str,
        about(
            "The far end.",
            source=SEED_STEP_2,
            ref="CustomerGateway",
            filled="the only customer gateway",
            immutable=True,
            api="CustomerGatewayId",
        ),
    ] = ""
    local_subnets: Annotated[
        tuple[str, ...],
        about(
            "Protected prefixes on the cloud's side; 0.0.0.0/0 on both sides leaves the choice to routes.",
            source=CREATE,
            form="ipv4-prefix",
            min_length=1,
            max_length=5,
            api="LocalSubnet",
        ),
    ] = (ANY,)
    remote_subnets: Annotated[
        tuple[str, ...],
        about(
            "Protected prefixes on the data centre's side.",
            source=CREATE,
            form="ipv4-prefix",
            min_length=1,
            max_length=5,
            api="RemoteSubnet",
        ),
    ] = (ANY,)
    effect_immediately: Annotated[
        bool,
        about(
            "Negotiate now and stay up, instead of on the first packet: a standby must be warm.",
            source=CREATE,
            cloud_default=False,
            api="EffectImmediately",
        ),
    ] = True
    auto_config_route: Annotated[
        bool, about("Routes for the protected prefixes are made by themselves.", source=CREATE, api="AutoConfigRoute")
    ] = True
    enable_dpd: Annotated[bool, about("Dead peer detection.", source=CREATE, api="EnableDpd")] = True
    dpd_delay_s: Annotated[
        int,
        about("Silence after which the peer is asked for a sign of life.", source=TWINSPAN, unit="s", ge=1, le=3600),
    ] = 2
    enable_nat_traversal: Annotated[
        bool, about("UDP encapsulation (RFC 3948).", source=CREATE, api="EnableNatTraversal")
    ] = True
    psk: Annotated[
        SecretSource | None,
        about(
            "Pre-shared key: 1 to 100 characters without spaces. Left out, a lab makes one.", source=CREATE, api="Psk"
        ),
    ] = None
    ike: Annotated[IkeSpec, about("Phase 1.", source=CREATE, api="IkeConfig")] = IkeSpec()
    ipsec: Annotated[IpsecSpec, about("Phase 2.", source=CREATE, api="IpsecConfig")] = IpsecSpec()
    bgp: Annotated[
        TunnelBgpSpec | None,
        about("BGP inside the tunnel; left out: static routes.", source=SEED_STEP_2, api="BgpConfig"),
    ] = None
    health_check: Annotated[
        IpsecHealthCheckSpec | None,
        about("Probes through the tunnel; with one tunnel only.", source=SEED_STEP_2, api="HealthCheckConfig"),
    ] = None
    tunnels: Annotated[
        tuple[TunnelSpec, ...],
        about("Empty: one tunnel. Otherwise exactly two.", source=CREATE, api="TunnelOptionsSpecification"),
    ] = ()


class Tunnel(Struct, frozen=True, kw_only=True):
    """One tunnel with everything settled."""

    index: int
    """0 for the only or the master tunnel, 1 for the slave: which public address of the VPN gateway it ends at."""
    role: TunnelRole
    customer_gateway: str
    psk: SecretSource | None
    ike: IkeSpec
    ipsec: IpsecSpec
    bgp: TunnelBgpSpec | None


def tunnels_of(connection: IpsecConnectionSpec) -> tuple[Tunnel, ...]:
    """The tunnels of a connection, master first, each with the connection's values where it has none of its own."""
    if not connection.tunnels:
        return (
            Tunnel(
                index=0,
                role="master",
                customer_gateway=connection.customer_gateway,
                psk=connection.psk,
                ike=connection.ike,
                ipsec=connection.ipsec,
                bgp=connection.bgp,
            ),
        )
    ordered = sorted(connection.tunnels, key=lambda tunnel: tunnel.role)  # "master" < "slave"
    return tuple(
        Tunnel(
            index=index,
            role=tunnel.role,
            customer_gateway=tunnel.customer_gateway or connection.customer_gateway,
            psk=tunnel.psk or connection.psk,
            ike=tunnel.ike or connection.ike,
            ipsec=tunnel.ipsec or connection.ipsec,
            bgp=tunnel.bgp,
        )
        for index, tunnel in enumerate(ordered)
    )
