"""SIGTERM and SIGHUP end a command as Ctrl-C does, so that what it began is healed and taken down too.

In: nothing. Out: a context in which both raise KeyboardInterrupt. Next: `lab.py`, `drill.py`, `demo.py`.
"""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator

ENDINGS = (signal.SIGTERM, signal.SIGHUP)
"""`kill`, and a terminal or ssh session that closes."""


@contextlib.contextmanager
def endings_interrupt() -> Iterator[None]:
    """A signal that was ignored before (nohup) stays ignored."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    old = {number: signal.getsignal(number) for number in ENDINGS}
    caught = [number for number in ENDINGS if old[number] != signal.SIG_IGN]
    for number in caught:
        signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number in caught:
            signal.signal(number, old[number])
