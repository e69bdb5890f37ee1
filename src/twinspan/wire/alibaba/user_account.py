"""End users in the compatible API: who logs in to cloud computers. They are named by their logon name.

Most actions take several users and do for each what can be done; who failed is in the answer. A password is taken and
never shown; a reset takes it away, so that the user must set a new one. In: the kind EndUser. Out: `ACTIONS`. Next:
`table.py`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from twinspan.model.resource import Resource
from twinspan.wire.alibaba.action import EDS_USER, Action, Batch, Compose, Compute, Done, Plan, Step
from twinspan.wire.alibaba.cbn import field
from twinspan.wire.alibaba.fault import Fault, malformed, missing, not_found
from twinspan.wire.alibaba.listing import EVERYTHING, tokened
from twinspan.wire.alibaba.shape import shape
from twinspan.wire.alibaba.spelling import choice, comma_list, list_of, spelled, structure, whole, words_of, written
from twinspan.wire.alibaba.view import Selection, View

row = functools.partial(Action, version=EDS_USER, region=False)
ABSENT, TAKEN = "InvalidEndUserId.NotFound", "ExistedEndUserId"
MOST_AT_ONCE = 100
MOST_ON_A_PAGE = 500
DEFAULT_SIZE = 100
FREE, LOCKED = 0, 9
"""Status of a user (DescribeUsers)."""
_OWNERS = {"Normal": "normal", "CreateFromManager": "create_from_manager"}

USER = shape(
    "EndUser",
    id="",
    name="EndUserId",
    absent=ABSENT,
    tags="",
    reply_tags="",
    status="",
    differ=(
        spelled("end_user_id", "EndUserId"),
        spelled("password", "Password", reply=""),
        spelled("owner_type", "OwnerType", choice(_OWNERS), words_of(_OWNERS)),
    ),
    without=("description", "resource_group", "locked"),
)
_NEW = list_of(structure(tuple(one for one in USER.spellings if one.parameter)))


def find(logon_name: str, view: View) -> Resource | None:
    """The user of that logon name."""
    named = view.select(Selection(kind="EndUser", name=logon_name, limit=EVERYTHING)).resources
    return next((user for user in named if field(user, "end_user_id") == logon_name), None)


# ------------------------------------------------------------------------------------------------------ create


def _create(given: dict[str, Any], view: View) -> Batch | Fault:
    """CreateUsers."""
    users = given.get("users", [])
    if len(users) > MOST_AT_ONCE:
        return malformed("Users", f"it has more than {MOST_AT_ONCE} users", "name fewer in one request")
    for number, user in enumerate(users, 1):
        if not user.get("end_user_id"):
            return missing(f"Users.{number}.EndUserId")
    password = {"password": given["password"]} if given.get("password") else {}
    names = [str(user["end_user_id"]) for user in users]
    taken = {name for number, name in enumerate(names) if name in names[:number] or find(name, view) is not None}
    fresh = list(dict.fromkeys(name for name in names if find(name, view) is None))
    specs = {str(user["end_user_id"]): {**password, **user} for user in reversed(users)}
    steps = tuple(Step(verb="create", kind="EndUser", name=name, spec=specs[name]) for name in fresh)

    def reply(results: tuple[Resource | Fault, ...], _: View) -> dict[str, Any]:
        made = [_short(one) for one in results if isinstance(one, Resource)]
        failed = [
            {**_asked(specs[name]), "ErrorCode": one.code, "ErrorMessage": one.message}
            for name, one in zip(fresh, results, strict=True)
            if isinstance(one, Fault)
        ]
        message = "There is a user of this logon name (choose another)."
        failed += [{**_asked(specs[name]), "ErrorCode": TAKEN, "ErrorMessage": message} for name in sorted(taken)]
        return {"AllSucceed": not failed, "CreateResult": {"CreatedUsers": made, "FailedUsers": failed}}

    return Batch(steps=steps, reply=reply)


def _short(user: Resource) -> dict[str, Any]:
    shown = written(USER.spellings, user.spec)
    return {name: shown[name] for name in ("EndUserId", "Email", "Phone", "RealNickName", "Remark")}


def _asked(spec: Mapping[str, Any]) -> dict[str, Any]:
    names = {"EndUserId": "end_user_id", "Email": "email", "Phone": "phone"}
    return {name: str(spec.get(key, "")) for name, key in names.items()}


# ------------------------------------------------------------------------------------------------------ change


def _change(verb: str, patch: Mapping[str, Any], container: str, done: str) -> Callable[..., Batch | Fault]:
    """An action on several users; `container` and `done`: where the answer says whom it was done to."""

    def plan(given: dict[str, Any], view: View) -> Batch | Fault:
        names = list(dict.fromkeys(given.get("users", [])))
        if len(names) > MOST_AT_ONCE:
            return malformed("Users", f"it has more than {MOST_AT_ONCE} users", "name fewer in one request")
        users = {name: user for name in names if (user := find(name, view)) is not None}
        spec = {"spec": dict(patch)} if verb == "patch" else {}
        steps = tuple(Step(verb=verb, kind="EndUser", id=user.id, spec=spec) for user in users.values())

        def reply(results: tuple[Resource | Fault, ...], _: View) -> dict[str, Any]:
            outcome: dict[str, Resource | Fault] = dict(zip(users, results, strict=True))
            absent = {name: not_found(ABSENT, USER.label, name) for name in names if name not in users}
            failed = {name: one for name, one in {**outcome, **absent}.items() if isinstance(one, Fault)}
            rows = [
                {"EndUserId": name, "ErrorCode": fault.code, "ErrorMessage": fault.message}
                for name, fault in failed.items()
            ]
            return {container: {done: [name for name in names if name not in failed], "FailedUsers": rows}}

        return Batch(steps=steps, reply=reply)

    return plan


def _modify(given: dict[str, Any], view: View) -> Plan | Fault:
    """ModifyUser."""
    name = str(given.get("user", ""))
    user = find(name, view)
    if user is None:
        return not_found(ABSENT, USER.label, name)
    spec = {"spec": {part: given[part] for part in ("email", "phone") if part in given}}
    return Plan(steps=(Step(verb="patch", kind="EndUser", id=user.id, spec=spec),), reply=_nothing)


def _nothing(_: Done, __: View) -> dict[str, Any]:
    return {}


# ------------------------------------------------------------------------------------------------------ list


def _status(user: Resource) -> int:
    return LOCKED if getattr(user.spec, "locked", False) else FREE


def _row(user: Resource) -> dict[str, Any]:
    return {
        **written(USER.spellings, user.spec),
        "Status": _status(user),
        "WyId": user.id,
        "NickName": field(user, "real_name"),
        "Groups": [],
        "IsTenantManager": False,
    }


def _fits(user: Resource, given: Mapping[str, Any]) -> bool:
    name, part = field(user, "end_user_id"), str(given.get("part", "")).strip("*").lower()
    return (
        (not given.get("names") or name in given["names"])
        and name not in given.get("others", ())
        and given.get("status", _status(user)) == _status(user)
        and given.get("org", field(user, "org_id")) == field(user, "org_id")
        and any(part in text.lower() for text in (name, field(user, "email"), field(user, "phone")))
    )


def _list(given: dict[str, Any], view: View) -> dict[str, Any] | Fault:
    """DescribeUsers."""
    rows = [_row(user) for user in view.all("EndUser") if _fits(user, given)]
    given = {**given, "max_results": given.get("max_results", DEFAULT_SIZE)}
    found = tokened(rows, given, "Users", most=MOST_ON_A_PAGE)
    if isinstance(found, Fault):
        return found
    return {"Users": found["Users"], "NextToken": found["NextToken"], "Count": found["TotalCount"]}


_USERS = spelled("users", "Users", comma_list)
_CHANNEL = {"BusinessChannel": "there is one channel"}
_NO_EXPIRY = {"AutoLockTime": "nobody is locked by the clock here"}
_LATER = "groups and assignments of cloud computers are not the users' here"
_NO_GROUPS: Sequence[str] = (
    "BizType", "ExcludeGroupId", "FilterMap", "FilterWithAssignedResource", "FilterWithAssignedResources", "GroupId",
    "IsQueryAllSubOrgs", "ShowExtras", "SolutionId",
)  # fmt: skip

ACTIONS: tuple[Action, ...] = (
    row(
        name="CreateUsers",
        does=Compose((spelled("users", "Users", _NEW), spelled("password", "Password")), _create, shape=USER),
        needs=("Users",),
        ignored=_CHANNEL,
        refused={
            **_NO_EXPIRY,
            "IsLocalAdmin": "who is a local administrator is said at the office network",
            "PasswordExpireDays": "passwords do not expire here",
        },
    ),
    row(
        name="DescribeUsers",
        does=Compute(
            (
                spelled("names", "EndUserIds", comma_list),
                spelled("others", "ExcludeEndUserIds", comma_list),
                spelled("part", "Filter"),
                spelled("org", "OrgId"),
                spelled("status", "Status", whole),
                spelled("next_token", "NextToken"),
                spelled("max_results", "MaxResults", whole),
            ),
            _list,
        ),
        ignored=_CHANNEL,
        refused=dict.fromkeys(_NO_GROUPS, _LATER),
    ),
    row(
        name="ModifyUser",
        does=Compose((spelled("user", "EndUserId"), spelled("email", "Email"), spelled("phone", "Phone")), _modify),
        needs=("EndUserId",),
        ignored=_CHANNEL,
    ),
    row(
        name="RemoveUsers",
        does=Compose((_USERS,), _change("delete", {}, "RemoveUsersResult", "RemovedUsers")),
        needs=("Users",),
        ignored=_CHANNEL,
    ),
    row(
        name="LockUsers",
        does=Compose((_USERS,), _change("patch", {"locked": True}, "LockUsersResult", "LockedUsers")),
        needs=("Users",),
        ignored={**_CHANNEL, "LogoutSession": "who is locked is looked at whenever something is asked"},
    ),
    row(
        name="UnlockUsers",
        does=Compose((_USERS,), _change("patch", {"locked": False}, "UnlockUsersResult", "UnlockedUsers")),
        needs=("Users",),
        ignored=_CHANNEL,
        refused=_NO_EXPIRY,
    ),
    row(
        name="ResetUserPassword",
        does=Compose((_USERS,), _change("patch", {"password": None}, "ResetUsersResult", "ResetUsers")),
        needs=("Users",),
        ignored={**_CHANNEL, "NotifyType": "nobody is sent a message; the user sets a new password at the next logon"},
    ),
)
