"""Bringing back to a conversation what came of a branch."""

from __future__ import annotations

from voxsession.core.changes import ConversationMerged
from voxsession.core.conversation import ConversationEntry
from voxsession.core.memory_entry import MemoryEntry
from voxsession.core.types import check_id, check_text
from voxsession.errors import ConfigurationError
from voxsession.session.host import SessionHost
from voxsession.session.live import LiveCore
from voxsession.session.reading import filed_talks, find_conversation
from voxsession.session.summarizing import note_summary, summarize_conversation

__all__ = ["merge_summary"]


async def merge_summary(
    core: LiveCore, host: SessionHost, conversation_id: str, branch_id: str, text: str | None
) -> MemoryEntry | None:
    """Makes the summary of a branch part of a conversation's contexts; see `Conversation.merge_summary`."""
    branch = await _branch(core, host, conversation_id, check_id("branch", branch_id))
    if text is not None:
        said = check_text("text", text, allow_empty=False)
        entry = await note_summary(core, host, branch.id, said)
    else:
        entry = await summarize_conversation(core, host, branch.id)
    if entry is None:
        return None
    if branch.id not in core.view.conversations[conversation_id].merged_ids:
        core.record(ConversationMerged(at=core.now(), conversation_id=conversation_id, branch_id=branch.id))
    await host.autosave_now(core)
    return entry


async def _branch(
    core: LiveCore, host: SessionHost, conversation_id: str, branch_id: str
) -> ConversationEntry:
    """The branch, which must have left this conversation or one of its branches."""
    found = await find_conversation(core, host, branch_id)
    if found is not None and found.status != "deleted":
        talks = {**(await filed_talks(core, host)), **core.view.conversations}
        seen, current = {branch_id}, found.parent_id
        while current is not None and current not in seen:
            if current == conversation_id:
                return found
            seen.add(current)
            parent = talks.get(current)
            current = parent.parent_id if parent is not None else None
    raise ConfigurationError(
        f"There is no branch {branch_id!r} of conversation {conversation_id!r}. session.branches() shows them all.",
        option="branch",
        value=branch_id,
    )
