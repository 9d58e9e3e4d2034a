"""The one source of time, ids and randomness."""

from __future__ import annotations

import itertools
import os
import time
from datetime import UTC, datetime
from typing import Protocol

__all__ = ["Clock", "SystemClock"]


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
        bits, two = int.from_bytes(os.urandom(10), "big"), _PAIRS
        # Written out, it takes half the time of a loop.
        front = f"{two[bits >> 70]}{two[bits >> 60 & 1023]}{two[bits >> 50 & 1023]}{two[bits >> 40 & 1023]}"
        back = f"{two[bits >> 30 & 1023]}{two[bits >> 20 & 1023]}{two[bits >> 10 & 1023]}{two[bits & 1023]}"
        return f"{prefix}_{front}{back}"

    def random_bytes(self, length: int) -> bytes:
        """Unpredictable bytes, fit for keys and tokens."""
        return os.urandom(length)
