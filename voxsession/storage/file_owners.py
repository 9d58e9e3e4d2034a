"""Whose records lie in a folder: for each owner a folder of empty files named as the records."""

from __future__ import annotations

import contextlib
import os

from voxsession.storage.file_folder import FileFolder
from voxsession.storage.file_sync import SharedFolderSync, sync_folder

__all__ = ["FileOwners"]

OWNERS = ".owners"
_FLAGS = os.O_WRONLY | os.O_CREAT | getattr(os, "O_CLOEXEC", 0)


class FileOwners:
    """Notes and finds the records of owners, by markers ``.owners/<owner>/<stem>``.

    A marker may name a record that is gone; no record that is there lacks its marker.
    """

    def __init__(self, folder: FileFolder, sync: SharedFolderSync) -> None:
        self._folder = folder
        self._sync = sync

    def add(self, folder: str, owner: object, stem: str) -> None:
        """Notes, durably, that a record of this folder is the owner's; no owner, no note."""
        if not isinstance(owner, str) or not owner:
            return
        place = self._place(folder, owner)
        marker = os.path.join(place, stem)
        while True:
            try:
                os.close(os.open(marker, _FLAGS, 0o600))
                break
            except FileNotFoundError:
                # Not made yet, or just taken away by somebody who removed the owner's last record.
                self._folder.make(os.path.dirname(place))
                with contextlib.suppress(FileExistsError):
                    os.mkdir(place, 0o700)
                self._sync(os.path.dirname(place))
        sync_folder(place)

    def remove(self, folder: str, owner: object, stem: str) -> None:
        """Takes the note back; the last one takes the owner's folder along."""
        if not isinstance(owner, str) or not owner:
            return
        _unmark(self._place(folder, owner), stem)

    def remove_all(self, folder: str, stem: str) -> None:
        """Takes back whichever note names a record, where its owner cannot be told."""
        try:
            places = os.listdir(os.path.join(folder, OWNERS))
        except FileNotFoundError:
            return
        for place in places:
            _unmark(os.path.join(folder, OWNERS, place), stem)

    def stems(self, folder: str, owner: str) -> list[str]:
        """The stems of the owner's records."""
        try:
            return os.listdir(self._place(folder, owner))
        except FileNotFoundError:
            self._folder.must_exist()
            return []

    def _place(self, folder: str, owner: str) -> str:
        return os.path.join(folder, OWNERS, self._folder.name(owner))


def _unmark(place: str, stem: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(os.path.join(place, stem))
    with contextlib.suppress(OSError):  # it holds other markers
        os.rmdir(place)
