"""Namespaces of one test: device, NAT, server; what happens on the way happens in the NAT, where neither end sees it.

device 10.1.0.2, .3, fd00:1::2 ---- nat ---- server 198.51.100.10 to .13, 2001:db8::10
vpn    10.2.0.2 -------------------/         (198.51.100.2, .3, .4 are their addresses behind the NAT)
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal, TypeVar

T = TypeVar("T")
Direction = Literal["to server", "to device"]
SERVERS = ("198.51.100.10", "198.51.100.11", "198.51.100.12", "198.51.100.13")
SERVER_6 = "2001:db8::10"
DNS = "198.51.100.53"
NAMES = ("cloud.test", "other.test", "third.test", *SERVERS, SERVER_6)
"""In the certificates of every server."""
_count = itertools.count(1)
_NAT = """
table inet nat {
  map outside { type ipv4_addr : ipv4_addr
    elements = { 10.1.0.2 : 198.51.100.2, 10.1.0.3 : 198.51.100.3, 10.2.0.2 : 198.51.100.4 } }
  chain out { type nat hook postrouting priority srcnat; oifname "wan" snat ip to ip saddr map @outside; }
}
table inet way {
  chain faults { type filter hook forward priority -10; }
  chain forward { type filter hook forward priority 0; ct state invalid drop; }
}
"""


def until(condition: Callable[[], T | None], deadline_s: float = 10.0, what: str | Callable[[], object] = "") -> T:
    """The condition's value as soon as it is true; an AssertionError past the deadline."""
    end = time.monotonic() + deadline_s
    while not (value := condition()):
        assert time.monotonic() < end, f"not within {deadline_s:g} s: {what() if callable(what) else what}"
        time.sleep(0.01)
    return value


class Network:
    def __init__(self) -> None:
        name = f"tc-{os.getpid()}-{next(_count)}"
        self.device, self.vpn, self.nat, self.server = (f"{name}-{end}" for end in ("dev", "vpn", "nat", "srv"))
        self.folder = Path(tempfile.mkdtemp(prefix="tc-", dir="/run"))
        self.processes: list[subprocess.Popen[bytes]] = []
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115 - closed in `remove`

    def build(self) -> None:
        for namespace in (self.device, self.vpn, self.nat, self.server):
            _run("ip", "netns", "add", namespace)
            self.ip(namespace, "link set lo up")
        self._cable(self.device, "lan")
        self._cable(self.vpn, "vpn")
        self._cable(self.server, "wan")
        for address in ("10.1.0.2/24", "10.1.0.3/24", "fd00:1::2/64"):
            self.ip(self.device, f"addr add {address} dev c0 {'nodad' if ':' in address else ''}")
        self.ip(self.vpn, "addr add 10.2.0.2/24 dev c0")
        for address in (*SERVERS, DNS):
            self.ip(self.server, f"addr add {address}/24 dev c0")
        self.ip(self.server, f"addr add {SERVER_6}/64 dev c0 nodad")
        for link, address in (("lan", "10.1.0.1/24"), ("lan", "fd00:1::1/64"), ("vpn", "10.2.0.1/24")):
            self.ip(self.nat, f"addr add {address} dev {link} {'nodad' if ':' in address else ''}")
        for address in ("198.51.100.1/24", "198.51.100.2/24", "198.51.100.3/24", "198.51.100.4/24"):
            self.ip(self.nat, f"addr add {address} dev wan")
        self.ip(self.nat, "addr add 2001:db8::1/64 dev wan nodad")
        for namespace, routes in (
            (self.device, ("default via 10.1.0.1", "default via fd00:1::1")),
            (self.vpn, ("default via 10.2.0.1",)),
            (self.server, ("fd00:1::/64 via 2001:db8::1",)),  # none to 10.0.0.0/8: what is not translated is lost
        ):
            for route in routes:
                self.ip(namespace, f"route add {route}")
        self.sysctl(self.nat, "net.ipv4.ip_forward", 1)
        self.sysctl(self.nat, "net.ipv6.conf.all.forwarding", 1)
        self.nft(self.nat, _NAT)

    def forget_idle(self, after_s: int) -> None:
        """The NAT forgets a connection that was idle for so long, and takes up none that it did not see begin."""
        self.sysctl(self.nat, "net.netfilter.nf_conntrack_tcp_timeout_established", after_s)
        self.sysctl(self.nat, "net.netfilter.nf_conntrack_tcp_loose", 0)

    def swallow(self, *directions: Direction, port: int | None = None, address: str | None = None) -> None:
        """Packets that way vanish, without a word to anybody; of one port or one address of the server, or all."""
        for direction in directions or ("to server", "to device"):
            inwards = direction == "to device"
            match = f"{'iifname' if inwards else 'oifname'} wan"
            if port is not None:
                match += f" tcp {'sport' if inwards else 'dport'} {port}"
            if address is not None:
                match += f" ip {'saddr' if inwards else 'daddr'} {address}"
            self.nft(self.nat, f"add rule inet way faults {match} drop")

    def map_port(self, outside: int, address: str, inside: int) -> None:
        """That server is reached by another port too, as behind a NAT of its own."""
        self.nft(self.nat, "add chain inet nat in { type nat hook prerouting priority dstnat; }")
        self.nft(self.nat, f"add rule inet nat in tcp dport {outside} dnat ip to {address}:{inside}")

    def heal(self) -> None:
        self.nft(self.nat, "flush chain inet way faults")

    # ------------------------------------------------------------------------------------------------ processes

    def start(self, namespace: str, *command: str, **options: object) -> subprocess.Popen[bytes]:
        """A process in the namespace; it is ended with the network, and what it complains of is kept."""
        if "stderr" not in options:
            options["stderr"] = self._complaints
        process = subprocess.Popen(["ip", "netns", "exec", namespace, *command], **options)  # type: ignore[call-overload]
        self.processes.append(process)
        return process  # type: ignore[no-any-return]

    def sockets(self, namespace: str, port: int) -> list[tuple[str, str, int]]:
        """(local, peer, pid) of every established TCP connection with that port at one of its ends."""
        out = _run(
            "ip",
            "netns",
            "exec",
            namespace,
            "ss",
            "-Htnp",
            "state",
            "established",
            f"( sport = {port} or dport = {port} )",
        )
        found = []
        for line in out.splitlines():
            _, _, local, peer, *users = line.split()
            pid = users[0].partition("pid=")[2].partition(",")[0] if users else ""
            found.append((local, peer, int(pid or 0)))
        return found

    # ------------------------------------------------------------------------------------------------ commands

    def ip(self, namespace: str, command: str) -> str:
        return _run("ip", "-n", namespace, *command.split())

    def nft(self, namespace: str, text: str) -> None:
        _run("ip", "netns", "exec", namespace, "nft", "-f", "-", given=text)

    def sysctl(self, namespace: str, key: str, value: int) -> None:
        _run("ip", "netns", "exec", namespace, "sysctl", "-qw", f"{key}={value}")

    def _cable(self, namespace: str, link: str) -> None:
        self.ip(self.nat, f"link add {link} type veth peer name c0 netns {namespace}")
        self.ip(self.nat, f"link set {link} up")
        self.ip(namespace, "link set c0 up")

    def complaints(self) -> str:
        """Everything on the standard error of all processes until now."""
        self._complaints.seek(0)
        return self._complaints.read().decode()

    def remove(self) -> None:
        for process in self.processes:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream is not None:
                    with contextlib.suppress(OSError):
                        stream.close()
        for namespace in (self.device, self.vpn, self.nat, self.server):
            found = subprocess.run(["ip", "netns", "pids", namespace], check=False, capture_output=True, text=True)
            for pid in found.stdout.split():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)
            subprocess.run(["ip", "netns", "del", namespace], check=False, capture_output=True)
        shutil.rmtree(self.folder, ignore_errors=True)
        complaints = self.complaints()
        self._complaints.close()
        assert "Traceback" not in complaints, complaints


def _run(*command: str, given: str = "") -> str:
    done = subprocess.run(command, check=False, capture_output=True, text=True, input=given)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
    return done.stdout
