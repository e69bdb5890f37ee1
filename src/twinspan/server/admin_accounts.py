"""The part of the admin API that is about accounts: /accounts, for administrators, and /whoami, for everybody.

In: calls. Out: values that become JSON; a token is in an answer once, when it is made. Next: nothing, `admin.py` calls.
"""

from __future__ import annotations

import msgspec

from twinspan.model.secret import Secret
from twinspan.server.accounts import Account, Principal
from twinspan.server.admin_route import Call, Result, Route


class NewAccount(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str
    note: str = ""


class AccountPage(msgspec.Struct, frozen=True, kw_only=True):
    accounts: tuple[Account, ...]


class ShownToken(msgspec.Struct, frozen=True, kw_only=True):
    account: str
    token: Secret


class WhoAmI(msgspec.Struct, frozen=True, kw_only=True):
    principal: Principal
    administrator: bool


async def who_am_i(call: Call) -> Result:
    """GET /whoami: whether the token is good, and whose"""
    return Result(value=WhoAmI(principal=call.principal, administrator=call.principal.administrator))


async def list_accounts(call: Call) -> Result:
    """GET /accounts"""
    return Result(value=AccountPage(accounts=call.office.accounts.list()))


async def add_account(call: Call) -> Result:
    """POST /accounts"""
    wish = call.read(NewAccount)
    token = call.office.accounts.add(wish.name, wish.note[:200], call.now_ns)
    return Result(value=ShownToken(account=wish.name, token=token), status=201)


async def renew_token(call: Call) -> Result:
    """POST /accounts/{name}/token"""
    token = call.office.accounts.renew(call.names["name"], call.now_ns)
    return Result(value=ShownToken(account=call.names["name"], token=token), status=201)


async def remove_account(call: Call) -> Result:
    """DELETE /accounts/{name}"""
    call.office.accounts.remove(call.names["name"])
    return Result(value={"removed": call.names["name"]})


ROUTES = (
    Route(method="GET", path="/whoami", function=who_am_i),
    Route(method="GET", path="/accounts", function=list_accounts, administrator=True),
    Route(method="POST", path="/accounts", function=add_account, administrator=True),
    Route(method="POST", path="/accounts/{name}/token", function=renew_token, administrator=True),
    Route(method="DELETE", path="/accounts/{name}", function=remove_account, administrator=True),
)
