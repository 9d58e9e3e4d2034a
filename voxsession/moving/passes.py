"""One pass after the other over a source, until the target holds what the source holds."""

from __future__ import annotations

from collections import Counter

from voxsession.clock import Clock
from voxsession.core.envelope import Record, record_key, split_key, stamp, storage_key
from voxsession.core.struct import Struct
from voxsession.core.types import encode_json
from voxsession.errors import ConflictError, FormatError, IntegrityError
from voxsession.moving.holdings import headers_of
from voxsession.moving.ledger import Ledger
from voxsession.moving.progress import Meter
from voxsession.moving.transfer import (
    AT_ONCE,
    Standing,
    check_whole,
    make_way,
    newest,
    put,
    standing,
    together,
)
from voxsession.session.reports import Receipt
from voxsession.storage.base import SessionStorage

__all__ = ["Copier", "Plan"]

GATHER_RECORDS = 100
GATHER_BYTES = 4 * 1024 * 1024
COUNTED = (
    "copied",
    "updated",
    "same",
    "conflict",
    "unreadable",
    "moving",
    "gone",
    "expired",
    "pages",
    "deleted",
)


class Plan(Struct, frozen=True, kw_only=True):
    """From where to where, and how; `is_thorough` compares pages that are there already, too."""

    source: SessionStorage
    target: SessionStorage
    tenant: str
    clock: Clock
    dry_run: bool
    is_thorough: bool
    meter: Meter


class Copier:
    """Copies records and remembers what came of each.

    Attributes:
        arrived: key -> version of each record that the target was seen to hold.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._source, self._target = plan.source, plan.target
        self.ledger = Ledger(plan.source, plan.target, plan.tenant, plan.clock)
        self.arrived: dict[str, tuple[int, str]] = {}
        # A version that cannot be copied is not tried again in the next pass.
        self._refused: dict[str, tuple[int, str]] = {}
        self._outcomes: dict[str, str] = {}
        self._counts: Counter[str] = Counter()
        self._rows: dict[str, dict[str, str]] = {}
        self._waiting: list[tuple[Record, Record | None]] = []
        self._waiting_bytes = 0

    # --- passes

    async def copy_kind(self, kind: str) -> int:
        """Copies what has not arrived in its newest version; gives how many records were looked at."""
        count = 0
        async for header in headers_of(self._source, kind, self._plan.tenant):
            key = record_key(header)
            if newest(header) in (self.arrived.get(key), self._refused.get(key)):
                continue
            count += 1
            if not await self._look(key):
                self._refused[key] = newest(header)
            await self._plan.meter.tell(len(self._outcomes))
            if len(self._waiting) >= GATHER_RECORDS or self._waiting_bytes > GATHER_BYTES:
                await self._flush()
        await self._flush()
        for name in await self._source.unreadable_records(kind=kind, tenant=self._plan.tenant):
            key = storage_key(kind, self._plan.tenant, name)
            if key not in self.arrived:
                self.tell(key, "unreadable", "its header cannot be read, so that no listing shows it")
        return count

    async def finish_kind(self, kind: str) -> None:
        """Tells of records that went on or went away since they were copied."""
        unseen = {key for key in self.arrived if split_key(key)[0] == kind}
        async for header in headers_of(self._source, kind, self._plan.tenant):
            key = record_key(header)
            unseen.discard(key)
            if newest(header) not in (self.arrived.get(key), self._refused.get(key)):
                self.tell(key, "moving", "it was written again after it was copied; run the migration again")
        for key in unseen:
            if await self._source.load(key) is None:
                self.tell(key, "gone", "it was erased in the source after it was copied; erase it here too")

    async def delete_from_source(self, kind: str) -> None:
        """Removes what has arrived, each record only if it still is what was copied."""
        for key, (seq, _) in self.arrived.items():
            if split_key(key)[0] != kind or self._outcomes[key] == "gone":
                continue
            try:
                self._counts["deleted"] += await self._source.delete(key, seq)
            except ConflictError as error:
                if error.found_seq is None:
                    continue  # another run has removed it
                self.tell(key, "moving", "it was written again after it was copied; run the migration again")

    # --- one record

    async def _look(self, key: str) -> bool:
        """Makes ready what has to be copied; False where this version cannot be, which is told."""
        try:
            record = await self._source.load(key)
            if record is None:
                return True
            check_whole(record)
        except FormatError as error:
            self.tell(key, "unreadable", _reason(error))
            return False
        try:
            found = await self._target.load(key)
        except FormatError as error:
            self.tell(key, "conflict", f"what lies in the target cannot be read: {_reason(error)}")
            return False
        stands = await self._standing(record, found)
        if stands in (Standing.AHEAD, Standing.OTHER):
            self.tell(key, "conflict", _WHY[stands])
            return False
        if stands is Standing.SAME:
            await self._confirm(record)
        elif self._plan.dry_run:
            await self._copy_pages(record, compare=False)
            self._arrive(record, "copied" if stands is Standing.ABSENT else "updated")
        else:
            self._waiting.append((record, found))
            self._waiting_bytes += len(encode_json(record))
        return True

    async def _standing(self, record: Record, found: Record | None) -> Standing:
        stands = standing(record, found)
        if stands is not Standing.OTHER or found is None:
            return stands
        # Nothing in clear leads from the one to the other: the source was written whole since, or is another.
        (seq, _), (found_seq, found_batch) = newest(record), newest(found)
        is_later = seq > found_seq or record.get("created_at") != found.get("created_at")
        known = is_later and await self.ledger.knows(found_batch)
        return Standing.BEHIND if known else stands

    async def _confirm(self, record: Record) -> None:
        """For what was moved before: its pages must be there as well."""
        pages = await self._copy_pages(record, compare=self._plan.is_thorough)
        if pages is not None:
            self._arrive(record, "copied" if pages and not self._plan.dry_run else "same")

    async def _flush(self) -> None:
        waiting, self._waiting, self._waiting_bytes = self._waiting, [], 0
        if waiting:
            await self.ledger.note(record for record, _ in waiting)
        for start in range(0, len(waiting), AT_ONCE):
            await together(self._try_to_put(*one) for one in waiting[start : start + AT_ONCE])

    async def _try_to_put(self, record: Record, found: Record | None) -> None:
        try:
            await self._put(record, found)
        except ConflictError:
            self.tell(record_key(record), "moving", "somebody writes to it in the target")
        await self._plan.meter.tell(len(self._outcomes))

    async def _put(self, record: Record, found: Record | None) -> None:
        key = record_key(record)
        left = await make_way(self._target, record, found)
        pages = await self._copy_pages(record, compare=True)
        if pages is None or not await self._is_still(record):
            return  # the next pass meets it again
        await put(self._target, record, left)
        back = await self._target.load(key)
        stands = standing(record, back)
        if back is not None and stands in (Standing.SAME, Standing.AHEAD):
            self._arrive(record, "copied" if standing(record, found) is Standing.ABSENT else "updated")
        elif back is None and self._has_expired(record):
            self.tell(key, "expired", "its time has passed, and the target keeps no such records")
            self._refused[key] = newest(record)
        else:
            self.tell(key, "conflict", "what was read back is not what was written")
            self._refused[key] = newest(record)

    async def _copy_pages(self, record: Record, *, compare: bool) -> int | None:
        """The number of pages that had to be copied; None where one is gone, or cannot be copied (told)."""
        if record.get("kind") != "session" or not self._source.can_page:
            return 0
        key, copied = record_key(record), 0
        there = {name for name, _ in await self._target.list_pages(key)}
        for name, _ in await self._source.list_pages(key):
            if name in there and not compare:
                continue
            try:
                if not await self._copy_page(key, name, is_there=name in there):
                    return None
            except FormatError as error:
                self.tell(key, "unreadable", f"page {name}: {_reason(error)}")
                self._refused[key] = newest(record)
                return None
            copied += name not in there
        self._counts["pages"] += copied
        return copied

    async def _copy_page(self, key: str, name: str, *, is_there: bool) -> bool:
        page = await self._source.load_page(key, name)
        if page is None:
            return False
        if not is_there and not self._plan.dry_run:
            await self._target.save_page(key, page)
            is_there = True
        if is_there and await self._target.load_page(key, name) != page:
            raise IntegrityError(f"{key}/{name}", "the target gives back another page of this name")
        return True

    async def _is_still(self, record: Record) -> bool:
        """Whether its pages were all there to be copied: none is removed while the version that names it stands."""
        key, (seq, _) = record_key(record), newest(record)
        if record.get("kind") != "session" or not self._source.can_page:
            return True
        since = await self._source.load_since(key, seq) if self._source.can_append else None
        if since is not None:
            return not since
        again = await self._source.load(key)
        return again is not None and newest(again) == newest(record)

    def _has_expired(self, record: Record) -> bool:
        parts = [record, *record.get("tail", ())]
        return str(parts[-1].get("expires_at") or "9") <= stamp(self._plan.clock.now())

    # --- what came of it

    def _arrive(self, record: Record, outcome: str) -> None:
        key = record_key(record)
        self._rows.pop(key, None)
        self.arrived[key] = newest(record)
        if record.get("torn_bytes"):
            reason = f"{record['torn_bytes']} bytes of a write that never ended were left behind"
            self._rows[key] = {"kind": "session", "session_id": key, "outcome": "torn", "reason": reason}
        self._mark(key, self._outcomes[key] if self._outcomes.get(key) in ("copied", "updated") else outcome)

    def tell(self, key: str, outcome: str, reason: str) -> None:
        """Notes what did not go as it should, in place of what was noted of this record before."""
        kind, _, name = split_key(key)
        self._rows[key] = {"kind": kind, "session_id": name, "outcome": outcome, "reason": reason}
        self._mark(key, outcome)

    def _mark(self, key: str, outcome: str) -> None:
        before = self._outcomes.get(key)
        self._outcomes[key] = outcome
        self._counts[outcome] += 1
        if before is not None:
            self._counts[before] -= 1

    @property
    def is_complete(self) -> bool:
        """Whether everything has arrived, but for what was erased meanwhile or has expired."""
        return all(row["outcome"] in ("gone", "expired") for row in self._rows.values())

    def receipt(self) -> Receipt:
        """What was done, with a row for each record that did not simply arrive."""
        counts = {name: self._counts[name] for name in COUNTED}
        return Receipt(counts=counts, details=list(self._rows.values()))


_WHY = {
    Standing.AHEAD: "the target is ahead: it was written there since; left as it is",
    Standing.OTHER: "the target holds another history under this id; left as it is",
}


def _reason(error: FormatError) -> str:
    return error.reason if isinstance(error, IntegrityError) else str(error)
