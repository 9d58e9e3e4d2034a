"""Within one process: handles that share a session, batches, what is opened only when it is touched."""

from __future__ import annotations

import asyncio
import base64
import gc
import json
from pathlib import Path
from typing import Any

import pytest

from tests.session.stores import (
    WatchedStorage,
    contents,
    kept_texts,
    lose_answer,
    only,
    refuse,
    user_says,
    voxon_on,
)
from voxsession import (
    ConfigurationError,
    FileSessionStorage,
    IntegrityError,
    MemorySessionStorage,
    SessionClosedError,
    SessionConfig,
    SessionStorage,
    StorageUnavailableError,
)
from voxsession.testing import ScriptedModel

QUIET = SessionConfig(enable_learning=False)


def said(text: str) -> list[dict[str, Any]]:
    """One message that nothing is learned from."""
    return [{"role": "assistant", "content": text}]


# --- handles


async def test_handles_of_one_session_share_its_state() -> None:
    """What one handle changes the other sees at once, saved or not."""
    async with voxon_on(MemorySessionStorage()) as voxon:
        first = await voxon.create_session(session_id="s", user_id="ada")
        second = await voxon.load_session("s")
        async with voxon.session("ada") as third:
            first.update_state(step=1)
            entry = second.add_memory("likes tea")
            third.config.temperature = 0.2

            for session in (first, second, third):
                assert session.state == {"step": 1}
                assert session.get_memory().entries == (entry,)
                assert session.config.temperature == 0.2


async def test_closing_releases_one_handle() -> None:
    """The others go on; the last one lets go of the session, and the next opening reads storage."""
    storage = WatchedStorage()
    async with voxon_on(storage) as voxon:
        first = await voxon.create_session(session_id="s")
        second = await voxon.load_session("s")
        await first.close()
        await first.close()
        with pytest.raises(SessionClosedError):
            first.add_memory("too late")
        with pytest.raises(SessionClosedError):
            await first.save()
        assert first.get_memory().entries == ()
        await second.update_state(step=1)
        storage.taken()
        third = await voxon.load_session("s")
        assert storage.taken() == [] and third.state == {"step": 1}
        await asyncio.gather(second.close(), second.close(), third.close())

        assert voxon._home.cores == {}
        await voxon.load_session("s")
        assert storage.taken() == ["load"]


async def test_one_handle_closed_twice_at_once_counts_once() -> None:
    """Two closes of one handle do not let go of another one."""
    storage = WatchedStorage()
    async with voxon_on(storage) as voxon:
        first = await voxon.create_session(session_id="s")
        second = await voxon.load_session("s")
        first.update_state(step=1)
        await asyncio.gather(first.close(), first.close())

        assert "s" in voxon._home.cores
        await second.update_state(step=2)


async def test_closing_saves_what_another_handle_left() -> None:
    """There is one list of what is pending, whoever put it there."""
    storage = MemorySessionStorage()
    async with voxon_on(storage) as voxon:
        first = await voxon.create_session(session_id="s")
        second = await voxon.load_session("s")
        first.update_state(step=1)
        await second.close()

    assert (await voxon_on(storage).load_session("s")).state == {"step": 1}


@pytest.mark.parametrize("kind", ["file", "memory"])
async def test_requests_of_one_person_never_conflict(kind: str, tmp_path: Path) -> None:
    """Fifty sends at once over several handles and conversations: all are stored, no error, each turn whole."""
    storage: SessionStorage = FileSessionStorage(tmp_path) if kind == "file" else MemorySessionStorage()

    async def model(request: Any) -> str:
        await asyncio.sleep(0)
        return f"answer to {request.messages[-1]['content']}"

    async with voxon_on(storage, model=model) as voxon:

        async def request(number: int) -> None:
            async with voxon.session("ada", config=QUIET) as session:
                conv = await session.start_conversation(f"c{number % 5}")
                await conv.send_message(f"question {number}")
                session.track_metric("requests", 1)

        await asyncio.gather(*(request(number) for number in range(50)))
        async with voxon.session("ada") as session:
            name = session.session_id
            assert session.get_custom_metrics()["requests"]["count"] == 50
            assert session.get_analytics()["message_count"] == 100
            assert session.get_analytics()["conversation_count"] == 5

    for number in range(5):
        texts = await kept_texts(storage, name, f"c{number}")
        questions = texts[::2]
        assert sorted(questions) == sorted(f"question {n}" for n in range(number, 50, 5))
        assert texts[1::2] == [f"answer to {question}" for question in questions]


async def test_saves_at_once_share_writes() -> None:
    """A hundred saves at once of what is pending together are a few writes, and none returns too early."""
    storage = WatchedStorage()
    async with voxon_on(storage) as voxon:
        session = await voxon.create_session(session_id="s", config=QUIET)
        storage.taken()

        async def step(number: int) -> None:
            await session.update_state(**{f"n{number}": 1})
            found = await storage.inner.load("s")
            assert found is not None and found["tail"]

        await asyncio.gather(*(step(number) for number in range(100)))

        assert 1 <= storage.taken().count("append") <= 3
    assert len((await voxon_on(storage).load_session("s")).state) == 100


async def test_several_openings_at_once_load_once() -> None:
    """Ten tasks that open a session at the same time read it once and share it."""
    storage = WatchedStorage()
    async with voxon_on(storage) as voxon:
        await voxon.create_session(session_id="s")
    async with voxon_on(storage) as voxon:
        await voxon.health_check()
        storage.taken()
        sessions = await asyncio.gather(*(voxon.load_session("s")._once() for _ in range(10)))
        assert storage.taken() == ["load"]
        sessions[0].update_state(step=1)
        assert all(session.state == {"step": 1} for session in sessions)


async def test_no_task_is_lost_to_the_garbage_collector() -> None:
    """A save whose caller was cancelled is finished also when nobody holds it any more."""
    storage, gate = WatchedStorage(), asyncio.Event()

    async def wait_for_gate(operation: str, call: Any) -> Any:
        await gate.wait()
        return await call()

    async with voxon_on(storage) as voxon:
        session = await voxon.create_session(session_id="s")
        session.update_state(step=1)
        storage.mishap = wait_for_gate
        task = asyncio.ensure_future(session.save())
        while "append" not in storage.calls:
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        del task
        gc.collect()
        gate.set()
        await session.close()

    assert (await voxon_on(storage).load_session("s")).state == {"step": 1}


async def test_a_session_deleted_under_its_handles_closes_in_peace() -> None:
    """Whoever deletes a session has nothing to save of it: leaving its blocks raises nothing, and it stays gone."""
    storage = MemorySessionStorage()
    async with voxon_on(storage) as voxon:
        async with voxon.session("ada", session_id="s") as session, session.conversation("c") as conv:
            await conv.add_messages(said("one"))
            session.add_memory("likes tea")
            assert (await voxon.delete_session("s")).counts["sessions"] == 1
        assert [info async for info in voxon.list_sessions()] == []
        async with voxon.session("ada") as successor:
            assert successor.session_id != "s"


async def test_a_deletion_that_fails_takes_nothing_away() -> None:
    """While the storage is away the session stays, with what is pending."""
    storage = WatchedStorage()
    async with voxon_on(storage) as voxon:
        session = await voxon.create_session(session_id="s")
        session.update_state(step=1)
        storage.mishap = only("delete", refuse)
        with pytest.raises(StorageUnavailableError):
            await voxon.delete_session("s")
        await session.save()

    assert (await voxon_on(storage).load_session("s")).state == {"step": 1}


# --- batches


async def test_a_batch_is_one_write_at_its_end() -> None:
    """Inside the block nothing is saved, and `save` says so; leaving it saves once."""
    storage = WatchedStorage()
    async with voxon_on(storage) as voxon:
        session = await voxon.create_session(session_id="s", config=QUIET)
        conv = await session.start_conversation("c")
        await session.save()
        storage.taken()

        async with session.batch_update():
            session.add_memory("likes tea")
            await conv.add_messages(said("one"))
            await session.update_state(step=1)
            with pytest.raises(ConfigurationError, match="Leave the block first"):
                await session.save()
            async with session.conversation("d") as other:
                await other.add_messages(said("two"))
            assert storage.taken() == []
            assert contents(await conv.history()) == ["one"] and session.state == {"step": 1}

        assert storage.taken() == ["append"]
    assert await kept_texts(storage, "s") == ["one"]


async def test_a_save_in_a_batch_writes_nothing_at_all() -> None:
    """Also what was pending before the block waits for its end."""
    storage = WatchedStorage()
    async with voxon_on(storage) as voxon:
        session = await voxon.create_session(session_id="s")
        session.update_state(before=1)
        storage.taken()
        async with session.batch_update():
            session.update_state(inside=1)
            with pytest.raises(ConfigurationError, match="Leave the block first"):
                await session.save()
            assert storage.taken() == []
        assert storage.taken() == ["append"]


async def test_a_plain_batch_waits_for_the_next_save() -> None:
    """`with` leaves its changes pending."""
    storage = WatchedStorage()
    async with voxon_on(storage) as voxon:
        session = await voxon.create_session(session_id="s")
        storage.taken()
        with session.batch_update():
            session.update_state(a=1)
            session.update_state(b=2)
        assert storage.taken() == [] and session.state == {"a": 1, "b": 2}
        await session.save()
        assert storage.taken() == ["append"]


async def test_a_batch_that_fails_changes_nothing() -> None:
    """An exception discards every change of the block, memory, messages, settings and counters."""
    storage = WatchedStorage()
    async with voxon_on(storage) as voxon:
        session = await voxon.create_session(session_id="s")
        conv = await session.start_conversation("c")
        kept = session.add_memory("likes tea")
        await session.save()
        before = session.get_analytics()
        storage.taken()

        with pytest.raises(ZeroDivisionError):
            async with session.batch_update():
                await conv.add_messages(user_says("My name is Ada."))
                session.update_memory(kept.id, content="likes coffee")
                session.clear_memory()
                session.config.temperature = 0.1
                session.replace_state({"a": 1})
                session.track_metric("m", 1)
                session.set_preference("formality", 0.9)
                async with session.conversation("d"):
                    pass
                raise ZeroDivisionError

        assert session.get_memory().entries == (kept,)
        assert session.state == {} and session.config.temperature == 0.8
        assert session.get_custom_metrics() == {} and await conv.history() == []
        after = session.get_analytics()
        assert {k: after[k] for k in ("message_count", "conversation_count")} == {
            k: before[k] for k in ("message_count", "conversation_count")
        }
        await session.save()
        assert storage.taken() == []
    found = await voxon_on(storage).load_session("s")
    assert contents(found.get_memory().entries) == ["likes tea"]


async def test_events_of_a_batch_come_after_it() -> None:
    """No handler hears of a change before the block ends, and none at all where it failed."""
    async with voxon_on(MemorySessionStorage(), model=ScriptedModel(["Hello"])) as voxon:
        session = await voxon.create_session(session_id="s")
        conv = await session.start_conversation("c")
        heard: list[str] = []
        session.events.on("*", lambda event: heard.append(event.type))

        async with session.batch_update():
            session.update_state(step=1)
            await conv.add_messages(user_says("My name is Ada. Please keep it short and formal."))
            await conv.send_message("Could you kindly explain the algorithm?")
            assert heard == []
        assert heard[0] == "state.updated" and heard[-1] == "session.saved"
        assert heard.count("message.added") == 3 and "memory.added" in heard

        heard.clear()
        with pytest.raises(ZeroDivisionError):
            with session.batch_update():
                session.update_state(step=2)
                await conv.add_messages(user_says("I love chess"))
                raise ZeroDivisionError
        assert heard == []


async def test_batches_in_batches() -> None:
    """An inner block that fails takes back its own changes only; nothing is saved before the outer one ends."""
    storage = WatchedStorage()
    async with voxon_on(storage) as voxon:
        session = await voxon.create_session(session_id="s")
        heard: list[str] = []
        session.events.on("state.updated", lambda event: heard.append(next(iter(event.patch))))
        storage.taken()
        async with session.batch_update():
            session.update_state(a=1)
            with pytest.raises(ZeroDivisionError):
                with session.batch_update():
                    session.update_state(b=1)
                    raise ZeroDivisionError
            assert session.state == {"a": 1}
            async with session.batch_update():
                session.update_state(c=1)
            assert session.state == {"a": 1, "c": 1} and storage.taken() == [] and heard == []
            session.update_state(d=1)

        assert session.state == {"a": 1, "c": 1, "d": 1} and heard == ["a", "c", "d"]
        assert storage.taken() == ["append"]
        with pytest.raises(ZeroDivisionError):
            async with session.batch_update():
                with session.batch_update():
                    session.update_state(e=1)
                raise ZeroDivisionError
        assert session.state == {"a": 1, "c": 1, "d": 1}


async def test_other_tasks_are_not_part_of_a_batch() -> None:
    """What another task changes meanwhile is seen, saved, told, and stays when the batch is discarded."""
    storage = WatchedStorage()
    async with voxon_on(storage) as voxon:
        session = await voxon.create_session(session_id="s", config=QUIET)
        inside, done = asyncio.Event(), asyncio.Event()

        async def other() -> None:
            await inside.wait()
            assert session.state == {}
            conv = await session.start_conversation("c")
            await conv.add_messages(said("theirs"))
            await session.update_state(theirs=1)
            done.set()

        task = asyncio.ensure_future(other())
        with pytest.raises(ZeroDivisionError):
            async with session.batch_update():
                session.update_state(mine=1)
                inside.set()
                await done.wait()
                assert session.state == {"theirs": 1, "mine": 1}
                assert "append" in storage.taken()
                raise ZeroDivisionError
        await task

        assert session.state == {"theirs": 1}
    assert (await voxon_on(storage).load_session("s")).state == {"theirs": 1}
    assert await kept_texts(storage, "s") == ["theirs"]


async def test_a_batch_over_a_conflict_is_kept_whole() -> None:
    """A batch whose save meets another process's changes lands behind them, all of it."""
    storage = MemorySessionStorage()
    async with voxon_on(storage) as first, voxon_on(storage) as second:
        mine = await first.create_session(session_id="s", config=QUIET)
        theirs = await second.load_session("s")
        conv = await mine.start_conversation("c")
        async with mine.batch_update():
            mine.update_state(a=1)
            await theirs.update_state(b=1)
            await conv.add_messages(said("one"))
            mine.track_metric("m", 1)
            await mine.reload()
            assert mine.state == {"a": 1, "b": 1}

    found = await voxon_on(storage).load_session("s")
    assert found.state == {"a": 1, "b": 1} and found.get_custom_metrics()["m"]["count"] == 1
    assert await kept_texts(storage, "s") == ["one"]


async def test_a_batch_that_cannot_be_saved_is_kept_pending() -> None:
    """The block ended, so its changes hold; a lost answer does not double them."""
    storage = WatchedStorage()
    async with voxon_on(storage) as voxon:
        session = await voxon.create_session(session_id="s")
        storage.mishap = only("append", lose_answer, times=1)
        with pytest.raises(StorageUnavailableError):
            async with session.batch_update():
                session.track_metric("m", 1)
        assert session.get_custom_metrics()["m"]["count"] == 1
        await session.save()

    assert (await voxon_on(storage).load_session("s")).get_custom_metrics()["m"]["count"] == 1


async def test_a_batch_of_a_closed_session_is_refused() -> None:
    """The block is not entered."""
    async with voxon_on(MemorySessionStorage()) as voxon:
        session = await voxon.create_session(session_id="s")
        await session.close()
        with pytest.raises(SessionClosedError):
            async with session.batch_update():
                raise AssertionError("the block was entered")


# --- lazy opening


async def sections(folder: Path, damaged: str) -> None:
    """Stores session "s" as one document and flips a bit in one of its sealed sections."""
    async with voxon_on(FileSessionStorage(folder)) as voxon, voxon.session(session_id="s") as session:
        async with session.conversation("c") as conv:
            await conv.add_messages(said("one"))
        session.add_memory("likes tea")
        session.update_state(step=1)
        session.clear_memory(ids=[session.add_memory("x").id])
        await session.save()
    path = folder / "s.json"
    record = json.loads(path.read_bytes())
    raw = bytearray(base64.b64decode(record["sealed"][damaged]))
    raw[-1] ^= 1
    record["sealed"][damaged] = base64.b64encode(raw).decode()
    path.write_bytes(json.dumps(record).encode() + b"\t\n")


async def test_lazy_opening_leaves_memories_shut_until_they_are_touched(tmp_path: Path) -> None:
    """With damaged memories everything else works; touching them is IntegrityError, again and again."""
    await sections(tmp_path, "memories")
    async with voxon_on(FileSessionStorage(tmp_path)) as voxon:
        with pytest.raises(IntegrityError):
            await voxon.load_session("s")
        session = await voxon.load_session("s", lazy_load=True)
        assert session.state == {"step": 1} and session.get_analytics()["message_count"] == 1
        assert session.memory_usage > 0
        assert contents((await session.start_conversation("c")).messages) == ["one"]
        for _ in range(2):
            with pytest.raises(IntegrityError):
                session.get_memory()
            with pytest.raises(IntegrityError):
                session.search_memory("tea")
            session.add_memory("more")  # is laid beside them


async def test_lazy_opening_leaves_messages_shut_until_they_are_touched(tmp_path: Path) -> None:
    """With damaged messages everything else works; touching them is IntegrityError, and nothing is written over."""
    await sections(tmp_path, "messages")
    before = (tmp_path / "s.json").read_bytes()
    async with voxon_on(FileSessionStorage(tmp_path)) as voxon:
        with pytest.raises(IntegrityError):
            await voxon.load_session("s")
        session = await voxon.load_session("s", lazy_load=True)
        assert contents(session.get_memory().entries) == ["likes tea"]
        conv = await session.start_conversation("c")
        for _ in range(2):
            with pytest.raises(IntegrityError):
                _ = conv.messages
            with pytest.raises(IntegrityError):
                await conv.history()
        await conv.add_messages(said("two"))  # is laid behind them
        after = (tmp_path / "s.json").read_bytes()
        session.clear_memory()
        with pytest.raises(IntegrityError):
            await session.save()

    assert (tmp_path / "s.json").read_bytes() == after and after.startswith(before)


async def test_a_damaged_core_is_never_opened(tmp_path: Path) -> None:
    """The core section is always opened, lazily or not."""
    await sections(tmp_path, "core")
    async with voxon_on(FileSessionStorage(tmp_path)) as voxon:
        with pytest.raises(IntegrityError):
            await voxon.load_session("s", lazy_load=True)


async def test_a_lazily_opened_session_is_like_any_other() -> None:
    """Batches, changes, conflicts and saves work on what was not opened yet."""
    storage = MemorySessionStorage()
    async with voxon_on(storage) as voxon, voxon.session(session_id="s", config=QUIET) as session:
        async with session.conversation("c") as conv:
            await conv.add_messages(said("one"))
        session.add_memory("likes tea")
        session.clear_memory(ids=[session.add_memory("x").id])
    async with voxon_on(storage) as first, voxon_on(storage) as second:
        mine = await first.load_session("s", lazy_load=True)
        theirs = await second.load_session("s", lazy_load=True)
        await theirs.update_state(theirs=1)
        async with mine.batch_update():
            mine.update_state(mine=1)
        with mine.batch_update():
            mine.add_memory("likes chess")
        conv = await mine.resume_conversation("c")
        await conv.add_messages(said("two"))
        mine.clear_memory(ids=[mine.add_memory("x").id])
        await mine.save()

    found = await voxon_on(storage).load_session("s", lazy_load=True)
    assert found.state == {"theirs": 1, "mine": 1}
    assert contents(found.get_memory().entries) == ["likes tea", "likes chess"]
    assert await kept_texts(storage, "s") == ["one", "two"]
