"""A server in a process of its own, as `twinspan server run` starts it, with shorter intervals where a test says so.

In: options as JSON in the first argument. Out: a line when it listens.
"""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec

from twinspan.server import worker
from twinspan.server.front import Front
from twinspan.server.hub import Hub
from twinspan.server.run import run_server
from twinspan.wire.cloud_connection.server import Answer


class Breaking(Front):
    """Breaks off, or says nothing any more, where it is told to: at one request, at its answer, at the upgrade."""

    at, silent = "", False

    def __init__(self, hub: Hub) -> None:
        super().__init__(hub)
        self._asked: list[str] = []

    def answer(self, answer: Answer) -> None:
        self._asked.append(self._where())
        at = f"{self._asked[-1]} {self._asked.count(self._asked[-1])}"
        if at == self.at:
            self._break()
        elif f"after {at}" == self.at:
            super().answer(answer)
            self._transport.close()
        else:
            super().answer(answer)

    def _where(self) -> str:
        return self._url.decode().rpartition("/")[2]

    def _upgrade(self, raw: bytes) -> None:
        if self.at == "tunnel" and b"/tunnel" in raw:
            self._break()
        elif self.at == "ticket" and b"/tunnel" in raw:
            self.refuse(401, "ticket", "spent")
        else:
            super()._upgrade(raw)

    def _break(self) -> None:
        if not self.silent:
            self._transport.abort()


def main() -> None:
    options = msgspec.json.decode(sys.argv[1])
    Breaking.at, Breaking.silent = options.pop("breaks_at", ""), options.pop("silent", False)
    if Breaking.at:
        worker.Front = Breaking
    worker.RENEWAL_LOOK_S = options.pop("renewal_look_s", worker.RENEWAL_LOOK_S)
    options["state_dir"] = Path(options["state_dir"])
    options["listen"] = tuple(options["listen"])
    run_server(worker.ServerOptions(**options), lambda: print("up", flush=True))  # noqa: T201 - the test waits for it


main()
