"""`make soak-bfd`: BFD at 20 ms x 3 for ten minutes under two busy loops per core and a fork storm.

Goal: no false switch. Prints the switches seen and the machine's jitter; exit code 1 if there was one.
The last result stays in bench/results.
"""

from __future__ import annotations

import argparse
import datetime
import os
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from failover import Timers, bring_up

from twinspan.lab.clock import wait_until
from twinspan.lab.down import take_down
from twinspan.lab.jitter import JitterMeter

NAME = "soak"


def burden() -> list[subprocess.Popen[bytes]]:
    """Two busy loops per core, and one shell that forks all the time."""
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2 * (os.cpu_count() or 1))]
    return [*loops, subprocess.Popen(["/bin/sh", "-c", "while :; do /bin/true; done"])]


def main() -> int:
    """Entry."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--interval-ms", type=int, default=20)
    options = parser.parse_args()
    lab, _ = bring_up(Timers(bfd_ms=options.interval_ms), NAME)
    processes: list[subprocess.Popen[bytes]] = []
    try:
        begun_ns = time.time_ns()
        processes = burden()
        with JitterMeter() as meter:
            wait_until(lambda: False, options.minutes * 60)
    finally:
        for process in processes:
            process.kill()
            process.wait()
        with lab.client(deadline_s=10) as client:
            events = client.events(begun_ns)
        take_down(NAME)
    downs = [e for e in events if e.source == "bfd" and "down" in e.what.lower()]
    switches = [e for e in events if e.source == "failover" and "carries" in e.what]
    jitter = meter.result()
    text = (
        f"BFD {options.interval_ms} ms x 3, {options.minutes:g} min under load: "
        f"{len(downs)} BFD downs, {len(switches)} switches; "
        f"jitter median {jitter.median_us if jitter else 0:.0f} us, max {jitter.max_us if jitter else 0:.0f} us "
        f"({datetime.datetime.now(tz=datetime.UTC).date().isoformat()})"
    )
    print(text)
    for event in (*downs, *switches):
        print(f"  {event.node} {event.source} {event.what} {event.detail}")
    folder = Path(__file__).parent / "results"
    folder.mkdir(exist_ok=True)
    (folder / f"soak-bfd-{options.interval_ms}.txt").write_text(text + "\n", encoding="utf-8")
    return 1 if switches else 0


if __name__ == "__main__":
    sys.exit(main())
