"""The search index of one session, by words, kept in step with its data; by meaning too where texts can be embedded."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, tzinfo
from heapq import heappop, heappush
from typing import TYPE_CHECKING

from voxsession.core.memory_entry import MemoryEntry
from voxsession.core.message import Message
from voxsession.core.session_data import SessionData
from voxsession.memory.matches import MemoryMatch
from voxsession.memory.passage import Passage
from voxsession.memory.roster import Roster

if TYPE_CHECKING:
    from voxsession.memory.embedding import BoundedEmbedder
    from voxsession.memory.lookup import Hit
    from voxsession.memory.meaning import Meaning
    from voxsession.memory.search import SearchIndex

__all__ = ["SessionIndex", "in_zone_of", "passage_of"]

_KINDS = {"memories": "memory", "messages": "message"}
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
        self._zone: tzinfo = UTC
        self._log: list[str] | None = None  # of the roster that tells which entries changed, read so far:
        self._log_read = 0
        self._as_in_batch: set[str] = set()
        self._ends: list[tuple[datetime, str]] = []  # a heap: when which entry expires
        self._lock = threading.RLock()  # a long memory is taken in in a thread
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
        with self._lock:
            self._add_messages(fresh)

    def refresh(self, data: SessionData, revision: int) -> None:
        """Takes in what changed in the live data since the last call; a negative revision is never known already."""
        if revision == self._revision >= 0:
            return
        with self._lock:
            head = _each_once(enumerate(data.messages, data.message_offset))
            self._forget_dropped({name: index for name, (index, _) in head.items()}, data.message_offset)
            self._add_messages(
                [pair for name, pair in head.items() if self._messages.get(name) is not pair[1]]
            )
            self._refresh_memories(data)
            self._zone = _zone_of(data)
            self._revision = revision  # not before: what could not be opened is not known now

    def _refresh_memories(self, data: SessionData) -> None:
        """Takes in the entries that changed, where somebody noted which; else all are looked at."""
        roster = data.roster if isinstance(data.roster, Roster) else None
        if roster is None:
            self._log = None
            self._refresh_entries(data.all_memories())
            return
        upto = len(roster.log)
        if self._log is roster.log:
            since = self._log_read if roster.forked_at is None else min(self._log_read, roster.forked_at)
            # What was taken in as a batch sees it is as it was again where that is not this one.
            ids = dict.fromkeys([*roster.log[since:upto], *self._as_in_batch])
            known = {entry_id: self._entries[entry_id] for entry_id in ids if entry_id in self._entries}
            found = [entry for entry_id in ids if (entry := data.find_memory(entry_id)) is not None]
            self._take_entries(found, known)
        else:
            self._refresh_entries(data.all_memories())
        # A batch's copy may be given up: only what the live data has is read for good.
        if roster.forked_at is None:
            self._log, self._log_read = roster.log, upto
            self._as_in_batch.clear()
        elif self._log is roster.log:
            self._as_in_batch.update(roster.log[roster.forked_at : upto])
        else:
            self._log = None

    def forget(self, ids: Iterable[str]) -> None:
        """Takes entries and messages out for good."""
        with self._lock:
            gone = [one for one in ids if one in self._entries or one in self._messages]
            if gone:
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
        """The best matches, best first; expired and superseded entries are never among them.

        Days begin at midnight in the session's zone.
        """
        kinds = tuple(_KINDS[source] for source in sources)
        moment = _placed(at or now.replace(second=0, microsecond=0), self._zone)
        with self._lock:
            self._drop_expired(now)
            hits, note = self._hits_and_note(query, limit, kinds, category, moment)
            return self._matches(((hit.id, hit.score, hit.reasons + note) for hit in hits), limit, now)

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
        await meaning.understand(self._asked(query, now), now, [_KINDS[source] for source in sources])
        return meaning.untold()

    def understand_now(self, query: str, embedder: BoundedEmbedder, *, now: datetime) -> list[Exception]:
        """The same at once for memories, by an embedder that need not be awaited."""
        meaning = self._meaning_by(embedder)
        meaning.understand_now(self._asked(query, now), now)
        return meaning.untold()

    def _meaning_by(self, embedder: BoundedEmbedder) -> Meaning:
        if self._meaning is None:
            from voxsession.memory.meaning import Meaning

            with self._lock:
                self._meaning = Meaning(embedder)
                self._meaning.want(_of_entry(entry) for entry in self._entries.values())
                messages = [message for message in self._messages.values() if _is_searched(message)]
                self._meaning.want(_of_message(message, 0) for message in messages)
        return self._meaning

    def _asked(self, query: str, at: datetime) -> tuple[str, ...]:
        """The wordings in which a query is embedded."""
        from voxsession.memory.hybrid import wordings
        from voxsession.memory.question import read_question
        from voxsession.memory.words import words_of

        if self._speakers is None:
            names = {message.name for message in self._messages.values() if message.name}
            names |= {entry.speaker for entry in self._entries.values() if entry.speaker}
            self._speakers = {name: frozenset(words_of(name)) for name in names}
        return wordings(query[:_LONGEST_ASKED_CHARS], read_question(query, self._speakers, at).names)

    def _hits_and_note(
        self, query: str, limit: int, kinds: tuple[str, ...], category: str | None, at: datetime
    ) -> tuple[list[Hit], tuple[str, ...]]:
        """What the index says, by meaning too where that can be had, with what is to be told of it."""
        if self._meaning is None:
            return self._hits(query, limit, kinds, category, at), ()
        compare = self._meaning.comparing(self._asked(query, at))
        if compare is None:
            note = ("words only: the embedder failed",) if self._meaning.is_failing else ()
            return self._hits(query, limit, kinds, category, at), note
        return self._index.search(query, limit, sources=kinds, category=category, at=at, compare=compare), ()

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

    def _drop_expired(self, now: datetime) -> None:
        """Takes entries out that have reached their end, so that they neither are found nor push others back."""
        gone: list[str] = []
        while self._ends and self._ends[0][0] <= now:
            _, entry_id = heappop(self._ends)
            entry = self._entries.get(entry_id)
            if entry is not None and not entry.is_live(now):
                gone.append(entry_id)
        if gone:
            self._index.remove(gone)
            self._answered = None
            if self._meaning is not None:
                self._meaning.let_go(gone)

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
        asked = (query, limit, kinds, category, at, str(at.tzinfo))
        if self._answered is None or self._answered[0] != asked:
            hits = self._index.search(query, limit, sources=kinds, category=category, at=at)
            self._answered = (asked, hits)
        return self._answered[1]

    def _add_messages(self, messages: Sequence[tuple[int, Message]]) -> None:
        passages, reworded = list[Passage](), list[Passage]()
        for index, message in messages:
            known = self._messages.get(message.id)
            is_other = known is not None and self._places.get(message.id) != index
            if is_other and message.is_double:
                continue  # a broken history has given two messages one id
            self._messages[message.id] = message
            self._places[message.id] = index
            if known is not None and not is_other and _reads_alike(known, message):
                continue
            if _is_searched(message):
                passages.append(_of_message(message, index))
                if known is None or is_other or known.is_double or known.content != message.content:
                    reworded.append(passages[-1])
            elif known is not None:
                self._remove([message.id])
        self._put(passages, reworded)

    def _refresh_entries(self, entries: Iterable[MemoryEntry]) -> None:
        self._take_entries(entries, self._entries)

    def _take_entries(self, entries: Iterable[MemoryEntry], known_before: dict[str, MemoryEntry]) -> None:
        """Takes entries in; what was known of them before and is no longer there goes."""
        live = {entry.id: entry for entry in entries if entry.superseded_by is None}
        gone = [entry_id for entry_id in known_before if entry_id not in live]
        if gone:
            self.forget(gone)
        passages, reworded = list[Passage](), list[Passage]()
        for entry_id, entry in live.items():
            known = self._entries.get(entry_id)
            if known is entry:
                continue
            self._entries[entry_id] = entry
            if entry.expires_at is not None:
                heappush(self._ends, (entry.expires_at, entry_id))
            if known is not None and _read_alike(known, entry):
                continue
            passages.append(_of_entry(entry))
            # What has ended lets go of its vectors, so that one that goes on after all needs them again.
            if known is None or (known.content, known.expires_at) != (entry.content, entry.expires_at):
                reworded.append(passages[-1])
        self._put(passages, reworded)

    def _put(self, passages: list[Passage], reworded: list[Passage]) -> None:
        """Indexes passages; only those with other words than before are embedded."""
        if passages:
            self._index.add(passages)
            self._answered = self._speakers = None
            if self._meaning is not None:
                self._meaning.want(reworded)

    def _remove(self, ids: list[str]) -> None:
        self._index.remove(ids)
        self._answered = self._speakers = None
        if self._meaning is not None:
            self._meaning.drop(ids)


def in_zone_of(data: SessionData, moment: datetime) -> datetime:
    """The same moment on the clocks of a session's zone, by which "yesterday" is told."""
    return _placed(moment, _zone_of(data))


def _zone_of(data: SessionData) -> tzinfo:
    name = str(data.config.get("timezone", "UTC"))
    if name == "UTC":
        return UTC
    from zoneinfo import ZoneInfo  # few sessions have a zone

    return ZoneInfo(name)


def _placed(moment: datetime, zone: tzinfo) -> datetime:
    try:
        return moment.astimezone(zone)
    except OverflowError:  # at the ends of the calendar there is no such clock
        return moment


def passage_of(found: MemoryEntry | Message, index: int = 0) -> Passage:
    """An entry, or a message with its index in the session, as it is searched."""
    return _of_entry(found) if isinstance(found, MemoryEntry) else _of_message(found, index)


def _each_once(messages: Iterable[tuple[int, Message]]) -> dict[str, tuple[int, Message]]:
    """The messages by id; of a broken history's messages of one id the last that is no double counts."""
    found: dict[str, tuple[int, Message]] = {}
    for index, message in messages:
        if not message.is_double or message.id not in found:
            found[message.id] = index, message
    return found


def _reads_alike(one: Message, other: Message) -> bool:
    return one.is_double == other.is_double and _of_message(one, 0) == _of_message(other, 0)


def _read_alike(one: MemoryEntry, other: MemoryEntry) -> bool:
    return one.expires_at == other.expires_at and _of_entry(one) == _of_entry(other)


def _is_searched(message: Message) -> bool:
    is_talk = message.role not in ("tool", "system")
    is_there = not message.redacted and not message.is_double
    return is_talk and is_there and bool((message.content or "").strip())


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
