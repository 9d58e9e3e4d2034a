"""What of a session stays behind where its sensitive entries do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from voxsession.codec.bundle_rows import SessionRow
from voxsession.core.conversation import ConversationEntry
from voxsession.core.memory_entry import MemoryEntry, summary_slot
from voxsession.core.message import Message
from voxsession.core.session_changes import MARKED_UNDER, PRIVATE_WORDS
from voxsession.core.session_data import SessionData
from voxsession.core.struct import evolve
from voxsession.core.withholding import (
    MARKS,
    WITHHELD,
    WITHHELD_SLOTS,
    withheld_marks,
    withheld_messages,
    withheld_slots,
)
from voxsession.learning.privacy import is_private, private_words, secret_topics
from voxsession.learning.topics import topics_of
from voxsession.memory.mentions import texts_in
from voxsession.session.hold import Hold, may_tell
from voxsession.session.traces import Traces

__all__ = ["Secrecy", "blank"]

# They name attributes and persons, and a mark tells a word to whoever tries all words.
_NOTES = (WITHHELD, WITHHELD_SLOTS, MARKS, PRIVATE_WORDS, MARKED_UNDER)


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
        self._data = data
        self.omitted = self.redacted = 0
        self.topics: set[str] = set()
        self._told: set[str] = set()  # marks of private words that stand in what goes out
        self._talks = {talk.id: talk for talk in talks}
        self._withheld = withheld_messages(data)
        secrets = [entry for entry in (*filed, *data.all_memories()) if entry.sensitive]
        for entry in secrets:
            own = {entry.message_id: entry.conversation_id} if entry.message_id is not None else {}
            self._withheld = {**(entry.confirmed_in or {}), **own, **self._withheld}
        self._traces = Traces(secrets, withheld_slots(data), withheld_marks(data))
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
        if self._traces.in_entry(entry):
            return True
        if is_private(entry):
            self._told.update(private_words(self._data, [entry.value or entry.content]))
        return False

    def shown(self, message: Message) -> Message:
        """The message as it may go out: as it is, or blank."""
        is_held = self._hold.takes(message, self._next_index)
        self._next_index += 1
        if message.redacted or not (is_held or self._traces.in_texts(_texts(message))):
            return message
        self.redacted += 1
        if message.role == "user":
            self.topics |= topics_of(message.content or "").keys()
        return blank(message)

    def session(self, row: SessionRow) -> SessionRow:
        """A session without the notes of what is sensitive, and without the topics that name it.

        The memories and messages have to have been asked about before.
        """
        extra = {name: value for name, value in row.extra.items() if name not in _NOTES}
        came = extra.get("profile") or {}
        known = {**came.get("topics", {}), **row.topics}
        gone = self.topics | secret_topics(known, self._data, self._told)
        if gone and came.get("topics"):
            extra["profile"] = {**came, "topics": _without(came["topics"], gone)}
        return evolve(row, topics=_without(row.topics, gone), extra=extra)


def _without(topics: Mapping[str, float], gone: set[str]) -> dict[str, float]:
    return {name: weight for name, weight in topics.items() if name not in gone}


def blank(message: Message) -> Message:
    """The message without its content, at its place in the conversation."""
    return evolve(
        message, content="", metadata=None, tool_calls=None, token_count=0, estimated=False, redacted=True
    )


def _texts(message: Message) -> list[str]:
    """What a message says, to functions and from them too: their JSON may spell a letter in several ways."""
    return list(texts_in([message.content, message.tool_calls]))
