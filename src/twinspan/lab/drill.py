"""The drill: prove the standby, load both directions, break, wait, mend, wait, and say what users lost.

In: a running lab, a fault and its options. Out: a `DrillReport`. The injection is an order with an expiry, so a drill
that is killed in the middle leaves nothing broken. `lab.load` measures and `engine.drill` judges; this module runs the
sequence. Next: `cli.drill_report` shows the result.

    prove standby -> load on -> inject -> switched? -> heal -> returned? -> load off -> compose
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec

from twinspan.engine.drill import compose
from twinspan.engine.drill_expectation import expect
from twinspan.engine.drill_verdict import alarm_raised
from twinspan.lab.clock import wait_until
from twinspan.lab.injection import Injection
from twinspan.lab.lab import Lab
from twinspan.lab.load import Load
from twinspan.lab.paths import PathWatcher
from twinspan.lab.state import FaultOptions
from twinspan.lab.status import active_faults
from twinspan.model.device_report import DeviceReport, Event
from twinspan.model.drill import (
    DIRECTIONS,
    ClockOffset,
    DrillEvent,
    DrillFacts,
    DrillReport,
    Jitter,
    Path,
)
from twinspan.model.errors import Rejected, TwinspanError

LEAD_S = 1.0
"""Quiet load before the fault: shows that the path was clean."""
SETTLE_S = 1.0
"""Load after a switch, so that late losses still count."""
SWITCH_SLACK_S = 2.0
RETURN_SLACK_S = 15.0
"""BFD's slow start, BGP's reconnect and the probes' recovery, before the hold-down begins."""
PROOF_S = 10.0
"""How long a standby may take to prove itself before the drill refuses."""
READY: Path = "circuit"
"""Where both directions must be before anything is broken: a fault of a span that carries nothing shows nothing."""
ALARM_LIMIT_S = 10.0
"""A dead standby must be known within this time."""
RETURN_POLL_S = 0.1
CLOCK_ROUNDS = 5
ONE_MOMENT = {"bgp-reset", "daemon-kill", "agent-kill", "server-kill"}
"""Faults that are over in an instant."""
ONE_SHOT_S = 2.0
"""How long these are watched before the way back is."""


class DrillOptions(msgspec.Struct, frozen=True, kw_only=True):
    fault: FaultOptions = FaultOptions()
    force: bool = False
    """Go on although the standby is not proven."""
    rate_hz: int = 1000
    lead_s: float = LEAD_S
    settle_s: float = SETTLE_S
    hold_s: float = 0.0
    """Keep the fault at least so long after the switch."""
    jitter: Jitter | None = None


class Drill:
    """One drill on one lab."""

    def __init__(
        self, lab: Lab, fault: str, options: DrillOptions, say: Callable[[str], None] = lambda _: None
    ) -> None:
        self._lab, self._fault, self._options, self._say = lab, fault, options, say
        self._timers = lab.deployment.expectation
        self._expected = expect(fault, self._timers)
        self._started = time.time_ns()

    def run(self) -> DrillReport:
        """The whole sequence. Refuses without a proven standby; raises `Rejected` if the lab is broken otherwise, if
        its traffic does not come to the circuit, or if another drill is on."""
        with _alone(self._lab):
            return self._run()

    def _run(self) -> DrillReport:
        self._say("proving the standby")
        proven, proof = prove_standby(self._lab)
        if not proven and not self._options.force:
            return compose(self._facts(proven, proof), ())
        broken = active_faults(self._lab.fresh())
        if broken and not self._options.force:
            names = ", ".join(f.name for f in broken)
            raise Rejected(f"lab {self._lab.name} is broken already: {names}", remedy="twinspan lab mend --all")
        return self._measured(proven, proof)

    def _measured(self, proven: bool, proof: tuple[str, ...]) -> DrillReport:
        lab = self._lab
        watcher = PathWatcher(lab)
        watcher.start()
        try:
            self._await_start(watcher)
            load = self._load()
        except BaseException:
            watcher.stop()
            raise
        injection: Injection | None = None
        try:
            injection = Injection(lab, self._fault, self._fault_options())
            with lab.agent("gateway") as agent:
                agent.expect_drill(self._limit_s())
            self._pause(self._options.lead_s)
            self._await_start(watcher)  # a fault of before may have had an echo in the meantime
            self._say(f"breaking: {self._fault}")
            injected = injection.fire()
            self._await(watcher, self._expected.during, self._switch_limit_s())
            self._await_alarm(injected.before_ns)
            self._pause(self._hold_s())
            self._say("healing")
            healed = injection.heal()
            self._say(f"waiting for the way back (hold-down {self._timers.hold_down_s:g} s)")
            self._await_return(watcher)
            self._pause(self._options.settle_s)
        finally:
            if injection is not None:
                injection.heal()
            logs = load.stop()
            watcher.stop()
        facts = self._facts(proven, proof)
        facts = msgspec.structs.replace(
            facts,
            injected_ns=injected.before_ns,
            healed_ns=healed.before_ns,
            path_changes=watcher.changes_around(injected.before_ns, healed.before_ns),
            events=self._events(),
            clock_offsets=clock_offsets(lab),
        )
        return compose(facts, logs)

    def _load(self) -> Load:
        lab, deployment = self._lab, self._lab.deployment
        return Load.start(
            lab.netns(deployment.site_endpoint.node),
            deployment.site_endpoint.address,
            lab.netns(deployment.cloud_endpoint.node),
            deployment.cloud_endpoint.address,
            rate_hz=self._options.rate_hz,
            duration_limit_s=self._limit_s(),
        )

    def _await_start(self, watcher: PathWatcher) -> None:
        """Until both directions are on the circuit: after an earlier fault the hold-down may still be running."""

        def ready() -> bool:
            return all(watcher.current().get(d) == READY for d in DIRECTIONS)

        if self._options.force or ready():
            return
        self._say("waiting for the traffic to be on the circuit")
        if not wait_until(ready, self._return_limit_s()):
            raise Rejected(
                f"the traffic of lab {self._lab.name} is not on the circuit, so that breaking something shows nothing",
                remedy="look at `twinspan lab status`; --force drills all the same",
            )

    def _facts(self, proven: bool, proof: tuple[str, ...]) -> DrillFacts:
        begun = datetime.fromtimestamp(self._started / 1e9, tz=UTC)
        return DrillFacts(
            drill=f"{self._lab.name}-{self._fault}-{begun:%Y%m%dT%H%M%S}",
            site=self._lab.deployment.site,
            profile=self._lab.deployment.profile,
            fault=self._fault,
            started_at=begun.isoformat(timespec="milliseconds"),
            injected_ns=0,
            healed_ns=0,
            max_outage_ms=float(self._timers.max_outage_ms),
            expectation=self._expected,
            standby_proven=proven,
            standby_proof=proof,
            forced=self._options.force and not proven,
            jitter=self._options.jitter,
        )

    def _fault_options(self) -> FaultOptions:
        """The order's expiry outlasts the drill's own waiting, and is not much longer."""
        lasts_s = self._switch_limit_s() + ALARM_LIMIT_S + self._hold_s() + 30.0
        return msgspec.structs.replace(self._options.fault, expires_s=lasts_s)

    def _hold_s(self) -> float:
        """How long the fault stays after the switch. Flaps are seen to their end: none of them may bring a return."""
        flaps_s = self._options.fault.times * self._options.fault.period_s if self._fault == "flap" else 0.0
        return max(self._options.settle_s, self._options.hold_s, flaps_s)

    def _switch_limit_s(self) -> float:
        if self._expected.during != "vpn":
            probes_s = self._timers.probe_interval_ms * (self._timers.probe_lost_threshold + 1) / 1000
            return probes_s + SWITCH_SLACK_S
        bound_s = (self._expected.bound_ms or 0.0) / 1000
        checks_s = (self._timers.health_check_interval_s or 0) * ((self._timers.health_check_packets or 0) + 1)
        slow = self._timers.bfd_interval_ms is None
        return max(bound_s, checks_s if slow else 0.0, self._timers.hold_time_s if slow else 0.0) + SWITCH_SLACK_S

    def _return_limit_s(self) -> float:
        return self._timers.hold_down_s * 4 + self._timers.hold_time_s + RETURN_SLACK_S

    def _limit_s(self) -> float:
        return (
            self._options.lead_s
            + self._switch_limit_s()
            + ALARM_LIMIT_S
            + self._hold_s()
            + self._return_limit_s()
            + 2 * self._options.settle_s
            + 30.0
        )

    def _await(self, watcher: PathWatcher, path: Path, limit_s: float) -> None:
        """Until both directions are on `path`, or the limit; the verdict tells the difference."""
        if path == "none":
            return
        if self._fault in ONE_MOMENT and path == self._expected.during:
            limit_s = ONE_SHOT_S
        wait_until(lambda: all(watcher.current().get(d) == path for d in DIRECTIONS), limit_s)

    def _await_return(self, watcher: PathWatcher) -> None:
        """Until both directions are back and the gateway has decided so, or the limit.

        Routes alone are not enough: after both spans were dead the first one that is proven takes the traffic, and that
        may be the standby although BGP has put the circuit's routes back a moment earlier.
        """

        def returned() -> bool:
            if any(watcher.current().get(d) != self._expected.after for d in DIRECTIONS):
                return False
            try:
                with self._lab.agent("gateway") as agent:
                    decided = agent.report().failover
            except TwinspanError:
                return False  # its agent is just starting again
            active = {s.name for s in decided.spans if s.role == "active"} if decided else set()
            return decided is None or (decided.carrying in active and not decided.override)

        wait_until(returned, self._return_limit_s(), RETURN_POLL_S)

    def _await_alarm(self, since_ns: int) -> None:
        """Until the gateway has raised the alarm that this fault must raise, or the limit; the verdict tells."""
        alarm = self._expected.alarm
        if alarm is not None:
            with self._lab.agent("gateway") as agent:
                wait_until(lambda: alarm_raised(_as_drill(agent.events(since_ns)), alarm, since_ns), ALARM_LIMIT_S)

    def _pause(self, seconds: float) -> None:
        wait_until(lambda: False, seconds)

    def _events(self) -> tuple[DrillEvent, ...]:
        with self._lab.client() as client:
            return _as_drill(client.events(self._started))


def _as_drill(events: tuple[Event, ...]) -> tuple[DrillEvent, ...]:
    return tuple(DrillEvent(at_ns=e.at_ns, node=e.node, source=e.source, what=e.what, detail=e.detail) for e in events)


@contextlib.contextmanager
def _alone(lab: Lab) -> Iterator[None]:
    """Holds the lab for one drill. A killed drill lets go by itself, because the kernel closes its files."""
    handle = os.open(lab.paths.root / "drill.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Rejected(
                f"lab {lab.name} is being drilled already: two drills would measure each other",
                remedy="wait for the other drill to end, or take another lab with --name",
            ) from error
        yield
    finally:
        os.close(handle)


def prove_standby(lab: Lab) -> tuple[bool, tuple[str, ...]]:
    """Whether the standby would carry traffic now, by its own pinned probes; a sentence for every check."""
    proof: tuple[str, ...] = ()
    proven = False

    def check() -> bool:
        nonlocal proof, proven
        try:
            with lab.agent("gateway") as agent:
                proven, proof = _judge_standby(agent.report())
        except TwinspanError as error:
            proven, proof = False, (str(error),)
        return proven

    wait_until(check, PROOF_S)
    return proven, proof


def _judge_standby(report: DeviceReport) -> tuple[bool, tuple[str, ...]]:
    if report.failover is None:
        return False, ("the gateway has no failover policy",)
    sentences, good = [], True
    for tunnel in report.tunnels:
        established = tunnel.child_state == "INSTALLED"
        good = good and (established or len(report.tunnels) > 1)
        sentences.append(f"tunnel {tunnel.name}: IKE {tunnel.ike_state}, child {tunnel.child_state}")
    for span in report.failover.spans:
        good = good and span.healthy
        sentences.append(f"{span.name} ({span.role}): {'healthy' if span.healthy else '; '.join(span.reasons)}")
    for probe in report.probes:
        if probe.name.startswith("vpn:"):
            good = good and probe.state == "up"
            rtt = f", {probe.rtt_ms:.1f} ms" if probe.rtt_ms is not None else ""
            sentences.append(f"probe {probe.name}: {probe.state}{rtt}")
    return good, tuple(sentences)


def clock_offsets(lab: Lab) -> tuple[ClockOffset, ...]:
    """Each node's clock against this process's, from the best of a few exchanges (RFC 5905's minimum filter)."""
    with lab.client() as client:
        found = client.gather(_offset)
    return tuple(o for o in found.values() if isinstance(o, ClockOffset))


def _offset(agent: Any) -> ClockOffset:
    best: tuple[float, float] | None = None
    for _ in range(CLOCK_ROUNDS):
        before = time.time_ns()
        theirs = agent.clock()
        after = time.time_ns()
        error_us, offset_us = (after - before) / 2000, (theirs - (before + after) / 2) / 1000
        if best is None or error_us < best[0]:
            best = (error_us, offset_us)
    assert best is not None
    return ClockOffset(node=agent.node, offset_us=round(best[1], 1), error_us=round(best[0], 1))
