"""BGP as it is typed: the speaker, its peers, its address families, prefix lists.

In: nothing. Out: `COMMANDS`. Peers are known by their address; `description` is the peer's name in the model. Without a
prefix list nothing passes. `twinspan` lines: the span of a session, what stays while a span is held, the preference
inside the cloud. Next: `bgp_reading.py` and `bgp_writing.py`.
"""

from __future__ import annotations

from twinspan.wire.comware.command import SYSTEM, Command

_PEER = "peer <peer:ip>"
_LIST4 = "ip prefix-list <name:str:1-63>"
_LIST6 = "ipv6 prefix-list <name:str:1-63>"
_RANGE = "[ greater-equal <ge:int:0-128> ] [ less-equal <le:int:0-128> ]"


def _of_peer(id_: str, rest: str, undo: str, view: str = "bgp", help_: dict[str, str] | None = None) -> Command:
    return Command(
        view=view,
        id=id_,
        pattern=f"{_PEER} {rest}",
        key=("peer",),
        undo=(f"{_PEER} {undo}",),
        help=help_ or {},
    )


_SPEAKER = (
    Command(
        view=SYSTEM,
        id="bgp",
        pattern="bgp <asn:int:1-4294967295>",
        key=("asn",),
        undo=("bgp [ <asn:int:1-4294967295> ]",),
        opens="bgp",
        prompt="-bgp-default",
        help={"asn": "AS number"},
    ),
    Command(view="bgp", id="router-id", pattern="router-id <address:ipv4>", undo=("router-id",)),
    Command(
        view="bgp",
        id="originate",
        pattern="twinspan network <prefix:prefix> [ span <span:str:1-63> ] [ pinned ] "
        "[ local-preference <pref:int:0-4294967295> ]",
        key=("prefix", "span"),
        undo=("twinspan network <prefix:prefix> [ span <span:str:1-63> ]",),
        help={"span": "Only to the peers of this span", "pinned": "Stays announced while the span is held"},
    ),
    Command(
        view="bgp",
        id="af4",
        pattern="address-family ipv4 [ unicast ]",
        undo=("address-family ipv4 [ unicast ]",),
        opens="bgp-af",
        prompt="-ipv4",
    ),
    Command(
        view="bgp",
        id="af6",
        pattern="address-family ipv6 [ unicast ]",
        undo=("address-family ipv6 [ unicast ]",),
        opens="bgp-af",
        prompt="-ipv6",
    ),
)

_PEERS = (
    Command(
        view="bgp",
        id="peer",
        pattern=f"{_PEER} as-number <asn:int:1-4294967295>",
        key=("peer",),
        undo=(f"{_PEER} [ as-number ]",),
        together=(
            "peer name",
            "peer link",
            "peer source",
            "peer timer",
            "peer key",
            "peer bfd",
            "peer hops",
            "peer local-as",
            "peer span",
            "peer kernel",
            "peer local-pref",
            "peer bfd timers",
            "peer enable",
            "peer import",
            "peer export",
            "peer limit",
            "peer reflect",
        ),
        help={"asn": "AS number of the peer"},
    ),
    _of_peer("peer name", "description <text:text:1-79>", "description"),
    _of_peer("peer link", "connect-interface <interface:interface>", "connect-interface"),
    _of_peer("peer source", "source-address <address:ip>", "source-address"),
    _of_peer("peer timer", "timer keepalive <keepalive:int:0-21845> hold <hold:int:3-65535>", "timer"),
    _of_peer("peer key", "password { cipher <cipher:secret:1-512> | simple <simple:secret:1-128> }", "password"),
    _of_peer("peer bfd", "bfd [ multi-hop | single-hop ]", "bfd [ multi-hop | single-hop ]"),
    _of_peer("peer hops", "ebgp-max-hop [ <hops:int:1-255> ]", "ebgp-max-hop"),
    _of_peer("peer local-as", "local-as <asn:int:1-4294967295>", "local-as"),
    Command(
        view="bgp",
        id="peer span",
        pattern=f"twinspan {_PEER} span <span:str:1-63>",
        key=("peer",),
        undo=(f"twinspan {_PEER} span",),
        help={"span": "The span this session belongs to"},
    ),
    Command(
        view="bgp",
        id="peer kernel",
        pattern=f"twinspan {_PEER} no-kernel",
        key=("peer",),
        undo=(f"twinspan {_PEER} no-kernel",),
        help={"no-kernel": "What it brings never goes to the kernel"},
    ),
    Command(
        view="bgp",
        id="peer local-pref",
        pattern=f"twinspan {_PEER} local-preference <pref:int:0-4294967295>",
        key=("peer",),
        undo=(f"twinspan {_PEER} local-preference",),
    ),
    Command(
        view="bgp",
        id="peer bfd timers",
        pattern=f"twinspan {_PEER} bfd transmit <tx:int:1-60000> receive <rx:int:1-60000> multiplier <times:int:1-255> "
        "hops <hops:int:1-255>",
        key=("peer",),
        undo=(f"twinspan {_PEER} bfd",),
    ),
)

_FAMILY = (
    Command(
        view="bgp-af",
        id="network",
        pattern="network <prefix:ipv4> [ <length:masklen> ]",
        key=("prefix", "length"),
        undo=("network <prefix:ipv4> [ <length:masklen> ]",),
    ),
    Command(
        view="bgp-af",
        id="network",
        pattern="network <prefix:ipv6> <length:int:0-128>",
        key=("prefix", "length"),
        undo=("network <prefix:ipv6> <length:int:0-128>",),
    ),
    _of_peer("peer enable", "enable", "enable", "bgp-af"),
    Command(
        view="bgp-af",
        id="peer import",
        pattern=f"{_PEER} prefix-list <name:str:1-63> import",
        key=("peer",),
        undo=(f"{_PEER} prefix-list import", f"{_PEER} prefix-list <name:str:1-63> import"),
    ),
    Command(
        view="bgp-af",
        id="peer export",
        pattern=f"{_PEER} prefix-list <name:str:1-63> export",
        key=("peer",),
        undo=(f"{_PEER} prefix-list export", f"{_PEER} prefix-list <name:str:1-63> export"),
    ),
    _of_peer(
        "peer limit",
        "route-limit <routes:int:1-4294967295> [ alert-only ] [ <percent:int:1-100> ]",
        "route-limit",
        "bgp-af",
        {"alert-only": "Above it only an alarm", "percent": "Share of the limit from which on there is an alarm"},
    ),
    _of_peer(
        "peer preferred-value",
        "preferred-value <value:int:0-65535>",
        "preferred-value",
        "bgp-af",
        {"preferred-value": "Preference of its routes on this device", "value": "The higher one wins"},
    ),
    Command(
        view="bgp-af",
        id="preference",
        pattern="preference <external:int:1-255> <internal:int:1-255> <local:int:1-255>",
        undo=("preference",),
        help={
            "preference": "Preference of BGP routes",
            "external": "Of routes from other autonomous systems; below that of the standby's static routes",
            "internal": "Of routes from the own autonomous system",
            "local": "Of routes made here",
        },
    ),
    _of_peer("peer reflect", "reflect-client", "reflect-client", "bgp-af"),
)

_LISTS = (
    Command(
        view=SYSTEM,
        id="prefix-list",
        pattern=f"{_LIST4} [ index <index:int:1-65535> ] {{ permit | deny }} <prefix:ipv4> <length:masklen> {_RANGE}",
        key=("name", "index", "prefix", "length"),
        undo=(f"{_LIST4} [ index <index:int:1-65535> ]",),
    ),
    Command(
        view=SYSTEM,
        id="prefix-list",
        pattern=f"{_LIST6} [ index <index:int:1-65535> ] {{ permit | deny }} <prefix:ipv6> <length:int:0-128> {_RANGE}",
        key=("name", "index", "prefix", "length"),
        undo=(f"{_LIST6} [ index <index:int:1-65535> ]",),
    ),
    Command(
        view=SYSTEM,
        id="pinned",
        pattern="twinspan prefix-list <name:str:1-63> pinned <whole:prefix>",
        key=("name", "whole"),
        undo=("twinspan prefix-list <name:str:1-63> pinned <whole:prefix>",),
        help={"pinned": "Passes even while the import of its span is held"},
    ),
    Command(
        view=SYSTEM,
        id="multi-hop tx",
        pattern="bfd multi-hop min-transmit-interval <ms:int:10-60000>",
        undo=("bfd multi-hop min-transmit-interval",),
    ),
    Command(
        view=SYSTEM,
        id="multi-hop rx",
        pattern="bfd multi-hop min-receive-interval <ms:int:10-60000>",
        undo=("bfd multi-hop min-receive-interval",),
    ),
    Command(
        view=SYSTEM,
        id="multi-hop multiplier",
        pattern="bfd multi-hop detect-multiplier <times:int:1-255>",
        undo=("bfd multi-hop detect-multiplier",),
    ),
)

COMMANDS = (*_LISTS, *_SPEAKER, *_PEERS, *_FAMILY)
