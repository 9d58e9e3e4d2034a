"""Blocking calls on their way through a thread, which does them in bursts and wakes the loops that wait seldom."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Any

from voxsession.storage.file_parts import Parts, Pause

__all__ = ["BURST_CALLS", "Burst", "Job", "tell"]

BURST_CALLS = 32
BURST_SECONDS = 0.01  # nobody whose call is done waits longer than this for the others


class Job:
    """One call on its way: to a thread, and its outcome back to the loop that waits for it."""

    __slots__ = ("call", "error", "future", "loop", "parts", "result")

    def __init__(
        self, loop: asyncio.AbstractEventLoop, call: Callable[[], Any] | None, parts: Parts | None = None
    ) -> None:
        self.call = call
        self.parts = parts
        self.loop = loop
        self.future: asyncio.Future[Any] = loop.create_future()
        self.result: Any = None
        self.error: BaseException | None = None

    def is_unwanted(self) -> bool:
        """Whether whoever asked was cancelled before it began, and so has asked for nothing to happen."""
        return self.future.cancelled()

    def step(self, has_company: bool | None = None) -> Pause | None:
        """Works in the worker thread up to its next pause; None when it is done, and its outcome stays here."""
        try:
            if self.parts is not None:
                return self.parts.send(has_company)
            if self.call is not None:
                self.result = self.call()
        except StopIteration:
            pass
        except BaseException as error:
            self.error = error
        return None

    def settle(self) -> None:
        error, self.error = self.error, None
        if self.future.done():
            return
        if error is None:
            self.future.set_result(self.result)
        else:
            self.future.set_exception(error)


class Burst:
    """What one thread does before it wakes the loops: writes that pause, to be finished together, and other calls."""

    def __init__(self) -> None:
        self.jobs: list[Job] = []
        self._paused: list[Job] = []
        self._since = 0.0

    def take(self, job: Job) -> None:
        """Begins with one more; the burst ends when it has become large or long."""
        if job.is_unwanted():
            return
        if not self.jobs:
            self._since = time.monotonic()
        if job.parts is None:
            self.finish()  # it may wait for a lock that a write holds here
        pause = job.step()
        if pause is Pause.OCCUPIED:
            self.finish()
            pause = job.step()
        if pause is Pause.WAITING:
            self.end()
            pause = job.step()
        self.jobs.append(job)
        if pause is not None:
            self._paused.append(job)
        if len(self.jobs) >= BURST_CALLS or time.monotonic() - self._since > BURST_SECONDS:
            self.end()

    def end(self) -> None:
        """Finishes what paused and wakes each loop once for all that was done for it."""
        self.finish()
        _deliver(self.jobs)

    def finish(self) -> None:
        """Does the rest of the writes that paused."""
        while self._paused:
            has_company = len(self._paused) > 1
            self._paused = [job for job in self._paused if job.step(has_company) is not None]


def _deliver(finished: list[Job]) -> None:
    """Wakes each loop once for all that was done for it."""
    while finished:
        loop = finished[0].loop
        mine = [job for job in finished if job.loop is loop]
        finished[:] = [job for job in finished if job.loop is not loop]
        tell(loop, _settle, mine)


def tell(loop: asyncio.AbstractEventLoop, call: Callable[[Any], None], outcome: Any) -> None:
    """Calls something on a loop from another thread."""
    with contextlib.suppress(RuntimeError):  # the loop was closed, nobody waits any more
        loop.call_soon_threadsafe(call, outcome)


def _settle(jobs: list[Job]) -> None:
    for job in jobs:
        job.settle()
