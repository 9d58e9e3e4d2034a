"""Cleaning up: what has expired goes, verified; what nobody can open stays; the work of a run is bounded."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.session.stores import WatchedStorage, contents, user_says, voxon_on
from tests.storages import KINDS, made
from voxsession import FileSessionStorage, MemorySessionStorage, SessionConfig, SessionStorage, Voxon
from voxsession.core.changes import MemorySuperseded
from voxsession.testing import FakeClock

DAY = 86_400
QUIET = SessionConfig(memory_mode="persistent", enable_learning=False, enable_analytics=False)
OTHER_KEY = "hex:" + "21" * 32


@pytest.fixture(params=KINDS)
async def storage(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SessionStorage]:
    """An empty storage of each kind."""
    async with made(request.param, request, tmp_path) as empty:
        yield empty


async def sessions(voxon: Voxon, *ids: str, days: float | None = None) -> None:
    """Sessions with a memory that stays, and one that expires after so many days."""
    for session_id in ids:
        async with voxon.session(f"user {session_id}", session_id=session_id, config=QUIET) as session:
            session.add_memory("stays")
            if days is not None:
                session.add_memory("goes", expires_after_days=days)


async def ids_in(voxon: Voxon) -> set[str]:
    """The ids of the stored sessions."""
    return {info.session_id async for info in voxon.list_sessions()}


async def memories(storage: Any, session_id: str, clock: Any) -> list[str]:
    """The contents of what is stored in the document of a session, expired ones too."""
    async with voxon_on(storage, clock=clock) as voxon:
        await voxon.get_stats()
        assert voxon._home.recorder is not None
        loaded = await voxon._home.recorder.load(session_id, lazy=False)
        assert loaded is not None
        return contents(loaded.data.memories.values())


# --- whole sessions


async def test_expired_sessions_go_with_their_pointers(storage: SessionStorage) -> None:
    """What has expired is removed, once; what has not stays; a removed id is not given to the person again."""
    clock = FakeClock()
    async with voxon_on(storage, clock=clock, session_ttl_seconds=100) as voxon:
        async with voxon.session("ann") as session:
            session.add_memory("x")
        clock.advance(seconds=90)
        await sessions(voxon, "young")
        clock.advance(seconds=20)
        assert await voxon.cleanup_expired_sessions() == 1
        assert await voxon.cleanup_expired_sessions() == 0
        assert await ids_in(voxon) == {"young"}
        async with voxon.session("ann") as new:
            assert new.session_id != session.session_id


async def test_what_was_written_meanwhile_stays() -> None:
    """A session that somebody writes between the look and the deletion is not deleted."""
    clock = FakeClock()
    inner = MemorySessionStorage(cleanup_interval=None, clock=clock)
    storage = WatchedStorage(inner)
    async with voxon_on(storage, clock=clock, session_ttl_seconds=100) as voxon:
        await sessions(voxon, "s")
        clock.advance(seconds=200)

        async def write_before(operation: str, call: Any) -> Any:
            if operation == "delete":
                storage.mishap = None
                record = await inner.load("s")
                assert record is not None
                base = [record, *record.pop("tail")][-1]["seq"]
                await inner.save({**record, "seq": base + 1, "base_seq": base, "batch_id": "another"})
            return await call()

        storage.mishap = write_before
        assert await voxon.cleanup_expired_sessions() == 0
    assert await inner.load("s") is not None


async def test_an_open_session_stays(storage: SessionStorage) -> None:
    """What is open here is in use, though its time has passed."""
    clock = FakeClock()
    async with voxon_on(storage, clock=clock, session_ttl_seconds=100) as voxon:
        await sessions(voxon, "s")
        opened = await voxon.load_session("s")
        clock.advance(seconds=200)
        assert await voxon.cleanup_expired_sessions() == 0
        await opened.close()
        assert await voxon.cleanup_expired_sessions() == 1


async def test_what_cannot_be_opened_is_never_removed_and_stands_in_nobodys_way(tmp_path: Path) -> None:
    """More of them than a run may remove come first in the listing: what is behind them goes all the same."""
    clock = FakeClock()
    storage, other = FileSessionStorage(tmp_path / "s"), FileSessionStorage(tmp_path / "o")
    foreign = [f"foreign{number}" for number in range(5)]
    async with voxon_on(
        other, clock=clock, session_ttl_seconds=50, session_encryption_key=OTHER_KEY
    ) as voxon:
        await sessions(voxon, *foreign, days=0.0001)
    async with voxon_on(storage, clock=clock, session_ttl_seconds=100, cleanup_batch_size=2) as voxon:
        await sessions(voxon, "a", "b", "c")
        before = {}
        for name in foreign:
            path = tmp_path / "s" / f"{name}.json"
            path.write_bytes((tmp_path / "o" / f"{name}.json").read_bytes())
            before[path] = path.read_bytes()
        clock.advance(seconds=200)
        removed = [await voxon.cleanup_expired_sessions() for _ in range(3)]
        removed.append(await voxon.cleanup_expired_sessions(max_age_seconds=1))
        assert await ids_in(voxon) == set(foreign)

    assert removed == [2, 1, 0, 0]
    assert {path: path.read_bytes() for path in before} == before
    await storage.close()
    await other.close()


async def test_old_ones_go_where_an_age_is_named(storage: SessionStorage) -> None:
    """With `max_age_seconds` those that were not written for so long go too, at most a batch in a run."""
    clock = FakeClock()
    async with voxon_on(storage, clock=clock, cleanup_batch_size=2) as voxon:
        await sessions(voxon, "a", "b", "c")
        clock.advance(seconds=100)
        await sessions(voxon, "young")
        assert await voxon.cleanup_expired_sessions() == 0
        assert [await voxon.cleanup_expired_sessions(50) for _ in range(3)] == [2, 1, 0]
        assert await ids_in(voxon) == {"young"}


# --- memories of sessions at rest


async def test_expired_memories_of_idle_sessions_go(storage: SessionStorage) -> None:
    """They leave the storage, as a change that handlers hear of; age, expiry and everything else stay."""
    clock = FakeClock()
    async with voxon_on(storage, clock=clock, session_ttl_seconds=100 * DAY) as voxon:
        await sessions(voxon, "s", "t", days=2)
        async with voxon.session("user s") as session:
            conv = await session.start_conversation("c")
            await conv.add_messages(user_says("hello"))
        before = {header["session_id"]: header for header in await storage.list_sessions()}
        clock.advance(seconds=1 * DAY)
        await voxon.cleanup_expired_sessions()
        assert {header["session_id"]: header for header in await storage.list_sessions()} == before
        clock.advance(seconds=2 * DAY)
        heard: list[tuple[str, int]] = []
        voxon.events.on(
            "memory.expired", lambda event: heard.append((event.session_id, len(event.entry_ids)))
        )
        assert await voxon.cleanup_expired_sessions() == 0

    after = {header["session_id"]: header for header in await storage.list_sessions()}
    assert sorted(heard) == [("s", 1), ("t", 1)]
    for session_id in ("s", "t"):
        assert await memories(storage, session_id, clock) == ["stays"]
        differing = {
            name for name in after[session_id] if after[session_id][name] != before[session_id].get(name)
        }
        assert differing == {"seq", "base_seq", "batch_id"}, "nobody has used it: its age counts on"
    async with voxon_on(storage, clock=clock) as voxon, await voxon.load_session("s") as session:
        conv = await session.resume_conversation("c")
        assert contents(await conv.history()) == ["hello"]


async def test_filed_memories_expire_too(storage: SessionStorage) -> None:
    """A superseded memory that lies in an archive page goes when its time comes, and its page with it."""
    clock = FakeClock()
    async with voxon_on(storage, clock=clock) as voxon:
        async with voxon.session("ann", session_id="s", config=QUIET) as session:
            old = session.add_memory("lived in Rome", expires_after_days=2)
            new = session.add_memory("lives in Porto")
            session._core.record(MemorySuperseded(at=clock.now(), entry_id=old.id, by=new.id))
            session.clear_memory(ids=[session.add_memory("x").id])
            await session.save()
        pages = [name for name, _ in await storage.list_pages("s")]
        assert len(pages) == 1
        clock.advance(seconds=3 * DAY)
        await voxon.cleanup_expired_sessions()
        assert await storage.list_pages("s") == []
        async with await voxon.load_session("s") as session:
            assert [entry.content for entry in session.get_memory().entries] == ["lives in Porto"]


async def test_only_what_may_need_something_is_opened(tmp_path: Path) -> None:
    """An unchanged session is not opened again before its next memory expires; one that was written is."""
    clock = FakeClock()
    storage = WatchedStorage(MemorySessionStorage(cleanup_interval=None, clock=clock))
    async with voxon_on(storage, clock=clock) as voxon:
        await sessions(voxon, "a", "b", days=0.5)
        await sessions(voxon, "c")

        async def opened() -> int:
            storage.taken()
            await voxon.cleanup_expired_sessions()
            return storage.taken().count("load")

        assert [await opened(), await opened()] == [3, 0]
        async with voxon.session("user c") as session:
            session.add_memory("more")
        assert [await opened(), await opened()] == [1, 0]
        clock.advance(seconds=0.6 * DAY)
        storage.records.clear()
        assert await opened() == 2 and {record["session_id"] for record in storage.records} == {"a", "b"}
        assert await opened() == 0


async def test_what_is_known_to_be_due_comes_first() -> None:
    """Among more sessions than a run opens, one whose memory is known to have expired does not wait for its lot."""
    clock = FakeClock()
    storage = MemorySessionStorage(cleanup_interval=None, clock=clock)
    async with voxon_on(storage, clock=clock, cleanup_batch_size=1) as voxon:
        await sessions(voxon, "due", days=0.5)
        await voxon.cleanup_expired_sessions()
        await sessions(voxon, *(f"s{number}" for number in range(20)))
        clock.advance(seconds=0.6 * DAY)
        await voxon.cleanup_expired_sessions()
    assert await memories(storage, "due", clock) == ["stays"]


async def test_the_work_of_a_run_is_bounded_and_reaches_all() -> None:
    """A run opens at most a batch; a process that goes on reaches all without a double, a fresh one draws by lot."""
    clock = FakeClock(seed="lot")
    storage = WatchedStorage(MemorySessionStorage(cleanup_interval=None, clock=clock))
    ids = [f"s{number}" for number in range(12)]
    async with voxon_on(storage, clock=clock) as voxon:
        await sessions(voxon, *ids, days=1)
        clock.advance(seconds=2 * DAY)
        storage.records.clear()
        for _ in range(3):
            storage.taken()
            async with voxon_on(storage, clock=clock, cleanup_batch_size=4) as fresh:
                await fresh.cleanup_expired_sessions()
            assert storage.taken().count("save") <= 4
    by_lot = {record["session_id"] for record in storage.records}
    assert 4 < len(by_lot) <= 12

    async with voxon_on(storage, clock=clock, cleanup_batch_size=4) as voxon:
        for _ in range(3):
            storage.taken()
            await voxon.cleanup_expired_sessions()
            assert storage.taken().count("load") <= 4 + 1  # and the keyring record, once
    assert {record["session_id"] for record in storage.records} == set(ids)


async def test_a_session_in_use_elsewhere_is_left_to_its_user(storage: SessionStorage) -> None:
    """Others write while the clean-up runs, again and again: nothing of theirs is lost."""
    clock = FakeClock()
    async with voxon_on(storage, clock=clock) as voxon, voxon_on(storage, clock=clock) as elsewhere:
        await sessions(voxon, "s", days=1)
        clock.advance(seconds=2 * DAY)
        session = await elsewhere.load_session("s")

        async def use() -> None:
            for number in range(20):
                session.add_memory(f"kept {number}")
                await session.save()
                await asyncio.sleep(0)

        async def clean() -> None:
            for _ in range(10):
                await voxon.cleanup_expired_sessions()

        await asyncio.gather(use(), clean())
        await session.close()
    assert await memories(storage, "s", clock) == ["stays", *(f"kept {number}" for number in range(20))]


async def test_another_tenant_is_not_cleaned(storage: SessionStorage) -> None:
    """Neither its expired sessions nor its expired memories."""
    clock = FakeClock()
    settings: dict[str, Any] = {"clock": clock, "session_ttl_seconds": 100}
    async with voxon_on(storage, **settings) as voxon, voxon_on(storage, tenant="acme", **settings) as acme:
        await sessions(acme, "s", days=0.0001)
        clock.advance(seconds=200)
        before = await storage.load(".session.acme.s")
        assert await voxon.cleanup_expired_sessions(max_age_seconds=0) == 0
        assert before is not None and await storage.load(".session.acme.s") == before
        assert await acme.cleanup_expired_sessions() == 1
