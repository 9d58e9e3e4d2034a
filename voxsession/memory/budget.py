"""What stays remembered when the budget is full."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from voxsession.core.changes import Change, MemoryEvicted, MemoryExpired, MemorySuperseded
from voxsession.core.memory_entry import MemoryEntry
from voxsession.core.session_data import SessionData
from voxsession.memory.allowance import HALF_LIFE_DAYS, Allowance
from voxsession.memory.fact_index import fact_index_of
from voxsession.memory.ledger import Ledger, ledger_of

__all__ = ["evictions", "expired", "live_tokens", "retention", "supersessions"]

_DAY_SECONDS = 86_400.0
_FEW = 64  # process-only entries are added up one by one up to here


def live_tokens(data: SessionData) -> int:
    """Tokens of all entries that count against the budget."""
    if isinstance(data.ledger, Ledger):
        return data.ledger.total
    local = sum(entry.token_count for entry in data.local_memories.values() if entry.superseded_by is None)
    return data.memory_tokens + local


def retention(entry: MemoryEntry, now: datetime, half_life_days: float = HALF_LIFE_DAYS) -> float:
    """Importance x recency: how much an entry deserves its place; recency halves every `half_life_days`."""
    age_days = max((now - entry.timestamp).total_seconds(), 0.0) / _DAY_SECONDS
    return float(entry.importance * 0.5 ** (age_days / half_life_days))


def expired(data: SessionData, now: datetime) -> list[Change]:
    """The changes that take out what has reached the end of its time; empty when nothing has."""
    if isinstance(data.ledger, Ledger):
        gone = data.ledger.due(data, now)
    else:
        gone = [one for one in data.all_memories() if one.expires_at is not None and one.expires_at <= now]
    gone.sort(key=lambda entry: (entry.expires_at, entry.id))
    return _by_place(data, gone, lambda ids, local: MemoryExpired(at=now, entry_ids=ids, local=local))


def evictions(data: SessionData, now: datetime, allowance: Allowance) -> list[Change]:
    """The changes that bring the entries back inside the budget; empty while it holds.

    What has expired goes first. Then a category that takes more than its share gives way, then all together:
    the lowest importance x recency first, identity after all else, pinned entries last.
    """
    if (
        not allowance.shares
        and len(data.local_memories) <= _FEW
        and live_tokens(data) <= allowance.max_tokens
    ):
        return []
    ledger = ledger_of(data, allowance)
    taken = {name: ledger.by_category[name] for name in sorted(allowance.shares)} | {None: ledger.total}
    if all(tokens <= _most(allowance, category) for category, tokens in taken.items()):
        return []
    changes = expired(data, now)
    leaving = {entry_id for change in changes for entry_id in change.event_fields()["entry_ids"]}
    for entry_id in leaving:
        _take_off(taken, data.find_memory(entry_id))
    chosen: dict[str, tuple[MemoryEntry, str]] = {}
    for category in taken:
        before, most = taken[category], _most(allowance, category)
        for entry in ledger.least(data, now, before - most, category=category, gone=leaving):
            worth = retention(entry, now, allowance.half_life_days(entry.category))
            chosen[entry.id] = (entry, _reason(worth, category, before, most))
            leaving.add(entry.id)
            _take_off(taken, entry)
    return changes + _by_place(
        data,
        [entry for entry, _ in chosen.values()],
        lambda ids, local: MemoryEvicted(
            at=now, entry_ids=ids, reasons={entry_id: chosen[entry_id][1] for entry_id in ids}, local=local
        ),
    )


def _most(allowance: Allowance, category: str | None) -> int:
    return allowance.max_tokens if category is None else allowance.most_of(category)


def _take_off(taken: dict[str | None, int], entry: MemoryEntry | None) -> None:
    if entry is not None and entry.superseded_by is None:
        taken[None] -= entry.token_count
        if entry.category in taken:
            taken[entry.category] -= entry.token_count


def _reason(worth: float, category: str | None, taken: int, most: int) -> str:
    what = "memories" if category is None else f"category {category!r}"
    return f"lowest importance x recency ({worth:.3f}); {what} took {taken} of {most} tokens"


def supersessions(data: SessionData, slot: str, now: datetime) -> list[Change]:
    """The changes that leave one live entry in a slot: the one that became known last."""
    holders = fact_index_of(data).holders(data, slot)
    if len(holders) < 2:
        return []
    newest = max(holders, key=lambda entry: (entry.timestamp, entry.id))
    return [
        MemorySuperseded(
            at=now,
            entry_id=entry.id,
            by=newest.id,
            valid_until=newest.begins_at,
            local=entry.id in data.local_memories,
        )
        for entry in holders
        if entry is not newest
    ]


def _by_place(
    data: SessionData, entries: list[MemoryEntry], make: Callable[[list[str], bool], Change]
) -> list[Change]:
    """One change for the stored entries, another for those that live with the process."""
    local = [entry.id for entry in entries if entry.id in data.local_memories]
    stored = [entry.id for entry in entries if entry.id not in data.local_memories]
    return [make(ids, flag) for ids, flag in ((stored, False), (local, True)) if ids]
