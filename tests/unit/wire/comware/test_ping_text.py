"""ping and tracert: what the programs say, as this family of devices prints it."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from twinspan.wire.comware.effects import Ping, Tracert
from twinspan.wire.comware.ping_text import PingText, ping_argv
from twinspan.wire.comware.tracert_text import tracert_head, tracert_line


def test_every_option_becomes_an_argument_and_the_destination_can_be_none() -> None:
    assert ping_argv(Ping(destination="192.0.2.1"), None) == (
        "ping", "-n", "-O", "-4", "-c", "5", "-s", "56", "-i", "0.2", "-W", "2", "--", "192.0.2.1",
    )  # fmt: skip
    full = Ping(
        destination="-f", source="fd00::1", interface="GigabitEthernet1/0/1", count=1, size=1472, interval_ms=1,
        timeout_ms=0, dont_fragment=True, ipv6=True,
    )  # fmt: skip
    assert ping_argv(full, "circuit") == (
        "ping", "-n", "-O", "-6", "-c", "1", "-s", "1472", "-i", "0.001", "-W", "0.001",
        "-I", "circuit", "-I", "fd00::1", "-M", "do", "--", "-f",
    )  # fmt: skip


def said(ping: Ping, *lines: str) -> str:
    text = PingText(ping)
    return "".join(text.line(line) for line in lines)


def test_answers_silence_and_errors_are_told_apart() -> None:
    shown = said(
        Ping(destination="h.example", count=4),
        "PING h.example (192.0.2.1) 56(84) bytes of data.",
        "64 bytes from 192.0.2.1: icmp_seq=1 ttl=62 time=1.05 ms",
        "no answer yet for icmp_seq=2",
        "From 198.51.100.1 icmp_seq=3 Destination Host Unreachable",
        "",
        "--- h.example ping statistics ---",
        "4 packets transmitted, 1 received, +1 errors, 75% packet loss, time 604ms",
        "rtt min/avg/max/mdev = 1.050/1.050/1.050/0.000 ms",
    )
    assert shown == (
        "Ping h.example (192.0.2.1): 56 data bytes, press CTRL+C to break\n"
        "56 bytes from 192.0.2.1: icmp_seq=0 ttl=62 time=1.05 ms\n"
        "Request time out\n"
        "From 198.51.100.1: icmp_seq=2 Destination Host Unreachable\n"
        "Request time out\n"
        "\n"
        "--- Ping statistics for h.example ---\n"
        "4 packet(s) transmitted, 1 packet(s) received, 75.0% packet loss\n"
        "round-trip min/avg/max/std-dev = 1.050/1.050/1.050/0.000 ms\n"
    )


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("PING ::1(::1) 56 data bytes", "Ping ::1 (::1): 56 data bytes, press CTRL+C to break\n"),
        ("ping: nowhere.invalid: Name or service not known", " % nowhere.invalid: Name or service not known\n"),
        ("ping: local error: message too long, mtu=1500", " % message too long, mtu=1500\n"),
        ("something that a later version says", ""),
        ("", ""),
    ],
)
def test_single_lines(line: str, shown: str) -> None:
    assert said(Ping(destination="x"), line) == shown


def answer(address: str, rtt_ms: float, mark: str = "") -> SimpleNamespace:
    return SimpleNamespace(address=address, rtt_ms=rtt_ms, mark=mark)


def test_a_hop_is_a_line() -> None:
    first = tracert_head(Tracert(destination="h.example", max_ttl=9), "192.0.2.1")
    assert first == "traceroute to h.example (192.0.2.1), 9 hops at most, 40 bytes each packet, press CTRL+C to break\n"
    assert tracert_head(Tracert(destination="x", ipv6=True), "::1").startswith("traceroute6 to x (::1), 30 hops")
    same = SimpleNamespace(ttl=1, answers=(answer("192.0.2.1", 0.5), answer("192.0.2.1", 1), None))
    assert tracert_line(same) == " 1  192.0.2.1 (192.0.2.1)  0.500 ms 1.000 ms *\n"
    split = SimpleNamespace(ttl=12, answers=(None, answer("192.0.2.1", 0.5), answer("192.0.2.2", 2, "!H")))
    assert tracert_line(split) == "12  * 192.0.2.1 (192.0.2.1)  0.500 ms 192.0.2.2 (192.0.2.2)  2.000 ms !H\n"
    assert tracert_line(SimpleNamespace(ttl=3, answers=(None, None, None))) == " 3  * * *\n"
