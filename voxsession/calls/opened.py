"""A call that was found, and those who want to resume it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from voxsession.core.call_changes import CallResumed
from voxsession.core.call_record import ENDED
from voxsession.core.conversation import ConversationEntry
from voxsession.core.struct import Struct
from voxsession.core.types import JsonObject
from voxsession.errors import ConflictError
from voxsession.session.calls.book import CallBook
from voxsession.session.calls.pointers import CallLead
from voxsession.session.loop_bound import LoopBound
from voxsession.session.session import Session

__all__ = ["Contender", "OpenCall"]


class OpenCall(Struct, kw_only=True, eq=False):
    """A call that was found, with a handle on its session; `async with` lets go of that.

    Attributes:
        entry: the conversation as it stood when the call was opened.
    """

    lead: CallLead
    session: Session
    book: CallBook
    entry: ConversationEntry

    @property
    def conversation_id(self) -> str:
        """The global id of the call."""
        return self.lead.conversation_id

    @property
    def record(self) -> JsonObject:
        """What the call keeps."""
        return dict(self.entry.call or {})

    @property
    def is_over(self) -> bool:
        """Whether the call was ended, or its session is."""
        return self.record.get("status") == ENDED or self.session.status != "active"

    def conflict(self, *, message: str | None = None, what: str | None = None) -> ConflictError:
        """The error of one who is behind at this call, where the session's version does not tell."""
        seq = self.session._core.data.seq
        return ConflictError(
            self.session.session_id, expected_seq=seq, found_seq=seq, what=what, message=message
        )

    async def refresh(self) -> bool:
        """Takes in what was recorded here since; False where the call is no more, and stays as it was opened."""
        found = await self.book.entry(self.conversation_id)
        if found is None or (found.call or {}).get("token") != self.lead.token:
            return False
        self.entry = found
        return True

    async def __aenter__(self) -> OpenCall:
        return self

    async def __aexit__(self, *problem: object) -> None:
        core, host = self.session._core, self.session._host
        if core.learning is not None and problem[0] is None:
            await host.settle(core)
            await host.save(core)
        self.session._let_go()


class Contender(Struct, eq=False):
    """One who wants to resume a call, among others in the same process.

    Attributes:
        others: all who want to now.
        lock: whose turn it is.
        session_id: the session of the call, as soon as that was found.
        has_lost: another one has done it since this one began.
        is_behind: another one has tried since this one looked, and failed: what it left is to be looked at.
    """

    others: list[Contender]
    lock: LoopBound[asyncio.Lock]
    session_id: str = ""
    has_lost: bool = False
    is_behind: bool = False

    @contextlib.asynccontextmanager
    async def turn(self, call: OpenCall) -> AsyncIterator[bool]:
        """The only one in this process to record that the call goes on: False where it has to look again first.

        Raises:
            ConflictError: another one was faster.
        """
        async with self.lock.get():
            if self.has_lost:
                raise call.conflict(what=CallResumed.kind)
            if self.is_behind:
                self.is_behind = False
                yield False
                return
            has_won = False
            try:
                yield True
                has_won = True
            finally:
                for other in self.others:
                    other.has_lost = other.has_lost or (has_won and other is not self)
                    other.is_behind = other is not self
