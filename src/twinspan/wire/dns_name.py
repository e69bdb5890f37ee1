"""What may be called a DNS name here.

In: text from a site, a command or a network. Out: whether it is a name that can be asked for. Next: `wire.dnsmasq`,
`wire.dhcp_options`, `wire.dns_message`.
"""

from __future__ import annotations

import re

MAX_NAME = 253
"""Characters without the last point: 255 octets with length bytes and root (RFC 1035 2.3.4)."""
_LABEL = r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(\.{_LABEL})*", re.ASCII)


def is_dns_name(text: str) -> bool:
    """Letters, digits, hyphens and underscores (RFC 1123 2.1, RFC 2782) in labels; other scripts as `xn--` (RFC 5890).

    Without a last point: callers that accept one strip it.
    """
    return len(text) <= MAX_NAME and _NAME.fullmatch(text) is not None
