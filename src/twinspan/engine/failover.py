"""Which span carries the traffic: the gateway's decision, pure.

In: the policy (`model.device_config.Failover`), what the node sees of each span, the state kept since the last
decision, and the time. Out: a `FailoverDecision` with its reason, and the state for the next call. No I/O, no clock:
the agent carries the decision out (`agent.failover_loop`), the tests draw at random.

BIRD and the kernel already move traffic when a link, BFD or BGP fails. This decision adds what they cannot: it moves
when a pinned probe dies although sessions are up, it keeps traffic away from a span until it has been healthy for the
hold-down, and it holds the export over a span that must not carry, so that the far end moves as well.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from twinspan.model.device_config import Failover, FailoverSpan

NS_PER_S = 1_000_000_000
FLAPS_FOR_ALARM = 3


class SpanObservation(msgspec.Struct, frozen=True, kw_only=True):
    """What this node sees of one span with its own eyes."""

    links_up: bool = True
    """Every device of the span exists and has carrier."""
    sessions_up: bool = True
    """Every BGP peer of the span is Established; True for a span without any."""
    missing_prefixes: tuple[str, ...] = ()
    """Expected prefixes that BGP has not put into this node's kernel over this span."""
    targets: Mapping[str, bool | None] = {}
    """Per target: its pinned probe answers, is dead, or is not known yet."""


class FailoverState(msgspec.Struct, frozen=True, kw_only=True):
    """What must be remembered between decisions."""

    carrying: str
    healthy_since_ns: int | None = None
    """Since when the active span has been healthy without a break; None while it is not."""
    flaps_ns: tuple[int, ...] = ()
    """When traffic left the active span, within the flap window."""
    proven: bool = False
    """The active span has been healthy since this state began. Before that there is nothing to damp: coming up
    for the first time is no flap and needs no hold-down."""


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """Health of one span: True, False, or None while nothing is proven yet; with the reasons for False."""

    healthy: bool | None
    reasons: tuple[str, ...] = ()


class Condition(msgspec.Struct, frozen=True, kw_only=True):
    """Something a person must know of for as long as it lasts."""

    name: str
    subject: str
    detail: str = ""


class FailoverDecision(msgspec.Struct, frozen=True, kw_only=True):
    carrying: str
    reason: str
    override_onto: str | None
    """Span that the override routes point to; None: no override, BIRD and the kernel decide."""
    export_held: tuple[str, ...]
    """Spans over which the site's prefixes are not announced."""
    verdicts: Mapping[str, Verdict]
    conditions: tuple[Condition, ...]
    recheck_at_ns: int | None
    """When to decide again although nothing happened: the end of the hold-down."""
    flaps: int = 0


def initial_state(policy: Failover, *, export_held: frozenset[str] = frozenset()) -> FailoverState:
    """A node that knows nothing yet leaves the traffic where it is: on the active span, unless its export is held.

    A held export is what an earlier agent left behind when it moved the traffic away.
    """
    if _active(policy).name in export_held:
        return FailoverState(carrying=_standby(policy).name, proven=True)
    return FailoverState(carrying=_active(policy).name)


def decide(
    policy: Failover,
    seen: Mapping[str, SpanObservation],
    state: FailoverState,
    now_ns: int,
    *,
    drilled: bool = False,
) -> tuple[FailoverDecision, FailoverState]:
    """Choose the span to carry traffic.

    A healthy choice is kept; an unhealthy one is never kept while a healthy one exists; with every span down the last
    one is kept and a condition says so. While `drilled`, leaving the active span is no flap: somebody asked for it.
    """
    active, standby = _active(policy), _standby(policy)
    verdicts, dead_targets = judge(policy, seen)
    healthy_since = _healthy_since(verdicts[active.name], state, now_ns)
    carrying, reason, recheck = _choose(policy, verdicts, state, healthy_since, now_ns)
    flaps = tuple(t for t in state.flaps_ns if now_ns - t < policy.flap_window_s * NS_PER_S)
    if state.proven and not drilled and state.carrying == active.name and carrying != active.name:
        flaps = (*flaps, now_ns)
    on_standby = carrying == standby.name and verdicts[standby.name].healthy is not False
    decision = FailoverDecision(
        carrying=carrying,
        reason=reason,
        override_onto=standby.name if on_standby else None,
        export_held=(active.name,) if on_standby else (),
        verdicts=verdicts,
        conditions=_conditions(policy, verdicts, dead_targets, len(flaps)),
        recheck_at_ns=recheck,
        flaps=len(flaps),
    )
    proven = state.proven or verdicts[active.name].healthy is True
    return decision, FailoverState(carrying=carrying, healthy_since_ns=healthy_since, flaps_ns=flaps, proven=proven)


def judge(policy: Failover, seen: Mapping[str, SpanObservation]) -> tuple[dict[str, Verdict], tuple[str, ...]]:
    """Health of every span, and the targets that no span reaches (then the target is at fault, not a span)."""
    answering = {t for o in seen.values() for t, up in o.targets.items() if up}
    verdicts = {s.name: _judge_span(seen.get(s.name, SpanObservation()), answering) for s in policy.spans}
    asked = {t for o in seen.values() for t, up in o.targets.items() if up is False}
    return verdicts, tuple(sorted(asked - answering))


def hold_down_ns(policy: Failover, flaps: int) -> int:
    """Hold-down before traffic returns: the configured time, doubled for each flap after the first."""
    seconds = policy.hold_down_s * 2.0 ** max(0, min(flaps, 32) - 1)
    return int(min(seconds, max(policy.hold_down_s, policy.hold_down_max_s)) * NS_PER_S)


def _judge_span(seen: SpanObservation, answering: set[str]) -> Verdict:
    reasons: list[str] = []
    if not seen.links_up:
        reasons.append("link down")
    if not seen.sessions_up:
        reasons.append("BGP session down")
    elif seen.missing_prefixes:
        reasons.append(f"no BGP route for {', '.join(seen.missing_prefixes)}")
    dead = [t for t, up in seen.targets.items() if up is False]
    if dead and len(dead) == len(seen.targets):
        reasons.append("no probe answers")
    else:
        reasons += [f"probe to {t} lost" for t in dead if t in answering]
    if reasons:
        return Verdict(healthy=False, reasons=tuple(reasons))
    unknown = any(up is None for up in seen.targets.values())
    return Verdict(healthy=None if unknown else True)


def _healthy_since(verdict: Verdict, state: FailoverState, now_ns: int) -> int | None:
    if verdict.healthy is not True:
        return None
    return now_ns if state.healthy_since_ns is None else state.healthy_since_ns


def _choose(
    policy: Failover, verdicts: Mapping[str, Verdict], state: FailoverState, healthy_since: int | None, now_ns: int
) -> tuple[str, str, int | None]:
    """(span, reason, time to look again)."""
    active, standby = _active(policy).name, _standby(policy).name
    active_verdict, standby_verdict = verdicts[active], verdicts[standby]
    if state.carrying == active:
        if active_verdict.healthy is not False:
            return active, f"{active} carries: it is the active span", None
        why = "; ".join(active_verdict.reasons)
        if standby_verdict.healthy:
            return standby, f"{active} left: {why}", None
        return active, f"{active} kept although {why}: {standby} is not proven to be better", None
    if active_verdict.healthy and standby_verdict.healthy is False:
        return active, f"{active} taken at once: {standby} died ({'; '.join(standby_verdict.reasons)})", None
    if healthy_since is None:
        why = "; ".join(active_verdict.reasons) or "not proven yet"
        return standby, f"{standby} kept: {active} is not healthy ({why})", None
    hold_down = hold_down_ns(policy, _recent(policy, state, now_ns)) if state.proven else 0
    due = healthy_since + hold_down
    if now_ns >= due:
        return active, f"{active} healthy for the hold-down", None
    return standby, f"{standby} kept: hold-down of {active} runs", due


def _recent(policy: Failover, state: FailoverState, now_ns: int) -> int:
    return sum(now_ns - t < policy.flap_window_s * NS_PER_S for t in state.flaps_ns)


def _conditions(
    policy: Failover, verdicts: Mapping[str, Verdict], dead_targets: tuple[str, ...], flaps: int
) -> tuple[Condition, ...]:
    active, standby = _active(policy).name, _standby(policy).name
    found = [
        Condition(name=name, subject=span, detail="; ".join(verdicts[span].reasons))
        for name, span in (("active_dead", active), ("standby_dead", standby))
        if verdicts[span].healthy is False
    ]
    if len(found) == len(policy.spans):
        found.append(Condition(name="both_dead", subject=f"{active}, {standby}", detail="no span is proven to work"))
    elif dead_targets:
        found += [Condition(name="target_dead", subject=t, detail="no span reaches it") for t in dead_targets]
    if flaps >= FLAPS_FOR_ALARM:
        found.append(Condition(name="flapping", subject=active, detail=f"left {flaps} times"))
    return tuple(found)


def _active(policy: Failover) -> FailoverSpan:
    return next(s for s in policy.spans if s.role == "active")


def _standby(policy: Failover) -> FailoverSpan:
    return next(s for s in policy.spans if s.role == "standby")
