"""IPsec connections: IKE, tunnels, keys, protected prefixes.

In: `Site`. Out: findings. Next: `tunnel_bgp.py`.
"""

from collections.abc import Iterator

from twinspan.engine import addressing
from twinspan.engine.admission.rule_book import Problem, rule
from twinspan.model.fields import SEED_PLANNING, SEED_STEP_2, TWINSPAN
from twinspan.model.finding import Path
from twinspan.model.ike import WEAK_ALGORITHMS, IkeSpec, IpsecSpec
from twinspan.model.ipsec_connection import ANY, IpsecConnectionSpec
from twinspan.model.secret_source import SecretSource
from twinspan.model.site import Site

PSK_LENGTH = 100
PSK_MARKS = "~`!@#$%^&*()_-+={}[]\\|;:',.<>/?"
"""Characters of a pre-shared key beside letters and digits (CreateVpnConnection)."""
PSK_REMEDY = f"at most {PSK_LENGTH} letters, digits and {PSK_MARKS}; or leave it out and one is made"

_Proposal = tuple[Path, IkeSpec, IpsecSpec]


def _proposals(site: Site) -> Iterator[_Proposal]:
    """Every IKE and IPsec proposal that is written somewhere, with its place."""
    for name, connection in site.ipsec_connections.items():
        path: Path = ("ipsec_connections", name)
        yield path, connection.ike, connection.ipsec
        for index, tunnel in enumerate(connection.tunnels):
            yield (*path, "tunnels", index), tunnel.ike or connection.ike, tunnel.ipsec or connection.ipsec


def _keys(connection: IpsecConnectionSpec) -> Iterator[tuple[Path, SecretSource | None]]:
    yield ("psk",), connection.psk
    for index, tunnel in enumerate(connection.tunnels):
        yield ("tunnels", index, "psk"), tunnel.psk


@rule("R-IPSEC-001", "The gateway speaks the connection's IKE version.", source=SEED_PLANNING)
def _ike_version(site: Site) -> Iterator[Problem]:
    spoken = site.gateway.ike_versions
    for path, ike, _ in _proposals(site):
        if ike.version not in spoken:
            yield Problem(
                (*path, "ike", "version"),
                f"gateway.ike_versions has only {', '.join(spoken)}",
                f"write version: {spoken[0]}, or add {ike.version} there if the manufacturer says so",
                ike.version,
            )


@rule("R-IPSEC-002", "IKEv1 is deprecated.", source="RFC 9395", severity="warning")
def _deprecated(site: Site) -> Iterator[Problem]:
    for path, ike, _ in _proposals(site):
        if ike.version == "ikev1":
            remedy = "write version: ikev2 if the gateway speaks it"
            yield Problem((*path, "ike", "version"), "IKEv1 gets no repairs any more", remedy, ike.version)


@rule("R-IPSEC-003", "Algorithms are not weak.", source="RFC 8247", severity="warning")
def _weak(site: Site) -> Iterator[Problem]:
    for path, ike, ipsec in _proposals(site):
        chosen = [(("ike", field), getattr(ike, field)) for field in ("encryption", "integrity", "dh_group")]
        chosen += [(("ipsec", field), getattr(ipsec, field)) for field in ("encryption", "integrity", "pfs")]
        for field, value in chosen:
            if value in WEAK_ALGORITHMS:
                remedy = "aes256, sha256 and group14 are the site file's defaults"
                yield Problem((*path, *field), f"{value} can be broken or will be soon", remedy, value)


@rule(
    "R-IPSEC-004",
    "A pre-shared key has 1 to 100 letters, digits and marks, without spaces and double quotes.",
    source="CreateVpnConnection",
)
def _psk(site: Site) -> Iterator[Problem]:
    for name, connection in site.ipsec_connections.items():
        for path, source in _keys(connection):
            if source is None or source.value is None:
                continue
            problem = psk_problem(source.value.reveal())
            if problem:
                yield Problem(("ipsec_connections", name, *path), problem, PSK_REMEDY)


def psk_problem(key: str) -> str:
    """What is wrong with a pre-shared key, wherever it was read; empty if nothing."""
    if not all(character.isascii() and (character.isalnum() or character in PSK_MARKS) for character in key):
        return "the key has a character that is not allowed"
    if len(key) > PSK_LENGTH:
        return "the key is too long"
    return "" if key else "the key is empty"


@rule("R-IPSEC-005", "More than one protected prefix on a side needs IKEv2.", source="CreateVpnConnection")
def _many_prefixes(site: Site) -> Iterator[Problem]:
    for name, connection in site.ipsec_connections.items():
        for field in ("local_subnets", "remote_subnets"):
            count = len(getattr(connection, field))
            if count > 1 and connection.ike.version == "ikev1":
                problem = f"it has {count} prefixes and IKE version ikev1"
                yield Problem(("ipsec_connections", name, field), problem, "write ike.version: ikev2, or one prefix")


@rule("R-IPSEC-006", "A standby is negotiated at once and stays up.", source=TWINSPAN, severity="warning")
def _warm(site: Site) -> Iterator[Problem]:
    standby = {name for span in site.spans if span.role == "standby" for name in span.ipsec_connections}
    for name, connection in site.ipsec_connections.items():
        if name in standby and not connection.effect_immediately:
            yield Problem(
                ("ipsec_connections", name, "effect_immediately"),
                "the tunnel is negotiated only when traffic comes, that is, in the middle of a failover",
                "write effect_immediately: true",
                connection.effect_immediately,
            )


@rule("R-IPSEC-007", "A connection has one tunnel, or two: a master and a slave.", source="CreateVpnConnection")
def _two_tunnels(site: Site) -> Iterator[Problem]:
    for name, connection in site.ipsec_connections.items():
        roles = sorted(tunnel.role for tunnel in connection.tunnels)
        if roles and roles != ["master", "slave"]:
            problem = f"it lists {len(roles)} tunnels: {', '.join(roles)}"
            remedy = "write two, role: master and role: slave, or none"
            yield Problem(("ipsec_connections", name, "tunnels"), problem, remedy)


@rule(
    "R-IPSEC-008", "What a connection with two tunnels says twice is said at its tunnels.", source="CreateVpnConnection"
)
def _tunnel_parts(site: Site) -> Iterator[Problem]:
    for name, connection in site.ipsec_connections.items():
        if connection.tunnels and connection.bgp is not None:
            remedy = "move bgp into each of tunnels, with a tunnel_cidr of its own"
            yield Problem(("ipsec_connections", name, "bgp"), "each tunnel has BGP of its own", remedy)
        if connection.tunnels and connection.health_check is not None:
            remedy = "remove it: the two tunnels watch over each other"
            yield Problem(("ipsec_connections", name, "health_check"), "health checks are for one tunnel", remedy)


@rule("R-IPSEC-009", "An IKE identity has no spaces.", source="CreateVpnConnection")
def _identities(site: Site) -> Iterator[Problem]:
    for path, ike, _ in _proposals(site):
        for field in ("local_id", "remote_id"):
            if any(character.isspace() for character in getattr(ike, field)):
                yield Problem((*path, "ike", field), "it contains a space", "remove it", getattr(ike, field))


@rule(
    "R-IPSEC-010",
    "Aggressive mode belongs to IKEv1 and gives the identity away.",
    source="RFC 2409",
    severity="warning",
)
def _aggressive(site: Site) -> Iterator[Problem]:
    for path, ike, _ in _proposals(site):
        if ike.mode == "aggressive":
            problem = "IKEv2 has no modes" if ike.version == "ikev2" else "a listener can guess the key offline"
            yield Problem((*path, "ike", "mode"), problem, "write mode: main", ike.mode)


@rule("R-IPSEC-011", "Dead peer detection is on.", source=TWINSPAN, severity="warning")
def _dpd(site: Site) -> Iterator[Problem]:
    for name, connection in site.ipsec_connections.items():
        if not connection.enable_dpd:
            problem = "a peer that restarted is noticed only at the next rekey"
            yield Problem(("ipsec_connections", name, "enable_dpd"), problem, "write enable_dpd: true", False)


@rule("R-IPSEC-012", "Protected prefixes cover what the standby must carry.", source=SEED_STEP_2)
def _covered(site: Site) -> Iterator[Problem]:
    office = {vpc.cidr_block for vpc in site.vpcs.values() if vpc.role == "office"}
    for name, connection in site.ipsec_connections.items():
        sides = (("local_subnets", sorted(office)), ("remote_subnets", site.data_center.prefixes))
        for field, needed in sides:
            subnets = getattr(connection, field)
            left = [p for p in needed if not any(addressing.inside(p, subnet) for subnet in subnets)]
            if left:
                problem = f"{', '.join(left)} would not pass the tunnel"
                yield Problem(
                    ("ipsec_connections", name, field), problem, f"add it, or write [{ANY}]", ", ".join(subnets)
                )


@rule(
    "R-IPSEC-013",
    "IKE and IPsec lifetimes are at least two minutes, so that rekeying is not all they do.",
    source=TWINSPAN,
)
def _lifetimes(site: Site) -> Iterator[Problem]:
    for path, ike, ipsec in _proposals(site):
        for part, lifetime in (("ike", ike.lifetime_s), ("ipsec", ipsec.lifetime_s)):
            if 0 < lifetime < 120:
                yield Problem(
                    (*path, part, "lifetime_s"), f"{lifetime} s", "write 120 to 86400, or 0 for never", lifetime
                )


@rule("R-IPSEC-014", "Protected prefixes are 0.0.0.0/0 on both sides, and routes choose.", source=TWINSPAN)
def _routes_choose(site: Site) -> Iterator[Problem]:
    """Probes of the standby need to pass too, and ESP in userspace sets up only one pair of prefixes for sure."""
    for name, connection in site.ipsec_connections.items():
        for field in ("local_subnets", "remote_subnets"):
            subnets = getattr(connection, field)
            if ANY not in subnets:
                problem = "the standby's probes would not pass the tunnel, so it could never be proven"
                yield Problem(
                    ("ipsec_connections", name, field), problem, f"write [{ANY}], or leave it out", ", ".join(subnets)
                )


RULES = (
    _ike_version,
    _deprecated,
    _weak,
    _psk,
    _many_prefixes,
    _warm,
    _two_tunnels,
    _tunnel_parts,
    _identities,
    _aggressive,
    _dpd,
    _covered,
    _lifetimes,
    _routes_choose,
)
