"""A whole site is applied in one step: exactly what was shown, once, and it comes back as it went in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.unit.server.resources.conftest import ALICE, BOB, Made

from twinspan.cli.site_file import check
from twinspan.engine.expand import expand
from twinspan.model.decode import decode
from twinspan.model.resource import Actor
from twinspan.model.site import Site, SiteFile
from twinspan.model.site_apply import SitePlanned
from twinspan.server.resources.apply import apply_site, check_site, destroy_site, export_site, plan_site
from twinspan.server.resources.error import NotFound, ServiceError
from twinspan.server.resources.port import Query
from twinspan.wire.site_file_text import to_plain

EXAMPLES = sorted((Path(__file__).parents[4] / "examples").glob("0[1-7]*/*.yaml"))
OWNER = msgspec.structs.replace(ALICE, edge="site_file")


def example(path: Path = EXAMPLES[0]) -> dict[str, Any]:
    found = check(path.read_bytes(), path.name)
    assert found.site is not None, found.findings
    return to_plain(found.site)


def apply(made: Made, plain: dict[str, Any], plan: str = "", actor: Actor = OWNER) -> SitePlanned:
    checked = check_site(plain)
    return made.service.run(actor, lambda tx: apply_site(tx, checked, plan))


def look(made: Made, plain: dict[str, Any]) -> SitePlanned:
    checked = check_site(plain)
    return made.service.run(OWNER, lambda tx: plan_site(tx, checked), dry_run=True)


def newest(made: Made) -> int:
    return made.store.read(lambda view: view.newest_change())


def complete(plain: dict[str, Any]) -> Site:
    decoded = decode(SiteFile, plain, profile=plain.get("profile", "edge"))
    assert decoded.value is not None, decoded.findings
    return msgspec.structs.replace(expand(decoded.value), made=frozenset())


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_site_is_made_once_and_comes_back_as_it_went_in(made: Made, path: Path) -> None:
    plain = example(path)
    first = apply(made, plain)
    assert {change.action for change in first.changes} == {"create"}
    assert all(change.id for change in first.changes)
    before = newest(made)
    again = apply(made, plain)
    assert again.changes == ()
    assert again.unchanged == len(first.changes)
    assert newest(made) == before
    back = made.service.run(OWNER, lambda tx: export_site(tx, plain["site"]), dry_run=True)
    assert complete(back) == complete(plain)
    assert look(made, back).changes == ()


def test_a_change_of_one_field_changes_one_resource(made: Made) -> None:
    plain = example()
    apply(made, plain)
    plain["virtual_border_routers"]["vbr"]["detect_multiplier"] = 5
    (change,) = look(made, plain).changes
    assert (change.action, change.kind, change.fields) == ("update", "VirtualBorderRouter", ("detect_multiplier",))
    apply(made, plain)
    assert look(made, plain).changes == ()


def test_what_cannot_change_is_made_anew_with_what_stands_on_it(made: Made) -> None:
    plain = example()
    apply(made, plain)
    (name,) = plain["customer_gateways"]
    plain["customer_gateways"][name]["ip_address"] = "198.18.0.150"
    plain["gateway"] |= {"public_address": "198.18.0.150", "isp_next_hop": "198.18.0.149"}
    plan = look(made, plain)
    anew = {change.kind for change in plan.changes if change.action == "replace"}
    assert {"CustomerGateway", "IpsecConnection", "DestinationRoute"} <= anew
    apply(made, plain, plan.plan)
    assert look(made, plain).changes == ()


def test_a_plan_that_was_overtaken_changes_nothing(made: Made) -> None:
    plain = example()
    seen = look(made, plain)
    apply(made, plain)
    before = newest(made)
    with pytest.raises(ServiceError, match="changed"):
        apply(made, plain, seen.plan)
    assert newest(made) == before


def test_a_site_that_is_not_admitted_changes_nothing(made: Made) -> None:
    plain = example()
    plain["virtual_border_routers"]["vbr"]["peer_gateway_ip"] = "10.9.9.9"
    with pytest.raises(ServiceError):
        apply(made, plain)
    assert newest(made) == 0


def test_a_mistake_half_way_undoes_everything(made: Made) -> None:
    plain = example()
    apply(made, plain)
    made.make("VpnGateway", ALICE, "mine", vpc="user", network_type="public")
    before = newest(made)
    with pytest.raises(ServiceError, match="refers to"):
        made.service.run(OWNER, lambda tx: destroy_site(tx, "two-spans"))
    assert newest(made) == before


def test_keys_are_made_once_and_never_shown(made: Made) -> None:
    plain = example()
    apply(made, plain)
    (connection,) = made.service.list(ALICE, _query("IpsecConnection")).resources
    key = connection.spec.psk.value.reveal()  # type: ignore[attr-defined]
    assert len(key) > 20
    back = made.service.run(OWNER, lambda tx: export_site(tx, plain["site"]), dry_run=True)
    assert key not in msgspec.json.encode(back).decode()
    apply(made, plain)
    (later,) = made.service.list(ALICE, _query("IpsecConnection")).resources
    assert later.spec.psk.value.reveal() == key  # type: ignore[attr-defined]


def test_destroy_leaves_nothing(made: Made) -> None:
    plain = example()
    applied = apply(made, plain)
    gone = made.service.run(OWNER, lambda tx: destroy_site(tx, "two-spans"))
    assert len(gone.changes) == len(applied.changes)
    assert made.service.list(ALICE, _query("Vpc")).resources == ()
    with pytest.raises(NotFound):
        made.service.run(OWNER, lambda tx: destroy_site(tx, "two-spans"))


def test_another_account_does_not_see_the_site(made: Made) -> None:
    apply(made, example())
    other = msgspec.structs.replace(BOB, edge="site_file")
    with pytest.raises(NotFound):
        made.service.run(other, lambda tx: destroy_site(tx, "two-spans"))
    with pytest.raises(NotFound):
        made.service.run(other, lambda tx: export_site(tx, "two-spans"), dry_run=True)


def _query(kind: str) -> Query:
    return Query(kind=kind, account="alice")


def test_the_data_centres_half_alone_leaves_the_clouds_as_it_is(made: Made) -> None:
    plain = example()
    checked = check_site(plain, only_data_center=True)
    done = made.service.run(OWNER, lambda tx: apply_site(tx, checked))
    assert {change.kind for change in done.changes} == {"Site", "DnsService", "DhcpService"}
    made.service.create(OWNER, "Vpc", {"cidr_block": "10.1.0.0/16"}, name="cloud", site=plain["site"])
    again = made.service.run(OWNER, lambda tx: apply_site(tx, checked))
    assert (again.changes, again.unchanged) == ((), 3)


def test_the_whole_site_after_its_half_makes_the_rest(made: Made) -> None:
    plain = example()
    checked = check_site(plain, only_data_center=True)
    made.service.run(OWNER, lambda tx: apply_site(tx, checked))
    whole = apply(made, plain)
    assert {change.action for change in whole.changes if change.kind == "Site"} == {"update"}
    assert not {"DnsService", "DhcpService"} & {change.kind for change in whole.changes}
    assert look(made, plain).changes == ()


def many_peers() -> dict[str, Any]:
    """A site with nine BGP peers on its VBR."""
    path = Path(__file__).parents[3] / "golden" / "errors" / "bgp-peer-many.yaml"
    found = check(path.read_bytes(), path.name, limits=None)
    assert found.site is not None
    return to_plain(found.site)


def test_a_site_file_may_have_what_an_operator_has_allowed_its_account(made: Made) -> None:
    with pytest.raises(ServiceError) as refused:
        check_site(many_peers(), limits=made.service.limits("alice"))
    assert refused.value.refusals[0].code == "R-PEER-007"
    made.service.store.change(lambda work: work.set_quota("alice", "bgp_peers_per_vbr", 9))
    checked = check_site(many_peers(), limits=made.service.limits("alice"))
    done = made.service.run(OWNER, lambda tx: apply_site(tx, checked))
    assert sum(change.kind == "BgpPeer" for change in done.changes) == 9
    bob = msgspec.structs.replace(BOB, edge="site_file")
    with pytest.raises(ServiceError) as refused:
        made.service.run(bob, lambda tx: apply_site(tx, checked))
    assert refused.value.refusals[0].code == "QuotaExceeded.bgp_peers_per_vbr"


def let_go(made: Made, kind: str, named: str, **merge: str) -> None:
    """As if an SDK had made it: bound to no site, called otherwise."""
    made.service.run(OWNER, lambda tx: tx.patch(kind, named, {"site": "", **merge}))


@pytest.mark.parametrize("name", ["", "1 strange name", "user"])
def test_what_somebody_else_made_comes_back_from_its_export_and_is_not_made_twice(made: Made, name: str) -> None:
    plain = example()
    for change in apply(made, plain).changes:
        if change.kind not in {"Site", "DnsService", "DhcpService"}:
            let_go(made, change.kind, change.id, **({"name": name} if change.kind != "OfficeNetwork" else {}))
    back = made.service.run(OWNER, lambda tx: export_site(tx, plain["site"]), dry_run=True)
    assert look(made, back).changes == ()


def test_what_is_bound_to_no_site_is_changed_by_a_file_that_names_it_and_never_deleted(made: Made) -> None:
    plain = example()
    apply(made, plain)
    let_go(made, "VirtualBorderRouter", "vbr")
    let_go(made, "DestinationRoute", "data-center-1")
    plain["virtual_border_routers"]["vbr"]["detect_multiplier"] = 5
    plain["destination_routes"] = {}
    (change,) = [one for one in look(made, plain).changes if one.kind == "VirtualBorderRouter"]
    assert (change.action, change.fields) == ("update", ("detect_multiplier",))
    assert not [one for one in look(made, plain).changes if one.action == "delete"]


def test_a_name_that_no_site_file_may_have_is_exported_as_an_id(made: Made) -> None:
    plain = example()
    apply(made, plain)
    vpc = made.service.run(OWNER, lambda tx: tx.get("Vpc", "user")).id
    made.service.run(OWNER, lambda tx: tx.patch("Vpc", vpc, {"name": "1 strange name"}))
    back = made.service.run(OWNER, lambda tx: export_site(tx, plain["site"]), dry_run=True)
    assert vpc in back["vpcs"]
    assert look(made, back).changes == ()
