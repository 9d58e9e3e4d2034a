"""A change that waits to be saved, and what becomes of it behind what others did meanwhile."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, cast

from voxsession.core.changes import (
    Change,
    ConversationStarted,
    EvidenceAdded,
    MemoryAdded,
    MemorySuperseded,
    MemoryUpdated,
    MessageAdded,
)
from voxsession.core.session_data import SessionData
from voxsession.core.struct import Struct, evolve
from voxsession.session.echoes import Echoes

__all__ = ["Clash", "Pending", "applied", "is_decided_anew", "named_conversations", "put_behind"]


class Pending(Struct, eq=False):
    """A change that is not saved yet, with what it was based on (None where it commutes)."""

    change: Change
    observed: Any


class Clash(Exception):
    """Others changed the same thing; `what` says which."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


def applied(change: Change, data: SessionData) -> Pending:
    """The change, now that it is applied."""
    pending = Pending(change, change.observe(data))
    change.apply(data)
    return pending


def put_behind(
    waiting: Sequence[Pending],
    data: SessionData,
    *,
    known: int,
    echoes: Echoes,
    is_final: bool = True,
    keeps_local: bool = False,
) -> tuple[list[Pending], list[Change]]:
    """Applies changes to what others made meanwhile; how they wait now, and which were dropped.

    One that commutes is applied as it is. One that does not is applied if what it was based on still holds, or if it
    can take in what others did; a compression is dropped otherwise, and so is the edit of an entry that is no longer
    there, and what a guest said in a conversation that was deleted. What was learned from a message that was erased
    meanwhile is left out.

    Args:
        waiting: the changes, in order.
        data: what others made. On a clash it is left half changed.
        known: how many messages there were when the changes were first applied.
        echoes: makes what others learned as well into evidence for theirs.
        is_final: what is derived (supersession, eviction, repairs) is left out, and the caller decides it anew; else
            it stays for now, as does what others learned as well.
        keeps_local: also those that stay with the process; else `data` has them already.

    Raises:
        Clash: somebody else changed the same thing.
    """
    moved_by = data.message_total - known
    erased = _erased(data, {_source(pending.change) for pending in waiting})
    kept: list[Pending] = []
    dropped: list[Change] = []
    for pending in waiting:
        change, observed = _moved(pending.change, known, moved_by), pending.observed
        if (change.local and not keeps_local) or _source(change) in erased:
            continue
        if is_final and is_decided_anew(change):
            continue
        change, observed = echoes.settled(change, observed, data, is_final=is_final)
        behind = _behind(change, observed, data)
        if behind is None:
            dropped.append(change)
        else:
            kept.append(applied(behind, data))
    return kept, dropped


def _behind(change: Change, observed: Any, data: SessionData) -> Change | None:
    """The change as it is to be applied; None where it is dropped."""
    found = change.observe(data)
    if found == observed:
        return change
    if change.gives_way or _is_edit_of_gone(change, data) or _is_of_guest(change):
        return None
    behind = change.behind(observed, data)
    if behind is None:
        raise Clash(f"{change.kind}: {found}" if isinstance(found, str) else change.kind)
    return behind


def is_decided_anew(change: Change) -> bool:
    """Whether the caller decides this again; what the user denied is no decision of ours."""
    return change.derived and not (isinstance(change, MemorySuperseded) and change.is_denied)


def named_conversations(changes: Iterable[Change]) -> set[str]:
    """The conversations that changes go on with or hang on: their entries must be in the head."""
    named: set[str | None] = set()
    for change in changes:
        message, entry = getattr(change, "message", None), getattr(change, "entry", None)
        named |= {getattr(change, "conversation_id", None), getattr(change, "parent_id", None)}
        named |= {getattr(message, "conversation_id", None), getattr(entry, "parent_id", None)}
    return {name for name in named if name is not None}


def _moved(change: Change, known: int, moved_by: int) -> Change:
    """A branch from messages that are pending too: they lie further back now, and so does the place it left."""
    if moved_by and isinstance(change, ConversationStarted) and (change.branch_index or 0) > known:
        later: Change = evolve(cast(Any, change), branch_index=(change.branch_index or 0) + moved_by)
        return later
    return change


def _is_edit_of_gone(change: Change, data: SessionData) -> bool:
    """Whether it edits an entry that others erased or filed away: nothing is left to be edited."""
    return isinstance(change, MemoryUpdated) and data.find_memory(change.entry.id) is None


def _is_of_guest(change: Change) -> bool:
    """Whether a guest said it: the owner, who deleted the conversation, is not to be held up by that."""
    return isinstance(change, MessageAdded) and change.message.origin == "shared"


def _source(change: Change) -> str | None:
    """The message that this was learned from."""
    if isinstance(change, MemoryAdded):
        return change.entry.message_id
    return change.message_id if isinstance(change, EvidenceAdded) else None


def _erased(data: SessionData, sources: set[str | None]) -> set[str]:
    """Which of these messages were erased; the messages may stay sealed where there is nothing to ask."""
    if sources <= {None}:
        return set()
    return {message.id for message in data.messages if message.redacted and message.id in sources}
