"""Cleaning up: expired sessions, expired memories of sessions that nobody opens, pages that nothing names."""

from __future__ import annotations

import contextlib
import heapq
import logging
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

from voxsession.clock import Clock
from voxsession.core.changes import Change, MemoryExpired
from voxsession.core.envelope import Record, from_stamp
from voxsession.core.memory_entry import MemoryEntry
from voxsession.core.session_data import PageRef
from voxsession.core.struct import Struct
from voxsession.errors import ConflictError, FormatError, KeyNotFoundError
from voxsession.installation import Installation
from voxsession.memory.budget import expired
from voxsession.session.loader import Loaded
from voxsession.session.recorder import Recorder
from voxsession.session.rewriting import headers, write_anew
from voxsession.upkeep.erasing import erase_traces

__all__ = ["Cleaner"]

PAGE_GRACE = timedelta(days=1)
REMEMBERED_SESSIONS = 100_000
_log = logging.getLogger(__name__)


class _Seen(Struct, frozen=True):
    """A session that needs nothing as of this version until a moment.

    Attributes:
        expires_at: when the first of its memories does.
    """

    seq: int
    again_at: datetime
    expires_at: datetime | None


class Cleaner:
    """One tenant's clean-up, in runs of bounded work.

    A header tells when its session expires, not when its memories do: for that the session must be opened. So a run
    opens at most `batch_size` sessions. It remembers of each until when it needs nothing, so that an unchanged one is
    not opened again before that; among the others, those known to be due come first, the rest are drawn by lot, so
    that processes which live for one run only reach all of them in the end.
    """

    def __init__(self, home: Installation, clock: Clock, batch_size: int) -> None:
        self._home = home
        self._clock = clock
        self._batch_size = batch_size
        self._seen: dict[str, _Seen] = {}

    async def run(self, max_age: timedelta | None) -> int:
        """Removes up to `batch_size` sessions, looks into up to as many others; how many sessions were removed."""
        recorder = await self._home.ready()
        removed = 0
        async for header in self._candidates(recorder, max_age):
            removed += await self._remove_if_expired(recorder, str(header["session_id"]), max_age)
            if removed >= self._batch_size:
                break
        for header in await self._due(recorder):
            await self._look_into(recorder, header)
        if removed:
            _log.info("%d expired sessions were removed", removed)
        return removed

    # --- whole sessions

    async def _candidates(self, recorder: Recorder, max_age: timedelta | None) -> AsyncIterator[Record]:
        """What may have expired by its clear header, each once."""
        offered: set[str] = set()
        while True:
            # What stays (it cannot be opened, it is in use) is offered again each time: ask for so many more.
            limit = self._batch_size + len(offered)
            listing = recorder.storage.expired_sessions(
                self._clock.now(), tenant=self._home.tenant, limit=limit
            )
            found = await recorder.call(listing, "expired_sessions")
            fresh = [header for header in found if header["session_id"] not in offered]
            for header in fresh:
                offered.add(header["session_id"])
                yield header
            if not fresh or len(found) < limit:
                break
        if max_age is None:
            return
        oldest = self._clock.now() - max_age
        found = [one async for one in headers(recorder, self._home.tenant) if _written_before(one, oldest)]
        for header in found:
            if header["session_id"] not in offered:
                yield header

    async def _remove_if_expired(
        self, recorder: Recorder, session_id: str, max_age: timedelta | None
    ) -> bool:
        if session_id in self._home.cores:
            return False
        # What cannot be opened, or was written meanwhile, is never cleaned up.
        with contextlib.suppress(FormatError, KeyNotFoundError, ConflictError):
            loaded = await recorder.load(session_id, lazy=True)
            if loaded is None:
                return False
            data, now = loaded.data, self._clock.now()
            is_old = max_age is not None and data.updated_at < now - max_age
            if not is_old and (data.expires_at is None or data.expires_at > now):
                return False
            deletion = recorder.storage.delete(recorder.key_of(session_id), expected_seq=data.seq)
            removed = await recorder.call(deletion, "delete")
            await erase_traces(self._home, session_id, loaded.owner)
            return removed
        return False

    # --- what is inside sessions

    async def _due(self, recorder: Recorder) -> list[Record]:
        """The sessions to look into in this run."""
        now, waiting = self._clock.now(), []
        async for header in headers(recorder, self._home.tenant):
            session_id = str(header["session_id"])
            seen = self._seen.get(session_id)
            if seen is not None and seen.seq != header["seq"]:
                seen = None
            if session_id in self._home.cores or (seen is not None and seen.again_at > now):
                continue
            has_expired = seen is not None and seen.expires_at is not None and seen.expires_at <= now
            waiting.append((not has_expired, self._clock.random_bytes(8), header))
        return [one[2] for one in heapq.nsmallest(self._batch_size, waiting, key=lambda one: one[:2])]

    async def _look_into(self, recorder: Recorder, header: Record) -> None:
        session_id = str(header["session_id"])
        seq, expires_at = int(header["seq"]), None
        try:
            loaded = await recorder.load(session_id, lazy=True)
            if loaded is not None:
                await self._sweep_pages(recorder, loaded)
                expires_at = await self._drop_expired(recorder, loaded)
                seq = loaded.data.seq
        except ConflictError:
            return  # somebody uses it: whoever writes it whole leaves out what has expired
        except (FormatError, KeyNotFoundError):
            pass  # what cannot be opened keeps all it has
        again_at = self._clock.now() + PAGE_GRACE
        self._seen.pop(session_id, None)
        self._seen[session_id] = _Seen(seq, min(again_at, expires_at or again_at), expires_at)
        if len(self._seen) > REMEMBERED_SESSIONS:
            del self._seen[next(iter(self._seen))]

    async def _sweep_pages(self, recorder: Recorder, loaded: Loaded) -> None:
        """Removes pages of a save that was given up after they were written."""
        if not recorder.storage.can_page:
            return
        key, before = recorder.key_of(loaded.data.session_id), self._clock.now() - PAGE_GRACE
        pages = await recorder.call(recorder.storage.list_pages(key), "list_pages")
        old = {name for name, written_at in pages if written_at < before}
        orphans = old and old - await recorder.pages_of(loaded)
        if orphans:
            await recorder.call(recorder.storage.delete_pages(key, orphans), "delete_pages")

    async def _drop_expired(self, recorder: Recorder, loaded: Loaded) -> datetime | None:
        """Takes out the memories whose time has passed, filed ones too; when the next one's does."""
        data, now = loaded.data, self._clock.now()
        archives = [(ref, await recorder.archived(loaded, ref)) for ref in data.archive_pages]
        filed = [entry for _, entries in archives for entry in entries]
        changes = expired(data, now)
        gone = [entry.id for entry in filed if _is_past(entry, now)]
        if gone:
            changes.append(MemoryExpired(at=now, entry_ids=gone))
        moments = [
            entry.expires_at for entry in (*data.memories.values(), *filed) if not _is_past(entry, now)
        ]
        if changes and recorder.storage.can_compare:
            await self._write_without(recorder, loaded, changes, archives)
        return min((moment for moment in moments if moment is not None), default=None)

    async def _write_without(
        self,
        recorder: Recorder,
        loaded: Loaded,
        changes: list[Change],
        archives: list[tuple[PageRef, list[MemoryEntry]]],
    ) -> None:
        """Applies the changes to a session at rest, its age and expiry uncounted: nobody has used it."""
        core, now = self._home.new_core(loaded.data), self._clock.now()
        recorder.adopt(core, loaded)
        outdated, pages = [], []
        for ref, entries in archives:
            kept = [entry for entry in entries if not _is_past(entry, now)]
            if len(kept) < len(entries):
                outdated.append(ref.id)
                pages += await recorder.archive(core, kept)
            else:
                pages.append(ref)
        core.data.archive_pages = pages
        for change in changes:
            change.apply(core.data)
        try:
            await write_anew(recorder, loaded, self._home.tenant, self._clock)
        except ConflictError:
            if core.loose_pages:  # what they hold may just have been erased
                await recorder.call(recorder.storage.delete_pages(core.key, core.loose_pages), "delete_pages")
            raise
        if outdated:
            await recorder.call(recorder.storage.delete_pages(core.key, outdated), "delete_pages")
        core.announce(changes)


def _is_past(entry: MemoryEntry, now: datetime) -> bool:
    return entry.expires_at is not None and entry.expires_at <= now


def _written_before(header: Record, moment: datetime) -> bool:
    return from_stamp(header["updated_at"]) < moment
