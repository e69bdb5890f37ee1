"""A word of the model has one home: a closed set of values that stands in two modules can drift apart unnoticed."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

MODEL = Path(__file__).resolve().parents[2] / "src" / "twinspan" / "model"


def closed_sets(module: Path) -> Iterator[str]:
    """Names that the module gives to a `Literal[...]`."""
    for statement in ast.parse(module.read_text()).body:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.value).startswith("Literal["):
            yield from (ast.unparse(target) for target in statement.targets)


def test_a_closed_set_of_values_is_declared_once_under_its_name() -> None:
    homes: dict[str, list[str]] = defaultdict(list)
    for module in sorted(MODEL.glob("*.py")):
        for name in closed_sets(module):
            homes[name].append(module.name)
    assert len(homes) > 10, "the test sees the aliases at all"
    assert {name: where for name, where in homes.items() if len(where) > 1} == {}
