"""The file of a backup: sealed records as lines, between a head and a checksum."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from typing import Any

from voxsession.core.envelope import Record, record_key
from voxsession.core.struct import Struct, field
from voxsession.core.types import decode_json, encode_json
from voxsession.errors import IntegrityError, UnsupportedFormatError
from voxsession.session.streams import LineFile, NewFile

__all__ = ["BackupReader", "BackupWriter", "Entry", "broken_backup"]

VERSION = 1
_HEAD = "voxsession_backup"


class Entry(Struct, frozen=True):
    """A record with its tail, and the pages that it names."""

    record: Record
    pages: list[Record] = field(default_factory=list)

    @property
    def key(self) -> str:
        """Its storage key."""
        return record_key(self.record)

    @property
    def kind(self) -> str:
        """What kind of record it is."""
        return str(self.record.get("kind"))

    def count(self, counts: Counter[str]) -> None:
        """Adds what it holds to the figures."""
        counts["sessions" if self.kind == "session" else "others"] += 1
        counts["pages"] += len(self.pages)
        counts["batches"] += len(self.record.get("tail", ()))


class BackupWriter:
    """Writes a backup.

    ::

        {"voxsession_backup": 1, "tenant": "", "made_at": "..."}
        {"record": {...}, "batches": 1, "pages": 1}     for each record, the keyring first
        {...}                                           its batches, in order
        {...}                                           its pages
        {"counts": {...}, "lines": 4, "sha256": "..."}  of all lines before
    """

    def __init__(self, file: NewFile) -> None:
        self._file = file
        self._digest = hashlib.sha256()
        self._lines = 0
        self.counts: Counter[str] = Counter()

    async def begin(self, tenant: str, made_at: str) -> None:
        """Writes the head."""
        await self._write([{_HEAD: VERSION, "tenant": tenant, "made_at": made_at}])

    async def add(self, entry: Entry) -> None:
        """Writes a record with all that belongs to it."""
        document = {name: value for name, value in entry.record.items() if name != "tail"}
        tail = entry.record.get("tail", [])
        entry.count(self.counts)
        lead = {"record": document, "batches": len(tail), "pages": len(entry.pages)}
        await self._write([lead, *tail, *entry.pages])

    async def end(self) -> str:
        """Writes the last line; gives the checksum in it."""
        await self._file.write(_last_line(self.counts, self._lines, self._digest.hexdigest()))
        return self._digest.hexdigest()

    async def _write(self, rows: Iterable[Any]) -> None:
        lines = [encode_json(row) + b"\n" for row in rows]
        raw = b"".join(lines)
        self._digest.update(raw)
        self._lines += len(lines)
        await self._file.write(raw)


def _last_line(counts: Counter[str], lines: int, digest: str) -> bytes:
    figures = {name: counts[name] for name in ("sessions", "others", "batches", "pages")}
    return encode_json({"counts": figures, "lines": lines, "sha256": digest}) + b"\n"


class BackupReader:
    """Reads a backup; nothing of it is given out before `check` has seen it whole.

    Attributes:
        tenant: whose records these are.
        total: how many records there are.
    """

    def __init__(self, file: LineFile) -> None:
        self._file = file
        self._name = file.name
        self.tenant = ""
        self.total = 0

    async def check(self) -> None:
        """Reads the file to its end.

        Raises:
            UnsupportedFormatError: a newer version wrote it.
            IntegrityError: it is no backup, is cut off, or a byte of it was altered.
        """
        digest, count, last = hashlib.sha256(), 0, b""
        async for line in self._file.lines():
            if count == 0:
                self._read_head(line)
            else:
                digest.update(last)
            last, count = line, count + 1
        if not count:
            raise self._no_backup("it is empty")
        counts = self._counts_of(last)
        if count < 2 or last != _last_line(counts, count - 1, digest.hexdigest()):
            raise self._broken("it is cut off, or was altered: its checksum does not match")
        self.total = counts["sessions"] + counts["others"]

    async def entries(self) -> AsyncIterator[Entry]:
        """All records.

        Raises:
            IntegrityError: they are not what the last line counts.
        """
        counts: Counter[str] = Counter()
        lines = self._file.lines()
        await anext(lines)
        async for line in lines:
            row = self._row(line)
            if "record" not in row:
                if line != _last_line(counts, row.get("lines", 0), str(row.get("sha256"))):
                    raise self._broken("it does not hold what its last line counts")
                return
            entry = await self._entry(row, lines)
            entry.count(counts)
            yield entry

    async def _entry(self, row: dict[str, Any], lines: AsyncIterator[bytes]) -> Entry:
        record, batches, pages = row["record"], row.get("batches"), row.get("pages")
        if not isinstance(record, dict) or not isinstance(batches, int) or not isinstance(pages, int):
            raise self._broken("a line of it is not readable")
        tail = [self._row(await anext(lines, b"")) for _ in range(batches)]
        rest = [self._row(await anext(lines, b"")) for _ in range(pages)]
        parts = (record, *tail)
        if not all(
            isinstance(one.get("seq"), int) and isinstance(one.get("session_id"), str) for one in parts
        ):
            raise self._broken("a record in it has no id or no version")
        return Entry({**record, "tail": tail}, rest)

    def _read_head(self, line: bytes) -> None:
        head = _row_of(line) or {}
        version = head.get(_HEAD)
        if not isinstance(version, int) or version < 1:
            raise self._no_backup("it does not begin as one")
        if version > VERSION:
            raise UnsupportedFormatError(f"Backup {self._name!r}", found=version, newest=VERSION)
        self.tenant = str(head.get("tenant"))

    def _counts_of(self, line: bytes) -> Counter[str]:
        counts = self._row(line).get("counts")
        if not isinstance(counts, dict) or not all(isinstance(value, int) for value in counts.values()):
            raise self._broken("its end is missing")
        return Counter(counts)

    def _row(self, line: bytes) -> dict[str, Any]:
        row = _row_of(line)
        if row is None:
            raise self._broken("a line of it is not readable")
        return row

    def _broken(self, reason: str) -> IntegrityError:
        return broken_backup(self._name, reason)

    def _no_backup(self, reason: str) -> IntegrityError:
        return IntegrityError(
            self._name,
            f"it is no backup made by voxsession: {reason}",
            f"{self._name!r} is no backup made by voxsession: {reason}. Nothing was written; give the file that "
            "backup() made, from its first byte on.",
        )


def broken_backup(name: str, reason: str, record: str | None = None) -> IntegrityError:
    """The error for the backup of this name, or for one record in it."""
    what = f"Backup {name!r}" if record is None else f"Record {record!r} in backup {name!r}"
    remedy = "take another copy of this backup, or an earlier one"
    return IntegrityError(
        record or name, reason, f"{what} cannot be trusted: {reason}. Nothing was written; {remedy}."
    )


def _row_of(line: bytes) -> dict[str, Any] | None:
    try:
        row = decode_json(line)
    except ValueError:
        return None
    return row if isinstance(row, dict) else None
