"""Processes that have done nothing before but import: forked from one that was warmed up."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

__all__ = ["answers", "forked"]

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["tests.locks.warm"])


def _tell(pipe: Connection, call: Callable[..., Any], args: tuple[Any, ...]) -> None:
    pipe.send(call(*args))


def answers(call: Callable[..., Any], each: list[tuple[Any, ...]]) -> list[Any]:
    """What the call gives in a process of its own for each of these arguments, all at once."""
    running = []
    for args in each:
        ours, its = CONTEXT.Pipe(duplex=False)
        process = CONTEXT.Process(target=_tell, args=(its, call, args))
        process.start()
        its.close()
        running.append((process, ours))
    try:
        return [ours.recv() for _, ours in running]
    finally:
        for process, ours in running:
            ours.close()
            process.join(30)
            assert process.exitcode == 0


def forked(call: Callable[..., Any], *args: Any) -> Any:
    """What the call gives in a process of its own."""
    return answers(call, [args])[0]
