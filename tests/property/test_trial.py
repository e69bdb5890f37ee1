"""A config on trial, with the agent killed between any two things that it does."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from twinspan.engine.trial import (
    FOLLOWING,
    UNDECIDED,
    Clocks,
    Doing,
    Named,
    Seen,
    Trial,
    carry,
    decided,
    looked,
    missing,
    restarted,
    stage,
    timed,
)

TRIAL_S = 60.0
S = 1_000_000_000


class Killed(Exception):
    """kill -9, here."""


class TrialMachine(RuleBasedStateMachine):
    """A node: what is on its disk, what it runs, and what its agent has in mind."""

    @initialize()
    def begin(self) -> None:
        self.steady, self.wall, self.boot = 1000 * S, 5000 * S, 1
        self.saved, self.journal = "config-0", None
        self.running, self.trial = "config-0", None
        self.previous, self.wanted, self.count = "config-0", "", 0
        self.alive, self.began_ns, self.promised = True, 0, ""
        """`promised`: the config of a trial whose commitment is on disk."""

    def now(self) -> Clocks:
        return Clocks(steady_ns=self.steady, wall_ns=self.wall, boot_id=str(self.boot))

    def do(self, dies_after: int) -> callable:
        done = 0

        def carry_out(doing: Doing, trial: Trial) -> None:
            nonlocal done
            if done == dies_after:
                raise Killed
            done += 1
            if doing == "write":
                self.journal = (trial, self.previous, self.wanted)
                if trial.state == "committed":
                    self.promised = self.wanted
            elif doing == "run_wanted":
                self.running = self.wanted
            elif doing == "run_previous":
                self.running = self.previous
            elif doing == "save_wanted":
                self.saved = self.wanted
            else:
                self.journal = None if trial.state == "committed" else (trial, "", "")

        return carry_out

    def carry(self, trial: Trial, dies_after: int) -> None:
        self.trial = trial
        try:
            self.trial = carry(trial, self.do(dies_after))
        except Killed:
            self.alive, self.trial = False, None

    def follow(self, after: Trial, dies_after: int) -> None:
        """A transition of the living agent."""
        if after.state != self.trial.state:
            self.carry(after, dies_after)
        else:
            self.trial = after

    deaths = st.integers(0, 6)

    @precondition(lambda self: self.alive and (self.trial is None or self.trial.state not in UNDECIDED))
    @rule(dies_after=deaths)
    def push(self, dies_after: int) -> None:
        self.count += 1
        self.previous, self.wanted, self.began_ns = self.running, f"config-{self.count}", self.steady
        self.carry(stage(self.count, f"digest-{self.count}", TRIAL_S, self.now()), dies_after)

    @precondition(lambda self: self.alive and self.trial is not None)
    @rule(good=st.booleans())
    def look(self, good: bool) -> None:
        self.trial = looked(self.trial, () if good else ("BGP session vbr",), self.now())

    @precondition(lambda self: self.alive and self.trial is not None)
    @rule(commit=st.booleans(), dies_after=deaths)
    def decide(self, commit: bool, dies_after: int) -> None:
        self.follow(decided(self.trial, commit, "no", self.now()), dies_after)

    @rule(seconds=st.integers(0, 90), jump=st.integers(-10_000, 10_000), dies_after=deaths)
    def time_passes(self, seconds: int, jump: int, dies_after: int) -> None:
        self.steady += seconds * S
        self.wall += (seconds + jump) * S
        if self.alive and self.trial is not None:
            self.follow(timed(self.trial, self.now()), dies_after)

    @precondition(lambda self: self.alive)
    @rule()
    def kill(self) -> None:
        self.alive, self.trial = False, None

    @precondition(lambda self: not self.alive)
    @rule(reboot=st.booleans(), dies_after=deaths)
    def start(self, reboot: bool, dies_after: int) -> None:
        if reboot:
            self.boot, self.steady = self.boot + 1, 0
        self.alive, self.running = True, self.saved
        if self.journal is None:
            return
        trial, self.previous, self.wanted = self.journal
        if trial.state != "reverted":
            self.carry(restarted(trial, self.now()), dies_after)
        if self.alive and self.journal is None:
            self.running = self.saved

    @invariant()
    def what_is_started_with_is_never_a_config_on_trial(self) -> None:
        if self.count and self.saved == self.wanted:
            assert self.promised == self.wanted

    @invariant()
    def after_the_deadline_the_running_config_is_a_proven_one(self) -> None:
        over = self.steady >= self.began_ns + TRIAL_S * S
        if self.alive and self.count and over and self.wanted and self.promised != self.wanted:
            assert self.running == self.previous

    @invariant()
    def a_committed_config_is_never_taken_back(self) -> None:
        if self.alive and self.promised and self.promised == self.wanted:
            assert self.running == self.saved == self.promised

    @invariant()
    def nobody_waits_longer_than_the_trial(self) -> None:
        if self.alive and self.trial is not None and self.trial.state in UNDECIDED:
            assert self.steady < self.trial.deadline_steady_ns


TestTrialMachine = TrialMachine.TestCase
TestTrialMachine.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)

NOW = Clocks(steady_ns=1000 * S, wall_ns=5000 * S, boot_id="b")


def later(seconds: float, boot_id: str = "b", wall_s: float | None = None) -> Clocks:
    wall_ns = 5000 * S + int((seconds if wall_s is None else wall_s) * S)
    return Clocks(steady_ns=1000 * S + int(seconds * S), wall_ns=wall_ns, boot_id=boot_id)


def on_trial() -> Trial:
    return carry(stage(7, "d7", TRIAL_S, NOW), lambda *_: None)


def test_a_config_is_written_down_before_anything_is_touched() -> None:
    assert FOLLOWING["staged"][0] == "write"


def test_what_was_up_and_is_still_asked_for_must_be_up_again() -> None:
    before = Seen(sessions=frozenset({"a", "b"}), tunnels=frozenset({"t"}), probes=frozenset({"p"}))
    named = Named(sessions=frozenset({"a", "c"}), tunnels=frozenset({"t"}), probes=frozenset({"p"}))
    assert missing(before, Seen(), named) == (
        "BGP session a was up and did not come back",
        "IPsec tunnel t was up and did not come back",
        "probe p was up and did not come back",
    )
    assert missing(before, before, named) == ()
    assert missing(Seen(), Seen(), named) == (), "what was down before needs not be up"
    assert missing(before, Seen(converged=False, problem="no such link"), Named()) == (
        "the config cannot be carried out: no such link",
    )


def test_an_unproven_config_cannot_be_committed() -> None:
    assert decided(on_trial(), True, "", NOW).state == "applied"
    assert decided(looked(on_trial(), (), NOW), True, "", NOW).state == "committed"


def test_a_decision_that_comes_too_late_is_none() -> None:
    after = decided(looked(on_trial(), (), NOW), True, "", later(61))
    assert (after.state, after.proven) == ("reverting", True)
    assert after.reason == "no decision within 60 s: the server was not heard"


def test_what_is_missing_counts_when_the_time_to_settle_is_over() -> None:
    lacks = ("probe p was up and did not come back",)
    assert looked(on_trial(), lacks, later(29)).shortfall == ()
    failed = looked(on_trial(), lacks, later(30))
    assert failed.shortfall == lacks
    assert looked(failed, (), later(31)).state == "applied", "the server has been told"
    assert timed(failed, later(60)).reason == "no decision within 60 s: probe p was up and did not come back"


@pytest.mark.parametrize("jump_s", [-100_000, 100_000])
def test_a_wall_clock_that_is_set_ends_no_trial_and_prolongs_none(jump_s: int) -> None:
    assert timed(on_trial(), later(59, wall_s=jump_s)).state == "applied"
    assert timed(on_trial(), later(60, wall_s=jump_s)).state == "reverting"


def test_after_a_restart_an_undecided_one_goes_back_and_a_committed_one_stays() -> None:
    assert restarted(on_trial(), later(1)).state == "reverting"
    committed = decided(looked(on_trial(), (), NOW), True, "", NOW)
    assert restarted(committed, later(1000, boot_id="another")).state == "committed"


def killed_at(death: int, *, commit: bool, reboot: bool) -> TrialMachine:
    """A good config, decided upon while the agent dies after so many things, and is started again."""
    node = TrialMachine()
    node.begin()
    node.push(9)
    node.look(True)
    node.decide(commit, death)
    if not node.alive:
        node.start(reboot, 9)
    return node


@pytest.mark.parametrize("reboot", [False, True])
@pytest.mark.parametrize("death", range(4))
def test_whenever_the_agent_dies_while_it_commits_both_disk_and_node_agree(death: int, reboot: bool) -> None:
    node = killed_at(death, commit=True, reboot=reboot)
    assert (node.running, node.saved) == (("config-0",) * 2 if death == 0 else ("config-1",) * 2)
    assert node.journal is None or node.journal[0].state == "reverted"


@pytest.mark.parametrize("reboot", [False, True])
@pytest.mark.parametrize("death", range(4))
def test_whenever_the_agent_dies_while_it_goes_back_it_has_gone_back(death: int, reboot: bool) -> None:
    node = killed_at(death, commit=False, reboot=reboot)
    assert (node.running, node.saved) == ("config-0", "config-0")
    assert node.journal[0].state == "reverted"
