"""Where each current fact is found by its slot or by its words, kept up to date entry by entry."""

from __future__ import annotations

from voxsession.core.memory_entry import MemoryEntry
from voxsession.core.session_data import SessionData

__all__ = ["FactIndex", "fact_index_of"]


class FactIndex:
    """The entries that have not stepped back, by slot and by content.

    It is derived from the data and never stored: the data tells it of each entry that comes, goes or changes. So what
    a message costs does not grow with what is remembered.

    Example:
        >>> from datetime import UTC, datetime
        >>> at = datetime(2026, 11, 18, tzinfo=UTC)
        >>> entry = MemoryEntry(id="m", content="User's name is Ann", slot="user.name", timestamp=at)
        >>> data = SessionData(session_id="s", created_at=at, updated_at=at, memories={"m": entry})
        >>> index = fact_index_of(data)
        >>> index.holders(data, "user.name") == index.saying(data, "user's name is ann") == [entry]
        True
    """

    def __init__(self) -> None:
        # Tuples, since most have one member and a copy of the index may share them.
        self._by_slot: dict[str, tuple[str, ...]] = {}
        self._by_content: dict[str, tuple[str, ...]] = {}

    def copy(self) -> FactIndex:
        """An independent index, for a copy of the data."""
        other = FactIndex()
        other._by_slot, other._by_content = dict(self._by_slot), dict(self._by_content)
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
        return _entries(data, self._by_slot.get(slot, ()))

    def saying(self, data: SessionData, content: str) -> list[MemoryEntry]:
        """The entries that say just this, whatever its case and spaces, expired ones included.

        Args:
            data: what the index was made of.
            content: a sentence.
        """
        return _entries(data, self._by_content.get(_words(content), ()))

    def contested(self) -> list[str]:
        """The slots that more than one entry fills, in order."""
        return sorted(slot for slot, ids in self._by_slot.items() if len(ids) > 1)


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


def _entries(data: SessionData, ids: tuple[str, ...]) -> list[MemoryEntry]:
    return [entry for entry_id in ids if (entry := data.find_memory(entry_id)) is not None]


def _put(places: dict[str, tuple[str, ...]], key: str, entry_id: str) -> None:
    known = places.get(key, ())
    if entry_id not in known:
        places[key] = (*known, entry_id)


def _drop(places: dict[str, tuple[str, ...]], key: str, entry_id: str) -> None:
    left = tuple(known for known in places.get(key, ()) if known != entry_id)
    if left:
        places[key] = left
    else:
        places.pop(key, None)
