"""The part of the admin API that is about who may do what: /tokens, /access-keys, /quotas; for administrators.

In: calls. Out: values that become JSON; a token or a secret is in an answer once, when it is made. Next: nothing,
`admin.py` calls.
"""

from __future__ import annotations

import msgspec

from twinspan.engine.quotas import BY_NAME, QUOTAS
from twinspan.model.errors import Rejected
from twinspan.model.secret import Secret
from twinspan.server.accounts import NewToken, TokenRow
from twinspan.server.admin_route import Call, Result, Route
from twinspan.server.problem import ProblemRaised, problem
from twinspan.server.resources.access import AccessKeyRow, AccessKeyTable, NewAccessKey
from twinspan.server.resources.api import service_of
from twinspan.server.resources.port import ReadView

MAX_QUOTA = 1_000_000


class TokenPage(msgspec.Struct, frozen=True, kw_only=True):
    tokens: tuple[TokenRow, ...]


class MadeToken(msgspec.Struct, frozen=True, kw_only=True):
    label: str
    token: Secret


class AccessKeyPage(msgspec.Struct, frozen=True, kw_only=True):
    access_keys: tuple[AccessKeyRow, ...]


class MadeAccessKey(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    secret: Secret


class ShownQuota(msgspec.Struct, frozen=True, kw_only=True):
    """One limit of an account."""

    name: str
    limit: int
    default: int
    text: str
    source: str


class QuotaPage(msgspec.Struct, frozen=True, kw_only=True):
    account: str
    quotas: tuple[ShownQuota, ...]


class NewQuota(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    limit: int


def quotas_of(view: ReadView, account: str) -> tuple[ShownQuota, ...]:
    """Every quota, as it holds for the account."""
    return tuple(
        ShownQuota(
            name=quota.name,
            limit=quota.limit if (limit := view.quota(account, quota.name)) is None else limit,
            default=quota.limit,
            text=quota.text,
            source=quota.source,
        )
        for quota in QUOTAS
    )


async def list_tokens(call: Call) -> Result:
    """GET /tokens"""
    return Result(value=TokenPage(tokens=call.office.accounts.tokens()))


async def add_token(call: Call) -> Result:
    """POST /tokens: one more token of an account, or (account null) of the whole server"""
    wish = call.read(NewToken)
    token = call.office.accounts.add_token(wish, call.now_ns)
    return Result(value=MadeToken(label=wish.full_label, token=token), status=201)


async def remove_token(call: Call) -> Result:
    """DELETE /tokens/{label}; a slash in the label is written %2F"""
    call.office.accounts.remove_token(call.names["label"])
    return Result(value={"removed": call.names["label"]})


async def list_access_keys(call: Call) -> Result:
    """GET /access-keys"""
    return Result(value=AccessKeyPage(access_keys=_keys(call).list()))


async def add_access_key(call: Call) -> Result:
    """POST /access-keys"""
    key_id, secret = _keys(call).add(call.read(NewAccessKey), call.now_ns)
    return Result(value=MadeAccessKey(id=key_id, secret=secret), status=201)


async def remove_access_key(call: Call) -> Result:
    """DELETE /access-keys/{id}"""
    _keys(call).remove(call.names["id"])
    return Result(value={"removed": call.names["id"]})


async def list_quotas(call: Call) -> Result:
    """GET /quotas/{account}"""
    account, writer = _account(call), service_of(call)
    found = await writer.ask(lambda: writer.service.store.read(lambda view: quotas_of(view, account)))
    return Result(value=QuotaPage(account=account, quotas=found))


async def set_quota(call: Call) -> Result:
    """PUT /quotas/{account}/{name}"""
    account, name, wish = _account(call), call.names["name"], call.read(NewQuota)
    if name not in BY_NAME:
        raise ProblemRaised(problem(404, "no-such-quota", f"There is no quota {name}", field="name"))
    if not 0 <= wish.limit <= MAX_QUOTA:
        remedy = f"give 0 to {MAX_QUOTA}"
        raise ProblemRaised(problem(422, "faults", "The limit is out of range", field="limit", remedy=remedy))
    await service_of(call).set_quota(account, name, wish.limit)
    return await list_quotas(call)


def _account(call: Call) -> str:
    account = call.names["account"]
    if account not in call.office.accounts.names():
        raise ProblemRaised(problem(404, "no-such-account", f"There is no account {account}", field="account"))
    return account


def _keys(call: Call) -> AccessKeyTable:
    if call.office.access_keys is None:
        raise Rejected("this server has no access keys", remedy="it runs without the resource service")
    return call.office.access_keys


ROUTES = (
    Route(method="GET", path="/tokens", function=list_tokens, administrator=True),
    Route(method="POST", path="/tokens", function=add_token, administrator=True),
    Route(method="DELETE", path="/tokens/{label}", function=remove_token, administrator=True),
    Route(method="GET", path="/access-keys", function=list_access_keys, administrator=True),
    Route(method="POST", path="/access-keys", function=add_access_key, administrator=True),
    Route(method="DELETE", path="/access-keys/{id}", function=remove_access_key, administrator=True),
    Route(method="GET", path="/quotas/{account}", function=list_quotas, administrator=True),
    Route(method="PUT", path="/quotas/{account}/{name}", function=set_quota, administrator=True),
)
