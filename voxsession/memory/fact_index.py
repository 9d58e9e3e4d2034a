"""Where each current fact is found by its slot or by its words, kept up to date entry by entry."""

from __future__ import annotations

from collections.abc import Collection
from typing import TypeAlias

from voxsession.core.memory_entry import MemoryEntry
from voxsession.core.session_data import SessionData

__all__ = ["FactIndex", "fact_index_of"]

#: The ids in each place: mostly one, else a dict, so that thousands of entries that say the same cost no more.
_Places: TypeAlias = dict[str, "str | dict[str, None]"]


class FactIndex:
    """The entries that have not stepped back, by slot and by content.

    It is derived from the data and never stored: the data tells it of each entry that comes, goes or changes. So what
    a message costs does not grow with what is remembered.

    Example:
        >>> from datetime import UTC, datetime
        >>> at = datetime(2026, 11, 18, tzinfo=UTC)
        >>> entry = MemoryEntry(id="m", content="User's name is Ann", slot="user.name", timestamp=at)
        >>> data = SessionData(session_id="s", created_at=at, updated_at=at, held_memories={"m": entry})
        >>> index = fact_index_of(data)
        >>> index.holders(data, "user.name") == index.saying(data, "user's name is ann") == [entry]
        True
    """

    def __init__(self) -> None:
        self._by_slot: _Places = {}
        self._by_content: _Places = {}

    def copy(self) -> FactIndex:
        """An independent index, for a copy of the data."""
        other = FactIndex()
        other._by_slot, other._by_content = _copied(self._by_slot), _copied(self._by_content)
        return other

    def changed(self, old: MemoryEntry | None, new: MemoryEntry | None) -> None:
        """Takes in that an entry came, went or is another now."""
        if old is not None and old.superseded_by is None:
            _drop(self._by_content, _words(old.content), old.id)
            if old.slot is not None:
                _drop(self._by_slot, old.slot, old.id)
        if new is not None and new.superseded_by is None:
            _put(self._by_content, _words(new.content), new.id)
            if new.slot is not None:
                _put(self._by_slot, new.slot, new.id)

    def holders(self, data: SessionData, slot: str) -> list[MemoryEntry]:
        """The entries that fill a slot, expired ones included.

        Args:
            data: what the index was made of.
            slot: as the entries have it.
        """
        return _entries(data, _ids(self._by_slot, slot))

    def saying(self, data: SessionData, content: str) -> list[MemoryEntry]:
        """The entries that say just this, whatever its case and spaces, expired ones included.

        Args:
            data: what the index was made of.
            content: a sentence.
        """
        return _entries(data, _ids(self._by_content, _words(content)))

    def contested(self) -> list[str]:
        """The slots that more than one entry fills, in order."""
        return sorted(slot for slot in self._by_slot if len(_ids(self._by_slot, slot)) > 1)


def fact_index_of(data: SessionData) -> FactIndex:
    """The index of a session, made where there is none."""
    index = data.fact_index
    if not isinstance(index, FactIndex):
        index = FactIndex()
        for entry in data.all_memories():
            index.changed(None, entry)
        data.fact_index = index
    return index


def _words(content: str) -> str:
    return " ".join(content.casefold().split())


def _entries(data: SessionData, ids: Collection[str]) -> list[MemoryEntry]:
    return [entry for entry_id in ids if (entry := data.find_memory(entry_id)) is not None]


def _ids(places: _Places, key: str) -> Collection[str]:
    found = places.get(key, ())
    return (found,) if isinstance(found, str) else found


def _copied(places: _Places) -> _Places:
    return {key: dict(known) if isinstance(known, dict) else known for key, known in places.items()}


def _put(places: _Places, key: str, entry_id: str) -> None:
    known = places.setdefault(key, entry_id)
    if isinstance(known, dict):
        known[entry_id] = None
    elif known != entry_id:
        places[key] = {known: None, entry_id: None}


def _drop(places: _Places, key: str, entry_id: str) -> None:
    known = places.get(key)
    if isinstance(known, dict):
        known.pop(entry_id, None)
    if not known or known == entry_id:
        places.pop(key, None)
