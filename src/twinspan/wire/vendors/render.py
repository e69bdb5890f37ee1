"""The door: a `PeerConfiguration` in the words of any vendor.

In: the configuration, the vendor's name, names of ports, and whether secrets are shown. Out: `PeerText`. A new vendor
is a module and a line in `_RENDERERS`, and its numbers in `vendor.py`. Next: `cisco.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from twinspan.model.peer_configuration import PeerConfiguration, PeerFile, PeerText
from twinspan.wire.vendors.bird_strongswan import render as render_bird_strongswan
from twinspan.wire.vendors.cisco import render as render_cisco
from twinspan.wire.vendors.frr_strongswan import render as render_frr_strongswan
from twinspan.wire.vendors.h3c import render as render_h3c
from twinspan.wire.vendors.huawei import render as render_huawei
from twinspan.wire.vendors.juniper import render as render_juniper
from twinspan.wire.vendors.vendor import VENDORS
from twinspan.wire.vendors.vyos import render as render_vyos
from twinspan.wire.vendors.writing import Page, masked, revealed

_RENDERERS: dict[str, Callable[[Page], list[str]]] = {
    "h3c": render_h3c,
    "huawei": render_huawei,
    "cisco": render_cisco,
    "juniper": render_juniper,
    "vyos": render_vyos,
}
"""Vendors whose configuration is one text."""
_FILES: dict[str, Callable[[Page], list[PeerFile]]] = {
    "frr-strongswan": render_frr_strongswan,
    "bird-strongswan": render_bird_strongswan,
}
"""Vendors whose configuration is several files; the first one carries the comments."""


def render(
    peer: PeerConfiguration, vendor: str, *, ports: Mapping[str, str] | None = None, show_secrets: bool = False
) -> PeerText:
    """The whole configuration. `ports`: the device's names of `lan`, `circuit` and `isp`.

    Raises KeyError for a vendor that is not in `VENDORS`.
    """
    page = Page(peer, VENDORS[vendor], ports or {}, revealed if show_secrets else masked)
    if vendor in _FILES:
        files = _FILES[vendor](page)
        readme = PeerFile(path="README", text=_text(page.head()))
        files = [readme, *files]
    else:
        lines = _RENDERERS[vendor](page)
        files = [PeerFile(path="", text=_text([*page.head(_ports(page)), *lines]))]
    return PeerText(vendor=vendor, files=tuple(files), not_expressed=tuple(page.not_expressed))


def _ports(page: Page) -> str:
    return ", ".join(f"{role} is {page.port(role)}" for role in ("lan", "circuit", "isp"))


def _text(lines: list[str]) -> str:
    return "\n".join(lines) + "\n"
