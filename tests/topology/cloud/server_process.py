"""A server in a process of its own, as `twinspan server run` starts it, with shorter intervals where a test says so.

In: options as JSON in the first argument. Out: a line when it listens.
"""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec

from twinspan.server import worker
from twinspan.server.run import run_server


def main() -> None:
    options = msgspec.json.decode(sys.argv[1])
    worker.RENEWAL_LOOK_S = options.pop("renewal_look_s", worker.RENEWAL_LOOK_S)
    options["state_dir"] = Path(options["state_dir"])
    options["listen"] = tuple(options["listen"])
    run_server(worker.ServerOptions(**options), lambda: print("up", flush=True))  # noqa: T201 - the test waits for it


main()
