"""Larger receive buffers for a daemon that has no option for them.

In: a process. Out: how many of its UDP sockets have the larger buffer now. charon takes every ESP packet out of a
socket of the kernel's default size, some 160 packets: when its processor is taken away for 200 ms, what comes after
those is lost. The sockets are borrowed with pidfd_getfd(2), which needs the rights of ptrace(2).
"""

from __future__ import annotations

import ctypes
import os
import socket
from pathlib import Path

_SYS_PIDFD_GETFD = 438
"""The same number on every architecture (include/uapi/asm-generic/unistd.h)."""
_SO_RCVBUFFORCE = 33
_libc = ctypes.CDLL(None, use_errno=True)


def enlarge_receive_buffers(pid: int, size_bytes: int) -> int:
    """Give every UDP socket of process `pid` room for `size_bytes` (the kernel counts its overhead in).

    Returns how many were changed: 0 without the permission or where the kernel lacks the call, and then the
    process works with what it has.
    """
    try:
        process = os.pidfd_open(pid)
    except OSError:
        return 0
    try:
        return sum(_enlarge(process, number, size_bytes) for number in _sockets_of(pid))
    finally:
        os.close(process)


def _sockets_of(pid: int) -> list[int]:
    try:
        return [int(e.name) for e in Path(f"/proc/{pid}/fd").iterdir() if str(e.readlink()).startswith("socket:")]
    except OSError:  # gone, or a descriptor closed while we looked
        return []


def _enlarge(process: int, number: int, size_bytes: int) -> bool:
    borrowed = int(_libc.syscall(_SYS_PIDFD_GETFD, process, number, 0))
    if borrowed < 0:
        return False
    with socket.socket(fileno=borrowed) as theirs:
        if theirs.family not in (socket.AF_INET, socket.AF_INET6) or theirs.type != socket.SOCK_DGRAM:
            return False
        try:
            # The kernel doubles what it is given, for its own overhead.
            theirs.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, size_bytes // 2)
        except OSError:
            return False
        return True
