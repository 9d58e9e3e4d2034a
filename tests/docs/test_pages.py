"""The README, the pages and the docstrings: what they show is run."""

from __future__ import annotations

import ast
import asyncio
import codeop
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


# What a page that says so in a Python block finds in its environment.
SERVERS = {'os.environ["DATABASE_URL"]': "postgres_server", 'os.environ["REDIS_URL"]': "redis_server"}


def name_of(path: Path) -> str:
    """The path as one would type it."""
    return path.relative_to(ROOT).as_posix()


def servers_of(page: Path) -> dict[str, str]:
    """The variables that a page asks for, with the fixtures of their servers."""
    text = page.read_text("utf-8")
    return {asked.split('"')[1]: server for asked, server in SERVERS.items() if asked in text}


def marked(page: Path) -> object:
    """The page as a parameter; one that needs a server says so."""
    return pytest.param(page, marks=[pytest.mark.server] if servers_of(page) else [], id=name_of(page))


@pytest.fixture(autouse=True)
def fresh_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each page runs in an empty folder, so that `./sessions` lies nowhere else."""
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("page", [marked(page) for page in PAGES])
def test_the_page_runs(page: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every Python block of the page runs, from top to bottom, on real servers where it asks for them."""
    for variable, name in servers_of(page).items():
        server = request.getfixturevalue(name)
        url = asyncio.run(server.new_place()) if variable == "DATABASE_URL" else server.url
        monkeypatch.setenv(variable, url)
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


def test_the_quickstart_can_be_typed_into_the_prompt() -> None:
    """`python -m asyncio` ends a block at a blank line, so none stands inside one."""
    text = (ROOT / "docs" / "quickstart.md").read_text("utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", text, re.M | re.DOTALL)
    assert len(blocks) > 5
    for block in blocks:
        typed: list[str] = []
        for line in [*block.splitlines(), ""]:
            typed.append(line)
            if prompt_takes("\n".join(typed)):
                typed = []
        assert not typed, f"The prompt still waits for the end of:\n{block}"


def prompt_takes(source: str) -> bool:
    """Whether the prompt runs what was typed so far; False where it waits for more.

    Raises:
        SyntaxError: what was typed cannot be run.
    """
    prompt = codeop.CommandCompiler()
    prompt.compiler.flags |= ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    return prompt(source, "<prompt>", "single") is not None
