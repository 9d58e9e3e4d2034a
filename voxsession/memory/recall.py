"""The search index of one session, by words, kept in step with its data; by meaning too where texts can be embedded."""

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
    from voxsession.memory.embedding import BoundedEmbedder
    from voxsession.memory.lookup import Hit
    from voxsession.memory.meaning import Meaning
    from voxsession.memory.question import Question
    from voxsession.memory.search import SearchIndex

__all__ = ["SessionIndex"]

_KINDS = {"memories": "memory", "messages": "message"}
#: So many of the best by words, and of the best by meaning, are ranked together.
_CANDIDATES = 100
#: What is embedded of a question; what comes after it is searched for by words.
_LONGEST_ASKED_CHARS = 2_000


class SessionIndex:
    """Memories and past messages of a session, searchable; built when it is first needed.

    It is derived, never stored: `refresh` takes in what is new in the data,
    `add_filed` takes in messages that were loaded from pages.
    """

    def __init__(self) -> None:
        self._built: SearchIndex | None = None
        self._meaning: Meaning | None = None
        self._answered: tuple[object, list[Hit]] | None = None
        self._speakers: dict[str, frozenset[str]] | None = None
        self._entries: dict[str, MemoryEntry] = {}
        self._messages: dict[str, Message] = {}
        self._head: dict[str, int] = {}
        self._places: dict[str, int] = {}
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
        fresh = [
            (index, message)
            for index, message in messages
            if message.redacted or message.id not in self._messages  # erased since it was taken in
        ]
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
        self._remove(gone)
        for item_id in gone:
            self._entries.pop(item_id, None)
            self._messages.pop(item_id, None)
            self._places.pop(item_id, None)

    def place_of(self, message_id: str) -> int | None:
        """The index in the session of a message that was taken in."""
        return self._places.get(message_id)

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
        kinds = tuple(_KINDS[source] for source in sources)
        moment = at or now.replace(second=0, microsecond=0)
        if self._meaning is not None:
            return self._by_words_and_meaning(query, limit, kinds, category, moment, now)
        # More than asked for, since entries may have expired since they were taken in.
        hits = self._hits(query, limit + 8, kinds, category, moment)
        return self._matches(((hit.id, hit.score, hit.reasons) for hit in hits), limit, now)

    # --- meaning

    async def understand(
        self,
        query: str,
        embedder: BoundedEmbedder,
        *,
        now: datetime,
        sources: Sequence[str] = ("memories", "messages"),
    ) -> list[Exception]:
        """Embeds a query, and what is new as far as the time goes, so that a search for it goes by meaning as well.

        Args:
            query: As it will be searched for.
            embedder: The same at every call.
            now: The present moment.
            sources: What will be searched.

        Returns:
            What failed since the last call; the search goes by words there.
        """
        meaning = self._meaning_by(embedder)
        asked = self._asked(query, now)[1]
        await meaning.understand(asked, now, [_KINDS[source] for source in sources])
        return meaning.untold()

    def understand_now(self, query: str, embedder: BoundedEmbedder, *, now: datetime) -> list[Exception]:
        """The same at once for memories, by an embedder that need not be awaited."""
        meaning = self._meaning_by(embedder)
        meaning.understand_now(self._asked(query, now)[1], now)
        return meaning.untold()

    def _meaning_by(self, embedder: BoundedEmbedder) -> Meaning:
        if self._meaning is None:
            from voxsession.memory.meaning import Meaning

            self._meaning = Meaning(embedder)
            self._meaning.want(_of_entry(entry) for entry in self._entries.values())
            messages = [message for message in self._messages.values() if _is_searched(message)]
            self._meaning.want(_of_message(message, 0) for message in messages)
        return self._meaning

    def _asked(self, query: str, at: datetime) -> tuple[Question, str]:
        """A query, read, with the text of it that is embedded."""
        from voxsession.memory.hybrid import first_person
        from voxsession.memory.question import read_question
        from voxsession.memory.words import words_of

        if self._speakers is None:
            names = {message.name for message in self._messages.values() if message.name}
            names |= {entry.speaker for entry in self._entries.values() if entry.speaker}
            self._speakers = {name: frozenset(words_of(name)) for name in names}
        question = read_question(query, self._speakers, at)
        return question, first_person(query[:_LONGEST_ASKED_CHARS], question.names)

    def _by_words_and_meaning(
        self,
        query: str,
        limit: int,
        kinds: tuple[str, ...],
        category: str | None,
        at: datetime,
        now: datetime,
    ) -> list[MemoryMatch]:
        from voxsession.memory.hybrid import rank

        assert self._meaning is not None
        count = max(limit + 8, _CANDIDATES)
        hits = self._hits(query, count, kinds, category, at)
        question, asked = self._asked(query, at)
        self._meaning.let_go(entry.id for entry in self._entries.values() if not entry.is_live(now))
        cosines = self._meaning.nearest(
            asked, count, lambda item_id: self._is_wanted(item_id, kinds, category), [hit.id for hit in hits]
        )
        if cosines is None:
            note = ("words only: the embedder failed",) if self._meaning.is_failing else ()
            return self._matches(((hit.id, hit.score, hit.reasons + note) for hit in hits), limit, now)
        said = {item_id for item_id in cosines if self._is_of_the_asked(item_id, question)}
        moments = {item_id: self._moment(item_id) for item_id in (*cosines, *(hit.id for hit in hits))}
        return self._matches(rank(hits, cosines, said, moments), limit, now)

    def _is_wanted(self, item_id: str, kinds: tuple[str, ...], category: str | None) -> bool:
        entry = self._entries.get(item_id)
        if entry is None:
            return "message" in kinds and category is None
        return "memory" in kinds and category in (None, entry.category)

    def _is_of_the_asked(self, item_id: str, question: Question) -> bool:
        """Whether the person that a question is about said it, or it is a memory of them."""
        entry, message = self._entries.get(item_id), self._messages.get(item_id)
        if question.names:
            speaker = entry.speaker if entry is not None else message and message.name
            return speaker in question.names
        role = message.role if message is not None else "user" if entry and not entry.speaker else None
        return question.role is not None and role == question.role

    def _moment(self, item_id: str) -> datetime:
        entry = self._entries.get(item_id)
        return entry.timestamp if entry is not None else self._messages[item_id].at

    # --- keeping in step

    def _matches(
        self, found: Iterable[tuple[str, float, tuple[str, ...]]], limit: int, now: datetime
    ) -> list[MemoryMatch]:
        """The first of what was found, best first; what expired since it was taken in is left out."""
        matches: list[MemoryMatch] = []
        for item_id, score, reasons in found:
            entry, message = self._entries.get(item_id), self._messages.get(item_id)
            if entry is not None and not entry.is_live(now):
                continue
            if entry is not None or message is not None:
                matches.append(MemoryMatch(score=score, reasons=reasons, entry=entry, message=message))
        return matches[:limit]

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
            self._places[message.id] = index
            if known is not None and known.content == message.content:
                continue
            if _is_searched(message):
                passages.append(_of_message(message, index))
            elif known is not None:
                self._remove([message.id])
        self._put(passages)

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
            passages.append(_of_entry(entry))
        self._put(passages)

    def _put(self, passages: list[Passage]) -> None:
        if passages:
            self._index.add(passages)
            self._answered = self._speakers = None
            if self._meaning is not None:
                self._meaning.want(passages)

    def _remove(self, ids: list[str]) -> None:
        self._index.remove(ids)
        self._answered = self._speakers = None
        if self._meaning is not None:
            self._meaning.drop(ids)


def _is_searched(message: Message) -> bool:
    is_talk = message.role not in ("tool", "system")
    return is_talk and not message.redacted and bool((message.content or "").strip())


def _of_message(message: Message, index: int) -> Passage:
    return Passage(
        id=message.id,
        text=message.content or "",
        source="message",
        at=message.at,
        speaker=message.name,
        role=message.role,
        group=message.conversation_id,
        position=index,
    )


def _of_entry(entry: MemoryEntry) -> Passage:
    return Passage(
        id=entry.id,
        text=entry.content,
        source="memory",
        at=entry.timestamp,
        speaker=entry.speaker,
        category=entry.category,
        weight=float(entry.importance),
    )
