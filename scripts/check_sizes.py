"""Checks that modules stay within 400 lines and functions within 60: past that, something is missing a name.

Comes in: the Python files of src, scripts and bench. Goes out: one line per finding, exit code 1 if there is any. The
aim is 250 and 30; the limits are where a reader stops following.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

FOLDERS = ("src", "scripts", "bench")
MODULE_LINES = 400
FUNCTION_LINES = 60


def check_module(name: str, text: str) -> Iterator[str]:
    """Findings of one module's text."""
    lines = len(text.splitlines())
    if lines > MODULE_LINES:
        yield f"{name}: {lines} lines, the limit is {MODULE_LINES}"
    for node in ast.walk(ast.parse(text, name)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            size = (node.end_lineno or node.lineno) - node.lineno + 1
            if size > FUNCTION_LINES:
                yield f"{name}: {node.name} has {size} lines, the limit is {FUNCTION_LINES}"


def check(root: Path) -> list[str]:
    """All findings of the tree, in the order of their paths."""
    modules = sorted(path for folder in FOLDERS for path in (root / folder).rglob("*.py"))
    return [line for path in modules for line in check_module(str(path.relative_to(root)), path.read_text("utf-8"))]


def main() -> int:
    """Prints the findings; exit code 0 without any."""
    findings = check(Path(__file__).resolve().parent.parent)
    print("\n".join(findings) if findings else "sizes: every module and function is within its limit")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
