"""Traffic of users, measured: paced UDP, a TCP stream and ICMP echoes between two namespaces, both ways at once.

In: two namespaces with their addresses. Out: one `StreamLog` per stream and direction. Each end is a process of its own
(`lab.load_end`) that enters its namespace, sends by an absolute clock, and stamps arrivals with the kernel's time. It
ends with its parent, and by itself after `duration_limit_s`. Next: `engine.drill` turns the logs into losses and gaps.
"""

from __future__ import annotations

import subprocess
import sys

import msgspec

from twinspan.lab.load_end import LARGE_EVERY, EndLog, EndOptions, Records
from twinspan.model.drill import Direction, Protocol, StreamLog
from twinspan.model.errors import Unavailable

Arrivals = tuple[tuple[int, int], ...]
"""(packet number, arrival in ns)."""
DRAIN_S = 15.0
"""An end writes some tens of thousands of numbers when it stops; this is plenty."""


class Load:
    """Both ends running. `stop` ends them and gives the logs."""

    def __init__(self, ends: tuple[subprocess.Popen[bytes], subprocess.Popen[bytes]], spacing_ms: float) -> None:
        self._ends = ends
        self._spacing_ms = spacing_ms

    @classmethod
    def start(
        cls,
        site_netns: str,
        site_address: str,
        cloud_netns: str,
        cloud_address: str,
        *,
        rate_hz: int = 1000,
        duration_limit_s: float,
    ) -> Load:
        """Start both ends and wait until both listen, so that no packet meets a closed port."""
        ends = (
            _spawn(site_netns, site_address, cloud_address, rate_hz, duration_limit_s),
            _spawn(cloud_netns, cloud_address, site_address, rate_hz, duration_limit_s),
        )
        for end in ends:
            assert end.stdout is not None
            said = end.stdout.readline().decode(errors="replace").strip()
            if said != "ready":
                _kill(ends)
                raise Unavailable(
                    f"an end of the measuring load did not start: {said or 'it ended without a word'}",
                    remedy="check that the lab's nodes are up (twinspan lab status), then run the drill again",
                )
        try:
            for end in ends:
                assert end.stdin is not None
                end.stdin.write(b"go\n")
                end.stdin.flush()
        except BrokenPipeError as error:
            _kill(ends)
            raise Unavailable("an end of the measuring load died", remedy="run the drill again") from error
        return cls(ends, 1000 / rate_hz)

    def stop(self) -> tuple[StreamLog, ...]:
        """End both and put their halves together: what one sent with what the other received."""
        for end in self._ends:
            if end.stdin is not None and not end.stdin.closed:
                end.stdin.close()
        site, cloud = (self._finish(end) for end in self._ends)
        return (*self._direction("site_to_cloud", site, cloud), *self._direction("cloud_to_site", cloud, site))

    def _finish(self, end: subprocess.Popen[bytes]) -> EndLog:
        assert end.stdout is not None
        try:
            data = end.stdout.read()
            end.wait(timeout=DRAIN_S)
            return msgspec.json.decode(data, type=EndLog)
        except (msgspec.DecodeError, subprocess.TimeoutExpired) as error:
            end.kill()
            raise Unavailable("an end of the measuring load died", remedy="run the drill again") from error

    def _direction(self, direction: Direction, sender: EndLog, receiver: EndLog) -> tuple[StreamLog, ...]:
        def log(
            protocol: Protocol, sent: Records, received: tuple[tuple[int, int], ...], spacing_ms: float
        ) -> StreamLog:
            return StreamLog(
                direction=direction,
                protocol=protocol,
                spacing_ms=spacing_ms,
                sent_ns=sent.sent_ns,
                received=received,
                send_errors=sent.errors,
                receiver_drops=receiver.udp_drops if protocol == "udp" else 0,
                late_max_us=sent.late_max_us,
                reconnects=sender.tcp_reconnects if protocol == "tcp" else 0,
                retransmits=sender.tcp_retransmits if protocol == "tcp" else 0,
                large_every=LARGE_EVERY if protocol == "udp" else 0,
            )

        return (
            log("udp", sender.udp, receiver.udp_received, self._spacing_ms),
            log("tcp", sender.tcp, receiver.tcp_received, 10.0),
            log("icmp", sender.icmp, sender.icmp_received, 10.0),
        )


def _kill(ends: tuple[subprocess.Popen[bytes], ...]) -> None:
    for end in ends:
        end.kill()
        end.communicate()


def _spawn(netns: str, own: str, peer: str, rate_hz: int, limit_s: float) -> subprocess.Popen[bytes]:
    options = EndOptions(netns=netns, own=own, peer=peer, rate_hz=rate_hz, limit_s=limit_s)
    return subprocess.Popen(
        [sys.executable, "-m", "twinspan.lab.load_end", msgspec.json.encode(options).decode()],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,  # a signal to the drill's whole group is for the drill, which then ends its ends
    )
