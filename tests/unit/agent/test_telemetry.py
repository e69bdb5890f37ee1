"""When a device sends reports: at once after an event, once more of what it led to, and now and then."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from twinspan.agent.cloud_connection import services
from twinspan.agent.cloud_connection.services import TelemetryModule
from twinspan.model.device_report import DeviceReport
from twinspan.wire.cloud_connection.services import Report

REPORT = DeviceReport(
    node="vbr", role="vbr", site="s", profile="edge", observed_generation=1, digest="", converged=True, at_ns=1,
    agent_pid=1,
)  # fmt: skip


class FakeLink:
    def __init__(self) -> None:
        self.sent: list[Report] = []

    def send(self, message: Report) -> bool:
        self.sent.append(message)
        return True


async def report() -> DeviceReport:
    return REPORT


def played(monkeypatch: pytest.MonkeyPatch, play: Callable[[TelemetryModule, FakeLink], object]) -> FakeLink:
    monkeypatch.setattr(services, "_MIN_REPORT_S", 0.02)
    monkeypatch.setattr(services, "_AFTER_S", 0.02)
    module, link = TelemetryModule(report), FakeLink()

    async def run() -> None:
        task = asyncio.get_running_loop().create_task(module.run(link))  # type: ignore[arg-type]
        async with asyncio.timeout(5):
            await play(module, link)  # type: ignore[misc]
        task.cancel()

    asyncio.run(run())
    return link


async def quiet(link: FakeLink) -> int:
    """How many came until none came any more."""
    count = -1
    while count != len(link.sent):
        count = len(link.sent)
        await asyncio.sleep(0.15)
    return count


def test_the_first_report_is_followed_by_one_more(monkeypatch: pytest.MonkeyPatch) -> None:
    async def play(_: TelemetryModule, link: FakeLink) -> None:
        assert await quiet(link) == 2

    played(monkeypatch, play)


def test_an_event_brings_a_report_and_one_of_what_it_led_to(monkeypatch: pytest.MonkeyPatch) -> None:
    async def play(module: TelemetryModule, link: FakeLink) -> None:
        before = await quiet(link)
        module.event()
        assert await quiet(link) == before + 2

    played(monkeypatch, play)


def test_many_events_at_once_bring_few_reports(monkeypatch: pytest.MonkeyPatch) -> None:
    async def play(module: TelemetryModule, link: FakeLink) -> None:
        before = await quiet(link)
        for _ in range(100):
            module.event()
            await asyncio.sleep(0)
        assert await quiet(link) <= before + 3

    played(monkeypatch, play)


def test_reports_are_numbered_without_a_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    async def play(module: TelemetryModule, link: FakeLink) -> None:
        await quiet(link)
        module.event()
        await quiet(link)

    numbers = [one.sequence for one in played(monkeypatch, play).sent]
    assert numbers == list(range(1, len(numbers) + 1))
