"""IKE and IPsec proposals, and BGP inside a tunnel: the parts an IPsec connection and its tunnels share.

Defaults are the site file's, a secure tunnel; the older defaults of the compatible API stand in `cloud_default`.
In: nothing. Out: `IkeSpec`, `IpsecSpec`, `TunnelBgpSpec`. Next: `ipsec_connection.py`.
"""

from typing import Annotated, Literal

from msgspec import Struct

from twinspan.model.fields import SEED_PLANNING, about

CREATE = "CreateVpnConnection"

Encryption = Literal["aes", "aes192", "aes256", "des", "3des"]
Integrity = Literal["md5", "sha1", "sha256", "sha384", "sha512"]
DhGroup = Literal["group1", "group2", "group5", "group14"]
Pfs = Literal["disabled", "group1", "group2", "group5", "group14"]

WEAK_ALGORITHMS = frozenset({"des", "3des", "md5", "sha1", "group1", "group2", "group5"})
"""Accepted because peers may know nothing better, warned of (RFC 8247)."""


class IkeSpec(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Phase 1: how the two ends authenticate."""

    version: Annotated[
        Literal["ikev1", "ikev2"],
        about(
            "IKE version; ikev1 is deprecated (RFC 9395).",
            source=SEED_PLANNING,
            cloud_default="ikev1",
            api="IkeVersion",
        ),
    ] = "ikev2"
    mode: Annotated[
        Literal["main", "aggressive"],
        about("Negotiation mode of IKEv1.", source=CREATE, api="IkeMode"),
    ] = "main"
    encryption: Annotated[Encryption, about("Cipher (CBC).", source=CREATE, cloud_default="aes", api="IkeEncAlg")] = (
        "aes256"
    )
    integrity: Annotated[Integrity, about("Hash.", source=CREATE, cloud_default="md5", api="IkeAuthAlg")] = "sha256"
    dh_group: Annotated[
        DhGroup, about("Diffie-Hellman group.", source=CREATE, cloud_default="group2", api="IkePfs")
    ] = "group14"
    lifetime_s: Annotated[
        int,
        about("Lifetime of the IKE SA.", source=CREATE, unit="s", ge=0, le=86400, api="IkeLifetime"),
    ] = 86400
    local_id: Annotated[
        str,
        about("Identity of the VPN gateway; empty: its address.", source=CREATE, max_length=100, api="LocalId"),
    ] = ""
    remote_id: Annotated[
        str,
        about("Identity of the data centre; empty: its address.", source=CREATE, max_length=100, api="RemoteId"),
    ] = ""


class IpsecSpec(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Phase 2: how packets are protected."""

    encryption: Annotated[Encryption, about("Cipher (CBC).", source=CREATE, cloud_default="aes", api="IpsecEncAlg")] = (
        "aes256"
    )
    integrity: Annotated[Integrity, about("Hash.", source=CREATE, cloud_default="md5", api="IpsecAuthAlg")] = "sha256"
    pfs: Annotated[
        Pfs, about("Group for perfect forward secrecy.", source=CREATE, cloud_default="group2", api="IpsecPfs")
    ] = "group14"
    lifetime_s: Annotated[
        int,
        about("Lifetime of the child SA.", source=CREATE, unit="s", ge=0, le=86400, api="IpsecLifetime"),
    ] = 86400


class TunnelBgpSpec(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """BGP inside one tunnel. The peer's ASN is the customer gateway's, its address the other one of `tunnel_cidr`."""

    tunnel_cidr: Annotated[
        str,
        about(
            "A /30 of 169.254.0.0/16, unique per VPN gateway.",
            source=CREATE,
            form="ipv4-prefix",
            api="TunnelCidr",
        ),
    ]
    local_ip: Annotated[
        str,
        about(
            "Address of the VPN gateway in it.",
            source=CREATE,
            form="ipv4",
            filled="its first address",
            api="LocalBgpIp",
        ),
    ] = ""
    local_asn: Annotated[
        int,
        about("ASN of the VPN gateway.", source=CREATE, ge=1, le=4294967295, cloud_default=45104, api="LocalAsn"),
    ] = 45104
