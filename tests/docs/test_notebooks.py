"""Every notebook in examples/ runs from top to bottom, and what its cells show is sound HTML without scripts."""

from __future__ import annotations

import ast
import asyncio
import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from tests.docs.pages import execute

ROOT = Path(__file__).resolve().parent.parent.parent
NOTEBOOKS = sorted((ROOT / "examples").glob("*.ipynb"))
VOID = {"area", "base", "br", "col", "hr", "img", "input", "link", "meta"}
TAGS = set(
    """
    div span strong em code br p table thead tbody tr th td figure figcaption svg text line circle rect path title
    """.split()
)
ATTRIBUTES = set(
    """
    style role aria-label width height viewbox font-family font-size fill fill-opacity opacity stroke stroke-width
    stroke-opacity stroke-linecap text-anchor x y x1 y1 x2 y2 cx cy r d rx transform
    """.split()
)


class Balance(HTMLParser):
    """Fails on tags that are not closed, on scripts and handlers, and on what loads anything."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.charts = 0

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        assert tag in TAGS and {name for name, _ in attrs} <= ATTRIBUTES, f"<{tag}> {attrs}"
        assert "url(" not in (dict(attrs).get("style") or "")
        self.charts += tag == "svg"
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: Any) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open.pop() == tag, f"</{tag}> closes nothing"


def check_html(html: str) -> int:
    """Fails on what a notebook must not be given; the number of charts in it."""
    balance = Balance()
    balance.feed(html)
    balance.close()
    assert balance.open == []
    return balance.charts


def shown_by(path: Path) -> list[str]:
    """Runs the code cells as a notebook does, in one loop and one namespace; what the last line of each shows."""
    notebook = json.loads(path.read_text("utf-8"))
    namespace: dict[str, Any] = {"__name__": "__main__"}
    shown = []
    with asyncio.Runner() as runner:
        for number, cell in enumerate(notebook["cells"]):
            if cell["cell_type"] != "code":
                continue
            tree = ast.parse("".join(cell["source"]), f"{path.name}, cell {number}")
            last = tree.body[-1] if tree.body else None
            if isinstance(last, ast.Expr):
                tree.body[-1] = ast.copy_location(ast.Assign([ast.Name("_", ast.Store())], last.value), last)
            code = compile(
                ast.fix_missing_locations(tree),
                tree_name(path, number),
                "exec",
                ast.PyCF_ALLOW_TOP_LEVEL_AWAIT,
            )
            runner.run(execute(code, namespace))
            if isinstance(last, ast.Expr):
                value = namespace["_"]
                html = getattr(value, "_repr_html_", None)
                shown.append(html() if html is not None else "" if value is None else repr(value))
    return shown


def tree_name(path: Path, number: int) -> str:
    """What a traceback calls the cell."""
    return f"{path.name}[{number}]"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_the_notebook_runs(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All cells run in an empty folder; most of them show something, charts among it."""
    monkeypatch.chdir(tmp_path)
    shown = shown_by(path)
    charts = sum(check_html(html) for html in shown)
    assert len([html for html in shown if html]) >= 5 and charts >= 5


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_the_notebook_is_small(path: Path) -> None:
    """It holds no outputs, no counters and nothing of the machine that it was written on."""
    notebook = json.loads(path.read_text("utf-8"))
    assert notebook["nbformat"] == 4 and path.stat().st_size < 30_000
    for cell in notebook["cells"]:
        assert not cell.get("outputs") and cell.get("execution_count") is None
        assert not cell["metadata"]
