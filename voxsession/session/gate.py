"""Who may run a turn of a conversation, when two want to at once."""

from __future__ import annotations

import asyncio
from typing import Literal, Protocol, TypeAlias, get_args

from voxsession.errors import ConfigurationError, ConversationBusyError
from voxsession.session.loop_bound import LoopBound

__all__ = ["ON_BUSY", "OnBusy", "TurnGate"]

OnBusy: TypeAlias = Literal["queue", "reject", "interrupt"]
ON_BUSY: tuple[str, ...] = get_args(OnBusy)


class Running(Protocol):
    """What a gate needs to know of a turn."""

    conversation_id: str

    def stop(self, heard: str | None) -> None:
        """Cuts its reply off; `heard` is what reached the person."""

    def is_abandoned(self) -> bool:
        """Whether nobody reads it any more."""

    async def close(self) -> None:
        """Settles it as it stands."""


class TurnGate:
    """One turn at a time, in the order they came."""

    def __init__(self) -> None:
        self._lock: LoopBound[asyncio.Lock] = LoopBound(asyncio.Lock)
        self.running: Running | None = None

    async def enter(self, turn: Running, on_busy: str, session_id: str) -> None:
        """Waits for its place; a stream that was left without an end is settled first.

        Raises:
            ConversationBusyError: another turn runs and `on_busy` is ``reject``.
        """
        if on_busy not in ON_BUSY:
            raise ConfigurationError.out_of_range("on_busy", on_busy, "choose one of " + ", ".join(ON_BUSY))
        await self.settle_abandoned()
        lock = self._lock.get()
        if self.running is not None or lock.locked():
            if on_busy == "reject":
                raise ConversationBusyError(session_id, turn.conversation_id)
            if on_busy == "interrupt" and self.running is not None:
                self.running.stop(None)
        await lock.acquire()
        self.running = turn

    def leave(self, turn: Running) -> None:
        """Lets the next one in; harmless when repeated."""
        if self.running is turn:
            self.running = None
            lock = self._lock.get()
            if lock.locked():
                lock.release()

    @property
    def is_idle(self) -> bool:
        """Whether no turn runs and none waits."""
        return self.running is None and not self._lock.get().locked()

    async def settle_abandoned(self) -> None:
        """Closes a stream whose reader went away without closing it."""
        if self.running is not None and self.running.is_abandoned():
            await self.running.close()
