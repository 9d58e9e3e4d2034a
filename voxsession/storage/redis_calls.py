"""Calls to one server that share a few connections: those that are asked for at once travel together."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, TypeAlias

__all__ = ["Calls", "Command"]

Command: TypeAlias = Any  # a list of words, or the bytes of a whole command
Send: TypeAlias = Callable[[list[Command]], Awaitable[list[Any]]]
_Burst: TypeAlias = list[tuple[Command, asyncio.Future[Any]]]

BURST, BURST_BYTES = 64, 1 << 18


class _Journey:
    """Calls that travel together; without a burst, those that were asked for until it begins."""

    __slots__ = ("burst", "has_begun")

    def __init__(self, burst: _Burst | None) -> None:
        self.burst = burst
        self.has_begun = False


class Calls:
    """Lets at most so many calls be on their way; no number of waiting ones is an error.

    A call beside which there is no other goes at once. While one is on its way, all that are asked for in one round
    of the event loop go together over another connection, and so do those that find no connection free.

    Args:
        send: sends commands over one connection and gives their answers in order, an exception where one failed.
        at_once: the number of connections.
        together: commands of several waiting calls may share a round trip.
    """

    def __init__(self, send: Send, at_once: int, *, together: bool) -> None:
        self._send = send
        self._at_once = at_once
        self._most = BURST if together else 1
        self._running = 0
        self._waiting: deque[tuple[Command, asyncio.Future[Any]]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_gathering = False
        self._quiet = asyncio.Event()
        self._quiet.set()

    async def __call__(self, command: Command) -> Any:
        """The answer to a command."""
        if not self._running or (self._most == 1 and self._running < self._at_once):
            # Nobody waits: no task, no future, one caller on one connection.
            self._begin()
            try:
                [answer] = await self._send([command])
            finally:
                self._end()
        else:
            future = asyncio.get_running_loop().create_future()
            self._waiting.append((command, future))
            if not self._is_gathering and self._running < self._at_once:
                self._is_gathering = True
                self._begin()
                self._start(_Journey(None))
            answer = await future
        if isinstance(answer, BaseException):
            raise answer
        return answer

    async def settle(self) -> None:
        """Waits until no call is on its way."""
        await self._quiet.wait()

    def _begin(self) -> None:
        self._running += 1
        self._quiet.clear()

    def _end(self) -> None:
        self._running -= 1
        while self._waiting and self._running < self._at_once:
            burst = self._next_burst()
            if burst:
                self._begin()
                self._start(_Journey(burst))
        if not self._running:
            self._quiet.set()

    def _start(self, journey: _Journey) -> None:
        task = asyncio.get_running_loop().create_task(self._go(journey))
        self._tasks.add(task)
        task.add_done_callback(partial(self._see_off, journey))

    async def _go(self, journey: _Journey) -> None:
        journey.has_begun = True
        burst = journey.burst
        if burst is None:
            self._is_gathering = False
            burst = self._next_burst()
        if burst:
            await self._travel(burst)
        else:
            self._end()

    def _see_off(self, journey: _Journey, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not journey.has_begun:  # all tasks of the loop were cancelled before its first step
            if journey.burst is None:
                self._is_gathering = False
            for _, future in journey.burst or ():
                future.cancel()
            self._end()

    def _next_burst(self) -> _Burst:
        burst: _Burst = []
        size = 0
        while self._waiting and len(burst) < self._most and size < BURST_BYTES:
            command, future = self._waiting.popleft()
            if not future.done():  # its caller has gone
                burst.append((command, future))
                size += len(command) if isinstance(command, bytes) else sum(map(len, command))
        return burst

    async def _travel(self, burst: _Burst) -> None:
        try:
            answers = await self._send([command for command, _ in burst])
        except asyncio.CancelledError:  # the event loop ends
            for _, future in burst:
                future.cancel()
            raise
        except Exception as error:
            answers = [error] * len(burst)
        finally:
            self._end()
        for (_, future), answer in zip(burst, answers, strict=True):
            if not future.done():
                future.set_result(answer)
