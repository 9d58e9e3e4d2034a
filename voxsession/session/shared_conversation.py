"""The conversation of somebody whom a session was shared with."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from contextlib import aclosing
from types import TracebackType

from voxsession.core.changes import (
    Change,
    ConversationEnded,
    ConversationRestored,
    ConversationResumed,
    ConversationStarted,
)
from voxsession.core.conversation import ConversationEntry
from voxsession.core.message import Message
from voxsession.core.share_grant import ShareGrant
from voxsession.core.types import JsonObject, check_number, check_text
from voxsession.errors import PermissionDeniedError, SessionEndedError
from voxsession.models.base import Reply
from voxsession.session.admission import REFUSED, Admission, Ticket
from voxsession.session.guest_turn import GuestTurn
from voxsession.session.live import LiveCore
from voxsession.session.reading import find_conversation, read_history

__all__ = ["SharedConversation", "open_shared"]

MAX_HISTORY = 1_000


class SharedConversation:
    """The one conversation of a share; `async with` ends it, and the share can go on with it later.

    Attributes:
        conversation_id: under which the owner finds it, to read.
    """

    def __init__(self, admission: Admission, ticket: Ticket, conversation_id: str) -> None:
        self._admission = admission
        self._ticket = ticket
        self._has_left = False
        self.conversation_id = conversation_id

    async def send_message(
        self, text: str, *, metadata: JsonObject | None = None, on_busy: str = "queue"
    ) -> Reply:
        """Says something and gives the model's answer; the turn is durable when this returns.

        Args:
            text: what is said.
            metadata: JSON-ready data for the message.
            on_busy: while another turn runs: ``queue``, ``reject`` or ``interrupt`` it.

        Raises:
            PermissionDeniedError: the share or the session has ended, perhaps while the model was answering.
            ModelError: the model failed; what was said is kept.
            BudgetError: the message can never fit the context; nothing was recorded.
            SessionEndedError: this conversation was ended here.
        """
        async with self._turn(text) as turn:
            async for _ in turn.start(text, metadata, on_busy):
                pass
            assert turn.reply is not None
            return turn.reply

    async def stream_message(
        self, text: str, *, metadata: JsonObject | None = None, on_busy: str = "queue"
    ) -> AsyncIterator[str]:
        """The same as `send_message`, the text chunk by chunk as the model gives it."""
        async with self._turn(text) as turn, aclosing(turn.start(text, metadata, on_busy)) as chunks:
            async for chunk in chunks:
                yield chunk

    async def history(self, limit: int = 100) -> list[Message]:
        """What was said in this conversation: the latest `limit` messages, oldest first.

        Raises:
            PermissionDeniedError: the share has ended, or does not include `converse`.
        """
        count = int(check_number("limit", limit, 0, MAX_HISTORY, whole=True))
        async with self._admission.enter(self._ticket, "conversation_history", "converse") as (core, _):
            return await read_history(core, self._admission.host, self.conversation_id, count)

    async def end(self) -> None:
        """Ends the conversation; the share can open it again. Harmless when repeated, or when the share has ended."""
        if self._has_left:
            return
        self._has_left = True
        with contextlib.suppress(PermissionDeniedError):
            async with self._admission.enter(
                self._ticket, "end_conversation", "converse", making=self._ending
            ):
                pass

    def _ending(self, core: LiveCore, grant: ShareGrant) -> list[Change]:
        entry = core.data.conversations.get(self.conversation_id)
        if entry is None or entry.status != "active":
            return []
        seconds = max((core.now() - (entry.opened_at or entry.started_at)).total_seconds(), 0.0)
        return [ConversationEnded(at=core.now(), conversation_id=entry.id, duration_seconds=seconds)]

    @contextlib.asynccontextmanager
    async def _turn(self, text: str) -> AsyncIterator[GuestTurn]:
        check_text("text", text, allow_empty=False)
        admission, name = self._admission, self.conversation_id
        if self._has_left:
            raise SessionEndedError(
                name, "This shared conversation was ended. Open it again: shared.conversation()."
            )
        async with admission.enter(self._ticket, "send_message", "converse") as (core, grant):
            core.open_conversations[name] = core.open_conversations.get(name, 0) + 1
            turn = GuestTurn(core, admission.host, name, grant)
            try:
                yield turn
            finally:
                await turn.close()
                core.open_conversations[name] -= 1
                if core.open_conversations[name] <= 0:
                    del core.open_conversations[name]
            if not admission.still_holds(core, self._ticket):  # it was revoked while the model was answering
                raise PermissionDeniedError(REFUSED)

    async def __aenter__(self) -> SharedConversation:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.end()

    def __repr__(self) -> str:
        return f"SharedConversation({self.conversation_id!r})"


async def open_shared(admission: Admission, ticket: Ticket) -> SharedConversation:
    """Opens the conversation of a share, or goes on with it; see `SharedSession.conversation`."""
    async with admission.enter(ticket, "conversation", "converse") as (core, _):
        name, entry = await _place(core, admission, ticket.grant_id)
        changes: list[Change] = []
        if entry is None:
            changes = [ConversationStarted(at=core.now(), conversation_id=name, guest=ticket.grant_id)]
        elif entry.status != "active":
            changes = [ConversationResumed(at=core.now(), conversation_id=name)]
        if entry is not None and name not in core.data.conversations:
            changes.insert(0, ConversationRestored(at=entry.last_at, entry=entry))
        core.record(*changes)
        await admission.host.save(core)
        return SharedConversation(admission, ticket, name)


async def _place(core: LiveCore, admission: Admission, grant_id: str) -> tuple[str, ConversationEntry | None]:
    """The conversation of a grant; another one where the owner deleted it, or has taken its id."""
    number = 1
    while True:
        name = f"{grant_id}.{number}" if number > 1 else grant_id
        entry = await find_conversation(core, admission.host, name)
        if entry is None or (entry.guest == grant_id and entry.status != "deleted"):
            return name, entry
        number += 1
