"""Scopes of tokens: first parts of the API's paths, and nothing that is none."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from twinspan.model.errors import Rejected
from twinspan.server import admin
from twinspan.server.accounts import AREAS, Accounts, NewToken
from twinspan.server.store import FILE_NAME, DeviceStore

NOW = 1_800_000_000_000_000_000


@pytest.fixture
def accounts(tmp_path: Path) -> Accounts:
    return Accounts(DeviceStore(tmp_path / FILE_NAME))


def wish(*scopes: str) -> NewToken:
    return NewToken(account=None, label="ci", role="viewer", scopes=scopes)


def test_the_areas_are_the_first_parts_of_the_paths_that_need_a_scope() -> None:
    first = {route.path.split("/")[1] for route in admin.ROUTES}
    assert first - {"whoami", "openapi.json"} == AREAS


def test_every_area_is_a_scope_with_and_without_read(accounts: Accounts) -> None:
    scopes = [scope for area in sorted(AREAS) for scope in (area, f"{area}:read")]
    accounts.add_token(wish(*scopes), NOW)
    assert accounts.tokens()[-1].scopes == tuple(scopes)


@pytest.mark.parametrize(
    ("scope", "remedy"),
    [
        ("bogus", "the scopes are access-keys, accounts, .*vpcs"),
        ("vpc", "did you mean vpcs"),
        ("device:read", "did you mean devices:read"),
        ("virtual_border_routers", "did you mean virtual-border-routers"),
        ("vpcs:write", "did you mean vpcs"),
        ("", "the scopes are"),
    ],
)
def test_another_scope_is_refused_and_the_near_one_is_named(accounts: Accounts, scope: str, remedy: str) -> None:
    with pytest.raises(Rejected) as refused:
        accounts.add_token(wish("vpcs", scope), NOW)
    assert repr(scope) in refused.value.message
    assert re.search(remedy, refused.value.remedy)
    assert accounts.tokens() == ()
