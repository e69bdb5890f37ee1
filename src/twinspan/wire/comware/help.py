"""`?` and Tab: what may come next, with a description of each.

In: the place (`Where`), the line before the cursor. Out: text, or words. Next: `help_text.py`.
"""

from __future__ import annotations

from twinspan.wire.comware.command import SYSTEM, USER, Command, Meaning, Undo
from twinspan.wire.comware.execution import Where, caret
from twinspan.wire.comware.grammar import Keyword
from twinspan.wire.comware.help_text import HELP
from twinspan.wire.comware.matching import Mistake, Option, choices

_PIPE = (("|", "Matching output"),)


def listing(where: Where, line: str, offset: int) -> str:
    """What `?` prints after `line`; `offset` is the width of the prompt, for the caret."""
    _, pipe, after = line.partition("|")
    if pipe:
        return (
            _listed([("begin", ""), ("exclude", ""), ("include", "")]) if not after.strip() else _listed([("TEXT", "")])
        )
    found = choices(where.language.in_view(where.view), line)
    if isinstance(found, Mistake):
        return caret(found, offset)
    rows = [(option.label, _described(owner, option)) for owner, option in found]
    if rows and rows[-1][0] == "<cr>" and _piped(found):
        rows[-1:-1] = _PIPE
    head = {USER: "User view commands:\n", SYSTEM: "System view commands:\n"}.get(where.view, "")
    return (head if not line.strip() else "") + _listed(rows)


def completions(where: Where, line: str) -> list[str]:
    """Words that the last word of `line` may become."""
    if not line or line[-1].isspace():
        return []
    found = choices(where.language.in_view(where.view), line)
    if isinstance(found, Mistake):
        return []
    return [option.leaf.word for _, option in found if isinstance(option.leaf, Keyword)]


def _piped(found: list[tuple[Meaning, Option]]) -> bool:
    return any(isinstance(owner, Command) and owner.piped for owner, option in found if option.leaf is None)


def _described(owner: Meaning, option: Option) -> str:
    own = (owner.command if isinstance(owner, Undo) else owner).help
    if option.leaf is None:
        return ""
    if isinstance(option.leaf, Keyword):
        return own.get(option.leaf.word) or HELP.get(option.leaf.word, "")
    return own.get(option.leaf.name) or HELP.get(f"<{option.leaf.name}>", "")


def _listed(rows: list[tuple[str, str]]) -> str:
    width = max((len(label) for label, _ in rows), default=0)
    return "".join(f"  {label:<{width}}  {text}".rstrip() + "\n" for label, text in rows) + "\n"
