"""References: every name that a field mentions exists, and where the file left a choice open, it is settled.

The fields and the kinds they name come from the declarations (`ref` of `fields.about`); no list stands here.
In: `Site`. Out: findings. Next: `names.py`; all later rules may follow references without looking.
"""

import difflib
import functools
from collections.abc import Iterator
from typing import Any, NamedTuple

from msgspec import Struct

from twinspan.engine.admission.rule_book import Problem, rule
from twinspan.model.field_plan import fields_of
from twinspan.model.fields import TWINSPAN
from twinspan.model.finding import Path
from twinspan.model.kinds import KINDS, SECTIONS
from twinspan.model.site import Site


class _Reference(NamedTuple):
    path: Path
    kind: str
    name: str
    must: bool
    """Whether an empty reference is a gap that `expand` could not fill."""


@functools.cache
def _reference_fields(cls: type[Struct]) -> tuple[tuple[str, str, bool], ...]:
    """Field, kind, and whether it must be settled; nested structs are walked by `_references`."""
    return tuple(
        (field.name, field.extra["ref"], "filled" in field.extra)
        for field in fields_of(cls).values()
        if "ref" in field.extra
    )


def _references(value: Struct, path: Path) -> Iterator[_Reference]:
    for field, kind, must in _reference_fields(type(value)):
        mentioned: Any = getattr(value, field)
        if isinstance(mentioned, tuple):
            for index, name in enumerate(mentioned):
                yield _Reference((*path, field, index), kind, name, must)
        elif mentioned is not None:
            yield _Reference((*path, field), kind, mentioned, must)


def _all_references(site: Site) -> Iterator[_Reference]:
    for section in SECTIONS:
        for name, spec in getattr(site, section).items():
            yield from _references(spec, (section, name))
    for name, connection in site.ipsec_connections.items():
        for index, tunnel in enumerate(connection.tunnels):
            yield from _references(tunnel, ("ipsec_connections", name, "tunnels", index))
    for index, span in enumerate(site.spans):
        for reference in _references(span, ("spans", index)):
            wanted = "VirtualBorderRouter" if span.kind == "circuit" else "IpsecConnection"
            yield reference._replace(must=reference.must and reference.kind == wanted)


@rule("R-REF-001", "A reference names a resource that exists.", source=TWINSPAN)
def _exists(site: Site) -> Iterator[Problem]:
    for reference in _all_references(site):
        kind = KINDS[reference.kind]
        names = list(getattr(site, kind.section))
        if reference.name and reference.name not in names:
            near = difflib.get_close_matches(reference.name, names, n=1)
            known = f"{kind.section} has {', '.join(names)}" if names else f"{kind.section} is empty"
            remedy = f"did you mean {near[0]}? {known}" if near else f"{known}; or add it there"
            yield Problem(reference.path, f"there is no {kind.label} {reference.name}", remedy, reference.name)


@rule("R-REF-002", "A reference is written where there is more than one candidate, or none.", source=TWINSPAN)
def _settled(site: Site) -> Iterator[Problem]:
    for reference in _all_references(site):
        if reference.must and not reference.name:
            kind = KINDS[reference.kind]
            names = list(getattr(site, kind.section))
            what = "it could be any of several" if len(names) > 1 else "nothing fits"
            remedy = f"write {reference.path[-1]}: one of {', '.join(names)}" if names else f"add one to {kind.section}"
            yield Problem(reference.path, f"no {kind.label} is named and {what}", remedy)


_CHOSEN = {
    "virtual_border_routers": ("local_gateway_ip", "peer_gateway_ip"),
    "vpn_gateways": ("internet_ip",),
    "dhcp_services": ("pool_start", "pool_end"),
}


@rule("R-REF-003", "An address that the file leaves out can be chosen.", source=TWINSPAN)
def _chosen(site: Site) -> Iterator[Problem]:
    for section, fields in _CHOSEN.items():
        for name, spec in getattr(site, section).items():
            for field in fields:
                if not getattr(spec, field):
                    yield Problem((section, name, field), "every pool for it is used up", f"write {field}")


RULES = (_exists, _settled, _chosen)
