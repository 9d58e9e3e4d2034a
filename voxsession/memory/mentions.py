"""Telling whether a text mentions what somebody wants forgotten."""

from __future__ import annotations

import contextlib
import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Any, Final

from voxsession.core.types import decode_json
from voxsession.errors import ConfigurationError
from voxsession.memory.postings import Postings
from voxsession.memory.related import forms_of
from voxsession.memory.words import STOP_WORDS, searchable, words_of

__all__ = ["Phrase", "Query", "folded", "texts_in"]

#: What people say around the thing that is to be forgotten.
_ASKING: Final = frozenset(
    """
    forget delete remove erase drop clear everything anything something nothing all info information detail details
    fact facts stuff thing things know knows knew remember remembers remembered mention mentions mentioned talk talked
    told tell user person people please memory memories message messages conversation conversations
    """.split()
)
_ACCENTS = re.compile("[\u0300-\u036f\u00ad\u200b-\u200d\u2060\ufeff]")  # and signs that nobody sees
_SIGNS = str.maketrans(
    {"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u2010": "-", "\u2011": "-"}
)
# Scripts that put no spaces between words: there a word has no edge to tell.
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3\uf900-\ufaff]"
)
_TELLING_WORDS = 2


def folded(text: str) -> str:
    """The text as it is compared: without case, accents, unseen signs, with one space between words.

    Example:
        >>> folded("  Caf\u00e9  \u201cZ\u00dcRICH\u201d\\n")
        'cafe "zurich"'
    """
    if not text.isascii():
        text = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text.translate(_SIGNS)).casefold())
        text = _ACCENTS.sub("", text)
    else:
        text = text.casefold()
    return " ".join(text.split())


def texts_in(value: Any) -> Iterator[str]:
    """All texts in a JSON-like value: keys and numbers too, and what lies in a text that is JSON itself.

    Example:
        >>> sorted(texts_in({"arguments": '{"city": "Z\\\\u00fcrich"}', "count": 4}))
        ['4', 'Z\u00fcrich', 'arguments', 'city', 'count', '{"city": "Z\\\\u00fcrich"}']
    """
    waiting = [value]  # not by recursion: a text may be JSON of any depth
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            yield one
            if one.lstrip()[:1] in ("{", "["):
                with contextlib.suppress(ValueError):
                    waiting.append(decode_json(one))
        elif isinstance(one, dict):
            waiting += [*one, *one.values()]
        elif isinstance(one, list):
            waiting += one
        elif one is not None and not isinstance(one, bool):
            yield str(one)


class Phrase:
    """The text word for word, wherever it stands as whole words; case, accents and line breaks do not matter.

    Raises:
        ConfigurationError: it holds nothing but words that stand in every second sentence.

    Example:
        >>> phrase = Phrase("Caf\u00e9 Zurich")
        >>> [phrase.is_in(text) for text in ("at the CAFE\\nZ\u00fcrich.", "cafe zurichs", "a cafe in Zurich")]
        [True, False, False]
    """

    reason = "contains the text"

    def __init__(self, text: str) -> None:
        phrase = folded(text)
        words = words_of(phrase)
        if not phrase or (words and all(word in STOP_WORDS for word in words)):
            raise ConfigurationError(
                "text_or_query has no word that tells what to forget. Give a name, a number or some more words.",
                option="text_or_query",
            )
        self._phrase = phrase
        left, right = (_edge(phrase[0], "(?<!\\w)"), _edge(phrase[-1], "(?!\\w)"))
        self._pattern = re.compile(left + re.escape(phrase) + right)

    def is_in(self, text: str) -> bool:
        """Whether the text holds it."""
        text = folded(text)
        return self._phrase in text and self._pattern.search(text) is not None

    def is_in_any(self, texts: Iterable[str]) -> bool:
        """Whether one of the texts holds it."""
        return any(map(self.is_in, texts))


class Query:
    """All the telling words of a question, in any order and regular form; not safe for threads by itself.

    Example:
        >>> query = Query("everything about my sister's address")
        >>> query.is_in("The addresses of both sisters are known"), query.is_in("My sister moved")
        (True, False)
        >>> bool(Query("my job")), bool(Query("what you know of Dana"))
        (False, True)
    """

    reason = "has all the words"

    def __init__(self, text: str) -> None:
        self._postings = Postings()
        words = [word for word in dict.fromkeys(words_of(text)) if word not in STOP_WORDS | _ASKING]
        self._words = {word: frozenset(self._terms(" ".join((word, *forms_of(word))))) for word in words}
        self._least_chars = sum(min(3, len(word)) for word in words)
        self._is_telling = len(words) >= _TELLING_WORDS or any(_is_name(word, text) for word in words)

    def __bool__(self) -> bool:
        return self._is_telling

    def is_in_any(self, texts: Iterable[str]) -> bool:
        """Whether one of the texts has all the words."""
        return any(map(self.is_in, texts))

    def is_in(self, text: str) -> bool:
        """Whether the text has all the words."""
        # Cheap first: many words need a long text, and a stem begins as its word does.
        if len(text) < self._least_chars:
            return False
        plain = folded(text)
        if not all(any(term[:3] in plain for term in terms) for terms in self._words.values()):
            return False
        terms = self._terms(text)
        return all(not wanted.isdisjoint(terms) for wanted in self._words.values())

    def _terms(self, text: str) -> tuple[str, ...]:
        return self._postings.terms_of(searchable(text))


def _edge(sign: str, pattern: str) -> str:
    return pattern if re.match(r"\w", sign) and not _UNSPACED.match(sign) else ""


def _is_name(word: str, text: str) -> bool:
    """Whether a single word tells enough: a number, or a word with a capital inside a sentence."""
    if any(sign.isdigit() for sign in word):
        return True
    return re.search(rf"\S\s+{re.escape(word.capitalize())}(?!\w)", text) is not None
