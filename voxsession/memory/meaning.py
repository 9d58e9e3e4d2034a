"""What the texts of one session mean: their vectors, and which are still to be made."""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime, timedelta
from heapq import nsmallest
from time import monotonic
from typing import TYPE_CHECKING

from voxsession.core.struct import Struct
from voxsession.errors import ModelCallError
from voxsession.memory.embedding import BoundedEmbedder
from voxsession.memory.passage import Passage
from voxsession.memory.vectors import Nearest, Rank, Rows, VectorShelf
from voxsession.memory.words import pieces

if TYPE_CHECKING:
    from voxsession.memory.hybrid import Compare

__all__ = ["Meaning", "parts"]

#: Longer pieces than this only texts without spaces have; models read no more of them.
LONGEST_PART_CHARS = 2_000
MOST_PARTS = 32
#: How long a failed embedder is left alone.
REST = timedelta(seconds=30)
_MOST_QUESTIONS = 16
_QUESTION, _TEXTS = "question", "texts"


def parts(text: str) -> list[str]:
    """What is embedded of a text: all of a short one, the first 32 pieces of a long one.

    Example:
        >>> parts("I adopted a puppy"), len(parts("word " * 100_000))
        (['I adopted a puppy'], 32)
    """
    begun = text[: MOST_PARTS * LONGEST_PART_CHARS]
    found = [
        piece[start : start + LONGEST_PART_CHARS]
        for piece in pieces(begun)
        for start in range(0, len(piece), LONGEST_PART_CHARS)
    ]
    return [part for part in found if part.strip()][:MOST_PARTS]


class _Wanted(Struct, eq=False):
    """A text whose vector is still to be made; `tries` counts the calls that failed with it."""

    id: str
    text: str
    source: str
    rank: Rank
    tries: int = 0


class Meaning:
    """The vectors of a session's texts and of its latest questions; never stored.

    What is new is embedded when somebody asks, in the background: who asks waits no longer than one call of the
    embedder may take, and what is not done by then is there for a later question. What fails is told once, is left
    alone for half a minute, then tried again in smaller batches, so that one bad text does not hold up the others.

    Args:
        embedder: Makes the vectors.
    """

    def __init__(self, embedder: BoundedEmbedder) -> None:
        self._embedder = embedder
        self._shelf = VectorShelf()
        self._lock = threading.RLock()
        self._wanted: dict[str, _Wanted] = {}
        self._questions: dict[tuple[str, ...], Rows] = {}
        self._failing: dict[str, Exception] = {}
        self._untold: list[Exception] = []
        self._rests_until: dict[str, datetime] = {}
        self._job: asyncio.Task[None] | None = None

    # --- what there is to embed

    def want(self, passages: Iterable[Passage]) -> None:
        """Notes texts to embed, not empty ones; what was made of an earlier text of the same id is dropped."""
        with self._lock:
            for passage in passages:
                if not passage.text[: MOST_PARTS * LONGEST_PART_CHARS].strip():
                    continue
                self._shelf.drop([passage.id])
                rank = passage.source == "memory", passage.at.timestamp()
                self._wanted[passage.id] = _Wanted(passage.id, passage.text, passage.source, rank)

    def drop(self, ids: Iterable[str]) -> None:
        """Takes texts out for good, with the questions asked, which may hold the same words."""
        with self._lock:
            self._questions.clear()
            self.let_go(ids)

    def let_go(self, ids: Iterable[str]) -> None:
        """Takes texts out; unknown ids are passed over."""
        with self._lock:
            for item_id in ids:
                self._shelf.drop([item_id])
                self._wanted.pop(item_id, None)

    def untold(self) -> list[Exception]:
        """What failed and was not told yet; the same trouble is told once until it is over."""
        told, self._untold = self._untold, []
        return told

    # --- embedding

    async def understand(self, question: tuple[str, ...], now: datetime, sources: Collection[str]) -> None:
        """Embeds a question, and what is new of some sources as far as the time goes; raises nothing.

        Args:
            question: Its wordings, any texts.
            now: The present moment.
            sources: "message", "memory" or both.
        """
        until = monotonic() + self._embedder.timeout_seconds
        job = self._at_work(now, sources)
        if self._is_open(question, now):
            try:
                self._keep(question, await self._embedder.vectors(question, asked=True))
            except Exception as error:
                self._fail(_QUESTION, error, now)
        while job is not None and (left := until - monotonic()) > 0:
            await asyncio.wait({job}, timeout=left)
            job = self._at_work(now, sources)  # one for other sources may have been at work

    def understand_now(self, question: tuple[str, ...], now: datetime) -> None:
        """The same at once, with memories only; does nothing where the embedder must be awaited."""
        until = monotonic() + self._embedder.timeout_seconds
        if self._embedder.is_async:
            return
        kind, batch = _QUESTION, []
        try:
            if self._is_open(question, now):
                rows = self._embedder.vectors_now(question, asked=True)
                if rows is None:
                    return
                self._keep(question, rows)
            kind = _TEXTS
            while not self._rests(_TEXTS, now) and (batch := self._next_batch({"memory"})):
                rows = self._embedder.vectors_now(_texts(batch))
                if rows is None:
                    return
                self._take(batch, rows)
                if monotonic() > until:
                    return
        except Exception as error:
            _count_try(batch)
            self._fail(kind, error, now)

    def _at_work(self, now: datetime, sources: Collection[str]) -> asyncio.Task[None] | None:
        """The task that embeds what is wanted; None where there is nothing to do."""
        loop = asyncio.get_running_loop()
        if self._job is not None and not self._job.done() and self._job.get_loop() is loop:
            return self._job
        if self._rests(_TEXTS, now) or not self._next_batch(sources):
            return None
        work = _embed_all(weakref.ref(self), self._embedder, now, frozenset(sources))
        self._job = loop.create_task(work)
        return self._job

    def _next_batch(self, sources: Collection[str]) -> list[_Wanted]:
        """The texts of the next call: the fewest tries first, then the highest rank."""
        with self._lock:
            horizon = self._shelf.horizon
            if horizon is not None:
                beyond = [item_id for item_id, one in self._wanted.items() if one.rank <= horizon]
                for item_id in beyond:
                    del self._wanted[item_id]
            waiting = [one for one in self._wanted.values() if one.source in sources]
        size = self._embedder.batch_size
        first = nsmallest(size, waiting, key=_order)
        if not first:
            return []
        tries = first[0].tries
        return [one for one in first if one.tries == tries][: max(1, size >> (2 * min(tries, 8)))]

    def _take(self, batch: Sequence[_Wanted], rows: Rows) -> None:
        """Keeps the vectors of a batch; what was changed or dropped meanwhile is passed over."""
        with self._lock:
            self._shelf.check(rows)
            start, unusable = 0, 0
            for one in batch:
                mine = rows[start : start + len(parts(one.text))]
                start += len(mine)
                if self._wanted.get(one.id) is one:
                    self._shelf.put(one.id, mine, one.rank)
                    del self._wanted[one.id]
                    unusable += not mine.any()
        if unusable:
            self._tell(_TEXTS, _unusable(f"{unusable} of {len(batch)} texts"))
        elif _TEXTS in self._failing and not any(one.tries for one in self._wanted.values()):
            del self._failing[_TEXTS]

    def _keep(self, question: tuple[str, ...], rows: Rows) -> None:
        self._shelf.check(rows)
        if not rows.any():
            raise _unusable("a question")
        with self._lock:
            while len(self._questions) >= _MOST_QUESTIONS:
                del self._questions[next(iter(self._questions))]
            self._questions[question] = rows[rows.any(axis=1)]
        self._failing.pop(_QUESTION, None)

    # --- trouble

    @property
    def is_failing(self) -> bool:
        """Whether the latest question could not be embedded."""
        return _QUESTION in self._failing

    def _is_open(self, question: tuple[str, ...], now: datetime) -> bool:
        return (
            any(map(str.strip, question))
            and question not in self._questions
            and not self._rests(_QUESTION, now)
        )

    def _rests(self, kind: str, now: datetime) -> bool:
        until = self._rests_until.get(kind)
        return until is not None and until - REST <= now < until

    def _fail(self, kind: str, error: Exception, now: datetime) -> None:
        self._rests_until[kind] = now + REST
        self._tell(kind, error)

    def _tell(self, kind: str, error: Exception) -> None:
        if kind not in self._failing:
            self._untold.append(error)
        self._failing[kind] = error

    # --- asking

    def comparing(self, question: tuple[str, ...]) -> Compare | None:
        """What compares the texts with a question; None where that has no vector."""
        with self._lock:
            asked = self._questions.get(question)
        if asked is None:
            return None

        def compare(count: int, allowed: Callable[[str], bool], also: Iterable[str], /) -> Nearest:
            with self._lock:
                return self._shelf.nearest(asked, count, allowed, also)

        return compare


async def _embed_all(
    of: weakref.ref[Meaning], embedder: BoundedEmbedder, now: datetime, sources: frozenset[str]
) -> None:
    """Embeds what is wanted, batch by batch, for as long as somebody holds the session."""
    while (meaning := of()) is not None and (batch := meaning._next_batch(sources)):
        del meaning
        try:
            rows = await embedder.vectors(_texts(batch))
            if (meaning := of()) is not None:
                meaning._take(batch, rows)
        except Exception as error:
            _count_try(batch)
            if (meaning := of()) is not None:
                meaning._fail(_TEXTS, error, now)
            return
        del meaning


def _texts(batch: Iterable[_Wanted]) -> list[str]:
    return [text for one in batch for text in parts(one.text)]


def _count_try(batch: Iterable[_Wanted]) -> None:
    for one in batch:
        one.tries += 1


def _order(one: _Wanted) -> tuple[int, bool, float, str]:
    is_memory, moment = one.rank
    return one.tries, not is_memory, -moment, one.id


def _unusable(what: str) -> ModelCallError:
    return ModelCallError(
        f"The embedder gave NaN, infinite numbers or nothing but zeros for {what}; found by words only.",
        kind="bad_answer",
    )
