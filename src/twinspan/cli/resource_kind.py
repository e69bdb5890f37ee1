"""Kinds of resources as people type them: vbr, vpcs, virtual-border-router, VirtualBorderRouter.

In: a word. Out: a `Kind`, or `Rejected` with the nearest one. Next: `resource.py`.
"""

from __future__ import annotations

import difflib

import click
from click.shell_completion import CompletionItem

from twinspan.model.errors import Rejected
from twinspan.model.kinds import STORED_KINDS, Kind

_SHORT = {
    "circuit": "PhysicalConnection",
    "pc": "PhysicalConnection",
    "vbr": "VirtualBorderRouter",
    "tr": "TransitRouter",
    "cgw": "CustomerGateway",
    "vpn": "VpnGateway",
    "ipsec": "IpsecConnection",
    "vco": "IpsecConnection",
    "dbr": "DestinationRoute",
    "pbr": "PolicyRoute",
    "hc": "HealthCheck",
    "rg": "ResourceGroup",
}
"""What people say for short, beside the labels."""


def _plain(text: str) -> str:
    return "".join(character for character in text.lower() if character.isalnum())


def _spellings() -> dict[str, Kind]:
    found = {}
    for kind in STORED_KINDS.values():
        for word in (kind.name, kind.section, kind.label):
            found[_plain(word)] = kind
            found.setdefault(f"{_plain(word)}s", kind)
    return found | {short: STORED_KINDS[name] for short, name in _SHORT.items()}


_KINDS = _spellings()


def kind_of(word: str) -> Kind:
    """The kind that is meant. Raises Rejected."""
    kind = _KINDS.get(_plain(word))
    if kind is not None:
        return kind
    near = difflib.get_close_matches(_plain(word), _KINDS, n=1)
    known = ", ".join(kind.path for kind in STORED_KINDS.values())
    meant = f"did you mean {_KINDS[near[0]].path}? " if near else ""
    raise Rejected(f"there is no kind {word!r}", remedy=f"{meant}kinds: {known}")


class KindType(click.ParamType[Kind]):
    """An argument that names a kind; shells complete it."""

    name = "kind"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Kind:
        """The kind itself. Raises Rejected."""
        del param, ctx
        return value if isinstance(value, Kind) else kind_of(str(value))

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Kinds as the API's paths spell them."""
        del ctx, param
        paths = (kind.path for kind in STORED_KINDS.values())
        return [CompletionItem(path) for path in paths if path.startswith(incomplete)]
