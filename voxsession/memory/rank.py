"""The arithmetic of ranking: words, neighbours, stretches of conversation, dates."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence, Set
from datetime import datetime, timedelta
from heapq import nlargest

from voxsession.core.struct import Struct
from voxsession.memory.shelf import Shelf
from voxsession.memory.time_words import AskedSpan
from voxsession.memory.words import LONGEST_PIECE_WORDS

__all__ = [
    "Concept",
    "Weights",
    "date_share",
    "idf",
    "soon_after",
    "spread_out",
    "stretch_shares",
    "word_scores",
]


class Weights(Struct, frozen=True, kw_only=True):
    """The numbers of the ranking, chosen on real conversations.

    Attributes:
        b: How much a long text is held back, 0..1.
        k1: How much less one mention says in a text of average length than in a very short one.
        related: What a related word counts, compared with the word itself.
        words_on: What the words of the message before count, by how it leads here (`Shelf.leads`).
        score_on: Share of a message's score that counts for the next one, by how it leads there.
        score_back: Share of a message's score that counts for the one before.
        stretch: Share of the mean of a stretch's three best that counts for all its messages.
        memory: What a memory's score is multiplied by, since it has no neighbours to help it.
        speaker: Boost, in shares of the best score, for who the question is about.
        tells: The same for what they tell of themselves.
        second: How much of that boost is taken back from whom the question names only besides.
        date: The same for the dates that the question names.
        when: The same for texts that say when, where the question asks for it.
        twin: The share of its score that is left to a hit that says nearly the same as a better one.
    """

    b: float = 0.75
    k1: float = 0.9
    related: float = 0.6
    words_on: tuple[float, float, float] = (0.2, 0.3, 0.5)
    score_on: tuple[float, float, float] = (0.2, 0.3, 0.3)
    score_back: float = 0.2
    stretch: float = 0.4
    memory: float = 1.8
    speaker: float = 0.3
    tells: float = 0.1
    second: float = 0.15
    date: float = 0.4
    when: float = 0.2
    twin: float = 0.5


class Concept(Struct, frozen=True, kw_only=True):
    """One of a question's words with what means the same.

    Attributes:
        word: The word as it was asked.
        rows: The rows that hold it in one of its forms.
        related: Other rows, which hold only a word near to it, or who is meant by it.
        known_as: What else whom the word stands for is called, see `aliases`.
        named: Those of the related rows that are there only because they hold such a name.
    """

    word: str
    rows: frozenset[int]
    related: frozenset[int]
    known_as: tuple[str, ...] = ()
    named: frozenset[int] = frozenset()


#: With so many rows found by the rarer words, commoner ones only sort these and bring in no more.
_ENOUGH_ROWS = 1_000
#: Scores below this share of the best are not worth sharing with neighbours.
_FAINT = 0.3
#: No more scores than these, the best, are shared.
_MOST_SHARED = 400
#: How long after a date it is still talked about.
_TALKED_ABOUT_FOR = timedelta(days=7)


def idf(rows: int, total: int) -> float:
    """What a word says that so many of all rows hold: much where they are few, never nothing.

    Example:
        >>> round(idf(1, 1_000), 1), round(idf(1_000, 1_000), 4)
        (6.5, 0.0005)
    """
    return math.log(1 + (total - rows + 0.5) / (rows + 0.5))


def word_scores(concepts: Sequence[Concept], shelf: Shelf, weights: Weights) -> dict[int, float]:
    """Score every row that holds one of the words, or that answers a short message which does.

    This is BM25 over two fields, the text and the message before it. The second has its own length: were it
    mixed into the text, long answers would look like their questions. How often a word is said does not count;
    in texts of at most a hundred words it says nothing.

    Args:
        concepts: What to look for.
        shelf: Where the rows stand.
        weights: The numbers to use.

    Returns:
        Row to score, all above 0; a text of average length with all the words scores about the sum of their `idf`.
    """
    gains = _Gains.of(shelf.words_total / max(1, shelf.rows_total), weights)
    totals: dict[int, float] = {}
    for concept in sorted(concepts, key=lambda concept: len(concept.rows) + len(concept.related)):
        rows, related = concept.rows, concept.related
        gain = (weights.k1 + 1) * idf(len(rows), shelf.rows_total)
        faint = weights.related * (weights.k1 + 1) * idf(len(rows) + len(related), shelf.rows_total)
        if len(totals) >= _ENOUGH_ROWS:
            rows &= totals.keys()
        if len(totals) + len(rows) >= _ENOUGH_ROWS:
            related &= totals.keys()
        scores = _said(rows, gain, gains, shelf)
        if related:
            for row, score in _said(related, faint, gains, shelf).items():
                if score > scores.get(row, 0.0):
                    scores[row] = score
        if not totals:
            totals = scores
            continue
        for row, score in scores.items():
            totals[row] = totals.get(row, 0.0) + score
    return totals


class _Gains(Struct, frozen=True):
    """What a word brings by the length of the text that holds it, before its `idf`.

    Attributes:
        share: In BM25's terms the part of a text that one mention is, by length.
        own: The gain of a text that holds it, by length.
        share_on: The share that the next message gets, by how the text leads there, then by its length.
        own_on: The gain of the next message where that does not hold the word, likewise.
    """

    share: list[float]
    own: list[float]
    share_on: list[list[float]]
    own_on: list[list[float]]

    @classmethod
    def of(cls, average: float, weights: Weights) -> _Gains:
        share = [
            1 / (weights.k1 * (1 - weights.b + weights.b * length / average))
            for length in range(LONGEST_PIECE_WORDS + 1)
        ]
        share_on = [[on * one for one in share] for on in weights.words_on]
        return cls(share, _gain(share), share_on, [_gain(on) for on in share_on])


def _gain(shares: Iterable[float]) -> list[float]:
    return [share / (1 + share) for share in shares]


def _said(rows: Set[int], gain: float, gains: _Gains, shelf: Shelf) -> dict[int, float]:
    """Scores for one word, said in these rows."""
    lengths, answers, leads = shelf.lengths, shelf.answers, shelf.leads
    own = [gain * one for one in gains.own]
    scores = {row: own[lengths[row]] for row in rows}
    for row in rows:
        if answer := answers[row]:
            if answer in rows:
                share = gains.share_on[leads[row]][lengths[row]] + gains.share[lengths[answer]]
                scores[answer] = gain * share / (1 + share)
            else:
                scores[answer] = gain * gains.own_on[leads[row]][lengths[row]]
    return scores


def spread_out(by_row: dict[int, float], shelf: Shelf, weights: Weights) -> dict[int, float]:
    """Scores of passages from those of rows: the best row's, and for messages a share of what stands around.

    Args:
        by_row: From `word_scores`.
        shelf: Where the rows stand.
        weights: The numbers to use.

    Returns:
        Slot to score. Messages that are here only for their stretch are left out, see `stretch_shares`.
    """
    slots = shelf.slots
    scores = dict(by_row)
    for row in scores.keys() & shelf.later_rows:
        score, slot = scores.pop(row), slots[row]
        if score > scores.get(slot, 0.0):
            scores[slot] = score
    after, before, leads, score_on, back = (
        shelf.after,
        shelf.before,
        shelf.leads,
        weights.score_on,
        weights.score_back,
    )
    faint = _faint(scores)
    for slot, score in [item for item in scores.items() if item[1] >= faint]:
        if following := after[slot]:
            scores[following] = scores.get(following, 0.0) + score_on[leads[slot]] * score
        if preceding := before[slot]:
            scores[preceding] = scores.get(preceding, 0.0) + back * score
    return scores


def _faint(scores: dict[int, float]) -> float:
    """The score from which on it is worth sharing with others: of the best, and at most some hundreds."""
    enough = _FAINT * max(scores.values(), default=0.0)
    best = [score for score in scores.values() if score >= enough]
    return enough if len(best) <= _MOST_SHARED else nlargest(_MOST_SHARED, best)[-1]


def stretch_shares(scores: dict[int, float], shelf: Shelf, weights: Weights) -> dict[int, float]:
    """What each stretch of conversation adds to all its messages: a share of the mean of its three best.

    Args:
        scores: From `spread_out`.
        shelf: Where the messages stand.
        weights: The numbers to use.

    Returns:
        Stretch to score.
    """
    faint = _faint(scores)
    stretches = shelf.stretches
    found: defaultdict[int, list[float]] = defaultdict(list)
    for slot, score in scores.items():
        if score >= faint and (stretch := stretches[slot]):
            found[stretch].append(score)
    return {stretch: weights.stretch * sum(nlargest(3, best)) / 3 for stretch, best in found.items()}


def date_share(at: datetime, spans: Iterable[AskedSpan]) -> float:
    """How well a moment fits the dates that a question names.

    Args:
        at: The moment, aware.
        spans: The dates.

    Returns:
        1 inside one of them, less and less in the week after one (people tell of what has just been), else 0.

    Example:
        >>> from datetime import UTC
        >>> day = datetime(2024, 5, 1, tzinfo=UTC)
        >>> span = AskedSpan(start=day, end=day + timedelta(days=1), words="1 May")
        >>> [round(date_share(day + timedelta(days=n), [span]), 2) for n in (-1, 0, 2, 9)]
        [0.0, 1.0, 0.86, 0.0]
    """
    best = 0.0
    for span in spans:
        if span.start <= at < span.end:
            return 1.0
        if span.end <= at < soon_after(span.end):
            best = max(best, 1 - (at - span.end) / _TALKED_ABOUT_FOR)
    return best


def soon_after(date: datetime) -> datetime:
    """Until when a date is still talked about."""
    try:
        return date + _TALKED_ABOUT_FOR
    except OverflowError:  # the end of the calendar
        return date
