"""One search from question to hits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from heapq import nlargest, nsmallest

from voxsession.core.struct import Struct, evolve
from voxsession.memory.aliases import MOST_TEXTS, may_have_names, names_of, roles_of
from voxsession.memory.boosts import Boosts, worst_of_best
from voxsession.memory.postings import Postings
from voxsession.memory.question import Question
from voxsession.memory.rank import Concept, Weights, date_share, idf, spread_out, stretch_shares, word_scores
from voxsession.memory.related import forms_of, related_to
from voxsession.memory.shelf import Passage, Shelf
from voxsession.memory.twins import TWINS_AMONG, Ranked, twins_behind
from voxsession.memory.words import as_indexed

__all__ = ["Hit", "Lookup"]

#: Rows read of one word, and of all words of a question; commoner words are left out where rarer ones are left.
_MOST_ROWS_OF_A_WORD = 6_000
_MOST_ROWS = 24_000
#: So much of a text is read for who is who.
_LONGEST_TEXT_CHARS = 2_000
_MOST_NOTED = 10_000
#: Reasons of what holds none of the words itself.
NEXT_TO_A_MATCH = "next to a match"
SAME_TALK = "same talk as a match"


class Hit(Struct, frozen=True, kw_only=True):
    """One result.

    Attributes:
        id: The passage's id.
        source: The passage's source.
        score: How good it is, 0..1; 1 is about what a text of average length gets that holds all the question's
            words and is of the person and the time it asks about.
        reasons: Why it was found, in short words for people.
    """

    id: str
    source: str
    score: float
    reasons: tuple[str, ...]


class Lookup:
    """What one search knows: the question, and for each of its words where that stands.

    Args:
        question: The question.
        shelf: The passages, settled.
        postings: The index over their rows.
        weights: The numbers of the ranking.
    """

    def __init__(self, question: Question, shelf: Shelf, postings: Postings, weights: Weights) -> None:
        self._question = question
        self._shelf = shelf
        self._postings = postings
        self._weights = weights
        self._room = _MOST_ROWS
        self._concepts = self._find_concepts()
        self._boosts = Boosts(question, shelf, weights)
        self._known: tuple[dict[int, float], dict[int, float]] | None = None

    def hits(self, limit: int, sources: frozenset[str], category: str | None) -> list[Hit]:
        """The best passages.

        Args:
            limit: How many at most.
            sources: The sources of passages that may be returned; the others still help their neighbours.
            category: The category of passages that may be returned; None for any.

        Returns:
            Hits, best first; equally good ones newest first, then by id.
        """
        ranked, unit = self._ranked(limit, sources, category)
        if limit > 1 and twins_behind(ranked, self._shelf):
            # What comes up in place of those that go down may be further down than asked for.
            ranked, unit = self._ranked(max(limit, TWINS_AMONG), sources, category)
            for place in twins_behind(ranked, self._shelf):
                ranked[place] = evolve(ranked[place], score=ranked[place].score * self._weights.twin)
            ranked.sort(key=Ranked.order)
        best_possible = self._best_possible(unit)
        return [
            Hit(
                id=one.passage.id,
                source=one.passage.source,
                score=min(1.0, one.score / best_possible),
                reasons=self._reasons(one.passage, one.slot),
            )
            for one in ranked[:limit]
        ]

    def _ranked(
        self, limit: int, sources: frozenset[str], category: str | None
    ) -> tuple[list[Ranked], float]:
        """The best in their order, and the best score before the boosts."""
        scores = self._candidates(limit, sources, category)
        unit = max(scores.values(), default=0.0) or 1.0
        passages = self._shelf.passages
        ranked = [
            (-total, -passage.at.timestamp(), passage.id, slot, passage)
            for slot, total in self._boosts.totals(scores, unit, limit).items()
            if total > 0 and (passage := passages[slot]) is not None
        ]
        found = [
            Ranked(score=-total, slot=slot, passage=passage)
            for total, _, _, slot, passage in nsmallest(limit, ranked)
        ]
        return found, unit

    # -- words ---------------------------------------------------------------

    def _find_concepts(self) -> list[Concept]:
        found: list[Concept] = []
        common: list[tuple[str, str]] = []
        seen: set[str] = set()
        for word in self._question.words:
            terms = [term for term in self._postings.terms_of(as_indexed(word)) if term not in seen]
            # A word with a sign inside is several terms, each of which counts for itself.
            for term in terms:
                alike = [term, *self._terms(forms_of(word))] if len(terms) == 1 else [term]
                seen.update(alike)
                rows = self._rows(alike)
                if rows is None:
                    common.append((word, term))
                    continue
                related = self._rows(self._terms(related_to(word)))
                concept = Concept(word=word, rows=rows, related=(related or frozenset()) - rows)
                # Who is who is noted: it must not hang on what else this question asks.
                found.append(concept if related is None else self._with_names(concept))
        if not any(concept.rows or concept.related for concept in found):
            for word, term in common:
                rows = frozenset(self._postings.newest_rows_with(term, _MOST_ROWS_OF_A_WORD))
                found.append(Concept(word=word, rows=rows, related=frozenset()))
        return found

    def _with_names(self, concept: Concept) -> Concept:
        """A concept with the rows of whom it stands for under another name."""
        noted, word = self._shelf.known_as, concept.word
        if word not in noted:
            if len(noted) >= _MOST_NOTED:
                noted.clear()
            noted[word] = self._find_names(word, concept.rows | concept.related)
        named = (self._rows(self._terms(noted[word])) or frozenset()) - concept.rows - concept.related
        if not named:
            return concept
        return evolve(concept, related=concept.related | named, known_as=noted[word], named=named)

    def _find_names(self, word: str, rows: frozenset[int]) -> tuple[str, ...]:
        if may_have_names(word):
            speakers = frozenset(part for parts in self._shelf.name_words.values() for part in parts)
            return names_of(word, self._newest_texts(rows), speakers)
        return roles_of(word, self._newest_texts(rows)) if len(rows) <= MOST_TEXTS else ()

    def _newest_texts(self, rows: frozenset[int]) -> list[str]:
        passages = [passage for row in rows if (passage := self._shelf.passages[row]) is not None]
        if len(passages) > MOST_TEXTS:
            passages = nlargest(MOST_TEXTS, passages, key=lambda passage: (passage.at, passage.id))
        return [passage.text[:_LONGEST_TEXT_CHARS] for passage in passages]

    def _terms(self, words: Iterable[str]) -> tuple[str, ...]:
        return self._postings.terms_of(" ".join(words))

    def _rows(self, terms: Sequence[str]) -> frozenset[int] | None:
        """The rows that hold one of some terms; None where that is too many to tell anything."""
        limit = min(_MOST_ROWS_OF_A_WORD, self._room)
        rows = self._postings.rows_with(terms, limit)
        if rows is None:
            return None
        self._room -= len(rows)
        return frozenset(rows)

    # -- scores ----------------------------------------------------------------

    def _candidates(self, limit: int, sources: frozenset[str], category: str | None) -> dict[int, float]:
        """The passages that may be among the best, by slot, with their scores before the boosts."""
        shares, scores = self._scored(sources, category)
        shelf = self._shelf
        least = worst_of_best(limit, scores) - self._boosts.most * max(scores.values(), default=0.0)
        beside = {
            slot: share
            for stretch, share in shares.items()
            if stretch and share >= least
            for slot in shelf.members(stretch)
            if slot not in scores
        }
        return scores | self._allowed(beside, sources, category)

    def _scored(
        self, sources: frozenset[str], category: str | None
    ) -> tuple[dict[int, float], dict[int, float]]:
        """What each stretch lends, and what is found by itself, by slot."""
        if self._known is None:
            self._known = self._score()
        shares, scores = self._known
        return shares, self._allowed(scores, sources, category)

    def _score(self) -> tuple[dict[int, float], dict[int, float]]:
        shelf, weights = self._shelf, self._weights
        raw = spread_out(word_scores(self._concepts, shelf, weights), shelf, weights)
        shares = stretch_shares(raw, shelf, weights)
        shares[0] = 0.0  # of what is in no stretch
        stretches = shelf.stretches
        worth, of_memory = shelf.worth, weights.memory
        scores = {
            slot: score + shares.get(stretch, 0.0)
            if (stretch := stretches[slot])
            else score * of_memory * worth[slot]
            for slot, score in raw.items()
        }
        for span in self._question.spans:
            for slot in shelf.timeline.within(span.start, span.end):
                scores.setdefault(slot, shares.get(stretches[slot], 0.0))
        return shares, scores

    def _allowed(
        self, scores: dict[int, float], sources: frozenset[str], category: str | None
    ) -> dict[int, float]:
        passages, stretches = self._shelf.passages, self._shelf.stretches
        if category is None:
            # Messages are in a stretch of conversation, memories in none.
            if sources >= {"message", "memory"}:
                return scores
            if sources == {"message"}:
                return {slot: score for slot, score in scores.items() if stretches[slot]}
            if sources == {"memory"}:
                return {slot: score for slot, score in scores.items() if not stretches[slot]}
        return {
            slot: score
            for slot, score in scores.items()
            if (passage := passages[slot]) is not None
            and passage.source in sources
            and (category is None or passage.category == category)
        }

    def _best_possible(self, unit: float) -> float:
        total = self._shelf.rows_total
        words = sum(idf(len(concept.rows) or len(concept.related), total) for concept in self._concepts)
        return (self._weights.memory * words or unit) * (1 + self._boosts.most)

    # -- reasons ---------------------------------------------------------------

    def _reasons(self, passage: Passage, slot: int) -> tuple[str, ...]:
        question = self._question
        rows = frozenset(range(slot, slot + self._shelf.rows_of(slot)))
        said = [concept for concept in self._concepts if not rows.isdisjoint(concept.rows)]
        near = [
            concept
            for concept in self._concepts
            if concept not in said and not rows.isdisjoint(concept.related)
        ]
        called = [concept for concept in near if rows & concept.related <= concept.named]
        reasons = [f"words: {', '.join(c.word for c in said)}"] if said else []
        if alike := [concept.word for concept in near if concept not in called]:
            reasons.append(f"related words: {', '.join(alike)}")
        reasons += [f"{concept.word}: also {', '.join(concept.known_as)}" for concept in called]
        if not reasons and (beside := self._beside(slot)):
            reasons.append(beside)
        if passage.speaker in question.names:
            reasons.append(f"speaker {passage.speaker}")
        elif passage.source == "message" and self._boosts.is_of_the_asked(slot, passage):
            reasons.append(f"said by the {passage.role}")
        if question.spans and date_share(passage.at, question.spans):
            day = passage.at.astimezone(question.spans[0].start.tzinfo)
            reasons.append(f"date {day.day} {day:%B %Y}")
        if question.wants_time and self._boosts.says_when(slot, passage):
            reasons.append("says when")
        if not reasons and self._shelf.stretches[slot]:
            reasons.append(SAME_TALK)  # found by what a match further off lent to the whole stretch
        return tuple(reasons)

    def _beside(self, slot: int) -> str | None:
        """What a message that holds none of the words stands beside, if that lent it anything."""
        shelf = self._shelf
        if self._is_match(shelf.before[slot]) or self._is_match(shelf.after[slot]):
            return NEXT_TO_A_MATCH
        stretch = shelf.stretches[slot]
        if stretch and any(self._is_match(other) for other in shelf.members(stretch)):
            return SAME_TALK
        # The first message of a stretch may be lent something by the last ones before it.
        return SAME_TALK if self._is_match(shelf.before[shelf.before[slot]]) else None

    def _is_match(self, slot: int) -> bool:
        """Whether a passage is found by what it says itself."""
        rows = range(slot, slot + self._shelf.rows_of(slot)) if slot else ()
        return any(
            row in concept.rows or row in concept.related for row in rows for concept in self._concepts
        )
