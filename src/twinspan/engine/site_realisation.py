"""From the stored resources of a site to the configs of its nodes, and what stands in the way.

In: the site and the resources of its account, settled. Out: `Planned`. Next: `realisation.py` says which devices must
be told.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from twinspan.engine.admission.admit import admit
from twinspan.engine.compile import Denials, compile_partial, denials, missing_parts
from twinspan.engine.compile.keys import Keys, keys_from, wanted_keys
from twinspan.engine.site_assembly import ABSENT, Assembled, assemble
from twinspan.engine.stored_routes import with_keys
from twinspan.model.device_config import DeviceConfig
from twinspan.model.finding import Finding, path_text
from twinspan.model.resource import Resource
from twinspan.model.route_map import RouteMapSpec
from twinspan.model.site import Site

NOT_YET = frozenset({"R-ATT-003", "R-ATT-004", "R-ATT-006", "R-DBR-008", "R-OFF-001", "R-PEER-006", "R-REF-002"})
"""Rules that ask for something to be there. A site file must have it; resources are made one after the other, and what
is there already does what it can."""

OF_NO_NODE = frozenset({"R-ATT-009"})
"""Rules about what the seed's cloud has and no machine here is: it is told, and the others do what they shall."""

DATA_CENTER = frozenset({"gateway", "pc"})
"""Roles of nodes that are not the cloud's."""


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """What the nodes of a site shall be."""

    configs: Mapping[str, DeviceConfig] | None = None
    """By node. None: it cannot be said, and every device stays as it is."""
    problems: tuple[str, ...] = ()


def plan_site(site: Resource, resources: Iterable[Resource]) -> Planned:
    """The site as its resources make it so far. With a mistake in it nothing is changed at any node."""
    everything = tuple(resources)
    whole = assemble(site, (one for one in everything if one.kind != "FailoverTestJob"))
    # Quotas were counted when each resource was made; one that is lowered later stops nothing that is there.
    errors = [finding for finding in admit(whole.site, limits=None) if finding.severity == "error"]
    mistakes = [_sentence(finding) for finding in errors if finding.rule.id not in NOT_YET | OF_NO_NODE]
    mistakes += _missing_keys(whole.site)
    denied = denials(whole.site, _route_maps(whole, everything))
    lacks = missing_parts(whole.site) or tuple(_sentence(one) for one in errors if one.rule.id in NOT_YET)
    lacks += tuple(_sentence(one) for one in errors if one.rule.id in OF_NO_NODE)
    if mistakes:
        return Planned(problems=(*mistakes, *lacks, *denied.notes))
    configs = compile_partial(whole.site, _keys(whole.site), denied)
    return Planned(configs=_tested(configs, site, everything, denied), problems=(*lacks, *denied.notes))


def _route_maps(whole: Assembled, resources: Iterable[Resource]) -> list[RouteMapSpec]:
    """Those of the site's CEN instance and region, with the site's keys for ids."""
    names = {one: key.partition(".")[2] for key, one in whole.ids.items()}
    return [
        with_keys(one.spec, names)
        for one in resources
        if isinstance(one.spec, RouteMapSpec)
        and one.phase not in ABSENT
        and names.get(one.spec.cen) in whole.site.cens
        and one.spec.region == whole.site.region
    ]


def _tested(
    configs: dict[str, DeviceConfig], site: Resource, resources: tuple[Resource, ...], denied: Denials
) -> dict[str, DeviceConfig]:
    """With what failover tests take out at present: at the cloud's end alone, since the data centre is not told."""
    if not any(one.kind == "FailoverTestJob" for one in resources):
        return configs
    cloud = assemble(site, resources).site
    tested = compile_partial(cloud, _keys(cloud), denied)
    return tested | {node: config for node, config in configs.items() if config.role in DATA_CENTER}


def _sentence(finding: Finding) -> str:
    return f"{finding.rule.id} {path_text(finding.path)}: {finding.problem} ({finding.remedy})"


def _missing_keys(site: Site) -> list[str]:
    """A BGP session without a key is one; a tunnel without is none."""
    names = [name for name, source in wanted_keys(site).items() if source is None or source.value is None]
    return [f"{name}: there is no key (give one)" for name in names if name.startswith("psk:")]


def _keys(site: Site) -> Keys:
    given = {name: source.value for name, source in wanted_keys(site).items() if source is not None}
    return keys_from({name: value for name, value in given.items() if value is not None})
