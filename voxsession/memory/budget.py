"""What stays remembered when the budget is full."""

from __future__ import annotations

from datetime import datetime

from voxsession.core.changes import Change, MemoryEvicted, MemoryExpired, MemorySuperseded
from voxsession.core.memory_entry import MemoryEntry
from voxsession.core.session_data import SessionData

__all__ = ["HALF_LIFE_DAYS", "evictions", "expired", "live_tokens", "retention", "supersessions"]

HALF_LIFE_DAYS = 30.0
_DAY_SECONDS = 86_400.0


def live_tokens(data: SessionData) -> int:
    """Tokens of all entries that count against the budget."""
    local = sum(entry.token_count for entry in data.local_memories.values() if entry.superseded_by is None)
    return data.memory_tokens + local


def retention(entry: MemoryEntry, now: datetime) -> float:
    """Importance x recency: how much an entry deserves its place; recency halves every 30 days."""
    age_days = max((now - entry.timestamp).total_seconds(), 0.0) / _DAY_SECONDS
    return float(entry.importance * 0.5 ** (age_days / HALF_LIFE_DAYS))


def expired(data: SessionData, now: datetime) -> list[Change]:
    """The change that takes out what has reached the end of its time; empty when nothing has."""
    gone = [
        entry for entry in data.all_memories() if entry.expires_at is not None and entry.expires_at <= now
    ]
    return _by_place(data, gone, lambda ids, local: MemoryExpired(at=now, entry_ids=ids, local=local))


def evictions(data: SessionData, now: datetime, max_tokens: int) -> list[Change]:
    """The changes that bring the entries back inside the budget; empty while it holds.

    What has expired goes first, then the lowest importance x recency; identity
    after all else, pinned entries last.
    """
    over = live_tokens(data) - max_tokens
    if over <= 0:
        return []
    changes = expired(data, now)
    gone = {entry_id for change in changes for entry_id in change.entry_ids}  # type: ignore[attr-defined]
    live = [entry for entry in data.all_memories() if entry.superseded_by is None]
    over -= sum(entry.token_count for entry in live if entry.id in gone)
    order = sorted(
        (entry for entry in live if entry.id not in gone),
        key=lambda entry: (
            entry.pinned,
            entry.category == "identity",
            retention(entry, now),
            entry.timestamp,
            entry.id,
        ),
    )
    chosen: list[MemoryEntry] = []
    for entry in order:
        if over <= 0:
            break
        if entry.token_count:
            chosen.append(entry)
            over -= entry.token_count
    reasons = {entry.id: f"lowest importance x recency ({retention(entry, now):.3f})" for entry in chosen}
    return changes + _by_place(
        data,
        chosen,
        lambda ids, local: MemoryEvicted(
            at=now, entry_ids=ids, reasons={entry_id: reasons[entry_id] for entry_id in ids}, local=local
        ),
    )


def supersessions(data: SessionData, slot: str, now: datetime) -> list[Change]:
    """The changes that leave one live entry in a slot: the one that became known last."""
    holders = [entry for entry in data.all_memories() if entry.slot == slot and entry.superseded_by is None]
    if len(holders) < 2:
        return []
    newest = max(holders, key=lambda entry: (entry.timestamp, entry.id))
    return [
        MemorySuperseded(at=now, entry_id=entry.id, by=newest.id, local=entry.id in data.local_memories)
        for entry in holders
        if entry is not newest
    ]


def _by_place(data: SessionData, entries: list[MemoryEntry], make: object) -> list[Change]:
    """One change for the stored entries, another for those that live with the process."""
    local = [entry.id for entry in entries if entry.id in data.local_memories]
    stored = [entry.id for entry in entries if entry.id not in data.local_memories]
    assert callable(make)
    return [make(ids, flag) for ids, flag in ((stored, False), (local, True)) if ids]
