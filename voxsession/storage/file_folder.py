"""The folder that a file storage lives in: where each record lies, its locks, what its errors mean."""

from __future__ import annotations

import contextlib
import errno
import os
import zlib
from functools import lru_cache
from typing import NamedTuple

from voxsession.core.envelope import split_key
from voxsession.errors import ConfigurationError, StorageError, StorageFullError, StorageUnavailableError
from voxsession.storage.file_lock import FileLock
from voxsession.storage.file_names import escaped
from voxsession.storage.file_sync import sync_folder

__all__ = ["ENDING", "FileFolder", "Place"]

ENDING = ".json"
LOCKS = ".locks"
TENANTS = ".tenants"
STRIPES = 64
_KNOWN_PLACES = 4096

_NO_ROOM = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}
_NOT_ALLOWED = {errno.EACCES, errno.EPERM, errno.EROFS}
_MAY_PASS = {
    errno.EAGAIN,
    errno.EBUSY,
    errno.EINTR,
    errno.EMFILE,
    errno.ENFILE,
    errno.ETIMEDOUT,
    getattr(errno, "ESTALE", errno.ETIMEDOUT),
    getattr(errno, "EHOSTDOWN", errno.ETIMEDOUT),
}


class Place(NamedTuple):
    """Where a record lies.

    Attributes:
        key: its storage key.
        record_id: the id in it.
        folder: the folder of its tenant and kind.
        stem: the escaped id, which all its file names begin with.
        path: its file.
        lock: the lock file that its writers share with some others.
    """

    key: str
    record_id: str
    folder: str
    stem: str
    path: str
    lock: str

    @property
    def pages(self) -> str:
        """The folder of its pages."""
        return f"{self.folder}{os.sep}{self.stem}.pages"

    @property
    def temporary(self) -> str:
        """Where a new version is made; one name, so a killed writer leaves at most one file."""
        return f"{self.folder}{os.sep}{self.stem}.tmp"

    @property
    def temporary_page(self) -> str:
        """Where a new page is made."""
        return f"{self.pages}{os.sep}.tmp"

    def torn(self, number: int) -> str:
        """Where torn bytes are kept aside."""
        return f"{self.folder}{os.sep}{self.stem}.torn-{number}"


class FileFolder:
    """Knows the layout below one folder, and makes what is missing in it; never the folder itself.

    ::

        <id>.json  <id>.pages/<page>.json  <id>.torn-1     sessions of the default tenant
        .owners/<owner>/<id>                               empty markers: whose sessions they are
        .keyring/<id>.json                                 other kinds
        .tenants/<tenant>/...                              the same again
        .locks/00 ... 3f                                   taken while a file is written, never removed
    """

    def __init__(self, root: str) -> None:
        self.root = root
        self._keep_case = True
        self._ready = False
        self.place = lru_cache(_KNOWN_PLACES)(self._place)

    # --- its life

    def get_ready(self) -> None:
        """Makes the folder at the first call; afterwards it has to be there.

        Raises:
            ConfigurationError: the path is a file, or lies below one.
        """
        if self._ready:
            return
        try:
            os.makedirs(self.root, mode=0o700, exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            raise ConfigurationError(
                f"session_storage_path={self.root!r} is not a folder. Name a folder, or one that can be made.",
                option="session_storage_path",
                value=self.root,
            ) from None
        # It is there already; or this folder is for reading only, which the first write will tell.
        with contextlib.suppress(OSError):
            os.mkdir(os.path.join(self.root, LOCKS), 0o700)
        self._keep_case = not os.path.exists(os.path.join(self.root, LOCKS.upper()))
        self.place.cache_clear()
        self._ready = True

    def forget(self) -> None:
        """The next call gets ready anew."""
        self._ready = False

    def must_exist(self) -> None:
        """`StorageUnavailableError` where the folder was removed while it was in use."""
        if not os.path.isdir(self.root):
            raise StorageUnavailableError(
                f"The session folder {self.root!r} is gone: it was removed or unmounted while in use. Nothing was "
                "written. Bring it back; or close and open the storage to begin with an empty one.",
                storage="file",
            )

    # --- places

    def _place(self, key: str) -> Place:
        """Where the record of this key lies."""
        kind, tenant, record_id = split_key(key)
        folder = self.folder_of(kind, tenant)
        stem = self.name(record_id)
        stripe = zlib.crc32(key.encode("utf-8", "surrogatepass")) % STRIPES
        lock = f"{self.root}{os.sep}{LOCKS}{os.sep}{stripe:02x}"
        return Place(key, record_id, folder, stem, f"{folder}{os.sep}{stem}{ENDING}", lock)

    def folder_of(self, kind: str, tenant: str) -> str:
        """The folder of a kind of records of a tenant."""
        folder = os.path.join(self.root, TENANTS, self.name(tenant)) if tenant else self.root
        return folder if kind == "session" else os.path.join(folder, f".{kind}")

    def name(self, text: str) -> str:
        """A file name for an id."""
        return escaped(text, keep_case=self._keep_case)

    def tenant_folders(self) -> list[str]:
        """The folders of all tenants, the default one first."""
        try:
            names = sorted(os.listdir(os.path.join(self.root, TENANTS)))
        except FileNotFoundError:
            names = []
        return [self.root, *(os.path.join(self.root, TENANTS, name) for name in names)]

    # --- what is done to them

    def locked(self, place: Place) -> FileLock:
        """The lock of a record; threads and processes take it in turns."""
        return FileLock(place.lock, self._make_locks)

    def _make_locks(self) -> None:
        self.must_exist()
        self._make(os.path.join(self.root, LOCKS))

    def make(self, folder: str) -> bool:
        """Makes a folder below the root, durably; False where it was there."""
        if os.path.isdir(folder):
            return False
        self.must_exist()
        parent = os.path.dirname(folder)
        self.make(parent)
        self._make(folder)
        sync_folder(parent)
        return True

    def _make(self, folder: str) -> None:
        with contextlib.suppress(FileExistsError):
            os.mkdir(folder, 0o700)

    def check_writable(self) -> None:
        """`StorageError` or `OSError` where the folder takes no writes."""
        self.must_exist()
        with FileLock(os.path.join(self.root, LOCKS, "health"), self._make_locks):
            pass

    # --- errors

    def translated(self, error: OSError, operation: str) -> StorageError:
        """What an error of the operating system means to whoever called."""
        reason = error.strerror or type(error).__name__
        if error.errno in _NO_ROOM:
            return StorageFullError(
                f"There is no room in {self.root!r} ({reason}); what was stored is unchanged. "
                "Free some space and save again.",
                storage="file",
                operation=operation,
            )
        if error.errno in _NOT_ALLOWED:
            return StorageError(
                f"The session folder {self.root!r} may not be used for {operation} ({reason}). Give this process "
                "the right to read and write it, or name another session_storage_path.",
                storage="file",
                operation=operation,
            )
        if error.errno in _MAY_PASS or not os.path.isdir(self.root):
            return StorageUnavailableError(
                f"The session folder {self.root!r} cannot be reached for {operation} ({reason}). Try again.",
                storage="file",
                operation=operation,
            )
        return StorageError(
            f"The session folder {self.root!r} failed at {operation} ({reason}). Check the disk.",
            storage="file",
            operation=operation,
        )
