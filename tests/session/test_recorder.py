"""When a save appends a batch and when it writes the whole document: law 2, case by case."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.session.stores import KEY, TwoMethodStorage, WatchedStorage, contents, user_says, voxon_on
from voxsession import FileSessionStorage, KeyRing, Session, SessionConfig, VoxonConfig
from voxsession.testing import FakeClock, ScriptedModel

TAIL_FLOOR = 64 * 1024
PLAIN: dict[str, Any] = {"session_encryption_method": "none", "session_encryption_key": None}


def noise(length: int) -> str:
    """Text that no packing makes shorter than about 6/8."""
    return os.urandom(length // 2).hex()


def sealed_size(record: dict[str, Any]) -> int:
    """What the sealed parts of a record take in storage."""
    sealed = record["sealed"]
    return len(sealed) if isinstance(sealed, str) else sum(map(len, sealed.values()))


async def test_the_first_save_writes_the_whole_document() -> None:
    """A session's first record is a document, in one call, and a second await writes nothing."""
    storage = WatchedStorage()
    async with voxon_on(storage) as voxon:
        session = voxon.create_session(session_id="s")
        await voxon.health_check()
        storage.taken()

        await session
        await session

    assert storage.taken() == ["save"]


async def test_a_turn_is_one_append() -> None:
    """Whatever a turn records, learns and counts goes to storage in one call."""
    storage = WatchedStorage()
    async with voxon_on(storage, model=ScriptedModel(["Hello Ada"])) as voxon:
        async with voxon.session(session_id="s") as session, session.conversation("c") as conv:
            storage.taken()

            await conv.send_message("My name is Ada. I love chess and I live in Paris.")

            assert storage.taken() == ["append"]
            assert len(session.get_memory().entries) >= 2


async def add_and_update_memory(session: Session) -> None:
    entry = session.add_memory("likes tea")
    session.update_memory(entry.id, importance=0.9)


async def set_things(session: Session) -> None:
    session.config.temperature = 0.1
    session.set_preference("formality", 0.9)
    session.update_state(step=2)
    session.track_metric("tasks", 3)


async def supersede_a_memory(session: Session) -> None:
    async with session.conversation("more") as conv:
        await conv.add_messages(user_says("My name is Ada.", "Actually my name is Grace."))


async def evict_memories(session: Session) -> None:
    session.config.max_memory_size = 20
    for number in range(10):
        session.add_memory(f"the number {number} was mentioned by the user")


async def let_a_memory_expire(session: Session) -> None:
    session.add_memory("is on holiday", expires_after_days=1e-9)
    session.compress_memory()


async def compress(session: Session) -> None:
    long_ago = datetime(2020, 1, 1, tzinfo=UTC)
    for _ in range(3):
        session.add_memory("likes green tea in the morning", at=long_ago)
    assert session.compress_memory().counts["merged"] > 0


async def start_and_end_a_conversation(session: Session) -> None:
    conversation = await session.start_conversation("other")
    await conversation.interrupt()
    session.update_state(ended=True)


async def end_session(session: Session) -> None:
    await session.end()


@pytest.mark.parametrize(
    "change",
    [
        add_and_update_memory,
        set_things,
        supersede_a_memory,
        evict_memories,
        let_a_memory_expire,
        compress,
        start_and_end_a_conversation,
        end_session,
    ],
)
async def test_any_other_change_is_appended(change: Any) -> None:
    """Settings, state, memories that step back, leave or expire: none of them makes a whole write."""
    storage = WatchedStorage()
    async with voxon_on(storage) as voxon:
        session = await voxon.create_session(session_id="s")
        storage.taken()

        await change(session)
        await session.save()

    assert set(storage.taken()) == {"append"}


async def test_all_that_is_pending_goes_in_one_append() -> None:
    """However many changes wait, a save is one call, and the next one has nothing to do."""
    storage = WatchedStorage()
    async with voxon_on(storage) as voxon:
        session = await voxon.create_session(session_id="s")
        storage.taken()
        for number in range(50):
            session.add_memory(f"fact number {number}")

        await session.save()
        await session.save()
        await session.close()

    assert storage.taken() == ["append"]


async def test_what_stays_with_the_process_is_not_written() -> None:
    """In ephemeral mode a memory makes no write at all."""
    storage = WatchedStorage()
    async with voxon_on(storage) as voxon:
        session = await voxon.create_session(session_id="s", config=SessionConfig(memory_mode="ephemeral"))
        storage.taken()
        session.add_memory("a passing thought")

        await session.save()

        assert storage.taken() == []
        assert contents(session.get_memory().entries) == ["a passing thought"]


async def test_reading_writes_nothing() -> None:
    """Opening, looking, searching, building a context and closing leave the storage as it is."""
    storage = WatchedStorage()
    async with voxon_on(storage) as voxon, voxon.session(session_id="s") as session:
        async with session.conversation("c") as conv:
            await conv.add_messages(user_says("I like tea"))
    async with voxon_on(storage) as voxon:
        await voxon.health_check()
        storage.taken()

        session = await voxon.load_session("s")
        session.get_memory(), session.search_memory("tea"), session.get_analytics(), session.export_memory()
        await session.recall("tea")
        await session.close()

    assert storage.taken() == ["load"]


# --- the tail


@pytest.mark.parametrize("document_bytes", [0, 200_000])
async def test_a_tail_that_outgrew_the_document_is_taken_in(document_bytes: int) -> None:
    """The first save after the tail passed max(64 KiB, document) is whole, and no other one is."""
    storage = WatchedStorage()
    async with voxon_on(storage) as voxon:
        session = await voxon.create_session(session_id="s")
        if document_bytes:
            session.update_state(blob=noise(document_bytes))
        session.clear_memory(ids=[session.add_memory("x").id])
        await session.save()
        document, tail, wholes = sealed_size(storage.records[-1]), 0, 0
        for _ in range(60):
            session.update_state(blob=noise(9_000))
            storage.taken()
            await session.save()

            expected = "save" if tail > max(TAIL_FLOOR, document) else "append"
            assert storage.taken() == [expected]
            size = sealed_size(storage.records[-1])
            document, tail = (size, 0) if expected == "save" else (document, tail + size)
            wholes += expected == "save"

    assert wholes >= 2


async def test_a_tail_of_many_small_changes_is_taken_in_too() -> None:
    """What packs well is short but takes its time to replay, so the tail holds at most 128 changes."""
    storage = WatchedStorage()
    async with voxon_on(storage) as voxon:
        session = await voxon.create_session(session_id="s")
        for _ in range(127):
            session.track_metric("m", 1)
        storage.taken()
        await session.save()
        await session.update_state(step=1)
        await session.update_state(step=2)
        await session.update_state(step=3)
        for _ in range(200):
            session.track_metric("m", 1)
        await session.save()

    assert storage.taken() == ["append", "append", "save", "append", "save"]


async def test_the_tail_is_measured_over_restarts() -> None:
    """Processes that write a little each still take the tail in once it is too long."""
    storage, wholes = WatchedStorage(), 0
    async with voxon_on(storage) as voxon:
        await voxon.create_session(session_id="s")
    for _ in range(12):
        async with voxon_on(storage) as voxon, voxon.session(session_id="s") as session:
            session.update_state(blob=noise(18_000))
            storage.taken()
            await session.save()
            wholes += storage.taken() == ["save"]

    assert 1 <= wholes <= 3
    record = await storage.inner.load("s")
    assert record is not None and sum(map(sealed_size, record["tail"])) < 2 * TAIL_FLOOR


# --- erasing


async def test_what_is_erased_leaves_the_disk_with_the_next_save(tmp_path: Path) -> None:
    """clear_memory makes the next save a whole document, and its bytes no longer hold the text."""
    storage = WatchedStorage(FileSessionStorage(tmp_path))
    async with voxon_on(storage, **PLAIN) as voxon, voxon.session(session_id="s") as session:
        session.add_memory("the blue bicycle")
        session.add_memory("the red door", category="house")
        await session.save()
        assert b"blue bicycle" in (tmp_path / "s.json").read_bytes()
        storage.taken()

        assert session.clear_memory("general") == 1
        await session.save()

        assert storage.taken() == ["save"]
        raw = (tmp_path / "s.json").read_bytes()
        assert b"blue bicycle" not in raw and b"red door" in raw
        session.add_memory("after that")
        await session.save()
        assert storage.taken() == ["append"]


async def test_evicted_text_leaves_with_the_next_whole_write(tmp_path: Path) -> None:
    """What the budget pushed out is gone from memory at once, from disk with the next document."""
    storage = FileSessionStorage(tmp_path)
    async with voxon_on(storage, **PLAIN) as voxon, voxon.session(session_id="s") as session:
        session.config.max_memory_size = 12
        first = session.add_memory("owns a blue bicycle", importance=0.1)
        await session.save()
        session.add_memory("lives in the house with the red door", importance=0.9)
        await session.save()
        assert first.id not in {entry.id for entry in session.get_memory().entries}
        assert b"blue bicycle" in (tmp_path / "s.json").read_bytes()

        session.clear_memory(ids=[session.add_memory("x", importance=1).id])
        await session.save()

    assert b"blue bicycle" not in (tmp_path / "s.json").read_bytes()


async def test_expired_text_leaves_with_the_next_whole_write(tmp_path: Path) -> None:
    """An entry past its time is in no document that is written after it."""
    clock = FakeClock(step_seconds=0.001)
    storage = FileSessionStorage(tmp_path)
    async with voxon_on(storage, clock=clock, **PLAIN) as voxon, voxon.session(session_id="s") as session:
        session.add_memory("is on holiday in Norway", expires_after_days=2)
        await session.save()
        clock.advance(days=3)
        assert session.get_memory().entries == ()

        session.clear_memory(ids=[session.add_memory("x").id])
        await session.save()

    assert b"Norway" not in (tmp_path / "s.json").read_bytes()


# --- repair, keys, storages without a tail


async def test_a_torn_tail_is_told_kept_aside_and_the_next_save_is_whole(tmp_path: Path) -> None:
    """An incomplete last frame costs nothing that was acknowledged, and the next save mends the file."""
    async with voxon_on(FileSessionStorage(tmp_path)) as voxon, voxon.session(session_id="s") as session:
        async with session.conversation("c") as conv:
            await conv.add_messages(user_says("one"))
    path = tmp_path / "s.json"
    torn = path.read_bytes().splitlines()[-1][:40]
    with path.open("ab") as file:
        file.write(torn)

    storage, told = WatchedStorage(FileSessionStorage(tmp_path)), []
    async with voxon_on(storage) as voxon:
        voxon.events.on("tail.repaired", lambda event: told.append(event.session_id))
        session = await voxon.load_session("s")
        conv = await session.resume_conversation("c")
        storage.taken()
        await conv.add_messages(user_says("two"))
        assert storage.taken() == ["save"]
        await conv.add_messages(user_says("three"))
        assert storage.taken() == ["append"]

    assert told == ["s"]
    assert (tmp_path / "s.torn-1").read_bytes() == torn
    async with voxon_on(FileSessionStorage(tmp_path)) as voxon:
        voxon.events.on("tail.repaired", lambda event: told.append("again"))
        session = await voxon.load_session("s")
        assert contents(await (await session.resume_conversation("c")).history()) == ["one", "two", "three"]
    assert told == ["s"]


async def test_a_tail_torn_while_a_session_is_open_is_mended_by_its_next_save(tmp_path: Path) -> None:
    """Another writer that died in the middle of a line does not stop this one."""
    storage = FileSessionStorage(tmp_path)
    async with voxon_on(storage) as voxon, voxon.session(session_id="s") as session:
        async with session.conversation("c") as conv:
            await conv.add_messages(user_says("one"))
            with (tmp_path / "s.json").open("ab") as file:
                file.write(b'{"format":1,"kind":"sess')

            await conv.add_messages(user_says("two"))

    assert (tmp_path / "s.torn-1").exists()
    async with voxon_on(FileSessionStorage(tmp_path)) as voxon:
        session = await voxon.load_session("s")
        assert contents(await (await session.resume_conversation("c")).history()) == ["one", "two"]


async def test_a_changed_master_key_writes_the_head_anew_and_no_page() -> None:
    """After a rotation the next save wraps the data key again; pages stay as they are and open still."""
    storage = WatchedStorage()
    old, new = "hex:" + "11" * 32, "hex:" + "22" * 32
    async with voxon_on(storage, session_encryption_key=old) as voxon:
        async with voxon.session(session_id="s") as session, session.conversation("c") as conv:
            await conv.add_messages([{"role": "assistant", "content": f"m{n}"} for n in range(200)])
            session.clear_memory(ids=[session.add_memory("x").id])
            await session.save()
    pages = dict(storage.inner._pages["s"])  # type: ignore[attr-defined]
    assert len(pages) == 1

    async with voxon_on(storage, session_encryption_key=KeyRing(new, old)) as voxon:
        session = await voxon.load_session("s")
        storage.taken()
        await session.save()
        assert storage.taken() == ["save"]
        await session.update_state(step=1)
        assert storage.taken() == ["append"]

    assert storage.inner._pages["s"] == pages  # type: ignore[attr-defined]
    async with voxon_on(storage, session_encryption_key=new) as voxon:
        session = await voxon.load_session("s")
        history = await (await session.resume_conversation("c")).history()
    assert contents(history) == [f"m{n}" for n in range(200)]


async def test_a_storage_of_two_methods_gets_whole_documents() -> None:
    """Without append every save is one `save` of everything, and it opens again."""
    storage = TwoMethodStorage()
    async with voxon_on(storage) as voxon:
        async with voxon.session(session_id="s") as session, session.conversation("c") as conv:
            storage.calls.clear()
            for number in range(200):
                await conv.add_messages([{"role": "assistant", "content": f"m{number}"}])
            assert storage.calls == ["save"] * 200

    assert "tail" not in storage.kept["s"]
    async with voxon_on(storage) as voxon:
        session = await voxon.load_session("s")
        history = await (await session.resume_conversation("c")).history()
    assert contents(history) == [f"m{number}" for number in range(200)]


# --- versions and headers


async def test_each_save_is_one_version() -> None:
    """`seq` grows by one with each save, `base_seq` is the version before (0 at first), and the event tells it."""
    storage, told = WatchedStorage(), []
    async with voxon_on(storage) as voxon:
        voxon.events.on("session.saved", lambda event: told.append(event.seq))
        session = await voxon.create_session(session_id="s")
        for number in range(4):
            await session.update_state(step=number)

    headers = [record for record in storage.records if record.get("kind") == "session"]
    seqs = [record["seq"] for record in headers]
    assert seqs == list(range(seqs[0], seqs[0] + 5)) == told
    assert [record["base_seq"] for record in headers] == [0, *seqs[:-1]]
    assert len({record["batch_id"] for record in headers}) == 5


async def test_expiry_counts_from_the_last_write() -> None:
    """Each save, appended or whole, moves `expires_at`; reading does not."""
    clock = FakeClock()
    async with voxon_on(WatchedStorage(), clock=clock, session_ttl_seconds=3600) as voxon:
        session = await voxon.create_session(session_id="s")
        clock.advance(minutes=50)
        await session.update_state(step=1)
        clock.advance(minutes=50)

        assert session.is_active
        infos = [info async for info in voxon.list_sessions()]
        assert infos[0].expires_at is not None
        assert infos[0].expires_at - infos[0].updated_at == timedelta(hours=1)
        clock.advance(minutes=11)
        assert session.status == "expired"


async def test_a_session_ended_during_a_save_stays_ended() -> None:
    """The answer of an older write does not take back that the session ended meanwhile."""
    storage = WatchedStorage()
    async with voxon_on(storage) as voxon:
        session = await voxon.create_session(session_id="s")
        other = await voxon.load_session("s")

        async def end_meanwhile(operation: str, call: Any) -> Any:
            storage.mishap = None
            ending.append(asyncio.ensure_future(other.end()))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            return await call()

        import asyncio

        ending: list[Any] = []
        storage.mishap = end_meanwhile
        await session.update_state(step=1)
        await ending[0]
        assert session.status == "ended"

    async with voxon_on(storage) as voxon:
        assert (await voxon.load_session("s")).status == "ended"
        assert [info.status async for info in voxon.list_sessions()] == ["ended"]


async def test_relaxed_durability_is_a_setting_of_the_file_storage(tmp_path: Path) -> None:
    """The facade's `durability` reaches the storage that it makes."""
    config = VoxonConfig(session_storage_path=str(tmp_path), durability="relaxed", session_encryption_key=KEY)
    from voxsession import Voxon

    async with Voxon(config) as voxon, voxon.session(session_id="s") as session:
        await session.update_state(step=1)
        assert (await voxon.get_stats())["durability"] == "relaxed"
