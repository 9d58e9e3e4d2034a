"""Taking out of an export what its reader must not see: texts rewritten by patterns or by the app's own function."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias, TypeVar, cast

from voxsession.codec.bundle_rows import SessionRow
from voxsession.core.conversation import ConversationEntry
from voxsession.core.memory_entry import MemoryEntry, is_summary
from voxsession.core.message import Message
from voxsession.core.session_changes import MARKED_UNDER, PRIVATE_WORDS
from voxsession.core.struct import evolve
from voxsession.core.types import ENCODING_ERRORS, JsonObject, check_text, decode_json, encode_json
from voxsession.core.withholding import MARKS, WITHHELD, WITHHELD_SLOTS
from voxsession.errors import ConfigurationError
from voxsession.learning.names import WORDS, canonical_name
from voxsession.memory.mentions import folded

__all__ = ["REDACTED", "Redact", "Redaction"]

REDACTED = "[REDACTED]"

Pattern: TypeAlias = "str | re.Pattern[str]"
Redact: TypeAlias = "Callable[[str], str] | Pattern | Iterable[Pattern]"


_R = TypeVar("_R")
_MARKS = (PRIVATE_WORDS, MARKED_UNDER, MARKS)


class Redaction:
    """Rewrites the texts of records; what is told apart by them (ids, roles, categories, names of fields and
    metrics) stays.

    Args:
        given: a function from a text to a text; or regular expressions, whose matches become ``[REDACTED]``.
            Of what is JSON it gets each text, then the whole.

    Raises:
        ConfigurationError: it is neither, or a pattern is no regular expression.
    """

    def __init__(self, given: Redact) -> None:
        self._rewrite = given if callable(given) else _by_patterns(given)
        self._slots: dict[str, dict[str, None]] = {}  # what became of the attributes of entries

    def text(self, text: str) -> str:
        """A text as it may be read; in one that is JSON, each text of it as well, however its letters are spelt."""
        if text.lstrip()[:1] in ("{", "["):
            inside = self._in_json(text)
            if inside is not None:
                return inside
        return self._plain(text)

    def _in_json(self, text: str) -> str | None:
        """The same for JSON that something was found in; None where nothing was, or where it is none."""
        try:
            found = decode_json(text)
        except ValueError:
            return None
        try:
            fresh = self.value(found)
            spelt = encode_json(fresh).decode()
        except ENCODING_ERRORS:
            return REDACTED  # what cannot be looked through is not shown
        plain = self._plain(spelt)
        return plain if fresh != found or plain != spelt else None

    def _plain(self, text: str) -> str:
        rewritten = self._rewrite(text) if text else text
        if not isinstance(rewritten, str):
            raise ConfigurationError.out_of_range(
                "redact", type(rewritten).__name__, "the function has to give a str for every str"
            )
        return rewritten if rewritten is text else check_text("what redact gave", rewritten)

    def value(self, value: Any) -> Any:
        """A JSON-ready value with all its texts rewritten; keys stay."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {key: self.value(item) for key, item in value.items()}
        return [self.value(item) for item in value] if isinstance(value, list) else value

    def _preferences(self, given: JsonObject) -> JsonObject:
        """What was set by hand; one of the known words is no text of anybody's, and an empty text is no value."""
        found: JsonObject = {}
        for name, value in given.items():
            fresh = value if canonical_name(name) in WORDS else self.value(value)
            if isinstance(fresh, list) and fresh != value:
                fresh = [item for item in fresh if item != ""]
            if fresh != "":
                found[name] = fresh
        return found

    def message(self, message: Message) -> Message:
        """A message with its texts rewritten."""
        return _with(
            message,
            name=None if message.name is None else self.text(message.name),
            content=None if message.content is None else self.text(message.content),
            metadata=self.value(message.metadata),
            tool_calls=None
            if message.tool_calls is None
            else [self._call(call) for call in message.tool_calls],
        )

    def _call(self, call: dict[str, Any]) -> dict[str, Any]:
        """A function call: its arguments are texts of somebody, its id and name are not."""
        function = call.get("function")
        if not isinstance(function, dict):
            return call
        return {**call, "function": {**function, "arguments": self.value(function.get("arguments"))}}

    def memory(self, entry: MemoryEntry) -> MemoryEntry:
        """An entry with its texts rewritten."""
        slot = self._slot(entry)
        if entry.slot is not None and slot is not None:
            self._slots.setdefault(entry.slot, {})[slot] = None
        return _with(
            entry,
            speaker=None if entry.speaker is None else self.text(entry.speaker),
            slot=slot,
            content=self.text(entry.content),
            value=None if entry.value is None else self.text(entry.value),
            metadata=self.value(entry.metadata),
        )

    def _slot(self, entry: MemoryEntry) -> str | None:
        """The attribute of an entry: whose it is and which value of many it names are texts, its name is not.

        Slots are written in another way than what they were made of, so what was rewritten there gives way here too:
        to the entry's id, so that two values do not become one.
        """
        if entry.slot is None or is_summary(entry):
            return entry.slot
        texts = [text for text in (entry.content, entry.value, entry.speaker) if text]
        before, now = (folded(" ".join(some)) for some in (texts, map(self.text, texts)))

        def is_gone(part: str) -> bool:
            plain = folded(part.replace("_", " "))
            return self.text(part) != part or (plain in before and plain not in now)

        attribute, is_of_many, value = entry.slot.partition(":")
        *persons, name = attribute.split(".")
        whose = [entry.id if person and is_gone(person) else person for person in persons]
        if value and (before != now or self.text(value) != value):
            value = entry.id
        return ".".join([*whose, name]) + is_of_many + value

    def conversation(self, talk: ConversationEntry) -> ConversationEntry:
        """A conversation with what its call keeps rewritten."""
        return _with(talk, call=self.value(talk.call))

    def session(self, row: SessionRow) -> SessionRow:
        """A session with its instructions, its state, its preferences and what it likes to talk about rewritten.

        The memories have to have been rewritten before: notes of attributes follow theirs.
        """
        topics = {self.text(topic): weight for topic, weight in row.topics.items()}
        config = dict(row.config)
        if isinstance(config.get("instructions"), str):
            config["instructions"] = self.text(config["instructions"])
        return _with(
            row,
            config=config,
            state=self.value(row.state),
            topics=topics,
            extra=self._extra(row.extra),
            preferences=self._preferences(row.preferences),
            end_reason=None if row.end_reason is None else self.text(row.end_reason),
        )

    def _extra(self, extra: JsonObject) -> JsonObject:
        """Extras without what tells words or persons: marks can be tried out, and a profile brought topics along."""
        fresh = {name: value for name, value in extra.items() if name not in _MARKS}
        for name, value in fresh.items():
            if name == WITHHELD_SLOTS:
                fresh[name] = list(dict.fromkeys(slot for old in value for slot in self._noted(old)))
            elif name == "profile" and "topics" in value:
                topics = {self.text(topic): weight for topic, weight in value["topics"].items()}
                fresh[name] = {**value, "topics": topics}
            elif name not in ("profile", WITHHELD):
                fresh[name] = self.value(value)
        return fresh

    def _noted(self, slot: str) -> list[str]:
        """What a noted attribute is called now; one of another person that no entry has goes."""
        owner, _, _ = slot.rpartition(".")
        return list(self._slots.get(slot, [slot] if owner in ("", "user") else []))


def _with(record: _R, **values: Any) -> _R:
    """The record with these values; the same one where nothing is other."""
    changed = {name: value for name, value in values.items() if value != getattr(record, name)}
    return evolve(cast(Any, record), **changed) if changed else record


def _by_patterns(given: object) -> Callable[[str], str]:
    patterns = [given] if isinstance(given, (str, re.Pattern)) else given
    if not isinstance(patterns, Iterable):
        raise _no_redaction(given)
    compiled = [_compiled(pattern) for pattern in patterns]

    def rewrite(text: str) -> str:
        for pattern in compiled:
            text = pattern.sub(REDACTED, text)
        return text

    return rewrite


def _compiled(pattern: object) -> re.Pattern[str]:
    if isinstance(pattern, re.Pattern) and isinstance(pattern.pattern, str):
        return pattern
    if not isinstance(pattern, str) or not pattern:
        raise _no_redaction(pattern)
    try:
        return re.compile(pattern)
    except re.error as error:
        raise ConfigurationError(
            f"redact={pattern!r} is no regular expression ({error}). Escape a plain text with re.escape().",
            option="redact",
            value=pattern,
        ) from None


def _no_redaction(given: object) -> ConfigurationError:
    shown = given if isinstance(given, str) else type(given).__name__
    return ConfigurationError.out_of_range(
        "redact", shown, "give a function of a text, a regular expression, or a list of those"
    )
