"""The locks of records, which share a few lock files: one thread holds such a file for many records at once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType

from voxsession.storage.file_lock import FileLock

__all__ = ["HeldLocks", "RecordLock"]


class HeldLocks(threading.local):
    """The lock files that the writes of a thread hold now, each with the records it is held for."""

    def __init__(self) -> None:
        self.files: dict[str, tuple[FileLock, set[str]]] = {}


class RecordLock:
    """``with`` it, no other thread or process writes the record; the thread itself may write others of the same file.

    Two writes of one record exclude each other also within a thread: the second begins when the first has ended.
    Another thread may leave what this one has taken, while this one takes no more.

    Args:
        path: the lock file, which other records share.
        key: the record.
        held: what the thread that takes it holds.
        make_folder: called where the folder of the lock file is missing.
    """

    __slots__ = ("_files", "_held", "_key", "_make_folder", "_path")

    def __init__(self, path: str, key: str, held: HeldLocks, make_folder: Callable[[], object]) -> None:
        self._path = path
        self._key = key
        self._held = held
        self._make_folder = make_folder
        self._files: dict[str, tuple[FileLock, set[str]]] | None = None

    def __enter__(self) -> None:
        if not self.taken():
            lock = FileLock(self._path, self._make_folder)
            lock.__enter__()
            self._note(lock)

    def taken(self) -> bool:
        """Takes the lock where nobody is inside, without waiting; whether it did."""
        if self._files is not None:
            return True
        files = self._held.files
        if self._path not in files:
            lock = FileLock(self._path, self._make_folder)
            if lock.taken():
                self._note(lock)
        elif self._key not in (keys := files[self._path][1]):
            keys.add(self._key)
            self._files = files
        return self._files is not None

    def _note(self, lock: FileLock) -> None:
        self._files = self._held.files
        self._files[self._path] = lock, {self._key}

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        files, self._files = self._files, None
        if files is None:
            return
        keys = files[self._path][1]
        keys.remove(self._key)
        # Where two threads leave at once, the one that removes the entry closes the file.
        if not keys and (entry := files.pop(self._path, None)) is not None:
            entry[0].__exit__(kind, error, traceback)
