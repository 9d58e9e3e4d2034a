"""What has to go for something to be forgotten: what holds it, what that came from, what was made of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from voxsession.core.memory_entry import MemoryEntry, is_original, summary_slot
from voxsession.core.message import Message
from voxsession.core.struct import Struct, evolve, field
from voxsession.memory.mentions import Phrase, Query, texts_in

__all__ = ["Traces", "find_traces"]

Holds = Callable[[Iterable[str]], bool]


class Traces(Struct, kw_only=True):
    """What has to go, each with the reason.

    Attributes:
        entries: by id; superseded ones among them.
        messages: by id.
        unnamed: the messages whose speaker's name has to go as well.
        revived: entries that a summary stood for which has to go, as they are without it.
    """

    entries: dict[str, str] = field(default_factory=dict)
    messages: dict[str, str] = field(default_factory=dict)
    unnamed: list[str] = field(default_factory=list)
    revived: list[MemoryEntry] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.entries or self.messages)


def find_traces(text: str, entries: Sequence[MemoryEntry], messages: Sequence[Message]) -> Traces:
    """Everything that mentions a text, with all that it came from and all that was made of it.

    What holds the text word for word counts, in the contents, the speaker's name and the metadata; where nothing
    does, what has all the telling words of the text in its contents. The id of an entry or message means that one.

    Args:
        text: What is to be forgotten.
        entries: All that is remembered, history included.
        messages: All that was said.

    Raises:
        ConfigurationError: The text has no word that tells what is meant.
    """
    left = [message for message in messages if not message.redacted]
    traces = _named(text, entries, left)
    if not traces:
        phrase = Phrase(text)
        traces = _mentioned(phrase.is_in_any, phrase.reason, entries, left, everywhere=True)
        held = {message.id: message.name for message in left if message.name is not None}
        traces.unnamed = [found for found in traces.messages if found in held and phrase.is_in(held[found])]
    if not traces and (query := Query(text)):
        traces = _mentioned(query.is_in_any, query.reason, entries, left, everywhere=False)
    _follow(traces, _Links(entries, left))
    return traces


def _named(text: str, entries: Sequence[MemoryEntry], messages: Sequence[Message]) -> Traces:
    name, reason = text.strip(), "has this id"
    return Traces(
        entries={entry.id: reason for entry in entries if entry.id == name},
        messages={message.id: reason for message in messages if message.id == name},
    )


def _mentioned(
    holds: Holds,
    reason: str,
    entries: Sequence[MemoryEntry],
    messages: Sequence[Message],
    *,
    everywhere: bool,
) -> Traces:
    def parts(one: MemoryEntry | Message) -> list[object]:
        if not everywhere:
            return [one.content]
        if isinstance(one, Message):
            return [one.content, one.name, one.metadata, one.tool_calls]
        return [one.content, one.value, one.speaker, one.metadata]

    return Traces(
        entries={one.id: reason for one in entries if holds(texts_in(parts(one)))},
        messages={one.id: reason for one in messages if holds(texts_in(parts(one)))},
    )


class _Links:
    """What was made of what: messages, what was learned from them, what stands for several of those."""

    def __init__(self, entries: Sequence[MemoryEntry], messages: Sequence[Message]) -> None:
        self.entries = {entry.id: entry for entry in entries}
        self._places = {message.id: place for place, message in enumerate(messages)}
        self._talks = {message.id: message.conversation_id for message in messages}
        self._learned: dict[str, list[str]] = {}
        self._summaries: dict[str, list[MemoryEntry]] = {}
        for entry in entries:
            if _sums_up(entry):
                self._summaries.setdefault(str(entry.slot), []).append(entry)
            elif entry.message_id is not None:
                self._learned.setdefault(entry.message_id, []).append(entry.id)

    def source_of(self, entry_id: str) -> str | None:
        """The message that an entry was learned from, where it still has its content."""
        entry = self.entries[entry_id]
        return entry.message_id if entry.message_id in self._places and not _sums_up(entry) else None

    def made_of_message(self, message_id: str) -> list[str]:
        """What was learned from a message, and the summaries of the conversation up to it or beyond."""
        place, talk = self._places[message_id], self._talks[message_id]
        summaries = [
            entry.id
            for entry in self._summaries.get(summary_slot(talk), [])
            if self._places.get(entry.message_id or "", place) >= place
        ]
        return [*self._learned.get(message_id, []), *summaries]

    def made_of_entry(self, entry_id: str) -> str | None:
        """What stands for an entry now, rather than against it as another value of the same thing."""
        entry = self.entries[entry_id]
        return entry.superseded_by if is_original(entry) and entry.superseded_by in self.entries else None


def _follow(traces: Traces, links: _Links) -> None:
    """From each entry to its source and to what stands for it, from each message to what was made of it."""
    waiting = [*traces.entries, *traces.messages]

    def add(found: str | None, where: dict[str, str], reason: str) -> None:
        if found is not None and found not in where:
            where[found] = reason
            waiting.append(found)

    while waiting:
        found = waiting.pop()
        if found in traces.messages:
            for made in links.made_of_message(found):
                add(made, traces.entries, f"made from {found}")
        if found in traces.entries:
            add(links.source_of(found), traces.messages, f"source of {found}")
            add(links.made_of_entry(found), traces.entries, f"made from {found}")
    traces.revived = [
        evolve(entry, superseded_by=None, superseded_at=None)
        for entry in links.entries.values()
        if entry.id not in traces.entries and links.made_of_entry(entry.id) in traces.entries
    ]


def _sums_up(entry: MemoryEntry) -> bool:
    """Whether it is the summary of a conversation, whose message is only where it ends."""
    return entry.slot is not None and entry.slot == summary_slot(entry.conversation_id or "")
