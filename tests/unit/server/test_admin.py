"""The admin API: who may do what, what is said to whom, and that it tells no secrets."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from tests.unit.server.conftest import NOW, S, add, connect

from twinspan.model.secret import Secret
from twinspan.server.accounts import Accounts
from twinspan.server.admin import ROUTES, Admin, AdminResponse
from twinspan.server.admin_route import Office
from twinspan.server.commands import CommandQueue, QueuedCommand
from twinspan.server.events import Event, EventLog
from twinspan.server.store import DeviceStore
from twinspan.server.unbinding import Unbinding
from twinspan.wire.cloud_connection.messages import CloseCode


class FakeRelay:
    """A hub with devices that answer what they are told to."""

    def __init__(self, store: DeviceStore) -> None:
        self._queue = CommandQueue(store)
        self.answers: dict[str, str] = {}
        self.disconnected: list[tuple[str, str | None, int]] = []

    async def deliver(self, command: QueuedCommand, wait_s: float) -> None:
        if command.serial in self.answers:
            self._queue.sent(command.id, 1)
            self._queue.result(command.serial, command.id, "done", self.answers[command.serial], NOW)

    async def disconnect(self, serial: str, worker: str | None, code: int, reason: str) -> None:
        self.disconnected.append((serial, worker, code))


class Api:
    """Requests with the tokens of an administrator, alice and bob."""

    def __init__(self, store: DeviceStore) -> None:
        self.store, self.events, self.relay = store, EventLog(store), FakeRelay(store)
        self.admin = Admin(Office(store, self.events, self.relay, Unbinding(store, b"k" * 32)))
        accounts = Accounts(store)
        self.tokens = {"administrator": accounts.renew_administrator(NOW)}
        self.tokens |= {name: accounts.renew(name, NOW) for name in ("alice", "bob")}

    def raw(self, method: str, path: str, headers: dict[str, str], body: bytes = b"") -> AdminResponse:
        return asyncio.run(self.admin.handle(method, path, headers, body, NOW))

    def ask(self, who: str, method: str, path: str, value: Any = None, *, csv: str | None = None) -> tuple[int, Any]:
        headers = {"authorization": f"Bearer {self.tokens[who].reveal()}"}
        body = b"" if value is None else json.dumps(value).encode()
        if csv is not None:
            headers["content-type"], body = "text/csv; charset=utf-8", csv.encode()
        response = self.raw(method, f"/api/v1{path}", headers, body)
        return response.status, json.loads(response.body)


@pytest.fixture
def api(store: DeviceStore) -> Api:
    return Api(store)


# -------------------------------------------------------------------------------------------------- tokens


@pytest.mark.parametrize("path", ["/api/v1/devices", "/api/v1/no-such-thing", "/api/v1/devices/S1"])
@pytest.mark.parametrize("authorization", [None, "", "Bearer", "Bearer wrong", "Basic abc", "Bearer a b"])
def test_without_a_token_every_path_says_the_same(api: Api, path: str, authorization: str | None) -> None:
    headers = {} if authorization is None else {"authorization": authorization}
    response = api.raw("GET", path, headers)
    assert response.status == 401
    assert response.headers["www-authenticate"].startswith("Bearer")
    assert response.headers["content-type"] == "application/problem+json"
    assert response.body == api.raw("GET", "/api/v1/other", {}).body
    assert json.loads(response.body)["type"] == "urn:twinspan:problem:no-token"


def test_a_token_that_was_replaced_is_worth_nothing(api: Api) -> None:
    Accounts(api.store).renew("alice", NOW)
    assert api.ask("alice", "GET", "/whoami")[0] == 401


def test_the_file_holds_no_token(api: Api) -> None:
    dump = "\n".join(api.store.hot.iterdump())
    assert "token" in dump
    assert all(token.reveal() not in dump for token in api.tokens.values())


def test_who_am_i(api: Api) -> None:
    alice = {"label": "alice", "account": "alice", "role": "operator", "scopes": []}
    assert api.ask("alice", "GET", "/whoami")[1]["principal"] == alice
    assert api.ask("administrator", "GET", "/whoami")[1]["administrator"] is True


@pytest.mark.parametrize("route", [r for r in ROUTES if r.administrator], ids=lambda r: f"{r.method} {r.path}")
def test_an_account_administers_nothing(api: Api, route: Any) -> None:
    status, found = api.ask("alice", route.method, route.path.replace("{name}", "bob"), {"name": "eve"})
    assert (status, found["type"]) == (403, "urn:twinspan:problem:administrator-only")
    assert Accounts(api.store).names() == {"alice", "bob"}


@pytest.mark.parametrize("route", [r for r in ROUTES if "{serial}" in r.path], ids=lambda r: f"{r.method} {r.path}")
def test_a_device_of_somebody_else_does_not_exist(api: Api, route: Any) -> None:
    add(api.store, "S1")
    if route.path.endswith("unbinding-code"):
        return  # whoever has the device at hand may ask for a code: the seed's way to another account
    path = route.path.replace("{id}", "c1")
    body = {"name": "ping", "tags": []} if route.path.endswith("commands") else None
    found = api.ask("bob", route.method, path.replace("{serial}", "S1"), body)
    missing = api.ask("bob", route.method, path.replace("{serial}", "S2"), body)
    assert found[0] == missing[0] == 404
    assert json.dumps(found).replace("S1", "S2") == json.dumps(missing)


# ------------------------------------------------------------------------------------------------- devices


def test_a_device_is_added_shown_and_removed(api: Api) -> None:
    wish = {"serial": "S1", "platform": "M9000-AI-E8", "tags": ["kiel"], "password": "correct-horse"}
    status, added = api.ask("alice", "POST", "/devices", wish)
    assert status == 201
    assert added == {"added": [{"serial": "S1", "owner": "alice", "credential": "password", "secret": None}]}
    status, shown = api.ask("alice", "GET", "/devices/S1")
    assert (shown["connected"], shown["platform"], shown["owner"]) == (False, "M9000-AI-E8", "alice")
    connect(api.store, "S1")
    assert api.ask("alice", "GET", "/devices/S1")[1]["connected"] is True
    assert api.ask("alice", "DELETE", "/devices/S1") == (200, {"removed": "S1"})
    assert api.relay.disconnected == [("S1", "w1", CloseCode.REMOVED)]
    assert api.ask("alice", "GET", "/devices/S1")[0] == 404


def test_a_made_password_is_shown_once_and_never_again(api: Api) -> None:
    secret = api.ask("alice", "POST", "/devices", {"serial": "S1"})[1]["added"][0]["secret"]
    assert len(secret) == 28
    for path in ("/devices", "/devices/S1", "/devices/S1/events", "/events"):
        shown = json.dumps(api.ask("administrator", "GET", path)[1])
        assert secret not in shown
        assert not any(word in shown for word in ("stored_key", "server_key", "salt", "verifier", "resume"))


def test_every_fault_of_a_file_is_named_with_its_line_and_nothing_is_added(api: Api) -> None:
    csv = "serial,owner,password\nS1,alice,correct-horse\nbad serial,alice,\nS2,nobody,\nS3,alice,short\n"
    status, found = api.ask("administrator", "POST", "/devices/import", csv=csv)
    assert (status, found["type"]) == (422, "urn:twinspan:problem:faults")
    assert [(fault["line"], fault["field"]) for fault in found["faults"]] == [
        (3, "serial"), (4, "owner"), (5, "password"),
    ]  # fmt: skip
    assert "short" not in json.dumps(found)
    assert api.ask("administrator", "GET", "/devices")[1]["devices"] == []


def test_a_file_without_faults_is_added_whole(api: Api) -> None:
    csv = "serial,owner,token\nS1,alice,new\nS2,bob,\n"
    status, found = api.ask("administrator", "POST", "/devices/import", csv=csv)
    assert status == 201
    assert [(d["serial"], d["owner"], d["credential"]) for d in found["added"]] == [
        ("S1", "alice", "token"), ("S2", "bob", "password"),
    ]  # fmt: skip


def test_a_file_must_say_that_it_is_csv(api: Api) -> None:
    assert api.ask("alice", "POST", "/devices/import", {"serial": "S1"})[0] == 415


def test_devices_are_listed_in_pages_and_by_what_is_asked(api: Api) -> None:
    for n in range(5):
        add(api.store, f"S{n}")
    connect(api.store, "S3")
    api.ask("alice", "PUT", "/devices/S4/tags", {"tags": ["kiel"]})
    first = api.ask("alice", "GET", "/devices?limit=2")[1]
    assert ([d["serial"] for d in first["devices"]], first["next_after"]) == (["S0", "S1"], "S1")
    rest = api.ask("alice", "GET", "/devices?limit=3&after=S1")[1]
    assert ([d["serial"] for d in rest["devices"]], rest["next_after"]) == (["S2", "S3", "S4"], None)
    assert [d["serial"] for d in api.ask("alice", "GET", "/devices?connected=true")[1]["devices"]] == ["S3"]
    assert [d["serial"] for d in api.ask("alice", "GET", "/devices?tag=kiel")[1]["devices"]] == ["S4"]
    assert api.ask("bob", "GET", "/devices?owner=alice")[1]["devices"] == []
    assert len(api.ask("administrator", "GET", "/devices?owner=alice")[1]["devices"]) == 5


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=x", "limit=-1", "connected=maybe", "limit=²"])
def test_a_query_that_makes_no_sense_names_its_field(api: Api, query: str) -> None:
    status, found = api.ask("alice", "GET", f"/devices?{query}")
    assert (status, found["field"]) == (422, query.partition("=")[0])


def test_a_new_password_sends_the_device_back_to_prove_it(api: Api) -> None:
    add(api.store, "S1")
    status, found = api.ask("alice", "POST", "/devices/S1/credential", {"secret": "another-horse"})
    assert (status, found["secret"]) == (200, None)
    assert api.relay.disconnected == [("S1", None, CloseCode.DRAINING)]
    assert api.ask("alice", "POST", "/devices/S1/credential", {"secret": "short"})[0] == 422
    assert len(api.ask("alice", "POST", "/devices/S1/credential", {"credential": "token"})[1]["secret"]) == 28


def test_a_quarantine_is_lifted(api: Api) -> None:
    add(api.store, "S1")
    api.store.quarantine("S1", "clone", NOW)
    assert api.ask("alice", "DELETE", "/devices/S1/quarantine")[1]["lifted"] is True
    assert api.ask("alice", "DELETE", "/devices/S1/quarantine")[1]["lifted"] is False


def test_unbinding_through_the_api(api: Api) -> None:
    add(api.store, "S1")
    status, shown = api.ask("bob", "POST", "/devices/S1/unbinding-code")
    assert (status, len(shown["code"]), shown["expires_at_ns"]) == (201, 10, NOW + 900 * S)
    assert api.ask("bob", "POST", "/devices", {"serial": "S1"})[0] == 422
    assert api.admin.office.unbinding.redeem("S1", shown["code"], NOW)[0]
    assert api.ask("alice", "GET", "/devices/S1")[0] == 404
    assert api.ask("bob", "POST", "/devices", {"serial": "S1"})[0] == 201
    kinds = [event["kind"] for event in api.ask("bob", "GET", "/devices/S1/events")[1]["events"]]
    assert kinds[0] == "added"
    assert api.ask("bob", "POST", "/devices/S9/unbinding-code")[0] == 404


def test_events_of_a_former_owner_are_not_shown_to_the_next(api: Api) -> None:
    add(api.store, "S1")
    api.events.note(Event(serial="S1", at_ns=NOW - S, kind="note", detail="of somebody before"))
    api.events.flush(NOW)
    assert "of somebody before" not in json.dumps(api.ask("alice", "GET", "/devices/S1/events"))
    assert "of somebody before" in json.dumps(api.ask("administrator", "GET", "/devices/S1/events"))


# ------------------------------------------------------------------------------------------------ commands


def test_a_connected_device_answers_at_once(api: Api) -> None:
    add(api.store, "S1")
    api.relay.answers["S1"] = "64 bytes from 192.0.2.1"
    wish = {"name": "ping", "arguments": {"to": "192.0.2.1"}}
    status, found = api.ask("alice", "POST", "/devices/S1/commands", wish)
    assert (status, found["outcome"], found["output"]) == (200, "done", "64 bytes from 192.0.2.1")
    assert api.ask("alice", "GET", f"/devices/S1/commands/{found['id']}")[1] == found


def test_a_command_for_a_device_that_is_away_waits_and_can_be_taken_back(api: Api) -> None:
    add(api.store, "S1")
    status, found = api.ask("alice", "POST", "/devices/S1/commands", {"name": "ping", "ttl_ms": 60_000})
    assert (status, found["state"], found["expires_at_ns"]) == (202, "queued", NOW + 60 * S)
    path = f"/devices/S1/commands/{found['id']}"
    assert api.ask("alice", "DELETE", path)[1]["state"] == "cancelled"
    assert api.ask("alice", "DELETE", path)[0] == 409
    assert api.ask("alice", "GET", "/devices/S1/commands/none")[0] == 404
    assert api.events.waiting == 1  # who has asked for what is in the history


@pytest.mark.parametrize(
    ("wish", "field"),
    [
        ({}, "body"),
        ({"name": "Not a name"}, "name"),
        ({"name": "ping", "ttl_ms": 0}, "ttl_ms"),
        ({"name": "ping", "arguments": {"to": 5}}, "arguments[...]"),
        ({"name": "ping", "wait_ms": 10**9}, "wait_ms"),
        ({"name": "ping", "unknown": 1}, "body"),
    ],
)
def test_a_command_that_makes_no_sense_names_its_field(api: Api, wish: Any, field: str) -> None:
    add(api.store, "S1")
    status, found = api.ask("alice", "POST", "/devices/S1/commands", wish)
    assert (status, found["field"]) == (422, field)


# ------------------------------------------------------------------------------------- accounts and the rest


def test_accounts_are_made_and_removed_by_the_administrator(api: Api) -> None:
    status, made = api.ask("administrator", "POST", "/accounts", {"name": "carol", "note": "Kiel"})
    assert status == 201
    api.tokens["carol"] = Secret(made["token"])
    assert api.ask("carol", "GET", "/whoami")[1]["principal"]["account"] == "carol"
    listed = api.ask("administrator", "GET", "/accounts")[1]
    assert [account["name"] for account in listed["accounts"]] == ["alice", "bob", "carol"]
    assert made["token"] not in json.dumps(listed)
    assert api.ask("administrator", "POST", "/accounts/carol/token")[1]["token"] != made["token"]
    assert api.ask("administrator", "DELETE", "/accounts/carol")[0] == 200
    assert api.ask("carol", "GET", "/whoami")[0] == 401


@pytest.mark.parametrize("name", ["", "administrator", "Upper", "a b", "x" * 64, "-a"])
def test_what_cannot_be_an_account_is_refused(api: Api, name: str) -> None:
    assert api.ask("administrator", "POST", "/accounts", {"name": name})[0] == 409


def test_an_account_with_devices_stays(api: Api) -> None:
    add(api.store, "S1")
    status, found = api.ask("administrator", "DELETE", "/accounts/alice")
    assert status == 409
    assert "owns 1 devices" in found["title"]


def test_wrong_paths_and_methods_are_told(api: Api) -> None:
    assert api.ask("alice", "GET", "/no-such-thing")[0] == 404
    assert api.ask("alice", "GET", "/devices/")[0] == 404
    response = api.raw("PATCH", "/api/v1/devices", {"authorization": f"Bearer {api.tokens['alice'].reveal()}"})
    assert (response.status, response.headers["allow"]) == (405, "GET, POST")


@pytest.mark.parametrize("body", [b"{", b"\xff", b"[]", b'{"serial": 5}', b"[" * 100_000])
def test_a_body_that_is_no_request_is_refused_without_an_exception(api: Api, body: bytes) -> None:
    headers = {"authorization": f"Bearer {api.tokens['alice'].reveal()}"}
    assert api.raw("POST", "/api/v1/devices", headers, body).status == 422


def test_a_query_without_an_end_is_refused(api: Api) -> None:
    assert api.ask("alice", "GET", "/devices?" + "&".join(f"a{n}=1" for n in range(100)))[0] == 422


def test_a_name_in_the_path_may_be_encoded(api: Api) -> None:
    add(api.store, "S.1")
    assert api.ask("alice", "GET", "/devices/S%2E1")[0] == 200
    assert api.ask("alice", "GET", "/devices/S%2F..%2Fwhoami")[0] == 404


def test_no_answer_is_kept_by_a_cache(api: Api) -> None:
    assert api.raw("GET", "/api/v1/devices", {}).headers["cache-control"] == "no-store"
