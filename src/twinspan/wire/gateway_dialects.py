"""How each vendor says the facts that a check needs, as patterns of one line.

In: nothing. Out: `DIALECTS`. Groups: `prefix` with its length in `mask` or behind a slash, `hop`, `pref`, `peer`,
`interface`, `end`. A pattern without `peer` or `interface` speaks of the one named last. Next: `gateway_text.py`.
"""

from __future__ import annotations

import re

import msgspec

_WORD = r"(?:<[^>]*>|\S+)"
_TWO = rf"(?P<prefix>{_WORD}) (?P<mask>[\d.]+)"


class Dialect(msgspec.Struct, frozen=True, kw_only=True):
    """Patterns of one vendor; all are matched at the beginning of a stripped line."""

    routes: tuple[str, ...]
    network: str
    peer: str
    bfd: str
    timers: str
    key: str
    connected: str
    end: str
    ipsec: str
    mss: str
    interface: str = r"interface (?P<interface>\S+)"
    bgp_preference: str = r"(?!)"
    static_preference: str = r"(?!)"
    """A line that gives its number to the routes after it."""
    export: str = r"(?!)"
    """Names the policies of which `network` speaks; none: it speaks for itself."""
    default_bgp: int
    own_words: str
    """How lines of this vendor, and of no other, begin."""


def _comware(mss: str, list_words: str) -> Dialect:
    return Dialect(
        routes=(
            rf"ip route-static {_TWO} (?P<hop>{_WORD})(?:(?: .*)? preference (?P<pref>\d+))?",
            r"ipv6 route-static (?P<prefix>\S+) (?P<mask>\d+) (?P<hop>\S+)(?: preference (?P<pref>\d+))?",
        ),
        network=r"network (?P<prefix>\S+) (?:mask )?(?P<mask>[\d.]+)",
        peer=r"peer (?P<peer>[\da-f.:]+) as-number",
        bfd=r"peer (?P<peer>\S+) bfd",
        timers=r"peer (?P<peer>\S+) timer",
        key=r"peer (?P<peer>\S+) password",
        connected=r"ip(?:v6)? address (?P<prefix>[\da-f.:]+)[ /](?P<mask>[\d.]+)",
        end=r"destination (?P<end>[\d.]+)$",
        ipsec=r"ipsec (?:profile|policy) ",
        mss=mss,
        bgp_preference=r"preference (?P<pref>\d+) \d+ \d+",
        default_bgp=255,
        own_words=rf"ip route-static|peer \S+ as-number|interface Tunnel.* mode ipsec|{list_words}",
    )


DIALECTS: dict[str, Dialect] = {
    "h3c": _comware(r"tcp mss \d", r"ip prefix-list \S+ index|address-family ipv\d unicast$|nqa entry"),
    "huawei": _comware(r"tcp adjust-mss \d", r"ip ip-prefix|ipv\d-family unicast|nqa test-instance|undo version"),
    "cisco": Dialect(
        routes=(
            rf"ip route {_TWO} (?P<hop>{_WORD})(?: (?:preference )?(?P<pref>\d+))?",
            r"ipv6 route (?P<prefix>[\da-f:]+)/(?P<mask>\d+) (?P<hop>\S+)(?: (?P<pref>\d+))?",
        ),
        network=r"network (?P<prefix>\S+?)(?:/| mask )(?P<mask>[\d.]+)",
        peer=r"neighbor (?P<peer>[\da-f.:]+) remote-as",
        bfd=r"neighbor (?P<peer>\S+) fall-over bfd",
        timers=r"neighbor (?P<peer>\S+) timers",
        key=r"neighbor (?P<peer>\S+) password",
        connected=r"(?:no switchport )?ip(?:v6)? address (?P<prefix>[\da-f.:]+)[ /](?P<mask>[\d.]+)",
        end=r"tunnel destination (?P<end>[\d.]+)",
        ipsec=r"crypto (?:ipsec|map) ",
        mss=r"ip tcp adjust-mss \d",
        bgp_preference=r"distance bgp (?P<pref>\d+)",
        default_bgp=20,
        own_words=r"ip route (?:[\d.]+|<[^>]*>) |crypto |no switchport|ip sla",
    ),
    "juniper": Dialect(
        routes=(
            r"set routing-options (?:rib \S+ )?static route (?P<prefix>\S+)/(?P<mask>\d+) "
            r"(?:(?:qualified-)?next-hop )?(?P<hop>\S+)(?: preference (?P<pref>\d+))?",
        ),
        network=r"set policy-options policy-statement (?P<policy>\S+) .*route-filter "
        r"(?P<prefix>\S+)/(?P<mask>\d+) exact",
        export=r"set protocols bgp .*\bexport (?P<policy>\S+)",
        peer=r"set protocols bgp group \S+ neighbor (?P<peer>\S+) peer-as",
        bfd=r"set protocols bgp group \S+ neighbor (?P<peer>\S+) bfd-liveness-detection",
        timers=r"set protocols bgp group \S+ neighbor (?P<peer>\S+) hold-time",
        key=r"set protocols bgp group \S+ neighbor (?P<peer>\S+) authentication-key",
        connected=r"set interfaces (?P<interface>\S+) unit \d+ family \S+ address (?P<prefix>\S+)/(?P<mask>\d+)",
        end=r"set security ike gateway \S+ address (?P<end>[\d.]+)",
        ipsec=r"set security ipsec vpn",
        mss=r"set security flow tcp-mss",
        default_bgp=170,
        own_words=r"set (?:security|routing-options|policy-options|interfaces \S+ unit|protocols bgp group)",
    ),
    "vyos": Dialect(
        routes=(
            r"set protocols static route6? (?P<prefix>\S+)/(?P<mask>\d+) (?:next-hop |interface )?(?P<hop>\S+)"
            r"(?: distance '?(?P<pref>\d+)'?)?",
        ),
        network=r"set protocols bgp address-family \S+ network (?P<prefix>\S+)/(?P<mask>\d+)",
        peer=r"set protocols bgp neighbor (?P<peer>\S+) remote-as",
        bfd=r"set protocols bgp neighbor (?P<peer>\S+) bfd",
        timers=r"set protocols bgp neighbor (?P<peer>\S+) timers",
        key=r"set protocols bgp neighbor (?P<peer>\S+) password",
        connected=r"set interfaces \S+ (?P<interface>\S+) (?:vif \d+ )?address '?(?P<prefix>[\da-f.:]+)/(?P<mask>\d+)",
        end=r"set vpn ipsec site-to-site peer \S+ remote-address '?(?P<end>[\d.]+)",
        ipsec=r"set vpn ipsec site-to-site",
        mss=r"set interfaces .* adjust-mss",
        default_bgp=20,
        own_words=r"set (?:vpn|interfaces (?:ethernet|vti|dummy)|protocols (?:static|bgp neighbor|bgp system-as))",
    ),
    "frr-strongswan": Dialect(
        routes=(
            r"ip(?:v6)? route (?P<prefix>[\da-f.:]+)/(?P<mask>\d+) (?P<hop>\S+)(?: (?P<pref>\d+))?",
            r"ip route replace (?P<prefix>[\d.]+)/(?P<mask>\d+) (?:via|dev) (?P<hop>\S+)",
        ),
        network=r"network (?P<prefix>\S+)/(?P<mask>\d+)",
        peer=r"neighbor (?P<peer>[\da-f.:]+) remote-as",
        bfd=r"neighbor (?P<peer>\S+) bfd",
        timers=r"neighbor (?P<peer>\S+) timers \d",
        key=r"neighbor (?P<peer>\S+) password",
        connected=r"ip address (?:replace )?(?P<prefix>[\da-f.:]+)/(?P<mask>\d+)(?: dev (?P<interface>\S+))?",
        end=r"remote_addrs = (?P<end>[\d.]+)",
        ipsec=r"connections {",
        mss=r".*maxseg size set",
        default_bgp=20,
        own_words=r"frr defaults|bgpd=yes|neighbor \S+ bfd profile|ip route [\d.]+/\d+ ",
    ),
    "bird-strongswan": Dialect(
        routes=(
            r'route (?P<prefix>\S+)/(?P<mask>\d+) (?:via )?"?(?P<hop>[^";]+)',
            r"ip route replace (?P<prefix>[\d.]+)/(?P<mask>\d+) (?:via|dev) (?P<hop>\S+)",
        ),
        network=r"export where .*net ~ \[ (?P<prefix>[\da-f.:]+)/(?P<mask>\d+)",
        peer=r"neighbor (?P<peer>[\da-f.:]+) as",
        bfd=r"bfd (?:{|on)",
        timers=r"hold time",
        key=r"password ",
        connected=r"ip address (?:replace )?(?P<prefix>[\da-f.:]+)/(?P<mask>\d+)(?: dev (?P<interface>\S+))?",
        end=r"remote_addrs = (?P<end>[\d.]+)",
        ipsec=r"connections {",
        mss=r".*maxseg size set",
        static_preference=r"ipv[46] { preference (?P<pref>\d+); };",
        default_bgp=100,
        own_words=r"protocol (?:bgp|static|kernel|device|direct|bfd)|router id",
    ),
}
PATTERNS: dict[str, dict[str, re.Pattern[str]]] = {
    name: {
        field: re.compile(value) for field, value in msgspec.structs.asdict(dialect).items() if isinstance(value, str)
    }
    for name, dialect in DIALECTS.items()
}
"""The patterns with a single line each, ready."""
ROUTES = {name: tuple(re.compile(route) for route in dialect.routes) for name, dialect in DIALECTS.items()}
