"""How far a long operation is, told to whoever wants to know."""

from __future__ import annotations

import inspect
from collections.abc import Callable

__all__ = ["Meter", "Progress"]

Progress = Callable[[int, int], object]


class Meter:
    """Calls a function, plain or async, with the number of records done and of all that were found.

    Attributes:
        total: how many there are; it grows where more come to light.
    """

    def __init__(self, progress: Progress | None, total: int = 0) -> None:
        self._progress = progress
        self.total = total

    @property
    def is_watched(self) -> bool:
        """Whether anybody wants to know."""
        return self._progress is not None

    async def tell(self, done: int) -> None:
        """So many are done."""
        self.total = max(self.total, done)
        told = self._progress(done, self.total) if self._progress is not None else None
        if inspect.isawaitable(told):
            await told
