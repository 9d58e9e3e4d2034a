"""The live entries from the one worth most on, kept up to date entry by entry, so that no context goes through all."""

from __future__ import annotations

import math
from bisect import insort
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from heapq import heapify, heappop, heapreplace
from typing import TypeAlias

from voxsession.core.memory_entry import MemoryEntry, is_summary
from voxsession.core.session_data import SessionData
from voxsession.memory.allowance import HALF_LIFE_DAYS
from voxsession.memory.context_lines import stands
from voxsession.memory.ledger import DAY_SECONDS

__all__ = ["LARGE", "Roster", "roster_of"]

#: With more entries than this it is worth its while.
LARGE = 1_000
_RUN = 4_096
_SPARE = 1_024

# What an entry is worth at no particular moment, the most first: minus its logarithm, its moment, its id.
_Place: TypeAlias = tuple[float, float, str]


class Roster:
    """Who comes first, who always comes, who has changed: of one session's entries that have not given way.

    It is derived from the data and never stored: the data tells it of each entry that comes, goes or changes. Worth
    fades alike for entries of one half-life, so those stand in an order that time does not change. Places that are
    outdated are passed over where they are met.

    Args:
        half_lives: category -> days after which an entry is worth half.

    Attributes:
        count: how many entries it has, expired ones that nobody took out yet among them.
        tokens: their tokens.
        log: the id of each entry that came, went or changed; copies share it.
        forked_at: the length of `log` when it was copied for a batch; None for the live data's own.
    """

    def __init__(self, half_lives: Mapping[str, float]) -> None:
        self.half_lives = dict(half_lives)
        self.count = self.tokens = 0
        self.log: list[str] = []
        self.forked_at: int | None = None
        self._standing: dict[str, None] = {}
        self._summaries: dict[str, None] = {}
        self._runs: dict[float, list[list[_Place]]] = {}
        self._fresh: dict[float, list[_Place]] = {}
        self._places = 0
        self._late: list[tuple[MemoryEntry | None, MemoryEntry | None]] | None = []

    def copy(self) -> Roster:
        """An independent one, for a copy of the data."""
        other = Roster(self.half_lives)
        other.count, other.tokens, other._places = self.count, self.tokens, self._places
        other.log = self.log
        other.forked_at = len(self.log) if self.forked_at is None else self.forked_at
        other._standing, other._summaries = dict(self._standing), dict(self._summaries)
        other._runs = self._runs  # what was sorted once never changes
        other._fresh = {fading: list(places) for fading, places in self._fresh.items()}
        other._late = None if self._late is None else []
        return other

    @property
    def is_ready(self) -> bool:
        """Whether all entries are in."""
        return self._late is None

    @property
    def is_worn(self) -> bool:
        """Whether outdated places outweigh the others so much that making it anew costs less than going on."""
        return self._places > 2 * self.count + _SPARE

    def fill(self, entries: Sequence[MemoryEntry]) -> None:
        """Takes in all entries of a session at once; a short piece at a time, for it may run in a thread."""
        for start in range(0, len(entries), _RUN):
            groups: dict[float, list[_Place]] = {}
            for entry in entries[start : start + _RUN]:
                if entry.superseded_by is None:
                    self._count(entry, 1)
                    fading = self._fading(entry)
                    groups.setdefault(fading, []).append(_place(entry, fading))
            for fading, places in groups.items():
                places.sort()
                self._places += len(places)
                self._runs.setdefault(fading, []).append(places)

    def finish(self) -> None:
        """Takes in what has changed since the filling began."""
        late, self._late = self._late or [], None
        for old, new in late:
            self._take_in(old, new)

    def changed(self, old: MemoryEntry | None, new: MemoryEntry | None) -> None:
        """Takes in that an entry came, went or is another now."""
        known = new or old
        if known is not None:
            self.log.append(known.id)
        if self._late is not None:
            self._late.append((old, new))
        else:
            self._take_in(old, new)

    def _take_in(self, old: MemoryEntry | None, new: MemoryEntry | None) -> None:
        for entry, sign in ((old, -1), (new, 1)):
            if entry is not None and entry.superseded_by is None:
                self._count(entry, sign)
        if new is not None and new.superseded_by is None:
            fading = self._fading(new)
            insort(self._fresh.setdefault(fading, []), _place(new, fading))
            self._places += 1

    def _count(self, entry: MemoryEntry, sign: int) -> None:
        self.count += sign
        self.tokens += sign * entry.token_count
        for holds, ids in ((stands(entry), self._standing), (is_summary(entry), self._summaries)):
            if holds and sign > 0:
                ids[entry.id] = None
            elif holds:
                ids.pop(entry.id, None)

    def _fading(self, entry: MemoryEntry) -> float:
        return self.half_lives.get(entry.category, HALF_LIFE_DAYS) * DAY_SECONDS

    # --- asking

    def standing(self, data: SessionData, now: datetime) -> list[MemoryEntry]:
        """The live entries that every context offers."""
        return list(_live(data, self._standing, now))

    def summaries(self, data: SessionData, now: datetime) -> list[MemoryEntry]:
        """The live entries that sum conversations up."""
        return list(_live(data, self._summaries, now))

    def best(self, data: SessionData, now: datetime, count: int) -> list[MemoryEntry]:
        """The live entries worth most at a moment, the first one first; at most so many.

        One whose moment is still to come counts as if it had been fading towards it, so it comes rather too early.
        """
        found: dict[str, MemoryEntry] = {}
        moment = now.timestamp()
        for fading, place in self._from_the_top(moment):
            if len(found) >= count:
                break
            entry = data.find_memory(place[2])
            if entry is None or not entry.is_live(now) or fading != self._fading(entry):
                continue
            if place == _place(entry, fading):
                found[entry.id] = entry
        return list(found.values())

    def _from_the_top(self, moment: float) -> Iterator[tuple[float, _Place]]:
        heads: list[tuple[float, _Place, float, int, list[_Place]]] = []
        for fading in self._runs.keys() | self._fresh.keys():
            for run in (*self._runs.get(fading, ()), self._fresh.get(fading, [])):
                if run:
                    heads.append((run[0][0] + moment / fading, run[0], fading, 0, run))
        heads.sort(key=lambda head: head[:3])
        queue = [
            (worth, place, fading, number, 0) for number, (worth, place, fading, _, _) in enumerate(heads)
        ]
        heapify(queue)
        while queue:
            _, place, fading, number, index = queue[0]
            yield fading, place
            run = heads[number][4]
            if index + 1 < len(run):
                following = run[index + 1]
                heapreplace(queue, (following[0] + moment / fading, following, fading, number, index + 1))
            else:
                heappop(queue)


def roster_of(data: SessionData, half_lives: Mapping[str, float]) -> Roster | None:
    """The roster of a session, where it has one that fits."""
    roster = data.roster
    if isinstance(roster, Roster) and roster.half_lives == half_lives:
        return roster if roster.is_ready and not roster.is_worn else None
    return None


def _live(data: SessionData, ids: Mapping[str, None], now: datetime) -> Iterator[MemoryEntry]:
    for entry_id in ids:
        entry = data.find_memory(entry_id)
        if entry is not None and entry.is_live(now):
            yield entry


def _place(entry: MemoryEntry, fading: float) -> _Place:
    moment = entry.timestamp.timestamp()
    weight = math.log2(entry.importance) if entry.importance > 0 else -math.inf
    return (-(weight + moment / fading), -moment, entry.id)
