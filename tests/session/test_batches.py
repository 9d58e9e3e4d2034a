"""Blocks of changes that are one: with tasks inside, cancelled, nested, and against other writers."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.session.stores import (
    WatchedStorage,
    contents,
    hang_afterwards,
    kept_texts,
    only,
    user_says,
    voxon_on,
)
from voxsession import ConflictError, MemorySessionStorage, Session, SessionConfig, StorageUnavailableError

QUIET = SessionConfig(enable_learning=False)


def noted(session: Session) -> list[str]:
    """The events from now on."""
    heard: list[str] = []
    session.events.on("*", lambda event: heard.append(event.type))
    return heard


async def test_a_task_started_inside_is_part_of_the_batch_as_long_as_it_lasts() -> None:
    """What it changes before the block ends goes with the block; what it changes later stands by itself."""
    storage = WatchedStorage()
    async with voxon_on(storage) as voxon:
        session = await voxon.create_session(session_id="s")
        go_on = asyncio.Event()

        async def child() -> None:
            session.update_state(early=1)
            await go_on.wait()
            session.update_state(late=1)

        storage.taken()
        with pytest.raises(ZeroDivisionError):
            async with session.batch_update():
                task = asyncio.create_task(child())
                await asyncio.sleep(0)
                assert session.state == {"early": 1}
                raise ZeroDivisionError
        assert session.state == {}
        go_on.set()
        await task
        assert session.state == {"late": 1} and storage.taken() == []
        go_on.clear()
        async with session.batch_update():
            task = asyncio.create_task(child())
            await asyncio.sleep(0)
        go_on.set()
        await task
        assert session.state == {"late": 1, "early": 1}


async def test_blocks_of_tasks_inside_do_not_overwrite_each_other() -> None:
    """Two tasks with a block each inside one block, and the block itself: nobody's changes get lost."""
    storage = WatchedStorage()
    async with voxon_on(storage) as voxon:
        session = await voxon.create_session(session_id="s")
        heard = noted(session)

        async def child(name: str) -> None:
            async with session.batch_update():
                session.update_state(**{f"{name}1": 1})
                await asyncio.sleep(0)
                session.update_state(**{f"{name}2": 1})

        storage.taken()
        async with session.batch_update():
            session.update_state(outer1=1)
            tasks = [asyncio.create_task(child(name)) for name in ("a", "b")]
            await asyncio.sleep(0)
            session.update_state(outer2=1)
            await asyncio.gather(*tasks)
            assert set(session.state) == {"outer1", "outer2", "a1", "a2", "b1", "b2"}
            assert storage.taken() == [] and heard == []
        assert storage.taken() == ["append"] and heard.count("state.updated") == 6
        assert len(session.state) == 6
    async with voxon_on(storage) as voxon:
        assert len((await voxon.load_session("s")).state) == 6


@pytest.mark.parametrize("fails", [False, True])
async def test_an_inner_block_that_outlasts_the_outer_one_stands_by_itself(fails: bool) -> None:
    """Its own changes land when it ends, once; those of the outer block as that block decided."""
    storage = MemorySessionStorage()
    async with voxon_on(storage) as voxon:
        session = await voxon.create_session(session_id="s", config=QUIET)
        conv = await session.start_conversation("c")
        go_on = asyncio.Event()

        async def child() -> None:
            async with session.batch_update():
                session.track_metric("inner", 1)
                await go_on.wait()
                await conv.add_messages(user_says("inner"))
                assert contents(conv.messages) == (["inner"] if fails else ["outer", "inner"])

        async def outer() -> asyncio.Task[None]:
            async with session.batch_update():
                session.track_metric("outer", 1)
                await conv.add_messages(user_says("outer"))
                task = asyncio.create_task(child())
                await asyncio.sleep(0)
                if fails:
                    task.add_done_callback(lambda _: None)
                    tasks.append(task)
                    raise ZeroDivisionError
                return task

        tasks: list[asyncio.Task[None]] = []
        if fails:
            with pytest.raises(ZeroDivisionError):
                await outer()
        else:
            tasks.append(await outer())
        go_on.set()
        await tasks[0]
        metrics = session.get_custom_metrics()
        assert {name: metric["count"] for name, metric in metrics.items()} == (
            {"inner": 1} if fails else {"outer": 1, "inner": 1}
        )
        await session.save()
    assert await kept_texts(storage, "s") == (["inner"] if fails else ["outer", "inner"])


async def test_a_branch_of_an_inner_block_keeps_its_place() -> None:
    """Messages that come into the outer block meanwhile lie in front of those that the inner one branched from."""
    storage = MemorySessionStorage()
    async with voxon_on(storage) as voxon:
        session = await voxon.create_session(session_id="s", config=QUIET)
        stem, other = await session.start_conversation("stem"), await session.start_conversation("other")
        inside, go_on = asyncio.Event(), asyncio.Event()

        async def child() -> None:
            async with session.batch_update():
                await stem.add_messages(user_says("one", "two"))
                await session.start_conversation("branch", parent_id="stem")
                inside.set()
                await go_on.wait()
                await stem.add_messages(user_says("later"))

        async with session.batch_update():
            task = asyncio.create_task(child())
            await inside.wait()
            await other.add_messages(user_says("x", "y", "z"))
            go_on.set()
            await task
        branch = await session.resume_conversation("branch")
        assert contents(await branch.history()) == ["one", "two"]
    assert await kept_texts(storage, "s", "branch") == ["one", "two"]


async def test_a_cancelled_block_is_discarded() -> None:
    """Cancelling is an exception like any other: nothing of the block stays, nothing is told."""
    storage = WatchedStorage()
    async with voxon_on(storage) as voxon:
        session = await voxon.create_session(session_id="s")
        heard = noted(session)
        storage.taken()

        async def block() -> None:
            async with session.batch_update():
                session.update_state(a=1)
                async with session.batch_update():
                    session.add_memory("likes tea")
                    await asyncio.sleep(60)

        task = asyncio.create_task(block())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert session.state == {} and not session.get_memory().entries and heard == []
        await session.save()
        assert storage.taken() == []
        async with asyncio.timeout(5):
            async with session.batch_update():
                session.update_state(b=1)
        assert storage.taken() == ["append"]


async def test_a_block_cancelled_while_it_is_saved_is_saved() -> None:
    """The block had ended by then: its changes hold, and the write goes on to its end."""
    storage = WatchedStorage()
    async with voxon_on(storage) as voxon:
        session = await voxon.create_session(session_id="s")
        reached, let_go = asyncio.Event(), asyncio.Event()

        async def slowly(name: str, call: Any) -> Any:
            if name == "append":
                reached.set()
                await let_go.wait()
            return await call()

        async def block() -> None:
            async with session.batch_update():
                session.track_metric("m", 1)

        storage.mishap = slowly
        task = asyncio.create_task(block())
        await reached.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        let_go.set()
        await session.save()
        assert session.get_custom_metrics()["m"]["count"] == 1
    storage.mishap = None
    async with voxon_on(storage) as voxon:
        assert (await voxon.load_session("s")).get_custom_metrics()["m"]["count"] == 1


async def test_a_block_that_cannot_be_put_behind_others_is_kept_whole() -> None:
    """A conflict at its save writes nothing of it; dropping it drops all of it."""
    storage = MemorySessionStorage()
    async with voxon_on(storage) as first, voxon_on(storage) as second:
        mine = await first.create_session(session_id="s", config=QUIET)
        theirs = await second.load_session("s")
        await theirs.update_state(cart="theirs")
        heard = noted(mine)
        with pytest.raises(ConflictError):
            async with mine.batch_update():
                mine.add_memory("in the block")
                mine.update_state(cart="mine")
                mine.track_metric("m", 1)
        assert heard[-1] == "session.save_failed" and heard.count("memory.added") == 1
        assert mine.state == {"cart": "mine"} and len(mine.get_memory().entries) == 1
        async with voxon_on(storage) as third:
            stored = await third.load_session("s")
            assert stored.state == {"cart": "theirs"} and not stored.get_memory().entries
        await mine.reload(keep_pending=False)
        assert mine.state == {"cart": "theirs"} and not mine.get_memory().entries
        assert mine.get_custom_metrics() == {}
        async with mine.batch_update():
            mine.update_state(cart="mine again")
    async with voxon_on(storage) as third:
        assert (await third.load_session("s")).state == {"cart": "mine again"}


async def test_what_handlers_change_after_a_block_is_no_part_of_it() -> None:
    """They are told when the block is over: their changes are saved by the same save, and are not undone with it."""
    storage = WatchedStorage()
    async with voxon_on(storage) as voxon:
        session = await voxon.create_session(session_id="s")
        session.events.once("memory.added", lambda event: session.update_state(heard=event.entry.content))
        storage.taken()
        async with session.batch_update():
            session.add_memory("likes tea")
            assert session.state == {}
        assert storage.taken() == ["append"] and session.state == {"heard": "likes tea"}
    async with voxon_on(storage) as voxon:
        assert (await voxon.load_session("s")).state == {"heard": "likes tea"}


async def test_two_handles_share_a_block() -> None:
    """A block is of the session: another handle of it in the same task is inside as well."""
    storage = WatchedStorage()
    async with voxon_on(storage) as voxon:
        one, two = await voxon.create_session(session_id="s"), await voxon.load_session("s")
        other = await voxon.create_session(session_id="other")
        storage.taken()
        with pytest.raises(ZeroDivisionError):
            async with one.batch_update():
                await two.update_state(a=1)
                assert storage.taken() == [] and one.state == {"a": 1}
                await other.update_state(b=1)
                assert storage.taken() == ["append"]
                raise ZeroDivisionError
        assert two.state == {} and other.state == {"b": 1}


async def test_a_block_whose_answer_hangs_is_written_once() -> None:
    """The save is told as failed; the next one finds that it was made."""
    storage = WatchedStorage()
    async with voxon_on(storage, storage_timeout_seconds=0.25) as voxon:
        session = await voxon.create_session(session_id="s")
        storage.mishap = only("append", hang_afterwards, times=1)
        with pytest.raises(StorageUnavailableError):
            async with session.batch_update():
                session.track_metric("m", 1)
        await session.save()
    async with voxon_on(storage) as voxon:
        assert (await voxon.load_session("s")).get_custom_metrics()["m"]["count"] == 1
