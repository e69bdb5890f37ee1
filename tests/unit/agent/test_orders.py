"""Orders to hurt the node: refused, doubled, ended early, ended by time, and never the agent's end."""

from __future__ import annotations

import asyncio
import os
import signal
import time

import pytest

from twinspan.agent.journal import Order
from twinspan.agent.orders import OrderRefused, Orders

LINKS = frozenset({"eth0"})


@pytest.fixture
def orders(desk):
    made = Orders(desk.journal, desk.world, desk.kernel, desk.events)
    yield made
    for order in desk.journal.load_orders():
        os.killpg(order.healer_pid, signal.SIGKILL)


def is_up(desk) -> bool:
    return desk.kernel.state.links["eth0"].admin_up


def timers(pid: int) -> bool:
    """Whether the timer still runs; one that ended and was not reaped does not."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as stat:  # noqa: PTH123
            return stat.read().rpartition(") ")[2][0] != "Z"
    except FileNotFoundError:
        return False


def test_a_shut_link_is_down_written_down_and_no_drift(desk, orders):
    before, after = asyncio.run(orders.shut("eth0", 60, LINKS))
    assert before <= after <= time.time_ns()
    assert not is_up(desk)
    assert desk.world.shut_links == LINKS
    (order,) = desk.journal.load_orders()
    assert (order.link, timers(order.healer_pid)) == ("eth0", True)


def test_the_same_order_twice_leaves_one_timer_and_never_opens_the_link_in_between(desk, orders, eventually):
    async def scenario():
        await orders.shut("eth0", 60, LINKS)
        (first,) = desk.journal.load_orders()
        await orders.shut("eth0", 120, LINKS)
        await eventually(lambda: not timers(first.healer_pid))

    asyncio.run(scenario())
    (order,) = desk.journal.load_orders()
    assert timers(order.healer_pid)
    assert [what for what, _ in desk.told("config")] == ["order: eth0 shut"] * 2


@pytest.mark.parametrize(
    ("link", "expires_s", "names"),
    [
        ("mgmt0", 5, "eth0"),
        ("eth0; reboot", 5, "not a data link"),
        ("eth0", 0, "above 0"),
        ("eth0", -1, "above 0"),
        ("eth0", 1e9, "3600"),
        ("eth0", float("nan"), "above 0"),
    ],
)
def test_an_impossible_order_is_refused_with_the_way_out(desk, orders, link, expires_s, names):
    with pytest.raises(OrderRefused, match=names):
        asyncio.run(orders.shut(link, expires_s, LINKS))
    assert desk.journal.load_orders() == ()
    assert is_up(desk)


def test_an_order_that_the_kernel_refuses_is_not_remembered(desk, orders):
    desk.kernel.refusal = "Cannot find device"
    with pytest.raises(OrderRefused, match="Cannot find device"):
        asyncio.run(orders.shut("eth0", 60, LINKS))
    assert (desk.journal.load_orders(), desk.world.shut_links) == ((), frozenset())


def test_the_next_agent_takes_orders_up_and_ends_them_in_time(desk, orders, eventually):
    desk.journal.save_orders((Order(link="eth0", expires_at_ns=time.time_ns() + 50_000_000, healer_pid=1 << 22),))

    async def scenario():
        await desk.kernel.set_link("eth0", up=False)
        orders.restore()
        assert desk.world.shut_links == LINKS
        running = asyncio.create_task(orders.run())
        await eventually(lambda: is_up(desk))
        running.cancel()

    asyncio.run(scenario())
    assert desk.journal.load_orders() == ()
    assert desk.world.shut_links == frozenset()


def test_an_order_on_a_link_that_is_gone_does_not_end_the_agent(desk, orders, eventually):
    desk.journal.save_orders((Order(link="eth9", expires_at_ns=1, healer_pid=1 << 22),))
    desk.kernel.refusal = "Cannot find device"

    async def scenario():
        orders.restore()
        running = asyncio.create_task(orders.run())
        await eventually(lambda: not desk.journal.load_orders())
        assert not running.done()
        running.cancel()

    asyncio.run(scenario())
    assert desk.told("config") == [("order: eth9 not opened", "Cannot find device")]


def test_a_timer_that_is_another_process_by_now_is_left_alone(desk, orders):
    desk.journal.save_orders((Order(link="eth0", expires_at_ns=time.time_ns() + 10**12, healer_pid=os.getpid()),))
    orders.restore()
    asyncio.run(orders.open("eth0"))
    assert is_up(desk)
