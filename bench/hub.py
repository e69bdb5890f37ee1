"""`make bench-hub`: what the hub can do, against its goals and beside a Node and a Go server that run in the same call.

Rates are of one server core; the load is on the other. Rows come from `hub_rows.py`; the table goes to stdout and to
bench/results/hub.md. Exit code 1 if a goal is missed, 2 if the bench could not run.
"""

from __future__ import annotations

import argparse
import datetime
import functools
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import hub_rows as rows
from hub_agent import agent_rows
from hub_processes import build
from hub_server import prepare

HERE = Path(__file__).parent
HEAD = "| work | measured | goal | verdict | in detail |\n|---|---|---|---|---|"
DEVICES = 20_000
PREFACE = """By `make bench-hub`: {met} of {all} goals are met. The server has one core and the load the other, except
where several workers run; Node `ws` and Go gorilla answer the same typed requests in the same run. "per core" counts
seconds of the server's own CPU time, since other work on the machine takes cores away at times; the rate by the clock
stands beside. Why some are missed: [docs/critiques.md](../../docs/critiques.md)."""

ROWS: dict[str, Callable[[rows.Stage], Iterator[rows.Result]]] = {
    "rpc": functools.partial(rows.rpc, tls=False),
    "rpc-tls": functools.partial(rows.rpc, tls=True),
    "upgrade": functools.partial(rows.upgrades, tls=False),
    "upgrade-tls": functools.partial(rows.upgrades, tls=True),
    "login": functools.partial(rows.logins, tls=False),
    "login-tls": functools.partial(rows.logins, tls=True),
    "at-once": rows.at_once,
    "memory": functools.partial(rows.memory, tls=False),
    "memory-tls": functools.partial(rows.memory, tls=True),
    "many": functools.partial(rows.many, tls=True),
    "many-plain": functools.partial(rows.many, tls=False),
    "agent": agent_rows,
}


def machine() -> str:
    """What it ran on."""
    versions = [f"Python {platform.python_version()}", f"kernel {platform.release()}", f"{os.cpu_count()} cores"]
    for command in (["node", "--version"], ["go", "version"]):
        if shutil.which(command[0]):
            said = subprocess.run(command, capture_output=True, text=True, check=False).stdout.split()
            versions.append(f"Go {said[2][2:]}" if command[0] == "go" else f"Node {said[0][1:]}")
    return ", ".join(versions)


def busy_s() -> float:
    """CPU seconds that the whole machine has worked."""
    fields = [int(text) for text in Path("/proc/stat").read_text().splitlines()[0].split()[1:]]
    return (sum(fields) - fields[3] - fields[4]) / os.sysconf("SC_CLK_TCK")


def _goals(results: list[rows.Result]) -> int:
    return sum(result.goal is not None for result in results)


def main() -> int:
    """Entry."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", nargs="*", choices=ROWS, default=list(ROWS), help="only these")
    parser.add_argument("--rounds", type=int, default=3, help="of each side of a comparison")
    parser.add_argument("--scale", type=float, default=1.0, help="of all counts; figures below 1 are for a quick look")
    options = parser.parse_args()
    begun, results = time.monotonic(), []
    folder = Path(tempfile.mkdtemp(prefix="twinspan-bench-"))
    try:
        load, go = build(folder)
        prepare(folder / "state", DEVICES)
        stage = rows.Stage(
            state=folder / "state", load=load, go=go, rounds=options.rounds, scale=min(1.0, options.scale)
        )
        print(HEAD, flush=True)
        for name in options.rows:
            for result in ROWS[name](stage):
                results.append(result)
                print(result.line(), flush=True)
    except (RuntimeError, OSError, subprocess.CalledProcessError) as error:
        print(f"bench-hub: {error}", file=sys.stderr)
        return 2
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    stamp = datetime.datetime.now(tz=datetime.UTC).date().isoformat()
    note = f"{machine()}; load average {os.getloadavg()[0]:.1f}; {time.monotonic() - begun:.0f} s; measured {stamp}"
    print(note)
    if options.scale == 1.0 and options.rows == list(ROWS):
        said = PREFACE.format(met=sum(r.met for r in results if r.goal is not None), all=_goals(results))
        lines = ["# The cloud server against its goals", "", said, "", HEAD, *(r.line() for r in results), "", note]
        (HERE / "results" / "hub.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return 0 if all(result.met for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
