"""BGP groups: ASNs, timers, quota, key.

In: `Site`. Out: findings. Next: `bgp_peer.py`.
"""

from collections.abc import Iterator

from twinspan.engine.admission.rule_book import Problem, rule
from twinspan.model.fields import SEED_PLANNING, SEED_STEP_1, TWINSPAN
from twinspan.model.site import Site

QUOTA_HEADROOM = 0.8
"""Share of a route quota above which growth is worth a warning."""

_MD5_KEY_LENGTH = 80
AUTH_KEY_REMEDY = f"choose letters, digits and marks, at most {_MD5_KEY_LENGTH}; or leave it out and one is made"
"""Longest TCP-MD5 key that Linux takes (TCP_MD5SIG_MAXKEYLEN)."""


@rule("R-BGP-001", "A group is ipv6 only where its VBR enables IPv6.", source=SEED_STEP_1)
def _family(site: Site) -> Iterator[Problem]:
    for name, group in site.bgp_groups.items():
        vbr = group.virtual_border_router
        if group.ip_version == "ipv6" and not site.virtual_border_routers[vbr].enable_ipv6:
            yield Problem(
                ("bgp_groups", name, "ip_version"),
                f"VBR {vbr} has no IPv6",
                f"write enable_ipv6: true at virtual_border_routers.{vbr}, or ip_version: ipv4",
                group.ip_version,
            )


@rule("R-BGP-002", "The group's peer ASN is the gateway's ASN.", source=SEED_PLANNING)
def _peer_asn(site: Site) -> Iterator[Problem]:
    for name, group in site.bgp_groups.items():
        own = site.virtual_border_routers[group.virtual_border_router].account == "current"
        if own and group.peer_asn != site.gateway.local_asn:
            yield Problem(
                ("bgp_groups", name, "peer_asn"),
                f"the gateway has ASN {site.gateway.local_asn}, so the session would never come up",
                f"write {site.gateway.local_asn}, or leave it out",
                group.peer_asn,
            )


@rule("R-BGP-003", "The two ends of a session have different ASNs.", source="RFC 4271 5.1.2")
def _external(site: Site) -> Iterator[Problem]:
    for name, group in site.bgp_groups.items():
        if group.local_asn == group.peer_asn:
            path = ("bgp_groups", name, "local_asn")
            yield Problem(path, "both ends have this ASN", "write local_asn: 45104, the cloud's own", group.local_asn)


@rule("R-BGP-004", "The hold time is at least three keepalive intervals.", source="RFC 4271 4.4")
def _timers(site: Site) -> Iterator[Problem]:
    for name, group in site.bgp_groups.items():
        if group.hold_time_s < 3 * group.keepalive_interval_s:
            yield Problem(
                ("bgp_groups", name, "hold_time_s"),
                f"three keepalives take {3 * group.keepalive_interval_s} s",
                f"write {3 * group.keepalive_interval_s} or more, or a shorter keepalive_interval_s",
                group.hold_time_s,
            )


@rule("R-BGP-005", "The data centre's routes fit into the route quota.", source=SEED_STEP_1)
def _quota(site: Site) -> Iterator[Problem]:
    for name, group in site.bgp_groups.items():
        count = _announced(site, group.ip_version)
        if count > group.route_quota:
            yield Problem(
                ("bgp_groups", name, "route_quota"),
                f"the data centre announces {count} routes; {count - group.route_quota} of them would be dropped",
                "announce fewer and larger prefixes, or raise the quota",
                group.route_quota,
            )


@rule("R-BGP-006", "A fifth of the route quota is free for growth.", source=TWINSPAN, severity="warning")
def _headroom(site: Site) -> Iterator[Problem]:
    for name, group in site.bgp_groups.items():
        count = _announced(site, group.ip_version)
        if QUOTA_HEADROOM * group.route_quota < count <= group.route_quota:
            yield Problem(
                ("bgp_groups", name, "route_quota"),
                f"the data centre announces {count} routes already; what exceeds the quota is dropped silently",
                "announce fewer and larger prefixes, or raise the quota",
                group.route_quota,
            )


def _announced(site: Site, family: str) -> int:
    return len(site.data_center.prefixes if family == "ipv4" else site.data_center.ipv6_prefixes)


@rule(
    "R-BGP-007", "A BGP key is 1 to 80 printable ASCII characters without spaces and double quotes.", source=SEED_STEP_1
)
def _key(site: Site) -> Iterator[Problem]:
    for name, group in site.bgp_groups.items():
        if group.auth_key is None or group.auth_key.value is None:
            continue
        problem = auth_key_problem(group.auth_key.value.reveal())
        if problem:
            yield Problem(("bgp_groups", name, "auth_key"), problem, AUTH_KEY_REMEDY)


def auth_key_problem(key: str) -> str:
    """What is wrong with a BGP key, wherever it was read; empty if nothing."""
    good = 0 < len(key) <= _MD5_KEY_LENGTH and all("!" <= character <= "~" and character != '"' for character in key)
    return "" if good else "the key is empty, too long or has a character that routers do not take"


RULES = (
    _family,
    _peer_asn,
    _external,
    _timers,
    _quota,
    _headroom,
    _key,
)
