"""Where sensitive entries left their mark, known for as long as the session is."""

from __future__ import annotations

from voxsession.core.memory_entry import MemoryEntry, is_summary
from voxsession.core.session_data import SessionData
from voxsession.core.share_grant import SNAPSHOT, without_rows
from voxsession.core.types import JsonObject

__all__ = ["note_secrecy", "withheld_messages", "withheld_slots"]

_KEY = "withheld"
_SLOTS = "withheld_slots"


def withheld_messages(data: SessionData) -> dict[str, str | None]:
    """The messages that sensitive entries were learned from, or entries that correct one, with their conversations.

    An entry may expire, be evicted or be filed away long before the message it came from is out of sight, so the
    message is noted when the entry is put in, and it is not forgotten with it.
    """
    noted: dict[str, str | None] = dict(data.extra.get(_KEY, {}))
    slots = {*withheld_slots(data), *(entry.slot for entry in data.all_memories() if entry.sensitive)} - {
        None
    }
    for entry in data.all_memories():
        if entry.message_id is not None and (
            entry.sensitive or (entry.slot in slots and not is_summary(entry))
        ):
            noted.setdefault(entry.message_id, entry.conversation_id)
    return noted


def withheld_slots(data: SessionData) -> list[str]:
    """The single-valued attributes that sensitive entries filled, also ones that were filed away since."""
    return [*data.extra.get(_SLOTS, ())]


def note_secrecy(data: SessionData, entry: MemoryEntry) -> None:
    """Takes in that an entry is sensitive, or is so no longer; frozen shares lose one that has become it."""
    places = entry.message_id is not None or entry.slot is not None
    old = data.find_memory(entry.id) if data.shares or places else None
    was_sensitive = old is not None and old.sensitive
    if entry.sensitive and not was_sensitive:
        _leave_snapshots(data, entry.id)
    if not (entry.sensitive or was_sensitive):
        return
    others = (
        []
        if entry.sensitive
        else [one for one in data.all_memories() if one.sensitive and one.id != entry.id]
    )
    _note_message(data, entry, others)
    _note_slot(data, entry, others)


def _note_message(data: SessionData, entry: MemoryEntry, others: list[MemoryEntry]) -> None:
    if entry.message_id is None:
        return
    noted: JsonObject = dict(data.extra.get(_KEY, {}))
    if entry.sensitive:
        noted[entry.message_id] = entry.conversation_id
    elif all(one.message_id != entry.message_id for one in others):
        noted.pop(entry.message_id, None)
    if noted != data.extra.get(_KEY, {}):
        data.extra = {**data.extra, _KEY: noted}


def _note_slot(data: SessionData, entry: MemoryEntry, others: list[MemoryEntry]) -> None:
    slot, known = entry.slot, withheld_slots(data)
    # A slot of many values names its value, which must not outlive the entry; nothing else has that slot anyway.
    if slot is None or ":" in slot:
        return
    if entry.sensitive:
        noted = known if slot in known else [*known, slot]
    else:
        noted = known if any(one.slot == slot for one in others) else [one for one in known if one != slot]
    if noted != known:
        data.extra = {**data.extra, _SLOTS: noted}


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
