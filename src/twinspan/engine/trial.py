"""One node's trial of a config: it proves itself, is decided upon, or undoes itself.

In: a trial as it was left, what happened, the time. Out: the trial after that, and what must be done about it, in order
(`Doing`); whoever carries that out may die between any two things. Pure. Next: `agent.trial`.

    staged --> applied --> verified --> committed
       |          |            |
       +----------+------------+------> reverting --> reverted
        the server's word, the deadline, another start of the agent
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import msgspec
from msgspec.structs import replace

TrialState = Literal["staged", "applied", "verified", "committed", "reverting", "reverted"]
Doing = Literal["write", "run_wanted", "run_previous", "save_wanted", "forget"]
"""`write`: the trial to disk, whole. `run_wanted`, `run_previous`: have that config. `save_wanted`: the machine starts
with it from now on. `forget`: both configs, the trial's outcome stays if there is something to tell."""

UNDECIDED = ("staged", "applied", "verified")
SETTLE_SHARE = 0.5
"""Of the trial's time sessions and probes get to come back; the rest is for the server's decision and the way there."""
NS_PER_S = 1_000_000_000


class Clocks(msgspec.Struct, frozen=True, kw_only=True):
    """Now, by both clocks. The steady one counts within one run of the machine, which `boot_id` names."""

    steady_ns: int
    wall_ns: int
    boot_id: str


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """How far it is."""

    state: TrialState
    generation: int
    digest: str
    """By which the server knows the config on trial."""
    trial_s: float
    boot_id: str
    deadline_steady_ns: int
    deadline_wall_ns: int
    """The same for people, and after the machine began anew."""
    settle_until_ns: int
    """Steady. What has not come back by then does not come back."""
    proven: bool = False
    """It was verified, whatever became of it later."""
    shortfall: tuple[str, ...] = ()
    """What was missing when the time to settle was over."""
    reason: str = ""
    """Why it goes back, or went back."""


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What a node has."""

    converged: bool = True
    problem: str = ""
    sessions: frozenset[str] = frozenset()
    """BGP peers that are Established."""
    tunnels: frozenset[str] = frozenset()
    """With an IKE SA and a CHILD SA."""
    probes: frozenset[str] = frozenset()
    """That answer, and did so since the config is there."""


class Named(msgspec.Struct, frozen=True, kw_only=True):
    """What the config on trial still asks for; the rest is gone by intention."""

    sessions: frozenset[str] = frozenset()
    tunnels: frozenset[str] = frozenset()
    probes: frozenset[str] = frozenset()


def stage(generation: int, digest: str, trial_s: float, now: Clocks) -> Trial:
    """A trial before anything was touched. `write` it, then `run_wanted`."""
    length_ns = int(trial_s * NS_PER_S)
    return Trial(
        state="staged",
        generation=generation,
        digest=digest,
        trial_s=trial_s,
        boot_id=now.boot_id,
        deadline_steady_ns=now.steady_ns + length_ns,
        deadline_wall_ns=now.wall_ns + length_ns,
        settle_until_ns=now.steady_ns + int(length_ns * SETTLE_SHARE),
    )


def missing(before: Seen, now: Seen, named: Named) -> tuple[str, ...]:
    """What was there before, is still asked for and is not there: a sentence each; empty if the config holds."""
    found = []
    if not now.converged and not (before.problem and now.problem):  # what could not be before is nobody's fault
        found.append(f"the config cannot be carried out: {now.problem}" if now.problem else "not carried out yet")
    for what, was, has, asked in (
        ("BGP session", before.sessions, now.sessions, named.sessions),
        ("IPsec tunnel", before.tunnels, now.tunnels, named.tunnels),
        ("probe", before.probes, now.probes, named.probes),
    ):
        lost = sorted((was & asked) - has)
        found += [f"{what} {name} was up and did not come back" for name in lost]
    return tuple(found)


def applied(trial: Trial) -> Trial:
    """The node goes by the config now."""
    return replace(trial, state="applied") if trial.state == "staged" else trial


def looked(trial: Trial, lacks: tuple[str, ...], now: Clocks) -> Trial:
    """Somebody looked: with nothing missing it is verified, with something missing at the end it has failed."""
    if trial.state != "applied" or trial.shortfall:
        return trial
    if not lacks:
        return replace(trial, state="verified", proven=True)
    return replace(trial, shortfall=lacks) if now.steady_ns >= trial.settle_until_ns else trial


def expired(trial: Trial, now: Clocks) -> bool:
    """Whether its time is over. A clock that somebody sets must not end a trial, nor prolong it."""
    if now.boot_id == trial.boot_id:
        return now.steady_ns >= trial.deadline_steady_ns
    return now.wall_ns >= trial.deadline_wall_ns


def timed(trial: Trial, now: Clocks) -> Trial:
    """After some time: without a decision it goes back by itself."""
    if trial.state not in UNDECIDED or not expired(trial, now):
        return trial
    why = "; ".join(trial.shortfall) if trial.shortfall else "the server was not heard"
    return replace(trial, state="reverting", reason=f"no decision within {trial.trial_s:g} s: {why}")


def decided(trial: Trial, commit: bool, reason: str, now: Clocks) -> Trial:
    """The server's word. One that comes too late changes nothing, and a config that holds is never taken back."""
    trial = timed(trial, now)
    if trial.state not in UNDECIDED:
        return trial
    if commit:
        return replace(trial, state="committed") if trial.state == "verified" else trial
    return replace(trial, state="reverting", reason=reason or "the server decided against it")


def given_up(trial: Trial, reason: str) -> Trial:
    """Something else took its place before anybody decided."""
    return replace(trial, state="reverted", reason=reason) if trial.state in UNDECIDED else trial


def restarted(trial: Trial, now: Clocks) -> Trial:
    """The agent begins, and finds this on disk. What was not decided goes back: the config may be what killed it."""
    trial = timed(trial, now)
    if trial.state in UNDECIDED:
        return replace(trial, state="reverting", reason="the agent or its machine started anew during the trial")
    return trial


def reverted(trial: Trial) -> Trial:
    """It has the config before it again."""
    return replace(trial, state="reverted") if trial.state == "reverting" else trial


FOLLOWING: dict[TrialState, tuple[Doing, ...]] = {
    "staged": ("write", "run_wanted"),
    "applied": (),
    "verified": (),
    "committed": ("write", "save_wanted", "forget"),
    "reverting": ("write", "run_previous", "forget"),
    "reverted": (),
}
"""What a new state asks for, in this order. The disk learns of a decision before anything follows from it, and forgets
it after everything has: a start in between finds what is still to be done. Doing it twice is the same as once."""


def carry(trial: Trial, do: Callable[[Doing, Trial], None]) -> Trial:
    """Carry out what the trial's state asks for; the trial after that."""
    for doing in FOLLOWING[trial.state]:
        if doing == "forget":
            trial = reverted(trial)
        do(doing, trial)
    return applied(trial)
