"""A site as a store would have it: resources with ids, keys given."""

from __future__ import annotations

from msgspec import structs

from twinspan.engine.reference_walk import rename
from twinspan.engine.site_drafts import disassemble
from twinspan.model.kinds import STORED_KINDS
from twinspan.model.resource import Resource
from twinspan.model.secret import Secret
from twinspan.model.secret_source import SecretSource
from twinspan.model.site import Site

KEY = Secret("a-key-of-this-test-only")


def with_keys(site: Site) -> Site:
    source = SecretSource(value=KEY)
    groups = {name: structs.replace(spec, auth_key=source) for name, spec in site.bgp_groups.items()}
    connections = {
        name: structs.replace(spec, tunnels=tuple(structs.replace(tunnel, psk=source) for tunnel in spec.tunnels))
        if spec.tunnels
        else structs.replace(spec, psk=source)
        for name, spec in site.ipsec_connections.items()
    }
    return structs.replace(site, bgp_groups=groups, ipsec_connections=connections)


def stored(site: Site, *, bound: bool = True) -> tuple[Resource, tuple[Resource, ...]]:
    """The site as a store would have it: its own resource, and the others."""
    drafts = disassemble(site)
    ids = {draft.key: f"{STORED_KINDS[draft.kind].id_prefix}{number:04}" for number, draft in enumerate(drafts)}
    found = [
        Resource(
            kind=draft.kind,
            id=ids[draft.key],
            account="lab",
            name=draft.name,
            site=site.site if bound or draft.kind == "Site" else "",
            spec=rename(draft.spec, lambda _, key: ids[key]),
            created_ns=number,
            updated_ns=number,
        )
        for number, draft in enumerate(drafts)
    ]
    return found[-1], tuple(found)
