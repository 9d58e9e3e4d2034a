"""How far a long operation is, told to whoever wants to know."""

from __future__ import annotations

import inspect
from collections.abc import Callable

from voxsession.errors import ConfigurationError

__all__ = ["Meter", "Progress"]

Progress = Callable[[int, int], object]


class Meter:
    """Calls a function, plain or async, with the number of records done and of all that were found.

    What the function raises ends the operation that it watches.

    Attributes:
        total: how many there are; it grows where more come to light.

    Raises:
        ConfigurationError: it is no function.
    """

    def __init__(self, progress: Progress | None) -> None:
        if progress is not None and not callable(progress):
            raise ConfigurationError.out_of_range(
                "progress",
                progress,
                "a function of two numbers, the done ones and all, is needed",
            ).without_value()
        self._progress = progress
        self._told: tuple[int, int] | None = None
        self.total = 0

    @property
    def is_watched(self) -> bool:
        """Whether anybody wants to know."""
        return self._progress is not None

    async def begin(self, total: int, done: int = 0) -> None:
        """So many there are; it is told also where there is nothing to do."""
        self.total = total
        await self.tell(done)

    async def tell(self, done: int) -> None:
        """So many are done; nothing is told twice."""
        self.total = max(self.total, done)
        if self._progress is None or self._told == (done, self.total):
            return
        self._told = done, self.total
        told = self._progress(done, self.total)
        if inspect.isawaitable(told):
            await told
