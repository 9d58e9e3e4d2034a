"""Listings of session files, by their headers alone."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import NamedTuple

from voxsession.core.envelope import Record, effective_header, record_key, stamp, storage_key
from voxsession.errors import ConfigurationError, IntegrityError
from voxsession.storage.file_folder import ENDING, FileFolder
from voxsession.storage.file_frames import open_to_read, read_document_header, read_newest
from voxsession.storage.file_names import is_shortened, unescaped
from voxsession.storage.file_owners import FileOwners
from voxsession.storage.frames import check_listed, listed
from voxsession.storage.listing import Query, has_ended, newest_first

__all__ = ["FileListing"]

_REMEMBERED = 50_000


class _Entry(NamedTuple):
    """What a listing has to know of each file: little, because there may be many.

    Attributes:
        state: size, time and inode when it was read; a file that has another one is read anew.
    """

    path: str
    state: tuple[int, int, int]
    updated_at: str
    record_id: str
    owner: str | None
    expires_at: str | None
    has_ended: bool


class FileListing:
    """Finds records by what their headers say.

    Reading the header of a file takes 30 µs, so what was read is remembered until the file changes:
    the second part of a long listing costs a look at each file, no more.
    """

    def __init__(
        self, folder: FileFolder, owners: FileOwners, on_missing: Callable[[str, str], None]
    ) -> None:
        self._folder = folder
        self._owners = owners
        self._on_missing = on_missing
        self._known: dict[str, _Entry] = {}

    def select(self, query: Query) -> list[Record]:
        """Headers, the latest change first."""
        folder = self._folder.folder_of(query.kind, query.tenant)
        found: Iterable[_Entry] = self._owned(folder, query) if query.owner else self._all(folder)
        if query.owner == "":  # nobody's have no markers to be found by
            found = (one for one in found if not one.owner)
        entries = [
            (one.updated_at, one.record_id, one) for one in found if not (query.active_only and one.has_ended)
        ]
        return self._headers(newest_first(entries, query.after, query.limit))

    def expired(self, now: datetime, tenant: str, limit: int) -> list[Record]:
        """Headers of sessions whose time has passed."""
        text = stamp(now)
        found = self._all(self._folder.folder_of("session", tenant))
        past = [one for one in found if _has_expired(one, text)]
        past.sort(key=lambda one: (one.expires_at or "", one.record_id))
        return self._headers(past[: max(limit, 0)])

    def past(self, now: datetime, untouched_since: datetime | None) -> list[Record]:
        """Headers of sessions of all tenants that have expired, or were not written since a moment."""
        text, moment = stamp(now), stamp(untouched_since) if untouched_since else ""
        found = (one for folder in self._folder.tenant_folders() for one in self._all(folder))
        return self._headers([one for one in found if _has_expired(one, text) or one.updated_at < moment])

    def unreadable(self, kind: str, tenant: str) -> list[str]:
        """The names of files that no listing shows, because their headers cannot be read."""
        files = self._files(self._folder.folder_of(kind, tenant))
        found = [file.path for file in files if self._entry(file.path) is None and os.path.exists(file.path)]
        return sorted(os.path.basename(path).removesuffix(ENDING) for path in found)

    def count(self) -> int:
        """The number of sessions of all tenants."""
        return sum(sum(1 for _ in self._files(folder)) for folder in self._folder.tenant_folders())

    # --- from folders to entries

    def _files(self, folder: str) -> Iterator[os.DirEntry[str]]:
        try:
            with os.scandir(folder) as entries:
                yield from (one for one in entries if one.name.endswith(ENDING) and one.is_file())
        except FileNotFoundError:
            self._folder.must_exist()

    def _all(self, folder: str) -> Iterator[_Entry]:
        for file in self._files(folder):
            entry = self._entry(file.path)
            if entry is not None:
                yield entry

    def _owned(self, folder: str, query: Query) -> Iterator[_Entry]:
        """By what is noted of the owner; nobody else's files are looked at."""
        owner = str(query.owner)
        for stem in self._owners.stems(folder, owner):
            path = os.path.join(folder, stem + ENDING)
            entry = self._entry(path)
            if entry is not None and entry.owner == owner:
                yield entry
            elif entry is None and not os.path.exists(path) and not is_shortened(stem):
                with contextlib.suppress(OSError, ConfigurationError):  # only tidying up
                    self._on_missing(storage_key(query.kind, query.tenant, unescaped(stem)), owner)

    def _entry(self, path: str) -> _Entry | None:
        """What is known of a file, read anew if it has changed; None where it cannot be read."""
        try:
            stat = os.stat(path)
            state = (stat.st_size, stat.st_mtime_ns, stat.st_ino)
            known = self._known.get(path)
            if known is None or known.state != state:
                known = _entry_of(path, state, self._header(path))
        except (IntegrityError, OSError):
            self._known.pop(path, None)
            return None
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        self._known[path] = known
        return known

    # --- from entries to headers

    def _headers(self, entries: list[_Entry]) -> list[Record]:
        headers = []
        for entry in entries:
            try:
                headers.append(listed(self._header(entry.path)))
            except (IntegrityError, OSError):
                continue
        return headers

    def _header(self, path: str) -> Record:
        """The effective header of the record in a file, which must be the one that belongs there."""
        name = os.path.basename(path)
        fd = open_to_read(path)
        try:
            size = os.fstat(fd).st_size
            newest = read_newest(fd, size, name).header
            header = effective_header({**read_document_header(fd, size, name), "tail": [newest]})
        finally:
            os.close(fd)
        try:
            is_there = self._folder.place(record_key(header)).path == path
        except (KeyError, ConfigurationError):
            is_there = False
        if not is_there:
            raise IntegrityError(name, "its header names another record, or none")
        check_listed(header, record_key(header))
        return header


def _has_expired(entry: _Entry, now: str) -> bool:
    return entry.expires_at is not None and entry.expires_at <= now


def _entry_of(path: str, state: tuple[int, int, int], header: Record) -> _Entry:
    return _Entry(
        path=path,
        state=state,
        updated_at=str(header.get("updated_at")),
        record_id=header["session_id"],
        owner=header.get("owner"),
        expires_at=header.get("expires_at"),
        has_ended=has_ended(header),
    )
