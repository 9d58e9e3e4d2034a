"""Hits that say nearly the same as a better one, so that a list is not filled with one thing."""

from __future__ import annotations

from collections.abc import Sequence

from voxsession.core.struct import Struct
from voxsession.memory.shelf import Passage, Shelf
from voxsession.memory.words import STOP_WORDS, words_of

__all__ = ["TWINS_AMONG", "Ranked", "twins_behind"]

#: Twins are looked for among so many of the best.
TWINS_AMONG = 50
#: Texts that share so much of their telling words are twins.
_SHARED = 0.8
#: A shorter text says too little to be another's twin, a longer one too much.
_FEWEST_WORDS = 2
_LONGEST_TEXT_CHARS = 2_000
#: Stop words that turn what a text says around.
_TURNING = frozenset(
    "not no never nor neither without don didn doesn isn aren wasn weren hasn haven won couldn".split()
)
_LIGHT = STOP_WORDS - _TURNING


class Ranked(Struct, frozen=True, kw_only=True):
    """A passage with its score, before it is told as a hit."""

    score: float
    slot: int
    passage: Passage

    def order(self) -> tuple[float, float, str]:
        """Best first; equally good ones newest first, then by id."""
        return -self.score, -self.passage.at.timestamp(), self.passage.id


def twins_behind(ranked: Sequence[Ranked], shelf: Shelf) -> list[int]:
    """The places of hits that are twins of one before them, among the first fifty.

    Twins are of one source and one speaker, and their telling words are the same but for numbers and a few others.

    Args:
        ranked: Best first.
        shelf: Where the telling words of a text are kept.
    """
    seen: dict[tuple[str, str | None, str | None], list[frozenset[str]]] = {}
    found: list[int] = []
    for place, one in enumerate(ranked[:TWINS_AMONG]):
        words = _telling(one, shelf)
        if len(words) < _FEWEST_WORDS:
            continue
        passage = one.passage
        others = seen.setdefault((passage.source, passage.speaker, passage.role), [])
        if any(_are_twins(words, other) for other in others):
            found.append(place)
        else:
            others.append(words)
    return found


def _are_twins(one: frozenset[str], other: frozenset[str]) -> bool:
    words, others = len(one), len(other)
    if words < _SHARED * others or others < _SHARED * words:
        return False
    shared = len(one & other)
    return shared >= _SHARED * (words + others - shared)


def _telling(one: Ranked, shelf: Shelf) -> frozenset[str]:
    """The words of a text that say what it is about; none of a text too long to be told."""
    words = shelf.telling.get(one.slot)
    if words is None:
        text = one.passage.text
        found = words_of(text) if len(text) <= _LONGEST_TEXT_CHARS else ()
        words = shelf.telling[one.slot] = frozenset(
            word for word in found if word not in _LIGHT and not any(sign.isdecimal() for sign in word)
        )
    return words
