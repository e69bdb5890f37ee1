"""Whole sessions and whole configurations, compared with what was read and approved.

A transcript has `>> ` what is typed (Enter is added), `>>! ` keys with Python's escapes and no Enter, `<< ` what the
screen shows, `== ` what the shell is asked to do, and `=> ` a line of its answer. It begins with `# ` and the example
whose gateway it is, or `# fresh`. Regenerate after reading the difference:
`python -m tests.unit.wire.comware.test_comware_golden --regenerate`.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from tests.unit.wire.comware.terminal import EXAMPLES, ROOT, OpenCipher, Terminal, gateway_of

from twinspan.wire.comware.effects import ChangeConfig, Effect
from twinspan.wire.comware.parse import blank_config, parse
from twinspan.wire.comware.render import render

GOLDEN = ROOT / "tests" / "golden" / "comware"
TRANSCRIPTS = sorted((GOLDEN / "transcripts").glob("*.txt"))


def played(transcript: str) -> str:
    """The transcript with what really happens."""
    head, *rows = transcript.splitlines()
    terminal = Terminal(blank_config() if head == "# fresh" else gateway_of(head.removeprefix("# ")))
    done: list[str] = [head]
    answer: list[str] = []
    for row in [*rows, ""]:
        if answer and not row.startswith("=> "):
            _note(done, terminal, terminal.answer("".join(answer)))
            answer = []
        if row.startswith("=> "):
            done.append(row)
            answer.append(row.removeprefix("=> ") + "\n")
        elif row.startswith(">>! "):
            done.append(row)
            _note(done, terminal, terminal.keys(row.removeprefix(">>! ").encode().decode("unicode_escape")))
        elif row.startswith(">> "):
            done.append(row)
            _note(done, terminal, terminal.keys(row.removeprefix(">> ") + "\r"))
    return "\n".join(done) + "\n"


def _note(done: list[str], terminal: Terminal, shown: str) -> None:
    for character, spelled in (("\r", "\\r"), ("\b", "\\b"), ("\a", "\\a")):
        shown = shown.replace(character, spelled)
    done.extend(f"<< {line}".rstrip() for line in shown.split("\n"))
    done.extend(f"== {_effect(effect)}" for effect in terminal.effects)
    terminal.effects.clear()


def _effect(effect: Effect) -> str:
    return f"ChangeConfig: {effect.text}" if isinstance(effect, ChangeConfig) else repr(effect)


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_a_session_goes_exactly_so(path: Path) -> None:
    assert played(path.read_text()) == path.read_text()


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_gateway_of_an_example_has_exactly_this_text(name: str) -> None:
    assert render(gateway_of(name), OpenCipher()).text == (GOLDEN / "config" / f"{name}.txt").read_text()


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_approved_text_is_read_as_that_gateway(name: str) -> None:
    read = parse((GOLDEN / "config" / f"{name}.txt").read_text(), OpenCipher())
    assert (read.findings, read.config) == ((), gateway_of(name))


def test_there_is_no_text_without_its_example() -> None:
    assert sorted(path.stem for path in (GOLDEN / "config").glob("*.txt")) == sorted(EXAMPLES)


if __name__ == "__main__":
    if sys.argv[1:] != ["--regenerate"]:
        sys.exit(__doc__)
    for transcript in TRANSCRIPTS:
        transcript.write_text(played(transcript.read_text()))
    for example in EXAMPLES:
        (GOLDEN / "config" / f"{example}.txt").write_text(render(gateway_of(example), OpenCipher()).text)
