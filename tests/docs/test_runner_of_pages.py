"""The runner of the pages itself: what it runs, what it leaves out, and what it says when a page is wrong."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from tests.docs.pages import has_examples, run_docstrings, run_markdown


def page(folder: Path, text: str) -> Path:
    """A Markdown page with this text."""
    path = folder / "page.md"
    path.write_text(textwrap.dedent(text))
    return path


def module(folder: Path, text: str) -> Path:
    """A module with this docstring."""
    path = folder / "shown_module.py"
    path.write_text(f'"""{textwrap.dedent(text)}"""\n')
    return path


def test_blocks_share_a_namespace_and_a_loop(tmp_path: Path) -> None:
    """What one block makes, tasks included, the next one has; `await` stands at the top level."""
    run_markdown(
        page(
            tmp_path,
            """
            ```python
            import asyncio
            task = asyncio.create_task(asyncio.sleep(0, "done"))
            loop = asyncio.get_running_loop()
            ```

            * also in a list:

              ```python
              assert await task == "done"
              assert asyncio.get_running_loop() is loop
              async with asyncio.timeout(1):
                  values = [value async for value in agen()] if False else [1]
              assert __name__ == "__main__"
              ```

            ```python
            assert values == [1]
            asyncio.run(asyncio.sleep(0))
            ```

            ```python
            await asyncio.sleep(0)
            ```
            """,
        )
    )


def test_a_block_with_a_reason_is_left_out(tmp_path: Path) -> None:
    """The comment right before a block keeps it from being run; it holds for that block only."""
    text = """
        <!-- not run: needs a telephone -->
        ```python
        1 / 0
        ```

        ```python
        seen = True
        1 / SECOND
        ```
        """
    run_markdown(page(tmp_path, text.replace("SECOND", "1")))

    with pytest.raises(ZeroDivisionError):
        run_markdown(page(tmp_path, text.replace("SECOND", "0")))


def test_a_comment_without_a_reason_leaves_nothing_out(tmp_path: Path) -> None:
    """Whoever leaves a block out says why."""
    with pytest.raises(ZeroDivisionError):
        run_markdown(page(tmp_path, "<!-- not run: -->\n```python\n1 / 0\n```\n"))


def test_a_failure_names_the_line_of_the_page(tmp_path: Path) -> None:
    """The traceback ends at the line that is wrong."""
    path = page(tmp_path, "# Title\n\n```python\nfine = 1\nassert fine == 2\n```\n")

    with pytest.raises(AssertionError) as caught:
        run_markdown(path)

    assert (Path(caught.traceback[-1].path), caught.traceback[-1].lineno + 1) == (path, 5)


def test_docstring_examples_are_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Values, prints, awaited values and expected errors are compared."""
    monkeypatch.syspath_prepend(tmp_path)
    path = module(
        tmp_path,
        """Shown.

        >>> import asyncio
        >>> 1 + 1
        2
        >>> await asyncio.sleep(0, "slept")
        'slept'
        >>> asyncio.run(asyncio.sleep(0, [1, 2]))
        [1, 2]
        >>> for part in "ab":
        ...     print(part)
        a
        b
        >>> {}["missing"]
        Traceback (most recent call last):
        KeyError: 'missing'
        >>> 1 / 0  # doctest: +SKIP
        """,
    )
    assert has_examples(path)

    run_docstrings(path)


@pytest.mark.parametrize(
    ("example", "complaint"),
    [
        (">>> 1 + 1\n3", "Got:\n    2"),
        (">>> undefined", "NameError"),
        (">>> {}['a']\nTraceback (most recent call last):\nValueError: no", "KeyError"),
        (">>> 1\nTraceback (most recent call last):\nValueError: no", "Got:\n    1"),
    ],
)
def test_a_wrong_docstring_is_told(
    example: str, complaint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A value that differs, an unexpected error and a missing one all fail, with what came instead."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(__import__("sys").modules, "shown_module", raising=False)
    path = module(tmp_path, f"Shown.\n\n{example}\n")

    with pytest.raises(AssertionError, match="did not evaluate as expected") as caught:
        run_docstrings(path)

    assert complaint in str(caught.value)
