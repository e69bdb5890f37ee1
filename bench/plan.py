"""`make bench-plan`: how long `twinspan plan` takes for 1, 100 and 1,000 sites.

Goal: linear, and 1,000 sites within 10 s. Exit code 1 if a goal is missed.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

SITE = Path(__file__).parent.parent / "examples" / "01-two-spans" / "site.yaml"
TWINSPAN = Path(sys.executable).with_name("twinspan")
GOAL_S = 10.0
LINEAR = 1.5
"""Time per site at 1,000 may be so many times that at 100: room for noise, none for a square."""


def measure(count: int, folder: Path) -> float:
    """Seconds for `count` site files, the best of three."""
    files = []
    for number in range(count):
        file = folder / f"site-{number}.yaml"
        file.write_text(
            SITE.read_text(encoding="utf-8").replace("site: two-spans", f"site: s-{number}"), encoding="utf-8"
        )
        files.append(str(file))
    times = []
    for _ in range(3):
        begun = time.perf_counter()
        subprocess.run([TWINSPAN, "plan", "--quiet", *files], check=True, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - begun)
    return min(times)


def main() -> int:
    """Entry."""
    with tempfile.TemporaryDirectory() as folder:
        one, hundred, thousand = (measure(n, Path(folder)) for n in (1, 100, 1000))
    print("| sites | seconds | ms per site beyond the first |\n|---|---|---|")
    per_hundred, per_thousand = (hundred - one) / 99, (thousand - one) / 999
    for count, seconds, each in ((1, one, None), (100, hundred, per_hundred), (1000, thousand, per_thousand)):
        print(f"| {count} | {seconds:.2f} | {'-' if each is None else f'{each * 1000:.1f}'} |")
    linear, quick = per_thousand <= LINEAR * per_hundred, thousand <= GOAL_S
    print(f"linear: {'met' if linear else 'MISSED'}; 1,000 sites within {GOAL_S:.0f} s: {'met' if quick else 'MISSED'}")
    return 0 if linear and quick else 1


if __name__ == "__main__":
    sys.exit(main())
