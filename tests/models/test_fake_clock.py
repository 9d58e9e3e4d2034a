"""FakeClock stands still until it is moved, and repeats itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from voxsession.errors import ConfigurationError
from voxsession.testing import FakeClock

START = datetime(2026, 1, 1, tzinfo=UTC)


def test_it_stands_still_until_it_is_moved() -> None:
    """Time passes by `advance` alone, for both its clocks."""
    clock = FakeClock()
    assert [clock.now(), clock.now(), clock.monotonic()] == [START, START, 0.0]

    clock.advance(90, minutes=1, hours=1, days=1)

    assert clock.now() == START + timedelta(days=1, hours=1, minutes=2, seconds=30)
    assert clock.monotonic() == 86400 + 3600 + 150


def test_it_can_step_at_each_look() -> None:
    """With a step each moment is later than the one before."""
    clock = FakeClock(step_seconds=0.5)

    assert [clock.now() - START for _ in range(3)] == [timedelta(seconds=s) for s in (0, 0.5, 1)]
    assert clock.monotonic() == 1.5


def test_it_can_be_put_back_but_never_runs_backwards() -> None:
    """`set` moves the moment of the day only; durations never shrink; a negative advance is refused."""
    clock = FakeClock()
    clock.advance(10)
    clock.set(START - timedelta(days=1))

    assert clock.now() == START - timedelta(days=1)
    assert clock.monotonic() == 10
    with pytest.raises(ConfigurationError):
        clock.advance(-1)


def test_its_moments_are_aware_and_in_utc() -> None:
    """A start in another zone is the same moment in UTC; a naive one is refused."""
    clock = FakeClock(datetime(2026, 1, 1, 2, tzinfo=timezone(timedelta(hours=2))))

    assert clock.now() == START
    assert clock.now().tzinfo is UTC
    with pytest.raises(ConfigurationError):
        FakeClock(datetime(2026, 1, 1))


def test_ids_are_predictable_and_never_repeat() -> None:
    """Two clocks give the same ids unless a seed marks them."""
    clock, other, marked = FakeClock(), FakeClock(), FakeClock(seed="b")

    assert [clock.new_id("sess"), clock.new_id("mem")] == ["sess_000001", "mem_000002"]
    assert other.new_id("sess") == "sess_000001"
    assert marked.new_id("sess") == "sess_b_000001"


def test_random_bytes_are_random_unless_seeded() -> None:
    """Keys stay unpredictable; a seed makes them repeat, each draw still different."""
    assert FakeClock().random_bytes(32) != FakeClock().random_bytes(32)
    first, second = FakeClock(seed="a"), FakeClock(seed="a")
    drawn = [first.random_bytes(32), first.random_bytes(32)]

    assert drawn == [second.random_bytes(32), second.random_bytes(32)]
    assert drawn[0] != drawn[1]
    assert {len(one) for one in drawn} == {32}
