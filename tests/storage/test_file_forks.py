"""A process that is forked in the middle of a write: neither side waits for the other for ever."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import pytest

from tests.patience import LONG_SECONDS
from voxsession.storage import file_sync
from voxsession.storage.file_lock import FileLock
from voxsession.storage.file_sync import SharedFolderSync

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


def test_a_lock_that_was_let_go_of_is_free_although_a_child_has_its_file_open(tmp_path: Path) -> None:
    """The child lives on; who waits for the lock need not wait for it to end."""
    path, (reading, writing) = str(tmp_path / "lock"), os.pipe()
    with FileLock(path, lambda: None):
        child = os.fork()
        if child == 0:
            os.close(writing)
            os.read(reading, 1)  # until the parent has seen what it wants to see
            os._exit(0)

    try:
        assert FileLock(path, lambda: None).taken()
    finally:
        os.close(writing)
        os.close(reading)
        os.waitpid(child, 0)


def test_a_child_syncs_a_folder_that_its_parent_was_syncing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It begins anew, instead of waiting for a thread that it does not have."""
    begun, may_end = threading.Event(), threading.Event()

    def slowly(path: str) -> None:
        begun.set()
        assert may_end.wait(LONG_SECONDS)

    monkeypatch.setattr(file_sync, "sync_folder", slowly)
    shared = SharedFolderSync()
    thread = threading.Thread(target=shared, args=(str(tmp_path),))
    thread.start()
    assert begun.wait(LONG_SECONDS)

    child = os.fork()
    if child == 0:
        signal.alarm(int(LONG_SECONDS))  # ends it where it waits for ever
        may_end.set()
        shared(str(tmp_path))
        os._exit(7)

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    may_end.set()
    thread.join()
