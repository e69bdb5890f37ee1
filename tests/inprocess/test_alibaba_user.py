"""Every action of the end user product, called by the cloud's own SDK over TLS."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.inprocess.compatible import CloudClient, Refused, Server, made_state

from twinspan.model.end_user import EndUserSpec
from twinspan.model.resource import Actor
from twinspan.server.resources.port import Query
from twinspan.wire.alibaba.action import EDS_USER
from twinspan.wire.alibaba.table import ACTIONS

PASSWORD = "Correct-Horse-9"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, authority: Path) -> Iterator[Server]:
    running = Server(made_state(tmp_path_factory.mktemp("user") / "state", authority))
    yield running
    running.close()


def ask(cloud: CloudClient, action: str, **given: Any) -> Any:
    return cloud.call(EDS_USER, action, **given)


def stored(server: Server, account: str, name: str) -> EndUserSpec:
    """As the service keeps it."""
    actor = Actor(account=account, label="test", role="viewer")
    query = Query(kind="EndUser", account=account, names=(name,))
    (user,) = server.inside(lambda worker: worker.resources.service.list(actor, query)).resources
    assert isinstance(user.spec, EndUserSpec)
    return user.spec


def has_password(spec: EndUserSpec) -> bool:
    return spec.password is not None and spec.password.value is not None


@pytest.fixture(scope="module")
def walk(server: Server) -> CloudClient:
    """A client that has called every action once, in an order that makes sense."""
    cloud = server.cloud("walker")
    alice = {"end_user_id": "alice", "email": "alice@example.com", "phone": "123", "real_nick_name": "Alice"}
    bob = {"end_user_id": "bob", "email": "bob@example.com", "password": PASSWORD, "owner_type": "CreateFromManager"}
    made = ask(cloud, "CreateUsers", users=[alice, bob])
    assert made.all_succeed
    assert [one.end_user_id for one in made.create_result.created_users] == ["alice", "bob"]
    shown = {one.end_user_id: one for one in ask(cloud, "DescribeUsers").users}
    assert (shown["alice"].owner_type, shown["bob"].owner_type) == ("Normal", "CreateFromManager")
    assert PASSWORD not in json.dumps(cloud.last)
    assert has_password(stored(server, "walker", "bob"))
    ask(cloud, "ModifyUser", end_user_id="alice", email="a@example.com")
    locked = ask(cloud, "LockUsers", users=["alice", "nobody"]).lock_users_result
    assert locked.locked_users == ["alice"]
    assert [(one.end_user_id, one.error_code) for one in locked.failed_users] == [
        ("nobody", "InvalidEndUserId.NotFound")
    ]
    (found,) = ask(cloud, "DescribeUsers", status=9).users
    assert (found.end_user_id, found.email) == ("alice", "a@example.com")
    assert ask(cloud, "UnlockUsers", users=["alice"]).unlock_users_result.unlocked_users == ["alice"]
    assert ask(cloud, "DescribeUsers", status=9).users == []
    assert ask(cloud, "ResetUserPassword", users=["bob"]).reset_users_result.reset_users == ["bob"]
    assert not has_password(stored(server, "walker", "bob"))
    assert ask(cloud, "RemoveUsers", users=["alice", "bob"]).remove_users_result.removed_users == ["alice", "bob"]
    assert ask(cloud, "DescribeUsers").users == []
    return cloud


FROM_SDK = [action for (version, _), action in ACTIONS.items() if version == EDS_USER and not action.ours]


@pytest.mark.parametrize("name", [action.name for action in FROM_SDK])
def test_the_sdk_has_called_the_action_and_its_answer_fits_the_sdk_s_model(walk: CloudClient, name: str) -> None:
    assert (EDS_USER, name) in walk.called


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"end_user_id": "ab"}, "InvalidEndUserId.Malformed"),
        ({"end_user_id": "Alice"}, "InvalidEndUserId.Malformed"),
        ({"end_user_id": "a" * 25}, "InvalidEndUserId.Malformed"),
        ({"end_user_id": "carol", "password": "short1A"}, "InvalidPassword.Malformed"),
        ({"end_user_id": "carol", "password": "onlylowercase"}, "InvalidPassword.Malformed"),
        ({"end_user_id": "taken"}, "ExistedEndUserId"),
    ],
)
def test_who_cannot_be_made_is_in_the_answer_and_the_others_are_made(
    server: Server, wrong: dict[str, str], code: str
) -> None:
    cloud = server.cloud("alpha")
    if not ask(cloud, "DescribeUsers", end_user_ids=["taken"]).users:
        ask(cloud, "CreateUsers", users=[{"end_user_id": "taken"}])
    answer = ask(cloud, "CreateUsers", users=[wrong, {"end_user_id": "good", "email": "g@example.com"}])
    assert not answer.all_succeed
    assert [one.end_user_id for one in answer.create_result.created_users] == ["good"]
    assert [(one.end_user_id, one.error_code) for one in answer.create_result.failed_users] == [
        (wrong["end_user_id"], code)
    ]
    ask(cloud, "RemoveUsers", users=["good"])


def test_one_logon_name_twice_in_a_request_is_made_once(server: Server) -> None:
    cloud = server.cloud("beta")
    answer = ask(cloud, "CreateUsers", users=[{"end_user_id": "same"}, {"end_user_id": "same"}], password=PASSWORD)
    assert [one.end_user_id for one in answer.create_result.created_users] == ["same"]
    assert [one.error_code for one in answer.create_result.failed_users] == ["ExistedEndUserId"]
    assert has_password(stored(server, "beta", "same"))


def test_users_are_found_by_part_of_what_is_known_of_them_page_by_page(server: Server) -> None:
    cloud = server.cloud("gamma")
    ask(cloud, "CreateUsers", users=[{"end_user_id": f"user_{n}", "email": f"{n}@example.com"} for n in range(12)])
    seen: list[str] = []
    token = ""
    while True:
        page = ask(cloud, "DescribeUsers", max_results=5, next_token=token)
        seen += [one.end_user_id for one in page.users]
        token = page.next_token
        if not token:
            break
    assert sorted(seen) == sorted(f"user_{n}" for n in range(12))
    assert {one.end_user_id for one in ask(cloud, "DescribeUsers", filter="1@exam").users} == {"user_1", "user_11"}
    others = ask(cloud, "DescribeUsers", exclude_end_user_ids=["user_1"], end_user_ids=["user_1", "user_2"]).users
    assert [one.end_user_id for one in others] == ["user_2"]


def test_another_account_s_users_are_not_there(server: Server) -> None:
    ask(server.cloud("delta"), "CreateUsers", users=[{"end_user_id": "dora"}])
    other = server.cloud("epsilon")
    assert ask(other, "DescribeUsers", end_user_ids=["dora"]).users == []
    with pytest.raises(Refused, match=r"InvalidEndUserId\.NotFound"):
        ask(other, "ModifyUser", end_user_id="dora", email="x@example.com")
    removed = ask(other, "RemoveUsers", users=["dora"]).remove_users_result
    assert removed.removed_users == []


def test_a_request_with_too_many_users_is_refused(server: Server) -> None:
    with pytest.raises(Refused, match=r"InvalidUsers\.Malformed"):
        ask(server.cloud("zeta"), "LockUsers", users=[f"u_{n}" for n in range(101)])
