"""The in-memory storage: the claims of every storage, its limit and its clean-up."""

from __future__ import annotations

import asyncio
import math
import threading
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from voxsession.core.envelope import stamp
from voxsession.errors import ConfigurationError, StorageFullError
from voxsession.storage.inmemory import MemorySessionStorage
from voxsession.testing import FakeClock, StorageConformance
from voxsession.testing.records import a_document


class TestMemory(StorageConformance):
    """It holds what every storage holds."""

    async def make_storage(self, tmp_path: Path) -> MemorySessionStorage:
        return MemorySessionStorage()


async def test_the_next_session_over_the_limit_is_refused() -> None:
    """One session over `max_sessions` is StorageFullError; none is dropped, other kinds do not count."""
    storage = MemorySessionStorage(max_sessions=2)
    await storage.save(a_document("main", kind="keyring"))
    await storage.save(a_document("a"))
    await storage.save(a_document("b", tenant="acme"))
    await storage.save(a_document("lock", kind="lease"))

    with pytest.raises(StorageFullError, match="max_sessions=2"):
        await storage.save(a_document("c"))
    assert await storage.load("c") is None
    await storage.save(a_document("a", 2))
    await storage.delete("a")
    await storage.save(a_document("c"))
    assert (await storage.get_stats())["total_sessions"] == 2


async def test_expired_sessions_make_room() -> None:
    """At the limit a session that has expired gives way, a live one never does."""
    clock = FakeClock()
    storage = MemorySessionStorage(max_sessions=2, clock=clock)
    await storage.save(a_document("live", expires_at=stamp(clock.now() + timedelta(hours=1))))
    await storage.save(a_document("past", expires_at=stamp(clock.now() - timedelta(hours=1))))
    await storage.save(a_document("new"))

    assert {header["session_id"] for header in await storage.list_sessions()} == {"live", "new"}


async def test_the_background_clean_up_starts_and_stops() -> None:
    """From open to close expired sessions are cleared away every `cleanup_interval`."""
    storage = MemorySessionStorage(cleanup_interval=0.001)
    await storage.save(a_document("past", expires_at="2001-01-01T00:00:00.000000Z"))
    await storage.open()
    await storage.open()
    assert len(clean_ups()) == 1
    cleaned = asyncio.Event()
    storage.cleanup_expired_sessions = noting(storage.cleanup_expired_sessions, cleaned)  # type: ignore[method-assign]
    await asyncio.wait_for(cleaned.wait(), 10)
    assert await storage.load("past") is None

    await storage.close()
    assert clean_ups() == []


def noting(clean_up: Callable[[], Awaitable[int]], cleaned: asyncio.Event) -> Callable[[], Awaitable[int]]:
    async def noted() -> int:
        count = await clean_up()
        cleaned.set()
        return count

    return noted


def clean_ups() -> list[asyncio.Task[object]]:
    return [task for task in asyncio.all_tasks() if task.get_name() == "voxsession-cleanup"]


def test_it_outlives_an_event_loop() -> None:
    """What one loop saved another one finds, with a clean-up of its own."""
    storage = MemorySessionStorage()

    async def use(seq: int) -> None:
        await storage.open()
        await storage.save(a_document(seq=seq))
        assert len(clean_ups()) == 1

    for seq in (1, 2, 3):
        asyncio.run(use(seq))


async def test_closing_stops_the_clean_up_of_every_loop() -> None:
    """A storage that two event loops have opened cleans up in neither after it was closed in one."""
    storage = MemorySessionStorage()
    opened, closed = threading.Event(), threading.Event()

    async def elsewhere() -> bool:
        await storage.open()
        opened.set()
        await asyncio.to_thread(closed.wait, 10)
        await asyncio.sleep(0)
        return clean_ups() == []

    other = asyncio.ensure_future(asyncio.to_thread(asyncio.run, elsewhere()))
    await asyncio.to_thread(opened.wait, 10)
    await storage.open()
    await storage.close()
    assert clean_ups() == []
    closed.set()
    assert await other


@pytest.mark.parametrize(
    "options",
    [
        *({"max_sessions": value} for value in (0, "s", 1.5, True)),
        *({"cleanup_interval": value} for value in (-1, "s", math.nan, math.inf, True)),
    ],
    ids=str,
)
def test_impossible_limits_are_refused(options: dict[str, Any]) -> None:
    """A limit that cannot be meant is a ConfigurationError that names it."""
    with pytest.raises(ConfigurationError, match=next(iter(options))):
        MemorySessionStorage(**options)
