"""The table of `twinspan check`: verdict, check, from where, over which span, measured value, result, way out.

In: `ConnectionCheck`s. Out: lines of text. Next: nothing; `cli.check` prints it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.text import Text

from twinspan.model.connection_check import ConnectionCheck

_MARKS = {True: ("ok", "green"), False: ("FAILED", "bold red"), None: ("-", "dim")}
_HEAD = ("", "check", "from", "span", "what", "measured", "result")
_GAP = "  "


def print_table(checks: Sequence[ConnectionCheck]) -> None:
    """To standard output; lines are not folded."""
    out = Console(soft_wrap=True, highlight=False)
    for line in table_lines(checks):
        out.print(line)


def table_lines(checks: Sequence[ConnectionCheck]) -> Iterator[Text]:
    """The head, a line per check, its way out below it where it failed, and a last line that counts."""
    rows = [_cells(check) for check in checks]
    widths = [max(len(row[column]) for row in (_HEAD, *rows)) for column in range(len(_HEAD))]
    yield Text(_joined(_HEAD, widths), style="bold")
    for check, row in zip(checks, rows, strict=True):
        text = Text(_joined(row, widths))
        text.stylize(_MARKS[check.passed][1], 0, len(row[0]))
        yield text
        if check.remedy:
            yield Text(f"{'':{widths[0]}}{_GAP}way out: {check.remedy}")
    yield Text(_counted(checks))


def _cells(check: ConnectionCheck) -> tuple[str, ...]:
    place = check.place
    value = f"{check.value:g} {check.unit}" if check.value is not None else ""
    return (
        _MARKS[check.passed][0],
        place.topic,
        place.origin,
        place.span or "-",
        place.subject,
        value,
        check.result,
    )


def _joined(cells: Sequence[str], widths: Sequence[int]) -> str:
    return _GAP.join(f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=True)).rstrip()


def _counted(checks: Sequence[ConnectionCheck]) -> str:
    failed = sum(check.passed is False for check in checks)
    skipped = sum(check.passed is None for check in checks)
    passed = len(checks) - failed - skipped
    said = f"{passed} passed, {failed} failed"
    return f"{said}, {skipped} not looked at" if skipped else said
