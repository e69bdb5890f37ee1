"""The public conformance cases judge our WebSocket in both roles; all of them run by `make conformance`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import conformance
import pytest
import uvloop

FRAMES = ["1.*", "2.*", "3.*", "4.*", "5.*", "7.*", "10.*"]
UTF8 = ["6.*"]


@pytest.mark.parametrize("run", [conformance.as_server, conformance.as_client])
@pytest.mark.parametrize("cases", [FRAMES, UTF8], ids=["frames", "UTF-8"])
def test_the_cases_pass_but_for_those_that_are_known(run: Any, cases: list[str]) -> None:
    results: Sequence[Any] = uvloop.run(run(cases))
    assert len(results) > 90
    assert conformance.faults(results) == []


def test_a_case_that_does_not_pass_is_a_fault() -> None:
    class Result:
        case_id, passed = "5.3", False

    assert len(conformance.faults([Result()])) == 2
