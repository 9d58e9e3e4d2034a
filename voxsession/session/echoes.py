"""A fact that two writers learned at once, as one entry with the evidence of both."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

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
from voxsession.core.struct import evolve
from voxsession.memory.fact_index import fact_index_of

__all__ = ["Echoes"]


class Echoes:
    """Decides anew, change by change, whether what was learned is news: others may have learned it meanwhile.

    An entry that the user's words gave and that others hold too becomes evidence for theirs; what was said of it again
    and what was edited of it go with it. An entry that something else was done to meanwhile (it was given other words,
    removed, compressed) is left alone.

    Args:
        changes: all that are put behind what others did, in order.
        became: id of an entry -> that which it became evidence for. What is found is noted here, for changes that
            wait elsewhere and still name the one.
    """

    def __init__(self, changes: Iterable[Change], became: dict[str, str]) -> None:
        changes = list(changes)
        said = {change.entry.id: change.entry for change in changes if isinstance(change, MemoryAdded)}
        self._handled = {entry_id for change in changes for entry_id in _handled(change, said)}
        self._became = became

    def settled(
        self, change: Change, observed: Any, data: SessionData, *, is_final: bool
    ) -> tuple[Change, Any]:
        """The change as it is to be applied, with what it is based on then.

        Args:
            change: the next one.
            observed: what it was based on.
            data: what others made, with the changes before this one on top.
            is_final: decide what is news; else the entry stays, as somebody may be holding its id.
        """
        if isinstance(change, MemoryAdded):
            known = self._known(change.entry, data) if is_final and not change.local else None
            if known is None:
                return change, observed
            self._became[change.entry.id] = known.id
            entry = change.entry
            said_again = MemoryReinforced(
                at=change.at,
                entry_id=known.id,
                message_id=entry.message_id,
                conversation_id=entry.conversation_id,
            )
            return said_again, None
        if isinstance(change, (MemoryReinforced, MemorySuperseded)):
            theirs = self._stands_for(change.entry_id, data)
            if theirs is not None:
                moved: Change = evolve(cast(Any, change), entry_id=theirs.id)
                return moved, observed
        elif isinstance(change, MemoryUpdated):
            theirs = self._stands_for(change.entry.id, data)
            if theirs is not None:
                change = change.done_to(theirs, observed)
                return change, change.observe(data)
        return change, observed

    def _stands_for(self, entry_id: str, data: SessionData) -> MemoryEntry | None:
        """The entry that one became evidence for, where that one is not there itself."""
        if entry_id not in self._became or data.find_memory(entry_id) is not None:
            return None
        return data.find_memory(self._became[entry_id])

    def _known(self, entry: MemoryEntry, data: SessionData) -> MemoryEntry | None:
        """Another live entry that says just this, of the same person and in the same slot."""
        if entry.source != "user" or entry.message_id is None or entry.id in self._handled:
            return None
        for other in fact_index_of(data).saying(data, entry.content):
            is_same = (other.slot, other.speaker, other.source) == (entry.slot, entry.speaker, "user")
            if (
                is_same
                and other.id != entry.id
                and other.id not in self._handled
                and other.id in data.memories
                and other.is_live(entry.timestamp)
            ):
                return other
        return None


def _handled(change: Change, said: Mapping[str, MemoryEntry]) -> list[str]:
    """The entries that a change deals with in another way than by learning; `said` are those that are new."""
    if isinstance(change, MemoryUpdated):
        new, old = change.entry, said.get(change.entry.id)
        is_as_said = old is not None and (new.content, new.speaker) == (old.content, old.speaker)
        return [] if is_as_said else [new.id]
    if isinstance(change, MemoryRemoved):
        return change.entry_ids
    if isinstance(change, MemoryCompressed):
        return [*change.replaced, *(entry.id for entry in change.added)]
    if isinstance(change, MemoryRestored):
        return [*change.dropped, *(entry.id for entry in change.entries)]
    return []
