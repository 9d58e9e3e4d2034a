"""What a question asks for: its words, whom it is about, which dates it names."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import datetime

from voxsession.core.struct import Struct
from voxsession.memory.time_words import AskedSpan, asked_spans, asks_when
from voxsession.memory.words import STOP_WORDS, informative_words, without_marks, words_of

__all__ = ["Question", "read_question", "tells_of_self"]

#: More of a question's distinct words than this do not make the answer better, only slower.
MOST_WORDS = 64
_LONGEST_QUESTION_CHARS = 50_000
_SHORTEST_NICKNAME = 3

_I = re.compile(r"\b(?:i|my|me|mine|myself|we|our|us|ours)\b|\bthe user\b|\buser's\b", re.IGNORECASE)
_YOU = re.compile(
    r"\b(?:did|have|had|were) you\b|\byou(?:'ve| had| have)? (?:just |already |first |originally )?(?:said|told|suggest"
    r"|recommend|mention|gave|given|explain|advise|propose|wrote|written|listed|provide|describe)|\byour (?:suggestion"
    r"|recommendation|advice|answer|explanation|reply|response|list|proposal|estimate)",
    re.IGNORECASE,
)
#: Say how something is asked, not what about.
_FRAMING = frozenset(
    """
    kind kinds type types sort sorts way ways thing things likely probably potentially possibly
    """.split()
)
#: Of a date in words, what places it in time and says nothing more.
_PLACING = frozenset(
    """
    last past previous this early late mid middle beginning start end first second third fourth 1st 2nd 3rd 4th half
    week fortnight
    """.split()
)
_TOGETHER = re.compile(r"\b(?:and|or|both|together)\b|[,&]", re.IGNORECASE)
_ASKED = re.compile(r"[^.!?\n]*[?\uff1f]")
# "I" in small letters is left out: too many lists are numbered i), ii).
_OF_SELF = re.compile(r"\b(?:I|[Mm]y|[Mm]e|[Ww]e|[Oo]ur|us)\b")


class Question(Struct, frozen=True, kw_only=True):
    """A query, read.

    Attributes:
        words: What to look for, in lower case, at most 64 distinct words.
        names: The participants it names, as they are written in the index.
        name_words: The words of those names, in lower case.
        besides: Those of the names that the question is not foremost about: all but the first, unless it asks
            about all of them together.
        role: "user" for a question in the first person, "assistant" for one about what "you" said, else None.
        spans: The stretches of time it names.
        wants_time: Whether its answer is a time.
    """

    words: tuple[str, ...]
    names: frozenset[str]
    name_words: frozenset[str]
    role: str | None
    spans: tuple[AskedSpan, ...]
    wants_time: bool
    besides: frozenset[str] = frozenset()


def tells_of_self(text: str) -> bool:
    """Whether somebody speaks of themselves, other than in a question.

    Example:
        >>> tells_of_self("I moved to Rome"), tells_of_self("Nice to hear! Shall I call?")
        (True, False)
    """
    return _OF_SELF.search(_ASKED.sub("", text) if "?" in text or "\uff1f" in text else text) is not None


def _is_named(part: str, word: str, query: str) -> bool:
    """Whether a word of the query stands for a name's part.

    A nickname ("Mel" for "Melanie") and a name that is also a common word ("Will") must have their capital,
    and not as the question's first word: "Will it rain?" does not ask for Will.
    """
    if word == part and word not in STOP_WORDS:
        return True
    if not part.startswith(word) or len(word) < _SHORTEST_NICKNAME:
        return False
    return re.search(rf"\S\s+{re.escape(word.capitalize())}\b", query) is not None


def _named(query: str, words: Collection[str], speakers: Mapping[str, frozenset[str]]) -> dict[str, set[str]]:
    """The speakers a query names, each with the query's words that do so; one word of a name is enough."""
    found: dict[str, set[str]] = {}
    for speaker, parts in speakers.items():
        for part in parts:
            naming = {word for word in words if word[:1] == part[:1] and _is_named(part, word, query)}
            if naming:
                found.setdefault(speaker, set()).update(naming)
    return found


def _besides(query: str, named: Mapping[str, Collection[str]]) -> frozenset[str]:
    """Of several named, those a question is not foremost about: "What did Ann say of Bob?" is about Ann."""
    if len(named) < 2:
        return frozenset()
    lowered = query.casefold()
    places = {
        name: min((place for word in words if (place := lowered.find(word)) >= 0), default=len(lowered))
        for name, words in named.items()
    }
    first, second = sorted(places, key=lambda name: (places[name], name))[:2]
    if _TOGETHER.search(query[places[first] : places[second]]) or "both" in lowered or "together" in lowered:
        return frozenset()
    return frozenset(named) - {first}


def _time_words(span: AskedSpan) -> frozenset[str]:
    """The words of a time that are not looked for: in a text they mean another time, or none."""
    words = frozenset(words_of(span.words))
    return words if span.counted else words & _PLACING


def read_question(query: str, speakers: Mapping[str, frozenset[str]], at: datetime) -> Question:
    """Read a query in the light of who takes part.

    Args:
        query: Any text.
        speakers: The names of those who speak in the index, each with its words in lower case.
        at: The moment that "last week" counts from, aware.

    Returns:
        What the query asks for; without words if it has none.

    Example:
        >>> from datetime import UTC
        >>> speakers = {"Ann Lee": frozenset({"ann", "lee"})}
        >>> asked = read_question("When did Ann see my garden?", speakers, datetime(2024, 5, 1, tzinfo=UTC))
        >>> asked.words, sorted(asked.names), asked.wants_time
        (('see', 'garden'), ['Ann Lee'], True)
    """
    query = without_marks(query[:_LONGEST_QUESTION_CHARS])
    words = words_of(query)
    named = _named(query, frozenset(words), speakers)
    role = None
    if not named:
        role = "assistant" if _YOU.search(query) else "user" if _I.search(query) else None
    spans = asked_spans(query, at)
    left_out = _FRAMING.union(*(_time_words(span) for span in spans))
    name_words: frozenset[str] = frozenset().union(*named.values())
    return Question(
        words=tuple(informative_words(words, left_out, name_words, may_be_none=bool(spans))[:MOST_WORDS]),
        names=frozenset(named),
        name_words=frozenset().union(*(speakers[name] for name in named)),
        role=role,
        spans=spans,
        wants_time=asks_when(query),
        besides=_besides(query, named),
    )
