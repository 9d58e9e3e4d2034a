"""Blocking calls on their way through a thread, which does them in bursts and wakes the loops that wait seldom."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from voxsession.storage.file_parts import Parts, Pause

__all__ = ["BURST_CALLS", "Burst", "Job", "SharedSteps", "tell"]

BURST_CALLS = 128
MANY_LOCKS = 4  # with so many the next write may find its lock taken here, and it pays to share the syncs
BURST_SECONDS = 0.05  # nobody whose call is done waits longer than this for the others


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


class SharedSteps:
    """The next step of many writes, each of which waits for the disk: threads that help take one after another."""

    def __init__(self, jobs: list[Job]) -> None:
        self._waiting = deque(jobs)
        self._count = len(jobs)
        self._taken: list[Job] = []
        self._all_taken = threading.Event()
        self.paused: list[Job] = []

    def help(self) -> None:
        """Takes steps until all are taken or with somebody else."""
        with contextlib.suppress(IndexError):
            while True:
                job = self._waiting.popleft()
                if job.step(True) is not None:
                    self.paused.append(job)
                self._taken.append(job)
                if len(self._taken) == self._count:
                    self._all_taken.set()

    def finish(self) -> list[Job]:
        """Takes steps, waits for those who help, and tells which writes go on."""
        self.help()
        self._all_taken.wait()
        return self.paused


class Burst:
    """What one thread does before it wakes the loops: writes that pause, to be finished together, and other calls.

    Args:
        before_blocking: called before a write blocks the thread, which then holds up what waits for it.
        ask_for_help: told of steps that other threads may share.
    """

    def __init__(
        self, before_blocking: Callable[[], object], ask_for_help: Callable[[SharedSteps], object]
    ) -> None:
        self._before_blocking = before_blocking
        self._ask_for_help = ask_for_help
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
            self._before_blocking()
            pause = job.step()
        self.jobs.append(job)
        if pause is not None:
            self._paused.append(job)
        if len(self.jobs) >= BURST_CALLS or time.monotonic() - self._since > BURST_SECONDS:
            self.end()

    def has_many_locks(self) -> bool:
        """Whether the next write would probably find its lock taken here."""
        return len(self._paused) >= MANY_LOCKS

    def end(self) -> None:
        """Finishes what paused and wakes each loop once for all that was done for it."""
        self.finish()
        _deliver(self.jobs)

    def finish(self) -> None:
        """Does the rest of the writes that paused."""
        while self._paused:
            has_company = len(self._paused) > 1
            pauses = [(job, job.step(has_company)) for job in self._paused]
            self._paused = [job for job, pause in pauses if pause is Pause.WRITTEN]
            if begun := [job for job, pause in pauses if pause is Pause.SYNCING]:
                self._paused += self._synced(begun)

    def _synced(self, jobs: list[Job]) -> list[Job]:
        steps = SharedSteps(jobs)
        if len(jobs) >= MANY_LOCKS:
            self._ask_for_help(steps)
        return steps.finish()


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
