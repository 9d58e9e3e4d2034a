"""Threads for blocking calls, where many calls at once share their way there and back."""

from __future__ import annotations

import asyncio
import os
import queue
import threading
import weakref
from collections.abc import Callable
from typing import Any, TypeVar

from voxsession.storage.file_jobs import Burst, Job, tell
from voxsession.storage.file_parts import Parts

__all__ = ["BurstThreads"]

T = TypeVar("T")

# A disk merges the syncs that wait for it at the same time, so four threads save twice as much as one; with more
# of them the interpreter's lock changes hands so often that nothing is won unless a sync takes milliseconds.
THREADS = 4
CLOSING_SECONDS = 10.0  # a call may hang in a lock that a stopped process holds


class _Crew:
    """The threads of one process and their queue; it outlives no `BurstThreads` and knows no event loop."""

    def __init__(self, name: str, size: int) -> None:
        self.pid = os.getpid()
        self.jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self.threads: list[threading.Thread] = []
        self._idle: set[int] = set()
        self._name = name
        self._size = size
        self._lock = threading.Lock()
        self._dismissed = False
        self._at_work = 0
        self._when_ended: Callable[[], object] | None = None

    def take(self, job: Job) -> None:
        """Queues a call, and sees to it that it does not wait behind one that takes long."""
        self.jobs.put(job)
        if not self._idle and len(self.threads) < self._size:
            self.call_one()

    def call_one(self) -> None:
        """One more thread, unless all are there."""
        with self._lock:
            if len(self.threads) < self._size and not self._dismissed:
                thread = threading.Thread(
                    target=self._work, name=f"{self._name}-{len(self.threads)}", daemon=True
                )
                self.threads.append(thread)
                self._at_work += 1
                thread.start()

    def dismiss(self, when_ended: Callable[[], object] | None = None) -> None:
        """Lets the threads end behind the last call; the last of them tells that it does."""
        with self._lock:
            self._dismissed = True
            self._when_ended = when_ended
            self.jobs.put(None)

    def _leave(self) -> None:
        self.jobs.put(None)  # for the next thread
        with self._lock:
            self._at_work -= 1
            when_ended = None if self._at_work else self._when_ended
        if when_ended is not None:
            when_ended()

    def join(self) -> None:
        """Returns when the threads are gone; for those that are about to go."""
        for thread in self.threads:
            thread.join(CLOSING_SECONDS)

    def _work(self) -> None:
        burst, me = Burst(), threading.get_ident()
        while True:
            try:
                if not burst.jobs:
                    self._idle.add(me)
                job = self.jobs.get_nowait() if burst.jobs else self.jobs.get()
            except queue.Empty:
                burst.finish()
                self._idle.add(me)  # whoever is woken now may send the next call before this thread is back
                burst.end()
                continue
            self._idle.discard(me)
            if job is None:
                burst.end()
                self._leave()
                return
            if len(self.threads) < self._size and self.jobs.qsize():
                self.call_one()
            burst.take(job)
            del job


def _note_end(ended: asyncio.Future[None]) -> None:
    if not ended.done():
        ended.set_result(None)


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
        job = Job(asyncio.get_running_loop(), call)
        self._send(job)
        result: T = await job.future
        return result

    async def write(self, parts: Parts) -> None:
        """Does a write, perhaps together with others; one that has begun is finished in any case, as in `run`."""
        job = Job(asyncio.get_running_loop(), None, parts)
        self._send(job)
        await job.future

    @property
    def threads(self) -> list[threading.Thread]:
        """The threads that are there now."""
        return list(self._crew.threads) if self._crew is not None else []

    def _send(self, job: Job) -> None:
        crew = self._crew
        if crew is None or crew.pid != os.getpid():
            crew = self._hire()
        crew.take(job)

    def _hire(self) -> _Crew:
        if self._release is not None:
            self._release.detach()
        crew = _Crew(self._name, self._size)
        # Whoever forgets to close leaves no threads behind once the storage is gone.
        self._release = weakref.finalize(self, crew.dismiss)
        self._release.atexit = False
        self._crew = crew
        return crew

    async def close(self) -> None:
        """Waits for what has begun and lets the threads end."""
        crew, self._crew = self._crew, None
        if crew is not None and crew.pid == os.getpid():
            loop = asyncio.get_running_loop()
            ended = loop.create_future()
            crew.dismiss(lambda: tell(loop, _note_end, ended))
            await asyncio.wait((ended,), timeout=CLOSING_SECONDS)
            if ended.done():
                crew.join()  # they have nothing left to do
