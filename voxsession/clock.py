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
    and nonce by itself would wait for them every time. A machine that is started more than once from one snapshot of
    its memory finds the same bytes each time; the time, which is mixed in, keeps what is made of them apart.

    Args:
        length: the bytes of a piece, at least 8.

    Example:
        >>> len(RandomPieces(12).take())
        12
    """

    _AT_ONCE = 64

    def __init__(self, length: int) -> None:
        self._length = length
        self._pieces: deque[int] = deque()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._pieces.clear)

    def take(self) -> bytes:
        """A piece that nobody else gets; threads may take at the same time."""
        try:
            piece = self._pieces.popleft()
        except IndexError:
            raw, length = os.urandom(self._length * self._AT_ONCE), self._length
            starts = range(0, len(raw), length)
            piece, *others = [int.from_bytes(raw[at : at + length], "big") for at in starts]
            self._pieces.extend(others)
        return (piece ^ time.time_ns()).to_bytes(self._length, "big")


_id_pieces = RandomPieces(10)

# Base32 in lower case, two letters at a time: ids that differ only in case would meet on a case-insensitive file
# system, and the standard library takes four times as long for them.
_PAIRS = ["".join(pair) for pair in itertools.product("abcdefghijklmnopqrstuvwxyz234567", repeat=2)]


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
        bits, two = int.from_bytes(_id_pieces.take(), "big"), _PAIRS
        # Written out, it takes half the time of a loop.
        front = f"{two[bits >> 70]}{two[bits >> 60 & 1023]}{two[bits >> 50 & 1023]}{two[bits >> 40 & 1023]}"
        back = f"{two[bits >> 30 & 1023]}{two[bits >> 20 & 1023]}{two[bits >> 10 & 1023]}{two[bits & 1023]}"
        return f"{prefix}_{front}{back}"

    def random_bytes(self, length: int) -> bytes:
        """Unpredictable bytes, fit for keys and tokens."""
        return _id_pieces.take()[-length:] if 0 < length <= 8 else os.urandom(length)
