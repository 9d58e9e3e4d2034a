"""Passages by their time."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Sequence
from datetime import datetime
from operator import itemgetter

from voxsession.memory.passage import Passage

__all__ = ["Timeline"]

_at = itemgetter(0)
_FEW = 64  # are put in one by one, without going through all


class Timeline:
    """The slots of passages in the order of their times, brought up to date as somebody asks; not safe for threads.

    Args:
        passages: The passage of each slot, None where it is gone; those that are appended to it count from then on,
            each at its first row.
        slots: The slot of each row.
    """

    __slots__ = ("_passages", "_read", "_slots", "_times")

    def __init__(self, passages: Sequence[Passage | None], slots: Sequence[int]) -> None:
        self._passages = passages
        self._slots = slots
        self._times: list[tuple[datetime, int]] = []
        self._read = 1

    def within(self, start: datetime, end: datetime) -> list[int]:
        """The slots of the passages of a stretch of time, its end not included, in the order of their times."""
        first, last = self._places(start, end)
        return [slot for _, slot in self._times[first:last] if self._passages[slot] is not None]

    def count(self, start: datetime, end: datetime) -> int:
        """How many there are at most."""
        first, last = self._places(start, end)
        return last - first

    def _places(self, start: datetime, end: datetime) -> tuple[int, int]:
        self._take_in()
        first = bisect_left(self._times, start, key=_at)
        return first, bisect_left(self._times, end, first, key=_at)

    def _take_in(self) -> None:
        if self._read == len(self._passages):
            return
        new = [
            (passage.at, row)
            for row, passage in enumerate(self._passages[self._read :], self._read)
            if passage is not None and self._slots[row] == row
        ]
        self._read = len(self._passages)
        if len(new) < _FEW:
            for one in new:
                insort(self._times, one)
        else:
            self._times += new
            self._times.sort()
