"""Runs the examples of one page: a Markdown file, or the docstrings of a module.

All examples of a page share one namespace and one event loop, and `await` may stand at the top level. Sybil finds
them; it has no evaluator that awaits, so the two here do.
"""

from __future__ import annotations

import ast
import asyncio
import contextlib
import doctest
import inspect
import io
import re
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import CodeType
from typing import Any

from sybil import Example, Sybil
from sybil.document import PythonDocStringDocument
from sybil.parsers.markdown import CodeBlockParser
from sybil.parsers.rest import DocTestParser

NOT_RUN = re.compile(r"<!--\s*not run:\s*(?P<reason>\S(?:(?!-->).)*)-->\s*\Z", re.DOTALL)
DOCTEST_FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def run_markdown(path: Path) -> None:
    """Run every fenced ``python`` block of the page, in order; the first that fails ends it."""
    with asyncio.Runner() as runner:
        sybil = Sybil(parsers=[CodeBlockParser("python", lambda example: run_block(example, runner))])
        document = sybil.parse(path)
        document.namespace["__name__"] = "__main__"
        for example in document:
            example.evaluate()


def run_docstrings(path: Path) -> None:
    """Run every ``>>>`` example in the docstrings of the module; failures are gathered."""
    with asyncio.Runner() as runner:
        sybil = Sybil(parsers=[DocTestParser()], document_types={".py": PythonDocStringDocument})
        document = sybil.parse(path)
        failures = []
        for example in document:
            example.region.evaluator = lambda found: run_doctest(found, runner)
            try:
                example.evaluate()
            except AssertionError as failure:
                failures.append(str(failure))
        assert not failures, "\n\n".join(failures)


def has_examples(path: Path) -> bool:
    """Whether the module has a docstring with an example, told without importing it."""
    return any(
        ">>>" in text for _, _, text in PythonDocStringDocument.extract_docstrings(path.read_text("utf-8"))
    )


def reason_not_to_run(example: Example) -> str | None:
    """What the comment before the block says, where it says `not run: reason`."""
    found = NOT_RUN.search(example.document.text, 0, example.start)
    return found["reason"].strip() if found else None


def run_block(example: Example, runner: asyncio.Runner) -> None:
    """Run one block; a traceback shows the line of the page."""
    if reason_not_to_run(example):
        return
    source = "\n" * example.line + str(example.parsed)
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    code = compile(source, example.path, "exec", flags=flags, dont_inherit=True)
    if "asyncio.run(" in source:
        # The block brings its own loop, which cannot be had inside another.
        exec(code, example.namespace)
    else:
        runner.run(execute(code, example.namespace))


async def execute(code: CodeType, namespace: dict[str, Any]) -> None:
    """Run the code within the page's loop, awaiting it where it awaits."""
    result = eval(code, namespace)
    if code.co_flags & inspect.CO_COROUTINE:
        await result


def run_doctest(example: Example, runner: asyncio.Runner) -> str | None:
    """What is wrong with one ``>>>`` example, or ``None``; as `doctest` judges, but it may await."""
    wanted: doctest.Example = example.parsed
    flags = DOCTEST_FLAGS
    for option, on in wanted.options.items():
        flags = flags | option if on else flags & ~option
    if flags & doctest.SKIP:
        return None
    got, error = outcome(example, wanted.source, runner)
    checker = doctest.OutputChecker()
    if error is not None and wanted.exc_msg is None:
        return "".join(traceback.format_exception(error))
    if error is not None:
        want, got = wanted.exc_msg or "", traceback.format_exception_only(error)[-1]
        if flags & doctest.IGNORE_EXCEPTION_DETAIL:
            want, got = want.partition(":")[0], got.partition(":")[0].rpartition(".")[2]
        return None if checker.check_output(want, got, flags) else f"Expected {want!r}, got {got!r}"
    if checker.check_output(wanted.want, got, flags):
        return None
    return wanted.source + checker.output_difference(wanted, got, flags)


def outcome(example: Example, source: str, runner: asyncio.Runner) -> tuple[str, Exception | None]:
    """What the example printed, and what it raised."""
    with contextlib.redirect_stdout(io.StringIO()) as printed, plain_display():
        try:
            flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
            code = compile(source, example.path, "single", flags=flags, dont_inherit=True)
            if "asyncio.run(" in source:
                exec(code, example.namespace)
            else:
                runner.run(execute(code, example.namespace))
        except Exception as error:
            return printed.getvalue(), error
    return printed.getvalue(), None


@contextlib.contextmanager
def plain_display() -> Iterator[None]:
    """Values are shown as the plain prompt shows them."""
    before = sys.displayhook
    sys.displayhook = sys.__displayhook__
    try:
        yield
    finally:
        sys.displayhook = before
