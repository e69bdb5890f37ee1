"""`make bench-failover`: how long users are cut off, fault by fault, against the goals.

Each row brings a lab up with the timers it names, drills the fault n times, and prints median and maximum of the
worse direction (UDP at 1 kHz). The machine's own scheduling jitter is measured in the same run. Exit code 1 if a goal
is missed.
"""

from __future__ import annotations

import argparse
import datetime
import itertools
import statistics
import subprocess
import sys
import time
from pathlib import Path

import msgspec

from twinspan.cli.site import load_site
from twinspan.engine.compile import compile_site
from twinspan.engine.compile.keys import keys_from, wanted_keys
from twinspan.engine.drill_verdict import headline_results
from twinspan.lab import up as lab_up
from twinspan.lab.clock import wait_until
from twinspan.lab.down import take_down
from twinspan.lab.drill import Drill, DrillOptions
from twinspan.lab.injection import Injection
from twinspan.lab.jitter import JitterMeter
from twinspan.lab.lab import Lab
from twinspan.lab.load import Load
from twinspan.lab.paths import PathWatcher
from twinspan.lab.state import FaultOptions
from twinspan.model.drill import DrillReport
from twinspan.model.secret import Secret
from twinspan.model.site import Site

HERE = Path(__file__).parent
UP = b"up\n"
SITE = HERE.parent / "examples" / "01-two-spans" / "site.yaml"


class Timers(msgspec.Struct, frozen=True, kw_only=True):
    """What a row changes in the site."""

    bfd_ms: int | None = 50
    multiplier: int = 3
    probe_ms: int = 200
    probe_lost: int = 10
    health_packets: int | None = None

    def site(self) -> Site:
        """The first example with these timers, and a hold-down that does not make the bench wait."""
        site = load_site(SITE)
        replace = msgspec.structs.replace
        vbrs = {
            n: replace(
                v,
                min_tx_interval_ms=self.bfd_ms or 300,
                min_rx_interval_ms=self.bfd_ms or 300,
                detect_multiplier=self.multiplier,
            )
            for n, v in site.virtual_border_routers.items()
        }
        peers = {n: replace(p, enable_bfd=self.bfd_ms is not None) for n, p in site.bgp_peers.items()}
        groups = site.bgp_groups
        if self.bfd_ms is None:
            groups = {n: replace(g, hold_time_s=180, keepalive_interval_s=60) for n, g in groups.items()}
        checks = {
            n: replace(c, probe_packets=self.health_packets or c.probe_packets) for n, c in site.health_checks.items()
        }
        failover = replace(
            site.failover,
            probe=replace(site.failover.probe, interval_ms=self.probe_ms, lost_threshold=self.probe_lost),
            failback=replace(site.failover.failback, hold_down_s=0.5, max_hold_down_s=0.5),
        )
        return replace(
            site,
            virtual_border_routers=vbrs,
            bgp_peers=peers,
            bgp_groups=groups,
            health_checks=checks,
            failover=failover,
        )


class Row(msgspec.Struct, frozen=True, kw_only=True):
    fault: str
    label: str
    median_ms: float
    """Goal for the median of the worse direction."""
    max_ms: float | None
    timers: Timers
    direction: str = "to-cloud"


def bfd_rows(interval_ms: int) -> list[Row]:
    """silent and one-way in both directions."""
    timers, bound = Timers(bfd_ms=interval_ms), float(interval_ms * 3)
    return [
        Row(fault="silent", label=f"silent, BFD {interval_ms} x 3", median_ms=bound, max_ms=bound + 50, timers=timers),
        *(
            Row(
                fault="one-way",
                label=f"one-way {d}, BFD {interval_ms} x 3",
                median_ms=bound,
                max_ms=bound + 50,
                timers=timers,
                direction=d,
            )
            for d in ("to-cloud", "to-site")
        ),
    ]


def rows() -> list[Row]:
    """Every row of the table, rows with equal timers together."""
    fifty = Timers(bfd_ms=50)
    return [
        *bfd_rows(50),
        Row(fault="cable", label="cable", median_ms=10, max_ms=None, timers=fifty),
        Row(fault="port-shutdown", label="port-shutdown, BFD 50 x 3", median_ms=150, max_ms=200, timers=fifty),
        *bfd_rows(200),
        *bfd_rows(300),
        Row(fault="silent", label="silent, BFD 20 x 3", median_ms=80, max_ms=None, timers=Timers(bfd_ms=20)),
        Row(
            fault="dead-transit",
            label="dead-transit, probe 500 x 3",
            median_ms=3000,
            max_ms=3000,
            timers=Timers(probe_ms=500, probe_lost=3),
        ),
        Row(
            fault="dead-transit",
            label="dead-transit, probe 100 x 3",
            median_ms=500,
            max_ms=500,
            timers=Timers(probe_ms=100, probe_lost=3),
        ),
    ]


class Result(msgspec.Struct, frozen=True, kw_only=True):
    label: str
    n: int
    outage_ms: tuple[float, ...]
    failback_lost: tuple[int, ...] = ()
    goal_median_ms: float | None
    """None: printed without a goal."""
    goal_max_ms: float | None
    failed: tuple[str, ...] = ()

    @property
    def met(self) -> bool:
        """Whether both goals hold."""
        worst = self.goal_max_ms is None or max(self.outage_ms) <= self.goal_max_ms
        median = self.goal_median_ms is None or statistics.median(self.outage_ms) <= self.goal_median_ms
        return not self.failed and median and worst

    def line(self) -> str:
        """One row of the table."""
        median, worst = statistics.median(self.outage_ms), max(self.outage_ms)
        goal = " / ".join("-" if g is None else f"{g:.0f}" for g in (self.goal_median_ms, self.goal_max_ms))
        back = f"{statistics.median(self.failback_lost):.0f} / {max(self.failback_lost)}" if self.failback_lost else "-"
        verdict = "met" if self.met else "MISSED"
        return f"| {self.label} | {self.n} | {median:.0f} | {worst:.0f} | {goal} | {back} | {verdict} |"


def bring_up(timers: Timers, name: str) -> tuple[Lab, float]:
    """A lab with these timers, and how long it took."""
    site = timers.site()
    keys = keys_from({k: Secret("bench-key-that-nobody-uses-elsewhere") for k in wanted_keys(site)})
    begun = time.monotonic()
    lab = lab_up.bring_up(compile_site(site, keys), name)
    return lab, time.monotonic() - begun


def drill_row(lab: Lab, row: Row, n: int) -> Result:
    """n drills of one row."""
    outages: list[float] = []
    lost: list[int] = []
    failed: list[str] = []
    options = DrillOptions(
        fault=FaultOptions(direction="to-site" if row.direction == "to-site" else "to-cloud"), lead_s=0.3, settle_s=0.3
    )
    for _ in range(n):
        report = Drill(lab, row.fault, options).run()
        outages.append(worse(report))
        lost.append(max((r.lost for r in headline_results(report, "failback")), default=0))
        failed += report.reasons
    return Result(
        label=row.label,
        n=n,
        outage_ms=tuple(outages),
        failback_lost=tuple(lost),
        goal_median_ms=row.median_ms,
        goal_max_ms=row.max_ms,
        failed=tuple(failed),
    )


def worse(report: DrillReport) -> float:
    """Outage of the worse direction, in ms."""
    return max((r.outage_ms for r in headline_results(report, "failover")), default=float("inf"))


def health_check_rows(n: int, packets: int, name: str) -> list[Result]:
    """The VBR health check alone: no BFD, a long hold time, the gateway's own probes too slow to act."""
    lab, _ = bring_up(Timers(bfd_ms=None, probe_ms=500, probe_lost=100, health_packets=packets), name)
    sys.stdout.buffer.write(UP)
    sys.stdout.flush()
    interval_ms = 2000.0
    to_site, to_cloud = [], []
    try:
        for _ in range(n):
            inward, outward = health_check_trial(lab, packets)
            to_site.append(inward)
            to_cloud.append(outward)
    finally:
        take_down(name)
    goal = interval_ms * (packets + 1)
    return [
        Result(
            label=f"health check 2 s x {packets} alone, cloud to site",
            n=n,
            outage_ms=tuple(to_site),
            goal_median_ms=goal,
            goal_max_ms=goal,
        ),
        Result(
            label="the same, site to cloud (it cannot move it)",
            n=n,
            outage_ms=tuple(to_cloud),
            goal_median_ms=None,
            goal_max_ms=None,
        ),
    ]


def health_check_trial(lab: Lab, packets: int) -> tuple[float, float]:
    """Drop the gateway's circuit for as long as the check needs; ms without traffic in each direction."""
    deployment = lab.deployment
    watcher = PathWatcher(lab)
    load = Load.start(
        lab.netns("pc"),
        deployment.site_endpoint.address,
        lab.netns("office-host"),
        deployment.cloud_endpoint.address,
        duration_limit_s=120,
    )
    watcher.start()
    injection = Injection(lab, "silent", FaultOptions(expires_s=90))
    wait_until(lambda: False, 0.3)
    fired = injection.fire()
    wait_until(lambda: watcher.current().get("cloud_to_site") == "vpn", 2.0 * (packets + 3))
    wait_until(lambda: False, 0.3)
    injection.heal()
    wait_until(lambda: watcher.current().get("cloud_to_site") == "circuit", 30)
    wait_until(lambda: False, 0.3)
    logs, _ = load.stop(), watcher.stop()
    longest = {}
    for log in logs:
        if log.protocol == "udp":
            times = sorted(at for _, at in log.received)
            gaps = [b - a for a, b in itertools.pairwise(times) if b > fired.before_ns]
            longest[log.direction] = max(gaps, default=0) / 1e6
    return longest["cloud_to_site"], longest["site_to_cloud"]


def alarm_row(lab: Lab) -> Result:
    """A dead standby, from its fault to the gateway's alarm."""
    found = []
    for _ in range(3):
        injection = Injection(lab, "vpn-blackhole", FaultOptions(expires_s=30))
        fired = injection.fire()
        since = 0.0

        def raised(at: int = fired.before_ns) -> bool:
            nonlocal since
            with lab.agent("gateway") as agent:
                alarms = [a for a in agent.report().alarms if a.name == "standby_dead"]
            since = (alarms[0].since_ns - at) / 1e6 if alarms else 0.0
            return bool(alarms)

        wait_until(raised, 15)
        found.append(since or float("inf"))
        injection.heal()
        wait_until(lambda: not raised(), 20)
    return Result(label="dead standby to alarm", n=3, outage_ms=tuple(found), goal_median_ms=10_000, goal_max_ms=10_000)


def failback_row(results: list[Result]) -> Result:
    """Packets lost on the way back, over all circuit faults; its figures are packets, not milliseconds."""
    lost = [float(count) for result in results for count in result.failback_lost]
    return Result(
        label="failback of all circuit faults, packets lost",
        n=len(lost),
        outage_ms=tuple(lost),
        goal_median_ms=0,
        goal_max_ms=5,
    )


def run(n: int, name: str) -> tuple[list[Result], list[float]]:
    """All rows, one lab for each set of timers."""
    results: list[Result] = []
    rises: list[float] = []
    slow = [
        subprocess.Popen([sys.executable, __file__, "--health-check", str(p), "--n", str(n)], stdout=subprocess.PIPE)
        for p in (3, 8)
    ]
    for child in slow:
        # A lab that comes up keeps both cores busy: nothing is measured beside it.
        assert child.stdout is not None
        child.stdout.readline()
    current: Timers | None = None
    lab: Lab | None = None
    try:
        for row in rows():
            if row.timers != current or lab is None:
                if lab is not None:
                    take_down(name)
                lab, rise = bring_up(row.timers, name)
                rises.append(rise)
                current = row.timers
            results.append(drill_row(lab, row, n))
            print(results[-1].line(), flush=True)
        if lab is not None:
            results += [failback_row(results), alarm_row(lab)]
            print(results[-2].line() + "\n" + results[-1].line(), flush=True)
    finally:
        take_down(name)
    for child in slow:
        out, _ = child.communicate()
        for result in msgspec.json.decode(out, type=list[Result]):
            results.append(result)
            print(result.line(), flush=True)
    return results, rises


def main() -> int:
    """Entry."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=5, help="trials per row")
    parser.add_argument("--name", default="bench", help="name of the lab")
    parser.add_argument("--health-check", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.health_check:
        found = health_check_rows(options.n, options.health_check, f"bench-hc{options.health_check}")
        sys.stdout.buffer.write(msgspec.json.encode(found))
        return 0
    begun = time.monotonic()
    head = "| fault | n | median ms | max ms | goal median / max | lost on failback median / max | goal |"
    print(head + "\n|---|---|---|---|---|---|---|", flush=True)
    with JitterMeter() as meter:
        results, rises = run(options.n, options.name)
    rise = Result(
        label="lab up to established and proven",
        n=len(rises),
        outage_ms=tuple(r * 1000 for r in rises),
        goal_median_ms=8000,
        goal_max_ms=None,
    )
    print(rise.line())
    jitter = meter.result()
    note = (
        f"scheduling jitter in the same run: median {jitter.median_us:.0f} us, max {jitter.max_us / 1000:.1f} ms"
        if jitter
        else "scheduling jitter not measured"
    )
    note += f"; {time.monotonic() - begun:.0f} s in all"
    print(note)
    folder = HERE / "results"
    folder.mkdir(exist_ok=True)
    stamp = datetime.datetime.now(tz=datetime.UTC).date().isoformat()
    lines = [
        head,
        "|---|---|---|---|---|---|---|",
        *(r.line() for r in (*results, rise)),
        "",
        note,
        f"measured {stamp}",
    ]
    (folder / "failover.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return 0 if all(r.met for r in (*results, rise)) else 1


if __name__ == "__main__":
    sys.exit(main())
