"""What is remembered."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from voxsession.core.display import bar, page_of, table
from voxsession.core.struct import Struct, as_json
from voxsession.core.types import Count, JsonObject, Share, UtcTime

__all__ = ["Memory", "MemoryEntry", "is_original", "is_summary", "summary_slot"]

_SUMMARY = "summary."


class MemoryEntry(Struct, frozen=True, kw_only=True):
    """One remembered fact.

    Attributes:
        importance: from 0 (trivia) to 1 (who the person is).
        timestamp: when it became known (aware, UTC).
        expires_at: from when on it is never returned; None = never.
        sensitive: kept out of logs, debug output, `repr`, errors and exports.
        pinned: evicted last.
        speaker: whom it is about or who said it; None = the user.
        source: `app`, `user`, `assistant`, `tool`, `imported` or `shared`.
        evidence_count: how often it was said.
        superseded_by: the id of the newer entry that took its place, or of the message that denied it, at
            `superseded_at`.
        slot: the single-valued attribute it fills, such as ``name``; the newest of a slot counts.
        message_id: the message it was learned from.
        conversation_id: the conversation it was learned in.
        made_from: ids of the entries that it was made of when they were compressed or summed up.
        restored_at: when it was brought back; it is not compressed again.
        valid_from: when what it says began to be true, where that is known to be another moment than `timestamp`.
        valid_until: when it ceased to be true, where it gave way to a newer fact.
        confirmed_in: the messages that said it again, the latest 64, with their conversations.
    """

    id: str
    content: str
    category: str = "general"
    importance: Share = 0.5
    timestamp: UtcTime
    expires_at: UtcTime | None = None
    sensitive: bool = False
    pinned: bool = False
    speaker: str | None = None
    source: str = "app"
    evidence_count: Count = 1
    superseded_by: str | None = None
    superseded_at: UtcTime | None = None
    metadata: JsonObject | None = None
    token_count: Count = 0
    estimated: bool = False
    slot: str | None = None
    value: str | None = None
    message_id: str | None = None
    conversation_id: str | None = None
    made_from: list[str] | None = None
    restored_at: UtcTime | None = None
    valid_from: UtcTime | None = None
    valid_until: UtcTime | None = None
    confirmed_in: dict[str, str | None] | None = None

    @property
    def begins_at(self) -> datetime:
        """From when on what it says holds, as far as is known."""
        return self.valid_from or self.timestamp

    def to_dict(self) -> JsonObject:
        """All fields, ready for JSON: a copy, with times as ISO texts in UTC; of a sensitive entry the content too."""
        return as_json(self)

    def __repr__(self) -> str:
        kind = "sensitive " if self.sensitive else ""
        return (
            f"MemoryEntry(id={self.id!r}, {kind}category={self.category!r}, token_count={self.token_count})"
        )

    def is_live(self, now: datetime) -> bool:
        """Neither superseded nor expired at `now`."""
        return self.superseded_by is None and (self.expires_at is None or self.expires_at > now)


class Memory:
    """The live entries of a session, in the order they were learned, with their size.

    Args:
        entries: the live ones.
        in_order: whether they stand in their order already; else they are put in it when somebody looks at them.
        token_count: tokens of all entries together.
        max_tokens: the budget, `SessionConfig.max_memory_size`.
    """

    __slots__ = ("_entries", "_is_ordered", "max_tokens", "token_count")

    def __init__(
        self, *, entries: Iterable[MemoryEntry], token_count: int, max_tokens: int, in_order: bool = True
    ) -> None:
        self._entries = tuple(entries)
        self._is_ordered = in_order
        self.token_count = token_count
        self.max_tokens = max_tokens

    @property
    def entries(self) -> tuple[MemoryEntry, ...]:
        """The entries, the one that was known first first."""
        if not self._is_ordered:
            self._entries = tuple(sorted(self._entries, key=lambda entry: (entry.timestamp, entry.id)))
            self._is_ordered = True
        return self._entries

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Memory):
            return NotImplemented
        mine, theirs = ((one.entries, one.token_count, one.max_tokens) for one in (self, other))
        return mine == theirs

    __hash__ = None  # type: ignore[assignment]

    def by_category(self) -> dict[str, list[MemoryEntry]]:
        """The entries in groups, by category."""
        groups: dict[str, list[MemoryEntry]] = {}
        for entry in self.entries:
            groups.setdefault(entry.category, []).append(entry)
        return groups

    def __repr__(self) -> str:
        return f"Memory({len(self._entries)} entries, {self.token_count}/{self.max_tokens} tokens)"

    def _repr_html_(self) -> str:
        rows = [
            [
                "[sensitive]" if entry.sensitive else entry.content,
                entry.category,
                f"{entry.importance:.2f}",
                str(entry.token_count),
                f"{entry.timestamp:%Y-%m-%d}",
                "pinned" if entry.pinned else "",
            ]
            for entry in self.entries
        ]
        columns = ("content", "category", "importance", "tokens", "since", "")
        used = bar(self.token_count, self.max_tokens, "tokens")
        return page_of(f"Memory: {len(rows)} entries", used + table(columns, rows))


def summary_slot(conversation_id: str) -> str:
    """The slot of the entry that sums a conversation up: the newest counts."""
    return _SUMMARY + conversation_id


def is_summary(entry: MemoryEntry) -> bool:
    """Whether an entry sums a conversation up."""
    return entry.slot is not None and entry.slot.startswith(_SUMMARY)


def is_original(entry: MemoryEntry) -> bool:
    """Whether an entry stepped back for what was made of it, rather than for a fact that is another now."""
    if entry.superseded_by is None or entry.valid_until is not None:
        return False
    return entry.slot is None or entry.slot.startswith(_SUMMARY)
