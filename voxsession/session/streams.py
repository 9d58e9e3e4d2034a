"""Lines of JSON to and from files, without holding up the event loop."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import aiofiles

from voxsession.core.types import check_text, encode_json
from voxsession.errors import ConfigurationError

__all__ = ["read_bounded", "write_lines"]


async def write_lines(path: str | Path, rows: Iterable[Any]) -> Path:
    """Writes each row as a line of JSON; gives the path.

    Raises:
        ConfigurationError: there is no such folder, or it cannot be written to.
    """
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
    source = _path(path)
    try:
        found = await asyncio.to_thread(source.stat)
        if found.st_size > max_bytes:
            raise ConfigurationError.out_of_range("path", str(source), f"at most {max_bytes} bytes are read")
        async with aiofiles.open(source, "rb") as file:
            return await file.read()
    except OSError as error:
        raise ConfigurationError(f"{source} cannot be read ({error.strerror}).", option="path") from error


def _path(path: str | Path) -> Path:
    text = check_text("path", os.fspath(path) if isinstance(path, os.PathLike) else path, allow_empty=False)
    if "\0" in text:
        raise ConfigurationError("path has a NUL character in it. Give a path without one.", option="path")
    return Path(text)
