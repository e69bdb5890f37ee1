"""`make soak-hub`: is the hub's memory flat while devices come and go, and do those that stay keep their sockets?

In: how long, in seconds. Out: a line for each minute on stdout, and bench/results/soak-hub.md. 200 devices stay; 500
others come in waves, cold and with resume tickets in turn, open three sub-connections each, call, and are cut off
without a word. After each wave the memory is measured once what it left has been given back. Exit code 1 if the memory
grew or a device that stayed was lost, 2 if the soak could not run.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

import msgspec
from hub_processes import Load, Server, build, ours
from hub_rows import SERVICES
from hub_server import ECHOES, prepare

STAYING, CHURNING = 200, 500
PORT = 21480
WAVE_S = 20.0
"""From one wave to the next: time for the server to give back memory, which it does every 10 s."""
GROWTH = 0.03
"""Of the memory from the second quarter to the last; the first one fills caches and the allocator's pools."""
LEEWAY_KIB = 2048
"""Where 3 % is less: what one collection more or less leaves."""
SHORTEST_WAVES = 8


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """After one wave."""

    at_s: float
    pss_kib: int
    descriptors: int


def descriptors(server: Server) -> int:
    """Open ones of all its processes."""
    total = 0
    for pid in server.pids():
        with contextlib.suppress(OSError):
            total += sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())
    return total


def bring(load: Load, first: int, count: int, *, resume: bool) -> None:
    """Devices with three sub-connections each; one of them echoes."""
    names = (*SERVICES[:2], ECHOES[0])
    load.must("login", first=first, count=count, services=names, resume=resume, inflight=64, patience_s=60.0)
    load.must("ask", first=first, count=count, services=names)
    load.must("subconnect", first=first, count=count, inflight=64)


def wave(staying: Load, churning: Load, number: int) -> None:
    """One coming and going, while the others ping."""
    began = time.monotonic()
    staying.begin("idle", seconds=WAVE_S, ping_s=WAVE_S / 2)
    bring(churning, STAYING, CHURNING, resume=number % 2 == 1)
    churning.must("rpc", seconds=2.0, rate=500.0, over=ECHOES[0])
    churning.run("drop")
    outcome = staying.end()
    if outcome.failed:
        raise RuntimeError(f"a device that stayed was lost in wave {number}: {outcome.error}")
    time.sleep(max(0.0, began + WAVE_S - time.monotonic()))


def verdict(samples: list[Sample]) -> tuple[bool, str]:
    """Whether it is flat, and how that was seen."""
    quarter = len(samples) // 4
    early, late = samples[quarter : 2 * quarter], samples[-quarter:]
    before, after = (statistics.median(sample.pss_kib for sample in part) for part in (early, late))
    files = tuple(statistics.median(sample.descriptors for sample in part) for part in (early, late))
    flat = after <= before + max(before * GROWTH, LEEWAY_KIB) and files[1] <= files[0]
    text = (
        f"{len(samples)} waves of {CHURNING} devices in {samples[-1].at_s / 60:.0f} min, {STAYING} devices stayed: "
        f"PSS {before / 1024:.1f} MiB in the second quarter, {after / 1024:.1f} MiB in the last; "
        f"descriptors {files[0]:.0f}, then {files[1]:.0f}: {'flat' if flat else 'NOT FLAT'}"
    )
    return flat, text


def soak(folder: Path, duration_s: float) -> list[Sample]:
    """All waves."""
    binary, _ = build(folder)
    prepare(folder / "state", STAYING + CHURNING)
    samples: list[Sample] = []
    with (
        ours(folder / "state", PORT, "--gate") as server,
        Load(binary, server) as staying,
        Load(binary, server) as churning,
    ):
        bring(staying, 0, STAYING, resume=False)
        begun = said = time.monotonic()
        while time.monotonic() < begun + duration_s or len(samples) < SHORTEST_WAVES:
            wave(staying, churning, len(samples))
            now = time.monotonic()
            samples.append(Sample(at_s=now - begun, pss_kib=server.pss_kib(), descriptors=descriptors(server)))
            if now - said >= 60:
                said = now
                last = samples[-1]
                print(f"{last.at_s:6.0f} s  PSS {last.pss_kib / 1024:.1f} MiB  {last.descriptors} files", flush=True)
    return samples


def main() -> int:
    """Entry."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3600.0)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="twinspan-soak-"))
    try:
        samples = soak(folder, options.seconds)
    except (RuntimeError, OSError) as error:
        print(f"soak-hub: {error}", file=sys.stderr)
        return 2
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    flat, text = verdict(samples)
    stamp = datetime.datetime.now(tz=datetime.UTC).date().isoformat()
    print(text)
    if options.seconds >= 3600:
        lines = ["# The hub under churn", "", f"By `make soak-hub`, {stamp}: {text}.", ""]
        lines += ["| minute | PSS, MiB | files |", "|---|---|---|"]
        lines += [f"| {s.at_s / 60:.0f} | {s.pss_kib / 1024:.1f} | {s.descriptors} |" for s in samples[::9]]
        (Path(__file__).parent / "results" / "soak-hub.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return 0 if flat else 1


if __name__ == "__main__":
    sys.exit(main())
