"""`twinspan server run`: one worker in this process, or several under this one.

In: options. Out: nothing until SIGTERM. A worker that dies is started again; its devices come back by themselves, with
their resume tickets. A worker ends with its parent, however that ended: two servers on one state directory would each
take the other's devices for dead. Next: `worker`.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable

import uvloop

from twinspan.model.errors import TwinspanError, Unavailable
from twinspan.server.state_lock import alone
from twinspan.server.worker import ServerOptions, Worker

RESTART_S = 0.5
MAX_WORKERS = 64
_REFUSED = 3
"""Exit code of a worker that cannot start: trying again would not help."""
_ENDING = (signal.SIGTERM, signal.SIGINT)
_PR_SET_PDEATHSIG = 1


def run_server(options: ServerOptions, ready: Callable[[], None]) -> None:
    """Run until told to end. Raises Unavailable or Rejected if a worker cannot start or another server runs there."""
    with alone(options.state_dir):
        if options.workers == 1:
            _run_worker(options, 0, ready)
        else:
            _Parent(options).run(ready)


def _run_worker(options: ServerOptions, number: int, ready: Callable[[], None]) -> None:
    worker = Worker(options, number)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(worker.serve(ready))


class _Parent:
    """Several workers on one state directory."""

    def __init__(self, options: ServerOptions) -> None:
        self._options = options
        self._workers: dict[int, int] = {}
        self._stopping = False

    def run(self, ready: Callable[[], None]) -> None:
        for end in _ENDING:
            signal.signal(end, self._stop)
        pipes = [self._fork(number) for number in range(self._options.workers)]
        if all(os.read(pipe, 1) for pipe in pipes):
            ready()
        for pipe in pipes:
            os.close(pipe)
        refused = False
        while self._workers:
            try:
                pid, status = os.wait()
            except InterruptedError:
                continue
            number = self._workers.pop(pid, None)
            if number is None:
                continue
            if os.waitstatus_to_exitcode(status) == _REFUSED:
                refused = True
                self._stop()
            elif not self._stopping:
                time.sleep(RESTART_S)
                self._revive(number)
        if refused:
            raise Unavailable("a worker could not start", remedy="its reason stands above; --workers 1 shows it alone")

    def _revive(self, number: int) -> None:
        """Start a dead worker again, unless the end was asked for meanwhile."""
        if not self._stopping:
            os.close(self._fork(number))

    def _fork(self, number: int) -> int:
        """A worker; the pipe tells when it listens."""
        reading, writing = os.pipe()
        parent = os.getpid()
        # A stop between the fork and our knowing the worker's pid must reach the worker all the same.
        signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
        pid = os.fork()
        if not pid:
            os.close(reading)
            os._exit(_live(self._options, number, parent, writing))
        self._workers[pid] = number
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDING)
        os.close(writing)
        return reading

    def _stop(self, *_: object) -> None:
        self._stopping = True
        for pid in self._workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)


def _live(options: ServerOptions, number: int, parent: int, pipe: int) -> int:
    """A worker process from its first to its last moment; its exit code."""
    try:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            return 1
        for end in _ENDING:
            signal.signal(end, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDING)
        _run_worker(options, number, lambda: _tell(pipe))
    except TwinspanError as error:
        sys.stderr.write(f"worker {number}: {error}\n")
        return _REFUSED
    except BaseException:  # noqa: BLE001 - the end of a process: what went wrong is said, then it ends
        traceback.print_exc()
        return 1
    return 0


def _tell(pipe: int) -> None:
    """That it listens; to nobody, if it is a worker that was started again."""
    with contextlib.suppress(BrokenPipeError):
        os.write(pipe, b"r")
    os.close(pipe)
