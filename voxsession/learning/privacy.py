"""Which words say who somebody is, so that no profile tells them, also when the memory of them is gone.

What a session keeps of such a word is a mark: a short keyed hash, by which the word is known again when it comes up
in a topic. The word itself is not kept, so the mode of the memory and `forget` keep their promises.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from hashlib import blake2b

from voxsession.core.memory_entry import MemoryEntry
from voxsession.core.rules import PRIVATE_CATEGORIES
from voxsession.core.session_changes import MARKED_UNDER, MAX_PRIVATE, PRIVATE_WORDS, EvidenceAdded
from voxsession.core.session_data import SessionData
from voxsession.learning.topics import STOP_WORDS, fold_plural

__all__ = ["is_private", "noted_words", "private_words", "secret_topics", "tellable", "with_all_noted"]

_WORD = re.compile(r"[^\W\d_]{2,}")
_MARK_BYTES = 5
_MOST_WORDS = 50


def is_private(entry: MemoryEntry) -> bool:
    """Whether its words are no topic that a profile tells."""
    return entry.sensitive or entry.category in PRIVATE_CATEGORIES


def private_words(data: SessionData, texts: Iterable[str]) -> list[str]:
    """The marks of the words of texts that nobody else should read; of each text the first fifty words count.

    Example:
        >>> from datetime import UTC
        >>> start = datetime(2026, 1, 1, tzinfo=UTC)
        >>> data = SessionData(session_id="s1", created_at=start, updated_at=start)
        >>> private_words(data, ["Alice"]) == private_words(data, ["ALICE"]), private_words(data, ["the"])
        (True, [])
    """
    words = (fold_plural(word) for text in texts for word in _WORD.findall(text.casefold())[:_MOST_WORDS])
    return [_mark(data, word) for word in dict.fromkeys(words) if word not in STOP_WORDS]


def noted_words(data: SessionData, texts: Iterable[str], at: datetime) -> list[EvidenceAdded]:
    """The change that marks the words of texts as private; none where all of them are.

    Args:
        data: the session.
        texts: what is private.
        at: when it is noted (aware, UTC).
    """
    known = set(data.extra.get(PRIVATE_WORDS, ()))
    marks = [mark for mark in private_words(data, texts) if mark not in known]
    return [EvidenceAdded(at=at, private_words=marks)] if marks else []


def with_all_noted(data: SessionData) -> dict[str, object]:
    """What `data.extra` is with the words of all private memories marked: an export may have left the marks out."""
    texts = [entry.value or entry.content for entry in data.all_memories() if is_private(entry)]
    marks = data.extra.get(PRIVATE_WORDS, ())
    noted = list(dict.fromkeys([*private_words(data, texts), *marks]))[-MAX_PRIVATE:]
    return {**data.extra, PRIVATE_WORDS: noted} if set(noted) != set(marks) else data.extra


def secret_topics(topics: Iterable[str], data: SessionData, told: Iterable[str]) -> set[str]:
    """The topics that name what is private and stands in no memory that is told.

    Args:
        topics: key phrases of the session.
        data: the session.
        told: the marks of the words of private memories that may be read.
    """
    secret = [entry.value or entry.content for entry in data.all_memories() if entry.sensitive]
    marks = {*data.extra.get(PRIVATE_WORDS, ()), *private_words(data, secret)}.difference(told)
    return (
        {topic for topic in topics if not marks.isdisjoint(private_words(data, [topic]))} if marks else set()
    )


def tellable(topics: Iterable[str], data: SessionData) -> list[str]:
    """The topics without a word that is private, be it in a memory that is there or in one that was.

    Args:
        topics: key phrases of the session.
        data: the session.
    """
    texts = [entry.value or entry.content for entry in data.all_memories() if is_private(entry)]
    private = {fold_plural(word) for text in texts for word in _WORD.findall(text.casefold())}
    marks = set(data.extra.get(PRIVATE_WORDS, ()))
    return [
        topic
        for topic in topics
        if private.isdisjoint(words := _WORD.findall(topic))
        and not any(_mark(data, word) in marks for word in words)
    ]


def _mark(data: SessionData, word: str) -> str:
    key = str(data.extra.get(MARKED_UNDER, data.session_id)).encode()[:64]
    return blake2b(word.encode(), digest_size=_MARK_BYTES, key=key, person=b"topic").hexdigest()
