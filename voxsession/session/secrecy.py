"""What of a session stays behind where its sensitive entries do."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import attrs

from voxsession.core.memory_entry import MemoryEntry, summary_slot
from voxsession.core.message import Message
from voxsession.core.session_data import SessionData
from voxsession.core.withholding import withheld_messages
from voxsession.learning.topics import topics_of
from voxsession.memory.mentions import folded, texts_in

__all__ = ["Secrecy"]

_SHORTEST_SECRET = 3  # characters: what is shorter stands in too many texts to say anything


class Secrecy:
    """Tells what has to be left out, and what of a message has to be blanked.

    Sensitive entries go; with them what they were learned from, the replies to that, whatever repeats one of them
    word for word, and the summaries of the conversations where it was said. Messages must be asked about in session
    order, because a reply follows what it answers.

    Args:
        data: the session.
        filed: entries that lie in archive pages.

    Attributes:
        omitted: how many sensitive entries were left out.
        redacted: how many messages were blanked.
        topics: what the blanked messages were about.
    """

    def __init__(self, data: SessionData, filed: Iterable[MemoryEntry]) -> None:
        self.omitted = self.redacted = 0
        self.topics: set[str] = set()
        self._withheld = withheld_messages(data)
        self._secrets: set[str] = set()
        self._answering: dict[str, bool] = {}
        for entry in (*filed, *data.all_memories()):
            if entry.sensitive:
                self._note(entry)

    def _note(self, entry: MemoryEntry) -> None:
        if entry.message_id is not None:
            self._withheld.setdefault(entry.message_id, entry.conversation_id)
        texts = [folded(text) for text in (entry.content, entry.value) if text]
        self._secrets.update(text for text in texts if len(text) >= _SHORTEST_SECRET)

    def leaves_out(self, entry: MemoryEntry) -> bool:
        """Whether an entry stays behind; sensitive ones are counted."""
        if entry.sensitive:
            self.omitted += 1
            return True
        slot = entry.slot or ""
        talk = slot.removeprefix(summary_slot("")) if slot.startswith(summary_slot("")) else None
        if talk is not None and talk in self._withheld.values():
            return True
        return self._repeats((entry.content, entry.value))

    def shown(self, message: Message) -> Message:
        """The message as it may go out: as it is, or blank."""
        if message.role == "user":
            self._answering[message.conversation_id] = message.id in self._withheld
        is_held = message.id in self._withheld or self._answering.get(message.conversation_id, False)
        if message.redacted or not (is_held or self._repeats((message.content, *_called(message)))):
            return message
        self.redacted += 1
        if message.role == "user":
            self.topics |= topics_of(message.content or "").keys()
        return blank(message)

    def _repeats(self, texts: Collection[str | None]) -> bool:
        if not self._secrets:
            return False
        plain = [folded(text) for text in texts if text]
        return any(secret in text for text in plain for secret in self._secrets)


def blank(message: Message) -> Message:
    """The message without its content, at its place in the conversation."""
    return attrs.evolve(
        message, content="", metadata=None, tool_calls=None, token_count=0, estimated=False, redacted=True
    )


def _called(message: Message) -> list[str]:
    """The texts in the function calls of a message."""
    return list(texts_in(message.tool_calls)) if message.tool_calls else []
