"""What a compiled site would be and what it would change, as a value to print.

In: a `Deployment`, and the one that runs now, if any. Out: a `SitePlan`. Pure. Next: `cli.plan` prints it.
"""

from __future__ import annotations

import msgspec

from twinspan.model.deployment import Deployment
from twinspan.model.device_config import Bgp, DeviceConfig
from twinspan.model.secret import Secret


class NodePlan(msgspec.Struct, frozen=True, kw_only=True):
    node: str
    role: str
    links: tuple[str, ...]
    """"name address address ..." of every link."""
    originates: tuple[str, ...]
    routes: tuple[str, ...]


class SessionPlan(msgspec.Struct, frozen=True, kw_only=True):
    kind: str
    """bgp or ike."""
    span: str
    """Empty inside the cloud."""
    from_node: str
    to: str
    detail: str


class Change(msgspec.Struct, frozen=True, kw_only=True):
    node: str
    what: str
    """create, change, remove or none."""
    fields: tuple[str, ...] = ()
    """Parts of the config that differ."""


class SitePlan(msgspec.Struct, frozen=True, kw_only=True):
    site: str
    profile: str
    region: str
    nodes: tuple[NodePlan, ...]
    sessions: tuple[SessionPlan, ...]
    changes: tuple[Change, ...]


def plan_site(deployment: Deployment, running: Deployment | None) -> SitePlan:
    """Describe `deployment`; with `running`, say what would differ from it (keys are not compared)."""
    configs = deployment.configs
    return SitePlan(
        site=deployment.site,
        profile=deployment.profile,
        region=deployment.region,
        nodes=tuple(_node(configs[n]) for n in deployment.topology.nodes),
        sessions=tuple(s for n in deployment.topology.nodes for s in _sessions(configs[n])),
        changes=_changes(deployment, running),
    )


def _node(config: DeviceConfig) -> NodePlan:
    tables = {t.name: str(t.table_id) for t in config.tables}
    routes = []
    for route in config.routes:
        ways = " or ".join(f"{h.tunnel or h.link}{f' via {h.via}' if h.via else ''}" for h in route.next_hops)
        table = f" table {tables[route.table]}" if route.table != "main" else ""
        routes.append(f"{route.prefix} {ways} ({route.role}{table})")
    return NodePlan(
        node=config.node,
        role=config.role,
        links=tuple(f"{link.name} {' '.join(link.addresses) or '-'}" for link in config.links),
        originates=tuple(_originates(config.bgp)),
        routes=tuple(routes),
    )


def _originates(bgp: Bgp | None) -> list[str]:
    found = bgp.originate if bgp else ()
    return [f"{o.prefix}{f' over {o.span}' if o.span else ''}{' (pinned)' if o.pinned else ''}" for o in found]


def _sessions(config: DeviceConfig) -> list[SessionPlan]:
    found = []
    for peer in config.bgp.peers if config.bgp else ():
        bfd = f", BFD {peer.bfd.min_tx_interval_ms} ms x {peer.bfd.detect_multiplier}" if peer.bfd else ""
        key = ", MD5 key" if peer.auth_key is not None else ""
        quota = f", quota {peer.import_limit}" if peer.import_limit else ""
        found.append(
            SessionPlan(
                kind="bgp",
                span=peer.span or "",
                from_node=config.node,
                to=f"{peer.peer_address} AS{peer.peer_asn}",
                detail=f"from {peer.local_address} AS{peer.local_asn}{bfd}{key}{quota}",
            )
        )
    found += [
        SessionPlan(
            kind="ike",
            span="vpn",
            from_node=config.node,
            to=t.remote_address,
            detail=f"{t.ike_version}, {t.ike_proposal}, ESP {t.esp_proposal}{', initiates' if t.initiate else ''}",
        )
        for t in config.tunnels
    ]
    return found


def _changes(deployment: Deployment, running: Deployment | None) -> tuple[Change, ...]:
    if running is None:
        return tuple(Change(node=n, what="create") for n in deployment.topology.nodes)
    found = []
    for node in deployment.topology.nodes:
        old = running.configs.get(node)
        if old is None:
            found.append(Change(node=node, what="create"))
            continue
        fields = _differing(without_keys(old), without_keys(deployment.configs[node]))
        found.append(Change(node=node, what="change" if fields else "none", fields=fields))
    found += [Change(node=n, what="remove") for n in running.topology.nodes if n not in deployment.configs]
    return tuple(found)


def without_keys(config: DeviceConfig) -> DeviceConfig:
    """The config with every key taken out: generated keys differ each time and say nothing."""
    replace = msgspec.structs.replace
    blank = Secret("")
    bgp = config.bgp
    if bgp is not None:
        bgp = replace(bgp, peers=tuple(replace(p, auth_key=blank if p.auth_key else None) for p in bgp.peers))
    return replace(config, bgp=bgp, tunnels=tuple(replace(t, psk=blank) for t in config.tunnels), generation=1)


def _differing(old: DeviceConfig, new: DeviceConfig) -> tuple[str, ...]:
    return tuple(f for f in new.__struct_fields__ if getattr(old, f) != getattr(new, f))
