"""The rows of `make bench-hub`: each starts what it needs, measures, and gives results with their goals.

In: a `Stage` (folder, state, programs). Out: `Result`s. Rates are per second of the server's own CPU time, since other
work on the machine takes its core away from it at times; the rate by the clock stands beside. Where sides are compared,
their rounds take turns, and the ratio is the median of those of each turn, since the machine is not equally fast all
the time. The figures in detail are of each side's best round. Next: `hub.py`.
"""

from __future__ import annotations

import contextlib
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
from hub_processes import Load, Outcome, Server, node_has_ws, ours, peer_go, peer_node
from hub_server import ECHOES

CONNECTIONS = 1000
SERVICES = ("config", "telemetry", "log")


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the table."""

    work: str
    measured: str
    value: float | None
    """What is compared with the goal; None: it did not run."""
    goal: float | None
    """None: printed without a goal."""
    at_most: bool = False
    unit: str = ""

    @property
    def met(self) -> bool:
        """Whether the goal holds; what did not run is not met."""
        if self.goal is None:
            return True
        if self.value is None:
            return False
        return self.value <= self.goal if self.at_most else self.value >= self.goal

    def line(self) -> str:
        """As Markdown."""
        goal = "-" if self.goal is None else f"{'≤' if self.at_most else '≥'} {self.goal:g}{self.unit}"
        value = "not run" if self.value is None else f"{self.value:.{_places(self.value)}f}{self.unit}"
        verdict = "-" if self.goal is None else "met" if self.met else "MISSED"
        return f"| {self.work} | {value} | {goal} | {verdict} | {self.measured} |"


class Stage(msgspec.Struct, frozen=True, kw_only=True):
    """What the rows stand on."""

    state: Path
    load: Path
    go: Path | None
    rounds: int
    scale: float
    """Of all counts and times; 1 for the figures that count."""

    def count(self, number: int) -> int:
        """A number of devices or connections."""
        return max(50, int(number * self.scale))

    @property
    def pem(self) -> Path:
        """Our leaf: the peers show it too."""
        return self.state / "server.pem"


def _places(value: float) -> int:
    return 2 if value < 10 else 1 if value < 100 else 0


def _peers(stage: Stage, tls: bool, *, go: bool) -> Iterator[Server]:
    pem = stage.pem if tls else None
    if node_has_ws():
        yield peer_node(21450, pem)
    if go and stage.go is not None:
        yield peer_go(stage.go, 21451, pem)


def _best(outcomes: list[Outcome]) -> Outcome:
    return max(outcomes, key=lambda outcome: outcome.core_rate)


def _said(name: str, best: Outcome) -> str:
    busy = best.load_cpu_s / best.seconds if best.seconds else 0
    return f"{name} {best.core_rate:,.0f}/s per core ({best.rate:,.0f}/s by the clock, load core {busy:.0%})"


def _turns(one: list[Outcome], other: list[Outcome]) -> float:
    """How many times the rate of the other, in the median of the turns."""
    return statistics.median(us.core_rate / them.core_rate for us, them in zip(one, other, strict=True))


def _ratio(work: str, found: dict[str, list[Outcome]], peer: str, goal: float) -> Result:
    if peer not in found:
        return Result(work=f"{work}, Twinspan : {peer}", measured=f"{peer} is missing here", value=None, goal=goal)
    us, them = found["Twinspan"], found[peer]
    said = f"{_said('Twinspan', _best(us))}; {_said(peer, _best(them))}"
    return Result(work=f"{work}, Twinspan : {peer}", measured=said, value=_turns(us, them), goal=goal)


def rpc(stage: Stage, *, tls: bool) -> Iterator[Result]:
    """Row 1: typed JSON requests on 1,000 connections."""
    found: dict[str, list[Outcome]] = {}
    with contextlib.ExitStack() as stack:
        loads = []
        ours_ = stack.enter_context(ours(stage.state, 21443, tls=tls))
        for server in (ours_, *(stack.enter_context(peer) for peer in _peers(stage, tls, go=True))):
            load = stack.enter_context(Load(stage.load, server))
            if server is ours_:
                load.must("login", count=CONNECTIONS, services=ECHOES[:1])
                load.must("ask", count=CONNECTIONS, services=ECHOES[:1])
                load.must("subconnect", count=CONNECTIONS)
            else:
                load.must("connect", count=CONNECTIONS, path="/")
            load.must("rpc", seconds=0.5)
            loads.append(load)
        for _ in range(stage.rounds):
            for load in loads:
                found.setdefault(load.server.name, []).append(load.must("rpc", seconds=2.5 * min(1.0, stage.scale * 2)))
    where = "RPC over TLS" if tls else "RPC"
    yield _ratio(where, found, "Node", 1.2 if tls else 2.0)
    yield msgspec.structs.replace(_ratio(where, found, "Go", 1.0), goal=None if tls else 1.0)


def upgrades(stage: Stage, *, tls: bool) -> Iterator[Result]:
    """Row 2: a storm of upgrades. Ours checks a ticket for each, the peer takes whoever comes."""
    devices, each = stage.count(500 if tls else 1000), 8
    found: dict[str, list[Outcome]] = {}
    with contextlib.ExitStack() as stack:
        ours_ = stack.enter_context(ours(stage.state, 21443, tls=tls))
        servers = [ours_, *(stack.enter_context(peer) for peer in _peers(stage, tls, go=True))]
        loads = [stack.enter_context(Load(stage.load, server)) for server in servers]
        for _ in range(stage.rounds):
            for load in loads:
                if load.server is ours_:
                    load.must("login", count=devices)
                    load.must("ask", count=devices, services=ECHOES[:each])
                    load.server.settle()
                    storm = load.must("subconnect", count=devices)
                else:
                    storm = load.must("connect", count=devices * each, path="/")
                load.drop()
                found.setdefault(load.server.name, []).append(storm)
    where = "upgrade storm over TLS" if tls else "upgrade storm"
    yield _ratio(where, found, "Node", 1.1 if tls else 1.3)
    yield msgspec.structs.replace(_ratio(where, found, "Go", 1.0), goal=None)


def logins(stage: Stage, *, tls: bool) -> Iterator[Result]:
    """Rows 3 and 4: cold and resumed logins, and bare TLS handshakes beside them."""
    count = stage.count(3000 if tls else 5000)
    cold, resumed, bare = [], [], []
    with ours(stage.state, 21443, tls=tls) as server, Load(stage.load, server) as load:
        load.must("login", count=200)
        load.drop()
        for _ in range(stage.rounds):
            if tls:
                bare.append(load.must("handshake", count=count))
                load.drop()
            cold.append(load.must("login", count=count, services=SERVICES))
            load.drop()
            resumed.append(load.must("login", count=count, services=SERVICES, resume=True))
            load.drop()
    best, again = _best(cold), _best(resumed)
    if tls:
        shake = _best(bare)
        yield Result(
            work="cold login over TLS : bare TLS handshake",
            measured=f"{_said('login', best)}; {_said('handshake', shake)}",
            value=_turns(cold, bare),
            goal=0.8,
        )
    else:
        rates = sorted(outcome.core_rate for outcome in cold)
        yield Result(
            work="cold login, plain",
            measured=f"median of {len(rates)}, worst {rates[0]:,.0f}/s; best: {_said('login', best)}",
            value=statistics.median(rates),
            goal=3500,
            unit=" devices/s",
        )
    yield Result(
        work=f"resumed login, server CPU saved{'' if tls else ', plain'}",
        measured=f"{again.cpu_us:.0f} µs instead of {best.cpu_us:.0f} µs; {_said('resumed', again)}",
        value=(1 - 1 / _turns(resumed, cold)) * 100,
        goal=20 if tls else None,
        unit=" %",
    )


def at_once(stage: Stage) -> Iterator[Result]:
    """Row 4: 10,000 resumed logins at one moment, with the product's own budget of logins."""
    count = stage.count(10_000)
    with ours(stage.state, 21443, "--gate") as server, Load(stage.load, server) as load:
        load.must("login", count=count, patience_s=120.0)
        load.drop()
        outcome = load.run("login", count=count, inflight=count, resume=True, patience_s=120.0)
    yield Result(
        work=f"{count:,} resumed logins at once, given up",
        measured=(
            f"all in after {outcome.seconds:.1f} s, median {outcome.p50_ms / 1000:.1f} s, "
            f"{outcome.attempts} attempts; {outcome.error}"
        ),
        value=float(outcome.failed),
        goal=0,
        at_most=True,
    )


def memory(stage: Stage, *, tls: bool) -> Iterator[Result]:
    """Row 5: what an idle device with three sub-connections takes, and what is left after all of them came again."""
    count = stage.count(1000)
    sizes: list[float] = []
    with ours(stage.state, 21443, tls=tls) as server, Load(stage.load, server) as load:
        load.must("login", count=50)
        load.drop()
        before = server.pss_kib()
        for wave in range(4):
            load.must("login", count=count, services=SERVICES, resume=wave > 0)
            load.must("ask", count=count, services=SERVICES)
            load.must("subconnect", count=count)
            server.settle()
            sizes.append((server.pss_kib() - before) / count)
            load.drop()
            _shrunk(server)
    where = "TLS" if tls else "plain"
    yield Result(
        work=f"memory per idle device with three sub-connections, {where}",
        measured=f"PSS over {count:,} devices, the largest of {len(sizes)} waves",
        value=max(sizes),
        goal=150 if tls else 60,
        at_most=True,
        unit=" KiB",
    )
    yield Result(
        work=f"growth of that with each wave, {where}",
        measured=f"wave after wave: {', '.join(f'{size:.0f}' for size in sizes)} KiB",
        value=(sizes[-1] - sizes[0]) / (len(sizes) - 1),
        goal=3,
        at_most=True,
        unit=" KiB",
    )


def _shrunk(server: Server) -> None:
    """Until the server has given back what the connections have left, which it does from time to time."""
    begun, size = time.monotonic(), server.pss_kib()
    while time.monotonic() < begun + 12 and server.pss_kib() > size * 0.8:
        time.sleep(0.5)


def many(stage: Stage, *, tls: bool, workers: int = 5) -> Iterator[Result]:
    """Row 6: 20,000 idle devices, 80,000 sockets, several workers; then 50,000 requests a second over them."""
    each, both = stage.count(4000), {0, 1}
    seconds = 20 * min(1.0, stage.scale * 2)
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(ours(stage.state, 21460, "--workers", str(workers), tls=tls, cores=both))
        loads = [stack.enter_context(Load(stage.load, server, both)) for _ in range(workers)]
        names = (*SERVICES[:2], ECHOES[0])
        begun = time.monotonic()
        for do, fields in (
            ("login", {"services": names, "patience_s": 60.0}),
            ("ask", {"services": names}),
            ("subconnect", {}),
        ):
            _together(loads, do, lambda n: {"first": n * each, "count": each, "inflight": 64, **fields})  # noqa: B023
        took = time.monotonic() - begun
        server.settle()
        pss = server.pss_kib()
        silent = _share(server, lambda: time.sleep(seconds / 2))
        idle = _share(server, lambda: _together(loads, "idle", lambda _: {"seconds": seconds, "ping_s": 60.0}))
        less, calls = (_open_loop(loads, rate, seconds / 2) for rate in (10_000, 50_000))
    devices = each * workers
    tenths, slower = _added(calls), _added(less)
    done, lost = sum(call.ok for call in calls), sum(call.failed for call in calls)
    where = f"{devices:,} devices, {devices * 4:,} sockets, {'TLS' if tls else 'plain'}, {workers} workers"
    yield Result(
        work=f"idle CPU of {where}",
        measured=(
            f"each pings on all its sockets every 60 s; {silent:.1f} % while none does; "
            f"up in {took:.0f} s; {pss / devices:.0f} KiB PSS a device"
        ),
        value=idle,
        goal=3,
        at_most=True,
        unit=" % of a core",
    )
    yield Result(
        work=f"p99 of RPC over them at 50,000/s, open loop, {'TLS' if tls else 'plain'}",
        measured=(
            f"p50 {_quantile(tenths, 0.5):.1f} ms; {done:,} done, {lost:,} lost; load on the same two cores; "
            f"at 10,000/s p99 {_quantile(slower, 0.99):.1f} ms, {sum(call.failed for call in less):,} lost"
        ),
        value=_quantile(tenths, 0.99) if not lost else float("inf"),  # who got no reply waits for ever
        goal=20,
        at_most=True,
        unit=" ms",
    )


def _open_loop(loads: list[Load], rate: int, seconds: float) -> list[Outcome]:
    """So many requests a second from all generators together, whatever the replies do."""
    fields = {"seconds": seconds, "rate": rate / len(loads), "over": ECHOES[0]}
    return _together(loads, "rpc", lambda _: fields, strict=False)


def _share(server: Server, work: Callable[[], object]) -> float:
    """Percent of a core that the server takes while `work` is done."""
    begun, used = time.monotonic(), server.cpu_s()
    work()
    return (server.cpu_s() - used) / (time.monotonic() - begun) * 100


def _added(calls: list[Outcome]) -> dict[int, int]:
    """The histograms of several generators as one."""
    tenths: dict[int, int] = {}
    for call in calls:
        for place, number in call.tenths.items():
            tenths[place] = tenths.get(place, 0) + number
    return tenths


def _together(
    loads: list[Load], do: str, fields: Callable[[int], dict[str, object]], *, strict: bool = True
) -> list[Outcome]:
    for number, load in enumerate(loads):
        load.begin(do, **fields(number))
    outcomes = [load.end() for load in loads]
    for outcome in outcomes:
        if strict and outcome.failed:
            raise RuntimeError(f"{do}: {outcome.failed} failed: {outcome.error}")
    return outcomes


def _quantile(tenths: dict[int, int], share: float) -> float:
    """Milliseconds below which that share lies."""
    left = sum(tenths.values()) * share
    for place in sorted(tenths):
        left -= tenths[place]
        if left <= 0:
            return (place + 1) / 10
    return float("inf")
