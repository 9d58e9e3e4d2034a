"""Records in files: each function is one save or load, run whole in a worker thread."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
from collections.abc import Callable, Sequence

from voxsession.core.envelope import Record, decode_line, record_key
from voxsession.errors import IntegrityError, VoxSessionError
from voxsession.storage.file_folder import FileFolder, Place
from voxsession.storage.file_frames import (
    HEAD_BYTES,
    append_line,
    open_to_append,
    open_to_read,
    read_all,
    read_document_header,
    read_last_batch,
    read_newest,
    replace_file,
    write_new,
)
from voxsession.storage.file_owners import FileOwners
from voxsession.storage.file_parts import Parts, Pause, lock_taken
from voxsession.storage.file_sync import SharedFolderSync, sync_file
from voxsession.storage.frames import (
    Newest,
    check_base,
    check_owned,
    clear_header,
    conflict,
    follows,
    record_of,
)

__all__ = ["FileRecords"]


class FileRecords:
    """Writes and reads session files.

    Args:
        folder: where they lie.
        durable: false leaves out the sync of appended batches; a whole write is synced all the same, or
            a power cut might leave neither old nor new.
    """

    def __init__(self, folder: FileFolder, *, durable: bool) -> None:
        self._folder = folder
        self._durable = durable
        self._folders = SharedFolderSync()
        self._sync_folder: Callable[..., None] = self._folders
        self.owners = FileOwners(folder, self._folders)

    # --- writing

    def save(self, key: str, line: bytes, header: Record) -> Parts:
        """Puts a document in place of the file, if it was made from what is stored."""
        place = self._folder.place(key)
        lock = self._folder.locked(place)
        yield from lock_taken(lock)
        with lock:
            newest = self._newest(place)
            if newest is not None and newest.is_repeat_of(header):
                self._make_durable(place, header)
                return
            check_base(key, header, newest)
            if newest is None:
                yield from self._create(place, line, header)
            else:
                yield from self._replace(place, line, header, newest)

    def _newest(self, place: Place) -> Newest | None:
        try:
            fd = open_to_read(place.path)
        except FileNotFoundError:
            return None
        try:
            return _newest_in(fd, os.fstat(fd).st_size, place)
        finally:
            os.close(fd)

    def _create(self, place: Place, line: bytes, header: Record) -> Parts:
        self._note_owner(place, header)
        try:
            yield from replace_file(place.path, place.temporary, line)
        except FileNotFoundError:
            self._folder.make(place.folder)
            yield from replace_file(place.path, place.temporary, line)
        yield from self._name_kept(place)

    def _name_kept(self, place: Place) -> Parts:
        """Makes the new name durable, with those that the other writes of the thread have taken meanwhile."""
        needed = self._folders.next_turn(place.folder)
        yield Pause.WRITTEN
        self._sync_folder(place.folder, needed)

    def _replace(self, place: Place, line: bytes, header: Record, newest: Newest) -> Parts:
        if newest.torn_bytes:
            self._set_aside(place, read_all(place.path)[-newest.torn_bytes :])
        old_owner = newest.header.get("owner")
        if header.get("owner") != old_owner:
            self._note_owner(place, header)
        yield from replace_file(place.path, place.temporary, line)
        yield from self._name_kept(place)
        if header.get("owner") != old_owner:
            self.owners.remove(place.folder, old_owner, place.stem)

    def _make_durable(self, place: Place, header: Record) -> None:
        """For a repeated write: the first try may have ended before its syncs."""
        self._note_owner(place, header)
        fd = open_to_append(place.path)
        try:
            sync_file(fd)
        finally:
            os.close(fd)
        self._sync_folder(place.folder)

    def append(self, key: str, line: bytes, header: Record) -> Parts:
        """Adds a batch to the file, if it was made from what is stored."""
        place = self._folder.place(key)
        lock = self._folder.locked(place)
        yield from lock_taken(lock)
        with lock:
            try:
                fd = open_to_append(place.path)
            except FileNotFoundError:
                self._folder.must_exist()
                raise conflict(key, header.get("base_seq") or 0, None) from None
            try:
                yield from self._append(place, fd, line, header)
            finally:
                os.close(fd)

    def _append(self, place: Place, fd: int, line: bytes, header: Record) -> Parts:
        size = os.fstat(fd).st_size
        is_next = record_key(header) == place.key and follows(line, read_last_batch(fd, size), header)
        if not is_next and self._is_stored(place, fd, size, header):
            return
        yield from append_line(fd, line, size, durable=self._durable)

    def _is_stored(self, place: Place, fd: int, size: int, header: Record) -> bool:
        """Looks closely at what is stored: whether it ends with this batch already, else that the batch may follow."""
        newest = _newest_in(fd, size, place)
        if newest.torn_bytes:
            # Behind torn bytes a line would be lost; whoever reloads sees them and saves whole.
            raise conflict(place.key, header.get("base_seq") or 0, newest.seq)
        if newest.is_repeat_of(header):
            sync_file(fd)
            return True
        check_base(place.key, header, newest, appending=True)
        if header.get("owner") != newest.header.get("owner"):
            self._note_owner(place, header)
        return False

    def _set_aside(self, place: Place, torn: bytes) -> None:
        number = 1
        while True:
            try:
                write_new(place.torn(number), torn)
                return
            except FileExistsError:
                number += 1

    def _note_owner(self, place: Place, header: Record) -> None:
        self.owners.add(place.folder, header.get("owner"), place.stem)

    def drop_owner_of_missing(self, key: str, owner: str) -> None:
        """Takes back the note on a record that is not there; under the lock none is just being made."""
        place = self._folder.place(key)
        with self._folder.locked(place):
            if not os.path.exists(place.path):
                self.owners.remove(place.folder, owner, place.stem)

    # --- reading

    def load(self, key: str) -> Record | None:
        """The record with its tail; None where there is none."""
        raw = self._read(self._folder.place(key))
        return None if raw is None else record_of(raw, key)

    def load_readable(self, keys: Sequence[str]) -> dict[str, Record | None]:
        """Those of these records that can be read, or are not there; whoever asks for another is told what it has."""
        found: dict[str, Record | None] = {}
        for key in keys:
            with contextlib.suppress(VoxSessionError, OSError):
                found[key] = self.load(key)
        return found

    def load_since(self, key: str, seq: int) -> list[Record] | None:
        """The batches after a version; None where they do not tell, or not alone."""
        raw = self._read(self._folder.place(key))
        if raw is None:
            return None
        document, *lines = raw.split(b"\n")
        if not lines or lines.pop():
            return None
        batches: list[Record] = []
        for line in reversed(lines):
            batch = decode_line(line, key)
            if batch["seq"] == seq:
                return batches[::-1]
            batches.append(batch)
        header = clear_header(document[:HEAD_BYTES]) or decode_line(document, key)
        check_owned(header, key)
        return batches[::-1] if header["seq"] == seq else None

    def _read(self, place: Place) -> bytes | None:
        try:
            raw = read_all(place.path)
            if not raw.endswith(b"\n"):
                # A writer may be in the middle of a line; once it is this thread's turn, none is.
                raw = self._read_alone(place)
            return raw
        except FileNotFoundError:
            self._folder.must_exist()
            return None

    def _read_alone(self, place: Place) -> bytes:
        try:
            with self._folder.locked(place):
                return read_all(place.path)
        except PermissionError:
            return read_all(place.path)  # a folder for reading only has no writers to wait for

    # --- removing

    def count_set_aside(self, key: str) -> int:
        """How many torn lines are kept aside."""
        return _count_torn(self._folder.place(key))

    def erase_set_aside(self, key: str) -> int:
        """Removes the torn lines, and what a killed writer left unfinished; how many files."""
        place = self._folder.place(key)
        with self._folder.locked(place):
            # The last first: after a crash the others are found again.
            torn = [place.torn(number) for number in range(_count_torn(place), 0, -1)]
            return sum(map(_unlink, (place.temporary, place.temporary_page, *torn)))

    def delete(self, key: str, expected_seq: int | None) -> bool:
        """Removes the file and all that belongs to it; False where there was no file."""
        place = self._folder.place(key)
        with self._folder.locked(place):
            owners = self._owners(place, expected_seq)
            _unlink(place.temporary)
            was_there = _unlink(place.path)
            for owner in owners or ():
                self.owners.remove(place.folder, owner, place.stem)
            if owners is None:
                self.owners.remove_all(place.folder, place.stem)
            _remove_rest(place)
            if was_there:
                self._sync_folder(place.folder)
            return was_there

    def _owners(self, place: Place, expected_seq: int | None) -> set[object] | None:
        """Who is named in the file, None where it cannot tell; another version than the expected is a conflict."""
        try:
            fd = open_to_read(place.path)
        except FileNotFoundError:
            self._folder.must_exist()
            if expected_seq is not None:
                raise conflict(place.key, expected_seq, None) from None
            return None
        try:
            size = os.fstat(fd).st_size
            newest = _newest_in(fd, size, place)
            found = {newest.header.get("owner"), read_document_header(fd, size, place.key).get("owner")}
        except IntegrityError:
            # To be erased without a look at it, it need not be readable.
            if expected_seq is not None:
                raise
            return None
        finally:
            os.close(fd)
        if expected_seq is not None and newest.seq != expected_seq:
            raise conflict(place.key, expected_seq, newest.seq)
        return found


def _newest_in(fd: int, size: int, place: Place) -> Newest:
    newest = read_newest(fd, size, place.key)
    check_owned(newest.header, place.key)
    return newest


def _count_torn(place: Place) -> int:
    return next(number for number in itertools.count() if not os.path.exists(place.torn(number + 1)))


def _remove_rest(place: Place) -> None:
    # The last first: after a crash the others are found again.
    for number in range(_count_torn(place), 0, -1):
        _unlink(place.torn(number))
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(place.pages)


def _unlink(path: str) -> bool:
    try:
        os.unlink(path)
    except FileNotFoundError:
        return False
    return True
