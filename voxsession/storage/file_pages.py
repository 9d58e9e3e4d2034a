"""Pages beside a session's file: each one file that never changes."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection, Iterable
from datetime import UTC, datetime

from voxsession.core.envelope import Record, decode_line
from voxsession.errors import IntegrityError
from voxsession.storage.file_folder import ENDING, FileFolder, Place
from voxsession.storage.file_frames import read_all, replace_file
from voxsession.storage.file_names import is_shortened, unescaped
from voxsession.storage.file_parts import Parts, lock_taken
from voxsession.storage.file_sync import sync_folder

__all__ = ["FilePages"]


class FilePages:
    """Writes and reads the page files of sessions."""

    def __init__(self, folder: FileFolder) -> None:
        self._folder = folder

    def save(self, key: str, page_id: str, line: bytes) -> Parts:
        """Stores a page, durably: the document that names it may follow at once."""
        place = self._folder.place(key)
        # The lock keeps the folder from being removed meanwhile, and gives the temporary file one user.
        lock = self._folder.locked(place)
        yield from lock_taken(lock)
        with lock:
            path, temporary = self._path(place, page_id), place.temporary_page
            try:
                yield from replace_file(path, temporary, line)
            except FileNotFoundError:
                self._folder.make(place.pages)
                yield from replace_file(path, temporary, line)
            sync_folder(place.pages)

    def load(self, key: str, page_id: str) -> Record | None:
        """A page; None where there is none of this name."""
        place = self._folder.place(key)
        name = f"{key}/{page_id}"
        try:
            raw = read_all(self._path(place, page_id))
        except FileNotFoundError:
            self._folder.must_exist()
            return None
        if not raw.endswith(b"\n"):
            raise IntegrityError(name, "the page is truncated")
        page = decode_line(raw, name)
        if page.get("page_id") != page_id or page.get("session_id") != place.record_id:
            raise IntegrityError(name, "another page is stored there")
        return page

    def load_all(self, key: str, page_ids: Iterable[str]) -> list[Record | None]:
        """Pages in the order they are asked for; None for each that is not there."""
        return [self.load(key, page_id) for page_id in page_ids]

    def names(self, key: str) -> list[tuple[str, datetime]]:
        """The names of all pages, and when each was written."""
        place = self._folder.place(key)
        try:
            entries = [entry for entry in os.scandir(place.pages) if entry.name.endswith(ENDING)]
        except FileNotFoundError:
            self._folder.must_exist()
            return []
        found = []
        for entry in entries:
            with contextlib.suppress(FileNotFoundError):  # another process has just removed it
                written_at = datetime.fromtimestamp(entry.stat().st_mtime, UTC)
                found.append((self._page_id(entry, key), written_at))
        return sorted(found)

    def delete(self, key: str, page_ids: Collection[str]) -> int:
        """Removes pages; the number that were there."""
        place = self._folder.place(key)
        count = 0
        with self._folder.locked(place):
            for page_id in page_ids:
                try:
                    os.unlink(self._path(place, page_id))
                    count += 1
                except FileNotFoundError:
                    continue
            if count:
                sync_folder(place.pages)
            else:
                self._folder.must_exist()
        return count

    def _path(self, place: Place, page_id: str) -> str:
        return os.path.join(place.pages, self._folder.name(page_id) + ENDING)

    @staticmethod
    def _page_id(entry: os.DirEntry[str], key: str) -> str:
        stem = entry.name[: -len(ENDING)]
        if is_shortened(stem):
            return str(decode_line(read_all(entry.path), key).get("page_id"))
        return unescaped(stem)
