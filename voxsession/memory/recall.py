"""The search index of one session, kept in step with its data."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from voxsession.core.memory_entry import MemoryEntry
from voxsession.core.message import Message
from voxsession.core.session_data import SessionData
from voxsession.memory.matches import MemoryMatch
from voxsession.memory.passage import Passage

if TYPE_CHECKING:
    from voxsession.memory.lookup import Hit
    from voxsession.memory.search import SearchIndex

__all__ = ["SessionIndex"]


class SessionIndex:
    """Memories and past messages of a session, searchable; built when it is first needed.

    It is derived, never stored: `refresh` takes in what is new in the data,
    `add_filed` takes in messages that were loaded from pages.
    """

    def __init__(self) -> None:
        self._built: SearchIndex | None = None
        self._answered: tuple[object, list[Hit]] | None = None
        self._entries: dict[str, MemoryEntry] = {}
        self._messages: dict[str, Message] = {}
        self._head: dict[str, int] = {}
        self._revision = -1
        self.filed_upto = 0

    @property
    def _index(self) -> SearchIndex:
        # Made at the first search: most sessions are opened, added to and closed without one.
        if self._built is None:
            from voxsession.memory.search import SearchIndex

            self._built = SearchIndex()
        return self._built

    def add_filed(self, messages: Iterable[tuple[int, Message]]) -> None:
        """Takes in messages with their index in the session (may be slow: run it in a thread)."""
        fresh = [(index, message) for index, message in messages if message.id not in self._messages]
        self._add_messages(fresh)

    def refresh(self, data: SessionData, revision: int) -> None:
        """Takes in what changed in the live data since the last call; a negative revision is never known already."""
        if revision == self._revision >= 0:
            return
        head = list(enumerate(data.messages, data.message_offset))
        self._forget_dropped({message.id: index for index, message in head}, data.message_offset)
        self._add_messages([pair for pair in head if self._messages.get(pair[1].id) is not pair[1]])
        self._refresh_entries(data.all_memories())
        self._revision = revision  # not before: what could not be opened is not known now

    def forget(self, ids: Iterable[str]) -> None:
        """Takes entries and messages out for good."""
        gone = list(ids)
        self._index.remove(gone)
        self._answered = None
        for item_id in gone:
            self._entries.pop(item_id, None)
            self._messages.pop(item_id, None)

    def search(
        self,
        query: str,
        limit: int,
        *,
        now: datetime,
        sources: Sequence[str] = ("memories", "messages"),
        category: str | None = None,
        at: datetime | None = None,
    ) -> list[MemoryMatch]:
        """The best matches, best first; expired and superseded entries are never among them."""
        kinds = tuple({"memories": "memory", "messages": "message"}[source] for source in sources)
        # More than asked for, since entries may have expired since they were taken in.
        hits = self._hits(query, limit + 8, kinds, category, at or now.replace(second=0, microsecond=0))
        found: list[MemoryMatch] = []
        for hit in hits:
            entry, message = self._entries.get(hit.id), self._messages.get(hit.id)
            if entry is not None and not entry.is_live(now):
                continue
            if entry is not None or message is not None:
                found.append(MemoryMatch(score=hit.score, reasons=hit.reasons, entry=entry, message=message))
        return found[:limit]

    def _forget_dropped(self, head: dict[str, int], offset: int) -> None:
        """What left the live messages without being filed (a batch that was given up) is not found any more."""
        dropped = [
            item_id for item_id, index in self._head.items() if item_id not in head and index >= offset
        ]
        self._head = head
        if dropped:
            self.forget(dropped)

    def _hits(
        self, query: str, limit: int, kinds: tuple[str, ...], category: str | None, at: datetime
    ) -> list[Hit]:
        """What the index says; the latest answer is kept, since a preview and its context ask the same."""
        asked = (query, limit, kinds, category, at)
        if self._answered is None or self._answered[0] != asked:
            hits = self._index.search(query, limit, sources=kinds, category=category, at=at)
            self._answered = (asked, hits)
        return self._answered[1]

    def _add_messages(self, messages: Sequence[tuple[int, Message]]) -> None:
        passages = []
        for index, message in messages:
            known = self._messages.get(message.id)
            self._messages[message.id] = message
            text = message.content or ""
            if known is not None and known.content == message.content:
                continue
            if message.redacted or not text.strip() or message.role in ("tool", "system"):
                if known is not None:
                    self._index.remove([message.id])
                    self._answered = None
                continue
            passages.append(
                Passage(
                    id=message.id,
                    text=text,
                    source="message",
                    at=message.at,
                    speaker=message.name,
                    role=message.role,
                    group=message.conversation_id,
                    position=index,
                    category=None,
                )
            )
        if passages:
            self._index.add(passages)
            self._answered = None

    def _refresh_entries(self, entries: Iterable[MemoryEntry]) -> None:
        live = {entry.id: entry for entry in entries if entry.superseded_by is None}
        gone = [entry_id for entry_id in self._entries if entry_id not in live]
        if gone:
            self.forget(gone)
        passages = []
        for entry_id, entry in live.items():
            known = self._entries.get(entry_id)
            self._entries[entry_id] = entry
            if known is not None and (known.content, known.category) == (entry.content, entry.category):
                continue
            passages.append(
                Passage(
                    id=entry_id,
                    text=entry.content,
                    source="memory",
                    at=entry.timestamp,
                    speaker=entry.speaker,
                    role=None,
                    group="",
                    position=0,
                    category=entry.category,
                    weight=float(entry.importance),
                )
            )
        if passages:
            self._index.add(passages)
            self._answered = None
