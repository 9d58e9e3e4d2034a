"""Threads for blocking calls, where many calls at once share their way there and back."""

from __future__ import annotations

import asyncio
import contextlib
import os
import queue
import threading
import time
import weakref
from collections.abc import Callable
from typing import Any, TypeVar

__all__ = ["BurstThreads"]

T = TypeVar("T")

# A disk merges the syncs that wait for it at the same time, so four threads save twice as much as one; with more
# of them the interpreter's lock changes hands so often that nothing is won unless a sync takes milliseconds.
THREADS = 4
BURST_CALLS = 16
BURST_SECONDS = 0.002
CLOSING_SECONDS = 10.0  # a call may hang in a lock that a stopped process holds


class _Job:
    """One call on its way: to a thread, and its outcome back to the loop that waits for it."""

    __slots__ = ("call", "error", "future", "loop", "result")

    def __init__(self, call: Callable[[], Any], loop: asyncio.AbstractEventLoop) -> None:
        self.call: Callable[[], Any] | None = call
        self.loop = loop
        self.future: asyncio.Future[Any] = loop.create_future()
        self.result: Any = None
        self.error: BaseException | None = None

    def run(self) -> None:
        """Does the work in the worker thread; its outcome stays here until it is handed over."""
        call, self.call = self.call, None
        # Whoever was cancelled before it began has asked for nothing to happen.
        if call is None or self.future.cancelled():
            return
        try:
            self.result = call()
        except BaseException as error:
            self.error = error

    def settle(self) -> None:
        error, self.error = self.error, None
        if self.future.done():
            return
        if error is None:
            self.future.set_result(self.result)
        else:
            self.future.set_exception(error)


class _Crew:
    """The threads of one process and their queue; it outlives no `BurstThreads` and knows no event loop."""

    def __init__(self, name: str, size: int) -> None:
        self.pid = os.getpid()
        self.jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self.threads: list[threading.Thread] = []
        self._name = name
        self._size = size
        self._lock = threading.Lock()
        self._dismissed = False

    def call_one(self) -> None:
        """One more thread, unless all are there."""
        with self._lock:
            if len(self.threads) < self._size and not self._dismissed:
                thread = threading.Thread(
                    target=self._work, name=f"{self._name}-{len(self.threads)}", daemon=True
                )
                self.threads.append(thread)
                thread.start()

    def dismiss(self) -> None:
        """Lets the threads end behind the last call."""
        with self._lock:
            self._dismissed = True
            self.jobs.put(None)

    def join(self) -> None:
        until = time.monotonic() + CLOSING_SECONDS
        for thread in self.threads:
            thread.join(max(0.0, until - time.monotonic()))

    def _work(self) -> None:
        finished: list[_Job] = []
        since = 0.0
        while True:
            try:
                job = self.jobs.get_nowait() if finished else self.jobs.get()
            except queue.Empty:
                _deliver(finished)
                continue
            if job is None:
                self.jobs.put(None)  # for the next thread
                _deliver(finished)
                return
            if len(self.threads) < self._size and self.jobs.qsize():
                self.call_one()
            if not finished:
                since = time.monotonic()
            job.run()
            finished.append(job)
            del job
            if len(finished) >= BURST_CALLS or time.monotonic() - since > BURST_SECONDS:
                _deliver(finished)


def _deliver(finished: list[_Job]) -> None:
    """Wakes each loop once for all that was done for it."""
    while finished:
        loop = finished[0].loop
        mine = [job for job in finished if job.loop is loop]
        finished[:] = [job for job in finished if job.loop is not loop]
        with contextlib.suppress(RuntimeError):  # the loop was closed, nobody waits any more
            loop.call_soon_threadsafe(_settle, mine)


def _settle(jobs: list[_Job]) -> None:
    for job in jobs:
        job.settle()


class BurstThreads:
    """Runs blocking calls in a few daemon threads, made when needed and again after `close` or a fork.

    A call made while a thread is idle starts at once. Calls made at once are drawn from one queue,
    and a thread wakes the loop once for all that it has finished. Nothing stays bound to a loop.

    Args:
        name: what the threads are called.
        size: how many run at most.
    """

    def __init__(self, name: str, size: int = THREADS) -> None:
        self._name = name
        self._size = size
        self._crew: _Crew | None = None
        self._release: weakref.finalize[..., Any] | None = None

    async def run(self, call: Callable[[], T]) -> T:
        """The result of the call; a call that has begun is finished also when the waiting task is cancelled."""
        crew = self._crew
        if crew is None or crew.pid != os.getpid():
            crew = self._hire()
        job = _Job(call, asyncio.get_running_loop())
        crew.jobs.put(job)
        result: T = await job.future
        return result

    @property
    def threads(self) -> list[threading.Thread]:
        """The threads that are there now."""
        return list(self._crew.threads) if self._crew is not None else []

    def _hire(self) -> _Crew:
        if self._release is not None:
            self._release.detach()
        crew = _Crew(self._name, self._size)
        crew.call_one()
        # Whoever forgets to close leaves no threads behind once the storage is gone.
        self._release = weakref.finalize(self, crew.dismiss)
        self._release.atexit = False
        self._crew = crew
        return crew

    async def close(self) -> None:
        """Waits for what has begun and lets the threads end."""
        crew, self._crew = self._crew, None
        if crew is not None and crew.pid == os.getpid():
            crew.dismiss()
            await asyncio.to_thread(crew.join)
