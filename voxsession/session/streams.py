"""Lines of JSON to and from files, without holding up the event loop."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
from collections.abc import AsyncIterator, Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

from voxsession.core.types import check_text, encode_json
from voxsession.errors import ConfigurationError, StorageFullError

__all__ = ["LineFile", "NewFile", "read_bounded", "write_lines"]

CHUNK_BYTES = 1024 * 1024


async def write_lines(path: str | Path, rows: Iterable[Any]) -> Path:
    """Writes each row as a line of JSON; gives the path.

    Raises:
        ConfigurationError: there is no such folder, or it cannot be written to.
    """
    import aiofiles

    target = _path(path)
    try:
        async with aiofiles.open(target, "wb") as file:
            for row in rows:
                await file.write(encode_json(row) + b"\n")
    except OSError as error:
        raise ConfigurationError(
            f"{target} cannot be written ({error.strerror}). Choose a folder that exists and takes files.",
            option="path",
        ) from error
    return target


async def read_bounded(path: str | Path, max_bytes: int) -> bytes:
    """The content of a file of at most `max_bytes`.

    Raises:
        ConfigurationError: there is no such file, or it is larger.
    """
    import aiofiles

    source = _path(path)
    try:
        found = await asyncio.to_thread(source.stat)
        if found.st_size > max_bytes:
            raise ConfigurationError.out_of_range("path", str(source), f"at most {max_bytes} bytes are read")
        async with aiofiles.open(source, "rb") as file:
            return await file.read()
    except OSError as error:
        raise ConfigurationError(f"{source} cannot be read ({error.strerror}).", option="path") from error


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
        self._temporary = self.path.with_name(f"{self.path.name}.{mark}.part")
        self._file: Any = None

    async def __aenter__(self) -> NewFile:
        import aiofiles

        with self._translated():
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
                    f"There is no room for {self.path} ({error.strerror}). Free some space and try again.",
                    operation="write",
                ) from error
            raise ConfigurationError(
                f"{self.path} cannot be written ({error.strerror}). Choose a folder that exists and takes files.",
                option="path",
            ) from error


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


class LineFile:
    """A file that is read line by line, as often as needed; another file put in its place is not seen.

    Raises:
        ConfigurationError: it cannot be read.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = _path(path)
        self._file: Any = None

    async def __aenter__(self) -> LineFile:
        import aiofiles

        with self._translated():
            self._file = await aiofiles.open(self.path, "rb")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._file.close()

    async def lines(self) -> AsyncIterator[bytes]:
        """The lines from the first one on, each with its newline; what lacks one at the end comes as it is."""
        pieces: list[bytes] = []
        at = 0
        while chunk := await self._read(at):
            at += len(chunk)
            first, *others = chunk.split(b"\n")
            pieces.append(first)
            for other in others:
                yield b"".join(pieces) + b"\n"
                pieces = [other]
        if any(pieces):
            yield b"".join(pieces)

    async def _read(self, at: int) -> bytes:
        with self._translated():
            await self._file.seek(at)
            return bytes(await self._file.read(CHUNK_BYTES))

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise ConfigurationError(
                f"{self.path} cannot be read ({error.strerror}).", option="path"
            ) from error


def _path(path: str | os.PathLike[str]) -> Path:
    text = check_text("path", os.fspath(path) if isinstance(path, os.PathLike) else path, allow_empty=False)
    if "\0" in text:
        raise ConfigurationError("path has a NUL character in it. Give a path without one.", option="path")
    return Path(text)
