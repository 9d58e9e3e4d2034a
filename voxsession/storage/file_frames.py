"""Lines in files: written all or not at all, made durable, and read from either end."""

from __future__ import annotations

import contextlib
import os

from voxsession.core.envelope import Record, decode_line
from voxsession.errors import IntegrityError
from voxsession.storage.file_parts import Parts, Pause, at_once
from voxsession.storage.file_sync import begin_to_sync, sync_file
from voxsession.storage.frames import DOCUMENT_END, Newest, clear_header

__all__ = [
    "HEAD_BYTES",
    "append_line",
    "open_to_append",
    "open_to_read",
    "read_all",
    "read_document_header",
    "read_last_batch",
    "read_newest",
    "replace_file",
    "write_new",
]

_EXTRA = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_READ = os.O_RDONLY | _EXTRA
_APPEND = os.O_RDWR | os.O_APPEND | _EXTRA
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _EXTRA
_AFRESH = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | _EXTRA

HEAD_BYTES = 4096
_END_BYTES = 8192  # holds the last turn of most sessions, so that one read finds it
_STEP_BYTES = 65536

# --- writing


def open_to_append(path: str) -> int:
    """A file that exists, for reading anywhere and writing at its end."""
    return os.open(path, _APPEND)


def open_to_read(path: str) -> int:
    """A file that exists, for reading only."""
    return os.open(path, _READ)


def append_line(fd: int, line: bytes, size: int, *, durable: bool) -> Parts:
    """Adds a line at the end of a file of this size; after an error the file has its old size again.

    It pauses between the write and the sync.
    """
    try:
        _write(fd, line)
        if durable:
            yield from _synced(fd, size, len(line))
    except OSError:
        _cut_back(fd, size)
        raise


def _synced(fd: int, start: int, length: int) -> Parts:
    """Makes what was written there durable, after a pause in which others write too."""
    has_company = yield Pause.WRITTEN
    if has_company:
        begin_to_sync(fd, start, length)
        yield Pause.WRITTEN
    sync_file(fd)


def _write(fd: int, data: bytes) -> None:
    written = os.write(fd, data)
    while written < len(data):
        # Stopped short: the next write tells why, or goes on.
        written += os.write(fd, memoryview(data)[written:])


def _cut_back(fd: int, size: int) -> None:
    # Where even this fails a torn frame stays, which every reader knows how to leave out.
    with contextlib.suppress(OSError):
        os.ftruncate(fd, size)
        sync_file(fd)


def write_new(path: str, data: bytes) -> None:
    """A new durable file; `FileExistsError` if there is one."""
    at_once(_fill(os.open(path, _NEW, 0o600), path, data))


def replace_file(path: str, temporary: str, data: bytes) -> Parts:
    """Puts the data in place of the file: whoever looks, also after a power cut, finds all of old or new.

    It pauses between the write and the sync. The caller syncs the folder; until then the old file may come back.
    """
    yield from _fill(os.open(temporary, _AFRESH, 0o600), temporary, data)
    os.replace(temporary, path)


def _fill(fd: int, path: str, data: bytes) -> Parts:
    try:
        try:
            _write(fd, data)
            yield from _synced(fd, 0, len(data))
        finally:
            os.close(fd)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(path)
        raise


# --- reading


def read_all(path: str) -> bytes:
    """Everything in the file, as of one opening: a replacement meanwhile is not seen."""
    fd = os.open(path, _READ)
    try:
        size = os.fstat(fd).st_size
        raw = os.read(fd, size + 1)
        if len(raw) != size:  # it has grown meanwhile, or is too long for one call
            while more := os.read(fd, _STEP_BYTES):
                raw += more
        return raw
    finally:
        os.close(fd)


def read_newest(fd: int, size: int, name: str) -> Newest:
    """The newest header of a file of this size, from its last bytes.

    Raises:
        IntegrityError: it is empty, holds no complete line, or its last complete line is no record.
    """
    if not size:
        raise IntegrityError(name, "it is empty")
    line = read_last_batch(fd, size)
    return Newest(_header_in(line, name)) if line is not None else _read_newest_far(fd, size, name)


def read_last_batch(fd: int, size: int) -> bytes | None:
    """The last line, if it is a whole one, no document, and of usual length; None says nothing."""
    base = max(0, size - _END_BYTES)
    end = _read_at(fd, base, size - base)
    if end.endswith(b"\n") and not end.endswith(DOCUMENT_END):
        start = end.rfind(b"\n", 0, len(end) - 1)
        if start >= 0 or not base:
            return end[start + 1 : -1]
    return None


def _read_newest_far(fd: int, size: int, name: str) -> Newest:
    """The same for a document without a tail, a long last line, or a torn one."""
    stop = _last_newline(fd, size)
    if stop < 0:
        raise IntegrityError(name, "its document is truncated")
    is_document = _read_at(fd, max(0, stop - 1), 2) == DOCUMENT_END
    start = 0 if is_document else _last_newline(fd, stop) + 1
    return Newest(_read_header(fd, start, stop, name), size - stop - 1)


def read_document_header(fd: int, size: int, name: str) -> Record:
    """The header of the first line, which alone names the keys."""
    head = _read_at(fd, 0, min(size, HEAD_BYTES))
    stop = head.find(b"\n")
    if stop >= 0:
        return _header_in(head[:stop], name)
    return clear_header(head) or decode_line(_read_at(fd, 0, size).split(b"\n", 1)[0], name)


def _header_in(line: bytes, name: str) -> Record:
    return clear_header(line[:HEAD_BYTES]) or decode_line(line, name)


def _read_header(fd: int, start: int, stop: int, name: str) -> Record:
    header = clear_header(_read_at(fd, start, min(stop - start, HEAD_BYTES)))
    return header or decode_line(_read_at(fd, start, stop - start), name)


def _last_newline(fd: int, before: int) -> int:
    """Where the last newline in front of this place is; -1 for none."""
    step = _END_BYTES
    while before > 0:
        start = max(0, before - step)
        found = _read_at(fd, start, before - start).rfind(b"\n")
        if found >= 0:
            return start + found
        before, step = start, _STEP_BYTES
    return -1


if hasattr(os, "pread"):

    def _read_at(fd: int, start: int, length: int) -> bytes:
        raw = os.pread(fd, length, start)
        while len(raw) < length and (more := os.pread(fd, length - len(raw), start + len(raw))):
            raw += more
        return raw

else:

    def _read_at(fd: int, start: int, length: int) -> bytes:
        os.lseek(fd, start, os.SEEK_SET)
        raw = os.read(fd, length)
        while len(raw) < length and (more := os.read(fd, length - len(raw))):
            raw += more
        return raw
