"""What is remembered."""

from __future__ import annotations

from datetime import datetime

import attrs

from voxsession.core.types import Count, JsonObject, Share, UtcTime

__all__ = ["Memory", "MemoryEntry"]


@attrs.define(frozen=True, slots=True, kw_only=True, repr=False)
class MemoryEntry:
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
        superseded_by: the id of the newer entry that took its place, at `superseded_at`.
        slot: the single-valued attribute it fills, such as ``name``; the newest of a slot counts.
        message_id: the message it was learned from.
        conversation_id: the conversation it was learned in.
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

    def __repr__(self) -> str:
        kind = "sensitive " if self.sensitive else ""
        return (
            f"MemoryEntry(id={self.id!r}, {kind}category={self.category!r}, token_count={self.token_count})"
        )

    def is_live(self, now: datetime) -> bool:
        """Neither superseded nor expired at `now`."""
        return self.superseded_by is None and (self.expires_at is None or self.expires_at > now)


@attrs.define(frozen=True, slots=True, kw_only=True, repr=False)
class Memory:
    """The live entries of a session, in the order they were learned, with their size.

    Attributes:
        token_count: tokens of all entries together.
        max_tokens: the budget, `SessionConfig.max_memory_size`.
    """

    entries: tuple[MemoryEntry, ...]
    token_count: int
    max_tokens: int

    def by_category(self) -> dict[str, list[MemoryEntry]]:
        """The entries in groups, by category."""
        groups: dict[str, list[MemoryEntry]] = {}
        for entry in self.entries:
            groups.setdefault(entry.category, []).append(entry)
        return groups

    def __repr__(self) -> str:
        return f"Memory({len(self.entries)} entries, {self.token_count}/{self.max_tokens} tokens)"
