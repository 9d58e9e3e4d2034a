"""Which messages sensitive entries were learned from, known for as long as the session is."""

from __future__ import annotations

from voxsession.core.memory_entry import MemoryEntry
from voxsession.core.session_data import SessionData
from voxsession.core.share_grant import SNAPSHOT, without_rows
from voxsession.core.types import JsonObject

__all__ = ["note_secrecy", "withheld_messages"]

_KEY = "withheld"


def withheld_messages(data: SessionData) -> dict[str, str | None]:
    """The messages that sensitive entries were learned from, with their conversations.

    An entry may expire, be evicted or be filed away long before the message it came from is out of sight, so the
    message is noted when the entry is put in, and it is not forgotten with it.
    """
    noted: dict[str, str | None] = dict(data.extra.get(_KEY, {}))
    for entry in data.all_memories():
        if entry.sensitive and entry.message_id is not None:
            noted.setdefault(entry.message_id, entry.conversation_id)
    return noted


def note_secrecy(data: SessionData, entry: MemoryEntry) -> None:
    """Takes in that an entry is sensitive, or is so no longer; frozen shares lose one that has become it."""
    old = data.find_memory(entry.id) if data.shares or entry.message_id is not None else None
    was_sensitive = old is not None and old.sensitive
    if entry.sensitive and not was_sensitive:
        _leave_snapshots(data, entry.id)
    if entry.message_id is None or not (entry.sensitive or was_sensitive):
        return
    noted: JsonObject = dict(data.extra.get(_KEY, {}))
    if entry.sensitive:
        noted[entry.message_id] = entry.conversation_id
    elif not _has_another(data, entry):
        noted.pop(entry.message_id, None)
    if noted != data.extra.get(_KEY, {}):
        data.extra = {**data.extra, _KEY: noted}


def _has_another(data: SessionData, entry: MemoryEntry) -> bool:
    return any(
        one.sensitive and one.message_id == entry.message_id and one.id != entry.id
        for one in data.all_memories()
    )


def _leave_snapshots(data: SessionData, entry_id: str) -> None:
    closed = {
        grant_id: stored
        for grant_id, stored in data.shares.items()
        if stored.get(SNAPSHOT)
        and not stored.get("all_sensitive")
        and entry_id not in stored.get("sensitive_ids", ())
    }
    if closed and (changed := without_rows(closed, [entry_id])) is not closed:
        data.shares = {**data.shares, **changed}
