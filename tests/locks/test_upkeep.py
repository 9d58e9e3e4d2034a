"""Device locks in the long run: cleaned up, counted, without a storage, erased, moved, under other keys."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.locks.pairs import KEY, TwoMethods, locks_on, voxon_of
from tests.session.stores import WatchedStorage
from tests.storages import KINDS, made
from voxsession import (
    ConfigurationError,
    FileSessionStorage,
    IntegrityError,
    KeyRing,
    MemorySessionStorage,
    StorageError,
    StorageUnavailableError,
    migrate,
)
from voxsession.core.envelope import storage_key
from voxsession.locks import SessionLockService
from voxsession.testing import FakeClock


@pytest.fixture(params=KINDS)
async def storage(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Any]:
    """Every storage that can list."""
    async with made(request.param, request, tmp_path) as one:
        yield one


async def stored(storage: Any, kind: str) -> set[str]:
    """The ids of all records of a kind."""
    return {header["session_id"] for header in await storage.list_sessions(kind=kind, limit=1000)}


async def test_what_has_expired_is_cleaned_up_by_several_at_once(storage: Any) -> None:
    """Four processes clean at once: each expired lock goes once, whatever is in force stays."""
    clock = FakeClock()
    servers = [locks_on(storage, clock) for _ in range(4)]
    locks = servers[0]
    for number in range(12):
        await locks.set_session_lock(f"old-{number}", "a", 10)
        await locks.set_session_lock(f"new-{number}", "a", 1000)
    for number in range(4):
        assert await locks.acquire_lease(f"old-{number}", "h", 10)
        assert await locks.acquire_lease(f"leased-{number}", "h", 1000)
    released = await locks.acquire_lease("released", "h", 1000)
    assert released is not None and await locks.release_lease(released)
    clock.advance(seconds=11)
    assert await locks.set_session_lock("old-0", "again", 1000)

    assert sum(await asyncio.gather(*(one.cleanup_expired_sessions() for one in servers))) == 11 + 4
    assert await stored(storage, "marker") == {
        "old-0",
        *(f"new-{n}" for n in range(12)),
        *(f"leased-{n}" for n in range(4)),
    }
    assert await stored(storage, "lease") == {".fences", *(f"leased-{n}" for n in range(4))}
    assert await locks.get_session_lock("old-0") == "again"
    assert await locks.cleanup_expired_sessions() == 0


async def test_what_is_taken_meanwhile_is_not_cleaned_up() -> None:
    """A lock that is set again between the look and the removal stays."""
    clock, inner = FakeClock(), MemorySessionStorage(max_sessions=None, cleanup_interval=None)
    watched, other = WatchedStorage(inner), locks_on(inner, clock)
    locks = locks_on(watched, clock)
    await locks.set_session_lock("d", "old", 10)
    await locks.acquire_lease("e", "old", 10)
    clock.advance(seconds=11)

    async def first_the_others(name: str, call: Any) -> Any:
        if name == "delete":
            await other.set_session_lock("d", "new", 10)
            await other.acquire_lease("e", "new", 10)
        return await call()

    watched.mishap = first_the_others
    assert await locks.cleanup_expired_sessions() == 0
    assert await other.get_session_lock("d") == "new"
    assert await other.acquire_lease("e", "third") is None


async def test_what_cannot_be_opened_stays(tmp_path: Path) -> None:
    """Locks under a key that is not known here are neither cleaned up nor counted as in force."""
    storage, clock = FileSessionStorage(tmp_path), FakeClock()
    await locks_on(storage, clock).set_session_lock("d", "a", 10)
    path = next(tmp_path.rglob("d.json"))
    path.write_bytes(path.read_bytes().replace(b'"sealed":"', b'"sealed":"AAAA'))
    clock.advance(seconds=11)
    locks = locks_on(storage, clock)
    assert await locks.cleanup_expired_sessions() == 0
    assert (await locks.get_lock_stats())["unreadable"] == 1
    assert path.exists()


async def test_statistics(storage: Any) -> None:
    """Active by agent, time on average, what waits for the clean-up, rates."""
    clock = FakeClock()
    locks = locks_on(storage, clock)
    for number in range(5):
        await locks.set_session_lock(f"d{number}", "billing" if number % 2 else "scheduling", 10_000)
    clock.advance(seconds=100)
    await locks.set_session_lock("d5", "billing", 10)
    await locks.acquire_lease("d0", "h", 10_000)
    clock.advance(seconds=20)
    stats = await locks.get_lock_stats()
    assert stats["active_locks"] == 5
    assert stats["active_by_agent"] == {"scheduling": 3, "billing": 2}
    assert list(stats["active_by_agent"]) == ["scheduling", "billing"]
    assert stats["avg_duration_seconds"] == 120
    assert (stats["expired_locks"], stats["active_leases"], stats["unreadable"]) == (1, 1, 0)
    assert await locks.cleanup_expired_sessions() == 1
    clock.advance(seconds=3480)
    stats = await locks.get_lock_stats()
    assert (stats["cleaned_up"], stats["cleanup_rate_per_hour"]) == (1, 1)
    assert (stats["errors"], stats["error_rate"], stats["storage_type"]) == (0, 0, storage.storage_type)


async def test_without_a_storage_the_app_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    """Storage away, at the first use or later: no agent is known, nothing is set, the log says so."""
    watched = WatchedStorage()

    async def away(name: str, call: Any) -> Any:
        raise StorageUnavailableError("no route", storage="watched", operation=name)

    watched.mishap = away
    locks = locks_on(watched)
    for _ in range(2):
        with caplog.at_level(logging.WARNING, logger="voxsession"):
            assert await locks.get_session_lock("d") is None
            assert await locks.set_session_lock("d", "secret-agent") is False
            assert await locks.clear_session_lock("d") is False
        warned = [record for record in caplog.records if record.name.startswith("voxsession.locks")]
        assert [record.levelno for record in warned] == [logging.WARNING] * 3
        assert all("'d'" not in record.getMessage() and "d:" in record.getMessage() for record in warned)
        assert "secret-agent" not in caplog.text
        caplog.clear()
        watched.mishap = None
        assert await locks.set_session_lock("d", "a") and await locks.get_session_lock("d") == "a"
        watched.mishap = away
    with pytest.raises(StorageError):
        await locks.cleanup_expired_sessions()
    watched.mishap = None
    stats = await locks.get_lock_stats()
    assert (stats["errors"], stats["operations"]) == (7, 12)


async def test_a_storage_that_breaks_or_hangs_is_away_too() -> None:
    """An adapter that raises what it likes, and one that does not answer in time."""

    class Odd(TwoMethods):
        async def load(self, session_id: str) -> dict[str, Any] | None:
            raise RuntimeError("the driver's own words")

    class Slow(TwoMethods):
        async def load(self, session_id: str) -> dict[str, Any] | None:
            await asyncio.sleep(60)
            return None

    for storage in (Odd(), Slow()):
        locks = SessionLockService(voxon_of(storage, storage_timeout_seconds=0.25))
        assert await locks.get_session_lock("d") is None
        assert await locks.set_session_lock("d", "a") is False


async def test_what_no_waiting_mends_is_no_stateless_mode() -> None:
    """A storage that says itself that it refused (a right, a file) is not away: every call about markers raises."""

    class Refusing(TwoMethods):
        async def load(self, session_id: str) -> dict[str, Any] | None:
            raise StorageError("permission denied", storage="refusing", operation="load")

    locks = locks_on(Refusing())
    for call in (
        lambda: locks.get_session_lock("d"),
        lambda: locks.set_session_lock("d", "a"),
        lambda: locks.clear_session_lock("d"),
    ):
        with pytest.raises(StorageError, match="permission denied"):
            await call()


async def test_figures_of_a_storage_that_does_not_open_count_as_an_error() -> None:
    """Whatever fails counts, also where it failed before anything was looked at."""

    class Closed(MemorySessionStorage):
        async def open(self) -> None:
            raise StorageUnavailableError("no route", storage="closed", operation="open")

    locks = locks_on(Closed(cleanup_interval=None))
    with pytest.raises(StorageUnavailableError):
        await locks.get_lock_stats()
    assert (locks._tally.operations, locks._tally.errors) == (1, 1)


async def test_no_lock_has_lasted_less_than_no_time() -> None:
    """A marker that a server with a fast clock set does not make the average negative."""
    storage, slow, fast = MemorySessionStorage(cleanup_interval=None), FakeClock(), FakeClock(seed="f")
    fast.advance(seconds=300)
    await locks_on(storage, fast).set_session_lock("d", "a")
    assert (await locks_on(storage, slow).get_lock_stats())["avg_duration_seconds"] == 0


async def test_an_altered_number_keeps_leases_and_not_markers() -> None:
    """Where the kept number does not open, expired markers still go; leases stay, and the error names the record."""
    storage, clock = MemorySessionStorage(max_sessions=None, cleanup_interval=None), FakeClock()
    locks, key = locks_on(storage, clock), storage_key("lease", "", ".fences")
    await locks.acquire_lease("gone", "h", 1)
    await locks.set_session_lock("marked", "a", 3)
    await locks.acquire_lease("over", "h", 3)
    clock.advance(seconds=2)
    await locks.cleanup_expired_sessions()
    record = await storage.load(key)
    assert record is not None and await storage.delete(key)
    altered = {name: value for name, value in record.items() if name != "tail"}
    await storage.save({**altered, "base_seq": 0, "sealed": altered["sealed"][:-4] + "AAA="})
    clock.advance(seconds=2)
    with pytest.raises(IntegrityError, match=r"\.fences"):
        await locks.cleanup_expired_sessions()
    assert await stored(storage, "marker") == set()
    assert await stored(storage, "lease") == {".fences", "over"}


async def test_a_missing_key_is_no_stateless_mode(tmp_path: Path) -> None:
    """What no waiting mends is raised: a key that is missing is found at the first call, not in the log."""
    await locks_on(FileSessionStorage(tmp_path)).set_session_lock("d", "a")
    locks = SessionLockService(
        voxon_of(FileSessionStorage(tmp_path), session_encryption_key="hex:" + "11" * 32)
    )
    with pytest.raises(LookupError):
        await locks.get_session_lock("d")


async def test_where_nothing_can_be_listed() -> None:
    """Two methods: the clean-up says what is lacking, the figures leave out what they cannot know."""
    locks = locks_on(TwoMethods())
    await locks.set_session_lock("d", "a")
    with pytest.raises(ConfigurationError, match=r"list"):
        await locks.cleanup_expired_sessions()
    stats = await locks.get_lock_stats()
    assert "active_locks" not in stats and stats["operations"] == 3


async def test_markers_of_a_person_are_erased_with_the_person(storage: Any) -> None:
    """`delete_user` takes the devices that were set for the person, and no others."""
    async with voxon_of(storage) as voxon:
        locks = SessionLockService(voxon)
        await locks.set_session_lock("hers", "a", user_id="ada")
        await locks.set_session_lock("leased", "a", user_id="ada")
        await locks.acquire_lease("leased", "h")
        await locks.set_session_lock("his", "a", user_id="bob")
        receipt = await voxon.delete_user("ada")
        assert receipt.counts["markers"] == 2
        assert await stored(storage, "marker") == {"his"}


async def test_locks_go_on_under_another_key(storage: Any) -> None:
    """A rotation hands markers, leases and numbers on; what is told in clear stays."""
    old, new = KEY, "hex:" + "77" * 32
    locks = locks_on(storage, clear_columns=True)
    await locks.set_session_lock("d", "a")
    lease = await locks.acquire_lease("d", "h")
    gone = await locks.acquire_lease("gone", "h")
    assert lease is not None and gone is not None and await locks.release_lease(gone)
    await locks.cleanup_expired_sessions()
    async with voxon_of(storage, session_encryption_key=KeyRing(new, old)) as voxon:
        receipt = await voxon.rotate_keys()
        assert (receipt.counts["marker"], receipt.counts["lease"]) == (1, 2)
        await voxon.forget_key(voxon._home.vault.key_ids[1])
    async with voxon_of(storage, session_encryption_key=new) as voxon:
        locks = SessionLockService(voxon)
        assert await locks.get_session_lock("d") == "a"
        renewed = await locks.renew_lease(lease)
        assert renewed is not None
        assert await locks.set_session_lock("d", "b", lease=renewed)
    record = await storage.load(storage_key("marker", "", "d"))
    assert "active_agent" not in record, "this service tells nothing in clear, so the copy is gone"


async def test_locks_move_with_the_installation(tmp_path: Path, storage: Any) -> None:
    """`migrate` takes markers, leases and numbers along; a backup leaves them: they belong to their moment."""
    source = FileSessionStorage(tmp_path / "source")
    async with voxon_of(source) as voxon:
        locks = SessionLockService(voxon)
        await locks.set_session_lock("d", "a")
        lease = await locks.acquire_lease("d", "h")
        gone = await locks.acquire_lease("gone", "h")
        assert lease is not None and gone is not None and await locks.release_lease(gone)
        await locks.cleanup_expired_sessions()
        receipt = await voxon.backup(tmp_path / "backup")
        assert "marker" not in receipt.counts and "lease" not in receipt.counts
    assert (await migrate(source, storage)).counts["copied"] >= 3
    locks = locks_on(storage)
    assert await locks.get_session_lock("d") == "a"
    assert await locks.renew_lease(lease) is not None
    again = await locks.acquire_lease("gone", "h")
    assert again is not None and again.fence > gone.fence
