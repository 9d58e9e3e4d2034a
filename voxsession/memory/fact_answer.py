"""Reading what a language model answered when it was asked for facts: each is checked, and what is wrong is named."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from voxsession.core.struct import Struct, field
from voxsession.core.types import as_utc, check_text, decode_json
from voxsession.errors import ConfigurationError
from voxsession.memory import fact_schema as schema
from voxsession.memory.extraction import ExtractionRequest, UserWords
from voxsession.memory.fact_language import is_english, is_foreign
from voxsession.memory.facts import CATEGORIES, Fact, slot_key
from voxsession.memory.own_words import bare_words

__all__ = ["MAX_ANSWER_CHARS", "ReadAnswer", "label_of", "read_answer"]

MAX_ANSWER_CHARS = 50_000
_MAX_COMPLAINTS = 12
_FENCE = re.compile(r"^\s*```(?:json)?\s*|\s*```\s*$", re.I)
_FIELDS = frozenset(schema.ANSWER_SCHEMA["properties"]["facts"]["items"]["properties"])
_NEEDED = ("message", "quote", "content", "category", "importance")
_OLDEST_YEARS = 120
_STEM_LETTERS = 5
_SHORTEST_TELLING = 4
_SHORTEST_QUOTE = 6  # letters with their spaces; a whole message may be shorter
_SHORT_ANSWER_WORDS = 4
_PLAIN_WORDS = frozenset(
    "user user's users that this with from have has does doesn't they their them wants likes lives works been being "
    "when what about into than then also very called named name years work works working likes dislikes loves prefers "
    "there were will would their being".split()
)


_DATES = "january february march april june july august september october november december monday tuesday wednesday"


class _Wrong(Exception):
    """What is wrong with one fact, in words that quote nothing of it."""


class ReadAnswer(Struct, frozen=True, kw_only=True):
    """The facts of an answer that are right, and what is wrong with the others.

    Attributes:
        complaints: sentences for the model; they name fields and rules, and quote nothing.
    """

    facts: list[Fact] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


def label_of(place: int) -> str:
    """How the message at a place is called before the model.

    Args:
        place: from 0.

    Example:
        >>> label_of(0)
        'm1'
    """
    return f"m{place + 1}"


def read_answer(answer: str, request: ExtractionRequest) -> ReadAnswer:
    """Read an answer; nothing that the user did not say gets through.

    Args:
        answer: what the model gave, any text.
        request: what it was asked.

    Returns:
        The facts that meet every rule, in the order of the messages, and what was wrong.

    Example:
        >>> said = UserWords(message_id="1", text="I moved to Oslo", at=datetime(2026, 5, 1, tzinfo=UTC))
        >>> read = read_answer('{"facts": [{"message": "m9"}]}', ExtractionRequest(said=[said]))
        >>> read.facts, read.complaints
        ([], ['facts[0]: the fields quote, content, category, importance are missing'])
    """
    try:
        rows = _rows(answer)
    except _Wrong as wrong:
        return ReadAnswer(complaints=[str(wrong)])
    checker = _Checker(request)
    facts: list[tuple[int, Fact]] = []
    complaints: list[str] = []
    for place, row in enumerate(rows[: schema.MAX_FACTS]):
        try:
            facts.append(checker.fact(row))
        except _Wrong as wrong:
            complaints.append(f"facts[{place}]{wrong}")
    if len(rows) > schema.MAX_FACTS:
        complaints.append(f"facts: there are more than {schema.MAX_FACTS}")
    ordered = [fact for _, fact in sorted(facts, key=lambda found: found[0])]
    return ReadAnswer(facts=_without_repetition(ordered), complaints=complaints[:_MAX_COMPLAINTS])


def _rows(answer: str) -> list[Any]:
    if len(answer) > MAX_ANSWER_CHARS:
        raise _Wrong(f"the answer is longer than {MAX_ANSWER_CHARS} characters")
    text = _FENCE.sub("", answer).strip()
    start, end = text.find("{"), text.rfind("}")
    try:
        found = decode_json(text[start : end + 1]) if 0 <= start < end else None
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise _Wrong("the answer is not one JSON object")
    rows = found.get("facts")
    if not isinstance(rows, list):
        raise _Wrong('the answer has no list under "facts"')
    return rows


def _without_repetition(facts: Sequence[Fact]) -> list[Fact]:
    """Of two facts that say the same, or fill one slot, the later."""
    kept: dict[tuple[str, str], Fact] = {}
    for fact in facts:
        key = ("slot", fact.slot) if fact.slot else ("said", fact.content.casefold())
        kept.pop(key, None)
        kept[key] = fact
    return list(kept.values())


class _Checker:
    """Checks the facts of one answer."""

    def __init__(self, request: ExtractionRequest) -> None:
        self._said = {label_of(place): (place, words) for place, words in enumerate(request.said)}
        self._plain = {label: f" {bare_words(words.text)} " for label, (_, words) in self._said.items()}
        others = [text for role, text in request.earlier if role != "user"]
        self._others = [bare_words(text) for text in (*others, *request.remembered)]
        self._others_stems = _stems(" ".join(self._others))

    def fact(self, row: Any) -> tuple[int, Fact]:
        """The fact of a row, with the place of its message; raises what is wrong with it."""
        if not isinstance(row, Mapping):
            raise _Wrong(" is not an object")
        if missing := [name for name in _NEEDED if row.get(name) is None]:
            raise _Wrong(f": the fields {', '.join(missing)} are missing")
        if row.keys() - _FIELDS:
            raise _Wrong(
                f": it has fields that the schema does not have; these are: {', '.join(sorted(_FIELDS))}"
            )
        if not isinstance(row["message"], str) or row["message"] not in self._said:
            raise _Wrong(f".message is none of {', '.join(self._said)}")
        place, words = self._said[row["message"]]
        quote = _text(row, "quote", schema.MAX_QUOTE_CHARS)
        plain = bare_words(quote)
        if not plain or f" {plain} " not in self._plain[row["message"]]:
            raise _Wrong(".quote does not stand in that message of the user")
        if len(plain) < _SHORTEST_QUOTE and f" {plain} " != self._plain[row["message"]]:
            raise _Wrong(".quote is too short to state anything; quote the whole statement")
        content = " ".join(_text(row, "content", schema.MAX_CONTENT_CHARS).split())
        self._refuse_repeated(content, row["message"])
        self._refuse_unsaid(content, words, row["message"])
        return place, Fact(
            content=content,
            category=_category(row),
            importance=_importance(row),
            slot=_slot(row),
            value=_optional(row, "value", schema.MAX_VALUE_CHARS),
            valid_from=_valid_from(row, words),
            expires_at=_expires_at(row, words),
            message_id=words.message_id,
        )

    def _refuse_repeated(self, content: str, label: str) -> None:
        """What only others said, or what is remembered word for word, is no news from the user."""
        plain = bare_words(content)
        own = _stems(self._plain[label])
        telling = _stems(plain)
        if any(plain == other for other in self._others) and not telling & own:
            raise _Wrong(".content repeats what is remembered or what somebody else said")
        if telling and not telling & own and len(telling & self._others_stems) * 2 > len(telling):
            raise _Wrong(".content says what somebody else said, not the user")

    def _refuse_unsaid(self, content: str, words: UserWords, label: str) -> None:
        """At least half of the telling words stand in what was said; a translation cannot be held to that."""
        telling = _stems(bare_words(content)) - _stems(bare_words(words.speaker or "")) - _DATE_STEMS
        numbers = {
            word for word in bare_words(content).split() if word.isdigit() and len(word) < _SHORTEST_TELLING
        }
        plain = self._plain[label]
        if len(plain.split()) <= _SHORT_ANSWER_WORDS:
            plain += bare_words(words.previous or "")  # "Yes" says what was asked
        backed = telling & _stems(plain) | numbers & set(plain.split())
        wanted = telling | (numbers if not telling else set())
        is_comparable = is_english(words.text) and not is_foreign(content)
        if wanted and is_comparable and 2 * len(backed) < len(wanted):
            raise _Wrong(".content says what its message does not say; keep to the user's words")


def _stems(plain: str) -> set[str]:
    """The beginnings of the telling words."""
    return {
        word[:_STEM_LETTERS]
        for word in plain.split()
        if len(word) >= _SHORTEST_TELLING and word not in _PLAIN_WORDS
    }


_DATE_STEMS = _stems(f"{_DATES} thursday friday saturday sunday since until before") | {
    str(year) for year in range(1900, 2100)
}


def _text(row: Mapping[str, Any], name: str, most_chars: int) -> str:
    value = row[name]
    if not isinstance(value, str) or not value.strip():
        raise _Wrong(f".{name} is not a text")
    if len(value) > most_chars:
        raise _Wrong(f".{name} is longer than {most_chars} characters")
    try:
        return check_text(name, value.strip(), allow_empty=False)
    except ConfigurationError:
        raise _Wrong(f".{name} is not valid Unicode") from None


def _optional(row: Mapping[str, Any], name: str, most_chars: int) -> str | None:
    return None if row.get(name) is None else _text(row, name, most_chars)


def _category(row: Mapping[str, Any]) -> str:
    if not isinstance(row["category"], str) or row["category"] not in CATEGORIES:
        raise _Wrong(f".category is none of {', '.join(sorted(CATEGORIES))}")
    return row["category"]


def _importance(row: Mapping[str, Any]) -> float:
    value = row["importance"]
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise _Wrong(".importance is not a number")
    if not 0 <= value <= 1:
        raise _Wrong(".importance is not between 0 and 1")
    return float(value)


def _slot(row: Mapping[str, Any]) -> str | None:
    given = _optional(row, "slot", schema.MAX_VALUE_CHARS)
    if given is None or given in schema.SINGLE_SLOTS:
        return given
    name, colon, thing = given.partition(":")
    key = slot_key(thing)
    if not colon or name not in schema.KEYED_SLOTS or not key:
        raise _Wrong(".slot is none of those that are allowed; use null")
    return f"{name}:{key}"


def _valid_from(row: Mapping[str, Any], words: UserWords) -> datetime | None:
    moment = _moment(row, "valid_from")
    if moment is None or moment.date() == words.at.date():
        return None
    if moment > words.at:
        raise _Wrong(".valid_from lies after the message; use null, and tell the date in the content")
    if moment < words.at - timedelta(days=366 * _OLDEST_YEARS):
        raise _Wrong(f".valid_from lies more than {_OLDEST_YEARS} years back")
    return moment


def _expires_at(row: Mapping[str, Any], words: UserWords) -> datetime | None:
    moment = _moment(row, "expires_at")
    if moment is not None and moment <= words.at:
        raise _Wrong(".expires_at does not lie after the message")
    return moment


def _moment(row: Mapping[str, Any], name: str) -> datetime | None:
    given = _optional(row, name, 40)
    if given is None:
        return None
    try:
        if len(given) == len("2026-11-18"):
            return as_utc(name, datetime.combine(date.fromisoformat(given), time(), tzinfo=UTC))
        moment = datetime.fromisoformat(given)
        return as_utc(name, moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC))
    except ValueError:  # ConfigurationError is one too
        raise _Wrong(f".{name} is not a date of the form YYYY-MM-DD") from None
