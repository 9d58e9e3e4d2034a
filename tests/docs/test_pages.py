"""The README, the pages and the docstrings: what they show is run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.pages import has_examples, run_docstrings, run_markdown

ROOT = Path(__file__).resolve().parent.parent.parent
PAGES = sorted([*ROOT.glob("README.md"), *(ROOT / "docs").rglob("*.md"), *ROOT.glob("CONTRIBUTING.md")])
MODULES = sorted(path for path in (ROOT / "voxsession").rglob("*.py") if has_examples(path))
ODD_FENCE = re.compile(
    r"^[ \t>]*(?:`{3,}|~{3,})[ \t]*(py|py3|python3|Python|python[ \t{].*|[ \t]+python)[ \t]*$", re.M
)


def name_of(path: Path) -> str:
    """The path as one would type it."""
    return path.relative_to(ROOT).as_posix()


@pytest.fixture(autouse=True)
def fresh_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each page runs in an empty folder, so that `./sessions` lies nowhere else."""
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_the_page_runs(page: Path) -> None:
    """Every Python block of the page runs, from top to bottom."""
    run_markdown(page)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_no_block_hides_from_the_test(page: Path) -> None:
    """A Python block is spelt ```python and nothing else, or it would not be run."""
    odd = [match[0].strip() for match in ODD_FENCE.finditer(page.read_text("utf-8"))]
    assert not odd


@pytest.mark.parametrize("module", MODULES, ids=name_of)
def test_the_docstrings_run(module: Path) -> None:
    """Every `>>>` example of the module gives what it says."""
    run_docstrings(module)
