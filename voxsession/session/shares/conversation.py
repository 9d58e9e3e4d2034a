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
from voxsession.core.types import JsonObject, check_number, check_object, check_text, encode_json
from voxsession.errors import ConfigurationError, PermissionDeniedError, SessionEndedError
from voxsession.models.base import Reply
from voxsession.session.gate import OnBusy
from voxsession.session.live import LiveCore
from voxsession.session.reading import find_conversation
from voxsession.session.shares.admission import REFUSED, Admission, Ticket
from voxsession.session.shares.guest_turn import GuestTurn
from voxsession.session.shares.reading import read_guests

__all__ = ["SharedConversation", "open_shared"]

MAX_HISTORY = 1_000
MAX_METADATA_BYTES = 16 * 1024


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
        self, text: str, *, metadata: JsonObject | None = None, on_busy: OnBusy = "queue"
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
            SessionEndedError: this conversation was ended here, or the owner deleted it.
            ConfigurationError: the metadata is longer than 16 KiB as JSON.
        """
        _check_size(metadata)
        async with self._turn(text) as turn:
            async for _ in turn.start(text, metadata, on_busy):
                pass
            assert turn.reply is not None
            return turn.reply

    async def stream_message(
        self, text: str, *, metadata: JsonObject | None = None, on_busy: OnBusy = "queue"
    ) -> AsyncIterator[str]:
        """The same as `send_message`, the text chunk by chunk as the model gives it."""
        _check_size(metadata)
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
            return await read_guests(core, self._admission.host, self.conversation_id, count)

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

            async def check() -> None:
                await admission.check(self._ticket, "send_message", "converse")
                await self._go_on(core)

            turn = GuestTurn(
                core, admission.host, name, grant, check=check, may_go_on=lambda: self._may_go_on(core)
            )
            core.guest_turns.setdefault(name, []).append(turn)  # it is not filed away from here on
            try:
                yield turn
            finally:
                await turn.close()
                turns = core.guest_turns.get(name, [])
                turns.remove(turn)
                if not turns:
                    core.guest_turns.pop(name, None)
            if not self._may_go_on(core):  # it ended while the model was answering
                raise PermissionDeniedError(REFUSED)

    async def _go_on(self, core: LiveCore) -> None:
        """Sees to it that the conversation is there, and is the guest's; one that was filed away comes back."""
        name = self.conversation_id
        entry = await find_conversation(core, self._admission.host, name)
        if entry is None or entry.status == "deleted" or entry.guest != self._ticket.grant_id:
            raise SessionEndedError(
                name, "This shared conversation is gone. Open another one: shared.conversation()."
            )
        if name not in core.data.conversations:
            core.record(ConversationRestored(at=entry.last_at, entry=entry))

    def _may_go_on(self, core: LiveCore) -> bool:
        entry = core.data.conversations.get(self.conversation_id)
        is_there = entry is not None and entry.status != "deleted"
        return is_there and self._admission.still_holds(core, self._ticket)

    async def __aenter__(self) -> SharedConversation:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.end()

    def __repr__(self) -> str:
        return f"SharedConversation({self.conversation_id!r})"


def _check_size(metadata: JsonObject | None) -> None:
    """What a guest brings lies in the owner's session."""
    size = 0 if metadata is None else len(encode_json(check_object("metadata", metadata)))
    if size > MAX_METADATA_BYTES:
        raise ConfigurationError.out_of_range(
            "metadata", f"{size:,} bytes", f"through a share it can have {MAX_METADATA_BYTES:,}"
        )


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
