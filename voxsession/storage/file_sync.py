"""What makes files and folders durable, and how threads share it."""

from __future__ import annotations

import os
import sys
import threading
import weakref
from collections import defaultdict

__all__ = ["SharedFolderSync", "begin_to_sync", "sync_file", "sync_folder"]

_READ = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)

if sys.platform == "darwin":
    import fcntl

    def sync_file(fd: int) -> None:
        """Returns when the data are on the disk, not only in its cache, as fsync does there."""
        try:
            fcntl.fcntl(fd, fcntl.F_FULLFSYNC)
        except OSError:
            os.fsync(fd)

elif hasattr(os, "fdatasync"):
    sync_file = os.fdatasync
else:
    sync_file = os.fsync


def begin_to_sync(fd: int, start: int, length: int) -> None:
    """Lets the disk begin with what was written there, so that a sync that follows later finds it done.

    Whoever writes many files and then syncs them one by one would wait for each else. Linux does so when told that
    nobody will read the bytes soon; it lets go of whole pages only, of which what was just written is none.
    """
    if sys.platform == "linux":
        os.posix_fadvise(fd, start, length, os.POSIX_FADV_DONTNEED)


def sync_folder(path: str) -> None:
    """Makes durable which files the folder holds; Windows needs and allows no such call."""
    if os.name == "nt":
        return
    fd = os.open(path, _READ)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


class _Turns:
    """How many syncs of a folder have begun, and which of them has ended last."""

    __slots__ = ("begun", "ended", "is_running")

    def __init__(self) -> None:
        self.begun = 0
        self.ended = 0
        self.is_running = False


_ALL: weakref.WeakSet[SharedFolderSync] = weakref.WeakSet()


def _begin_all_anew() -> None:
    for shared in list(_ALL):
        shared.begin_anew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_all_anew)


class SharedFolderSync:
    """Syncs folders that many threads change: those that ask while one runs share the next one."""

    def __init__(self) -> None:
        self.begin_anew()
        _ALL.add(self)

    def begin_anew(self) -> None:
        """Forgets the syncs that run: those of a forked process's parent never end there."""
        self._turns: defaultdict[str, _Turns] = defaultdict(_Turns)
        self._changed = threading.Condition()

    def next_turn(self, path: str) -> int:
        """The number of the sync that will surely hold what was done in the folder before this call."""
        with self._changed:
            # The one that runs now may have begun before the change.
            return self._turns[path].begun + 1

    def __call__(self, path: str, needed: int | None = None) -> None:
        """Returns when all that was done in the folder before this call, or before `needed` was given, is durable."""
        with self._changed:
            turns = self._turns[path]
            needed = needed or turns.begun + 1
            while turns.is_running and turns.ended < needed:
                self._changed.wait()
            if turns.ended >= needed:
                return
            turns.is_running = True
            turns.begun += 1
            mine = turns.begun
        try:
            sync_folder(path)
        except OSError:
            mine = 0  # those who wait try it themselves
            raise
        finally:
            with self._changed:
                turns.is_running = False
                turns.ended = max(turns.ended, mine)
                self._changed.notify_all()
