"""Who reads a stream, and whether anybody still does."""

from __future__ import annotations

import asyncio
from typing import Any

__all__ = ["Readers"]


class Readers:
    """The task that made a stream, the task that read from it last, and whether the stream is still held."""

    def __init__(self) -> None:
        self._maker = _current_task()
        self._latest: asyncio.Task[Any] | None = None
        self.is_dropped = False

    @property
    def have_begun(self) -> bool:
        """Whether the first chunk was asked for."""
        return self._latest is not None

    def read_here(self) -> None:
        """Notes that the running task asks for the next chunk."""
        self._latest = asyncio.current_task()

    def have_left(self) -> bool:
        """Whether nobody will read on: the stream is gone, its tasks ended, or they are the one that asks.

        A program may read each chunk in a task of its own, so that the latest reader is done tells nothing
        while the maker lives.
        """
        if self._latest is None:
            return False
        if self.is_dropped or asyncio.current_task() in (self._latest, self._maker):
            return True
        return self._latest.done() and (self._maker is None or self._maker.done())


def _current_task() -> asyncio.Task[Any] | None:
    try:
        return asyncio.current_task()
    except RuntimeError:  # a stream may be made before there is a loop
        return None
