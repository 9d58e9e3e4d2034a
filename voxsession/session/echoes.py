"""A fact that two writers learned at once, as one entry with the evidence of both."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

import attrs

from voxsession.core.changes import (
    Change,
    MemoryAdded,
    MemoryCompressed,
    MemoryReinforced,
    MemoryRemoved,
    MemoryRestored,
    MemorySuperseded,
    MemoryUpdated,
)
from voxsession.core.memory_entry import MemoryEntry
from voxsession.core.session_data import SessionData
from voxsession.memory.fact_index import fact_index_of

__all__ = ["Echoes"]


class Echoes:
    """Decides anew, change by change, whether what was learned is news: others may have learned it meanwhile.

    An entry that the user's words gave and that others hold too becomes evidence for theirs, and so does what was said
    of it again. An entry that something else was done to meanwhile (it was edited, removed, compressed) is left alone.

    Args:
        changes: all that are put behind what others did, in order.
    """

    def __init__(self, changes: Iterable[Change]) -> None:
        self._fixed = {entry_id for change in changes for entry_id in _handled(change)}
        self._kept: dict[str, str] = {}

    def settled(self, change: Change, data: SessionData) -> Change:
        """The change as it is to be applied.

        Args:
            change: the next one.
            data: what others made, with the changes before this one on top.
        """
        if isinstance(change, MemoryAdded):
            known = self._known(change.entry, data) if not change.local else None
            if known is None:
                return change
            self._kept[change.entry.id] = known.id
            return MemoryReinforced(at=change.at, entry_id=known.id)
        if isinstance(change, (MemoryReinforced, MemorySuperseded)) and change.entry_id in self._kept:
            moved: Change = attrs.evolve(cast(Any, change), entry_id=self._kept[change.entry_id])
            return moved
        return change

    def _known(self, entry: MemoryEntry, data: SessionData) -> MemoryEntry | None:
        """Another live entry that says just this, of the same person and in the same slot."""
        if entry.source != "user" or entry.message_id is None or entry.id in self._fixed:
            return None
        for other in fact_index_of(data).saying(data, entry.content):
            is_same = (other.slot, other.speaker, other.source) == (entry.slot, entry.speaker, "user")
            if (
                is_same
                and other.id != entry.id
                and other.id in data.memories
                and other.is_live(entry.timestamp)
            ):
                return other
        return None


def _handled(change: Change) -> list[str]:
    """The entries that a change deals with in another way than by learning."""
    if isinstance(change, MemoryUpdated):
        return [change.entry.id]
    if isinstance(change, MemoryRemoved):
        return change.entry_ids
    if isinstance(change, MemoryCompressed):
        return [*change.replaced, *(entry.id for entry in change.added)]
    if isinstance(change, MemoryRestored):
        return [*change.dropped, *(entry.id for entry in change.entries)]
    return []
