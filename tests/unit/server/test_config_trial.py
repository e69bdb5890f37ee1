"""What the server decides about configs on trial: kept before anybody is told, whatever dies in between."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.server.conftest import add

from twinspan.model.errors import Retryable
from twinspan.server.config_store import ConfigTable
from twinspan.server.config_trial import ATTEMPTS
from twinspan.server.services import ConfigService, WantedConfig
from twinspan.server.store import DeviceStore
from twinspan.wire.cloud_connection.services import (
    ConfigHave,
    ConfigTaken,
    ConfigTried,
    DecideConfig,
    PushConfig,
    Tried,
    TriedState,
    TryConfig,
)


class Server:
    """A store with a config on trial, and a device on its config sub-connection."""

    serial = "S1"

    def __init__(self, store: DeviceStore) -> None:
        add(store, "S1")
        self.table = ConfigTable(store)
        self.want(2)
        self.restart()

    def restart(self) -> None:
        """Another process on the same store; nobody is connected."""
        self.service = ConfigService(self.table)

    def want(self, generation: int, trial_s: int = 60) -> None:
        digest = f"d{generation}"
        self.table.want("S1", WantedConfig(generation=generation, digest=digest, config=b"{}", trial_s=trial_s))

    def connect(self, digest: str = "d1", *, trials: bool = True, tried: Tried | None = None) -> list[Any]:
        """What the device is told at its arrival."""
        self.told: list[Any] = []
        self.service.opened(self)  # type: ignore[arg-type]
        return self.say(ConfigHave(generation=1, digest=digest, trials=trials, tried=tried))

    def send(self, message: Any) -> bool:
        self.told.append(message)
        return True

    def say(self, message: Any) -> list[Any]:
        """What the device is told upon that."""
        before = len(self.told)
        self.service.received(self, message)  # type: ignore[arg-type]
        return self.told[before:]

    def tried(self, state: TriedState, detail: str = "", generation: int = 2, **more: bool) -> list[Any]:
        return self.say(ConfigTried(tried=trial(state, detail, generation, **more)))


def trial(state: TriedState, detail: str = "", generation: int = 2, *, proven: bool = False) -> Tried:
    return Tried(generation=generation, digest=f"d{generation}", state=state, detail=detail, proven=proven)


@pytest.fixture
def server(store: DeviceStore) -> Server:
    return Server(store)


def test_a_device_that_can_try_gets_a_trial_and_an_older_one_a_plain_push(server: Server) -> None:
    (pushed,) = server.connect()
    assert isinstance(pushed, TryConfig)
    assert (pushed.digest, pushed.trial_s) == ("d2", 60)
    server.restart()
    (pushed,) = server.connect(trials=False)
    assert isinstance(pushed, PushConfig)


def test_without_a_trial_time_it_is_pushed_for_good(server: Server) -> None:
    server.want(3, trial_s=0)
    (pushed,) = server.connect()
    assert isinstance(pushed, PushConfig)


def test_what_has_proven_itself_is_committed(server: Server) -> None:
    server.connect()
    assert server.tried("trying") == []
    assert server.tried("verified", proven=True) == [DecideConfig(generation=2, digest="d2", commit=True)]
    assert server.table.state("S1").decision == "committed"
    server.say(ConfigTaken(generation=2, digest="d2", accepted=True))
    assert server.table.state("S1").taken


def test_what_failed_is_decided_against_and_shown_as_refused(server: Server) -> None:
    server.connect()
    before, _ = server.table.changed_since(-1)
    (decision,) = server.tried("failed", "BGP session vbr was up and did not come back")
    assert (decision.commit, decision.reason) == (False, "BGP session vbr was up and did not come back")
    state = server.table.state("S1")
    assert (state.taken, state.decision) == (False, "reverted")
    assert state.refusal == "BGP session vbr was up and did not come back"
    assert server.table.changed_since(before)[1] == ("S1",), "whoever made the config hears of it"
    assert server.tried("reverted", "BGP session") == []


def test_what_was_decided_against_is_not_sent_again_but_a_new_generation_is(server: Server) -> None:
    server.connect()
    server.tried("failed", "no")
    server.restart()
    assert server.connect(tried=trial("reverted", "no")) == []
    assert not server.service.push("S1")
    server.want(3)
    assert server.service.push("S1")
    assert server.table.state("S1").refusal == ""


def test_a_device_that_went_back_by_itself_is_asked_no_more_and_the_reason_is_kept(server: Server) -> None:
    server.connect()
    server.restart()
    assert server.connect(tried=trial("reverted", "no decision within 60 s")) == []
    assert server.table.state("S1").refusal == "no decision within 60 s"


def test_a_server_that_died_before_its_decision_decides_after_its_return(server: Server) -> None:
    server.connect()
    server.restart()
    (decision,) = server.connect(tried=trial("verified", proven=True))
    assert decision.commit


def test_a_server_that_died_after_its_decision_keeps_to_it(server: Server) -> None:
    server.connect()
    server.tried("verified", proven=True)
    server.restart()
    (decision,) = server.connect(tried=trial("verified", proven=True))
    assert decision.commit
    server.want(3)
    server.connect()
    server.tried("failed", "no", 3)
    server.restart()
    (decision,) = server.connect(tried=trial("verified", generation=3, proven=True))
    assert not decision.commit, "a decision once kept holds"


def test_a_proven_config_that_heard_no_decision_in_time_is_tried_again_but_not_for_ever(server: Server) -> None:
    sent = len(server.connect())
    while server.tried("reverted", "no decision", proven=True):
        sent += 1
    assert sent == ATTEMPTS
    assert server.table.state("S1").refusal == "no decision"


def test_an_answer_that_was_lost_is_made_up_for_by_what_the_device_has(server: Server) -> None:
    server.connect()
    server.tried("verified", proven=True)
    server.restart()
    assert server.connect("d2") == []
    assert server.table.state("S1").taken


def test_a_trial_of_another_config_than_the_wanted_one_is_not_decided(server: Server) -> None:
    server.connect()
    server.want(3)
    assert server.tried("verified", proven=True) == []
    assert server.table.decided("S1") is None


def test_without_the_database_nothing_is_decided_and_nobody_is_told(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.connect()

    def away(*_: object) -> bool:
        raise Retryable("the database is away", delay_s=1)

    monkeypatch.setattr(server.table, "decide", away)
    assert server.tried("verified", proven=True) == []
    monkeypatch.undo()
    (decision,) = server.tried("verified", proven=True)
    assert decision.commit


def test_the_decision_is_kept_before_the_device_hears_it(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    server.connect()
    kept: list[Any] = []
    monkeypatch.setattr(server, "send", lambda _: kept.append(server.table.decided("S1")) or True)
    server.tried("verified", proven=True)
    assert [one.decision for one in kept] == ["committed"]
