"""How remembered entries and past messages read in a context, with what that takes."""

from __future__ import annotations

from datetime import datetime

from voxsession.core.memory_entry import MemoryEntry
from voxsession.core.message import Message
from voxsession.core.rules import STANDING_CATEGORIES
from voxsession.core.types import JsonObject, encode_json
from voxsession.memory.context import MESSAGE_OVERHEAD
from voxsession.memory.matches import MemoryMatch
from voxsession.memory.shorten import words_of
from voxsession.memory.tokens import TokenCounter
from voxsession.memory.turns import Turn, call_ids

__all__ = [
    "Counted",
    "Sizes",
    "as_dict",
    "asked_words",
    "memory_line",
    "memory_reason",
    "said_line",
    "stands",
    "system_message",
]

_MOST_COUNTED = 4_096
_MOST_WANTED_WORDS = 200
_SHORT_CHARACTERS = 1_000
_MONTHS = "January February March April May June July August September October November December".split()


class Counted:
    """The sizes of short texts that are counted again and again, such as the lines of memories; bounded.

    Args:
        counter: what counts; should it turn exact, all is counted anew.
    """

    def __init__(self, counter: TokenCounter) -> None:
        self._counter = counter
        self._is_exact = counter.exact
        self._known: dict[str, int] = {}

    def count(self, text: str) -> int:
        """The tokens of a text."""
        tokens = self._known.get(text)
        if tokens is None or self._counter.exact != self._is_exact:
            if self._counter.exact != self._is_exact or len(self._known) >= _MOST_COUNTED:
                self._known.clear()
                self._is_exact = self._counter.exact
            tokens = self._counter.count(text)
            if len(text) <= _SHORT_CHARACTERS:
                self._known[text] = tokens
        return tokens

    @property
    def name(self) -> str:
        """What counts."""
        return self._counter.name

    @property
    def exact(self) -> bool:
        """Whether these are a model's real tokens."""
        return self._counter.exact


class Sizes:
    """Sizes in tokens; each message is counted once."""

    def __init__(self, counter: TokenCounter) -> None:
        self.count = counter.count
        self._is_exact = counter.exact
        self._messages: dict[str, int] = {}

    def message(self, message: Message) -> int:
        """What a message takes with its name and calls; a size that was estimated is counted where that is possible."""
        if message.id not in self._messages:
            self._messages[message.id] = self._counted(message)
        return self._messages[message.id]

    def system(self, text: str) -> int:
        """What a text takes as a message of its own."""
        return self.count(text) + MESSAGE_OVERHEAD if text else 0

    def _counted(self, message: Message) -> int:
        tokens = message.token_count
        if message.estimated and (self._is_exact or not tokens):
            tokens = self.count(message.content or "")
        if message.name:
            tokens += self.count(message.name) + 1
        if call_ids(message):
            tokens += self.count(encode_json(message.tool_calls).decode())
        if message.tool_call_id:
            tokens += self.count(message.tool_call_id)
        return tokens + MESSAGE_OVERHEAD


def memory_line(entry: MemoryEntry, content: str | None = None, *, origin: str | None = None) -> str:
    """An entry as one line of the context, with its day; `content` stands for its own.

    Args:
        origin: the branch that it was remembered on.
    """
    where = f", from the branch {origin}" if origin is not None else ""
    author = f"note by {_one_line(entry.speaker or 'somebody else')}: " if entry.source == "shared" else ""
    text = _one_line(entry.content if content is None else content)
    return f"- {author}{text} ({_day(entry.timestamp)}{where})\n"


def said_line(message: Message, content: str | None = None) -> str:
    """A past message as one line of the context, with its day and who said it; `content` stands for its own."""
    who = _one_line(message.name or message.role)
    text = message.content or "" if content is None else content
    return f"- [{_day(message.at)}] {who}: {_one_line(text)}\n"


def as_dict(message: Message) -> JsonObject:
    """A message in the chat form."""
    known: JsonObject = {"role": message.role, "content": message.content}
    if message.name and message.role != "tool":
        known["name"] = message.name
    if call_ids(message):
        known["tool_calls"] = message.tool_calls
    elif message.content is None:
        known["content"] = ""
    if message.tool_call_id and message.role == "tool":
        known["tool_call_id"] = message.tool_call_id
    return known


def stands(entry: MemoryEntry) -> bool:
    """Whether an entry is always present, not dependent on search."""
    return entry.pinned or (entry.category in STANDING_CATEGORIES and entry.source != "shared")


def memory_reason(entry: MemoryEntry, match: MemoryMatch | None) -> str:
    """Why an entry is a candidate."""
    if entry.pinned:
        return "pinned"
    if stands(entry):
        return f"standing: {entry.category}"
    if match is not None:
        return "; ".join(match.reasons) or "found by search"
    return "by importance x recency"


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _day(moment: datetime) -> str:
    return f"{moment.day} {_MONTHS[moment.month - 1]} {moment.year}"  # strftime would follow the locale


def asked_words(newest: Turn) -> frozenset[str]:
    """What the newest message speaks of: sentences with these words are kept first."""
    asked = next((message for message in newest.messages if message.role == "user"), None)
    words = words_of((asked.content or "")[:10_000]) if asked is not None else []
    return frozenset([word for word in words if len(word) > 3][:_MOST_WANTED_WORDS])


def system_message(text: str) -> list[JsonObject]:
    """The text as a message of its own; none where there is no text."""
    return [{"role": "system", "content": text}] if text else []
