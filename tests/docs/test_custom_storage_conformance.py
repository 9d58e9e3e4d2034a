"""The adapters that the pages and the examples show: each meets the claims that every storage has to meet."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest
from sybil import Sybil
from sybil.parsers.markdown import CodeBlockParser

from voxsession.testing import StorageConformance

ROOT = Path(__file__).resolve().parent.parent.parent


def classes_of(name: str) -> dict[str, Any]:
    """What a page or a program imports and the classes it shows; nothing else of it is run."""
    path = ROOT / name
    if path.suffix == ".md":
        blocks = Sybil(parsers=[CodeBlockParser("python", lambda example: None)]).parse(path)
        sources = [str(block.parsed) for block in blocks]
    else:
        sources = [path.read_text("utf-8")]
    namespace: dict[str, Any] = {"__name__": path.stem}
    for source in sources:
        shown = ast.parse(source, name)
        shown.body = [
            node for node in shown.body if isinstance(node, ast.Import | ast.ImportFrom | ast.ClassDef)
        ]
        exec(compile(shown, name, "exec", dont_inherit=True), namespace)
    return namespace


# The page on adapters shows the test too: this is it.
TestFolderStorage = classes_of("docs/extending.md")["TestFolderStorage"]


class TestReadme(StorageConformance):
    """The adapter of the README."""

    async def make_storage(self, tmp_path: Path) -> object:
        return classes_of("README.md")["MyStorage"]()


class TestGuide(StorageConformance):
    """The adapter of the guide on storages of one's own."""

    async def make_storage(self, tmp_path: Path) -> object:
        return classes_of("docs/guides/own-storage.md")["TableStorage"]()


# The example opens a connection for each call and leaves it to the interpreter to close it.
@pytest.mark.filterwarnings("ignore:unclosed database:ResourceWarning")
class TestExample(StorageConformance):
    """The adapter of examples/custom_storage.py."""

    async def make_storage(self, tmp_path: Path) -> object:
        return classes_of("examples/custom_storage.py")["SQLiteSessionStorage"](tmp_path / "rows.sqlite")


def test_the_shown_test_is_run() -> None:
    """The class that the page shows is a test of the adapter that the page shows."""
    assert issubclass(TestFolderStorage, StorageConformance)
