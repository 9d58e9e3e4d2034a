"""Who may run a turn of a conversation, when two want to at once."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Literal, Protocol, TypeAlias, get_args

from voxsession.errors import ConfigurationError, ConversationBusyError
from voxsession.models.base import Reply
from voxsession.session.loop_bound import LoopBound

__all__ = ["ON_BUSY", "OnBusy", "TurnGate"]

OnBusy: TypeAlias = Literal["queue", "reject", "interrupt"]
ON_BUSY: tuple[str, ...] = get_args(OnBusy)


class Running(Protocol):
    """What a gate needs to know of a turn."""

    conversation_id: str
    reply: Reply | None

    def stop(self, heard: str | None) -> None:
        """Cuts its reply off; `heard` is what reached the person."""

    def is_abandoned(self) -> bool:
        """Whether nobody reads it any more."""

    async def close(self) -> None:
        """Settles it as it stands."""


class TurnGate:
    """One turn at a time, in the order they came.

    The place goes straight from the one that leaves to the next, so that nobody finds it free who came later.
    """

    def __init__(self) -> None:
        self._queue: LoopBound[deque[tuple[Running, asyncio.Future[None]]]] = LoopBound(deque)
        self._loop: asyncio.AbstractEventLoop | None = None
        self.running: Running | None = None

    async def enter(self, turn: Running, on_busy: str, session_id: str) -> None:
        """Waits for its place; a stream that was left without an end is settled first.

        Raises:
            ConversationBusyError: another turn runs and `on_busy` is ``reject``.
        """
        if on_busy not in ON_BUSY:
            raise ConfigurationError.out_of_range("on_busy", on_busy, "choose one of " + ", ".join(ON_BUSY))
        await self.settle_abandoned()
        loop = asyncio.get_running_loop()
        if self.running is None or self._is_left_behind():
            self.running, self._loop = turn, loop
            return
        if on_busy == "reject":
            raise ConversationBusyError(session_id, turn.conversation_id)
        queue = self._queue.get()
        if on_busy == "interrupt":
            for one in (self.running, *(waiting for waiting, _ in queue)):
                one.stop(None)
        place: asyncio.Future[None] = loop.create_future()
        queue.append((turn, place))
        try:
            await place
        except BaseException:
            self.leave(turn)  # where the place came in the same moment
            raise

    def leave(self, turn: Running) -> None:
        """Lets the next one in; harmless when repeated."""
        if self.running is not turn:
            return
        self.running = self._loop = None
        queue = self._queue.get()
        while queue:
            following, place = queue.popleft()
            if not place.done():  # else it was cancelled
                self.running, self._loop = following, place.get_loop()
                place.set_result(None)
                return

    def _is_left_behind(self) -> bool:
        """Whether the turn that runs is of a loop that has stopped, so that nobody goes on with it."""
        return self._loop is not None and not self._loop.is_running()

    @property
    def is_idle(self) -> bool:
        """Whether no turn runs and none waits."""
        return self.running is None

    async def settle_abandoned(self) -> None:
        """Closes a stream whose reader went away without closing it."""
        if self.running is not None and self.running.is_abandoned():
            await self.running.close()
