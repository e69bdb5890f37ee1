"""Speed and duplex of a link, as its driver tells them.

In: the link's name. Out: both, or nothing where a device has no such thing. It asks with the ioctl of linux/ethtool.h,
since sysfs shows the namespace it was mounted in and not that of the process. Next: `agent.report`.
"""

from __future__ import annotations

import array
import fcntl
import socket
import struct

_SIOCETHTOOL = 0x8946
_GET_SETTINGS = 1
"""ETHTOOL_GSET; every kernel still answers it."""
_COMMAND = struct.Struct("=IIIHBBBBBBIIHBBI2I")
"""struct ethtool_cmd."""
_UNKNOWN_SPEED = (0, 0xFFFF, 0xFFFFFFFF)
_NAME_SIZE = 16


def link_speed(name: str) -> tuple[int | None, bool | None]:
    """Speed in Mbit/s, and whether the link is full duplex; None each if unknown."""
    buffer = array.array("B", _COMMAND.pack(_GET_SETTINGS, *(0,) * 17))
    request = struct.pack(f"{_NAME_SIZE}sP", name.encode()[: _NAME_SIZE - 1], buffer.buffer_info()[0])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        try:
            fcntl.ioctl(asked, _SIOCETHTOOL, request)
        except OSError:  # no such link, or its driver does not say
            return None, None
    settings = _COMMAND.unpack(buffer.tobytes())
    low, duplex, high = settings[3], settings[4], settings[12]
    speed = high << 16 | low
    return (None if speed in _UNKNOWN_SPEED else speed), {0: False, 1: True}.get(duplex)
