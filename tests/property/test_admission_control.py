"""Random storms: the rate is kept, nobody is lost or answered twice, the line stays short, turns are fair."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from twinspan.engine.admission_control import NS_PER_S, AdmissionControl, Admit, Answer, ComeBack, HandshakeBudget

budgets = st.builds(
    HandshakeBudget,
    rate_per_s=st.sampled_from([1, 3, 10, 1000]),
    burst=st.integers(min_value=1, max_value=5),
    queue_limit=st.integers(min_value=0, max_value=6),
)


class Storm(RuleBasedStateMachine):
    """A door and everyone who came to it; each is in exactly one of four places."""

    @initialize(budget=budgets)
    def open(self, budget: HandshakeBudget) -> None:
        self.budget, self.control = budget, AdmissionControl(budget)
        self.now_ns, self.arrived = 10**18, 0
        self.admitted: list[tuple[int, str]] = []
        self.away: set[str] = set()
        self.left: set[str] = set()
        self.waiting: set[str] = set()

    @rule(source=st.sampled_from("abcd"), count=st.integers(min_value=1, max_value=4))
    def some_arrive(self, source: str, count: int) -> None:
        for _ in range(count):
            id_ = str(self.arrived)
            self.arrived += 1
            self.waiting.add(id_)
            answers = self.control.arrive(id_, source, self.now_ns)
            assert answers[0].id == id_
            for answer in answers:
                self.take(answer)

    def take(self, answer: Answer) -> None:
        if isinstance(answer, Admit):
            self.waiting.remove(answer.id)
            self.admitted.append((self.now_ns, answer.id))
        elif isinstance(answer, ComeBack):
            self.waiting.remove(answer.id)
            self.away.add(answer.id)
            assert self.budget.shortest_hint_s <= answer.retry_after_s <= self.budget.longest_hint_s

    @precondition(lambda self: self.arrived)
    @rule(data=st.data())
    def one_leaves(self, data: st.DataObject) -> None:
        id_ = str(data.draw(st.integers(min_value=0, max_value=self.arrived - 1)))
        assert self.control.leave(id_) == (id_ in self.waiting)
        if id_ in self.waiting:
            self.waiting.remove(id_)
            self.left.add(id_)

    @rule(passed_ms=st.integers(min_value=0, max_value=2000))
    def time_passes(self, passed_ms: int) -> None:
        self.now_ns += passed_ms * NS_PER_S // 1000

    @rule()
    def the_next_come_in(self) -> None:
        due_ns = self.control.next_release_ns()
        answers = self.control.release(self.now_ns)
        assert bool(answers) == (due_ns is not None and due_ns <= self.now_ns)
        for answer in answers:
            self.take(answer)

    @invariant()
    def everyone_is_in_or_away_or_gone_or_waiting(self) -> None:
        ids = {id_ for _, id_ in self.admitted}
        assert len(ids) == len(self.admitted)
        assert len(ids) + len(self.away) + len(self.left) + len(self.waiting) == self.arrived
        assert self.control.waiting == len(self.waiting) <= self.budget.queue_limit
        counts = self.control.counts
        assert (counts["admitted"], counts["sent_away"], counts["left"]) == (len(ids), len(self.away), len(self.left))

    @invariant()
    def the_rate_is_kept_in_every_window_up_to_now(self) -> None:
        times = [at_ns for at_ns, _ in self.admitted]
        for place, start_ns in enumerate(times):
            allowed = self.budget.burst + (self.now_ns - start_ns) * self.budget.rate_per_s / NS_PER_S
            assert len(times) - place <= allowed + 1e-6


TestStorm = Storm.TestCase
TestStorm.settings = settings(max_examples=60, stateful_step_count=40)


@given(st.lists(st.integers(min_value=0, max_value=3), min_size=1, max_size=40))
def test_in_any_order_of_arrival_the_sources_that_wait_are_served_evenly(arrivals):
    control = AdmissionControl(HandshakeBudget(rate_per_s=10, burst=1, queue_limit=100))
    now_ns = 10**18
    control.arrive("first", "x", now_ns)
    for number, source in enumerate(arrivals):
        control.arrive(f"{source} {number}", str(source), now_ns)
    left = Counter(map(str, arrivals))
    served: Counter[str] = Counter()
    while control.waiting:
        now_ns += NS_PER_S // 10
        (answer,) = control.release(now_ns)
        source = answer.id.split()[0]
        served[source] += 1
        left[source] -= 1
        still = [name for name in left if left[name]]
        assert max(served.values()) - min((served[name] for name in still), default=max(served.values())) <= 1


@given(st.lists(st.integers(min_value=0, max_value=4), max_size=60))
def test_a_full_line_ends_with_fair_shares_whatever_came_first(arrivals):
    control = AdmissionControl(HandshakeBudget(rate_per_s=10, burst=1, queue_limit=5))
    control.arrive("first", "x", 0)
    waiting: Counter[int] = Counter()
    for number, source in enumerate(arrivals):
        own, *displaced = control.arrive(f"{source} {number}", str(source), 0)
        waiting[source] += not isinstance(own, ComeBack)
        waiting.subtract(int(answer.id.split()[0]) for answer in displaced)
    for source in set(arrivals):
        assert waiting[source] >= min(arrivals.count(source), 5 // len(set(arrivals)))
