"""Sessions in the memory of this process: for tests, and for what may end with it."""

from __future__ import annotations

import asyncio
import contextlib
import math
import threading
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from types import UnionType
from typing import Any, NamedTuple

from voxsession.clock import Clock, SystemClock
from voxsession.core.envelope import Record, decode_line, effective_header, record_key, split_key, stamp
from voxsession.errors import ConfigurationError, StorageFullError
from voxsession.storage.base import SessionStorage
from voxsession.storage.frames import (
    Newest,
    batch_line,
    check_base,
    conflict,
    document_line,
    listed,
    page_line,
    record_of,
)
from voxsession.storage.listing import has_ended, newest_first

__all__ = ["MemorySessionStorage"]


class _Kept:
    """A record as the bytes that a file would hold, with its effective header beside them."""

    __slots__ = ("header", "lines")

    def __init__(self, lines: list[bytes], header: Record) -> None:
        self.lines = lines
        self.header = header


class _Page(NamedTuple):
    line: bytes
    written_at: datetime


class MemorySessionStorage(SessionStorage):
    """Keeps records as bytes in this process; all is gone with the object.

    It behaves as the durable ones do: what is loaded is a copy, versions are compared, and a session
    that was not deleted stays. Several threads may use it.

    Args:
        max_sessions: how many sessions it takes; None for no limit. The next one is `StorageFullError`
            once those that have expired are cleared away; no live one is ever dropped.
        cleanup_interval: seconds between two clean-ups of expired sessions, from `open` to `close`; None
            or 0 for none.
        clock: tells what has expired.

    Raises:
        ConfigurationError: a limit that is not positive.
    """

    storage_type = "memory"
    can_append = True
    can_page = True
    can_list = True
    can_compare = True

    def __init__(
        self,
        max_sessions: int | None = 1000,
        cleanup_interval: float | None = 300,
        *,
        clock: Clock | None = None,
    ) -> None:
        if max_sessions is not None and not (_is_number(max_sessions, int) and max_sessions >= 1):
            raise ConfigurationError.out_of_range(
                "max_sessions", max_sessions, "a whole number, at least 1, or None for no limit"
            )
        if cleanup_interval is not None and not (
            _is_number(cleanup_interval, int | float) and 0 <= cleanup_interval < math.inf
        ):
            raise ConfigurationError.out_of_range(
                "cleanup_interval", cleanup_interval, "seconds, or None for no clean-up"
            )
        self.max_sessions = max_sessions
        self.cleanup_interval = cleanup_interval
        self._clock: Clock = clock or SystemClock()
        self._records: dict[str, _Kept] = {}
        self._pages: dict[str, dict[str, _Page]] = {}
        self._lock = threading.RLock()
        self._cleaning: dict[asyncio.AbstractEventLoop, asyncio.Task[None]] = {}

    def __repr__(self) -> str:
        return f"MemorySessionStorage({len(self._records)} records)"

    # --- records

    async def save(self, session_data: Record) -> None:
        """Puts a whole record in place of what was stored under its key."""
        line, key = document_line(session_data), record_key(session_data)
        with self._lock:
            kept = self._records.get(key)
            if kept is not None and Newest(kept.header).is_repeat_of(session_data):
                return
            check_base(key, session_data, Newest(kept.header) if kept else None)
            if kept is None:
                self._make_room(key)
            self._records[key] = _Kept([line], listed(session_data))

    async def load(self, session_id: str) -> Record | None:
        """The record with its tail; None where there is none."""
        split_key(session_id)
        with self._lock:
            kept = self._records.get(session_id)
            return record_of(b"".join(kept.lines), session_id) if kept else None

    async def append(self, session_id: str, batch: Record) -> None:
        """Adds a batch behind the document."""
        line = batch_line(batch)
        with self._lock:
            kept = self._records.get(session_id)
            if kept is None:
                raise conflict(session_id, batch.get("base_seq") or 0, None)
            if Newest(kept.header).is_repeat_of(batch):
                return
            check_base(session_id, batch, Newest(kept.header), appending=True)
            kept.lines.append(line)
            kept.header = effective_header({**kept.header, "tail": [batch]})

    async def load_since(self, session_id: str, seq: int) -> list[Record] | None:
        """The batches after a version; None where they were merged into the document."""
        record = await self.load(session_id)
        if record is None:
            return None
        tail: list[Record] = record["tail"]
        seqs = [record["seq"], *(batch["seq"] for batch in tail)]
        return tail[seqs.index(seq) :] if seq in seqs else None

    async def delete(self, session_id: str, expected_seq: int | None = None) -> bool:
        """Removes a record with its tail and pages."""
        split_key(session_id)
        with self._lock:
            kept = self._records.get(session_id)
            found_seq = kept.header["seq"] if kept else None
            if expected_seq is not None and found_seq != expected_seq:
                raise conflict(session_id, expected_seq, found_seq)
            self._pages.pop(session_id, None)
            return self._records.pop(session_id, None) is not None

    def _make_room(self, key: str) -> None:
        """`StorageFullError` where one more session would be over the limit."""
        if self.max_sessions is None or split_key(key)[0] != "session" or self._count() < self.max_sessions:
            return
        self._remove_past(self._clock.now(), None)
        if self._count() >= self.max_sessions:
            raise StorageFullError(
                f"This storage holds max_sessions={self.max_sessions} sessions already; nothing was dropped. "
                "Delete some, or raise the limit.",
                storage=self.storage_type,
                operation="save",
            )

    def _count(self) -> int:
        return sum(1 for kept in self._records.values() if kept.header.get("kind", "session") == "session")

    # --- pages

    async def save_page(self, session_id: str, page: Record) -> None:
        """Stores a page."""
        split_key(session_id)
        with self._lock:
            pages = self._pages.setdefault(session_id, {})
            pages[str(page["page_id"])] = _Page(page_line(page), self._clock.now())

    async def load_page(self, session_id: str, page_id: str) -> Record | None:
        """A page, or None where there is none of this name."""
        page = self._pages.get(session_id, {}).get(page_id)
        return decode_line(page.line, f"{session_id}/{page_id}") if page else None

    async def list_pages(self, session_id: str) -> list[tuple[str, datetime]]:
        """The names of all pages of a session, with the time each was written, ordered by name."""
        with self._lock:
            return sorted((name, page.written_at) for name, page in self._pages.get(session_id, {}).items())

    async def delete_pages(self, session_id: str, page_ids: Collection[str]) -> int:
        """Removes pages; the number that were there."""
        with self._lock:
            pages = self._pages.get(session_id, {})
            return sum(pages.pop(page_id, None) is not None for page_id in list(page_ids))

    # --- listing

    async def list_sessions(
        self,
        *,
        owner: str | None = None,
        active_only: bool = False,
        after: Record | None = None,
        limit: int = 100,
        kind: str = "session",
        tenant: str = "",
    ) -> list[Record]:
        """Headers, the latest change first."""
        entries = [
            (str(header.get("updated_at")), header["session_id"], header)
            for header in self._headers(kind, tenant)
            if (owner is None or header.get("owner") == owner) and not (active_only and has_ended(header))
        ]
        return [listed(header) for header in newest_first(entries, after, limit)]

    async def expired_sessions(self, now: datetime, *, tenant: str = "", limit: int = 100) -> list[Record]:
        """Headers of sessions whose `expires_at` has passed, the longest past first."""
        past = [header for header in self._headers("session", tenant) if _is_past(header, stamp(now))]
        past.sort(key=lambda header: (header["expires_at"], header["session_id"]))
        return [listed(header) for header in past[: max(limit, 0)]]

    async def cleanup_expired_sessions(self, max_age_seconds: float | None = None) -> int:
        """Removes sessions of all tenants that have expired, or were last written longer ago than this."""
        with self._lock:
            return self._remove_past(self._clock.now(), max_age_seconds)

    def _headers(self, kind: str, tenant: str) -> Iterable[Record]:
        with self._lock:
            kept = [one.header for one in self._records.values()]
        return [
            header
            for header in kept
            if header.get("kind", "session") == kind and (header.get("tenant") or "") == tenant
        ]

    def _remove_past(self, now: datetime, max_age_seconds: float | None) -> int:
        text = stamp(now)
        oldest = "" if max_age_seconds is None else stamp(now - timedelta(seconds=max_age_seconds))
        past = [
            key
            for key, kept in self._records.items()
            if kept.header.get("kind", "session") == "session"
            and (_is_past(kept.header, text) or str(kept.header.get("updated_at")) < oldest)
        ]
        for key in past:
            del self._records[key]
            self._pages.pop(key, None)
        return len(past)

    # --- life

    async def open(self) -> None:
        """Starts the background clean-up, if one was asked for and none runs in this event loop."""
        loop = asyncio.get_running_loop()
        with self._lock:
            for other in [other for other in self._cleaning if other.is_closed()]:
                del self._cleaning[other]
            task = self._cleaning.get(loop)
            if self.cleanup_interval and (task is None or task.done()):
                cleaning = self._clean_up(self.cleanup_interval)
                self._cleaning[loop] = loop.create_task(cleaning, name="voxsession-cleanup")

    async def _clean_up(self, interval: float) -> None:
        while True:
            await asyncio.sleep(interval)
            await self.cleanup_expired_sessions()

    async def close(self) -> None:
        """Stops the background clean-up in every event loop; the sessions stay as long as the object."""
        with self._lock:
            tasks, self._cleaning = self._cleaning, {}
        own = tasks.pop(asyncio.get_running_loop(), None)
        for loop, task in tasks.items():
            with contextlib.suppress(RuntimeError):  # that loop is closed, and its task with it
                loop.call_soon_threadsafe(task.cancel)
        if own is not None:
            own.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await own

    async def get_stats(self) -> dict[str, Any]:
        """`storage_type`, the number of sessions (`total_sessions`), the limit and the bytes that records take."""
        with self._lock:
            size = sum(len(line) for kept in self._records.values() for line in kept.lines)
            return {
                "storage_type": self.storage_type,
                "total_sessions": self._count(),
                "max_sessions": self.max_sessions,
                "bytes": size
                + sum(len(one.line) for pages in self._pages.values() for one in pages.values()),
            }


def _is_number(value: object, kind: type | UnionType) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)


def _is_past(header: Record, now: str) -> bool:
    return header.get("expires_at") is not None and header["expires_at"] <= now
