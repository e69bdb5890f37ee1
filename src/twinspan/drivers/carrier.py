"""One link's carrier and "up", asked and set by single system calls: for what must not wait for a process to start.

In: an interface's name. Out: its state, or the change. Next: `drivers.vlan` hands a parent's carrier on.
"""

from __future__ import annotations

import contextlib
import fcntl
import socket
import struct

from twinspan.wire.rtnetlink import LinkChanged, decode, encode_link_question

# linux/sockios.h, linux/if.h
_GET_FLAGS, _SET_FLAGS = 0x8913, 0x8914
_UP = 0x1
_REQUEST = struct.Struct("=16sH22x")
"""struct ifreq with its flags."""


def has_carrier(interface: str) -> bool:
    """Whether the interface exists, is up and has a carrier now."""
    # Asked of rtnetlink: its LOWER_UP is the carrier itself, while RUNNING of the older calls can lag a second behind.
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as handle:
        handle.send(encode_link_question(interface))
        found = [event for event in decode(handle.recv(1 << 16)) if isinstance(event, LinkChanged)]
    return any(event.admin_up and event.carrier for event in found)


def _flags(interface: str) -> int:
    """The interface's flags; 0 if it does not exist."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as handle, contextlib.suppress(OSError):
        answer = fcntl.ioctl(handle, _GET_FLAGS, _REQUEST.pack(interface.encode(), 0))
        return int(_REQUEST.unpack(answer)[1])
    return 0


def set_up(interface: str, *, up: bool) -> bool:
    """Set it up or down; whether that changed anything. One that is gone is made anew by the next `ensure`."""
    flags = _flags(interface)
    if bool(flags & _UP) == up:
        return False
    wanted = flags | _UP if up else flags & ~_UP
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as handle, contextlib.suppress(OSError):
        fcntl.ioctl(handle, _SET_FLAGS, _REQUEST.pack(interface.encode(), wanted))
        return True
    return False
