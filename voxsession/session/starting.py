"""How a conversation is opened: started, continued, branched or resumed."""

from __future__ import annotations

from voxsession.core.changes import ConversationRestored, ConversationResumed, ConversationStarted
from voxsession.core.conversation import ConversationEntry
from voxsession.errors import ConfigurationError, SessionEndedError
from voxsession.session.conversation import Conversation
from voxsession.session.host import SessionHost
from voxsession.session.live import LiveCore
from voxsession.session.noting import local_day
from voxsession.session.reading import find_conversation, index_of_message, lineage

__all__ = ["open_conversation"]


async def open_conversation(
    core: LiveCore,
    host: SessionHost,
    conversation_id: str | None,
    parent_id: str | None,
    how: str,
    *,
    at_message: str | None = None,
) -> Conversation:
    """Opens a conversation of a session.

    Raises:
        ConfigurationError: the parent, the message to branch at, or the conversation to resume does not exist, or
            the conversation exists already and hangs elsewhere.
        SessionEndedError: it was a call, and the call was ended.
    """
    if conversation_id is None and how == "resume":
        conversation_id = _latest(core)
    if conversation_id is not None:
        entry = await find_conversation(core, host, conversation_id)
        if entry is not None:
            await _check_place(core, host, entry, parent_id, at_message)
            return _go_on(core, host, entry, await _filed_line(core, host, entry))
        if how == "resume":
            raise ConfigurationError(
                f"There is no conversation {conversation_id!r} in this session. "
                "Start it with session.start_conversation(...).",
                option="conversation_id",
                value=conversation_id,
            )
    new_id = conversation_id or core.clock.new_id("conv")
    branch_index = None
    if parent_id is not None:
        parent = await find_conversation(core, host, parent_id)
        if parent is None or parent.status == "deleted" or parent.guest or parent_id == new_id:
            raise ConfigurationError(
                f"There is no conversation {parent_id!r} to branch from.", option="parent_id", value=parent_id
            )
        _bring_back(core, await _filed_line(core, host, parent))
        branch_index = await _branch_index(core, host, parent_id, at_message)
    elif at_message is not None:
        raise ConfigurationError(
            "at_message says where a branch leaves its parent. Give parent_id as well.", option="at_message"
        )
    core.record(
        ConversationStarted(
            at=(now := core.now()),
            conversation_id=new_id,
            parent_id=parent_id,
            branch_index=branch_index,
            local_day=local_day(core, now),
        )
    )
    return Conversation(core, host, new_id)


async def _branch_index(core: LiveCore, host: SessionHost, parent_id: str, at_message: str | None) -> int:
    """The index that a branch sees its ancestors up to: behind the message, or behind the latest one."""
    if at_message is None:
        return core.view.message_total
    place = await index_of_message(core, host, lineage(core.view, parent_id), at_message)
    if place is None:
        raise ConfigurationError.out_of_range(
            "at_message", at_message, f"give the id of a message that conversation {parent_id!r} sees"
        )
    return place + 1


async def _check_place(
    core: LiveCore,
    host: SessionHost,
    entry: ConversationEntry,
    parent_id: str | None,
    at_message: str | None,
) -> None:
    """A conversation that exists goes on where it is; it cannot be moved to another place."""
    if entry.status == "deleted":
        raise ConfigurationError(
            f"The conversation {entry.id!r} was deleted. Start one with another id.",
            option="conversation_id",
            value=entry.id,
        )
    is_elsewhere = parent_id is not None and parent_id != entry.parent_id
    if not is_elsewhere and at_message is not None:
        line = lineage(core.view, str(entry.parent_id))
        place = await index_of_message(core, host, line, at_message) if entry.parent_id else None
        is_elsewhere = place is None or place + 1 != entry.branch_index
    if is_elsewhere:
        raise ConfigurationError(
            f"The conversation {entry.id!r} exists already and hangs elsewhere (parent: {entry.parent_id}). "
            "Go on with session.resume_conversation(...), or choose another id for the branch.",
            option="parent_id",
            value=parent_id,
        )


def _latest(core: LiveCore) -> str | None:
    talks = [one for one in core.view.conversations.values() if one.status != "deleted" and one.guest is None]
    newest = max(talks, key=lambda entry: (entry.last_at, entry.last_index or -1), default=None)
    return newest.id if newest is not None else None


async def _filed_line(
    core: LiveCore, host: SessionHost, entry: ConversationEntry | None
) -> list[ConversationEntry]:
    """The conversation and its ancestors, as far as they were filed away: what it sees hangs on them."""
    line: list[ConversationEntry] = []
    while entry is not None and entry.id not in core.view.conversations and entry not in line:
        line.append(entry)
        entry = await find_conversation(core, host, entry.parent_id) if entry.parent_id else None
    return line


def _bring_back(core: LiveCore, line: list[ConversationEntry]) -> None:
    if line:
        core.record(*(ConversationRestored(at=entry.last_at, entry=entry) for entry in line))


def _go_on(
    core: LiveCore, host: SessionHost, entry: ConversationEntry, filed: list[ConversationEntry]
) -> Conversation:
    if entry.call is not None and entry.call.get("status") == "ended":
        raise SessionEndedError(
            core.data.session_id, f"Conversation {entry.id!r} was a call that has ended; start another one."
        )
    lies_open = entry.status == "active" and core.open_conversations.get(entry.id)
    _bring_back(core, filed)
    if not lies_open:
        core.record(ConversationResumed(at=core.now(), conversation_id=entry.id))
    return Conversation(core, host, entry.id)
