"""A call that was found, and those who want to resume it."""

from __future__ import annotations

import attrs

from voxsession.core.call_record import ENDED
from voxsession.core.conversation import ConversationEntry
from voxsession.core.types import JsonObject
from voxsession.errors import ConflictError
from voxsession.session.call_book import CallBook
from voxsession.session.call_pointers import CallLead
from voxsession.session.session import Session

__all__ = ["Contender", "OpenCall"]


@attrs.define(slots=True, kw_only=True, eq=False)
class OpenCall:
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

    async def refresh(self) -> None:
        """Takes in what was recorded here since."""
        found = await self.book.entry(self.conversation_id)
        self.entry = found if found is not None else self.entry

    async def __aenter__(self) -> OpenCall:
        return self

    async def __aexit__(self, *problem: object) -> None:
        core, host = self.session._core, self.session._host
        if core.learning is not None and problem[0] is None:
            await host.settle(core)
            await host.save(core)
        self.session._let_go()


@attrs.define(slots=True, eq=False)
class Contender:
    """One who wants to resume a call, among others in the same process.

    Attributes:
        others: all who want to now.
        has_lost: another one has done it since this one began.
    """

    others: list[Contender]
    has_lost: bool = False

    def check(self, call: OpenCall) -> None:
        """Raises `ConflictError` where another one was faster; else all others have lost."""
        if self.has_lost:
            seq = call.session._core.data.seq
            raise ConflictError(call.session.session_id, expected_seq=seq, found_seq=seq, what="call.resumed")
        for other in self.others:
            other.has_lost = other is not self
