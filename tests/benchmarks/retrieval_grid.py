"""Settings chosen on two conversations and measured on the third: what tuning is worth where nobody tuned."""

from __future__ import annotations

import statistics
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import combinations, product
from typing import Any

from tests.benchmarks.retrieval_scores import Search, System, measure
from tests.benchmarks.retrieval_sets import Asked, Corpus
from voxsession.core.struct import evolve
from voxsession.memory.passage import Passage
from voxsession.memory.rank import Weights
from voxsession.memory.search import SearchIndex

#: Each of these weights at each of these multiples of its default, in all combinations.
WEIGHTS = ("speaker", "stretch", "score_on", "related")
MULTIPLES = (0.5, 1.0, 1.5)
#: Deep enough for 1,000 tokens.
_DEPTH = 60


@dataclass(frozen=True)
class Fold:
    """One conversation measured by settings that were chosen on the others; with the defaults beside it."""

    measured: str
    chosen: dict[str, float]
    recall_at_10: float
    in_1000: float
    default_recall_at_10: float
    default_in_1000: float


def settings() -> Iterator[dict[str, float]]:
    """The grid: name of a weight to the multiple of its default."""
    names = [name for name in WEIGHTS if name in Weights.__struct_fields__]
    for multiples in product(MULTIPLES, repeat=len(names)):
        yield dict(zip(names, multiples, strict=True))


def weights(multiples: dict[str, float]) -> Weights:
    """The default weights with some of them multiplied."""
    changes: dict[str, Any] = {}
    for name, multiple in multiples.items():
        default = getattr(Weights(), name)
        is_many = isinstance(default, tuple)
        changes[name] = tuple(multiple * one for one in default) if is_many else multiple * default
    return evolve(Weights(), **changes)


def index_with(multiples: dict[str, float]) -> System:
    """The search index with these weights, filled as a session fills it."""

    @asynccontextmanager
    async def opened(corpus: Corpus) -> AsyncIterator[Search]:
        now = datetime.now(UTC)  # as `recall` has it
        index = SearchIndex(weights=weights(multiples))
        index.add(
            Passage(
                id=one.id,
                text=one.text,
                source="message",
                at=one.at,
                speaker=one.speaker,
                role=one.role,
                group=one.talk,
                position=place,
            )
            for place, one in enumerate(corpus.said)
        )

        async def search(asked: Asked, limit: int) -> list[str]:
            return [hit.id for hit in index.search(asked.text, limit, at=asked.at or now)]

        yield search

    return opened


async def cross_validated(corpora: Sequence[Corpus], kinds: Sequence[str]) -> list[Fold]:
    """Each conversation in turn, by the settings with the best mean of both figures on the others.

    Args:
        corpora: The conversations.
        kinds: The kinds of questions that count.
    """
    counted = [
        replace(corpus, asked=tuple(asked for asked in corpus.asked if asked.kind in kinds))
        for corpus in corpora
    ]
    tried: list[tuple[dict[str, float], dict[str, tuple[float, float]]]] = []
    for multiples in settings():
        figures = {}
        for corpus in counted:
            result = await measure("", index_with(multiples), [corpus], _DEPTH)
            figures[corpus.name] = (result.recall(10), result.share(1000))
        tried.append((multiples, figures))
    default = next(figures for multiples, figures in tried if set(multiples.values()) == {1.0})
    folds = []
    for others in combinations([corpus.name for corpus in corpora], len(corpora) - 1):
        (measured,) = {corpus.name for corpus in corpora} - set(others)
        # Of equally good settings the one nearest to the defaults.
        multiples, figures = max(
            tried,
            key=lambda one: (
                round(statistics.mean(sum(one[1][name]) for name in others), 6),
                -sum(abs(value - 1) for value in one[0].values()),
            ),
        )
        folds.append(Fold(measured, multiples, *figures[measured], *default[measured]))
    return folds[::-1]
