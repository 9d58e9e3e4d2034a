"""What follows from the rest of a session and is decided anew where that changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

from voxsession.core.changes import Change, HistoryRepaired
from voxsession.core.session_data import SessionData
from voxsession.memory.allowance import allowance_of
from voxsession.memory.budget import evictions, supersessions
from voxsession.memory.repair import head_repair

__all__ = ["filled_slots", "missing_repair", "settle_memory"]


def settle_memory(
    data: SessionData, now: datetime, record: Callable[..., None], slots: Iterable[str] = ()
) -> None:
    """Decides supersession in `slots` and eviction, as far as there is something to decide.

    Args:
        record: takes changes and applies them to `data`.
    """
    for slot in slots:
        if changes := supersessions(data, slot, now):
            record(*changes)
    if changes := evictions(data, now, allowance_of(data.config)):
        record(*changes)


def missing_repair(data: SessionData, now: datetime) -> HistoryRepaired | None:
    """What puts the recent messages right where no model would take them as they stand; mostly they are right."""
    is_over = data.status != "active" or (data.expires_at is not None and data.expires_at <= now)
    return None if is_over else head_repair(data, now)


def filled_slots(changes: Iterable[Change]) -> list[str]:
    """The single-valued attributes that changes give a value, in order."""
    found: set[str] = set()
    for change in changes:
        entries = [
            getattr(change, "entry", None),
            *getattr(change, "entries", ()),
            *getattr(change, "added", ()),
        ]
        found |= {slot for entry in entries if (slot := getattr(entry, "slot", None)) is not None}
    return sorted(found)
