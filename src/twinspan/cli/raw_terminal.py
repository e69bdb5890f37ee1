"""A terminal that hands every key on.

In: standard input. Out: the terminal in raw mode for as long as a block lasts. Next: `cli.py`, `device_shell.py`.
"""

from __future__ import annotations

import contextlib
import sys
import termios
import tty
from collections.abc import Iterator


@contextlib.contextmanager
def raw_terminal() -> Iterator[None]:
    """Every key goes to the other end, Ctrl-C too; the terminal is as before when it ends. In a pipe: nothing."""
    if not sys.stdin.isatty():
        yield
        return
    before = termios.tcgetattr(sys.stdin.fileno())
    try:
        tty.setraw(sys.stdin.fileno())
        yield
    finally:
        termios.tcsetattr(sys.stdin.fileno(), termios.TCSADRAIN, before)
