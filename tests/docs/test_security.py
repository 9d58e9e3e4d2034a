"""Each line of a threat list names the tests that cover it, and these tests are there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text("utf-8")
_NAME = re.compile(r"`(test_\w+)`")


def threats() -> list[str]:
    """The rows of all tables that have a column of tests."""
    rows = [line for line in PAGE.splitlines() if line.startswith("|")]
    return [row for row in rows if not set(row) <= set("|- ") and "| Threat |" not in row]


def known_tests() -> set[str]:
    """The names of all test functions."""
    return {
        node.name
        for path in (ROOT / "tests").rglob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name.startswith("test_")
    }


def test_every_threat_names_a_test() -> None:
    """A line without a test is a hope."""
    assert len(threats()) >= 20
    assert [row for row in threats() if not _NAME.search(row.rsplit("|", 2)[1])] == []


def test_every_named_test_is_there() -> None:
    """A test that was renamed or removed is missed here."""
    assert set(_NAME.findall(PAGE)) - known_tests() == set()
