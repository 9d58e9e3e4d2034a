"""Live entries in the order in which they give way, kept up to date entry by entry."""

from __future__ import annotations

import math
from collections import Counter
from datetime import datetime
from heapq import heapify, heappop, heappush
from typing import TypeAlias

from voxsession.core.memory_entry import MemoryEntry
from voxsession.core.session_data import SessionData
from voxsession.memory.allowance import Allowance

__all__ = ["Ledger", "Order", "ledger_of", "order_of"]

DAY_SECONDS = 86_400.0

# What an entry is worth at no particular moment, so that it need not be worked out again as time passes.
_Place: TypeAlias = tuple[float, float, str]
# Category (None = all of them), pinned, identity, half-life in seconds: in one queue worth fades alike.
_Queue: TypeAlias = tuple[str | None, bool, bool, float]

#: Pinned, identity, worth now, then whatever makes the order total: the smallest gives way first.
Order: TypeAlias = tuple[bool, bool, float, float, float, str]

_SPARE_PLACES = 1024


class Ledger:
    """Sizes and orders of the live entries of one session.

    It is derived from the data and never stored: the data tells it of each entry that comes, goes or changes.
    Its heaps also hold places that are outdated; they are dropped when they come to the front.

    Args:
        allowance: which categories it has to keep apart, and how fast each fades.
    """

    def __init__(self, allowance: Allowance) -> None:
        self.allowance = allowance
        self.total = 0
        self.by_category: Counter[str] = Counter()  # of those with a share
        self._live = self._places = 0
        self._latest: datetime | None = None
        self._fresh: list[MemoryEntry] = []  # not in a queue yet
        self._queues: dict[_Queue, list[_Place]] = {}
        self._ahead: list[tuple[float, str]] = []  # known from the future, by when that is
        self._ends: list[tuple[datetime, str]] = []

    def copy(self) -> Ledger:
        """An independent ledger, for a copy of the data."""
        other = Ledger(self.allowance)
        other.total, other.by_category = self.total, Counter(self.by_category)
        other._live, other._places, other._latest = self._live, self._places, self._latest
        other._fresh, other._ahead, other._ends = list(self._fresh), list(self._ahead), list(self._ends)
        other._queues = {queue: list(heap) for queue, heap in self._queues.items()}
        return other

    @property
    def is_worn(self) -> bool:
        """Whether outdated places outweigh the others so much that making it anew costs less than going on."""
        return self._places > 4 * self._live + _SPARE_PLACES

    # --- keeping up

    def changed(self, old: MemoryEntry | None, new: MemoryEntry | None) -> None:
        """Takes in that an entry came, went or is another now."""
        if old is not None:
            self._weigh(old, -1)
        if new is None:
            return
        self._weigh(new, 1)
        if new.expires_at is not None and (old is None or old.expires_at != new.expires_at):
            heappush(self._ends, (new.expires_at, new.id))
            self._places += 1
        if _counts(new) and (old is None or not _counts(old) or _kind(old) != _kind(new)):
            self._fresh.append(new)
            self._places += 1

    def _weigh(self, entry: MemoryEntry, sign: int) -> None:
        if entry.superseded_by is None:
            self._live += sign
            self.total += sign * entry.token_count
            if entry.category in self.allowance.shares:
                self.by_category[entry.category] += sign * entry.token_count

    # --- asking

    def due(self, data: SessionData, now: datetime) -> list[MemoryEntry]:
        """The entries that have reached the end of their time, the earliest first."""
        found: dict[str, MemoryEntry] = {}
        ends = []
        while self._ends and self._ends[0][0] <= now:
            end = heappop(self._ends)
            entry = data.find_memory(end[1])
            if entry is not None and entry.expires_at == end[0] and entry.id not in found:
                found[entry.id] = entry
                ends.append(end)
        for end in ends:  # they are there until a change takes them out
            heappush(self._ends, end)
        return list(found.values())

    def least(
        self, data: SessionData, now: datetime, over: int, *, category: str | None, gone: set[str]
    ) -> list[MemoryEntry]:
        """The entries that give way to make room for `over` tokens, the first to go first.

        Args:
            category: only of this one, which has a share; None = of all.
            gone: ids of entries that leave anyway.
        """
        # Should the clock have been set back, what counted as past before goes on to do so.
        now = self._latest = max(self._latest or now, now)
        self._sort_in(data, now)
        queues = [queue for queue in self._queues if queue[0] == category]
        fronts = [front for queue in queues if (front := self._front(data, queue, now))]
        heapify(fronts)
        chosen: dict[str, MemoryEntry] = {}
        passed: list[tuple[_Queue, _Place]] = []
        while over > 0 and fronts:
            order, queue = heappop(fronts)
            passed.append((queue, heappop(self._queues[queue])))
            if front := self._front(data, queue, now):
                heappush(fronts, front)
            entry = data.find_memory(order[-1])
            if entry is not None and entry.id not in gone and entry.id not in chosen:
                chosen[entry.id] = entry
                over -= entry.token_count
        for queue, place in passed:  # as above
            heappush(self._queues[queue], place)
        return list(chosen.values())

    def _sort_in(self, data: SessionData, now: datetime) -> None:
        for fresh in self._fresh:
            self._enter(fresh, now)
        self._fresh.clear()
        moment = now.timestamp()
        while self._ahead and self._ahead[0][0] <= moment:
            entry = data.find_memory(heappop(self._ahead)[1])
            if entry is not None and _counts(entry):
                self._enter(entry, now)

    def _enter(self, entry: MemoryEntry, now: datetime) -> None:
        if entry.timestamp > now:
            heappush(self._ahead, (entry.timestamp.timestamp(), entry.id))
        for queue in self._queues_of(entry, now):
            heappush(self._queues.setdefault(queue, []), _place(entry, queue[-1]))

    def _queues_of(self, entry: MemoryEntry, now: datetime) -> list[_Queue]:
        fading = _fading_seconds(entry, now, self.allowance)
        kinds = [None, entry.category] if entry.category in self.allowance.shares else [None]
        return [(kind, entry.pinned, _is_identity(entry), fading) for kind in kinds]

    def _front(self, data: SessionData, queue: _Queue, now: datetime) -> tuple[Order, _Queue] | None:
        """Who is first in a queue, without those that no longer stand there."""
        heap = self._queues[queue]
        while heap:
            entry = data.find_memory(heap[0][-1])
            if (
                entry is not None
                and _counts(entry)
                and queue in self._queues_of(entry, now)
                and heap[0] == _place(entry, queue[-1])
            ):
                return order_of(entry, now, self.allowance), queue
            heappop(heap)
        return None


def ledger_of(data: SessionData, allowance: Allowance) -> Ledger:
    """The ledger of a session, made where there is none that fits."""
    ledger = data.ledger
    if (
        not isinstance(ledger, Ledger)
        or ledger.is_worn
        or ledger.allowance.shares.keys() != allowance.shares.keys()
        or ledger.allowance.half_lives != allowance.half_lives
    ):
        ledger = Ledger(allowance)
        for entry in data.all_memories():
            ledger.changed(None, entry)
        data.ledger = ledger
    return ledger


def order_of(entry: MemoryEntry, now: datetime, allowance: Allowance) -> Order:
    """Where an entry stands among those that give way: identity after all else, pinned entries last."""
    fading = _fading_seconds(entry, now, allowance)
    place = _place(entry, fading)
    worth = place[0] - now.timestamp() / fading
    return (entry.pinned, _is_identity(entry), worth, *place)


def _is_identity(entry: MemoryEntry) -> bool:
    """Whether it says who the owner is; what others note does not, whatever its category."""
    return entry.category == "identity" and entry.source != "shared"


def _place(entry: MemoryEntry, fading: float) -> _Place:
    """Importance x recency as a logarithm, up to what only depends on the moment that somebody asks."""
    moment = entry.timestamp.timestamp()
    weight = math.log2(entry.importance) if entry.importance > 0 else -math.inf
    return (weight + moment / fading, moment, entry.id)


def _fading_seconds(entry: MemoryEntry, now: datetime, allowance: Allowance) -> float:
    """The half-life of an entry; what lies in the future does not fade before its time."""
    if entry.timestamp > now:
        return math.inf
    return allowance.half_life_days(entry.category) * DAY_SECONDS


def _counts(entry: MemoryEntry) -> bool:
    """Whether it takes room that it could give."""
    return entry.superseded_by is None and entry.token_count > 0


def _kind(entry: MemoryEntry) -> tuple[object, ...]:
    """What decides where it stands."""
    return (entry.importance, entry.timestamp, entry.pinned, entry.category)
