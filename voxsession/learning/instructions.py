"""Remembered instructions that a later wish replaced or took back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from voxsession.core.change import Change
from voxsession.core.changes import MemoryExpired
from voxsession.core.message import Message
from voxsession.core.session_changes import EvidenceAdded
from voxsession.core.session_data import SessionData

__all__ = ["retired_instructions"]

_WISH = "wish."
#: What is wished about -> the slot of the memory that says the same in words.
_SLOTS: Final = {
    "verbosity": "length",
    "response_length": "length",
    "formality": "tone",
    "technical_level": "level",
    "speaking_pace": "pace",
    "language": "language",
}


def retired_instructions(data: SessionData, changes: Sequence[Change], message: Message) -> list[Change]:
    """The changes that end remembered instructions which do not hold any more.

    "User wants short answers" must not go on being told to the model after "normal length again".

    Args:
        data: the session, with what was remembered of the message.
        changes: what was learned from the message.
        message: the message.

    Returns:
        A `MemoryExpired` with the instructions of earlier messages that are about what was wished for now.
    """
    wished = {
        name.removeprefix(_WISH).partition(".")[0]
        for change in changes
        if isinstance(change, EvidenceAdded)
        for name in change.increments
        if name.startswith(_WISH)
    }
    if not wished:
        return []
    speaker = (message.name or "user").casefold()
    slots = {f"{speaker}.instruction.{_SLOTS[name]}" for name in wished if name in _SLOTS}
    gone = [
        entry.id
        for entry in data.all_memories()
        if entry.slot in slots and entry.superseded_by is None and entry.message_id != message.id
    ]
    local = [entry_id for entry_id in gone if entry_id in data.local_memories]
    stored = [entry_id for entry_id in gone if entry_id not in data.local_memories]
    return [MemoryExpired(at=message.at, entry_ids=ids, local=ids is local) for ids in (stored, local) if ids]
