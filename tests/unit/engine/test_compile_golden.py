"""Every example compiled, compared with the configs that were read and approved.

Regenerate after reading the difference: `python tests/unit/engine/test_compile_golden.py --regenerate`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import msgspec
import pytest

from twinspan.cli.site_file import check
from twinspan.engine.compile import compile_site
from twinspan.engine.compile.keys import keys_from, wanted_keys
from twinspan.model.deployment import Deployment
from twinspan.model.secret import Secret, encode_hook

LINE = 600
"""Values whose JSON is shorter stand on one line."""

ROOT = Path(__file__).parents[3]
GOLDEN = ROOT / "tests" / "golden" / "compile"
EXAMPLES = {f"{p.parent.name}-{p.stem}": p for p in sorted((ROOT / "examples").glob("*/*.yaml"))}


def compiled(path: Path) -> Deployment:
    """The example, with keys that say what they belong to: a key at the wrong place shows."""
    site = check(path.read_bytes(), path.name).site
    assert site is not None
    return compile_site(site, keys_from({name: Secret(f"key-of-{name}") for name in wanted_keys(site)}))


def text_of(deployment: Deployment) -> str:
    """A line per value, the long ones taken apart, so that a difference reads well."""
    whole = msgspec.to_builtins(deployment, enc_hook=encode_hook)
    return "\n".join(_lines("", whole)) + "\n"


def _lines(path: str, value: object) -> list[str]:
    text = json.dumps(value)
    if len(text) < LINE or not isinstance(value, dict | list | tuple):
        return [f"{path} = {text}"]
    items = value.items() if isinstance(value, dict) else enumerate(value)
    return [line for key, inner in items for line in _lines(f"{path}.{key}".lstrip("."), inner)]


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_compiles_to_exactly_these_configs(name: str) -> None:
    assert text_of(compiled(EXAMPLES[name])) == (GOLDEN / f"{name}.txt").read_text()


def test_there_is_no_expectation_without_its_example() -> None:
    assert sorted(p.stem for p in GOLDEN.glob("*.txt")) == sorted(EXAMPLES)


if __name__ == "__main__":
    if sys.argv[1:] != ["--regenerate"]:
        sys.exit("say --regenerate to write the expectations anew")
    GOLDEN.mkdir(exist_ok=True)
    for example, file in EXAMPLES.items():
        (GOLDEN / f"{example}.txt").write_text(text_of(compiled(file)))
