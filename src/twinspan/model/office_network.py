"""Office network: where cloud computers live, inside a VPC of its own.

In: nothing. Out: `OfficeNetworkSpec`. Next: `health_check.py`.
"""

from typing import Annotated, Literal

from twinspan.model.fields import SEED_PLANNING, SEED_PREPARATIONS, ResourceSpec, about
from twinspan.model.secret_source import SecretSource


class OfficeNetworkSpec(ResourceSpec, frozen=True, kw_only=True):
    """A network of cloud computers. It must be attached to the CEN instance to be reached from the data centre."""

    type: Annotated[
        Literal["convenience", "enterprise_ad"],
        about(
            "convenience: accounts of the cloud. enterprise_ad: accounts of an Active Directory.",
            source=SEED_PREPARATIONS,
            immutable=True,
            api="OfficeSiteType",
        ),
    ] = "convenience"
    vpc: Annotated[
        str,
        about(
            "The VPC it lives in.", source=SEED_PREPARATIONS, ref="Vpc", filled="the only office VPC", immutable=True
        ),
    ] = ""
    cidr_block: Annotated[
        str,
        about(
            "Addresses of cloud computers and the private gateway.",
            source=SEED_PLANNING,
            form="ipv4-prefix",
            filled="all of the VPC",
            immutable=True,
            api="CidrBlock",
        ),
    ] = ""
    cen: Annotated[
        str,
        about(
            "The CEN instance it is attached to.",
            source=SEED_PREPARATIONS,
            ref="Cen",
            filled="the only CEN instance",
            api="CenId",
        ),
    ] = ""
    desktop_access: Annotated[
        Literal["vpc", "internet", "any"],
        about(
            "How clients may reach cloud computers.",
            source="CreateSimpleOfficeSite",
            cloud_default="internet",
            api="DesktopAccessType",
        ),
    ] = "vpc"
    ad_domain: Annotated[
        str, about("Name of the Active Directory domain; enterprise_ad only.", source=SEED_PREPARATIONS)
    ] = ""
    ad_server: Annotated[
        str,
        about(
            "Address of the Active Directory server, in a VPC attached to the CEN instance or in the data centre.",
            source=SEED_PREPARATIONS,
            form="ipv4",
        ),
    ] = ""
    ad_user: Annotated[
        str,
        about(
            "Administrator of the domain, as sAMAccountName; enterprise_ad only.",
            source="CreateADConnectorOfficeSite",
            max_length=64,
            api="DomainUserName",
        ),
    ] = ""
    ad_password: Annotated[
        SecretSource | None,
        about(
            "Password of the domain's administrator; enterprise_ad only.",
            source="CreateADConnectorOfficeSite",
            api="DomainPassword",
        ),
    ] = None
    admin_access: Annotated[
        bool,
        about(
            "Whether users are local administrators of their cloud computers.",
            source="CreateSimpleOfficeSite",
            api="EnableAdminAccess",
        ),
    ] = True
