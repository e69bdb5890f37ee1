"""The table of `twinspan check`, exactly; and what its options refuse."""

from __future__ import annotations

from pathlib import Path

import pytest

from twinspan.cli.check_table import table_lines
from twinspan.cli.main import run
from twinspan.engine.connection_check import judge, moved_line, not_looked_at
from twinspan.model.connection_check import CheckPlace, Echoes, Lookup, PathMtu, RouteSeen

GOLDEN = Path(__file__).parents[2] / "golden" / "check" / "table.txt"


def _lines() -> str:
    circuit = {"origin": "gateway", "span": "circuit", "kind": "circuit"}
    vpn = {"origin": "gateway", "span": "vpn", "kind": "vpn"}
    checks = [
        moved_line(CheckPlace(topic="port", subject="circuit", **circuit), moved=True, seconds=0.204),
        not_looked_at(CheckPlace(topic="ping", subject="172.16.0.10", **circuit), "its port is closed for this test"),
        judge(CheckPlace(topic="ping", subject="172.16.0.10", **vpn), Echoes(sent=3, received=3, rtt_ms=1.25)),
        judge(CheckPlace(topic="path mtu", subject="172.16.0.10", **vpn), PathMtu(bytes=1380, wanted=1400)),
        judge(CheckPlace(topic="route", subject="100.64.0.0/10", **vpn), RouteSeen()),
        judge(CheckPlace(topic="dns", subject="a.aliyuncs.com", origin="pc"), Lookup(problem="there is no such name")),
    ]
    return "".join(f"{line.plain}\n" for line in table_lines(checks))


def test_the_table_is_this_one():
    assert _lines() == GOLDEN.read_text()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--from-here"], "no address of the office network"),
        (["--from-here", "--standby", "172.16.0.10"], "are for a lab"),
        (["--name", "x"], "need --from-here"),
        (["--at-most", "20"], "needs --standby"),
        (["one", "--lab", "other"], "not both"),
        (["--from-here", "127.0.0.1", "--service", "nonsense"], "must be HOST:PORT"),
    ],
)
def test_options_that_do_not_fit_are_refused_with_the_way_out(arguments, said, capsys):
    assert run(["check", *arguments]) == 2
    assert said in capsys.readouterr().err
