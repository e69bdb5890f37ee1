"""The search for the path MTU finds it, told by a router or not; and this machine itself is measured."""

from __future__ import annotations

import socket

import pytest

from twinspan.drivers.connection_check import Way, connect, echoes, path_mtu, search_mtu
from twinspan.drivers.echo_once import TooLarge


class Line:
    """A way of that MTU. `says`: it names its MTU for what is too large."""

    def __init__(self, mtu: int, *, says: bool) -> None:
        self.mtu, self.says, self.asked = mtu, says, 0

    def ask(self, packet_bytes: int, wait_s: float) -> float | None:
        self.asked += 1
        if packet_bytes <= self.mtu:
            return 1.0
        if self.says:
            raise TooLarge(self.mtu)
        return None


@pytest.mark.parametrize("mtu", [1500, 1499, 1400, 1280, 577])
def test_a_router_that_names_the_mtu_is_believed_and_verified(mtu):
    line = Line(mtu, says=True)
    found = search_mtu(line, 1500, None)
    assert (found.bytes, found.silent) == (mtu, False)
    assert line.asked <= 4


@pytest.mark.parametrize("mtu", [1499, 1472, 1400, 1280, 600])
def test_a_silent_loss_is_found_within_eight_bytes_and_said(mtu):
    line = Line(mtu, says=False)
    found = search_mtu(line, 1500, None)
    assert found.bytes is not None
    assert mtu - 8 < found.bytes <= mtu
    assert found.silent
    assert line.asked < 24


def test_a_refusal_that_names_no_mtu_is_no_silent_loss():
    class Mute(Line):
        def ask(self, packet_bytes: int, wait_s: float) -> float | None:
            if packet_bytes > self.mtu:
                raise TooLarge(None)
            return 1.0

    found = search_mtu(Mute(1400, says=True), 1500, None)
    assert (found.bytes, found.silent) == (1400, False)


def test_a_way_that_answers_nothing_has_no_mtu():
    assert search_mtu(Line(0, says=False), 1500, 1500).bytes is None


def test_this_machine_answers_itself():
    found = echoes(Way(), "127.0.0.1")
    assert (found.problem, found.received) == ("", found.sent)
    assert path_mtu(Way(), "127.0.0.1", 1500, None).bytes == 1500


def test_a_device_that_is_not_there_is_said():
    assert "no interface" in echoes(Way(device="nowhere0"), "127.0.0.1").problem


def test_tcp_tells_connected_from_refused():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert connect(Way(), "127.0.0.1", port).connected
    assert connect(Way(), "127.0.0.1", port).refused
