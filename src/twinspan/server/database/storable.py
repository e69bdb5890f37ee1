"""Text that every database takes.

In: whatever people and devices send. Out: the same, or nearly. Next: the stores.
"""

from __future__ import annotations


def storable(word: str) -> str:
    """What holds a NUL or half a character would not be taken: it is changed, so that it matches nothing."""
    if word.isascii() and "\0" not in word:
        return word
    return word.encode("utf-8", "replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")
