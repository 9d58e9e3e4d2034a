"""Deciding what becomes of each imported entry, before any of them is taken in."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator

from voxsession.core.changes import Change, MemoryAdded, MemoryEvicted, MemoryRemoved, MemorySuperseded
from voxsession.core.memory_changes import drop_memories, put_memory
from voxsession.core.memory_entry import MemoryEntry
from voxsession.core.struct import evolve
from voxsession.core.types import JsonObject
from voxsession.errors import ConfigurationError
from voxsession.memory.allowance import allowance_of
from voxsession.memory.budget import evictions, live_tokens
from voxsession.session.live import LiveCore
from voxsession.session.reports import ImportReport
from voxsession.session.taking import keeps_local
from voxsession.session.tasks import shielded

__all__ = ["FATES", "MAX_DETAILS", "ON_CONFLICT", "Fates", "Intake", "check_on_conflict"]

ON_CONFLICT = ("skip", "replace", "rename")
FATES = ("added", "skipped", "replaced", "renamed", "expired", "left_out", "superseded", "evicted")
MAX_DETAILS = 1000
_CHANGES_AT_ONCE = 2_000  # some 10 ms; fewer come in one piece
_SAME_TEXT = "the same text is remembered already"
_NEWER = "a newer entry says the same thing of the same person"


def check_on_conflict(value: object) -> str:
    """A conflict mode.

    Raises:
        ConfigurationError: there is no such mode.
    """
    if isinstance(value, str) and value in ON_CONFLICT:
        return value
    raise ConfigurationError(
        f"on_conflict is none of {', '.join(ON_CONFLICT)}. Choose one of them.", option="on_conflict"
    )


class Fates:
    """Counts what became of rows; of each fate the first `MAX_DETAILS` are listed."""

    def __init__(self, names: tuple[str, ...] = FATES) -> None:
        self.counts = Counter(dict.fromkeys(names, 0))
        self._details: list[tuple[int, JsonObject]] = []
        self._listed: Counter[str] = Counter()

    def add(self, row: int, entry_id: str, became: str, **more: object) -> None:
        """One more; `row` is its line or number, 0 for an entry that was there before."""
        self.counts[became] += 1
        if self._listed[became] < MAX_DETAILS:
            self._listed[became] += 1
            place = {"row": row} if row else {}
            self._details.append((row, {"id": entry_id, "became": became} | place | more))

    def report(self) -> ImportReport:
        """All of it, in the order of the rows; what was there before comes last."""
        ordered = sorted(self._details, key=lambda detail: (detail[0] == 0, detail[0]))
        return ImportReport(counts=dict(self.counts), details=[detail for _, detail in ordered])


class Intake:
    """Plays an import through on a copy of what is remembered, which never holds more than twice the budget.

    So a file of any length needs little memory, every row is checked before the
    first is taken in, and a dry run tells what would really happen.
    """

    def __init__(self, core: LiveCore, on_conflict: str) -> None:
        self._core = core
        self._on_conflict = on_conflict
        self._now = core.now()
        self._allowance = allowance_of(core.view.config)
        self._local = keeps_local(str(core.view.config.get("memory_mode", "hybrid")), 0.5, learned=False)
        self._data = core.view.copy()
        self._tokens = live_tokens(self._data)
        live = [entry for entry in self._data.all_memories() if entry.is_live(self._now)]
        self._before = {entry.id for entry in self._data.all_memories()}
        self._texts = {_text_key(entry): entry.id for entry in live}
        self._slots = {entry.slot: entry.id for entry in live if entry.slot is not None}
        self._taken: dict[str, tuple[str, int]] = {}  # what came in and is still there, with its row
        self._given_up: list[Change] = []
        self._fates = Fates()

    def take(self, entry: MemoryEntry, row: int, *, has_id: bool) -> None:
        """Decides on one entry.

        Args:
            entry: it must be counted.
            row: where it stands, from 1.
            has_id: its id is its own; one without is known by its text.
        """
        most = self._allowance.most_of(entry.category)
        if entry.expires_at is not None and entry.expires_at <= self._now:
            self._fates.add(row, entry.id, "expired")
        elif entry.token_count > most:
            reason = f"it has {entry.token_count} tokens; the budget is {most}"
            self._fates.add(row, entry.id, "left_out", reason=reason)
        elif not has_id and (known := self._texts.get(_text_key(entry))) is not None:
            self._fates.add(row, known, "skipped", reason=_SAME_TEXT)
        elif self._data.find_memory(entry.id) is None:
            self._put(entry, "added", row)
        elif self._on_conflict == "skip":
            self._fates.add(row, entry.id, "skipped", reason="this id is there already")
        elif self._on_conflict == "rename":
            self._put(evolve(entry, id=self._core.clock.new_id("mem")), "renamed", row)
        else:
            self._replace(entry, row)

    def leave_to_others(self, row: int) -> None:
        """A row that belongs to another user than the one who was named."""
        self._fates.add(row, "", "skipped", reason="it is another user's")

    def report(self) -> ImportReport:
        """What becomes of each row; no more can be taken after it."""
        self._squeeze()
        for entry_id, (became, row) in self._taken.items():
            self._fates.add(row, entry_id, became)
        return self._fates.report()

    def land(self) -> None:
        """Carries it out at once."""
        self._core.record(*self._changes())
        self._core.settle_memory()

    async def land_slowly(self) -> None:
        """Carries it out in steps, so that others get their turn; a caller that is cancelled does not stop it."""
        await shielded(self._land_in_steps())

    async def _land_in_steps(self) -> None:
        changes = list(self._changes())
        for start in range(0, len(changes), _CHANGES_AT_ONCE):
            self._core.record(*changes[start : start + _CHANGES_AT_ONCE])
            await asyncio.sleep(0)
        self._core.settle_memory()

    # --- on the copy

    def _put(self, entry: MemoryEntry, became: str, row: int) -> None:
        if not self._wins_slot(entry, row):
            return
        if became == "replaced" and (old := self._data.find_memory(entry.id)) is not None:
            self._forget(old)
        put_memory(self._data, entry, local=self._local)
        self._taken[entry.id] = became, row
        self._texts[_text_key(entry)] = entry.id
        if entry.slot is not None:
            self._slots[entry.slot] = entry.id
        self._tokens += entry.token_count
        if self._tokens > 2 * self._allowance.max_tokens:
            self._squeeze()

    def _replace(self, entry: MemoryEntry, row: int) -> None:
        if entry.id in self._taken:
            self._leave_out(entry.id, "skipped", "a later row has the same id")
        self._put(entry, "replaced" if entry.id in self._before else "added", row)

    def _wins_slot(self, entry: MemoryEntry, row: int) -> bool:
        """Of two that fill one slot, the one that became known last counts."""
        holder = self._data.find_memory(self._slots.get(entry.slot, "")) if entry.slot is not None else None
        if holder is None or holder.superseded_by is not None or holder.id == entry.id:
            return True
        if (holder.timestamp, holder.id) > (entry.timestamp, entry.id):
            self._fates.add(row, entry.id, "left_out", reason=_NEWER)
            return False
        if holder.id in self._taken:
            self._leave_out(holder.id, "left_out", _NEWER)
            return True
        change = MemorySuperseded(
            at=self._now, entry_id=holder.id, by=entry.id, local=holder.id in self._data.local_memories
        )
        change.apply(self._data)
        self._given_up.append(change)
        self._fates.add(0, holder.id, "superseded", by=entry.id)
        return True

    def _leave_out(self, entry_id: str, became: str, reason: str) -> None:
        """An entry that was taken before makes room again."""
        _, row = self._taken.pop(entry_id)
        self._fates.add(row, entry_id, became, reason=reason)
        entry = self._data.find_memory(entry_id)
        if entry is not None:
            self._forget(entry)

    def _forget(self, entry: MemoryEntry) -> None:
        drop_memories(self._data, [entry.id])
        if self._texts.get(_text_key(entry)) == entry.id:
            del self._texts[_text_key(entry)]
        if entry.slot is not None and self._slots.get(entry.slot) == entry.id:
            del self._slots[entry.slot]

    def _squeeze(self) -> None:
        """Brings the copy inside the budget, by the rule that holds for all memories."""
        for change in evictions(self._data, self._now, self._allowance):
            if isinstance(change, MemoryEvicted):
                for entry_id in change.entry_ids:
                    self._evict(entry_id, change.reasons.get(entry_id, ""), local=change.local)
            else:
                change.apply(self._data)
        self._tokens = live_tokens(self._data)

    def _evict(self, entry_id: str, reason: str, *, local: bool) -> None:
        entry = self._data.find_memory(entry_id)
        if entry_id in self._taken:
            self._leave_out(entry_id, "left_out", reason)
        elif entry is not None:
            self._forget(entry)
        if entry_id in self._before:
            self._fates.add(0, entry_id, "evicted", reason=reason)
            self._given_up.append(
                MemoryEvicted(at=self._now, entry_ids=[entry_id], reasons={entry_id: reason}, local=local)
            )

    # --- for good

    def _changes(self) -> Iterator[Change]:
        """What makes the session what the copy is; others may have changed it meanwhile."""
        from voxsession.learning.privacy import is_private, noted_words

        view, now = self._core.view, self._now
        for local in (False, True):
            replaced = [
                entry_id
                for entry_id, (became, _) in self._taken.items()
                if became == "replaced" and (entry_id in view.local_memories) is local
            ]
            if replaced:
                yield MemoryRemoved(at=now, entry_ids=replaced, reason="replaced", local=local)
        yield from self._given_up
        private = []
        for entry_id in self._taken:
            entry = self._data.find_memory(entry_id)
            if entry is not None:
                yield MemoryAdded(at=entry.timestamp, entry=entry, local=self._local)
                if is_private(entry):
                    private.append(entry.value or entry.content)
        yield from noted_words(view, private, now)


def _text_key(entry: MemoryEntry) -> tuple[str, str | None]:
    return entry.content, entry.speaker
