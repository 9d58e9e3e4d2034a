"""Everything that a session is, as plain data."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Protocol

from voxsession.core.conversation import ConversationEntry
from voxsession.core.memory_entry import MemoryEntry
from voxsession.core.message import Message
from voxsession.core.preference import Evidence, Metric
from voxsession.core.struct import Struct, evolve, field
from voxsession.core.totals import Totals
from voxsession.core.types import Count, JsonObject, UtcTime

__all__ = ["IMPORTED_AS", "MemoryWatch", "PageRef", "SessionData", "Totals"]

#: Where it stands in `SessionData.extra` by which import a session came; another import makes another session.
IMPORTED_AS = "imported_as"


class PageRef(Struct, frozen=True, kw_only=True):
    """What the head knows of one page: enough to find it, check it and tell whether it is needed.

    Attributes:
        id: random, never reused.
        kind: `messages`, `index`, `archive` or `audio`.
        hash: the first 128 bits of the sealed page's SHA-256, in hex; an exchanged page is refused.
        first_index: for messages, the index in the session of the first one.
        count: how many items it holds.
    """

    id: str
    kind: str
    hash: str
    count: Count
    first_index: int = 0
    first_at: UtcTime | None = None
    last_at: UtcTime | None = None


Opener = Callable[[], Any]


class MemoryWatch(Protocol):
    """What keeps figures of the entries up to date, so that nobody has to go through all of them."""

    def changed(self, old: MemoryEntry | None, new: MemoryEntry | None) -> None:
        """Takes in that an entry came (no `old`), went (no `new`) or is another now."""

    def copy(self) -> MemoryWatch:
        """An independent one, for a copy of the data."""


class SessionData(Struct, kw_only=True, eq=False):
    """The live state of one session.

    It is changed by `core.changes` alone. `memories` and `messages` may still be
    sealed: reading either opens it (`open_memories`, `open_messages`). What is
    new is laid beside them and does not open them.

    Attributes:
        message_offset: how many messages were filed in pages; the index of `messages[0]`.
        local_memories: entries that the memory mode keeps out of storage; they live with the process.
        ledger, fact_index, roster: what keeps figures of the entries; no part of what is compared.
        held_memories, held_messages: `memories` and `messages` as far as they are open; given where data is made.
        new_memories, new_messages: what came since, while those are sealed.
        seq: the version of the stored record that this data stands on.
        batch_ids: the latest batches that are part of this data, newest last.
        preference_times: when each preference of `preferences` was set by hand.
        extra: room for what later versions keep in a document of this format; `profile` is what it began with.
    """

    session_id: str
    created_at: datetime
    updated_at: datetime
    user_id: str | None = None
    status: str = "active"
    ended_at: datetime | None = None
    end_reason: str | None = None
    expires_at: datetime | None = None
    config: JsonObject = field(default_factory=dict)
    state: JsonObject = field(default_factory=dict)
    template: JsonObject | None = None
    conversations: dict[str, ConversationEntry] = field(default_factory=dict)
    message_offset: int = 0
    memory_tokens: int = 0
    pages: list[PageRef] = field(default_factory=list)
    index_pages: list[PageRef] = field(default_factory=list)
    archive_pages: list[PageRef] = field(default_factory=list)
    evidence: dict[str, Evidence] = field(default_factory=dict)
    topics: dict[str, float] = field(default_factory=dict)
    preferences: JsonObject = field(default_factory=dict)
    preference_times: dict[str, UtcTime] = field(default_factory=dict)
    metrics: dict[str, Metric] = field(default_factory=dict)
    totals: Totals = field(default_factory=Totals)
    shares: dict[str, JsonObject] = field(default_factory=dict)
    token_counter: str = ""
    seq: int = 0
    batch_ids: list[str] = field(default_factory=list)
    extra: JsonObject = field(default_factory=dict)
    local_memories: dict[str, MemoryEntry] = field(default_factory=dict)
    ledger: MemoryWatch | None = None
    fact_index: MemoryWatch | None = None
    roster: MemoryWatch | None = None
    open_memories: Callable[[], dict[str, MemoryEntry]] | None = None
    open_messages: Callable[[], list[Message]] | None = None
    held_memories: dict[str, MemoryEntry] = field(default_factory=dict)
    held_messages: list[Message] = field(default_factory=list)
    new_memories: dict[str, MemoryEntry] = field(default_factory=dict)
    new_messages: list[Message] = field(default_factory=list)

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SessionData):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in _COMPARED)

    @property
    def memories(self) -> dict[str, MemoryEntry]:
        """The stored entries by id, superseded ones that were not filed yet among them."""
        if self.open_memories is not None:
            opener, self.open_memories = self.open_memories, None
            try:
                self.held_memories = opener()
            except BaseException:
                self.open_memories = opener
                raise
            new, self.new_memories = self.new_memories, {}
            for entry in new.values():
                # One that was there already is the same entry, from a batch that was written twice.
                if (
                    self.held_memories.setdefault(entry.id, entry) is not entry
                    and entry.superseded_by is None
                ):
                    self.memory_tokens -= entry.token_count
        return self.held_memories

    @property
    def messages(self) -> list[Message]:
        """The newest messages, oldest first; the earlier ones lie in pages."""
        if self.open_messages is not None:
            opener, self.open_messages = self.open_messages, None
            try:
                self.held_messages = opener()
            except BaseException:
                self.open_messages = opener
                raise
            new, self.new_messages = self.new_messages, []
            self.held_messages += new
        return self.held_messages

    def lay_beside(self, entry: MemoryEntry, *, local: bool) -> bool:
        """Adds a new entry to memories that are still sealed; False where they are open, and it belongs among them."""
        if self.open_memories is None or self.watches() or entry.id in self.local_memories:
            return False
        if local:
            self.local_memories[entry.id] = entry
        elif self.new_memories.setdefault(entry.id, entry) is entry and entry.superseded_by is None:
            self.memory_tokens += entry.token_count
        return True

    def add_message(self, message: Message) -> None:
        """Adds the newest message; earlier ones may stay sealed."""
        (self.held_messages if self.open_messages is None else self.new_messages).append(message)

    @property
    def messages_at_hand(self) -> list[Message]:
        """The newest messages as far as they are open: those that came since, where the earlier ones are sealed."""
        return self.held_messages if self.open_messages is None else self.new_messages

    def set_messages(self, messages: list[Message], offset: int) -> None:
        """Puts other recent messages in place; only filing and changes do this."""
        self.open_messages = None
        self.held_messages, self.new_messages = messages, []
        self.message_offset = offset

    @property
    def counts(self) -> bool:
        """Whether changes are counted for the analytics now."""
        return bool(self.config.get("enable_analytics", True))

    @property
    def message_total(self) -> int:
        """The index that the next message gets."""
        return self.totals.message_count

    def watches(self) -> list[MemoryWatch]:
        """Those that have to be told of every entry that comes, goes or changes."""
        return [watch for watch in (self.ledger, self.fact_index, self.roster) if watch is not None]

    def all_memories(self) -> list[MemoryEntry]:
        """Stored and process-only entries, superseded ones included."""
        return [*self.memories.values(), *self.local_memories.values()]

    def find_memory(self, entry_id: str) -> MemoryEntry | None:
        """The entry of this id, wherever it is kept."""
        return self.memories.get(entry_id) or self.local_memories.get(entry_id)

    def blank(self) -> SessionData:
        """The session as it was before its first change."""
        return SessionData(
            session_id=self.session_id,
            user_id=self.user_id,
            created_at=self.created_at,
            updated_at=self.created_at,
            token_counter=self.token_counter,
        )

    def copy(self) -> SessionData:
        """An independent copy: the containers are new, the frozen records in them shared."""
        other = evolve(self)
        for name in (
            "config state conversations evidence topics preferences preference_times metrics shares extra "
            "local_memories"
        ).split():
            setattr(other, name, dict(getattr(self, name)))
        for name in ("pages", "index_pages", "archive_pages", "batch_ids"):
            setattr(other, name, list(getattr(self, name)))
        other.held_memories = dict(self.held_memories)
        other.held_messages = list(self.held_messages)
        other.new_memories = dict(self.new_memories)
        other.new_messages = list(self.new_messages)
        other.ledger = self.ledger.copy() if self.ledger is not None else None
        other.fact_index = self.fact_index.copy() if self.fact_index is not None else None
        other.roster = self.roster.copy() if self.roster is not None else None
        other.totals = self.totals.copy()
        return other


_WATCHES = ("ledger", "fact_index", "roster")
_COMPARED = tuple(name for name in SessionData.__struct_fields__ if name not in _WATCHES)
