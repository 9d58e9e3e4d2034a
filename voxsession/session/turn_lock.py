"""The lock of those who save or reload a session, which tells whether it can be had at once."""

from __future__ import annotations

import asyncio
from typing import Literal

__all__ = ["TurnLock"]


class TurnLock(asyncio.Lock):
    """A lock that is free where nobody holds it or waits for it.

    One that was released is not held for a moment while its next holder is woken; who asks then has to wait.

    Example:
        >>> TurnLock().is_free
        True
    """

    def __init__(self) -> None:
        super().__init__()
        self._asking = 0

    @property
    def is_free(self) -> bool:
        """Whether `acquire` gives it without waiting."""
        return not self._asking and not self.locked()

    async def acquire(self) -> Literal[True]:
        """Waits for it, in the order in which it was asked for."""
        self._asking += 1
        try:
            return await super().acquire()
        finally:
            self._asking -= 1
