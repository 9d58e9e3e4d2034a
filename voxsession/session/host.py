"""What a session needs of the facade that made it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from voxsession.clock import Clock
from voxsession.core.struct import Struct
from voxsession.memory.embedding import BoundedEmbedder
from voxsession.memory.tokens import TokenCounter
from voxsession.session.live import LiveCore
from voxsession.session.recorder import Recorder

__all__ = ["SessionHost"]

LEARNING_WAIT_SECONDS = 10.0
_log = logging.getLogger(__name__)


class SessionHost(Struct, kw_only=True, eq=False):
    """The parts that all sessions of one facade share.

    Attributes:
        ready: opens storage and keys on first use; gives the recorder.
        release: takes a core back whose last handle closed.
        model_writes: the model can write texts, as the offline model cannot.
        autosave: the end of a turn, `add_messages`, the end of a conversation and `close` save.
        extractor: gives facts of a user message; at once, or awaited in the background.
        summarizer: shortens texts; None uses the model.
        embedder: turns texts into vectors; None leaves recall to words.
        fold: puts what a stored session taught into its person's profile, or only again; whether that changed it.
        person_profiles: closing and ending do that too.
        told_uncalled: the log has said why functions are not called.
    """

    clock: Clock
    counter: TokenCounter
    model: Any
    model_writes: bool
    extractor: Any
    summarizer: Any
    embedder: BoundedEmbedder | None
    autosave: bool
    ready: Callable[[], Awaitable[Recorder]]
    release: Callable[[LiveCore], None]
    fold: Callable[[LiveCore, bool], Awaitable[bool]]
    person_profiles: bool = False
    told_uncalled: bool = False

    def tell_uncalled(self, session_id: str) -> None:
        """Says in the log, once, that functions are there or asked for, and why none is called."""
        if not self.told_uncalled:
            self.told_uncalled = True
            _log.warning(
                "session %s: functions are registered, or the model asked for some, and none is called. That takes "
                "conv.register_function(...) as well as SessionConfig(enable_functions=True) or, for a session that "
                "exists, session.config.enable_functions = True.",
                session_id,
            )

    async def save(self, core: LiveCore) -> bool:
        """Saves what is pending; inside a batch nothing is saved before it ends."""
        if core.batches and core.in_batch:
            return False
        recorder = await self.ready()
        return await recorder.save(core)

    async def autosave_now(self, core: LiveCore) -> None:
        """Saves where the app left that to the library."""
        if self.autosave:
            await self.save(core)

    async def save_and_learn(self, core: LiveCore) -> None:
        """Saves a turn where the app left that to the library, then begins with what its words may teach."""
        try:
            if self.autosave:
                await self.save(core)
        finally:
            if core.learning is not None:
                self.start_learning(core)

    def start_learning(self, core: LiveCore) -> None:
        """Begins with what an extractor is to be asked about, now that the turn is saved."""
        if core.learning is not None and not core.in_batch:
            core.learning.start()

    async def finish_learning(self, core: LiveCore, *, cancels: bool) -> None:
        """Waits for what is learned in the background, for a bounded time.

        Args:
            core: the live session.
            cancels: what is not done by then is given up and told; else it goes on.
        """
        if core.learning is not None and not core.in_batch:
            seconds = getattr(self.extractor, "wait_seconds", LEARNING_WAIT_SECONDS)
            await core.learning.finish(wait_seconds=float(seconds), cancels=cancels)

    async def settle(self, core: LiveCore) -> None:
        """Waits for the background work of a session; its failures were told as events.

        What is still being learned after the extractor's `wait_seconds` is given up, and told.
        """
        await self.finish_learning(core, cancels=core.handles <= 1)
        loop = asyncio.get_running_loop()
        # What an event loop left behind when it ended will never be done.
        while waiting := [task for task in core.tasks if task.get_loop() is loop]:
            await asyncio.wait(waiting)
