"""A reply that is read chunk by chunk."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import AsyncIterator

from voxsession.core.types import JsonObject
from voxsession.models.base import Reply
from voxsession.session.turn import Turn

__all__ = ["ReplyStream"]


class ReplyStream(AsyncIterator[str]):
    """The text of a reply as it comes; `reply` is there when it is over.

    Leaving it early keeps what was delivered, marked interrupted: settled by
    `aclose()`, at the latest by the next call on the conversation.
    """

    def __init__(self, turn: Turn, text: str, metadata: JsonObject | None, on_busy: str) -> None:
        self._turn = turn
        self._chunks = turn.start(text, metadata, on_busy)
        self._is_watched = False

    @property
    def reply(self) -> Reply | None:
        """The whole reply once the stream is over."""
        return self._turn.reply

    def __repr__(self) -> str:
        return (
            "<ReplyStream: `async for chunk in ...`>"
            if self.reply is None
            else "<ReplyStream: over, see .reply>"
        )

    def __aiter__(self) -> ReplyStream:
        return self

    async def __anext__(self) -> str:
        self._turn.readers.read_here()
        if not self._is_watched:
            self._is_watched = True
            # The turn outlives the stream that a reader walked away from; this tells it.
            weakref.finalize(self, self._turn.drop, asyncio.get_running_loop()).atexit = False
        return await anext(self._chunks)

    async def aclose(self) -> None:
        """Ends the stream; harmless when it is over."""
        await self._turn.close()

    async def __aenter__(self) -> ReplyStream:
        return self

    async def __aexit__(self, *problem: object) -> None:
        await self.aclose()
