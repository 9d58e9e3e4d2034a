"""Sessions as files: one file each, durable when a call returns, safe between processes."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

from voxsession.clock import Clock, SystemClock
from voxsession.core.envelope import HEADER_FIELDS, Record, record_key
from voxsession.errors import ConfigurationError, ConflictError, IntegrityError, VoxSessionError
from voxsession.storage.base import RecordsAtHand, SessionStorage
from voxsession.storage.file_burst import BurstThreads
from voxsession.storage.file_folder import FileFolder
from voxsession.storage.file_listing import FileListing
from voxsession.storage.file_pages import FilePages
from voxsession.storage.file_parts import Parts
from voxsession.storage.file_records import FileRecords
from voxsession.storage.frames import batch_line, document_line, page_line
from voxsession.storage.listing import Query

__all__ = ["FileSessionStorage"]

T = TypeVar("T")
DURABILITY = ("full", "relaxed")


class FileSessionStorage(SessionStorage):
    """Keeps each session in one file of a folder; many processes of one machine may share the folder.

    A file holds JSON lines: the document, then each batch that was saved since. Every write happens
    whole in a worker thread, under a lock that other processes respect, and is on the disk when the
    call returns. Making the object touches no disk; the folder is made at `open` or the first use.
    It may be used by one event loop after another.

    Args:
        path: the folder. Made with mode 0700 where there is none.
        durability: ``"full"`` syncs every write; ``"relaxed"`` leaves out the sync of appended batches, so
            that a power cut (not a killed process) may lose the latest of them.
        clock: tells the time for `cleanup_expired_sessions`.

    Raises:
        ConfigurationError: the arguments cannot be used; at the first use, if the path is a file.

    Example:
        >>> import asyncio, tempfile
        >>> storage = FileSessionStorage(tempfile.mkdtemp())
        >>> asyncio.run(storage.load("sess_1")) is None
        True
    """

    storage_type = "file"
    can_append = True
    can_page = True
    can_list = True
    can_compare = True

    def __init__(
        self, path: str | os.PathLike[str], *, durability: str = "full", clock: Clock | None = None
    ) -> None:
        if durability not in DURABILITY:
            raise ConfigurationError.out_of_range("durability", durability, "it is 'full' or 'relaxed'")
        if not isinstance(path, str | os.PathLike) or "\0" in (root := os.fspath(path)) or not root:
            raise ConfigurationError.out_of_range(
                "session_storage_path", path, "the path of a folder is needed"
            )
        self._durability = durability
        self._clock: Clock = clock or SystemClock()
        self._folder = FileFolder(os.path.abspath(os.path.expanduser(root)))
        self._records = FileRecords(self._folder, durable=durability == "full")
        self._pages = FilePages(self._folder)
        self._listing = FileListing(self._folder, self._records.owners, self._records.drop_owner_of_missing)
        self._threads = BurstThreads("voxsession-file")

    def __repr__(self) -> str:
        return f"FileSessionStorage({self._folder.root!r})"

    @property
    def path(self) -> str:
        """The folder, as an absolute path."""
        return self._folder.root

    async def _run(self, operation: str, call: Callable[..., T], *args: Any) -> T:
        return await self._threads.run(functools.partial(self._guarded, operation, call, args))

    def _guarded(self, operation: str, call: Callable[..., T], args: tuple[Any, ...]) -> T:
        try:
            self._folder.get_ready()
            return call(*args)
        except OSError as error:
            raise self._folder.translated(error, operation) from error

    async def _write(self, operation: str, parts: Parts) -> None:
        await self._threads.write(self._guarded_parts(operation, parts))

    def _guarded_parts(self, operation: str, parts: Parts) -> Parts:
        try:
            self._folder.get_ready()
            yield from parts
        except OSError as error:
            raise self._folder.translated(error, operation) from error

    # --- records

    async def save(self, session_data: Record) -> None:
        """Puts a whole record in place of what was stored, by a new file that takes the old one's name."""
        line = document_line(session_data)
        key = record_key(session_data)
        await self._write("save", self._records.save(key, line, _header(session_data)))

    async def load(self, session_id: str) -> Record | None:
        """The record with its tail; None where the folder holds none of this key."""
        return await self._run("load", self._records.load, session_id)

    async def append(self, session_id: str, batch: Record) -> None:
        """Adds one line to the file, in one write and one sync."""
        line = batch_line(batch)
        await self._write("append", self._records.append(session_id, line, _header(batch)))

    async def load_since(self, session_id: str, seq: int) -> list[Record] | None:
        """The batches after a version; None where they were merged into the document, or the file is torn."""
        return await self._run("load_since", self._records.load_since, session_id, seq)

    async def delete(self, session_id: str, expected_seq: int | None = None) -> bool:
        """Removes the file, its pages, its marker and the torn bytes that were kept aside."""
        return await self._run("delete", self._records.delete, session_id, expected_seq)

    async def count_set_aside(self, session_id: str) -> int:
        """How many torn lines of a record are kept aside."""
        return await self._run("count_set_aside", self._records.count_set_aside, session_id)

    async def erase_set_aside(self, session_id: str) -> int:
        """Removes the torn lines that are kept aside, and the temporary file of a writer that was killed."""
        return await self._run("erase_set_aside", self._records.erase_set_aside, session_id)

    # --- pages

    async def save_page(self, session_id: str, page: Record) -> None:
        """Stores a page as a file of its own."""
        await self._write("save_page", self._pages.save(session_id, str(page["page_id"]), page_line(page)))

    async def load_page(self, session_id: str, page_id: str) -> Record | None:
        """A page, or None where there is none of this name."""
        return await self._run("load_page", self._pages.load, session_id, page_id)

    async def load_pages(self, session_id: str, page_ids: Sequence[str]) -> list[Record | None]:
        """Several pages, read in one call of a thread."""
        return await self._run("load_page", self._pages.load_all, session_id, list(page_ids))

    async def list_pages(self, session_id: str) -> list[tuple[str, datetime]]:
        """The names of all pages of a session, with the time each was written, ordered by name."""
        return await self._run("list_pages", self._pages.names, session_id)

    async def delete_pages(self, session_id: str, page_ids: Collection[str]) -> int:
        """Removes pages; the number that were there."""
        return await self._run("delete_pages", self._pages.delete, session_id, list(page_ids))

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
        """Headers, the latest change first; with `owner` only that owner's files are looked at."""
        query = Query(
            owner=owner, active_only=active_only, after=after, limit=limit, kind=kind, tenant=tenant
        )
        return await self._run("list_sessions", self._listing.select, query)

    async def expired_sessions(self, now: datetime, *, tenant: str = "", limit: int = 100) -> list[Record]:
        """Headers of sessions whose `expires_at` has passed, the longest past first."""
        return await self._run("expired_sessions", self._listing.expired, now, tenant, limit)

    async def unreadable_records(self, *, kind: str = "session", tenant: str = "") -> list[str]:
        """The names, without their ending, of files whose header cannot be read."""
        return await self._run("unreadable_records", self._listing.unreadable, kind, tenant)

    async def cleanup_expired_sessions(self, max_age_seconds: float | None = None) -> int:
        """Removes sessions of all tenants that have expired, or were last written longer ago than this."""
        now = self._clock.now()
        moment = now - timedelta(seconds=max_age_seconds) if max_age_seconds is not None else None
        headers = await self._run("cleanup_expired_sessions", self._listing.past, now, moment)
        count = 0
        for header in headers:
            try:
                count += await self.delete(record_key(header), expected_seq=header["seq"])
            except (ConflictError, IntegrityError):
                continue  # it was written meanwhile, or is for its owner to look at
        return count

    # --- life and health

    async def open(self) -> None:
        """Makes the folder where there is none.

        Raises:
            ConfigurationError: the path is a file.
            StorageError: the folder may not be made.
        """
        await self._run("open", lambda: None)

    async def open_and_load(self, session_ids: Sequence[str]) -> RecordsAtHand:
        """The same and these records, in one call of a thread; a record that cannot be read is left out."""
        plain = (FileSessionStorage.open, FileSessionStorage.load)
        if (getattr(self.open, "__func__", None), getattr(self.load, "__func__", None)) != plain:
            return await super().open_and_load(session_ids)  # it opens or reads in a way of its own
        return await self._run("open", self._records.load_readable, session_ids)

    async def close(self) -> None:
        """Waits for writes that have begun and lets the threads go; the next call opens again."""
        await self._threads.close()
        self._folder.forget()

    async def get_stats(self) -> dict[str, Any]:
        """`storage_type`, `path`, `durability` and the number of sessions (`total_sessions`)."""
        return {
            "storage_type": self.storage_type,
            "path": self.path,
            "durability": self._durability,
            "total_sessions": await self._run("get_stats", self._listing.count),
        }

    async def health_check(self) -> dict[str, Any]:
        """Whether the folder is there and can be written; never raises."""
        try:
            await self._run("health_check", self._folder.check_writable)
        except VoxSessionError as error:
            return {"status": "unhealthy", "error": str(error)}
        return {"status": "healthy", "storage": "operational"}


def _header(record: Record) -> Record:
    """A copy of the header fields that a write is decided by."""
    return {name: record.get(name) for name in HEADER_FIELDS}
