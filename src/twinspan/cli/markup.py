"""HTML and SVG that cannot be broken by what is put into it: every string is escaped unless it is `Markup` already.

In: tag names, children, attributes. Out: `Markup`. Next: `cli.drill_html`, `cli.drill_svg`.
"""

from __future__ import annotations

import html


class Markup(str):
    """Text that is markup and needs no escaping."""

    __slots__ = ()


EMPTY_TAGS = {"meta", "br", "hr"}


def text(value: str) -> Markup:
    """Plain text, escaped; control characters, which XML forbids, become the replacement character."""
    kept = "".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in value)
    return Markup(html.escape(kept, quote=True))


def join(*children: str) -> Markup:
    """The children one after the other, those that are not `Markup` escaped."""
    return Markup("".join(child if isinstance(child, Markup) else text(child) for child in children))


def tag(name: str, /, *children: str, **attributes: str | float | None) -> Markup:
    """One element. `class_` is the attribute class, an underscore stands for a hyphen, None leaves an attribute out."""
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{text(_attribute(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in EMPTY_TAGS:
        return Markup(f"<{name}{written}>")
    return Markup(f"<{name}{written}>{join(*children)}</{name}>")


def _attribute(value: str | float) -> str:
    """Coordinates with a tenth of a pixel, no more: pages stay small."""
    return value if isinstance(value, str) else f"{value:.1f}".removesuffix(".0")
