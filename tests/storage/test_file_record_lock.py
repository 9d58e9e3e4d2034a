"""Locks of records that share a lock file."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from voxsession.storage.file_lock import FileLock
from voxsession.storage.file_record_lock import HeldLocks, RecordLock


@pytest.fixture
def path(tmp_path: Path) -> str:
    """The lock file."""
    return str(tmp_path / "00")


@pytest.fixture
def held() -> HeldLocks:
    """What each thread holds."""
    return HeldLocks()


def a_lock(path: str, key: str, held: HeldLocks) -> RecordLock:
    return RecordLock(path, key, held, lambda: None)


def is_free(path: str) -> bool:
    """Whether somebody else would get the lock file."""
    lock = FileLock(path, lambda: None)
    if free := lock.taken():
        lock.__exit__(None, None, None)
    return free


def test_one_thread_holds_a_file_for_many_records(path: str, held: HeldLocks) -> None:
    """The file is let go of with the last of them."""
    first, second = a_lock(path, "a", held), a_lock(path, "b", held)
    assert first.taken()
    assert second.taken()
    with first:
        pass
    assert not is_free(path)
    with second:
        pass
    assert is_free(path)


def test_two_writes_of_one_record_exclude_each_other(path: str, held: HeldLocks) -> None:
    """Also in one thread, where the second would write behind what the first may still take back."""
    first, second = a_lock(path, "a", held), a_lock(path, "a", held)
    assert first.taken()
    assert not second.taken()
    with first:
        pass
    assert second.taken()
    with second:
        assert not is_free(path)


def test_another_thread_is_kept_out(path: str, held: HeldLocks) -> None:
    """Whichever record it wants."""
    results: list[bool] = []
    with a_lock(path, "a", held):
        thread = threading.Thread(target=lambda: results.append(a_lock(path, "b", held).taken()))
        thread.start()
        thread.join()
    assert results == [False]


def test_other_threads_may_leave(path: str, held: HeldLocks) -> None:
    """What one thread has taken many may leave at once; the file is let go of once."""
    for _ in range(50):
        locks = [a_lock(path, str(number), held) for number in range(8)]
        assert all(lock.taken() for lock in locks)
        start = threading.Barrier(len(locks))

        def leave(lock: RecordLock, start: threading.Barrier = start) -> None:
            start.wait()
            with lock:
                pass

        threads = [threading.Thread(target=leave, args=(lock,)) for lock in locks]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert is_free(path)
        assert not held.files
