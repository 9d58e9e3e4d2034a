"""A lock between threads and processes, held by an open file and let go of when its holder dies."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from types import TracebackType

if sys.platform == "win32":
    import msvcrt
    import time
else:
    import fcntl

__all__ = ["FileLock"]

_FLAGS = os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


class FileLock:
    """``with FileLock(path):`` waits, blocking its thread, until nobody else is inside.

    The file is opened anew each time: two opens of one file exclude each other even within a process,
    and a fork cannot inherit a lock half.

    Args:
        path: the file; it is made where there is none, and stays.
        make_folder: called where its folder is missing.
    """

    __slots__ = ("_fd", "_make_folder", "_path")

    def __init__(self, path: str, make_folder: Callable[[], object]) -> None:
        self._path = path
        self._make_folder = make_folder
        self._fd = -1

    def __enter__(self) -> None:
        if not self.taken():
            self._take(_lock)

    def taken(self) -> bool:
        """Takes the lock where nobody is inside, without waiting; whether it did."""
        return self._fd >= 0 or self._take(_lock_now)

    def _take(self, lock: Callable[[int], bool]) -> bool:
        try:
            fd = os.open(self._path, _FLAGS, 0o600)
        except FileNotFoundError:
            self._make_folder()
            fd = os.open(self._path, _FLAGS, 0o600)
        try:
            if lock(fd):
                self._fd, fd = fd, -1
        finally:
            if fd >= 0:
                os.close(fd)
        return self._fd >= 0

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        fd, self._fd = self._fd, -1
        if sys.platform == "win32":
            os.lseek(fd, 0, os.SEEK_SET)
            msvcrt.locking(fd, msvcrt.LK_UNLCK, 1)
        else:
            fcntl.flock(fd, fcntl.LOCK_UN)  # a process that was forked meanwhile has the file open too
        os.close(fd)


if sys.platform == "win32":

    def _lock_now(fd: int) -> bool:
        try:
            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def _lock(fd: int) -> bool:
        # LK_LOCK gives up after ten seconds; waiting longer is for the caller's time-out to decide.
        while not _lock_now(fd):
            time.sleep(0.002)
        return True

else:

    def _lock_now(fd: int) -> bool:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _lock(fd: int) -> bool:
        fcntl.flock(fd, fcntl.LOCK_EX)
        return True
