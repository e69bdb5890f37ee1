"""What every resource store promises, on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import select, text
from tests.contract.resources import (
    BONN,
    KIEL,
    NOW,
    PSK,
    bgp_group,
    connection,
    customer_gateway,
    inserting,
    renamed,
    vpc,
    vswitch,
)

from twinspan.model.errors import Rejected
from twinspan.model.resource import Resource
from twinspan.model.vpc import VpcSpec
from twinspan.server.database.port import Statement
from twinspan.server.resources import sql_view
from twinspan.server.resources.port import Page, Query, Remembered, StaleWrite, Work
from twinspan.server.resources.seal import SealKey
from twinspan.server.resources.sql_store import SqlStore, open_store
from twinspan.server.resources.tables import METADATA
from twinspan.server.resources.verify import verify

DAY_NS = 24 * 3600 * 10**9


@pytest.fixture
def store(database_url: str, tmp_path: Path) -> Iterator[SqlStore]:
    made = open_store(database_url, SealKey.load_or_create(tmp_path / "seal.key"), lambda: NOW + 5)
    yield made
    made.close()


def get(store: SqlStore, resource_id: str) -> Resource | None:
    return store.read(lambda view: view.get(resource_id))


def page(store: SqlStore, **query: Any) -> Page:
    asked = Query(**({"kind": "Vpc", "account": "kiel"} | query))
    return store.read(lambda view: view.list(asked))


def ids(page: Page) -> list[str]:
    return [resource.id for resource in page.resources]


# ------------------------------------------------------------------------------------------------ one resource


@pytest.mark.parametrize("resource", [vpc("vpc-1", spec={"tags": {"env": "x"}}), bgp_group("g-1"), connection("c-1")])
def test_what_was_inserted_comes_back_the_same(store: SqlStore, resource: Resource) -> None:
    store.change(inserting(resource))
    assert get(store, resource.id) == resource


def test_a_resource_that_is_not_there_is_none(store: SqlStore) -> None:
    assert get(store, "vpc-1") is None


@pytest.mark.parametrize("odd", ["a\0b", "\ud800", "", "'; DROP TABLE resource; --", "x" * 100_000])
def test_an_odd_id_is_not_there(store: SqlStore, odd: str) -> None:
    assert get(store, odd) is None
    assert store.read(lambda view: view.find("kiel", "Vpc", odd)) == ()
    assert ids(page(store, text=odd or "x", names=(odd,), ids=(odd,), refers_to=(odd,), tags={odd: odd})) == []


def test_another_store_on_the_same_database_sees_it(store: SqlStore, database_url: str, tmp_path: Path) -> None:
    store.change(inserting(connection("c-1")))
    other = open_store(database_url, SealKey(tmp_path / "seal.key"))
    assert get(other, "c-1") == connection("c-1")
    other.close()


def test_an_id_is_never_used_again(store: SqlStore) -> None:
    store.change(inserting(vpc("vpc-1")))
    with pytest.raises(Rejected, match="used before"):
        store.change(inserting(vpc("vpc-1")))
    store.change(lambda work: work.remove(vpc("vpc-1"), KIEL))
    with pytest.raises(Rejected, match="used before"):
        store.change(inserting(vpc("vpc-1")))


def test_an_update_of_an_older_generation_is_refused_with_the_newest(store: SqlStore) -> None:
    first = vpc("vpc-1")
    store.change(inserting(first))
    store.change(lambda work: work.update(first, renamed(first, "second"), KIEL))
    with pytest.raises(StaleWrite) as refusal:
        store.change(lambda work: work.update(first, renamed(first, "third"), KIEL))
    assert refusal.value.resource == renamed(first, "second")
    assert get(store, "vpc-1") == renamed(first, "second")


def test_a_removal_of_an_older_generation_is_refused(store: SqlStore) -> None:
    first = vpc("vpc-1")
    store.change(inserting(first))
    store.change(lambda work: work.update(first, renamed(first, "second"), KIEL))
    with pytest.raises(StaleWrite):
        store.change(lambda work: work.remove(first, KIEL))
    assert get(store, "vpc-1") is not None


def test_what_is_gone_cannot_be_changed(store: SqlStore) -> None:
    first = vpc("vpc-1")
    store.change(inserting(first))
    store.change(lambda work: work.remove(first, KIEL))
    assert get(store, "vpc-1") is None
    for again in (lambda work: work.remove(first, KIEL), lambda work: work.update(first, renamed(first, "x"), KIEL)):
        with pytest.raises(Rejected, match="gone"):
            store.change(again)


def test_secrets_are_sealed_in_the_database_and_masked_in_the_audit(store: SqlStore) -> None:
    first = connection("c-1")
    store.change(inserting(first))
    store.change(lambda work: work.update(first, renamed(first, "other"), KIEL))
    with store.database.reading() as session:
        written = str(session.rows(_everything(store, "resource"))) + str(session.rows(_everything(store, "change")))
    assert PSK not in written
    assert "sealed:" in written
    assert '"***"' in written


def _everything(store: SqlStore, table: str) -> Any:
    return Statement(select(METADATA.tables[table]), store.database.dialect)


# ---------------------------------------------------------------------------------------------- units of work


def test_a_work_sees_what_it_has_written_and_others_do_not_until_it_is_done(store: SqlStore) -> None:
    def work(work: Work) -> None:
        work.insert(vpc("vpc-1"), KIEL)
        assert work.get("vpc-1") == vpc("vpc-1")
        assert work.count("kiel", "Vpc") == 1
        assert get(store, "vpc-1") is None

    store.change(work)
    assert get(store, "vpc-1") is not None


def test_whatever_a_work_raises_undoes_it(store: SqlStore) -> None:
    def work(work: Work) -> None:
        work.insert(vpc("vpc-1", spec={"tags": {"a": "b"}}), KIEL)
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        store.change(work)
    assert get(store, "vpc-1") is None
    assert store.read(lambda view: (view.count("kiel", "Vpc"), view.newest_change())) == (0, 0)


def test_works_that_share_a_transaction_fail_alone(store: SqlStore) -> None:
    def failing(work: Work) -> None:
        work.insert(vpc("vpc-2"), KIEL)
        work.insert(vpc("vpc-1"), KIEL)

    answers = store.change_all([inserting(vpc("vpc-1")), failing, inserting(vpc("vpc-3")), lambda work: "answer"])
    assert [type(answer) for answer in answers] == [type(None), Rejected, type(None), str]
    assert ids(page(store)) == ["vpc-1", "vpc-3"]
    assert page(store).total == 2
    assert [change.id for change in store.read(lambda view: view.changes(after=0, account=None))] == ["vpc-1", "vpc-3"]
    store.change(inserting(vpc("vpc-4")))
    assert proven(store) is None


def test_works_go_one_after_another_however_many_threads_bring_them(store: SqlStore) -> None:
    first = vpc("vpc-1")
    store.change(inserting(first))

    def one_more(_: int) -> None:
        def work(work: Work) -> None:
            now = work.get("vpc-1")
            assert now is not None
            work.update(now, renamed(now, f"generation {now.generation + 1}"), KIEL)

        store.change(work)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(one_more, range(40)))
    last = get(store, "vpc-1")
    assert last is not None
    assert (last.generation, last.name) == (41, "generation 41")
    assert proven(store) is None


# ----------------------------------------------------------------------------------------------------- lists


@pytest.fixture
def many(store: SqlStore) -> SqlStore:
    """vpc-0 to vpc-9: created upwards, updated downwards, named by the remainder; every third is in site north."""
    made = [
        vpc(
            f"vpc-{n}", name=f"N{n % 4}", created_ns=NOW + n // 2, updated_ns=NOW - n, site="north" * (n % 3 == 0),
            phase="deleting" if n == 7 else "ready",
            spec={"tags": {"env": "test" if n % 2 else "live", f"t{n}": ""}, "resource_group": "rg" * (n > 7)},
        )
        for n in range(10)
    ]  # fmt: skip
    store.change(inserting(*made))
    store.change(inserting(vpc("vpc-b", account="bonn"), actor=BONN))
    store.change(inserting(vswitch("vsw-1", "vpc-1"), vswitch("vsw-2", "vpc-1"), vswitch("vsw-3", "vpc-2")))
    return store


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"site": "north"}, "0369"),
        ({"site": ""}, "124578"),
        ({"ids": ("vpc-3", "vpc-5", "vpc-b", "vpc-x")}, "35"),
        ({"names": ("N1", "N3")}, "13579"),
        ({"tags": {"env": "test"}}, "13579"),
        ({"tags": {"env": "test", "t5": None}}, "5"),
        ({"tags": {"t5": None, "env": "live"}}, ""),
        ({"tags": {"none": None}}, ""),
        ({"resource_group": "rg"}, "89"),
        ({"phase": "deleting"}, "7"),
        ({"text": "n2"}, "26"),
        ({"text": "PC-4"}, "4"),
        ({"text": "%"}, ""),
        ({"text": "_"}, ""),
        ({"site": "north", "tags": {"env": "live"}, "text": "n"}, "06"),
    ],
)
def test_a_filter_finds_what_it_says_and_counts_it(many: SqlStore, query: dict[str, Any], found: str) -> None:
    answer = page(many, **query)
    assert [one.removeprefix("vpc-") for one in ids(answer)] == list(found)
    assert answer.total == len(found)
    assert answer.next is None


def test_a_list_of_every_account_has_all(many: SqlStore) -> None:
    answer = page(many, account=None)
    assert answer.total == 11
    assert set(ids(answer)) == {f"vpc-{n}" for n in range(10)} | {"vpc-b"}


def test_a_list_can_ask_what_mentions_a_resource(many: SqlStore) -> None:
    assert ids(page(many, kind="Vswitch", refers_to=("vpc-1",))) == ["vsw-1", "vsw-2"]
    assert page(many, kind="Vswitch", refers_to=("vpc-1", "vpc-2")).total == 0


@pytest.mark.parametrize("few", [0, 100])
@pytest.mark.parametrize("sort", ["created", "updated", "name", "id"])
@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("tags", [{"env": "test"}, {"env": None}])
def test_a_list_by_tag_is_in_order_however_many_have_it(
    many: SqlStore, monkeypatch: pytest.MonkeyPatch, few: int, sort: Any, descending: bool, tags: dict[str, Any]
) -> None:
    monkeypatch.setattr(sql_view, "FEW", few)
    value = tags["env"]
    order = {"sort": sort, "descending": descending}
    whole = [one for one in page(many, **order, limit=50).resources if value in (None, one.spec.tags["env"])]
    expected = [one.id for one in whole]
    assert len(expected) == (10 if value is None else 5)
    by_offset = [page(many, **order, tags=tags, limit=2, offset=start) for start in range(0, len(expected), 2)]
    assert [one for found in by_offset for one in ids(found)] == expected
    assert {found.total for found in by_offset} == {len(expected)}
    by_cursor: list[str] = []
    after: tuple[str, str] | None = None
    while True:
        found = page(many, **order, tags=tags, limit=2, after=after)
        by_cursor += ids(found)
        assert found.total == len(expected)
        after = found.next
        if after is None:
            break
    assert by_cursor == expected


@pytest.mark.parametrize("sort", ["created", "updated", "name", "id"])
@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("limit", [1, 3, 5, 10, 50])
def test_pages_by_cursor_and_by_offset_are_the_whole_list_in_order(
    many: SqlStore, sort: Any, descending: bool, limit: int
) -> None:
    values = {
        "created": lambda r: (r.created_ns, r.id),
        "updated": lambda r: (r.updated_ns, r.id),
        "name": lambda r: (r.name, r.id),
        "id": lambda r: r.id,
    }
    everything = sorted(page(many).resources, key=values[sort], reverse=descending)
    order = {"sort": sort, "descending": descending, "limit": limit}
    by_cursor: list[Resource] = []
    after: tuple[str, str] | None = None
    while True:
        answer = page(many, **order, after=after)
        assert answer.total == 10
        by_cursor += answer.resources
        if (after := answer.next) is None:
            break
    assert by_cursor == everything
    by_offset = [one for start in range(0, 10, limit) for one in page(many, **order, offset=start).resources]
    assert by_offset == everything


def test_a_cursor_stays_right_while_others_write(many: SqlStore) -> None:
    first = page(many, sort="id", limit=4)
    many.change(inserting(vpc("vpc-00")))
    many.change(lambda work: work.remove(msgspec.structs.replace(first.resources[3]), KIEL))
    rest = page(many, sort="id", after=first.next)
    assert ids(rest) == [f"vpc-{n}" for n in range(4, 10)]


def test_numbers_beyond_every_page_find_nothing(many: SqlStore) -> None:
    assert ids(page(many, offset=10**30)) == []
    assert len(ids(page(many, limit=10**30))) == 10
    assert many.read(lambda view: view.changes(after=10**30, account=None)) == ()
    with pytest.raises(Rejected, match="cursor"):
        page(many, after=("not a number", "vpc-1"))


def test_a_resource_is_found_by_its_name(many: SqlStore) -> None:
    assert [one.id for one in many.read(lambda view: view.find("kiel", "Vpc", "N0"))] == ["vpc-0", "vpc-4", "vpc-8"]
    assert [one.id for one in many.read(lambda view: view.find("kiel", "Vpc", "N0", "north"))] == ["vpc-0"]
    assert many.read(lambda view: view.find("bonn", "Vpc", "N0")) == ()


def test_what_belongs_to_a_site_comes_with_what_belongs_to_none(many: SqlStore) -> None:
    many.change(inserting(vpc("vpc-s", site="south")))
    found = many.read(lambda view: view.of_site("kiel", "north"))
    assert {one.id for one in found} == {f"vpc-{n}" for n in range(10)} | {"vsw-1", "vsw-2", "vsw-3"}


# ------------------------------------------------------------------------------------ references, counts, status


def test_what_uses_a_resource_is_said_with_the_field(store: SqlStore) -> None:
    store.change(inserting(connection("c-1"), customer_gateway("cgw-0")))
    [found] = store.read(lambda view: view.referring_to("cgw-slave"))
    assert (found.source_kind, found.source_id, found.target_id) == ("IpsecConnection", "c-1", "cgw-slave")
    assert found.field == "tunnels[1].customer_gateway"


def test_references_follow_changes_and_go_with_the_resource(store: SqlStore) -> None:
    first = vswitch("vsw-1", "vpc-1")
    moved = msgspec.structs.replace(vswitch("vsw-1", "vpc-2"), generation=2)
    store.change(inserting(first))
    store.change(lambda work: work.update(first, moved, KIEL))
    assert store.read(lambda view: view.referring_to("vpc-1")) == ()
    assert len(store.read(lambda view: view.referring_to("vpc-2"))) == 1
    store.change(lambda work: work.remove(moved, KIEL))
    assert store.read(lambda view: view.referring_to("vpc-2")) == ()


def test_tags_follow_changes_and_go_with_the_resource(store: SqlStore) -> None:
    first = vpc("vpc-1", spec={"tags": {"old": "1"}})
    other = msgspec.structs.replace(first, spec=VpcSpec(cidr_block="10.0.0.0/16", tags={"new": "2"}), generation=2)
    store.change(inserting(first))
    store.change(lambda work: work.update(first, other, KIEL))
    assert ids(page(store, tags={"old": None})) == []
    assert ids(page(store, tags={"new": "2"})) == ["vpc-1"]
    store.change(lambda work: work.remove(other, KIEL))
    store.change(inserting(vpc("vpc-2", spec={"tags": {"new": "2"}})))
    assert ids(page(store, tags={"new": "2"})) == ["vpc-2"]


def test_counts_are_per_account_and_kind(many: SqlStore) -> None:
    counts = many.read(lambda view: [view.count(*of) for of in
                       (("kiel", "Vpc"), ("bonn", "Vpc"), ("kiel", "Vswitch"), ("kiel", "Cen"))])  # fmt: skip
    assert counts == [10, 1, 3, 0]
    many.change(lambda work: work.remove(vswitch("vsw-1", "vpc-1"), KIEL))
    assert many.read(lambda view: view.count("kiel", "Vswitch")) == 2


def test_status_is_kept_apart_from_the_spec(store: SqlStore) -> None:
    first = vpc("vpc-1")
    store.change(inserting(first))
    store.write_status({"vpc-1": {"routes": [1, 2]}, "vpc-gone": {"x": 1}}, NOW)
    seen = get(store, "vpc-1")
    assert seen is not None
    assert (seen.status, seen.generation) == ({"routes": [1, 2]}, 1)
    assert store.read(lambda view: view.newest_change()) == 1
    store.change(lambda work: work.update(first, renamed(first, "other"), KIEL))
    assert page(store).resources[0].status == {"routes": [1, 2]}
    store.change(lambda work: work.remove(renamed(first, "other"), KIEL))
    assert get(store, "vpc-gone") is None


def test_what_was_seen_earlier_does_not_overwrite_what_was_seen_later(store: SqlStore) -> None:
    store.change(inserting(vpc("vpc-1")))
    for state, at_ns in (("second", NOW + 2), ("first", NOW + 1)):
        store.write_status({"vpc-1": {"state": state}}, at_ns)
    seen = get(store, "vpc-1")
    assert seen is not None
    assert seen.status == {"state": "second"}


# ------------------------------------------------------------------------------------------------------- audit


def proven(store: SqlStore) -> object:
    """The first thing that is wrong with the audit; None: nothing is."""
    problems = verify(store)
    return problems[0] if problems else None


def test_every_change_has_a_line_with_who_and_before_and_after(store: SqlStore) -> None:
    first = vpc("vpc-1")
    store.change(inserting(first))
    store.change(lambda work: work.update(first, renamed(first, "other"), KIEL, "rename"))
    store.change(lambda work: work.remove(renamed(first, "other"), KIEL))
    lines = store.read(lambda view: view.changes(after=0, account="kiel"))
    assert [(line.seq, line.action, line.generation) for line in lines] == [
        (1, "create", 1),
        (2, "rename", 2),
        (3, "delete", 2),
    ]
    assert {(line.by, line.origin, line.at_ns) for line in lines} == {("kiel-token", "native 192.0.2.1", NOW + 5)}
    assert bytes(lines[0].before) == b"null"
    assert msgspec.json.decode(lines[1].before)["name"] == "vpc-1"
    assert msgspec.json.decode(lines[1].after)["name"] == "other"
    assert bytes(lines[2].after) == b"null"
    assert store.read(lambda view: view.newest_change()) == 3


def test_the_audit_can_be_asked_by_account_resource_and_place(many: SqlStore) -> None:
    def seqs(**asked: Any) -> list[int]:
        return [line.seq for line in many.read(lambda view: view.changes(**({"after": 0, "account": None} | asked)))]

    assert seqs() == list(range(1, 15))
    assert seqs(account="bonn") == [11]
    assert seqs(account="kiel", after=9, limit=2) == [10, 12]
    assert seqs(resource_id="vsw-2") == [13]
    assert seqs(resource_id="vsw-2", account="bonn") == []


def test_an_untouched_audit_is_proven(many: SqlStore) -> None:
    assert proven(many) is None


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE change SET \"after\" = 'null' WHERE seq = 3",
        "UPDATE change SET at_ns = at_ns + 1 WHERE seq = 3",
        "UPDATE change SET \"by\" = 'somebody' WHERE seq = 11",
        "DELETE FROM change WHERE seq = 3",
        "DELETE FROM change WHERE seq = 14",
        "DELETE FROM change WHERE account = 'bonn'",
        "UPDATE change SET seq = 99 WHERE seq = 14",
        "UPDATE audit_chain SET lines = lines - 1 WHERE account = 'kiel'",
        "UPDATE audit_chain SET mac = 'x:00' WHERE account = 'kiel'",
        "DELETE FROM audit_chain WHERE account = 'bonn'",
        "UPDATE resource_count SET count = 3 WHERE kind = 'Vpc'",
        "UPDATE resource SET name = 'other' WHERE id = 'vpc-1'",
        "UPDATE resource SET spec = '{}' WHERE id = 'vpc-1'",
        "DELETE FROM resource WHERE id = 'vsw-1'",
        "DELETE FROM reference WHERE source_id = 'vsw-1'",
    ],
)
def test_tampering_is_found(many: SqlStore, tampering: str) -> None:
    with many.database.writing() as session:
        assert session.run(Statement(text(tampering), many.database.dialect)) > 0
    assert proven(many) is not None


def test_who_has_the_database_alone_cannot_make_another_chain(
    store: SqlStore, tmp_path: Path, database_url: str
) -> None:
    stranger = open_store(database_url, SealKey.load_or_create(tmp_path / "stranger.key"))
    stranger.change(inserting(vpc("vpc-1")))
    stranger.close()
    assert "chain" in str(proven(store))


# ----------------------------------------------------------------------------------------- requests and quotas


def test_the_answer_to_a_request_is_remembered_for_a_day(store: SqlStore) -> None:
    answer = Remembered(fingerprint="abc", answer=b"\x00\xffanswer")
    store.change(lambda work: work.remember("kiel", "key-1", answer, NOW))

    def recalled(account: str, at_ns: int) -> Remembered | None:
        return store.change(lambda work: work.recall(account, "key-1", at_ns))

    assert recalled("kiel", NOW + DAY_NS - 1) == answer
    assert recalled("kiel", NOW + DAY_NS) is None
    assert recalled("bonn", NOW) is None
    store.change(lambda work: work.remember("kiel", "key-2", answer, NOW + 2 * DAY_NS))
    assert recalled("kiel", NOW) is None, "it is forgotten, not only hidden"


def test_a_quota_holds_for_one_account(store: SqlStore) -> None:
    assert store.read(lambda view: view.quota("kiel", "vpcs")) is None
    for limit in (5, 3):
        store.change(lambda work, limit=limit: work.set_quota("kiel", "vpcs", limit))  # type: ignore[misc]
    assert store.read(lambda view: (view.quota("kiel", "vpcs"), view.quota("bonn", "vpcs"))) == (3, None)
