"""Putting pending changes behind what another writer saved first."""

from __future__ import annotations

from voxsession.core.changes import Change, ConversationRestored
from voxsession.core.session_data import SessionData
from voxsession.errors import ConflictError
from voxsession.session.live import LiveCore, Pending

__all__ = ["rebase"]


def rebase(core: LiveCore, fresh: SessionData) -> list[Pending]:
    """Applies what is pending in `core` to freshly loaded data; the pending list as it is then.

    A change that commutes is applied as it is. One that does not is applied only if
    what it was based on still holds. Derived changes (supersession, eviction) are
    left out: they are decided anew by the caller. `core` itself is not touched.

    Raises:
        ConflictError: somebody else changed the same thing.
    """
    fresh.local_memories = core.data.local_memories
    waiting: list[Pending] = []
    for restored in _lost_conversations(core, fresh):
        waiting.append(Pending(restored, None))
        restored.apply(fresh)
    for pending in core.pending:
        change = pending.change
        if change.derived or change.local:
            continue
        observed = change.observe(fresh)
        if observed != pending.observed:
            raise ConflictError(
                fresh.session_id, expected_seq=core.data.seq, found_seq=fresh.seq, what=change.kind
            )
        change.apply(fresh)
        waiting.append(Pending(change, observed))
    return waiting


def _lost_conversations(core: LiveCore, fresh: SessionData) -> list[Change]:
    """The other writer filed a conversation away that is going on here: its entry comes back."""
    started = {
        getattr(pending.change, "conversation_id", None)
        for pending in core.pending
        if pending.change.kind in ("conversation.started", "conversation.resumed")
    }
    needed = {
        getattr(pending.change, "conversation_id", None)
        or getattr(getattr(pending.change, "message", None), "conversation_id", None)
        for pending in core.pending
    }
    return [
        ConversationRestored(at=entry.last_at, entry=entry)
        for conversation_id in sorted(str(name) for name in needed - started if name)
        if conversation_id not in fresh.conversations
        and (entry := core.data.conversations.get(conversation_id)) is not None
    ]
