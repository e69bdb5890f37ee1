"""What test runs that were ended may leave behind: nothing, or namespaces that the next run removes.

A run that is told to end (SIGTERM, SIGHUP) ends as by Ctrl-C, so that its fixtures clean up. One that is killed cannot;
its namespaces bear its process id, so the next run knows them and removes those that no process is in.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess

_OURS = re.compile(r"(?:tc|tst)-(?P<pid>\d+)-[\w-]+")
"""As `network.Network`, `conftest.Bench` and `test_paths` name them."""


def end_in_good_order() -> None:
    """From now on."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)


def remove_leftovers() -> list[str]:
    """The namespaces of ended runs that were removed."""
    listed = subprocess.run(["ip", "netns", "list"], check=False, capture_output=True, text=True).stdout
    names = [line.split()[0] for line in listed.splitlines() if line.strip()]
    found = [name for name in names if (match := _OURS.fullmatch(name)) and _is_left(name, int(match["pid"]))]
    for name in found:
        subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)
    return found


def _is_left(namespace: str, run: int) -> bool:
    try:
        os.kill(run, 0)
    except ProcessLookupError:
        inside = subprocess.run(["ip", "netns", "pids", namespace], check=False, capture_output=True, text=True)
        return inside.returncode == 0 and not inside.stdout.strip()
    except PermissionError:
        return False
    return False
