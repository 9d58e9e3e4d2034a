"""What was true at a moment, as far as is known today."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from voxsession.core.memory_entry import MemoryEntry

__all__ = ["held_at"]


def held_at(
    entries: Iterable[MemoryEntry], moment: datetime, now: datetime, *, known: Mapping[str, MemoryEntry]
) -> list[MemoryEntry]:
    """The entries that held at a moment, those that have given way since included.

    An entry holds from `begins_at` on, until a newer one took its place. What was compressed holds until what stands
    for it begins. What is expired by now, or will be by that moment, is never among them.

    Args:
        entries: any, in any order.
        moment: aware; it may lie before or after `now`.
        now: the present moment.
        known: all entries by id, as far as they are there, to look up what took whose place.

    Returns:
        The entries in the order in which they began to hold.

    Example:
        >>> from datetime import UTC
        >>> was = MemoryEntry(
        ...     id="1", content="User lives in Oslo", timestamp=datetime(2024, 1, 1, tzinfo=UTC),
        ...     superseded_by="2", valid_until=datetime(2025, 1, 1, tzinfo=UTC),
        ... )
        >>> held = held_at([was], datetime(2024, 6, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC), known={})
        >>> [entry.content for entry in held]
        ['User lives in Oslo']
    """
    last_moment = max(moment, now)
    found = [
        entry
        for entry in entries
        if entry.begins_at <= moment
        and (entry.expires_at is None or entry.expires_at > last_moment)
        and ((ended_at := _ended_at(entry, known)) is None or ended_at > moment)
    ]
    found.sort(key=lambda entry: (entry.begins_at, entry.timestamp, entry.id))
    # What was told out of order may overlap: what holds today counts from its beginning on, else what began last.
    told = sorted(found, key=lambda entry: entry.superseded_by is None)
    latest = {entry.slot: entry.id for entry in told}
    return [entry for entry in found if entry.slot is None or latest[entry.slot] == entry.id]


def _ended_at(entry: MemoryEntry, known: Mapping[str, MemoryEntry]) -> datetime | None:
    """When an entry ceased to hold; None while it does."""
    if entry.superseded_by is None:
        return entry.valid_until
    if entry.valid_until is not None:
        return entry.valid_until
    successor = known.get(entry.superseded_by)
    return successor.begins_at if successor is not None else entry.superseded_at
