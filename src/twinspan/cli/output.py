"""A file that a command writes when its work is done: found to be writable before the work begins.

In: a path that somebody gave. Out: nothing, or `Rejected` before anything was broken; later the text in the file.
Next: `drill.py`, `demo.py`.
"""

from __future__ import annotations

import os
from pathlib import Path

from twinspan.model.errors import Rejected

REMEDY = "give a file in a folder that exists and may be written to"


def require_writable(path: Path | None) -> None:
    """Raises Rejected if `path` cannot be written. Leaves what is there, and no empty file where there was none."""
    if path is None:
        return
    existed = os.path.lexists(path)
    try:
        with path.open("ab"):
            pass
        if not existed:
            path.unlink()
    except OSError as error:
        raise Rejected(f"cannot write {path}: {error.strerror}", remedy=REMEDY) from error


def write_page(path: Path, text: str) -> None:
    """Writes the whole text. Raises Rejected if that fails after all, for example because the disk is full."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise Rejected(f"cannot write {path}: {error.strerror}", remedy=REMEDY) from error
