"""What may be called a DNS name here.

In: text from a site, a command or a network. Out: whether it is a name that can be asked for, or a host that can be
dialled. Next: `wire.dnsmasq`, `wire.dhcp_options`, `wire.cloud_connection.server_order`.
"""

from __future__ import annotations

import ipaddress
import re

MAX_NAME = 253
"""Characters without the last point: 255 octets with length bytes and root (RFC 1035 2.3.4)."""
_LABEL = r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_HOST_LABEL = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOST = re.compile(rf"({_HOST_LABEL}\.)*(?P<last>{_HOST_LABEL})", re.ASCII)
_NUMBER = re.compile(r"[0-9]+|0[xX][0-9A-Fa-f]*", re.ASCII)
"""What resolvers read as a part of an address: `1.2.3` and `0x7f.1` are dialled as 1.2.0.3 and 127.0.0.1."""
_NAME = re.compile(rf"{_LABEL}(\.{_LABEL})*", re.ASCII)


def is_dns_name(text: str) -> bool:
    """Letters, digits, hyphens and underscores (RFC 1123 2.1, RFC 2782) in labels; other scripts as `xn--` (RFC 5890).

    Without a last point: callers that accept one strip it.
    """
    return len(text) <= MAX_NAME and _NAME.fullmatch(text) is not None


def is_host(text: str) -> bool:
    """A whole IPv4 or IPv6 address, or a host name of RFC 1123 2.1: letters, digits and hyphens, the last label no
    number. Without a last point, as above."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        found = _HOST.fullmatch(text) if len(text) <= MAX_NAME else None
        return found is not None and not _NUMBER.fullmatch(found["last"])
    return True
