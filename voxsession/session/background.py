"""Learning that takes its time: what an extractor finds in the background, in the order in which it was said."""

from __future__ import annotations

import asyncio
import inspect
from collections import deque
from collections.abc import Awaitable, Sequence
from datetime import datetime
from typing import Any

from voxsession.core.memory_entry import MemoryEntry
from voxsession.core.message import Message
from voxsession.core.struct import Struct, field
from voxsession.errors import ModelError
from voxsession.memory.extraction import Extraction, ExtractionRequest, UserWords
from voxsession.session.batches import BatchScope
from voxsession.session.host import SessionHost
from voxsession.session.live import LiveCore
from voxsession.session.taking import remember_all, tell_failure
from voxsession.session.tasks import is_cancelled, take_outcome

__all__ = ["BackgroundLearning", "learning_of"]

MOST_TOGETHER = 8  # messages that wait are looked through in one request
MOST_EARLIER = 12
MOST_REMEMBERED = 40


class _Job(Struct, eq=False):
    """What is to be learned from some messages of one conversation.

    Attributes:
        said: the messages, with the user's own words of each.
        remembered: memories that the model was shown.
        running: an extractor's answer that is awaited; None where the turns are yet to be asked about.
        batch: the `batch_update()` block that the messages are part of.
    """

    messages: list[Message]
    said: list[UserWords]
    batch: BatchScope | None
    remembered: list[str] = field(default_factory=list)
    running: asyncio.Future[Any] | None = None

    @property
    def is_early(self) -> bool:
        """Whether the block that the messages are part of may still discard them."""
        return self.batch is not None and self.batch.is_open

    def can_take(self, other: _Job) -> bool:
        """Whether both can be asked about together."""
        return (
            self.running is None
            and other.running is None
            and not other.is_early
            and self.messages[0].conversation_id == other.messages[0].conversation_id
            and len(self.said) + len(other.said) <= MOST_TOGETHER
        )

    def take(self, other: _Job) -> None:
        """Adds what is to be learned from the later messages of `other`."""
        self.messages += other.messages
        self.said += other.said
        self.remembered += [text for text in other.remembered if text not in self.remembered]


class BackgroundLearning:
    """The learning of one session that waits or is at work: one thing at a time, in the order it was said."""

    def __init__(self, core: LiveCore, host: SessionHost) -> None:
        self._core = core
        self._host = host
        self._jobs: deque[_Job] = deque()
        self._at_work: _Job | None = None
        self._worker: asyncio.Task[None] | None = None

    # --- taking jobs

    def ask_later(
        self,
        message: Message,
        text: str,
        previous: str | None,
        shown: Sequence[MemoryEntry],
        *,
        at: datetime,
    ) -> None:
        """Notes a message that the extractor is to be asked about; `at` is its time in the user's own time zone."""
        words = UserWords(message_id=message.id, text=text, at=at, speaker=message.name, previous=previous)
        remembered = [entry.content for entry in shown if not entry.sensitive][:MOST_REMEMBERED]
        self._jobs.append(_Job([message], [words], self._core.outermost_batch, remembered))

    def wait_for(self, message: Message, facts: Awaitable[Any]) -> None:
        """Notes an extractor's answer that is on its way."""
        running = asyncio.ensure_future(facts)
        running.add_done_callback(take_outcome)
        self._jobs.append(_Job([message], [], self._core.outermost_batch, running=running))

    def start(self) -> None:
        """Begins with what waits; harmless where nothing does, or it has begun. Not to be called inside a batch."""
        worker = self._worker
        is_busy = worker is not None and not worker.done() and worker.get_loop() is _running_loop()
        if self._jobs and not self._jobs[0].is_early and not is_busy:
            self._worker = asyncio.get_running_loop().create_task(self._work())

    # --- the end of it

    async def finish(self, *, wait_seconds: float, cancels: bool) -> None:
        """Waits until all is learned, for a time.

        Args:
            wait_seconds: for so long.
            cancels: what is not done by then is given up, and told; else it goes on.
        """
        self.start()
        worker = self._worker
        if worker is None or worker.done() or worker is asyncio.current_task():
            return
        if worker.get_loop() is not asyncio.get_running_loop():
            return  # what an event loop left behind when it ended will never be done
        await asyncio.wait([worker], timeout=wait_seconds)
        if cancels and not worker.done():
            self._give_up(wait_seconds)
            await asyncio.wait([worker], timeout=1)

    def _give_up(self, wait_seconds: float) -> None:
        left = [*([self._at_work] if self._at_work else []), *self._jobs]
        count = sum(len(job.messages) for job in left)
        self._jobs.clear()
        for job in left:
            if job.running is not None:
                job.running.cancel()
        if self._worker is not None:
            self._worker.cancel()
        tell_failure(
            self._core,
            ModelError(
                f"Learning from {count} messages was given up after {wait_seconds:g} s: nothing is learned from them. "
                "Give the extractor a longer wait_seconds, or a faster model."
            ),
        )

    # --- work

    async def _work(self) -> None:
        while self._jobs and not self._jobs[0].is_early:
            job = self._at_work = self._jobs.popleft()
            while self._jobs and job.can_take(self._jobs[0]):
                job.take(self._jobs.popleft())
            try:
                if self._may_learn():
                    await self._learn(job)
            finally:
                self._at_work = None

    async def _learn(self, job: _Job) -> None:
        core = self._core
        there = self._present(job.messages)
        if not there:
            return  # the block that they were part of was discarded, or they were erased
        try:
            found = await self._found(job)
            extraction = found if isinstance(found, Extraction) else Extraction(facts=found)
            for problem in extraction.problems:
                tell_failure(core, problem)
            erased = {one.id for one in core.data.messages if one.redacted}
            messages = {one.id: one for one in there if one.id not in erased}
            if messages and self._may_learn():
                remember_all(core, self._host, messages, extraction.facts)
                await self._host.autosave_now(core)
        except asyncio.CancelledError:
            if is_cancelled():
                raise
            tell_failure(core, ModelError("The extractor was cancelled from inside."))
        except Exception as error:
            tell_failure(core, error)

    async def _found(self, job: _Job) -> Any:
        if job.running is not None:
            return await job.running
        found = self._host.extractor.extract_turn(self._request(job))
        return await found if inspect.isawaitable(found) else found

    def _request(self, job: _Job) -> ExtractionRequest:
        core = self._core
        first = job.messages[0]
        said = {message.id for message in job.messages}
        talk = [one for one in core.data.messages if one.conversation_id == first.conversation_id]
        ends = [place for place, one in enumerate(talk) if one.id in said]
        around = talk[max(ends[0] - MOST_EARLIER, 0) : ends[-1]] if ends else []
        return ExtractionRequest(
            said=job.said,
            earlier=[
                (one.role, one.content)
                for one in around
                if one.id not in said and one.content and not one.redacted
            ],
            remembered=job.remembered,
            count_tokens=self._host.counter.count,
            session_id=core.data.session_id,
            conversation_id=first.conversation_id,
        )

    def _may_learn(self) -> bool:
        """Whether the session still wants it: it may have ended, or learning been switched off meanwhile."""
        data = self._core.data
        has_ended = data.status != "active" or (
            data.expires_at is not None and data.expires_at <= self._core.now()
        )
        return not (has_ended or self._core.is_gone) and bool(data.config.get("enable_learning", True))

    def _present(self, messages: Sequence[Message]) -> list[Message]:
        """The messages that the session holds; they are among its newest."""
        held = {one.id for one in self._core.data.messages if not one.redacted}
        return [message for message in messages if message.id in held]


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def learning_of(core: LiveCore, host: SessionHost) -> BackgroundLearning:
    """What is learned of a session in the background."""
    if core.learning is None:
        core.learning = BackgroundLearning(core, host)
    learning: BackgroundLearning = core.learning
    return learning
