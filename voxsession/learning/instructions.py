"""Remembered instructions that a later wish replaced or took back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from voxsession.core.change import Change
from voxsession.core.changes import MemoryExpired
from voxsession.core.memory_entry import MemoryEntry
from voxsession.core.message import Message
from voxsession.core.session_changes import EvidenceAdded
from voxsession.core.session_data import SessionData
from voxsession.learning.wishes import Wish, wishes_of
from voxsession.memory.fact_index import fact_index_of

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
_INSTRUCTION = ".instruction."
#: What an instruction's value wishes for, put into words again.
_SAID: Final = ("be {}", "keep it {}", "answer in {}", "use {}", "speak {}", "answer in at most {}")
#: Values of a wish that lie further apart than this ask for something else.
_SAME = 0.3


def retired_instructions(data: SessionData, changes: Sequence[Change], message: Message) -> list[Change]:
    """The changes that end remembered instructions which do not hold any more.

    "User wants short answers" must not go on being told to the model after "normal length again". Nor is an instruction
    of the message itself that it corrects ("be formal... actually be casual"), or that something later replaced.

    Args:
        data: the session, with what was remembered of the message.
        changes: what was learned from the message.
        message: the message.

    Returns:
        A `MemoryExpired` with the instructions about what was wished for now that do not say the same.
    """
    wished = {
        name.removeprefix(_WISH): step
        for change in changes
        if isinstance(change, EvidenceAdded)
        for name, step in change.increments.items()
        if name.startswith(_WISH)
    }
    asked = {_about(wish.name) for wish in wishes_of(message.content or "") if wish.standing}
    if not asked and not wished:
        return []
    speaker = (message.name or "user").casefold()
    counted, named = _slots(speaker, map(_about, wished)), _slots(speaker, asked)
    index = fact_index_of(data)  # so that a wish costs the same however much is remembered
    gone = [
        entry.id
        for slot in sorted(counted | named)
        for entry in index.holders(data, slot)
        if (
            slot in counted
            if entry.message_id != message.id
            else slot in named and not _holds(entry, wished, asked)
        )
    ]
    local = [entry_id for entry_id in gone if entry_id in data.local_memories]
    stored = [entry_id for entry_id in gone if entry_id not in data.local_memories]
    return [MemoryExpired(at=message.at, entry_ids=ids, local=ids is local) for ids in (stored, local) if ids]


def _slots(speaker: str, about: Iterable[str]) -> set[str]:
    return {f"{speaker}{_INSTRUCTION}{_SLOTS[name]}" for name in about if name in _SLOTS}


def _about(wish_name: str) -> str:
    return wish_name.partition(".")[0]


def _holds(entry: MemoryEntry, wished: Mapping[str, tuple[float, float]], asked: set[str]) -> bool:
    """Whether what was remembered of a message says what counts of its wishes."""
    said = [wish for form in _SAID for wish in wishes_of(form.format(entry.value or ""))]
    return all(_agrees(wish, wished) for wish in said if wish.standing and _about(wish.name) in asked)


def _agrees(wish: Wish, wished: Mapping[str, tuple[float, float]]) -> bool:
    value, weight = wished.get(wish.name, (0.0, 0.0))
    return weight > 0 and wish.value is not None and abs(value - wish.value) <= _SAME * max(1.0, wish.value)
