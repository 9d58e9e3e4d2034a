"""The one source of time, ids and randomness."""

from __future__ import annotations

import itertools
import os
import time
from collections import deque
from datetime import UTC, datetime
from typing import Protocol

__all__ = ["Clock", "RandomPieces", "SystemClock"]


class Clock(Protocol):
    """Where times and ids come from; tests and replays pass their own."""

    def now(self) -> datetime:
        """The present moment, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go back, for durations only."""
        ...

    def new_id(self, prefix: str) -> str:
        """A fresh id such as ``sess_...`` that nobody else will make."""
        ...

    def random_bytes(self, length: int) -> bytes:
        """Unpredictable bytes, fit for keys and tokens."""
        ...


class RandomPieces:
    """Unpredictable bytes, read from the system for many pieces at once; a forked process begins anew.

    Asking the system gives the interpreter's lock away: where threads work beside, an event loop that asked for each id
    and nonce by itself would wait for them every time.

    Args:
        length: the bytes of a piece.

    Example:
        >>> len(RandomPieces(12).take())
        12
    """

    _AT_ONCE = 64

    def __init__(self, length: int) -> None:
        self._length = length
        self._pieces: deque[bytes] = deque()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._pieces.clear)

    def take(self) -> bytes:
        """A piece that nobody else gets; threads may take at the same time."""
        try:
            return self._pieces.popleft()
        except IndexError:
            raw, length = os.urandom(self._length * self._AT_ONCE), self._length
            mine, *others = (raw[at : at + length] for at in range(0, len(raw), length))
            self._pieces.extend(others)
            return mine


_id_pieces = RandomPieces(10)

# Base32 in lower case, two letters at a time: ids that differ only in case would meet on a case-insensitive file
# system, and the standard library takes four times as long for them.
_PAIRS = ["".join(pair) for pair in itertools.product("abcdefghijklmnopqrstuvwxyz234567", repeat=2)]
_SHIFTS = range(70, -1, -10)


class SystemClock:
    """The machine's clock and its random source.

    Example:
        >>> SystemClock().new_id("sess").startswith("sess_")
        True
    """

    def now(self) -> datetime:
        """The present moment, aware, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds that never go back, for durations only."""
        return time.monotonic()

    def new_id(self, prefix: str) -> str:
        """A fresh id: the prefix, then 80 random bits in letters and digits that any file system keeps apart."""
        bits = int.from_bytes(_id_pieces.take(), "big")
        return f"{prefix}_{''.join([_PAIRS[bits >> shift & 1023] for shift in _SHIFTS])}"

    def random_bytes(self, length: int) -> bytes:
        """Unpredictable bytes, fit for keys and tokens."""
        return os.urandom(length)
