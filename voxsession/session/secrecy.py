"""What of a session stays behind where its sensitive entries do."""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from voxsession.core.conversation import ConversationEntry
from voxsession.core.memory_entry import MemoryEntry, summary_slot
from voxsession.core.message import Message
from voxsession.core.session_data import SessionData
from voxsession.core.withholding import withheld_messages, withheld_slots
from voxsession.learning.topics import topics_of
from voxsession.memory.mentions import texts_in
from voxsession.session.hold import Hold, may_tell
from voxsession.session.traces import Traces

__all__ = ["Secrecy", "blank"]


class Secrecy:
    """Tells what has to be left out, and what of a message has to be blanked.

    Sensitive entries go; with them what they were learned from, the replies to that, whatever repeats one of them
    word for word or takes its place, and the summaries that may tell of it. Messages must be asked about in session
    order, because a reply follows what it answers.

    Args:
        data: the session.
        filed: sensitive entries that lie in archive pages.
        talks: all its conversations.

    Attributes:
        omitted: how many sensitive entries were left out.
        redacted: how many messages were blanked.
        topics: what the blanked messages were about.
    """

    def __init__(
        self, data: SessionData, filed: Iterable[MemoryEntry], talks: Iterable[ConversationEntry]
    ) -> None:
        self.omitted = self.redacted = 0
        self.topics: set[str] = set()
        self._talks = {talk.id: talk for talk in talks}
        self._withheld = withheld_messages(data)
        secrets = [entry for entry in (*filed, *data.all_memories()) if entry.sensitive]
        for entry in secrets:
            if entry.message_id is not None:
                self._withheld.setdefault(entry.message_id, entry.conversation_id)
        self._traces = Traces(secrets, withheld_slots(data))
        self._hold = Hold(self._withheld, self._talks)
        self._next_index = 0

    def leaves_out(self, entry: MemoryEntry) -> bool:
        """Whether an entry stays behind; sensitive ones are counted."""
        if entry.sensitive:
            self.omitted += 1
            return True
        slot = entry.slot or ""
        talk = slot.removeprefix(summary_slot("")) if slot.startswith(summary_slot("")) else None
        if talk is not None and may_tell(self._withheld.values(), self._talks, talk):
            return True
        return self._traces.in_entry(entry)

    def shown(self, message: Message) -> Message:
        """The message as it may go out: as it is, or blank."""
        is_held = self._hold.takes(message, self._next_index)
        self._next_index += 1
        if message.redacted or not (is_held or self._traces.in_texts((message.content, *_called(message)))):
            return message
        self.redacted += 1
        if message.role == "user":
            self.topics |= topics_of(message.content or "").keys()
        return blank(message)


def blank(message: Message) -> Message:
    """The message without its content, at its place in the conversation."""
    return attrs.evolve(
        message, content="", metadata=None, tool_calls=None, token_count=0, estimated=False, redacted=True
    )


def _called(message: Message) -> list[str]:
    """The texts in the function calls of a message."""
    return list(texts_in(message.tool_calls)) if message.tool_calls else []
