"""Putting pending changes behind what another writer saved first."""

from __future__ import annotations

from collections.abc import Mapping

from voxsession.core.changes import (
    Change,
    ConversationRestored,
    EvidenceAdded,
    MemoryAdded,
    MemorySuperseded,
    MemoryUpdated,
    MilestoneReached,
)
from voxsession.core.conversation import ConversationEntry
from voxsession.core.session_data import SessionData
from voxsession.errors import ConflictError
from voxsession.learning.milestones import Standing, crossed, standing
from voxsession.session.batches import Pending, moved
from voxsession.session.echoes import Echoes
from voxsession.session.live import LiveCore

__all__ = ["missing_conversations", "rebase", "replay"]


def rebase(
    core: LiveCore, fresh: SessionData, filed: Mapping[str, ConversationEntry]
) -> tuple[list[Pending], list[Change]]:
    """Applies what is pending in `core` to freshly loaded data; the pending list as it is then, and what was dropped.

    A change that commutes is applied as it is. One that does not is applied only if
    what it was based on still holds; a compression is dropped then, and so is the edit of
    an entry that is no longer there, and all else goes on without them. Derived changes (supersession, eviction) are
    left out: they are decided anew by the caller, milestones here; so is what was
    learned here from a message that was erased there. What both learned becomes
    evidence for what is there. `core` itself is not touched.

    Args:
        filed: conversation entries that lie in index pages now.

    Raises:
        ConflictError: somebody else changed the same thing.
    """
    fresh.local_memories = dict(core.data.local_memories)
    before = standing(fresh)
    waiting: list[Pending] = []
    dropped: list[Change] = []
    for entry in _restored(core, fresh, filed):
        restored = ConversationRestored(at=entry.last_at, entry=entry)
        restored.apply(fresh)
        waiting.append(Pending(restored, None))
    known = core.data.message_total - core.pending_messages
    moved_by = fresh.message_total - known
    erased = {message.id for message in fresh.messages if message.redacted}
    echoes = Echoes(pending.change for pending in core.pending)
    for pending in core.pending:
        change = moved(pending.change, known, moved_by)
        if _is_decided_anew(change) or change.local or _source(change) in erased:
            continue
        change = echoes.settled(change, fresh)
        observed = change.observe(fresh)
        if observed != pending.observed and (change.gives_way or _is_edit_of_gone(change, fresh)):
            dropped.append(change)
            continue
        if observed != pending.observed:
            raise ConflictError(
                fresh.session_id, expected_seq=core.data.seq, found_seq=fresh.seq, what=change.kind
            )
        change.apply(fresh)
        waiting.append(Pending(change, observed))
    return waiting + _reached(before, fresh, waiting), dropped


def replay(core: LiveCore, fresh: SessionData) -> list[Pending]:
    """Applies what is pending in `core` to the data it was based on; the pending list as it is then.

    What is derived, or lives with the process, is dealt with as in `rebase`.
    """
    fresh.local_memories = dict(core.data.local_memories)
    before = standing(fresh)
    waiting: list[Pending] = []
    for change in (pending.change for pending in core.pending):
        if not (_is_decided_anew(change) or change.local):
            waiting.append(Pending(change, change.observe(fresh)))
            change.apply(fresh)
    return waiting + _reached(before, fresh, waiting)


def _reached(before: Standing, fresh: SessionData, waiting: list[Pending]) -> list[Pending]:
    """The milestones that what is pending reaches and that nobody has stored yet."""
    found = []
    for milestone in crossed(before, fresh):
        change = MilestoneReached(at=waiting[-1].change.at, milestone=milestone)
        change.apply(fresh)
        found.append(Pending(change, None))
    return found


def _is_decided_anew(change: Change) -> bool:
    """Whether the caller decides this again; what the user denied is no decision of ours."""
    return change.derived and not (isinstance(change, MemorySuperseded) and change.is_denied)


def _is_edit_of_gone(change: Change, fresh: SessionData) -> bool:
    """Whether it edits an entry that others erased or filed away: nothing is left to be edited."""
    return isinstance(change, MemoryUpdated) and fresh.find_memory(change.entry.id) is None


def _source(change: Change) -> str | None:
    """The message that this was learned from."""
    if isinstance(change, MemoryAdded):
        return change.entry.message_id
    return change.message_id if isinstance(change, EvidenceAdded) else None


def missing_conversations(core: LiveCore, fresh: SessionData) -> set[str]:
    """The conversations that go on here and whose entries are not in the head of what others wrote."""
    named: set[str | None] = set()
    for pending in core.pending:
        change = pending.change
        message = getattr(change, "message", None)
        named |= {getattr(change, "conversation_id", None), getattr(change, "parent_id", None)}
        named.add(getattr(message, "conversation_id", None))
    return {name for name in named if name is not None and name not in fresh.conversations}


def _restored(
    core: LiveCore, fresh: SessionData, filed: Mapping[str, ConversationEntry]
) -> list[ConversationEntry]:
    """The entries that another writer filed away and that are needed here, with their ancestors."""
    found: dict[str, ConversationEntry] = {}
    wanted = sorted(missing_conversations(core, fresh))
    while wanted:
        entry = filed.get(wanted.pop())
        if entry is not None and entry.id not in found:
            found[entry.id] = entry
            if entry.parent_id is not None and entry.parent_id not in fresh.conversations:
                wanted.append(entry.parent_id)
    return list(found.values())
