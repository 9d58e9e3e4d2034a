"""The one source of time, ids and randomness."""

from __future__ import annotations

import base64
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
        # base32 in lower case: ids that differ only in case would meet on a case-insensitive file system.
        return f"{prefix}_{base64.b32encode(os.urandom(10)).decode().lower()}"

    def random_bytes(self, length: int) -> bytes:
        """Unpredictable bytes, fit for keys and tokens."""
        return os.urandom(length)
