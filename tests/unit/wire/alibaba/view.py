"""A view of resources that a test holds in its hands."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from twinspan.engine.reference_walk import references
from twinspan.model.decode import decode
from twinspan.model.kinds import STORED_KINDS
from twinspan.model.resource import Resource
from twinspan.wire.alibaba.view import Selected, Selection

NOW_NS = 1_800_000_000_000_000_000
ACCOUNT = "1234567890123456"


def resource(
    kind: str, resource_id: str, name: str = "", status: dict[str, Any] | None = None, **spec: Any
) -> Resource:
    """A stored resource; references in its spec are ids."""
    decoded = decode(STORED_KINDS[kind].spec, spec, profile="edge", edge="alibaba")
    assert decoded.value is not None, decoded.findings
    return Resource(
        kind=kind,
        id=resource_id,
        account=ACCOUNT,
        name=name,
        spec=decoded.value,
        status=status or {},
        created_ns=NOW_NS,
        updated_ns=NOW_NS,
    )


class HeldView:
    """`twinspan.wire.alibaba.view.View` without a service."""

    account, region, now_ns = ACCOUNT, "cn-hangzhou", NOW_NS

    def __init__(self, *resources: Resource) -> None:
        self.resources = {one.id: one for one in resources}

    def get(self, kind: str, resource_id: str) -> Resource | None:
        found = self.resources.get(resource_id)
        return found if found is not None and found.kind == kind else None

    def select(self, selection: Selection) -> Selected:
        found = [one for one in self.resources.values() if one.kind == selection.kind and _fits(one, selection)]
        start = selection.offset
        return Selected(resources=tuple(found[start : start + selection.limit]), total=len(found))

    def users(self, kind: str, resource_id: str) -> tuple[Resource, ...]:
        return self.select(Selection(kind=kind, refers_to=(resource_id,), limit=1000)).resources

    def all(self, kind: str) -> tuple[Resource, ...]:
        return self.select(Selection(kind=kind, limit=1000)).resources

    def account_id(self, account: str) -> str:
        return account

    def account_named(self, text: str) -> str | None:
        return text if text == ACCOUNT else None

    def quota(self, name: str) -> int:
        return 20

    def secret(self) -> str:
        return "0123456789abcdef"

    def changed(self, resource_id: str, **change: Any) -> None:
        self.resources[resource_id] = replace(self.resources[resource_id], **change)


def _fits(one: Resource, selection: Selection) -> bool:
    mentions = {mention.target for mention in references(one.spec)}
    tags = one.spec.tags
    return (
        (selection.ids is None or one.id in selection.ids)
        and selection.name in {"", one.name}
        and set(selection.refers_to) <= mentions
        and all(key in tags and value in {None, tags[key]} for key, value in selection.tags.items())
        and selection.resource_group in {"", one.spec.resource_group}
    )
