"""The axis of a drill's drawings: milliseconds after the injection, and where they are in pixels.

In: the window that a drawing shows. Out: a `Scale`, and the axis with its ticks. Next: `cli.drill_svg`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import msgspec

from twinspan.cli.drill_labels import text_width
from twinspan.cli.markup import Markup, tag

WIDTH = 1120.0
LEFT = 92.0
RIGHT = WIDTH - 14
TOP = 26.0
TICKS = 9
IN_SECONDS_MS = 20_000.0
"""A window this long is labelled in seconds."""


class Scale(msgspec.Struct, frozen=True):
    """From milliseconds after the injection to pixels."""

    start_ms: float
    end_ms: float

    def x(self, after_ms: float) -> float:
        return LEFT + (after_ms - self.start_ms) / (self.end_ms - self.start_ms) * (RIGHT - LEFT)

    def inside(self, after_ms: float) -> bool:
        return self.start_ms <= after_ms <= self.end_ms

    def within(self, after_ms: float) -> float:
        """The pixel, at the border for what lies outside."""
        return self.x(min(max(after_ms, self.start_ms), self.end_ms))


def axis(scale: Scale, top: float, y: float) -> Iterator[Markup]:
    """Ticks, a faint line up to `top` at each, and the axis itself at `y` with what it counts."""
    step = tick_step(scale.end_ms - scale.start_ms)
    unit, divide = ("s", 1000.0) if scale.end_ms - scale.start_ms >= IN_SECONDS_MS else ("ms", 1.0)
    tick = math.ceil(scale.start_ms / step) * step
    while tick <= scale.end_ms:
        x = scale.x(tick)
        yield tag("line", class_="grid", x1=x, x2=x, y1=top, y2=y)
        said = f"{tick / divide:,.0f}"
        middle = min(x, WIDTH - text_width(said) / 2)
        yield tag("text", said, class_="tick", x=middle, y=y + 14, text_anchor="middle")
        tick += step
    yield tag("line", class_="axis", x1=LEFT, x2=RIGHT, y1=y, y2=y)
    yield tag("text", f"{unit} after the fault", class_="tick", x=(LEFT + RIGHT) / 2, y=y + 31, text_anchor="middle")


def tick_step(span_ms: float) -> float:
    """A round distance between two ticks (1, 2 or 5 times a power of ten), for at most about `TICKS` of them."""
    least = max(span_ms / TICKS, 1.0)
    power = 10.0 ** math.floor(math.log10(least))
    return next(times * power for times in (1, 2, 5, 10) if times * power >= least)
