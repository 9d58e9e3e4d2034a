"""Locks that live as long as one event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

__all__ = ["LoopBound"]

_T = TypeVar("_T")


class LoopBound(Generic[_T]):
    """A value made anew for each event loop.

    A program that calls `asyncio.run` for each request has a new loop each time;
    an `asyncio.Lock` that saw the old one would raise in the new one.
    """

    def __init__(self, make: Callable[[], _T]) -> None:
        self._make = make
        self._loop: asyncio.AbstractEventLoop | None = None
        self._value: _T | None = None

    def get(self) -> _T:
        """The value of the running loop."""
        loop = asyncio.get_running_loop()
        if self._value is None or self._loop is not loop:
            self._loop, self._value = loop, self._make()
        return self._value
