"""What who said a text, when, and of what kind it is add to its score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from heapq import heappush, heappushpop, nlargest

from voxsession.memory.question import Question, tells_of_self
from voxsession.memory.rank import Weights, date_share, soon_after
from voxsession.memory.shelf import Passage, Shelf
from voxsession.memory.time_words import says_when
from voxsession.memory.traits import Kind
from voxsession.memory.words import words_of

__all__ = ["Boosts", "worst_of_best"]

#: Sums in another order differ in their last digits.
_DIGITS = 9
_ROUNDING = 10**-_DIGITS


class Boosts:
    """The boosts of one question, in shares of the best score.

    To read a text for them costs more than to score it: one is read when it may be among the best, and what was
    seen in it is noted on the shelf, so that the next question knows without reading.

    Args:
        question: The question.
        shelf: The passages, settled.
        weights: The numbers of the ranking.
    """

    def __init__(self, question: Question, shelf: Shelf, weights: Weights) -> None:
        self._question = question
        self._shelf = shelf
        self._weights = weights
        self._bounds = _Bounds(self, shelf.traits.kinds)

    @property
    def most(self) -> float:
        """What any text can get at most."""
        question, weights = self._question, self._weights
        boost = weights.date if question.spans else 0.0
        if question.names or question.role:
            boost += weights.speaker + weights.tells
        return boost + (weights.when if question.wants_time else 0.0)

    def totals(self, scores: Mapping[int, float], unit: float, limit: int) -> dict[int, float]:
        """Scores with their boosts, of all that may be among the best.

        Args:
            scores: Slot to score.
            unit: The best of them.
            limit: How many are wanted.

        Returns:
            Slot to sum, at least of the `limit` best and of those as good as the last of them.
        """
        totals: dict[int, float] = {}
        best: list[float] = []
        bounds, kinds, is_sure = (
            self._at_most(scores, unit, limit),
            self._shelf.traits.of_slot,
            self._bounds.sure,
        )
        for slot in sorted(bounds, key=bounds.__getitem__, reverse=True):
            if len(best) == limit and bounds[slot] + _ROUNDING < best[0]:
                break
            if (passage := self._shelf.passages[slot]) is not None:
                if kinds[slot] not in is_sure:
                    bounds[slot] = scores[slot] + unit * self._of(slot, passage)
                totals[slot] = total = round(bounds[slot], _DIGITS)
                (heappushpop if len(best) == limit else heappush)(best, total)
        return totals

    def is_of_the_asked(self, slot: int, passage: Passage) -> bool:
        """Whether a message is by whom the question is about, or a memory of them."""
        found = self._asked(self._shelf.traits.kind(slot, passage))
        if found is not None:
            return found
        noted = self._shelf.traits.names
        if (names := noted.get(slot)) is None:
            names = noted[slot] = self._shelf.all_name_words.intersection(words_of(passage.text))
        return not self._question.name_words.isdisjoint(names)

    def says_when(self, slot: int, passage: Passage) -> bool:
        """Whether a text says when something was."""
        kind = self._shelf.traits.kind(slot, passage)
        if kind.says_when is None:
            kind = self._shelf.traits.note(slot, passage, says_when=says_when(passage.text))
        return bool(kind.says_when)

    # ------------------------------------------------------------------------

    def _of(self, slot: int, passage: Passage) -> float:
        question, weights, boost = self._question, self._weights, 0.0
        if self.is_of_the_asked(slot, passage):
            boost += weights.speaker - (weights.second if passage.speaker in question.besides else 0.0)
            boost += weights.tells if self._tells(slot, passage) else 0.0
        if question.spans:
            boost += weights.date * date_share(passage.at, question.spans)
        if question.wants_time and self.says_when(slot, passage):
            boost += weights.when
        return boost

    def _tells(self, slot: int, passage: Passage) -> bool:
        kind = self._shelf.traits.kind(slot, passage)
        if kind.tells is None:
            tells = passage.source == "memory" or tells_of_self(passage.text)
            kind = self._shelf.traits.note(slot, passage, tells=tells)
        return bool(kind.tells)

    def _asked(self, kind: Kind) -> bool | None:
        """Whether the question is about the one who says it; None where the text decides."""
        question = self._question
        if not question.names:
            # What is remembered without a name is remembered of the user.
            return question.role is not None and (kind.role or "user") == question.role
        if kind.speaker in question.names:
            return True
        return None if kind.is_memory else False

    def _at_most(self, scores: Mapping[int, float], unit: float, limit: int) -> dict[int, float]:
        """What scores can become with their boosts, without those that surely do not come among the best."""
        bounds, kinds = self._bounds, self._shelf.traits.of_slot
        least = worst_of_best(limit, scores) - _ROUNDING
        enough = least - unit * self.most  # first, for a span of time may bring in all there is
        most = {slot: score + unit * bounds[kinds[slot]] for slot, score in scores.items() if score >= enough}
        for slot, share in self._dated(most).items():
            most[slot] += unit * self._weights.date * share
        return {slot: bound for slot, bound in most.items() if bound >= least}

    def of_kind(self, kind: Kind) -> tuple[float, bool]:
        """What texts of a kind get at most for all but their date, and whether they surely get that."""
        question, weights, boost, is_sure = self._question, self._weights, 0.0, True
        if question.wants_time and kind.says_when is not False:
            boost, is_sure = weights.when, kind.says_when is not None
        asked = self._asked(kind) if kind.is_read else None if question.names or question.role else False
        if asked is not False:
            boost += weights.speaker - (weights.second if kind.speaker in question.besides else 0.0)
            boost += weights.tells if kind.tells is not False else 0.0
            is_sure = is_sure and asked is not None and kind.tells is not None
        return boost, is_sure

    def _dated(self, among: Mapping[int, float]) -> dict[int, float]:
        """Those of some slots whose texts are from the dates that the question names, with their shares."""
        spans, passages, timeline = self._question.spans, self._shelf.passages, self._shelf.timeline
        if sum(timeline.count(span.start, soon_after(span.end)) for span in spans) > len(among):
            shares = {slot: date_share(passage.at, spans) for slot in among if (passage := passages[slot])}
            return {slot: share for slot, share in shares.items() if share}
        shares = {}
        for span in spans:
            for slot in timeline.within(span.end, soon_after(span.end)):
                if slot in among and (passage := passages[slot]) is not None:
                    shares[slot] = date_share(passage.at, spans)
        for span in spans:
            shares.update((slot, 1.0) for slot in timeline.within(span.start, span.end) if slot in among)
        return shares


class _Bounds(dict[int, float]):
    """What texts of each kind get at most, by the kind's number, found when it is first asked for.

    Attributes:
        sure: The numbers of those that get neither more nor less.
    """

    def __init__(self, boosts: Boosts, kinds: Sequence[Kind]) -> None:
        super().__init__()
        self._boosts = boosts
        self._kinds = kinds
        self.sure: set[int] = set()

    def __missing__(self, number: int) -> float:
        bound, is_sure = self._boosts.of_kind(self._kinds[number])
        self[number] = bound
        if is_sure:
            self.sure.add(number)
        return bound


def worst_of_best(limit: int, scores: Mapping[int, float]) -> float:
    """The lowest of the best scores; below all where there are not so many."""
    if len(scores) < limit:
        return float("-inf")
    return nlargest(limit, scores.values())[-1]
