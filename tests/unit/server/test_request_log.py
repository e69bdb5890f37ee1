"""Lines about requests: which are written, how many, and that a slow reader holds nobody up."""

from __future__ import annotations

import json
import threading

import pytest

from twinspan.server.request_log import PER_S, Logged, RequestLine, RequestLog

NOW = 1_800_000_000_000_000_000
S = 1_000_000_000


def _line(at_ns: int = NOW, status: int = 404) -> RequestLine:
    return RequestLine(at_ns=at_ns, edge="native", method="GET", path="/api/v1/vpcs", status=status, who="alice")


@pytest.mark.parametrize(
    ("logged", "good", "bad"), [("none", False, False), ("refused", False, True), ("all", True, True)]
)
def test_who_runs_the_server_says_which_requests_are_told(logged: Logged, good: bool, bad: bool) -> None:
    log = RequestLog(logged)
    assert (log.wants(200), log.wants(401)) == (good, bad)


def test_a_flood_of_requests_is_no_flood_of_lines_and_the_rest_is_counted() -> None:
    lines: list[bytes] = []
    log = RequestLog("refused", lines.append)
    for _ in range(PER_S + 50):
        log.note(_line())
    log.note(_line(NOW + S))
    log.close()
    found = [json.loads(line) for line in lines]
    assert len(found) == PER_S + 1
    assert found[-1]["left_out"] == 50
    assert found[0] == {
        "at_ns": NOW, "edge": "native", "method": "GET", "path": "/api/v1/vpcs", "status": 404, "who": "alice"
    }  # fmt: skip


def test_a_reader_that_is_stuck_holds_nobody_up() -> None:
    free = threading.Event()
    log = RequestLog("refused", lambda _: free.wait(10))
    for second in range(20):
        for _ in range(PER_S):
            log.note(_line(NOW + second * S))
    free.set()
    log.close()
