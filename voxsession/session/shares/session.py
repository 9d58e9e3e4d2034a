"""A session as somebody sees it whom a part of it was shared with."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from voxsession.core.changes import NoteShared
from voxsession.core.envelope import stamp
from voxsession.core.memory_entry import Memory, MemoryEntry
from voxsession.core.message import Message
from voxsession.core.session_data import SessionData
from voxsession.core.share_grant import ShareGrant
from voxsession.core.types import JsonObject, check_number, check_text
from voxsession.memory.matches import MemoryMatch
from voxsession.memory.readers.own import EXPORT_FORMAT, KIND, Checksum, row_of
from voxsession.memory.recall import SessionIndex
from voxsession.session.live import LiveCore
from voxsession.session.openings import Opening
from voxsession.session.shares.admission import Admission, Ticket
from voxsession.session.shares.notes import checked_note, note_entry
from voxsession.session.shares.reach import outside
from voxsession.session.shares.reading import reach_of, read_shared

if TYPE_CHECKING:
    from voxsession.session.shares.conversation import SharedConversation

__all__ = ["SharedSession"]

MAX_EXPORTED_MESSAGES = 1_000
MAX_HISTORY = 1_000


class SharedSession:
    """What a share gives, made by `Voxon.access_shared_session`.

    Each call is checked against the grant as it is stored then: one load of the session, and one append that notes
    the use. Nothing is kept here between two calls but who asks and for which share.

    Attributes:
        permissions: what the share includes.
        categories: the only categories of memory that it reaches; None = all.
        expires_at: when it ends (aware, UTC); None = not before it is revoked.
        is_snapshot: it shows what there was when it was made.
    """

    def __init__(self, admission: Admission, ticket: Ticket, grant: ShareGrant) -> None:
        self._admission = admission
        self._ticket = ticket
        self.permissions = grant.permissions
        self.categories = grant.categories
        self.expires_at: datetime | None = grant.expires_at
        self.is_snapshot = grant.is_snapshot

    async def get_memory(self) -> Memory:
        """The live entries that the share reaches.

        Raises:
            PermissionDeniedError: the share has ended, or does not include `read`.
        """
        async with self._admission.enter(self._ticket, "get_memory", "read") as (core, grant):
            entries = (await reach_of(core, self._admission.host, grant)).entries(core.now())
            limit = int(core.data.config.get("max_memory_size", 10_000))
            tokens = sum(entry.token_count for entry in entries)
            return Memory(entries=tuple(entries), token_count=tokens, max_tokens=limit)

    async def search_memory(
        self, query: str, limit: int = 5, category: str | None = None
    ) -> list[MemoryMatch]:
        """Finds entries that the share reaches, by words; what it does not reach has no part in it.

        Args:
            query: any text.
            limit: at most this many.
            category: only entries of this category.

        Raises:
            PermissionDeniedError: the share has ended, or includes neither `read` nor `search`.
        """
        text = check_text("query", query)
        count = int(check_number("limit", limit, 0, 1_000_000, whole=True))
        if category is not None:
            check_text("category", category)
        async with self._admission.enter(self._ticket, "search_memory", "read", "search") as (core, grant):
            reach = await reach_of(core, self._admission.host, grant)
            now, index = core.now(), SessionIndex()
            index.refresh(_only(reach.entries(now), core.data), -1)
            return index.search(text, count, now=now, sources=("memories",), category=category)

    async def history(self, limit: int = 100, before: str | datetime | None = None) -> list[Message]:
        """What person and assistant said, as far as the share reaches: the latest `limit`, oldest first.

        A share that is limited to categories reaches no messages, which belong to none.

        Args:
            limit: at most this many, up to 1,000.
            before: only those before this message id or moment.

        Raises:
            PermissionDeniedError: the share has ended, or does not include `read`.
        """
        count = int(check_number("limit", limit, 0, MAX_HISTORY, whole=True))
        async with self._admission.enter(self._ticket, "history", "read") as (core, grant):
            return await read_shared(core, self._admission.host, grant, count, before)

    async def add_note(self, text: str, category: str | None = None) -> MemoryEntry:
        """Leaves a note among the owner's memories, with its author; it is stored when this returns.

        Args:
            text: the note, up to 4,000 characters.
            category: where to; None = `general`, or the first category of the share.

        Raises:
            PermissionDeniedError: the share or the session has ended, or it does not include `add_notes`.
            ConfigurationError: the text is empty or too long; the category is none of the share's.
            BudgetError: notes of others take as much of the owner's memory as they may.
        """
        checked_note(text)
        made: list[MemoryEntry] = []

        def making(core: LiveCore, grant: ShareGrant) -> list[NoteShared]:
            made.append(note_entry(core, grant, self._ticket.grant_id, text, category))
            return [NoteShared(at=made[0].timestamp, entry=made[0], grant_id=self._ticket.grant_id)]

        async with self._admission.enter(self._ticket, "add_note", "add_notes", making=making):
            return outside(made[0])

    async def export(self) -> JsonObject:
        """What the share reaches as a JSON-ready dict, which `import_memory` takes in.

        Returns:
            As `Session.export_memory` gives it, with the latest 1,000 `messages` beside the `entries`. How much lies
            beyond the share is not told.

        Raises:
            PermissionDeniedError: the share has ended, or does not include `export`.
        """
        async with self._admission.enter(self._ticket, "export", "export") as (core, grant):
            host, checksum = self._admission.host, Checksum()
            rows = [row_of(entry) for entry in (await reach_of(core, host, grant)).entries(core.now())]
            for row in rows:
                checksum.add(row)
            said = await read_shared(core, host, grant, MAX_EXPORTED_MESSAGES, None)
            head = {"format": EXPORT_FORMAT, "kind": KIND, "exported_at": stamp(core.now()), "omitted": 0}
            return (
                head | checksum.fields() | {"entries": rows, "messages": [_row(message) for message in said]}
            )

    def conversation(self) -> Opening[SharedConversation]:
        """The conversation of this share, to be awaited or used in `async with`; it goes on where it was.

        The assistant knows what the share includes: with `read` memory and messages, with `search` memory, else
        nothing of the owner. What is said stays in the conversation and is never learned as the owner's.

        Raises:
            PermissionDeniedError: the share or the session has ended, or it does not include `converse`.
        """
        from voxsession.session.shares.conversation import open_shared

        return Opening(lambda: open_shared(self._admission, self._ticket))

    def __repr__(self) -> str:
        return f"SharedSession(permissions={self.permissions!r}, expires_at={self.expires_at})"


def _only(entries: list[MemoryEntry], data: SessionData) -> SessionData:
    """Data that holds these entries and nothing else, so that no search can come upon more."""
    return SessionData(
        session_id="",
        created_at=data.created_at,
        updated_at=data.updated_at,
        held_memories={entry.id: entry for entry in entries},
    )


def _row(message: Message) -> JsonObject:
    known = {"id": message.id, "role": message.role, "content": message.content, "at": stamp(message.at)}
    return (
        known
        | ({"name": message.name} if message.name else {})
        | {"conversation_id": message.conversation_id}
    )
