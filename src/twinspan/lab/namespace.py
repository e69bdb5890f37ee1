"""Network namespaces by name: enter one, name one, see which processes live in it.

In: a namespace's name as `ip netns` knows it. Out: work done inside it, inode numbers. The kernel keeps the namespace
per thread, so everything here that enters one for a moment does so in a thread of its own and cannot change the
caller. Next: `process.py`.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from pathlib import Path
from threading import Thread
from typing import TypeVar

from twinspan.model.errors import Unavailable

T = TypeVar("T")

NOTHING: Mapping[Path, Path] = {}
RESOLV_CONF = Path("/etc/resolv.conf")

NETNS_DIR = Path("/run/netns")
ETC_NETNS_DIR = Path("/etc/netns")
# linux/sched.h and sys/mount.h
CLONE_NEWNS = 0x00020000
CLONE_NEWNET = 0x40000000
MS_BIND = 0x1000
MS_REC = 0x4000
MS_SLAVE = 0x80000
MNT_DETACH = 2

_libc = ctypes.CDLL(None, use_errno=True)


def _checked(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def netns_path(name: str) -> Path:
    """The file that stands for it, where `ip netns` keeps it."""
    return NETNS_DIR / name


def exists(name: str) -> bool:
    """Whether there is a namespace of that name."""
    return netns_path(name).exists()


def inode(name: str) -> int | None:
    """The number that `/proc/PID/ns/net` shows for a process inside; None if the namespace is not there."""
    with contextlib.suppress(OSError):
        return netns_path(name).stat().st_ino
    return None


def names(prefix: str) -> tuple[str, ...]:
    """All namespaces whose name begins so."""
    with contextlib.suppress(OSError):
        return tuple(sorted(entry.name for entry in NETNS_DIR.iterdir() if entry.name.startswith(prefix)))
    return ()


def enter(name: str) -> None:
    """Moves the calling thread into the namespace. Raises Unavailable if there is none of that name."""
    try:
        handle = os.open(netns_path(name), os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise Unavailable(f"network namespace {name} is gone: {error.strerror}") from error
    try:
        _checked(_libc.setns(handle, CLONE_NEWNET), f"setns {name}")
    finally:
        os.close(handle)


def enter_like_ip_netns_exec(name: str, hidden: Mapping[Path, Path] = NOTHING) -> None:
    """Moves the calling process into the namespace for good, with a private mount namespace.

    As `ip netns exec` does (ip-netns(8)): /sys shows the namespace's own devices, and each file of /etc/netns/NAME
    hides the file of the same name in /etc; so does each file of `hidden` the one it is mapped to. Needs a process with
    one thread.
    """
    enter(name)
    _checked(_libc.unshare(CLONE_NEWNS), "unshare")
    _checked(_libc.mount(b"", b"/", b"none", MS_SLAVE | MS_REC, None), "mount --make-rslave /")
    _libc.umount2(b"/sys", MNT_DETACH)
    _checked(_libc.mount(name.encode(), b"/sys", b"sysfs", 0, None), "mount /sys")
    for source in _etc_files(name):
        target = Path("/etc") / source.name
        if target.exists():
            _checked(_libc.mount(bytes(source), bytes(target), b"none", MS_BIND, None), f"bind {target}")
    for source, target in hidden.items():
        if source.exists() and target.exists():
            _checked(_libc.mount(bytes(source), bytes(target), b"none", MS_BIND, None), f"bind {target}")


def _etc_files(name: str) -> Iterator[Path]:
    folder = ETC_NETNS_DIR / name
    if folder.is_dir():
        yield from sorted(folder.iterdir())


def call_inside(name: str, work: Callable[[], T]) -> T:
    """The result of `work()` done inside the namespace, by a thread that ends afterwards."""
    outcome: Future[T] = Future()

    def run() -> None:
        try:
            enter(name)
            outcome.set_result(work())
        except BaseException as error:  # noqa: BLE001  whatever it is, the caller gets it
            outcome.set_exception(error)

    thread = Thread(target=run, name=f"in {name}", daemon=True)
    thread.start()
    thread.join()
    return outcome.result()
