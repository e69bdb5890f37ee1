"""Our side of `make bench-hub`: the product's server, with one service that only the bench has.

In: a state directory, a port. Out: a listening server until SIGTERM; it says "up" on stdout. Everything a request meets
is the product's own code; `EchoService` answers a `command` with a `command-result`, as the peers do. Next: `hub.py`.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from twinspan.engine.admission_control import HandshakeBudget
from twinspan.server import run
from twinspan.server.authority import create_authority
from twinspan.server.store import FILE_NAME, DeviceStore
from twinspan.server.tunnel import Subconnection
from twinspan.server.worker import ServerOptions, Worker
from twinspan.wire.cloud_connection.scram import make_verifier
from twinspan.wire.cloud_connection.services import Command, CommandResult, ServiceMessage

PASSWORD = "bench-password-used-nowhere-else"
ECHOES = tuple(f"echo-{n}" for n in range(16))
"""So many sub-connections one device can open, for the storm of upgrades."""
OPEN = HandshakeBudget(rate_per_s=1e6, burst=100_000)
"""No limit: what one core can do is what is measured."""


class EchoService:
    """A typed request in, a typed reply out."""

    def opened(self, connection: Subconnection) -> None:
        """The device begins."""

    def received(self, connection: Subconnection, message: ServiceMessage) -> None:
        """The reply is as long as the request: 210 bytes."""
        if isinstance(message, Command):
            arguments = message.arguments
            output = (
                f"5 packets from {arguments['source']} to {arguments['host']}: 5 received, 0 lost, "
                "round trip min/avg/max 1.840/2.012/2.377 ms, in order"
            )
            connection.send(CommandResult(id=message.id, outcome="done", output=output))

    def closed(self, connection: Subconnection) -> None:
        """Nothing is kept."""


class BenchWorker(Worker):
    """The product's worker and the service of the bench."""

    def __init__(self, options: ServerOptions, number: int = 0) -> None:
        super().__init__(options, number)
        for name in ECHOES:
            self.hub.services[name] = EchoService()


def prepare(state_dir: Path, devices: int) -> None:
    """An authority for 127.0.0.1, and so many serials with one password (making verifiers is not measured)."""
    create_authority(state_dir, ("127.0.0.1",), time.time_ns())
    verifier = make_verifier(PASSWORD, b"one salt for all")
    store = DeviceStore(state_dir / FILE_NAME)
    rows = (
        (f"BENCH{n:06d}", time.time_ns(), f"bench-{n}", verifier.salt, verifier.iterations, verifier.stored_key,
         verifier.server_key)
        for n in range(devices)
    )  # fmt: skip
    with store.change() as connection:
        connection.executemany(
            "INSERT INTO device (serial, added_at_ns, credential, credential_id, salt, iterations, stored_key, "
            "server_key) VALUES (?, ?, 'password', ?, ?, ?, ?, ?)",
            rows,
        )
    store.close()


def main() -> None:
    """Entry."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("state_dir", type=Path)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--plain", action="store_true")
    parser.add_argument("--gate", action="store_true", help="with the product's own budget of logins")
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    run.Worker = BenchWorker  # type: ignore[attr-defined]
    run.run_server(
        ServerOptions(
            state_dir=options.state_dir,
            listen=("127.0.0.1",),
            port=options.port,
            workers=options.workers,
            public="127.0.0.1",
            plain=options.plain,
            budget=HandshakeBudget() if options.gate else OPEN,
        ),
        lambda: print("up", flush=True),
    )


if __name__ == "__main__":
    main()
