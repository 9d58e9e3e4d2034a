"""What has to be recorded so that a conversation has what a given history adds to it or changes in it."""

from __future__ import annotations

from collections.abc import Sequence

from voxsession.core.message import Message
from voxsession.core.struct import Struct, field
from voxsession.core.types import JsonObject
from voxsession.resume.transcript import items_of, messages_of

__all__ = ["Difference", "additions_to", "replacement", "rewritten"]


class Difference(Struct, frozen=True):
    """What has to be recorded.

    Attributes:
        said: messages to add behind the others, as `add_messages` takes them.
        unsaid: the ids of messages to erase.
    """

    said: list[JsonObject] = field(default_factory=list)
    unsaid: list[str] = field(default_factory=list)


def replacement(messages: Sequence[Message], wanted: Sequence[JsonObject]) -> Difference:
    """What makes the conversation say what is wanted: what both begin with stays, the rest is erased and said anew."""
    there = _kept(messages)
    same = _common(items_of(there), wanted)
    return Difference(
        said=messages_of(wanted[:same], wanted[same:], same), unsaid=[message.id for message in there[same:]]
    )


def additions_to(messages: Sequence[Message], wanted: Sequence[JsonObject]) -> Difference | None:
    """What a history adds of which nobody knows when it was read; it erases nothing.

    The rows are looked for among what is stored, in order; those behind the last one that is found come behind
    everything.

    Returns:
        None where it cannot be told what is an addition: a row is not there, and a later one is.

    Example:
        >>> from voxsession import MemorySessionStorage
        >>> from voxsession.resume import SessionManagerService
        >>> one, two, three = ({"type": "input", "text": text} for text in ("one", "two", "three"))
        >>> calls = SessionManagerService(MemorySessionStorage())
        >>> made = await calls.create_session("c", conversation_history=[one, two])
        >>> await calls.update_session("c", conversation_history=[one, three], replace_history=False)
        True
        >>> [row["text"] for row in (await calls.get_session("c")).conversation_history]
        ['one', 'two', 'three']
    """
    stored = items_of(messages)
    new, behind = _missing(stored, wanted)
    if any(row in behind for row in new):
        return None
    return Difference(said=messages_of(stored, new, len(wanted) - len(new)))


def rewritten(
    messages: Sequence[Message], wanted: Sequence[JsonObject], read: Sequence[Message]
) -> Difference | None:
    """What a history adds to what it was read with, or has in place of it; nothing said since is erased.

    Args:
        messages: what is stored.
        wanted: what is given.
        read: what was stored when it was read.

    Returns:
        None where it has other rows in place of some that were read, and others changed the conversation since.
    """
    there, stored = _kept(messages), items_of(messages)
    rows, known = items_of(read), {message.id for message in read}
    same = _common(rows, wanted)
    replaced = {message.id for message in read[same:]}
    gone = [message.id for message in there if message.id in replaced]
    if not gone:  # additions, or somebody has erased the same before
        since = [row for message, row in zip(there, stored, strict=True) if message.id not in known]
        new, _ = _missing(since, wanted[same:])
        return Difference(said=messages_of(stored, new, len(wanted) - len(new)))
    if stored == rows and len(gone) == len(replaced):
        return Difference(said=messages_of(stored[:same], wanted[same:], same), unsaid=gone)
    if _common(stored, wanted) == len(stored):
        return Difference(said=messages_of(stored, wanted[len(stored) :], len(stored)))
    return None


def _kept(messages: Sequence[Message]) -> list[Message]:
    return [message for message in messages if not message.redacted]


def _common(rows: Sequence[JsonObject], wanted: Sequence[JsonObject]) -> int:
    """How many rows both begin with."""
    same = 0
    for row, item in zip(rows, wanted, strict=False):
        if row != item:
            break
        same += 1
    return same


def _missing(
    rows: Sequence[JsonObject], wanted: Sequence[JsonObject]
) -> tuple[list[JsonObject], list[JsonObject]]:
    """The wanted rows from the first that is not there, and the rows behind the last that is."""
    rows, place = list(rows), 0
    for number, item in enumerate(wanted):
        try:
            place = rows.index(item, place) + 1
        except ValueError:
            return list(wanted[number:]), rows[place:]
    return [], rows[place:]
