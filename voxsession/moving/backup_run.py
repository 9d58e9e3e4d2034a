"""Making a backup of an installation that is in use."""

from __future__ import annotations

from typing import Any

from voxsession.clock import Clock
from voxsession.core.envelope import Record, record_key, split_key, stamp, storage_key
from voxsession.errors import FormatError, IntegrityError, KeyNotFoundError
from voxsession.installation import Installation
from voxsession.moving.backup_check import open_entry, read_session
from voxsession.moving.backup_file import BackupWriter, Entry
from voxsession.moving.progress import Meter, Progress
from voxsession.moving.transfer import newest
from voxsession.session.loader import StorageRules
from voxsession.session.recorder import Recorder
from voxsession.session.reports import Receipt
from voxsession.session.rewriting import headers
from voxsession.session.streams import NewFile

__all__ = ["BackupRun"]

# Locks belong to their moment: an old one that came back would be held by nobody.
KINDS = ("session", "person", "pointer")
TRIES = 8


class BackupRun:
    """One backup: every record is read as of one moment, opened, and written into the file."""

    def __init__(
        self, home: Installation, recorder: Recorder, clock: Clock, progress: Progress | None
    ) -> None:
        self._home = home
        self._recorder = recorder
        self._storage = recorder.storage
        self._clock = clock
        self._meter = Meter(progress)
        self._rules = StorageRules(tenant=home.tenant, timeout_seconds=home.config.storage_timeout_seconds)
        self._done: set[str] = set()
        self._left_out: dict[str, dict[str, Any]] = {}

    async def write(self, file: NewFile) -> Receipt:
        """Fills the file; gives what is in it, with what could not be."""
        tenant = self._home.tenant
        writer = BackupWriter(file)
        await writer.begin(tenant, stamp(self._clock.now()))
        if self._meter.is_watched:
            await self._meter.begin(await self._count_records())
        keyring = await self._load(storage_key("keyring", tenant, "main"))
        if keyring is None:
            raise IntegrityError("keyring", "it has gone from the storage")
        await writer.add(Entry(keyring))
        # A record that is written moves to the front of the listing and may be passed over: look until all is seen.
        while any([await self._add_kind(writer, kind) for kind in KINDS]):
            pass
        digest = await writer.end()
        rows = list(self._left_out.values())
        counts = {**writer.counts, "unreadable": len(rows)}
        return Receipt(counts=counts, details=[{"path": str(file.path), "sha256": digest}, *rows])

    async def _count_records(self) -> int:
        listings = [headers(self._recorder, self._home.tenant, kind=kind) for kind in KINDS]
        return sum([1 for listing in listings async for _ in listing])

    async def _add_kind(self, writer: BackupWriter, kind: str) -> int:
        before = len(self._done)
        async for header in headers(self._recorder, self._home.tenant, kind=kind):
            key = record_key(header)
            if key in self._done:
                continue
            self._done.add(key)
            entry = await self._read(key)
            if entry is not None:
                await writer.add(entry)
            await self._meter.tell(len(self._done))
        names = await self._recorder.call(
            self._storage.unreadable_records(kind=kind, tenant=self._home.tenant), "unreadable_records"
        )
        for name in names:
            self._leave_out(storage_key(kind, self._home.tenant, name), "its header cannot be read")
        return len(self._done) - before

    async def _read(self, key: str) -> Entry | None:
        """The record as of one moment; None where it is gone, or cannot be opened (which is noted)."""
        for _ in range(TRIES):
            try:
                record = await self._load(key)
                if record is None:
                    return None
            except FormatError as error:
                self._leave_out(key, str(error))
                return None
            try:
                return await self._opened(record)
            except (FormatError, KeyNotFoundError) as error:
                # A page may have gone because a newer version does without it.
                if not await self._has_moved_on(key, record):
                    self._leave_out(key, str(error))
                    return None
        self._leave_out(key, "it was written anew all the time")
        return None

    async def _opened(self, record: Record) -> Entry:
        if record.get("kind") == "session":
            return await read_session(record, self._storage, self._home.vault, self._rules)
        await open_entry(Entry(record), self._home.vault, self._rules)
        return Entry(record)

    async def _has_moved_on(self, key: str, record: Record) -> bool:
        try:
            again = await self._load(key)
        except FormatError:
            return False
        return again is None or newest(again) != newest(record)

    async def _load(self, key: str) -> Record | None:
        record = await self._recorder.call(self._storage.load(key), "load")
        if record is not None:
            record.pop("torn_bytes", None)
        return record

    def _leave_out(self, key: str, reason: str) -> None:
        kind, _, name = split_key(key)
        row = {"kind": kind, "session_id": name, "outcome": "unreadable", "reason": reason}
        self._left_out.setdefault(key, row)
