"""Customer gateways in the compatible API.

In: the kind CustomerGateway. Out: `CUSTOMER_GATEWAY`, `ACTIONS`. Next: `table.py`.
"""

from __future__ import annotations

from twinspan.wire.alibaba.action import Action, Create, Delete, Get, List, Update
from twinspan.wire.alibaba.listing import by_ids
from twinspan.wire.alibaba.shape import shape
from twinspan.wire.alibaba.words import milliseconds

CUSTOMER_GATEWAY = shape(
    "CustomerGateway",
    id="CustomerGatewayId",
    absent="InvalidCustomerGatewayInstanceId.NotFound",
    tags="Tags",
    status="",
    more={"CreateTime": lambda resource, _: milliseconds(resource.created_ns)},
)
_SAID = ("CreateTime", "Description", "IpAddress", "Name")

ACTIONS: tuple[Action, ...] = (
    Action(name="CreateCustomerGateway", does=Create(CUSTOMER_GATEWAY, replies=_SAID), needs=("IpAddress",)),
    Action(name="DescribeCustomerGateway", does=Get(CUSTOMER_GATEWAY)),
    Action(
        name="DescribeCustomerGateways",
        does=List(
            CUSTOMER_GATEWAY, into="CustomerGateways.CustomerGateway", by={"CustomerGatewayId": by_ids()}, tags="Tag"
        ),
    ),
    Action(
        name="ModifyCustomerGatewayAttribute",
        does=Update(CUSTOMER_GATEWAY, replies=("CustomerGatewayId", *_SAID, "ResourceGroupId")),
        never=("Asn", "ResourceGroupId"),
    ),
    Action(name="DeleteCustomerGateway", does=Delete(CUSTOMER_GATEWAY)),
)
