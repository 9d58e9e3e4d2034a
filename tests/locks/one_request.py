"""One request of the manager example, in a process that was made for it."""

from __future__ import annotations

import asyncio
import gc
import importlib.util
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

__all__ = ["answer_in", "answer_to", "manager_agent", "nothing_left_open"]

EXAMPLE = Path(__file__).resolve().parent.parent.parent / "examples" / "manager_agent.py"


def manager_agent() -> ModuleType:
    """The example as a fresh module."""
    spec = importlib.util.spec_from_file_location("manager_agent", EXAMPLE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@contextmanager
def nothing_left_open() -> Iterator[None]:
    """Fails where something that was opened within was not closed: sockets, files, connections, pools.

    They warn when they are collected, where an error can only be told to `sys.unraisablehook`.
    """
    told: list[str] = []
    before = sys.unraisablehook
    sys.unraisablehook = lambda about: told.append(repr(about.exc_value))
    gc.freeze()  # what was there before need not be looked through
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            yield
            gc.collect()
    finally:
        sys.unraisablehook = before
        gc.unfreeze()
    assert not told, f"left open: {told}"


async def _request(text: str) -> str:
    reply: str = await manager_agent().run_manager(text, {"user_id": "device-1"})
    left = asyncio.all_tasks() - {asyncio.current_task()}
    assert not left, f"tasks in the background: {left}"
    return reply


def answer_to(text: str) -> str:
    """The reply; whatever was not closed afterwards is an error."""
    with nothing_left_open():
        return asyncio.run(_request(text))


def answer_in(environment: dict[str, str], text: str) -> str:
    """The reply of a process that has this environment."""
    os.environ.clear()
    os.environ.update(environment)
    return answer_to(text)


if __name__ == "__main__":
    print(answer_to(sys.argv[1]))
