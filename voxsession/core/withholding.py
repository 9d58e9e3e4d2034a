"""Where sensitive entries left their mark, known for as long as the session is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from voxsession.core.memory_entry import MemoryEntry, is_summary
from voxsession.core.session_data import SessionData
from voxsession.core.share_grant import SNAPSHOT, without_rows
from voxsession.core.types import JsonObject

__all__ = [
    "MARKS",
    "WITHHELD",
    "WITHHELD_SLOTS",
    "note_secrecy",
    "noted",
    "withheld_marks",
    "withheld_messages",
    "withheld_slots",
]

#: Where these notes stand in `SessionData.extra`.
WITHHELD = "withheld"
WITHHELD_SLOTS = "withheld_slots"
MARKS = "withheld_marks"
MAX_MARKS = 2_000  # the latest count


def withheld_messages(data: SessionData) -> dict[str, str | None]:
    """The messages that sensitive entries were learned from, or entries that correct one, with their conversations.

    An entry may expire, be evicted or be filed away long before the message it came from is out of sight, so the
    message is noted when the entry is put in, and it is not forgotten with it.
    """
    found: dict[str, str | None] = dict(data.extra.get(WITHHELD, {}))
    slots = {*withheld_slots(data), *(entry.slot for entry in data.all_memories() if entry.sensitive)} - {
        None
    }
    for entry in data.all_memories():
        if entry.sensitive or (entry.slot in slots and not is_summary(entry)):
            for message_id, conversation_id in _said_in(entry):
                found.setdefault(message_id, conversation_id)
    return found


def withheld_slots(data: SessionData) -> list[str]:
    """The single-valued attributes that sensitive entries filled, also ones that were filed away since."""
    return [*data.extra.get(WITHHELD_SLOTS, ())]


def withheld_marks(data: SessionData) -> dict[str, list[str]]:
    """The marks of the words of sensitive entries that are out of sight, by the session id they were made under."""
    return dict(data.extra.get(MARKS, {}))


def noted(
    extra: JsonObject,
    *,
    messages: Mapping[str, str | None],
    slots: Sequence[str],
    marks: Mapping[str, Sequence[str]],
    gone: Iterable[str],
) -> JsonObject:
    """The extras of a session with these messages, slots and marks beside its own, without those that are `gone`."""
    left_out = frozenset(gone)
    said = {**extra.get(WITHHELD, {}), **messages}
    said = {name: talk for name, talk in said.items() if name not in left_out}
    filled = [
        slot for slot in dict.fromkeys([*extra.get(WITHHELD_SLOTS, ()), *slots]) if slot not in left_out
    ]
    known = {name: list(those) for name, those in extra.get(MARKS, {}).items()}
    for name, those in marks.items():
        known[name] = list(dict.fromkeys([*known.get(name, ()), *those]))
    known = {
        name: kept[-MAX_MARKS:]
        for name, those in known.items()
        if (kept := [mark for mark in those if mark not in left_out])
    }
    others = {name: value for name, value in extra.items() if name not in (WITHHELD, WITHHELD_SLOTS, MARKS)}
    told = {WITHHELD: said, WITHHELD_SLOTS: filled, MARKS: known}
    return others | {name: value for name, value in told.items() if value}


def _said_in(entry: MemoryEntry) -> Iterator[tuple[str, str | None]]:
    """The messages that an entry was learned from, and those that said it again, with their conversations."""
    if entry.message_id is not None:
        yield entry.message_id, entry.conversation_id
    yield from (entry.confirmed_in or {}).items()


def note_secrecy(data: SessionData, entry: MemoryEntry) -> None:
    """Takes in that an entry is sensitive, or is so no longer; frozen shares lose one that has become it."""
    places = entry.message_id is not None or entry.slot is not None or entry.confirmed_in is not None
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
    _note_messages(data, entry, others)
    _note_slot(data, entry, others)


def _note_messages(data: SessionData, entry: MemoryEntry, others: list[MemoryEntry]) -> None:
    known: JsonObject = data.extra.get(WITHHELD, {})
    said: JsonObject = dict(known)
    if entry.sensitive:
        said.update(_said_in(entry))
    else:
        secret = {message_id for one in others for message_id, _ in _said_in(one)}
        for message_id, _ in _said_in(entry):
            if message_id not in secret:
                said.pop(message_id, None)
    if said != known:
        data.extra = {**data.extra, WITHHELD: said}


def _note_slot(data: SessionData, entry: MemoryEntry, others: list[MemoryEntry]) -> None:
    slot, known = entry.slot, withheld_slots(data)
    # A slot of many values names its value, which must not outlive the entry; nothing else has that slot anyway.
    if slot is None or ":" in slot:
        return
    filled = known
    if entry.sensitive:
        filled = known if slot in known else [*known, slot]
    elif not any(one.slot == slot for one in others):
        filled = [one for one in known if one != slot]
    if filled != known:
        data.extra = {**data.extra, WITHHELD_SLOTS: filled}


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
