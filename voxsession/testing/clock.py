"""A clock that stands still until it is moved."""

from __future__ import annotations

import hashlib
import threading
from datetime import UTC, datetime, timedelta

from voxsession.clock import SystemClock
from voxsession.core.types import as_utc, check_number

__all__ = ["FakeClock"]

_START = datetime(2026, 1, 1, tzinfo=UTC)


class FakeClock:
    """Time, ids and chance for tests: the same calls give the same answers, safe to use from several threads.

    Keys must stay unpredictable, so `random_bytes` is the machine's random source unless `seed` is given.

    Args:
        start: the first moment, aware.
        step_seconds: how far each call of `now` moves the clock; 0 leaves it where it is.
        seed: makes `random_bytes` repeatable, and marks the ids, so that two clocks never make one id twice.

    Example:
        >>> clock = FakeClock()
        >>> clock.now().isoformat(), clock.new_id("sess")
        ('2026-01-01T00:00:00+00:00', 'sess_000001')
        >>> clock.advance(hours=1)
        >>> clock.now().isoformat(), clock.new_id("sess")
        ('2026-01-01T01:00:00+00:00', 'sess_000002')
    """

    def __init__(
        self, start: datetime = _START, *, step_seconds: float = 0.0, seed: str | None = None
    ) -> None:
        self._start = as_utc("start", start)
        self._step = timedelta(seconds=check_number("step_seconds", step_seconds, 0, 1e9))
        self._now = self._start
        self._monotonic = timedelta()
        self._seed = seed
        self._ids = 0
        self._drawn = 0
        self._lock = threading.Lock()

    def now(self) -> datetime:
        """The present moment of this clock, aware, in UTC; moves it by `step_seconds` afterwards."""
        with self._lock:
            moment = self._now
            self._move(self._step)
            return moment

    def monotonic(self) -> float:
        """Seconds that this clock has moved since it was made; `set` does not change them."""
        with self._lock:
            return self._monotonic.total_seconds()

    def advance(
        self, seconds: float = 0.0, *, minutes: float = 0.0, hours: float = 0.0, days: float = 0.0
    ) -> None:
        """Moves the clock on by the sum of what is given.

        Raises:
            ConfigurationError: the sum is negative; `set` puts a clock back.
        """
        total = timedelta(seconds=seconds, minutes=minutes, hours=hours, days=days)
        check_number("seconds", total.total_seconds(), 0, float("inf"))
        with self._lock:
            self._move(total)

    def set(self, moment: datetime) -> None:
        """Puts the clock to a moment, aware, earlier ones too, as a machine's clock may be put back."""
        with self._lock:
            self._now = as_utc("moment", moment)

    def new_id(self, prefix: str) -> str:
        """The prefix and a number that grows: `sess_000001`."""
        with self._lock:
            self._ids += 1
            mark = f"{self._seed}_" if self._seed else ""
            return f"{prefix}_{mark}{self._ids:06d}"

    def random_bytes(self, length: int) -> bytes:
        """Unpredictable bytes; with a `seed` the same ones for the same calls, never fit for keys."""
        if self._seed is None:
            return SystemClock().random_bytes(length)
        with self._lock:
            self._drawn += 1
            return hashlib.shake_256(f"{self._seed}\0{self._drawn}".encode()).digest(length)

    def _move(self, span: timedelta) -> None:
        self._now += span
        self._monotonic += span
