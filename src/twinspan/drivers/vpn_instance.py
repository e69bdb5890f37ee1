"""Sockets of a VPN instance: a VRF device where the kernel has them, else a named network namespace.

In: the instance's name, or None for the node's own network. Out: a socket factory. A socket stays in the namespace it
was made in, whatever thread uses it afterwards. Next: `drivers.resolver`, `agent.cloud_connection`.
"""

from __future__ import annotations

import ctypes
import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path

from twinspan.model.errors import Rejected

SocketFactory = Callable[[int, int], socket.socket]
_NAMESPACES = Path("/run/netns")
_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


def socket_factory(vpn_instance: str | None) -> SocketFactory:
    """(family, type) to a socket of that instance. Raises Rejected if there is none of this name."""
    if vpn_instance is None:
        return socket.socket
    if Path(f"/sys/class/net/{vpn_instance}").exists():
        return lambda family, kind: _bound(vpn_instance, family, kind)
    # A name is a name: it must not lead anywhere else.
    if "/" not in vpn_instance and vpn_instance not in (".", "..") and (_NAMESPACES / vpn_instance).exists():
        return lambda family, kind: _in_namespace(vpn_instance, family, kind)
    raise Rejected(
        f"VPN instance {vpn_instance!r}: no such VRF and no such network namespace",
        remedy=f"make it (ip netns add {vpn_instance}), or leave vpn-instance out",
    )


def _bound(device: str, family: int, kind: int) -> socket.socket:
    made = socket.socket(family, kind)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode() + b"\0")
    except OSError:
        made.close()
        raise
    return made


def _in_namespace(name: str, family: int, kind: int) -> socket.socket:
    """setns(2) counts for one thread: a short-lived one goes there, so that the process stays where it is."""
    made: list[socket.socket | OSError] = []

    def make() -> None:
        try:
            descriptor = os.open(_NAMESPACES / name, os.O_RDONLY | os.O_CLOEXEC)
            try:
                if _libc.setns(descriptor, _CLONE_NEWNET):
                    code = ctypes.get_errno()
                    raise OSError(code, os.strerror(code))
            finally:
                os.close(descriptor)
            made.append(socket.socket(family, kind))
        except OSError as error:
            made.append(error)

    thread = threading.Thread(target=make, name=f"socket in {name}")
    thread.start()
    thread.join()
    found = made[0]
    if isinstance(found, OSError):
        raise found
    return found
