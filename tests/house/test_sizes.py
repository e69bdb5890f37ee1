"""Modules and functions stay within what a reader can follow."""

from pathlib import Path

import check_sizes

ROOT = Path(__file__).resolve().parents[2]


def test_every_module_and_function_of_this_tree_is_within_its_limit() -> None:
    assert check_sizes.check(ROOT) == []


def test_one_line_too_many_is_a_finding() -> None:
    body = "    x = 1\n"
    assert list(check_sizes.check_module("m.py", "def f():\n" + body * 59)) == []
    assert len(list(check_sizes.check_module("m.py", "def f():\n" + body * 60))) == 1
    assert list(check_sizes.check_module("m.py", "x = 1\n" * 400)) == []
    assert len(list(check_sizes.check_module("m.py", "x = 1\n" * 401))) == 1
