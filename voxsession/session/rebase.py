"""Putting pending changes behind what another writer saved first."""

from __future__ import annotations

from collections.abc import Mapping

from voxsession.core.changes import Change, ConversationRestored, MilestoneReached
from voxsession.core.conversation import ConversationEntry
from voxsession.core.session_data import SessionData
from voxsession.errors import ConflictError
from voxsession.learning.milestones import Standing, crossed, standing
from voxsession.session.echoes import Echoes
from voxsession.session.live import LiveCore
from voxsession.session.pending import (
    Clash,
    Pending,
    applied,
    is_decided_anew,
    named_conversations,
    put_behind,
)

__all__ = ["missing_conversations", "rebase", "replay"]


def rebase(
    core: LiveCore, fresh: SessionData, filed: Mapping[str, ConversationEntry]
) -> tuple[list[Pending], list[Change]]:
    """Applies what is pending in `core` to freshly loaded data; the pending list as it is then, and what was dropped.

    What becomes of each change is said by `put_behind`; milestones are decided anew here.
    What both learned becomes evidence for what is there. `core` itself is not touched.

    Args:
        filed: conversation entries that lie in index pages now.

    Raises:
        ConflictError: somebody else changed the same thing.
    """
    fresh.local_memories = dict(core.data.local_memories)
    before = standing(fresh)
    waiting: list[Pending] = []
    for entry in _restored(core, fresh, filed):
        waiting.append(applied(ConversationRestored(at=entry.last_at, entry=entry), fresh))
    known = core.data.message_total - core.pending_messages
    echoes = Echoes((pending.change for pending in core.pending), core.became if core.batches else {})
    try:
        kept, dropped = put_behind(core.pending, fresh, known=known, echoes=echoes)
    except Clash as clash:
        raise ConflictError(
            fresh.session_id, expected_seq=core.data.seq, found_seq=fresh.seq, what=clash.what
        ) from None
    waiting += kept
    return waiting + _reached(before, fresh, waiting), dropped


def replay(core: LiveCore, fresh: SessionData) -> list[Pending]:
    """Applies what is pending in `core` to the data it was based on; the pending list as it is then.

    What is derived, or lives with the process, is dealt with as in `rebase`.
    """
    fresh.local_memories = dict(core.data.local_memories)
    before = standing(fresh)
    waiting: list[Pending] = []
    for change in (pending.change for pending in core.pending):
        if not (is_decided_anew(change) or change.local):
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


def missing_conversations(core: LiveCore, fresh: SessionData) -> set[str]:
    """The conversations that go on here and whose entries are not in the head of what others wrote."""
    named = named_conversations(pending.change for pending in core.pending) | core.held_conversations
    return named - fresh.conversations.keys()


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
