"""The native API of a running server, asked by a client that is not ours."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import pytest
from tests.inprocess.rest import Rest, token
from tests.inprocess.site import Site, until

from twinspan.model.errors import Retryable
from twinspan.server.resources.rate_limit import RateLimit, RateSettings

VPC = {"spec": {"cidr_block": "10.1.0.0/16"}}


async def test_a_resource_is_made_read_changed_and_deleted(site: Site) -> None:
    cloud = await site.cloud()
    alice = Rest(cloud, token(cloud))
    made = await alice.ask("POST", "/vpcs", {"name": "user", **VPC})
    one = f"/vpcs/{made.value['id']}"
    assert made.status == 201
    assert made.headers["location"] == f"/api/v1{one}"
    assert made.headers["etag"] == '"1"'
    got = await alice.ask("GET", one)
    assert (got.status, got.value) == (200, made.value)
    assert got.value["spec"]["cidr_block"] == "10.1.0.0/16"
    changed = await alice.ask("PATCH", one, {"spec": {"description": "of users"}}, if_match=got.headers["etag"])
    assert (changed.status, changed.headers["etag"]) == (200, '"2"')
    stale = await alice.ask("PATCH", one, {"name": "x"}, if_match=got.headers["etag"])
    assert (stale.status, stale.value["generation"]) == (412, 2)
    assert (await alice.ask("DELETE", one)).status == 200
    assert (await alice.ask("GET", one)).status == 404
    history = await alice.ask("GET", f"{one}/history")
    assert [line["action"] for line in history.value["items"]] == ["create", "update", "delete"]


async def test_what_is_wrong_is_said_with_field_rule_and_way_out(site: Site) -> None:
    cloud = await site.cloud()
    alice = Rest(cloud, token(cloud))
    reply = await alice.ask("POST", "/vpcs", {"spec": {"cidr_block": "10.1.0.1/16", "colour": "red"}})
    assert (reply.status, reply.headers["content-type"]) == (422, "application/problem+json")
    assert {fault["field"] for fault in reply.value["faults"]} == {"cidr_block", "colour"}
    assert all(fault["rule"] and fault["remedy"] for fault in reply.value["faults"])
    assert reply.value["rule"] == "R-FIELD-008"


async def test_a_list_is_filtered_sorted_and_paged(site: Site) -> None:
    cloud = await site.cloud()
    alice = Rest(cloud, token(cloud))
    for n in range(7):
        tags = {"parity": "even" if n % 2 == 0 else "odd"}
        await alice.ask("POST", "/cens", {"name": f"net-{n}", "spec": {"tags": tags}})
    even = await alice.ask("GET", "/cens?tag.parity=even&sort=-name")
    assert [one["name"] for one in even.value["items"]] == ["net-6", "net-4", "net-2", "net-0"]
    seen: list[str] = []
    cursor = ""
    while True:
        page = await alice.ask("GET", f"/cens?sort=name&limit=3{cursor}")
        assert page.value["total"] == 7
        seen += [one["name"] for one in page.value["items"]]
        if page.value["next"] is None:
            break
        cursor = f"&cursor={page.value['next']}"
    assert seen == [f"net-{n}" for n in range(7)]
    third = await alice.ask("GET", "/cens?sort=name&limit=3&offset=6")
    assert [one["name"] for one in third.value["items"]] == ["net-6"]
    assert (await alice.ask("GET", "/cens?name=net-1,net-2")).value["total"] == 2
    assert (await alice.ask("GET", "/cens?text=et-3")).value["items"][0]["name"] == "net-3"
    assert (await alice.ask("GET", "/cens?colour=red")).status == 422
    assert (await alice.ask("GET", "/cens?cursor=nonsense")).status == 422


async def test_what_refers_to_a_resource_can_be_asked(site: Site) -> None:
    cloud = await site.cloud()
    alice = Rest(cloud, token(cloud))
    vpc = (await alice.ask("POST", "/vpcs", VPC)).value["id"]
    spec = {"vpc": vpc, "cidr_block": "10.1.1.0/24"}
    switch = (await alice.ask("POST", "/vswitches", {"spec": spec})).value["id"]
    uses = await alice.ask("GET", f"/vpcs/{vpc}/uses")
    assert [(use["source_id"], use["field"]) for use in uses.value["items"]] == [(switch, "vpc")]
    assert (await alice.ask("GET", f"/vswitches?refers_to={vpc}")).value["total"] == 1
    refused = await alice.ask("DELETE", f"/vpcs/{vpc}")
    assert (refused.status, refused.value["value"]) == (409, switch)


async def test_accounts_do_not_see_each_other(site: Site) -> None:
    cloud = await site.cloud()
    alice, bob = Rest(cloud, token(cloud)), Rest(cloud, token(cloud, "bob"))
    vpc = (await alice.ask("POST", "/vpcs", VPC)).value["id"]
    absent = await bob.ask("GET", "/vpcs/vpc-00000000000000000000")
    theirs = await bob.ask("GET", f"/vpcs/{vpc}")
    assert theirs.status == absent.status == 404
    assert theirs.value["type"] == absent.value["type"]
    for method, path in (("PATCH", ""), ("DELETE", ""), ("GET", "/uses"), ("GET", "/history")):
        assert (await bob.ask(method, f"/vpcs/{vpc}{path}", {} if method == "PATCH" else None)).status == 404
    assert (await bob.ask("GET", "/vpcs")).value["total"] == 0
    for method, path, body in (("GET", "/vpcs", None), ("POST", "/vpcs", VPC)):
        refused = await bob.ask(method, f"{path}?account=alice", body)
        assert (refused.status, refused.value["type"]) == (403, "urn:twinspan:problem:administrator-only")
    root = Rest(cloud, token(cloud, None))
    assert (await root.ask("GET", f"/vpcs/{vpc}")).status == 200
    assert (await root.ask("POST", "/vpcs", VPC)).value["rule"] == "account.missing"
    assert (await root.ask("POST", "/vpcs?account=bob", VPC)).value["account"] == "bob"
    nobody = await root.ask("POST", "/vpcs?account=bbo", VPC)
    assert (nobody.status, nobody.value["field"]) == (422, "account")


async def test_a_token_does_what_its_role_and_scopes_say_until_it_expires(site: Site) -> None:
    cloud = await site.cloud()
    viewer = Rest(cloud, token(cloud, role="viewer"))
    assert (await viewer.ask("GET", "/vpcs")).status == 200
    assert (await viewer.ask("POST", "/vpcs", VPC)).status == 403
    assert (await viewer.ask("POST", "/devices", {})).status == 403
    scoped = Rest(cloud, token(cloud, scopes=("vpcs", "cens:read")))
    assert (await scoped.ask("POST", "/vpcs", VPC)).status == 201
    assert (await scoped.ask("GET", "/cens")).status == 200
    assert (await scoped.ask("POST", "/cens", {})).status == 403
    assert (await scoped.ask("GET", "/devices")).status == 403
    gone = Rest(cloud, token(cloud, expires_at_ns=time.time_ns() - 1))
    assert (await gone.ask("GET", "/vpcs")).status == 401
    assert (await Rest(cloud).ask("GET", "/vpcs")).status == 401


async def test_a_viewer_gets_no_shell_on_a_device(site: Site) -> None:
    cloud = await site.cloud()
    viewer = Rest(cloud, token(cloud, role="viewer"))
    reply = await viewer.ask(
        "GET", "/devices/S1/shell", connection="Upgrade", upgrade="websocket", sec_websocket_version="13",
        sec_websocket_key="dGhlIHNhbXBsZSBub25jZQ==", sec_websocket_protocol="twinspan.cloud.v1",
    )  # fmt: skip
    assert (reply.status, json.loads(reply.body)["type"]) == (403, "urn:twinspan:problem:scope")


async def test_who_sends_a_request_slowly_is_cut_off_and_counted(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("twinspan.server.hub.LOGIN_LIMIT_NS", 300_000_000)
    cloud = await site.cloud()
    alice = Rest(cloud, token(cloud))
    connection = alice.connect()
    await asyncio.to_thread(connection.connect)
    connection.sock.sendall(b"POST /api/v1/vpcs HTTP/1.1\r\nContent-Length: 100\r\n\r\n{")
    assert await asyncio.to_thread(connection.sock.recv, 1) == b""
    assert b'{edge="front",reason="slow"} 1' in (await alice.ask("GET", "//metrics")).body


async def test_an_administrator_makes_and_takes_tokens_keys_and_quotas(site: Site) -> None:
    cloud = await site.cloud()
    root, alice = Rest(cloud, token(cloud, None)), Rest(cloud, token(cloud))
    made = await root.ask("POST", "/tokens", {"account": "alice", "label": "ci", "role": "viewer"})
    assert (made.status, made.value["label"]) == (201, "alice/ci")
    viewer = Rest(cloud, made.value["token"])
    assert (await viewer.ask("GET", "/vpcs")).status == 200
    assert (await root.ask("DELETE", "/tokens/alice%2Fci")).status == 200
    assert (await viewer.ask("GET", "/vpcs")).status == 401
    key = await root.ask("POST", "/access-keys", {"account": "alice"})
    assert key.value["secret"]
    listed = await root.ask("GET", "/access-keys")
    assert key.value["secret"].encode() not in listed.body
    assert [one["id"] for one in listed.value["access_keys"]] == [key.value["id"]]
    assert (await root.ask("DELETE", f"/access-keys/{key.value['id']}")).status == 200
    await root.ask("PUT", "/quotas/alice/customer_gateways_per_account", {"limit": 1})
    spec = {"ip_address": "198.51.100.7"}
    assert (await alice.ask("POST", "/customer-gateways", {"spec": spec})).status == 201
    refused = await alice.ask("POST", "/customer-gateways", {"spec": {"ip_address": "198.51.100.8"}})
    assert (refused.status, refused.value["rule"]) == (409, "QuotaExceeded.customer_gateways_per_account")
    for path in ("/tokens", "/access-keys", "/quotas/alice"):
        assert (await alice.ask("GET", path)).status == 403


async def test_an_account_with_resources_is_not_removed(site: Site) -> None:
    cloud = await site.cloud()
    root, carol = Rest(cloud, token(cloud, None)), Rest(cloud, token(cloud, "carol"))
    vpc = (await carol.ask("POST", "/vpcs", VPC)).value["id"]
    refused = await root.ask("DELETE", "/accounts/carol")
    assert (refused.status, "1 resources" in refused.value["title"]) == (409, True)
    await carol.ask("DELETE", f"/vpcs/{vpc}")
    assert (await root.ask("DELETE", "/accounts/carol")).status == 200
    assert (await carol.ask("GET", "/vpcs")).status == 401


async def test_a_request_with_a_key_happens_once_and_a_dry_run_never(site: Site) -> None:
    cloud = await site.cloud()
    alice = Rest(cloud, token(cloud))
    tried = await alice.ask("POST", "/vpcs?dry_run", VPC)
    assert (tried.status, tried.value["generation"]) == (200, 1)
    replies = await asyncio.gather(*(alice.ask("POST", "/vpcs", VPC, idempotency_key="k") for _ in range(8)))
    assert {reply.status for reply in replies} == {201}
    assert len({reply.value["id"] for reply in replies}) == 1
    assert (await alice.ask("GET", "/vpcs")).value["total"] == 1
    other = await alice.ask("POST", "/vpcs", {"spec": {"cidr_block": "10.2.0.0/16"}}, idempotency_key="k")
    assert (other.status, other.value["rule"]) == (422, "key.reused")


async def test_secrets_go_in_and_never_come_out(site: Site) -> None:
    cloud = await site.cloud()
    alice = Rest(cloud, token(cloud))
    spec = {"ip_address": "198.51.100.7", "auth_key": "never-to-be-seen"}
    made = await alice.ask("POST", "/customer-gateways", {"spec": spec})
    one = f"/customer-gateways/{made.value['id']}"
    assert made.value["spec"]["auth_key"] == "***"
    replies = [made, await alice.ask("GET", one), await alice.ask("GET", f"{one}/history")]
    replies.append(await alice.ask("PATCH", one, {"spec": made.value["spec"]}))
    replies.append(await alice.ask("DELETE", one))
    assert all(b"never-to-be-seen" not in reply.body for reply in replies)
    assert [reply.status for reply in replies] == [201, 200, 200, 200, 200]
    await cloud.stop()
    files = b"".join(path.read_bytes() for path in cloud.folder.glob("twinspan.db*"))
    assert b"never-to-be-seen" not in files


async def test_a_verb_is_performed(site: Site) -> None:
    cloud = await site.cloud()
    alice = Rest(cloud, token(cloud))
    route = (await alice.ask("POST", "/physical-connections", {"name": "line"})).value["id"]
    ended = await alice.ask("POST", f"/physical-connections/{route}/terminate", {})
    assert (ended.status, ended.value["phase"]) == (200, "terminated")
    unknown = await alice.ask("POST", f"/physical-connections/{route}/explode", {})
    assert (unknown.status, unknown.value["rule"]) == (409, "UnsupportedOperation")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 422),
        (b"[]", 422),
        (b"\xff\xfe", 422),
        (b'{"spec": ' + b"[" * 100_000, 422),
        (b'{"spec": {"tags": ' + b'{"a":' * 5000 + b"1" + b"}" * 5002, 422),
        (b'{"spec": 7}', 422),
        (b'{"nospec": {}}', 422),
    ],
)
async def test_a_body_that_is_none_is_refused(site: Site, body: bytes, status: int) -> None:
    cloud = await site.cloud()
    reply = await Rest(cloud, token(cloud)).ask("POST", "/vpcs", body)
    assert (reply.status, reply.value["status"]) == (status, status)


async def test_fifty_megabytes_are_refused_and_counted(site: Site) -> None:
    cloud = await site.cloud()
    alice, body = Rest(cloud, token(cloud)), b"x" * 50_000_000
    assert (await alice.ask("POST", "/vpcs", body)).status == 413
    assert (await Rest(cloud).ask("POST", "/vpcs", body)).status == 413
    assert b'reason="body"} 2' in (await alice.ask("GET", "//metrics")).body


async def test_who_asks_too_fast_is_told_when_to_come_again(site: Site) -> None:
    cloud = await site.cloud()
    cloud.worker.hub.admin._admin.rate = RateLimit(RateSettings(per_s=0.1, burst=2))  # type: ignore[union-attr]
    alice, other = Rest(cloud, token(cloud)), Rest(cloud, token(cloud))
    assert [(await alice.ask("GET", "/vpcs")).status for _ in range(3)] == [200, 200, 429]
    assert 1 <= int((await alice.ask("GET", "/vpcs")).headers["retry-after"]) <= 10
    assert (await other.ask("GET", "/vpcs")).status == 200


async def test_without_its_database_the_server_says_when_to_come_again_and_recovers(site: Site) -> None:
    cloud = await site.cloud()
    alice = Rest(cloud, token(cloud))
    store = cloud.worker.resources.store

    class Away:
        def __getattr__(self, name: str) -> Any:
            def refuse(*_: Any, **__: Any) -> Any:
                raise Retryable("the database cannot be reached", delay_s=2.0, remedy="ask again in a moment")

            return refuse

    service = cloud.worker.resources.service
    service.store = Away()  # type: ignore[assignment]
    for method, path, value in (("GET", "/vpcs", None), ("POST", "/vpcs", VPC)):
        reply = await alice.ask(method, path, value)
        assert (reply.status, reply.headers["retry-after"]) == (503, "2")
    assert (await alice.ask("GET", "//readyz")).status == 503
    assert (await alice.ask("GET", "//healthz")).status == 200
    service.store = store
    assert (await alice.ask("POST", "/vpcs", VPC)).status == 201
    assert (await alice.ask("GET", "//readyz")).status == 200


async def test_a_mistake_of_ours_is_an_answer_and_no_silence(site: Site, capfd: pytest.CaptureFixture[str]) -> None:
    cloud = await site.cloud()
    alice = Rest(cloud, token(cloud))

    class Broken:
        def __getattr__(self, name: str) -> Any:
            raise ZeroDivisionError("a secret text")

    service, store = cloud.worker.resources.service, cloud.worker.resources.store
    service.store = Broken()  # type: ignore[assignment]
    reply = await alice.ask("GET", "/vpcs")
    service.store = store
    assert (reply.status, reply.value["type"]) == (500, "urn:twinspan:problem:internal")
    assert b"secret" not in reply.body
    assert "ZeroDivisionError" in capfd.readouterr().err
    assert (await alice.ask("GET", "/vpcs")).status == 200


async def test_metrics_count_answers_and_tell_no_names(site: Site) -> None:
    cloud = await site.cloud()
    alice = Rest(cloud, token(cloud))
    vpc = (await alice.ask("POST", "/vpcs", VPC)).value["id"]
    await Rest(cloud, "twinspan_wrong").ask("GET", "/vpcs")
    text = (await alice.ask("GET", "//metrics")).body.decode()
    assert 'twinspan_requests_total{edge="native",status="201"} 1' in text
    assert 'twinspan_refused_total{edge="native",reason="token"} 1' in text
    assert "twinspan_devices_connected 0" in text
    assert vpc not in text
    assert "alice" not in text


async def test_restarted_it_has_everything(site: Site) -> None:
    cloud = await site.cloud()
    alice = Rest(cloud, token(cloud))
    vpc = (await alice.ask("POST", "/vpcs", VPC)).value
    await cloud.restart()
    assert (await alice.ask("GET", f"/vpcs/{vpc['id']}")).value == vpc


class Follower:
    """Reads server-sent events in a task."""

    def __init__(self, rest: Rest, headers: dict[str, str] | None = None) -> None:
        self._rest, self._headers = rest, headers or {}
        self.events: list[tuple[int, dict[str, Any]]] = []
        self.lines = 0
        self._connection = rest.connect()
        self._task = asyncio.get_running_loop().create_task(asyncio.to_thread(self._read))

    def _read(self) -> None:
        self._connection.request("GET", "/api/v1/changes", None, self._rest.headers(self._headers))
        reply = self._connection.getresponse()
        self._socket = reply
        number = 0
        try:
            while line := reply.readline():
                self.lines += 1
                if line.startswith(b"id: "):
                    number = int(line[4:])
                elif line.startswith(b"data: "):
                    self.events.append((number, json.loads(line[6:])))
        except (OSError, ValueError, AttributeError):
            return

    async def close(self) -> None:
        if self._connection.sock is not None:
            self._connection.sock.close()
        self._socket.close()


async def test_changes_come_as_they_happen_and_none_is_missed_after_a_break(site: Site) -> None:
    cloud = await site.cloud()
    alice, bob = Rest(cloud, token(cloud)), Rest(cloud, token(cloud, "bob"))
    first = Follower(alice)
    await until(lambda: first.lines, what="the stream begins")
    vpc = (await alice.ask("POST", "/vpcs", VPC)).value["id"]
    await bob.ask("POST", "/vpcs", VPC)
    await until(lambda: first.events, what="the change is told")
    number, change = first.events[0]
    assert (change["id"], change["action"], change["account"]) == (vpc, "create", "alice")
    missed = [(await alice.ask("POST", "/cens", {})).value["id"] for _ in range(3)]
    again = Follower(alice, {"Last-Event-ID": str(number)})
    await until(lambda: len(again.events) == 3, what="what was missed comes")
    assert [event["id"] for _, event in again.events] == missed
    assert {event["account"] for _, event in first.events + again.events} == {"alice"}
    await cloud.stop()
    await until(lambda: first._task.done() and again._task.done(), what="the server ends the streams")


async def test_who_does_not_read_the_changes_is_dropped_and_counted(site: Site) -> None:
    cloud = await site.cloud()
    alice = Rest(cloud, token(cloud))
    connection = alice.connect()
    await asyncio.to_thread(connection.request, "GET", "/api/v1/changes", None, alice.headers())
    await until(lambda: cloud.worker.resources.followers.count == 1)
    spec = {"description": "x" * 200, "tags": {f"k{n}": "v" * 120 for n in range(20)}}
    made = (await alice.ask("POST", "/cens", {"spec": spec})).value["id"]

    async def write() -> None:
        for n in range(100):
            await alice.ask("PATCH", f"/cens/{made}", {"spec": {"description": f"{n}" + "y" * 200}})

    deadline = time.monotonic() + 40
    while cloud.worker.resources.followers.count and time.monotonic() < deadline:
        await write()
    assert cloud.worker.resources.followers.count == 0
    assert b'reason="slow"} 1' in (await alice.ask("GET", "//metrics")).body
    connection.close()


async def test_refused_requests_are_told_without_what_is_secret(site: Site, capfd: pytest.CaptureFixture[str]) -> None:
    cloud = await site.cloud()
    alice = Rest(cloud, token(cloud, label="ci"))
    await alice.ask("GET", "/vpcs/vpc-00000000000000000000?word=query-is-left-out")
    await Rest(cloud, "twinspan_wrong-token").ask("GET", "/vpcs")
    await alice.ask("GET", "/vpcs")
    await cloud.stop()
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines() if line.startswith("{")]
    assert [(line["status"], line.get("who", ""), line["reason"]) for line in lines] == [
        (404, "alice/ci", "absent"),
        (401, "", "no-token"),
    ]
    text = json.dumps(lines)
    assert alice.token not in text
    assert "wrong-token" not in text
    assert "query-is-left-out" not in text
