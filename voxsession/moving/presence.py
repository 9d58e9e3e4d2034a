"""Whether anything lies where a storage would keep it, found out without making the place."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from voxsession.errors import ConfigurationError
from voxsession.session.streams import shown_path
from voxsession.storage.base import SessionStorage
from voxsession.storage.file import FileSessionStorage

__all__ = ["check_source_is_there", "is_empty", "place_of"]


def place_of(storage: SessionStorage) -> str | None:
    """The folder or the file of a storage on this machine; None where it has neither."""
    if isinstance(storage, FileSessionStorage):
        return storage.path
    place = getattr(storage, "file_path", None) if storage.storage_type == "database" else None
    return place if isinstance(place, str) else None


async def check_source_is_there(source: SessionStorage) -> None:
    """Refuses a folder or a file that would be made only by looking into it.

    Raises:
        ConfigurationError: it does not exist.
    """
    place = place_of(source)
    if place is None or await asyncio.to_thread(os.path.exists, place):
        return
    kind = "folder" if isinstance(source, FileSessionStorage) else "SQLite file"
    raise ConfigurationError(
        f"There is no {kind} {shown_path(place)!r}, so there is nothing to move. Name the source that the sessions "
        "lie in; nothing was made.",
        option="source",
    )


async def is_empty(storage: SessionStorage) -> bool:
    """Whether opening the storage would have to make its place, or to fill an empty one."""
    place = place_of(storage)
    return place is not None and await asyncio.to_thread(_is_bare, Path(place))


def _is_bare(place: Path) -> bool:
    try:
        return not any(place.iterdir()) if place.is_dir() else not place.stat().st_size
    except FileNotFoundError:
        return True
    except OSError:
        return False  # opening it tells what is wrong
