"""Giving up calls that take too long, with one timer for all that run."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any, TypeVar

from voxsession.session.loop_bound import LoopBound

__all__ = ["Deadlines"]

_T = TypeVar("_T")


class Deadlines:
    """Gives each call the same time; `asyncio.timeout` would set a timer for each, and take it back.

    Args:
        seconds: how long a call may take.

    Example:
        >>> asyncio.run(Deadlines(0.01).kept(asyncio.sleep(60)))
        Traceback (most recent call last):
        ...
        TimeoutError
    """

    def __init__(self, seconds: float) -> None:
        self._calls: LoopBound[_Calls] = LoopBound(lambda: _Calls(seconds))

    async def kept(self, operation: Awaitable[_T]) -> _T:
        """What the call gives.

        Raises:
            TimeoutError: it took longer, and was cancelled.
        """
        calls = self._calls.get()
        task = asyncio.current_task(calls.loop)
        assert task is not None
        call, before = calls.begin(task), task.cancelling()
        try:
            return await operation
        except asyncio.CancelledError:
            if call.is_late and task.cancelling() <= before + 1:  # nobody else cancelled it
                raise TimeoutError from None
            raise
        finally:
            calls.end(call)
            if call.is_late:
                task.uncancel()


class _Call:
    __slots__ = ("ends_at", "is_late", "task")

    def __init__(self, task: asyncio.Task[Any], ends_at: float) -> None:
        self.task = task
        self.ends_at = ends_at
        self.is_late = False


class _Calls:
    """The calls that run in one event loop, in the order in which their time ends."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.loop = asyncio.get_running_loop()
        self._running: dict[_Call, None] = {}
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, task: asyncio.Task[Any]) -> _Call:
        call = _Call(task, self.loop.time() + self._seconds)
        self._running[call] = None
        if self._timer is None:
            self._timer = self.loop.call_at(call.ends_at, self._cancel_late)
        return call

    def end(self, call: _Call) -> None:
        self._running.pop(call, None)

    def _cancel_late(self) -> None:
        self._timer, now = None, self.loop.time()
        for call in list(self._running):
            if call.ends_at > now:
                self._timer = self.loop.call_at(call.ends_at, self._cancel_late)
                return
            del self._running[call]
            call.is_late = True
            call.task.cancel()
