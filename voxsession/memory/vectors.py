"""Vectors of one session's texts, compared exactly."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from heapq import nsmallest
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from voxsession.core.struct import Struct
from voxsession.errors import ModelCallError

__all__ = ["Nearest", "Rank", "Rows", "VectorShelf", "unit_rows"]

#: Vectors of length 1, one a row; a row of zeros stands for one that could not be used.
Rows: TypeAlias = NDArray[np.float32]
#: What a vector is kept by when room is short, the greatest longest: memories before messages, newer before older.
Rank: TypeAlias = tuple[bool, float]

MOST_BYTES = 128 * 2**20
_MOST_NUMBERS = 65_536
_FIRST_ROWS = 64
#: So many digits of a cosine count: in further ones the order of a sum shows.
_DIGITS = 5
#: So many times what is asked for is looked at first, since some may not be wanted and long texts have several.
_FEW = 4


def unit_rows(answer: object, count: int) -> Rows:
    """What an embedder gave, as vectors of length 1.

    Args:
        answer: A list of lists of numbers, or an array of two dimensions.
        count: How many vectors there must be.

    Returns:
        One row for each vector; of zeros where a vector is all zeros or holds NaN or an infinite number.

    Raises:
        ModelCallError: It is no such list, or of another length, or its vectors are of several lengths.

    Example:
        >>> unit_rows([[3.0, 4.0], [0.0, float("nan")]], 2).tolist()
        [[0.6000000238418579, 0.800000011920929], [0.0, 0.0]]
    """
    try:
        rows = np.asarray(answer, dtype=np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise _bad(
            "gave something else than one list of numbers, all of one length, for each text"
        ) from error
    if rows.ndim != 2 or not 1 <= rows.shape[1] <= _MOST_NUMBERS:
        raise _bad("gave something else than one list of numbers, all of one length, for each text")
    if len(rows) != count:
        raise _bad(f"gave {len(rows)} vectors for {count} texts")
    with np.errstate(all="ignore"):  # what overflows is found out here
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        units = np.where(np.isfinite(lengths) & (lengths > 0), rows / lengths, 0.0)
    return units.astype(np.float32)


class Nearest(Struct, frozen=True, kw_only=True):
    """What is most like a question.

    Attributes:
        cosines: Id to cosine, the nearest first; that of an item with several vectors is that of its best.
        floor: The cosine of an ordinary text: a quarter of all vectors on the shelf are below it.
    """

    cosines: dict[str, float]
    floor: float


class VectorShelf:
    """Vectors by the id of what they stand for, several for a long text; not safe for threads by itself.

    Args:
        most_bytes: How much the vectors may take; beyond it those of the lowest rank make room.

    Attributes:
        horizon: The highest rank that ever had to make room; what is not above it is not worth embedding.

    Example:
        >>> shelf = VectorShelf()
        >>> shelf.put("tea", unit_rows([[1, 0]], 1), (True, 0.0))
        >>> shelf.put("sea", unit_rows([[1, 1]], 1), (True, 1.0))
        >>> shelf.nearest(unit_rows([[1, 0]], 1), 5, lambda item_id: True).cosines
        {'tea': 1.0, 'sea': 0.70711}
    """

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._rows: Rows = np.zeros((0, 0), np.float32)
        self._owners: list[str | None] = []
        self._is_used: NDArray[np.bool_] = np.zeros(0, np.bool_)
        self._places: dict[str, list[int]] = {}
        self._ranks: dict[str, Rank] = {}
        self._free: list[int] = []
        self.horizon: Rank | None = None

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, item_id: object) -> bool:
        return item_id in self._places

    def check(self, rows: Rows) -> None:
        """Raises `ModelCallError` where vectors have another number of dimensions than those kept."""
        kept = self._rows.shape[1]
        if self._places and rows.shape[1] != kept:
            raise _bad(f"gave vectors of {rows.shape[1]} numbers, and of {kept} before")

    def put(self, item_id: str, rows: Rows, rank: Rank) -> None:
        """Keeps the vectors of an item in place of those it had; rows of zeros are left out.

        Raises:
            ModelCallError: They have another number of dimensions than those kept.
        """
        self.drop([item_id])
        self.check(rows)
        if not self._places and rows.shape[1] != self._rows.shape[1]:
            self._rows = np.zeros((0, rows.shape[1]), np.float32)
            self._owners, self._free, self._is_used = [], [], np.zeros(0, np.bool_)
        usable = [row for row in rows if row.any()]
        if not usable or not self._has_room(len(usable), rank):
            return
        places = [self._free.pop() for _ in usable]
        self._rows[places] = usable
        self._is_used[places] = True
        for place in places:
            self._owners[place] = item_id
        self._places[item_id], self._ranks[item_id] = places, rank

    def drop(self, ids: Iterable[str]) -> None:
        """Takes the vectors of items out; nothing of them stays in memory."""
        for item_id in ids:
            places = self._places.pop(item_id, None)
            if places is None:
                continue
            del self._ranks[item_id]
            self._rows[places] = 0.0
            self._is_used[places] = False
            for place in places:
                self._owners[place] = None
            self._free += places

    def nearest(
        self, question: Rows, count: int, allowed: Callable[[str], bool], also: Iterable[str] = ()
    ) -> Nearest:
        """The items most like a question.

        Args:
            question: One row, or one for each wording of it; the mean of their cosines counts.
            count: How many items at most.
            allowed: Whether an item may be among them.
            also: Items that are wanted besides, however far they are; those without a vector are left out.

        Returns:
            Their cosines, the nearest first, then the others, and that of an ordinary one.
        """
        found: dict[str, float] = {}
        cosines = self._cosines(question)
        # Most often the answer is among the nearest few; all are put in order only where it is not.
        for most in (_FEW * count, len(cosines)):
            found.clear()
            for place in _nearest_places(cosines, most):
                owner = self._owners[place]
                if owner is not None and owner not in found and allowed(owner):
                    found[owner] = _rounded(cosines[place])
                    if len(found) == count:
                        break
            if len(found) == count or most >= len(cosines):
                break
        for item_id in also:
            if item_id not in found and (places := self._places.get(item_id)):
                found[item_id] = _rounded(max(cosines[place] for place in places))
        return Nearest(cosines=found, floor=self._floor(cosines))

    def _floor(self, cosines: NDArray[np.float32]) -> float:
        used = cosines[self._is_used]
        quarter = (len(used) - 1) // 4
        return _rounded(np.partition(used, quarter)[quarter]) if len(used) else 0.0

    def _cosines(self, question: Rows) -> NDArray[np.float32]:
        if question.shape[1] != self._rows.shape[1]:
            return np.zeros(len(self._rows), np.float32)
        cosines: NDArray[np.float32] = self._rows @ question.mean(axis=0)
        return cosines

    def _has_room(self, count: int, rank: Rank) -> bool:
        """Whether there are free rows, after growing or after what ranks lowest made room."""
        most = self._most_bytes // (4 * self._rows.shape[1])
        if count > most or (self.horizon is not None and rank <= self.horizon):
            return False
        while len(self._free) < count:
            if len(self._rows) < most:
                self._grow(min(most, max(_FIRST_ROWS, 2 * len(self._rows), len(self._rows) + count)))
            elif not self._make_room(rank):
                return False
        return True

    def _grow(self, size: int) -> None:
        old = len(self._rows)
        grown = np.zeros((size, self._rows.shape[1]), np.float32)
        grown[:old] = self._rows
        self._rows = grown
        self._is_used = np.concatenate([self._is_used, np.zeros(size - old, np.bool_)])
        self._owners += [None] * (size - old)
        self._free += range(size - 1, old - 1, -1)

    def _make_room(self, rank: Rank) -> bool:
        """Drops some of what ranks below; whether there was any."""
        ranks = self._ranks
        some = nsmallest(max(1, len(ranks) // 16), ranks, key=lambda item_id: (ranks[item_id], item_id))
        lowest = [item_id for item_id in some if ranks[item_id] < rank]
        reached = ranks[lowest[-1]] if lowest else rank
        self.horizon = reached if self.horizon is None else max(reached, self.horizon)
        self.drop(lowest)
        return bool(lowest)


def _rounded(cosine: np.float32) -> float:
    return round(float(cosine), _DIGITS)


def _nearest_places(cosines: NDArray[np.float32], most: int) -> list[int]:
    """The places of the greatest cosines, greatest first, equal ones by place; more than `most` where some tie."""
    places = np.arange(len(cosines))
    if most < len(cosines):
        least = np.partition(cosines, -most)[-most]
        places = np.flatnonzero(cosines >= least - 10.0**-_DIGITS)
    rounded = np.round(cosines[places].astype(np.float64), _DIGITS)
    nearest: list[int] = places[np.argsort(-rounded, kind="stable")].tolist()
    return nearest


def _bad(what: str) -> ModelCallError:
    return ModelCallError(
        f"The embedder {what}. It must give one vector for each text, all of one dimension.",
        kind="bad_answer",
    )
