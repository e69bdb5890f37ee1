"""Checks that pages tell the truth about the tree, and that no file names a place outside it.

Comes in: the tree's files as git lists them (tracked, or new and not ignored). Goes out: one line per finding on
standard output, exit code 1 if there is any. Paths are looked for in links, in code spans and in fenced code, where a
word counts as a path when its first part is a top-level folder of the tree or a room of the package.
"""

import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

PACKAGE = "src/twinspan"
CODE_SPAN = re.compile(r"`([^`\n]+)`")
FENCE = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\(([^)\s]+)\)")
LINE_NUMBER = re.compile(r"\.(?:py|sh|toml):\d+|#L\d+")
OUTSIDE = re.compile(
    r"(?<![\w.-])/wor[k](?![\w-])|\.\./share[d]\b|\bpyp[i]\.org\b|\bpythonhoste[d]\.org\b|\bsnapshot\.debia[n]\.org\b"
)
PLACEHOLDER = re.compile(r"[<>…{}$]|NNNN")


def list_files(root: Path) -> list[str]:
    """Every file of the tree that git tracks or would add, relative to the root, that is really there."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root, check=True, capture_output=True, text=True,
    )  # fmt: skip
    return sorted(name for name in listing.stdout.split("\0") if name and (root / name).is_file())


def named_paths(text: str, tops: Iterable[str]) -> Iterator[str]:
    """The words of a page's code that claim to be a path of this tree."""
    code = FENCE.findall(text) + CODE_SPAN.findall(FENCE.sub("", text))
    for word in re.split(r"[\s,;()\"'`]+", " ".join(code)):
        first, slash, _ = word.partition("/")
        if slash and first in tops and not PLACEHOLDER.search(word):
            yield word.rstrip(".:")


def missing_path(root: Path, word: str) -> str | None:
    """Why the named path (a glob and a pytest node id are fine) is not in the tree; None if it is."""
    path, *names = word.split("::")
    found = [*root.glob(path.rstrip("/")), *(root / PACKAGE).glob(path.rstrip("/"))]
    if not found:
        return f"names {path}, which is not in the tree"
    for name in names:
        bare = name.partition("[")[0]
        if not re.search(rf"^\s*(?:async )?(?:def|class) {re.escape(bare)}\b", found[0].read_text(), re.MULTILINE):
            return f"names {name} in {path}, which has no such test"
    return None


def check_page(root: Path, page: str, tops: Iterable[str]) -> Iterator[str]:
    """Findings of one Markdown page."""
    text = (root / page).read_text(encoding="utf-8")
    for word in sorted(set(named_paths(text, tops))):
        if reason := missing_path(root, word):
            yield f"{page}: {reason}"
    for target in sorted(set(LINK.findall(FENCE.sub("", text)))):
        path = target.partition("#")[0]
        if path and "://" not in path and not path.startswith("mailto:"):
            base = root if path.startswith("/") else (root / page).parent
            if not (base / path.lstrip("/")).exists():
                yield f"{page}: links to {target}, which is not in the tree"
    for hit in LINE_NUMBER.findall(text):
        yield f"{page}: points at a line of code ({hit}); name the function instead, lines move"


def check_outside(root: Path, name: str) -> Iterator[str]:
    """Findings of one file that names a place of somebody's machine or a package registry."""
    try:
        text = (root / name).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return  # a picture, or a test's deliberately broken text
    for hit in sorted(set(OUTSIDE.findall(text))):
        yield f"{name}: names {hit}, which only exists elsewhere"


def check(root: Path) -> list[str]:
    """All findings of the tree."""
    files = list_files(root)
    rooms = {name.split("/")[2] for name in files if name.startswith(PACKAGE + "/") and name.count("/") > 2}
    tops = {name.partition("/")[0] for name in files if "/" in name} | rooms
    findings = [line for name in files if name.endswith(".md") for line in check_page(root, name, tops)]
    return findings + [line for name in files for line in check_outside(root, name)]


def main() -> int:
    """Prints the findings; exit code 0 without any."""
    findings = check(Path(__file__).resolve().parent.parent)
    print("\n".join(findings) if findings else "pages: every path named in them exists")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
