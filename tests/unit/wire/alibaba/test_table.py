"""The table of actions beside the request models of the cloud's own SDKs."""

from __future__ import annotations

import importlib
import inspect
import re

import pytest

from twinspan.wire.alibaba.action import CBN, COMMON, ECD, EDS_USER, PROTOCOL, VPC, Action, parameters_of
from twinspan.wire.alibaba.table import ACTIONS

SDKS = {
    VPC: "alibabacloud_vpc20160428",
    CBN: "alibabacloud_cbn20170912",
    ECD: "alibabacloud_ecd20200930",
    EDS_USER: "alibabacloud_eds_user20210308",
}


def sdk_parameters(action: Action) -> set[str]:
    """Names at the top of the SDK's request."""
    models = importlib.import_module(f"{SDKS[action.version]}.models")
    source = inspect.getsource(getattr(models, f"{action.name}Request").to_map)
    return set(re.findall(r"result\['([^']+)'\] =", source))


FROM_SDKS = [action for action in ACTIONS.values() if not action.ours]


@pytest.mark.parametrize("action", FROM_SDKS, ids=lambda action: action.name)
def test_every_parameter_of_the_sdk_is_done_ignored_or_refused_with_a_reason(action: Action) -> None:
    known = parameters_of(action) | set(COMMON) | set(action.ignored) | set(action.refused)

    assert sdk_parameters(action) - known == set()


@pytest.mark.parametrize("action", FROM_SDKS, ids=lambda action: action.name)
def test_no_action_has_parameters_that_the_sdk_has_not(action: Action) -> None:
    ours = parameters_of(action) | set(action.needs) | set(action.ignored) | set(action.refused)

    assert ours - sdk_parameters(action) - PROTOCOL == set()


@pytest.mark.parametrize("action", ACTIONS.values(), ids=lambda action: action.name)
def test_what_an_action_needs_is_among_its_parameters(action: Action) -> None:
    assert set(action.needs) <= parameters_of(action) | set(action.ignored)


def test_an_action_is_in_one_table_only() -> None:
    assert len({(action.version, action.name) for action in ACTIONS.values()}) == len(ACTIONS)
