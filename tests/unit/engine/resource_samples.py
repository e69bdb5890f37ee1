"""Resources for tests of the resource service's decisions."""

from typing import Any

from twinspan.model.fields import ResourceSpec
from twinspan.model.kinds import STORED_KINDS
from twinspan.model.resource import READY, Resource


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
