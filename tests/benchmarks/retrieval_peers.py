"""Reference searches: plain FTS5, and the two research recipes that our own search is held against."""

from __future__ import annotations

import math
import re
import sqlite3
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from heapq import nlargest

from tests.benchmarks.retrieval_scores import Search, System
from tests.benchmarks.retrieval_sets import Asked, Corpus

STOP_WORDS = frozenset(
    """
    a about after again all also am an and any are as at be because been before being but by can could did do does
    doing don down during each for from further had has have having he her here hers him his how i if in into is it
    its itself just me more most my myself no nor not now of off on once only or other our ours out over own same she
    should so some such than that the their theirs them then there these they this those through to too under until
    up very was we were what when where which while who whom why will with would you your yours s t d ll m re ve
    """.split()
)
_FIRST_PERSON = re.compile(r"\b(i|my|me|mine|we|our|us)\b", re.IGNORECASE)
_MONTHS = "january february march april may june july august september october november december".split()
_MONTH = "|".join(_MONTHS)
_ASKED_DATE = re.compile(
    rf"(?:(?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?: of)? )?\b(?P<month>{_MONTH})\b(?: (?P<day2>\d{{1,2}})\b(?!\d))?"
    r"(?:,? (?P<year>(?:19|20)\d\d))?|\b(?P<only_year>(?:19|20)\d\d)\b",
    re.IGNORECASE,
)
_TIME = re.compile(
    rf"\b(yesterday|today|tonight|tomorrow|last|next|ago|week|weekend|month|year|{_MONTH}|(?:mon|tues|wednes|thurs|fri"
    r"|satur|sun)day|\d{4}|\d+(?:st|nd|rd|th))\b",
    re.IGNORECASE,
)
_PASSAGE_WORDS, _LONGEST_WHOLE, _SHORT_QUESTION = 80, 100, 60


def plain_fts5() -> System:
    """Every message a row, porter stemming, all words of the question OR-ed."""

    @asynccontextmanager
    async def opened(corpus: Corpus) -> AsyncIterator[Search]:
        rows = _Rows([said.text for said in corpus.said])

        async def search(asked: Asked, limit: int) -> list[str]:
            found = rows.scores(_words(asked.text), limit)
            return [corpus.said[place].id for place in sorted(found, key=lambda one: -found[one])]

        yield search

    return opened


def recipe_on_fts5() -> System:
    """FTS5 without stop words, then neighbours, talks, speaker and dates."""

    @asynccontextmanager
    async def opened(corpus: Corpus) -> AsyncIterator[Search]:
        pieces = [(place, text) for place, said in enumerate(corpus.said) for text in _cut(said.text)]
        rows, around = _Rows([text for _, text in pieces]), _Around(corpus)

        async def search(asked: Asked, limit: int) -> list[str]:
            scores: dict[int, float] = {}
            for row, score in rows.scores(around.content_words(asked), -1).items():
                place = pieces[row][0]
                scores[place] = max(score, scores.get(place, 0.0))
            return around.ranked(scores, asked)[:limit]

        yield search

    return opened


def recipe_with_fields() -> System:
    """The same over a BM25 of two fields, the text and the message before it where that is short."""

    @asynccontextmanager
    async def opened(corpus: Corpus) -> AsyncIterator[Search]:
        fields, around = _Fields(corpus), _Around(corpus)

        async def search(asked: Asked, limit: int) -> list[str]:
            return around.ranked(fields.scores(around.content_words(asked)), asked)[:limit]

        yield search

    return opened


def _words(text: str) -> list[str]:
    return list(dict.fromkeys(re.findall(r"\w+", text.lower())))


def _cut(text: str) -> list[str]:
    words = text.split()
    if len(words) <= _LONGEST_WHOLE:
        return [text]
    return [" ".join(words[start : start + _PASSAGE_WORDS]) for start in range(0, len(words), _PASSAGE_WORDS)]


class _Rows:
    """Texts in FTS5."""

    def __init__(self, texts: list[str]) -> None:
        self._db = sqlite3.connect(":memory:")
        self._db.execute("create virtual table texts using fts5(body, tokenize='porter unicode61')")
        self._db.executemany("insert into texts(rowid, body) values (?, ?)", enumerate(texts))

    def scores(self, words: list[str], limit: int) -> dict[int, float]:
        """Row to score, the higher the better."""
        if not words:
            return {}
        asked = " OR ".join(f'"{word}"' for word in words)
        found = self._db.execute(
            "select rowid, -rank from texts where texts match ? order by rank limit ?", (asked, limit)
        )
        return dict(found.fetchall())

    def terms(self) -> dict[int, list[str]]:
        """The stems of each row, with repetitions."""
        self._db.execute("create virtual table if not exists terms using fts5vocab(texts, instance)")
        found: defaultdict[int, list[str]] = defaultdict(list)
        for term, row in self._db.execute("select term, doc from terms"):
            found[row].append(term)
        return found


class _Fields:
    """BM25 over two fields of each passage, each with its own length."""

    k1, b, before = 1.2, 0.75, 0.3

    def __init__(self, corpus: Corpus) -> None:
        bodies: list[str] = []
        ahead: list[str] = []
        for _, said in corpus.talks():
            previous = ""
            for one in said:
                texts = _cut(one.text)
                bodies += texts
                ahead += [previous] * len(texts)
                previous = one.text if len(one.text.split()) <= _SHORT_QUESTION else ""
        self._places = [place for place, one in enumerate(corpus.said) for _ in _cut(one.text)]
        self._fields = [self._counted(bodies), self._counted(ahead)]
        self._stems: dict[str, list[str]] = {}
        holders: defaultdict[str, set[int]] = defaultdict(set)
        for counts, _ in self._fields:
            for row, terms in enumerate(counts):
                for term in terms:
                    holders[term].add(row)
        self._holders = holders
        body_holders = Counter(term for counts in self._fields[0][0] for term in counts)
        total = len(bodies)
        self._idf = {
            term: math.log(1 + (total - body_holders[term] + 0.5) / (body_holders[term] + 0.5))
            for term in holders
        }

    @staticmethod
    def _counted(texts: list[str]) -> tuple[list[Counter[str]], float]:
        terms = _Rows(texts).terms()
        counts = [Counter(terms.get(row, ())) for row in range(len(texts))]
        filled = [count.total() for count in counts if count]
        return counts, sum(filled) / max(1, len(filled))

    def _stem(self, word: str) -> list[str]:
        if word not in self._stems:
            self._stems[word] = _Rows([word]).terms().get(0, [])
        return self._stems[word]

    def scores(self, words: list[str]) -> dict[int, float]:
        """Message to the score of its best passage."""
        totals: defaultdict[int, float] = defaultdict(float)
        for term in dict.fromkeys(stem for word in words for stem in self._stem(word)):
            for row in self._holders.get(term, ()):
                weight = 0.0
                for (counts, average), share in zip(self._fields, (1.0, self.before), strict=True):
                    if count := counts[row][term]:
                        length = counts[row].total() / average
                        weight += share * count / (1 - self.b + self.b * length)
                totals[row] += self._idf[term] * (self.k1 + 1) * weight / (self.k1 + weight)
        best: dict[int, float] = {}
        for row, score in totals.items():
            place = self._places[row]
            best[place] = max(score, best.get(place, 0.0))
        return best


class _Around:
    """What stands around a hit, who said it and when: the second half of the recipe."""

    on, back, talk, speaker, date, when = 0.3, 0.2, 0.3, 0.3, 0.3, 0.2

    def __init__(self, corpus: Corpus) -> None:
        self._corpus = corpus
        self._names = {one.speaker.lower(): one.speaker for one in corpus.said if one.speaker}
        self._members: defaultdict[str, list[int]] = defaultdict(list)
        for place, one in enumerate(corpus.said):
            self._members[one.talk].append(place)
        self._has_time = [bool(_TIME.search(one.text)) for one in corpus.said]

    def content_words(self, asked: Asked) -> list[str]:
        """The question's words without stop words and names, or all of them if nothing else is left."""
        words = _words(asked.text)
        return [word for word in words if word not in STOP_WORDS and word not in self._names] or words

    def ranked(self, scores: dict[int, float], asked: Asked) -> list[str]:
        """Ids of messages, best first."""
        said = self._corpus.said
        spread = defaultdict(float, scores)
        for place, score in scores.items():
            for other, share in ((place + 1, self.on), (place - 1, self.back)):
                if 0 <= other < len(said) and said[other].talk == said[place].talk:
                    spread[other] += share * score
        best: defaultdict[str, list[float]] = defaultdict(list)
        for place, score in spread.items():
            best[said[place].talk].append(score)
        for talk, found in best.items():
            for place in self._members[talk]:
                spread[place] += self.talk * sum(nlargest(3, found)) / 3
        unit = max(spread.values(), default=1.0)
        total = {place: score + unit * self._boost(place, asked) for place, score in spread.items()}
        return [said[place].id for place in sorted(total, key=lambda one: (-total[one], one))]

    def _boost(self, place: int, asked: Asked) -> float:
        one, boost = self._corpus.said[place], 0.0
        named = [self._names[word] for word in _words(asked.text) if word in self._names]
        if one.speaker in named if named else one.role == "user" and self._is_first_person(asked):
            boost += self.speaker
        if _is_of_date(one.at, asked.text):
            boost += self.date
        if asked.text.lower().startswith("when") and self._has_time[place]:
            boost += self.when
        return boost

    def _is_first_person(self, asked: Asked) -> bool:
        return not self._names and _FIRST_PERSON.search(asked.text) is not None


def _is_of_date(at: datetime, question: str) -> bool:
    for found in _ASKED_DATE.finditer(question):
        day, month = found["day"] or found["day2"], found["month"]
        year = found["year"] or found["only_year"]
        if month == "may":
            continue  # the verb
        if year and int(year) != at.year:
            continue
        if month and _MONTHS.index(month.lower()) + 1 != at.month:
            continue
        if not day or int(day) == at.day:
            return True
    return False
