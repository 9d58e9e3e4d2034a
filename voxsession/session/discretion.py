"""What is stored beside a change, so that secrets which go out of sight or stay with the process are known again."""

from __future__ import annotations

from collections.abc import Iterable

from voxsession.core.changes import (
    Change,
    MemoryAdded,
    MemoryCompressed,
    MemoryEvicted,
    MemoryExpired,
    MemoryRestored,
    MemorySuperseded,
    MemoryUpdated,
    SecretsNoted,
)
from voxsession.core.memory_entry import MemoryEntry
from voxsession.core.session_data import SessionData
from voxsession.core.types import JsonObject
from voxsession.core.withholding import WITHHELD, WITHHELD_SLOTS, withheld_marks, withheld_slots
from voxsession.session.pending import Pending, applied

__all__ = ["landed"]

_WATCHED = frozenset({MemoryCompressed, MemoryEvicted, MemoryExpired, MemorySuperseded, MemoryUpdated})
_NEW = (MemoryAdded, MemoryRestored)


def landed(change: Change, data: SessionData) -> list[Pending]:
    """Applies a change; it, with what has to be stored beside it.

    Where a sensitive entry is superseded, compressed, edited, expires or is evicted, marks of its words stay. One
    that lives with the process is known nowhere else, so its marks, its messages and its attribute are noted at once.
    """
    if not (change.local or type(change) in _WATCHED):
        return [applied(change, data)]
    before, extra = _touched_by(change, data), data.extra
    found = [applied(change, data)]
    note = _note(change, before, extra, data)
    return found if note is None else [*found, applied(note, data)]


def _touched_by(change: Change, data: SessionData) -> list[MemoryEntry]:
    """The entries, as they are before it, that a change does something to."""
    if isinstance(change, (MemoryEvicted, MemoryExpired)):
        ids: Iterable[str] = change.entry_ids
    elif isinstance(change, MemorySuperseded):
        ids = [change.entry_id]
    elif isinstance(change, MemoryCompressed):
        ids = [*change.replaced, *(entry.id for entry in change.added)]
    else:
        ids = [change.entry.id] if isinstance(change, MemoryUpdated) else []
    return [entry for entry_id in ids if (entry := data.find_memory(entry_id)) is not None]


def _note(
    change: Change, before: list[MemoryEntry], extra: JsonObject, data: SessionData
) -> SecretsNoted | None:
    wanted, unwanted = _marks(change, before, data)
    known = withheld_marks(data).get(data.session_id, [])
    messages, slots, gone = dict[str, str | None](), list[str](), [one for one in unwanted if one in known]
    if change.local and data.extra is not extra:  # noted by the change itself, which is not stored
        old, new = extra.get(WITHHELD, {}), data.extra.get(WITHHELD, {})
        old_slots, new_slots = extra.get(WITHHELD_SLOTS, ()), withheld_slots(data)
        messages = {name: talk for name, talk in new.items() if name not in old}
        slots = [slot for slot in new_slots if slot not in old_slots]
        gone += [name for name in old if name not in new]
        gone += [slot for slot in old_slots if slot not in new_slots]
    marks = [mark for mark in wanted if mark not in known]
    if not (messages or slots or gone or marks):
        return None
    made = {data.session_id: marks} if marks else {}
    return SecretsNoted(at=change.at, messages=messages, slots=slots, marks=made, gone=gone)


def _marks(change: Change, before: list[MemoryEntry], data: SessionData) -> tuple[list[str], list[str]]:
    """The marks that are to be there after a change, and those that are not any more."""
    added = [change.entry] if isinstance(change, (MemoryAdded, MemoryUpdated)) else []
    if isinstance(change, (MemoryCompressed, MemoryRestored)):
        added = [*getattr(change, "added", ()), *getattr(change, "entries", ())]
    now = {entry.id: entry for entry in added}
    hidden = [one for one in before if one.sensitive and not _is_told_by(now.get(one.id), one)]
    told = [one for one in before if one.sensitive and (new := now.get(one.id)) and not new.sensitive]
    hidden = [one for one in hidden if one not in told]
    if change.local:
        hidden += [entry for entry in added if entry.sensitive]
    if not (hidden or told):
        return [], []
    from voxsession.session.traces import marks_of_secret  # its patterns take a while

    def of(entries: Iterable[MemoryEntry]) -> list[str]:
        return [mark for entry in entries for mark in marks_of_secret(entry, data.session_id)]

    kept = of(hidden)
    return kept, [mark for mark in of(told) if mark not in kept]


def _is_told_by(new: MemoryEntry | None, old: MemoryEntry) -> bool:
    """Whether an entry still says what it said."""
    return new is not None and (new.content, new.value) == (old.content, old.value)
