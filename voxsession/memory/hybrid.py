"""One ranking out of two: by words, by meaning."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Set
from heapq import nlargest
from typing import TYPE_CHECKING, Protocol

from voxsession.core.struct import evolve
from voxsession.memory.lookup import NEXT_TO_A_MATCH, SAME_TALK, Lookup
from voxsession.memory.postings import Postings
from voxsession.memory.question import Question
from voxsession.memory.rank import Weights, spread_out, stretch_shares
from voxsession.memory.shelf import Passage, Shelf
from voxsession.memory.words import STOP_WORDS

if TYPE_CHECKING:
    from voxsession.memory.vectors import Nearest

__all__ = ["Compare", "HybridLookup", "blend", "wordings"]

#: The share of the meaning in a score; the rest is that of the words.
_MEANING = 0.5
#: So many of the nearest are looked at, if not more are asked for, and so many of the best by words besides.
_CANDIDATES = 200
#: What words do not find must have more than this of the greatest cosine, or of the greatest score by meaning with
#: what stands around it: there is always something nearest.
_NEAR = 0.5
#: What is no nearer than an ordinary text still counts so much, for it was found.
_LEAST = 0.01
#: From this share of the way between an ordinary text and the nearest on, meaning is told as a reason.
_TOLD = 0.5
#: How scores by meaning are shared, where it is not as those by words: with the message before, not with the next.
_SCORE_ON, _SCORE_BACK = (0.0, 0.0, 0.0), 0.3


class Compare(Protocol):
    """Compares the texts of a session with a question that was embedded."""

    def __call__(self, count: int, allowed: Callable[[str], bool], also: Iterable[str], /) -> Nearest:
        """The nearest of those allowed, and some besides; see `VectorShelf.nearest`."""
        ...


def wordings(question: str, names: Collection[str]) -> tuple[str, ...]:
    """The wordings in which a question is embedded: as it is asked and, where it is about people, as they would.

    People speak of themselves as "I", so what they said is nearer to a question in their own words; but names
    stand in the texts too.

    Args:
        question: Any text.
        names: The participants it names.

    Returns:
        The question, then the same with "I" and "my" in place of the names, where that is another text.

    Example:
        >>> wordings("When did Ann see Bob's garden?", {"Ann Lee"})
        ("When did Ann see Bob's garden?", "When did I see Bob's garden?")
        >>> wordings("Where is my key?", {"Ann"})
        ('Where is my key?',)
    """
    parts = {part for name in names for part in (name, *name.split()) if part}
    if not parts:
        return (question,)
    ordered = sorted(parts, key=lambda part: (-len(part), part))
    # "When will Will come?": a name that is also a common word must have its capital.
    named = "|".join(
        re.escape(part) if part.casefold() in STOP_WORDS else f"(?i:{re.escape(part)})" for part in ordered
    )
    own = re.sub(
        rf"(?<!\w)(?:{named})(?!\w)(?P<owns>['\u2019]s\b)?",
        lambda found: "my" if found["owns"] else "I",
        question,
    )
    return (question,) if own == question else (question, own)


def blend(words: Mapping[int, float], meaning: Mapping[int, float]) -> dict[int, float]:
    """Scores by words and by meaning in one, each in shares of its greatest.

    Args:
        words: Slot to score by words, none below 0; what is not in it was not found by words and has 0.
        meaning: The same by meaning.

    Returns:
        The weighted sum for each slot, 0..1.

    Example:
        >>> blend({1: 0.8, 2: 0.4}, {2: 0.6, 3: 0.3})
        {1: 0.5, 2: 0.75, 3: 0.25}
    """
    most_said = max(words.values(), default=0.0) or 1.0
    most_meant = max(meaning.values(), default=0.0) or 1.0
    scores = {slot: (1 - _MEANING) * (score / most_said) for slot, score in words.items()}
    for slot, score in meaning.items():
        scores[slot] = scores.get(slot, 0.0) + _MEANING * (score / most_meant)
    return scores


class HybridLookup(Lookup):
    """A search by words whose candidates are found and scored by meaning as well, before the boosts.

    Who says it, when, and what stands around it count for both.

    Args:
        question: The question.
        shelf: The passages, settled.
        postings: The index over their rows.
        weights: The numbers of the ranking.
        compare: Compares texts with the question.
    """

    def __init__(
        self, question: Question, shelf: Shelf, postings: Postings, weights: Weights, compare: Compare
    ) -> None:
        super().__init__(question, shelf, postings, weights)
        self._compare = compare
        self._sharing = evolve(weights, score_on=_SCORE_ON, score_back=_SCORE_BACK)
        self._by_words: Set[int] = frozenset()
        self._cosines: dict[int, float] = {}
        self._best_cosine = 0.0
        self._blended: tuple[object, dict[int, float]] | None = None
        #: How far each text is on the way between an ordinary one and the nearest.
        self._shares: dict[int, float] = {}

    def _candidates(self, limit: int, sources: frozenset[str], category: str | None) -> dict[int, float]:
        count = max(limit, _CANDIDATES)
        asked = count, sources, category
        if self._blended is None or self._blended[0] != asked:
            self._blended = asked, self._blend(count, sources, category)
        return self._blended[1]

    def _blend(self, count: int, sources: frozenset[str], category: str | None) -> dict[int, float]:
        by_words = super()._candidates(count, sources, category)
        self._by_words = by_words.keys()
        least = nlargest(count, by_words.values())[-1] if len(by_words) > count else 0.0
        best_by_words = {slot: score for slot, score in by_words.items() if score >= least}
        self._look_at_nearest(count, best_by_words, sources, category)
        meaning = self._spread_meaning(sources, category)
        most_said, most_meant = max(by_words.values(), default=0.0) or 1.0, max(meaning.values(), default=1.0)
        near = {slot: score for slot, score in meaning.items() if self._is_found(slot, score / most_meant)}
        # What has no vector yet counts by its words in both halves.
        for slot in best_by_words.keys() - self._cosines.keys():
            near[slot] = max(near.get(slot, 0.0), most_meant * by_words[slot] / most_said)
        best_by_words |= {slot: by_words[slot] for slot in near.keys() & by_words.keys()}
        return blend(best_by_words, near)

    def _look_at_nearest(
        self, count: int, best_by_words: Iterable[int], sources: frozenset[str], category: str | None
    ) -> None:
        """Notes the cosines of what is near, and of the best by words."""
        passages, slot_of = self._shelf.passages, self._shelf.slot_of

        def allowed(passage_id: str) -> bool:
            passage = passages[slot_of.get(passage_id, 0)]
            if passage is None or passage.source not in sources:
                return False
            return category is None or passage.category == category

        also = [passage.id for slot in best_by_words if (passage := passages[slot]) is not None]
        nearest = self._compare(count, allowed, also)
        self._cosines = {slot_of[passage_id]: cosine for passage_id, cosine in nearest.cosines.items()}
        self._best_cosine = max(0.0, max(self._cosines.values(), default=0.0))
        span = max(self._cosines.values(), default=0.0) - nearest.floor
        for slot, cosine in self._cosines.items():
            self._shares[slot] = max(_LEAST, (cosine - nearest.floor) / span) if span > 0 else 1.0

    def _spread_meaning(self, sources: frozenset[str], category: str | None) -> dict[int, float]:
        """Scores by meaning, shared with what stands around as the scores by words are."""
        stretches, worth, of_memory = self._shelf.stretches, self._shelf.worth, self._weights.memory
        raw = spread_out(self._shares, self._shelf, self._sharing)
        shares = stretch_shares(raw, self._shelf, self._sharing)
        scores = {
            slot: score + shares.get(stretch, 0.0)
            if (stretch := stretches[slot])
            else score * of_memory * worth[slot]
            for slot, score in raw.items()
        }
        return self._allowed(scores, sources, category)

    def _is_found(self, slot: int, share: float) -> bool:
        return slot in self._by_words or share > _NEAR or self._is_near(slot)

    def _is_near(self, slot: int) -> bool:
        """Whether its own vector is near enough to be found by that alone."""
        return self._cosines.get(slot, -1.0) > _NEAR * self._best_cosine

    def _best_possible(self, unit: float) -> float:
        return 1 + self._boosts.most

    def _reasons(self, passage: Passage, slot: int) -> tuple[str, ...]:
        reasons = super()._reasons(passage, slot)
        cosine = self._cosines.get(slot)
        is_told = self._shares.get(slot, 0.0) >= _TOLD or (slot not in self._by_words and self._is_near(slot))
        if cosine is None or not (is_told or not reasons):
            return reasons
        told = tuple(reason for reason in reasons if reason not in (NEXT_TO_A_MATCH, SAME_TALK))
        return (*told, f"meaning: {cosine:.2f}")

    def _is_match(self, slot: int) -> bool:
        near = self._shares.get(slot, 0.0) >= _TOLD or self._is_near(slot) if slot else False
        return near or super()._is_match(slot)
