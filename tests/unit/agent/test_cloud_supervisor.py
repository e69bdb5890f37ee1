"""A mistake in the cloud connection does not end the agent."""

from __future__ import annotations

import asyncio

import pytest

from twinspan.agent.cloud_connection import supervisor


def test_work_that_fails_is_begun_again_and_what_happened_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    waited: list[float] = []
    told: list[tuple[str, str]] = []
    runs = 0

    async def wait(seconds: float) -> None:
        waited.append(seconds)

    async def work() -> None:
        nonlocal runs
        runs += 1
        if runs == 3:
            raise asyncio.CancelledError
        raise KeyError("secret-of-a-user")

    monkeypatch.setattr(supervisor, "pause", wait)

    async def scenario() -> None:
        with pytest.raises(asyncio.CancelledError):
            await supervisor.keep_running(work, lambda what, detail: told.append((what, detail)))

    asyncio.run(scenario())
    assert waited == [1.0, 2.0]
    assert [what for what, _ in told] == ["failed", "failed"]
    assert "KeyError" in told[0][1]
    assert "secret-of-a-user" not in told[0][1], "an event goes to the server: what the error carries stays here"
    assert "Traceback" in capsys.readouterr().err
