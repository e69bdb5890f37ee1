"""What `?` says of a word, where the command has no words of its own for it.

In: nothing. Out: `HELP`, by keyword, and by parameter in angle brackets. Next: `language.py`.
"""

from __future__ import annotations

from twinspan.wire.comware.algorithms import GROUPS
from twinspan.wire.comware.help_words import WORDS

_PARAMETERS = {
    "address": "Address",
    "admin": "Name of the administrator",
    "algorithms": "Such as aes256-sha256-modp2048",
    "asn": "AS number",
    "bytes": "Bytes",
    "cipher": "Encrypted string",
    "count": "Number of echo requests",
    "day": "Days",
    "domain": "Domain name or address",
    "fingerprint": "64 hexadecimal digits",
    "first": "First",
    "ge": "Bits of the shortest prefix",
    "generation": "Number",
    "hold": "Seconds",
    "hops": "Hops",
    "hour": "Hours",
    "id": "Identity",
    "index": "Place in the list",
    "interface": "Name of the interface",
    "interval": "Milliseconds",
    "keepalive": "Seconds",
    "keychain": "Name of the keychain",
    "last": "Last address",
    "le": "Bits of the longest prefix",
    "length": "Mask, or its length",
    "mask": "Mask, or its length",
    "mbit": "Mbit/s",
    "minute": "Minutes",
    "most": "Most",
    "ms": "Milliseconds",
    "name": "Name",
    "nat": "UDP port",
    "network": "Network address",
    "number": "Number",
    "peer": "Address of the peer",
    "port": "Port number",
    "pref": "Preference",
    "prefix": "Prefix",
    "priority": "Priority, the lowest first",
    "probe": "Name of the probe",
    "profile": "Name of the profile",
    "proposal": "Proposal",
    "queries": "Probes per hop",
    "reaction": "Number of the reaction",
    "retry": "Seconds",
    "routes": "Number of routes",
    "rx": "Milliseconds",
    "second": "Seconds",
    "seconds": "Seconds",
    "simple": "Plaintext string",
    "size": "Bytes of payload",
    "source": "Source address",
    "span": "Name of the span",
    "table": "Name of the table",
    "tag": "Tag of the operation",
    "target": "Name of the target",
    "text": "Description",
    "timeout": "Milliseconds",
    "times": "Number",
    "track": "Number of the track entry",
    "tx": "Milliseconds",
    "via": "Address of the neighbour",
    "vlan": "VLAN ID",
    "vpn": "Name of the VPN instance",
    "whole": "Prefix",
    "window": "Seconds",
}
_GROUPS = {word: f"DH group {word.removeprefix('group')}" for word in GROUPS.values()}
_SERVERS = {f"d{number}": "Address of a DNS server" for number in range(1, 9)}

HELP = (
    WORDS
    | _GROUPS
    | {f"dh-{word}": text for word, text in _GROUPS.items()}
    | {f"<{name}>": text for name, text in (_PARAMETERS | _SERVERS).items()}
)
