"""Resources for tests of the resource service's decisions."""

from typing import Any

from twinspan.engine.reference_walk import rename
from twinspan.engine.site_drafts import disassemble
from twinspan.model.fields import ResourceSpec
from twinspan.model.kinds import STORED_KINDS
from twinspan.model.resource import READY, Resource
from twinspan.model.site import Site


def resource(
    kind: str, resource_id: str, *, name: str = "", phase: str = READY, until_ns: int = 0, **spec: Any
) -> Resource:
    return of_spec(kind, resource_id, STORED_KINDS[kind].spec(**spec), name=name, phase=phase, until_ns=until_ns)


def of_spec(
    kind: str,
    resource_id: str,
    spec: ResourceSpec,
    *,
    name: str = "",
    site: str = "",
    account: str = "a",
    phase: str = READY,
    until_ns: int = 0,
) -> Resource:
    return Resource(
        kind=kind,
        id=resource_id,
        account=account,
        name=name,
        site=site,
        spec=spec,
        phase=phase,
        phase_until_ns=until_ns,
        created_ns=0,
        updated_ns=0,
    )


def stored(site: Site) -> tuple[Resource, list[Resource]]:
    """A site as the store would have it: its own resource, and all of them, with made-up ids and rising times."""
    drafts = disassemble(site)
    ids = {draft.key: f"{STORED_KINDS[draft.kind].id_prefix}{number}" for number, draft in enumerate(drafts)}
    resources = [
        Resource(
            kind=draft.kind,
            id=ids[draft.key],
            account="a",
            name=draft.name,
            site="" if draft.kind == "Site" else site.site,
            spec=rename(draft.spec, lambda _, key: ids[key]),
            created_ns=number,
            updated_ns=number,
        )
        for number, draft in enumerate(drafts, start=1)
    ]
    return resources[-1], resources
