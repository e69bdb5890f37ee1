"""Customer gateway: the data centre's gateway as the VPN gateway knows it.

In: nothing. Out: `CustomerGatewaySpec`. Next: `ike.py`, `ipsec_connection.py`.
"""

from typing import Annotated

from twinspan.model.fields import SEED_STEP_2, ResourceSpec, about
from twinspan.model.secret_source import SecretSource

CREATE = "CreateCustomerGateway"


class CustomerGatewaySpec(ResourceSpec, frozen=True, kw_only=True):
    """Public address and ASN of the far end of the tunnels."""

    ip_address: Annotated[
        str,
        about(
            "Static public address.",
            source=SEED_STEP_2,
            form="ipv4",
            filled="the gateway's public_address",
            immutable=True,
            api="IpAddress",
        ),
    ] = ""
    asn: Annotated[
        int,
        about(
            "ASN of the data centre; needed for BGP inside IPsec and the same on both spans.",
            source=CREATE,
            ge=1,
            le=4294967295,
            excluded={45104: "the cloud's own ASN"},
            filled="the gateway's local_asn",
            api="Asn",
        ),
    ] = 0
    auth_key: Annotated[
        SecretSource | None,
        about("TCP-MD5 key of BGP inside IPsec. Left out: none.", source=CREATE, api="AuthKey"),
    ] = None
