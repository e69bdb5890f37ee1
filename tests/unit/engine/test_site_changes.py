"""What differs between a site file and what is stored, and the order in which it is done."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from msgspec.structs import replace
from tests.unit.engine.resource_samples import stored

from twinspan.cli.site_file import check, findings_text
from twinspan.engine.reference_walk import references
from twinspan.engine.site_changes import SiteChanges, changes, with_ids
from twinspan.engine.site_drafts import disassemble
from twinspan.model.resource import Resource
from twinspan.model.secret import Secret
from twinspan.model.secret_source import SecretSource
from twinspan.model.site import Site

EXAMPLES = Path(__file__).parents[3] / "examples"
FILES = sorted(path.relative_to(EXAMPLES).as_posix() for path in EXAMPLES.glob("*/*.yaml"))


def site_of(example: str = "01-two-spans/site.yaml", **sections: Any) -> Site:
    text = yaml.safe_load((EXAMPLES / example).read_text())
    for name, section in sections.items():
        text[name] = {**text.get(name, {}), **section} if isinstance(section, dict) else section
    result = check(yaml.safe_dump(text).encode(), "site.yaml")
    assert result.site is not None, findings_text(result)
    return result.site


def difference(before: Site, after: Site) -> SiteChanges:
    return changes(disassemble(after), stored(before)[1])


def carried_out(found: SiteChanges, resources: list[Resource]) -> list[Resource]:
    """As the service does it: nothing is deleted that is used, and nothing refers to what is not there."""
    there = {one.id: one for one in resources}
    ids = dict(found.ids)
    for number, step in enumerate(found.operations):
        resource_id = step.id or ids.get(step.key, "")
        if step.spec is None:
            users = [one.id for one in there.values() for m in references(one.spec) if m.target == resource_id]
            assert not users, (step.key, users)
            del there[resource_id]
            continue
        spec = with_ids(step.spec, ids)
        if step.verb == "create":
            resource_id = ids[step.key] = f"new-{number}"
            template = next(iter(resources))
            there[resource_id] = replace(template, id=resource_id, kind=step.kind, name=step.name, spec=spec)
        else:
            there[resource_id] = replace(there[resource_id], spec=spec)
        for mention in references(spec):
            assert mention.target in there, (step.key, mention)
    return list(there.values())


@pytest.mark.parametrize("example", FILES)
def test_the_same_file_twice_changes_nothing(example: str) -> None:
    site = site_of(example)
    found = difference(site, site)
    assert (found.count, found.operations) == (0, ())
    assert len(found.ids) == len(disassemble(site))


@pytest.mark.parametrize("example", FILES)
def test_from_nothing_to_a_site_and_back_every_step_is_allowed(example: str) -> None:
    drafts = disassemble(site_of(example))
    empty = stored(site_of(example))[1][:1]
    found = changes(drafts, [])
    assert found.operations[0].kind == "Site"
    resources = carried_out(found, empty)[1:]
    assert changes(drafts, resources).count == 0
    assert carried_out(changes((), resources), resources) == []


@pytest.mark.parametrize("before", FILES)
@pytest.mark.parametrize("after", FILES)
def test_from_any_example_to_any_other(before: str, after: str) -> None:
    resources = stored(site_of(before))[1]
    drafts = disassemble(replace(site_of(after), site=site_of(before).site))
    assert changes(drafts, carried_out(changes(drafts, resources), resources)).operations == ()


def test_a_field_that_may_change_is_updated_and_named() -> None:
    found = difference(site_of(), site_of(health_checks={"vbr": {"interval_s": 3}}))
    (update,) = found.updates
    assert [(field.path, field.before, field.after) for field in update.fields] == [("interval_s", "2", "3")]
    assert [step.verb for step in found.operations] == ["update"]


def test_a_field_that_cannot_change_makes_it_anew_with_what_stands_on_it() -> None:
    before = site_of()
    vpcs = {**before.vpcs, "user": replace(before.vpcs["user"], cidr_block="192.168.8.0/24")}
    vswitches = {
        name: replace(spec, cidr_block="192.168.8.0/24") if spec.vpc == "user" else spec
        for name, spec in before.vswitches.items()
    }
    found = difference(before, replace(before, vpcs=vpcs, vswitches=vswitches))
    anew = {update.draft.key for update in found.replaces}
    assert {"vpcs.user", "vswitches.user-a", "vpn_gateways.vpn-gateway", "ipsec_connections.vpn"} <= anew
    assert "vpcs.office" not in anew
    assert "sites.two-spans" not in anew
    carried_out(found, stored(before)[1])


def test_a_weight_changes_only_while_the_partner_is_away() -> None:
    before = site_of("02-two-tunnels/site.yaml")
    swapped = {
        name: replace(route, weight=100 if route.weight == 0 else 0)
        for name, route in before.destination_routes.items()
    }
    found = difference(before, replace(before, destination_routes=swapped))
    assert {update.draft.name for update in found.replaces} == set(before.destination_routes)
    assert [step.verb for step in found.operations] == ["delete", "delete", "create", "create"]


def test_ipv6_cannot_be_switched_off_so_the_vbr_is_made_anew() -> None:
    before = site_of("05-dual-stack/site.yaml")
    vbr = replace(before.virtual_border_routers["vbr"], enable_ipv6=False)
    found = difference(before, replace(before, virtual_border_routers={"vbr": vbr}))
    assert "virtual_border_routers.vbr" in {update.draft.key for update in found.replaces}


def test_a_key_that_the_file_leaves_out_is_kept() -> None:
    site = site_of()
    own, resources = stored(site)
    keyed = [
        replace(one, spec=replace(one.spec, psk=SecretSource(value=Secret("made"))))  # type: ignore[call-arg]
        if one.kind == "IpsecConnection"
        else one
        for one in resources
    ]
    assert own in resources
    assert changes(disassemble(site), keyed).count == 0


def test_a_key_never_shows() -> None:
    before = site_of()
    connection = replace(before.ipsec_connections["vpn"], psk=SecretSource(value=Secret("hidden")))
    found = difference(before, replace(before, ipsec_connections={"vpn": connection}))
    (update,) = found.updates
    assert [(field.path, field.before, field.after) for field in update.fields] == [("psk", "", "***")]
