"""What a conversation may be reminded of: nothing that was said on branches it does not stand on."""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from voxsession.core.conversation import ConversationEntry
from voxsession.core.memory_entry import MemoryEntry
from voxsession.core.message import Message
from voxsession.memory.matches import MemoryMatch
from voxsession.session.live import LiveCore
from voxsession.session.reading import lineage

__all__ = ["Scope", "with_origins"]


class Scope:
    """The sight of one conversation over the session.

    It sees its own messages, those of its ancestors up to where it left, and those of
    other conversations that began by themselves. What was said on other branches
    stays there; what was remembered from it is everybody's, with its origin named.
    """

    def __init__(self, core: LiveCore, conversation_id: str) -> None:
        self._core = core
        self._limits = dict(lineage(core.view, conversation_id))

    def sees(self, message: Message) -> bool:
        """Whether the conversation may be shown this message."""
        talk = message.conversation_id
        if message.origin == "shared" and talk not in self._limits:
            return False  # what somebody says whom the session was shared with is not the person's
        if talk in self._limits:
            limit, place = self._limits[talk], self._core.index.place_of(message.id)
            return limit is None or (place is not None and place < limit)
        entry = _entry(self._core, talk)
        # Of one whose entry was not read yet nobody knows whether it is a branch.
        return entry is not None and entry.parent_id is None and entry.status != "deleted"

    def origin(self, entry: MemoryEntry) -> str | None:
        """The branch that an entry was remembered on, where the conversation does not stand on it."""
        talk = entry.conversation_id
        return None if talk is None or talk in self._limits else _branch(self._core, talk)


def with_origins(core: LiveCore, matches: Iterable[MemoryMatch]) -> list[MemoryMatch]:
    """The matches, each entry that was remembered on a branch with the branch among its reasons."""
    return [_with_origin(core, match) for match in matches]


def _with_origin(core: LiveCore, match: MemoryMatch) -> MemoryMatch:
    if match.message is not None and match.message.origin == "shared":
        return attrs.evolve(match, reasons=(*match.reasons, "said in a shared conversation"))
    talk = match.entry.conversation_id if match.entry is not None else None
    branch = _branch(core, talk) if talk is not None else None
    if branch is None:
        return match
    return attrs.evolve(match, reasons=(*match.reasons, f"remembered on the branch {branch}"))


def _branch(core: LiveCore, conversation_id: str) -> str | None:
    entry = _entry(core, conversation_id)
    return entry.id if entry is not None and entry.parent_id is not None else None


def _entry(core: LiveCore, conversation_id: str) -> ConversationEntry | None:
    return core.view.conversations.get(conversation_id) or core.filed_talks.entries.get(conversation_id)
