"""Runs the public WebSocket conformance cases (Autobahn's, by `kosoku`) against our WebSocket, as server and as client.

In: nothing. Out: a table on standard output, and with `--keep` in bench/results/conformance.md; exit code 1 if more
than ten cases are not passed, or one of those about fragmentation or UTF-8. Cases 12 and 13 are about an extension that
is never negotiated, permessage-deflate, and are not run.
"""

from __future__ import annotations

import platform
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import uvloop
from echo_endpoint import connect, serve
from kosoku import FailureError, run_fuzzingclient, run_fuzzingserver

RESULT = Path(__file__).parent / "results" / "conformance.md"
EXTENSION = ("12.*", "13.*")
NOT_PASSED_ALLOWED = 10
NEVER = ("5.", "6.")
"""Fragmentation, and handling of UTF-8."""
WHY = {
    "7.1.2": "two close frames in one packet, which nobody may send: they are read together, and the answer is 1002 "
    "for the second one, not 1000 for the first",
}
"""Every case that is known not to pass, and why that is right."""


async def as_server(cases: Sequence[str] | None = None) -> list[Any]:
    """Results of the cases against an endpoint of ours."""
    server, port = await serve()
    try:
        return await run_fuzzingclient(f"127.0.0.1:{port}", cases, EXTENSION)
    except FailureError as failed:
        return list(failed.results)
    finally:
        server.close()


async def as_client(cases: Sequence[str] | None = None) -> list[Any]:
    """Results of the cases for which ours connects to them."""
    results: list[Any] = []
    async with run_fuzzingserver(cases, EXTENSION, port=0) as server:
        told: list[str] = []
        await connect(server.port, "/getCaseCount", told.append)
        for number in range(1, int(told[0]) + 1):
            await connect(server.port, f"/runCase?case={number}&agent=twinspan")
        await connect(server.port, "/updateReports?agent=twinspan")
        try:
            results += await server.get_result()
        except FailureError as failed:
            results += failed.results
    return results


def faults(results: Sequence[Any]) -> list[str]:
    """What is not as it has to be."""
    failed = [result.case_id for result in results if not result.passed]
    found = [f"{case} does not pass and nobody knows why" for case in failed if case not in WHY]
    found += [f"{case} is about fragmentation or UTF-8" for case in failed if case.startswith(NEVER)]
    if len(failed) > NOT_PASSED_ALLOWED:
        found.append(f"{len(failed)} cases do not pass, {NOT_PASSED_ALLOWED} may")
    return found


def table(results: dict[str, Sequence[Any]]) -> str:
    """What came out, for people."""
    rows = []
    for role, of_role in results.items():
        counts = Counter(str(result.behavior.value).lower() for result in of_role)
        passed = sum(result.passed for result in of_role)
        told = ", ".join(f"{count} {name}" for name, count in counts.most_common())
        rows.append(f"| {role} | {len(of_role)} | {passed} | {told} |")
    failed = {result.case_id for of_role in results.values() for result in of_role if not result.passed}
    reasons = "".join(f"- {case}: {WHY.get(case, 'unknown')}\n" for case in sorted(failed))
    return (
        "| our role | cases | passed | of which |\n|---|---|---|---|\n"
        + "\n".join(rows)
        + f"\n\nNot passed:\n\n{reasons or '- none'}\n"
    )


def main(arguments: list[str]) -> int:
    """Run all of it."""

    async def both() -> dict[str, Sequence[Any]]:
        return {"server": await as_server(), "client": await as_client()}

    results = uvloop.run(both())
    text = table(results)
    found = [fault for of_role in results.values() for fault in faults(of_role)]
    print(text + "\n".join(found))
    if "--keep" in arguments and not found:
        head = (
            "# WebSocket conformance\n\nAutobahn's cases by `make conformance`, without 12 and 13 (permessage-deflate, "
        )
        where = f"never negotiated), on Python {platform.python_version()}.\n\n"
        RESULT.write_text(head + where + text, encoding="utf-8")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
