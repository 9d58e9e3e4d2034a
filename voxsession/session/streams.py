"""Large files, read and written without holding up the event loop."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import stat
from collections.abc import AsyncIterator, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any

from voxsession.core.types import check_text, decode_json
from voxsession.errors import ConfigurationError, StorageFullError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["LineFile", "NewFile", "shown_path"]

CHUNK_BYTES = 1024 * 1024
_SHOWN = 100
_LONGEST_NAME, _LONGEST_PATH = 255, 4096  # in bytes, on every system there is
_NO_SUCH_NAME = {errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.EINVAL}


class NewFile:
    """A file that takes its name when it is whole, on the disk, for its owner's eyes only.

    An earlier file of this name stays as it is until then, and for good if the block raises.

    Args:
        path: its name.
        mark: tells its temporary name from others'; random.

    Raises:
        ConfigurationError: it cannot be written there.
        StorageFullError: the disk is full.
    """

    def __init__(self, path: str | os.PathLike[str], mark: str) -> None:
        self.path = _path(path)
        if _begins_as_json(self.path) and _is_json(str(self.path)):
            raise _no_path()
        self._temporary = self.path.parent / f"{self.path.name}.{mark}.part"
        self._file: Any = None

    async def __aenter__(self) -> NewFile:
        import aiofiles

        with self._translated():
            if await asyncio.to_thread(self.path.is_dir):
                raise ConfigurationError(
                    f"{shown_path(self.path)} is a folder. Name a file in it.", option="path"
                )
            self._file = await aiofiles.open(self._temporary, "xb", opener=_open_private)
        return self

    async def write(self, data: bytes) -> None:
        """Adds to the file."""
        with self._translated():
            await self._file.write(data)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            with self._translated():
                if kind is None:
                    await self._file.flush()
                    await asyncio.to_thread(self._finish)
        finally:
            with contextlib.suppress(OSError):
                await self._file.close()
            with contextlib.suppress(OSError):
                self._temporary.unlink(missing_ok=True)

    def _finish(self) -> None:
        os.fsync(self._file.fileno())
        os.replace(self._temporary, self.path)
        if hasattr(os, "O_DIRECTORY"):
            folder = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)):
                raise StorageFullError(
                    f"There is no room for {shown_path(self.path)} ({error.strerror}). Free some space and try again.",
                    operation="write",
                ) from _nameless(error)
            raise _refused(
                self.path, error, "cannot be written", "Choose a folder that exists and takes files."
            ) from _nameless(error)


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


class LineFile:
    """A file that is read in order, as often as needed; another file put in its place is not seen.

    Attributes:
        name: what errors call it.
        size: how many bytes it has.

    Raises:
        ConfigurationError: it cannot be read.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = _path(path)
        self.name = shown_path(self.path)
        self.size = 0
        self._file: Any = None

    async def __aenter__(self) -> LineFile:
        import aiofiles

        with self._translated():
            found = await asyncio.to_thread(self.path.stat)
            if not (stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode)):
                # Opening a pipe would wait for somebody to write, and reading a device need not end.
                raise ConfigurationError(f"{self.name} is a pipe or a device. Give a file.", option="path")
            self._file = await aiofiles.open(self.path, "rb")
            self.size = found.st_size
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._file.close()

    async def lines(self) -> AsyncIterator[bytes]:
        """The lines from the first one on, each with its newline; what lacks one at the end comes as it is."""
        pieces: list[bytes] = []
        async for chunk in self.chunks():
            first, *others = chunk.split(b"\n")
            pieces.append(first)
            for other in others:
                yield b"".join(pieces) + b"\n"
                pieces = [other]
        if any(pieces):
            yield b"".join(pieces)

    async def chunks(self) -> AsyncIterator[bytes]:
        """The content from the beginning on, in parts of up to a mebibyte."""
        at = 0
        while chunk := await self._read(at):
            at += len(chunk)
            yield chunk

    async def _read(self, at: int) -> bytes:
        with self._translated():
            await self._file.seek(at)
            return bytes(await self._file.read(CHUNK_BYTES))

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise _refused(
                self.path, error, "cannot be read", "Give the path of a file that is there."
            ) from _nameless(error)


def _path(path: str | os.PathLike[str]) -> Path:
    text = check_text("path", os.fspath(path) if isinstance(path, os.PathLike) else path, allow_empty=False)
    if "\0" in text:
        raise ConfigurationError("path has a NUL character in it. Give a path without one.", option="path")
    from pathlib import Path  # not needed by those who export and import nothing

    return Path(text)


def shown_path(path: str | os.PathLike[str]) -> str:
    """A path as an error shows it: its end, which names the file; of a text that no file can be called, the length.

    Example:
        >>> shown_path("backups/monday.jsonl"), shown_path("Dear diary,\\ntoday I")
        ('backups/monday.jsonl', 'a text of 19 characters')
    """
    text = os.fspath(path)
    parts = text.replace("\\", "/").split("/")
    is_path = len(text) <= _LONGEST_PATH and all(
        len(part.encode(errors="replace")) <= _LONGEST_NAME for part in parts
    )
    if not is_path or any(character < " " for character in text):
        return f"a text of {len(text)} characters"
    return text if len(text) <= _SHOWN else "..." + text[3 - _SHOWN :]


def _begins_as_json(path: Path) -> bool:
    return str(path).lstrip("\ufeff \t\r\n").startswith(("{", "["))


def _is_json(text: str) -> bool:
    try:
        decode_json(text.lstrip("\ufeff"))
    except ValueError:
        return False
    return True


def _no_path() -> ConfigurationError:
    return ConfigurationError(
        "path: this is JSON text. Give the dict that it stands for (json.loads) where a dict is taken, or the path of "
        "a file.",
        option="path",
    )


def _refused(path: Path, error: OSError, what: str, remedy: str) -> ConfigurationError:
    """The error for a path that leads to no file."""
    if error.errno in _NO_SUCH_NAME and _begins_as_json(path):
        return _no_path()
    return ConfigurationError(f"{shown_path(path)} {what} ({error.strerror}). {remedy}", option="path")


def _nameless(error: OSError) -> OSError:
    """The same error without the path, which may be a whole text that was given in its place."""
    return OSError(error.errno, error.strerror)
