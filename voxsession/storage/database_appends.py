"""Appends that are asked for at once: those that wait for each other travel together, each with its own outcome."""

from __future__ import annotations

import asyncio
import copy
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from itertools import islice
from typing import Any, TypeAlias

from voxsession.errors import (
    ConfigurationError,
    StorageFullError,
    StorageUnavailableError,
    VoxSessionError,
)

__all__ = ["Appends", "Values"]

Values: TypeAlias = Mapping[str, Any]

AT_ONCE = 4
BURST, BURST_CHARACTERS = 64, 1 << 18
# What is wrong with the server or the way to it, and so with every append of a burst.
_OF_ALL = (StorageUnavailableError, StorageFullError, ConfigurationError)


class _Call:
    """One append that has to wait, and the burst that it went with."""

    __slots__ = ("answer", "burst", "others", "values")

    def __init__(self, values: Values, answer: asyncio.Future[None]) -> None:
        self.values = values
        self.answer = answer
        self.burst: asyncio.Task[None] | None = None
        self.others: Sequence[_Call] = ()


class Appends:
    """The appends of one event loop.

    Where nothing else is on its way an append goes alone and at once. Else it goes with all others that wait, in
    one statement; two of one record never go together, nor at the same time, but in the order of coming.

    Args:
        add_one: adds one batch, or raises why it does not fit.
        add_many: adds those batches that fit and are free to be written; gives the keys of their records. What
            is not among them is asked of `add_one`, which waits and explains.
    """

    def __init__(
        self,
        add_one: Callable[[Values], Awaitable[None]],
        add_many: Callable[[Sequence[Values]], Awaitable[set[str]]],
    ) -> None:
        self._add_one = add_one
        self._add_many = add_many
        self._waiting: dict[str, deque[_Call]] = {}  # by record, who came first in front
        self._keys: set[str] = set()  # of the records that are being written
        self._running = 0
        self._gathering: asyncio.Task[None] | None = None  # a burst that has not begun yet
        self._tasks: set[asyncio.Task[None]] = set()
        self._quiet = asyncio.Event()
        self._quiet.set()

    async def __call__(self, values: Values) -> None:
        """Adds one batch; raises what `add_one` raises."""
        if not self._running and values["key"] not in self._keys:
            self._running = 1
            self._keys.add(values["key"])
            self._quiet.clear()
            try:
                return await self._add_one(values)
            finally:
                self._keys.discard(values["key"])
                self._end()
        call = _Call(values, asyncio.get_running_loop().create_future())
        self._waiting.setdefault(values["key"], deque()).append(call)
        self._begin()
        try:
            await call.answer
        except asyncio.CancelledError:
            if call.burst is not None and all(other.answer.done() for other in call.others):
                call.burst.cancel()  # nobody waits for it any more
            raise

    async def settle(self) -> None:
        """Waits until no append is on its way."""
        await self._quiet.wait()
        while self._tasks:
            await asyncio.wait(set(self._tasks))

    def _begin(self) -> None:
        """Lets a burst go, once all who are at work in this round of the event loop have asked."""
        if self._gathering is not None or self._running >= AT_ONCE or self._waiting.keys() <= self._keys:
            return
        self._running += 1
        self._gathering = task = asyncio.get_running_loop().create_task(self._travel())
        self._tasks.add(task)
        task.add_done_callback(self._see_off)

    def _see_off(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if task is self._gathering:  # all tasks of the loop were cancelled before its first step
            self._gathering = None
            self._end()

    def _end(self) -> None:
        self._running -= 1
        self._begin()
        if not self._running:
            self._quiet.set()

    async def _travel(self) -> None:
        self._gathering = None
        calls = self._next_calls()
        self._begin()
        rest: Sequence[_Call] = ()
        try:
            rest = await self._go_together(calls)
        finally:
            self._let_go([call for call in calls if call not in rest])
        try:
            await asyncio.gather(*map(self._go_alone, rest))
        finally:
            self._let_go(rest)

    def _let_go(self, calls: Sequence[_Call]) -> None:
        for call in calls:
            self._keys.discard(call.values["key"])
            call.answer.cancel()  # does nothing to those that have one
        self._begin()

    def _next_calls(self) -> list[_Call]:
        """Those who are next, one for each record that is not being written."""
        calls: list[_Call] = []
        size = 0
        for key in list(islice((key for key in self._waiting if key not in self._keys), BURST)):
            if size > BURST_CHARACTERS:
                break
            queue = self._waiting.pop(key)
            while queue and queue[0].answer.done():  # its caller has gone
                queue.popleft()
            if queue:
                calls.append(queue.popleft())
                size += len(calls[-1].values["line"])
            if queue:
                self._waiting[key] = queue  # behind all others
        for call in calls:
            call.burst, call.others = asyncio.current_task(), calls
            self._keys.add(call.values["key"])
        return calls

    async def _go_together(self, calls: Sequence[_Call]) -> Sequence[_Call]:
        """Answers those that were added, and all where the server is away; gives the others."""
        try:
            if len(calls) < 2:
                await asyncio.gather(*map(self._go_alone, calls))
                return ()
            added = await self._add_many([call.values for call in calls])
        except _OF_ALL as error:
            for call in calls:
                _answer(call, _own(error))
            return ()
        except Exception:  # one of them may be at fault, which is for that one to be told
            return calls
        finally:
            # Whoever is explained a conflict, or waits for a row that others hold, keeps nobody else from going.
            self._end()
        for call in calls:
            if call.values["key"] in added:
                _answer(call)
        return [call for call in calls if call.values["key"] not in added]

    async def _go_alone(self, call: _Call) -> None:
        if call.answer.done():
            return
        try:
            await self._add_one(call.values)
        except Exception as error:
            _answer(call, error)
        else:
            _answer(call)


def _answer(call: _Call, error: Exception | None = None) -> None:
    if call.answer.done():  # its caller has gone
        return
    if error is None:
        call.answer.set_result(None)
    else:
        call.answer.set_exception(error)


def _own(error: VoxSessionError) -> VoxSessionError:
    """The same error for one of several callers: each raises it with a trace of its own."""
    own = copy.copy(error)
    own.__cause__ = error.__cause__
    return own
