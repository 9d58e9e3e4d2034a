"""Evidence recall at k and inside a token budget, by the arithmetic of the harness."""

from __future__ import annotations

import functools
import os
import statistics
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field

from tests.benchmarks.measure import ROOT
from tests.benchmarks.retrieval_sets import Asked, Corpus

KS = (1, 5, 10, 25, 50)
BUDGETS = (500, 1000, 2000, 4000)
#: How deep a ranking is asked for: enough to fill the largest budget.
DEPTH = 400

Search = Callable[[Asked, int], Awaitable[list[str]]]
#: Called with a corpus it indexes everything, and is left when all questions are asked.
System = Callable[[Corpus], AbstractAsyncContextManager[Search]]


@dataclass(frozen=True)
class Answer:
    """What one system found for one question, and the share of evidence in it."""

    corpus: str
    asked: Asked
    at_k: dict[int, float]
    inside: dict[int, float]
    ms: float


@dataclass
class Result:
    """All answers of one system, and what indexing took."""

    name: str
    answers: list[Answer] = field(default_factory=list)
    build_ms_per_1000: float = 0.0

    def only(self, wanted: Callable[[Answer], bool]) -> Result:
        """The same for some of the questions."""
        return Result(
            self.name, [answer for answer in self.answers if wanted(answer)], self.build_ms_per_1000
        )

    def recall(self, k: int) -> float:
        """Mean share of a question's evidence among the first k, in hundredths."""
        return _mean(answer.at_k[k] for answer in self.answers)

    def share(self, tokens: int) -> float:
        """Mean share of the evidence inside so many tokens, in hundredths."""
        return _mean(answer.inside[tokens] for answer in self.answers)

    def query_ms(self) -> tuple[float, float]:
        """Median and 95th percentile of a question's time."""
        times = sorted(answer.ms for answer in self.answers)
        return statistics.median(times), times[int(len(times) * 0.95)]


async def measure(name: str, system: System, corpora: Sequence[Corpus], depth: int = DEPTH) -> Result:
    """Asks one system every question.

    Args:
        name: What the tables call it.
        system: What is measured.
        corpora: Each is indexed for itself.
        depth: How many messages are asked for.
    """
    result, spent, messages = Result(name), 0.0, 0
    for corpus in corpora:
        costs = {said.id: count_tokens(said.line) + 1 for said in corpus.said}
        started = time.perf_counter()
        async with system(corpus) as search:
            spent += time.perf_counter() - started
            messages += len(corpus.said)
            for asked in corpus.asked:
                started = time.perf_counter()
                found = await search(asked, depth)
                ms = (time.perf_counter() - started) * 1000
                result.answers.append(_score(corpus.name, asked, found, costs, ms))
    result.build_ms_per_1000 = 1000 * 1000 * spent / messages
    return result


def _score(corpus: str, asked: Asked, found: list[str], costs: dict[str, int], ms: float) -> Answer:
    def recall(ids: Iterable[str]) -> float:
        return len(set(asked.gold) & set(ids)) / len(asked.gold)

    at_k = {k: recall(found[:k]) for k in KS}
    return Answer(corpus, asked, at_k, {size: recall(fill(found, costs, size)) for size in BUDGETS}, ms)


def fill(found: Iterable[str], costs: dict[str, int], tokens: int) -> list[str]:
    """The first ones that fit; what does not fit is passed over."""
    taken = []
    for one in found:
        if costs[one] <= tokens:
            taken.append(one)
            tokens -= costs[one]
    return taken


def _mean(values: Iterable[float]) -> float:
    found = list(values)
    return 100 * sum(found) / len(found) if found else float("nan")


@functools.lru_cache(None)
def count_tokens(text: str) -> int:
    """Tokens by cl100k_base where its ranks are at hand, else a quarter of the characters."""
    encoding = _encoding()
    return len(encoding.encode_ordinary(text)) if encoding else (len(text) + 3) // 4


def counted_by() -> str:
    """How tokens are counted, in words."""
    return "cl100k_base" if _encoding() else "4 characters a token, an estimate"


@functools.lru_cache(None)
def _encoding():  # type: ignore[no-untyped-def]
    folder = os.environ.get("VOXSESSION_TIKTOKEN_DIR") or str(ROOT / ".cache" / "tiktoken")
    if os.path.isdir(folder):
        os.environ.setdefault("TIKTOKEN_CACHE_DIR", folder)
    if not os.environ.get("TIKTOKEN_CACHE_DIR"):
        return None  # tiktoken would fetch them
    import tiktoken

    try:
        return tiktoken.get_encoding("cl100k_base")
    except Exception:  # of the network and its libraries
        return None
