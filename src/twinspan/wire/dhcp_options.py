"""Where a device finds its cloud server by DHCP: option 253 names it, option 252 is the password (seed 000).

In: a DHCP message as it came from the network, or the values that a server shall hand out. Out: checked values with a
reason for each that was refused, or the text of dnsmasq's option file. Both numbers are of the range for private use
(RFC 2132 2, RFC 3942), and 252 is what browsers ask for to find a proxy (WPAD), so whatever comes may be somebody
else's. No reason repeats a value: the two may have been exchanged. Next: `drivers.dhcp_client`, `wire.dnsmasq`.
"""

from __future__ import annotations

import re

import msgspec

from twinspan.model.errors import Rejected
from twinspan.model.secret import Secret
from twinspan.wire.dns_name import is_host

PASSWORD, DOMAIN = 252, 253
"""Option codes (seed 000, "Configuring the local device")."""
MAX_PASSWORD = 63
"""Characters; what the seed's device family takes as plain text."""
WPAD_WARNING = (
    "option 252 is also what browsers ask for to find a proxy (WPAD): everyone on the link can read this password"
)

_COOKIE_AT, _OPTIONS_AT = 236, 240
_COOKIE = b"\x63\x82\x53\x63"
_SNAME, _FILE = slice(44, 108), slice(108, 236)
_PAD, _END, _OVERLOAD = 0, 255, 52
"""RFC 2132 3.1, 3.2, 9.3."""
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_UNQUOTED = "; dnsmasq sends numbers and addresses as bytes unless the value is quoted in a file"


class OptionRefused(msgspec.Struct, frozen=True, kw_only=True):
    """Why a value is not taken; never the value."""

    reason: str


class CloudReading(msgspec.Struct, frozen=True, kw_only=True):
    """What one DHCP message says of the cloud server. None: nothing usable; `refused` has a sentence if there was
    something."""

    domain: str | None = None
    password: Secret | None = None
    refused: tuple[str, ...] = ()


class CloudOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What DHCP knows of the cloud server by now, of one link."""

    domain: str | None = None
    """Option 253; None: never seen."""
    password: Secret | None = None
    """Option 252; None: never seen."""
    link: str
    server: str = ""
    """Address of the DHCP server that last named one of them, as it says."""
    at_ns: int
    """Wall clock; when it did."""
    stale: bool = False
    """The lease they came with is gone and nobody has confirmed them since."""


def read_cloud_options(message: bytes) -> CloudReading:
    """The two options of a DHCP message (the UDP payload), put together from all places and pieces.

    A value may come in pieces (RFC 3396) and in the fields of the boot file and server name (RFC 2132 9.3).
    """
    found = _options(message)
    if found is None:
        return CloudReading(refused=("the options of the packet are cut off",))
    values: dict[int, str | Secret] = {}
    refused = []
    for code, decode in ((DOMAIN, decode_domain), (PASSWORD, decode_password)):
        if code in found:
            value = decode(found[code])
            if isinstance(value, OptionRefused):
                refused.append(f"option {code} {value.reason}")
            else:
                values[code] = value
    domain, password = values.get(DOMAIN), values.get(PASSWORD)
    return CloudReading(
        domain=domain if isinstance(domain, str) else None,
        password=password if isinstance(password, Secret) else None,
        refused=tuple(refused),
    )


def decode_domain(value: bytes) -> str | OptionRefused:
    """Bytes of option 253 as a name or an address, case kept."""
    text = _text(value)
    if isinstance(text, OptionRefused):
        return text
    name = text.removesuffix(".")
    if is_host(name):
        return name
    return OptionRefused(reason="is neither a host name nor a whole address")


def decode_password(value: bytes) -> Secret | OptionRefused:
    """Bytes of option 252 as a password of at most `MAX_PASSWORD` characters. A URL is WPAD's, not ours."""
    text = _text(value)
    if isinstance(text, OptionRefused):
        return text
    if _URL.match(text):
        return OptionRefused(reason="is a URL, as for proxy discovery (WPAD), and no password")
    if len(text) > MAX_PASSWORD:
        return OptionRefused(reason=f"is longer than the {MAX_PASSWORD} characters of a password")
    return Secret(text)


def render_cloud_options(domain: str | None, password: Secret | None) -> str:
    """Text of the file that dnsmasq's `dhcp-optsfile` names, read anew at SIGHUP; empty if there is nothing to say.

    Raises `Rejected` for a value that a device would refuse.
    """
    lines = []
    if domain is not None:
        read = decode_domain(domain.encode(errors="surrogatepass"))
        if isinstance(read, OptionRefused):
            raise Rejected(f"cloud_domain: {domain!r} {read.reason}", remedy="give the server's DNS name or address")
        lines.append(f"{DOMAIN},{_quoted(read)}\n")
    if password is not None:
        plain = decode_password(password.reveal().encode(errors="surrogatepass"))
        if plain != password:
            reason = plain.reason if isinstance(plain, OptionRefused) else "ends with a zero byte"
            remedy = f"use 1 to {MAX_PASSWORD} printable characters"
            raise Rejected(f"cloud_password: the value {reason}", remedy=remedy)
        lines += [f"# {WPAD_WARNING}\n", f"{PASSWORD},{_quoted(password.reveal())}\n"]
    return "".join(lines)


def render_cloud_conf(options_path: str) -> str:
    """Lines for dnsmasq's own configuration that make it read the file of `render_cloud_options` at `options_path`.

    Raises `Rejected` for a path that dnsmasq cannot be told or would not find.
    """
    if not options_path.startswith("/") or not options_path.isprintable():
        raise Rejected(f"options file {options_path!r}: is no absolute path in printable characters")
    return (
        "# Devices that ask are told their cloud server (option 253) and its password (option 252).\n"
        "# The file must be readable for the user dnsmasq runs as, and for nobody else. After a change send SIGHUP.\n"
        "# Do not write the two options on a command line: there they are visible, and numbers are sent as bytes.\n"
        f"# Warning: {WPAD_WARNING}.\n"
        f"dhcp-optsfile={_quoted(options_path)}\n"
    )


def _options(message: bytes) -> dict[int, bytes] | None:
    """Every option's bytes by code; None if one ends beyond its field. No cookie, no options (RFC 2131 3)."""
    found: dict[int, bytes] = {}
    if message[_COOKIE_AT:_OPTIONS_AT] != _COOKIE:
        return found
    if not _walk(message[_OPTIONS_AT:], found):
        return None
    overload = int.from_bytes(found.get(_OVERLOAD, b"")[:1])
    # The file field is read before the server name (RFC 2131 4.1), which matters to a value in pieces.
    for bit, field in ((1, _FILE), (2, _SNAME)):
        if overload & bit and not _walk(message[field], found):
            return None
    return found


def _walk(field: bytes, found: dict[int, bytes]) -> bool:
    """Add the field's options to `found`; whether all of them were whole."""
    at = 0
    while at < len(field) and field[at] != _END:
        if field[at] == _PAD:
            at += 1
            continue
        end = at + 2 + field[at + 1] if at + 1 < len(field) else len(field) + 1
        if end > len(field):
            return False
        found[field[at]] = found.get(field[at], b"") + field[at + 2 : end]
        at = end
    return True


def _text(value: bytes) -> str | OptionRefused:
    """Printable text; some servers end it with zero bytes (RFC 2132 2 asks clients to strip them)."""
    value = value.rstrip(b"\0")
    if not value:
        return OptionRefused(reason="is empty")
    if len(value) > 255:
        return OptionRefused(reason="is longer than 255 bytes")
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return OptionRefused(reason=f"is not UTF-8{_UNQUOTED}")
    return text if text.isprintable() else OptionRefused(reason=f"holds control characters{_UNQUOTED}")


def _quoted(text: str) -> str:
    """As dnsmasq reads it in a file: between quotes nothing is a number, a separator or a comment."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
