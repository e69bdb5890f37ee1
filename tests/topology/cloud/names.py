"""A DNS server whose answers a test changes."""

from __future__ import annotations

import functools
import os
import signal
import subprocess
import time

from tests.topology.cloud.network import DNS, Network, until

from twinspan.wire.dns_message import AAAA, A, QueryType, decode_answer, encode_question


class Names:
    def __init__(self, network: Network) -> None:
        self._network = network
        self._hosts = network.folder / "hosts"
        self._hosts.touch()
        self._process = network.start(
            network.server, "dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--no-resolv", "--no-hosts",
            f"--addn-hosts={self._hosts}", "--local=/test/", f"--listen-address={DNS}", "--bind-interfaces",
            "--user=root", "--pid-file=", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def say(self, **addresses: tuple[str, ...]) -> None:
        """`cloud=("192.0.2.1",)`: cloud.test has these addresses and no others from now on. Returns when it is so."""
        lines = [f"{address} {name}.test\n" for name, found in addresses.items() for address in found]
        self._hosts.write_text("".join(lines))
        until(lambda: self._asked("nobody", A) is not None, 5, "dnsmasq answers")
        os.kill(self._process.pid, signal.SIGHUP)
        for name, found in addresses.items():
            kinds: tuple[tuple[QueryType, bool], ...] = ((A, False), (AAAA, True))
            for query_type, colon in kinds:
                wanted = {address for address in found if (":" in address) is colon}
                until(functools.partial(self._are, name, query_type, wanted), 5, f"{name}: {found}")

    def _are(self, name: str, query_type: QueryType, wanted: set[str]) -> bool:
        return set(self._asked(name, query_type) or ()) == wanted

    def _asked(self, name: str, query_type: QueryType) -> tuple[str, ...] | None:
        query_id = time.monotonic_ns() % 65536
        asked = encode_question(query_id, f"{name}.test", query_type)
        done = subprocess.run(
            ["ip", "netns", "exec", self._network.server, "python3", "-c", _ASK, DNS],
            input=asked, check=False, capture_output=True,
        )  # fmt: skip
        answer = decode_answer(done.stdout, query_id, f"{name}.test", query_type)
        return answer.addresses if answer is not None else None


_ASK = """
import socket, sys
asking = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
asking.settimeout(1)
asking.connect((sys.argv[1], 53))
try:
    asking.send(sys.stdin.buffer.read())
    sys.stdout.buffer.write(asking.recv(4096))
except OSError:
    pass
"""
