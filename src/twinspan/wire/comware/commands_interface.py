"""Interfaces as they are typed. A port says which Linux link it is with `twinspan binding`.

In: nothing. Out: `COMMANDS`, and `of_addresses`, which ports share with tunnels (`commands_ipsec.py`). VLAN interface 1
is the seed's DHCP client; `twinspan port` says which port it stands for. Next: `interfaces.py`, what the lines mean.
"""

from __future__ import annotations

from twinspan.wire.comware.command import SYSTEM, Command

_VIEW = "interface"


def of_addresses(view: str) -> tuple[Command, ...]:
    """What every interface has: its binding, addresses, MTU."""
    return (
        Command(
            view=view,
            id="binding",
            pattern="twinspan binding <ours:str:1-64>",
            undo=("twinspan binding",),
            help={"ours": "Linux name of the port, or name of the tunnel"},
        ),
        Command(
            view=view,
            id="ip address",
            pattern="ip address <address:ipv4> <mask:mask>",
            displaces=("dhcp-alloc",),
            undo=("ip address [ <address:ipv4> <mask:mask> ]",),
            together=("ip address sub",),
        ),
        Command(
            view=view,
            id="ip address sub",
            pattern="ip address <address:ipv4> <mask:mask> sub",
            key=("address",),
            displaces=("dhcp-alloc",),
            undo=("ip address <address:ipv4> <mask:mask> sub",),
        ),
        Command(
            view=view,
            id="ipv6 address",
            pattern="ipv6 address <address:ipv6-length>",
            key=("address",),
            undo=("ipv6 address [ <address:ipv6-length> ]",),
        ),
        Command(
            view=view,
            id="mtu",
            pattern="mtu <bytes:int:68-65535>",
            undo=("mtu",),
            help={"bytes": "Bytes of an IP packet"},
        ),
    )


COMMANDS = (
    Command(
        view=SYSTEM,
        id="interface",
        pattern="interface <name:port>",
        key=("name",),
        undo=("interface <name:port>",),
        opens=_VIEW,
        prompt="-{name}",
        help={"name": "Name of the interface"},
    ),
    *of_addresses(_VIEW),
    Command(
        view=_VIEW,
        id="port of vlan",
        pattern="twinspan port <port:interface>",
        undo=("twinspan port",),
        help={"port": "Port that VLAN interface 1 stands for"},
    ),
    Command(view=_VIEW, id="link-mode", pattern="port link-mode route", undo=("port link-mode",)),
    Command(
        view=_VIEW,
        id="description",
        pattern="description <text:text:1-255>",
        undo=("description",),
        help={"text": "What is to be known of the interface"},
    ),
    Command(view=_VIEW, id="shutdown", pattern="shutdown", undo=("shutdown",)),
    Command(
        view=_VIEW,
        id="dhcp-alloc",
        pattern="ip address dhcp-alloc",
        displaces=("ip address", "ip address sub"),
        undo=("ip address dhcp-alloc",),
    ),
    Command(view=_VIEW, id="dhcp-client", pattern="twinspan dhcp-client", undo=("twinspan dhcp-client",)),
    Command(
        view=_VIEW,
        id="vlan-type",
        pattern="vlan-type dot1q vid <vlan:int:1-4094>",
        undo=("vlan-type dot1q [ vid ]",),
        help={"vlan": "VLAN ID"},
    ),
    Command(
        view=_VIEW,
        id="bfd tx",
        pattern="bfd min-transmit-interval <ms:int:10-60000>",
        undo=("bfd min-transmit-interval",),
    ),
    Command(
        view=_VIEW,
        id="bfd rx",
        pattern="bfd min-receive-interval <ms:int:10-60000>",
        undo=("bfd min-receive-interval",),
    ),
    Command(
        view=_VIEW,
        id="bfd multiplier",
        pattern="bfd detect-multiplier <times:int:1-255>",
        undo=("bfd detect-multiplier",),
    ),
    Command(
        view=_VIEW,
        id="dhcp apply",
        pattern="dhcp server apply ip-pool <pool:str:1-63>",
        undo=("dhcp server apply ip-pool",),
        help={"pool": "Name of the address pool"},
    ),
)
