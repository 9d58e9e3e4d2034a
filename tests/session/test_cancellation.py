"""Cancelled, unanswered, failing: a save leaves the old or the new, and a retry never makes anything twice."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.session.stores import (
    TwoMethodStorage,
    WatchedStorage,
    contents,
    hang,
    hang_afterwards,
    kept_texts,
    lose_answer,
    only,
    refuse,
    voxon_on,
)
from voxsession import (
    ConflictError,
    FileSessionStorage,
    SessionConfig,
    SessionExistsError,
    SessionNotFoundError,
    StorageError,
    StorageUnavailableError,
)
from voxsession.testing import ScriptedModel

QUIET = SessionConfig(enable_learning=False)
MANY_STEPS = 40


def said(*texts: str) -> list[dict[str, Any]]:
    """Messages that nothing is learned from."""
    return [{"role": "assistant", "content": text} for text in texts]


async def cancelled_after(steps: int, work: Awaitable[Any]) -> bool:
    """Runs the work, cancels it after so many steps of the event loop; whether it was cut off."""
    task = asyncio.ensure_future(work)
    for _ in range(steps):
        await asyncio.sleep(0)
        if task.done():
            break
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
        return False
    return True


async def slowly(operation: str, call: Callable[[], Awaitable[Any]]) -> Any:
    """Several steps before the work and several after it, so that a cancellation can come anywhere."""
    for _ in range(4):
        await asyncio.sleep(0)
    result = await call()
    for _ in range(4):
        await asyncio.sleep(0)
    return result


# --- cancellation at every step


@pytest.mark.parametrize("kind", ["append", "whole", "first"])
async def test_a_save_cancelled_at_any_step_leaves_the_old_or_the_new(kind: str) -> None:
    """Wherever it is cut off, storage holds all of it or nothing, and the next save makes it whole, once."""
    cut_off = 0
    for steps in range(MANY_STEPS):
        storage = WatchedStorage()
        async with voxon_on(storage) as voxon:
            session = voxon.create_session(session_id="s", config=QUIET)
            if kind != "first":
                await session
            conv = await session.start_conversation("c") if kind != "first" else None
            session.update_state(a=1, b=2)
            session.track_metric("m", 1)
            if kind == "whole":
                assert conv is not None
                with contextlib.suppress(StorageError):
                    storage.mishap = refuse
                    await conv.add_messages(said(*map(str, range(300))))
                session.clear_memory(ids=[session.add_memory("x").id])
            storage.mishap = slowly

            cut_off += await cancelled_after(steps, session.save())

            storage.mishap = None
            async with voxon_on(storage) as other:
                try:
                    seen = await other.load_session("s")
                except SessionNotFoundError:
                    assert kind == "first"
                else:
                    assert dict(seen.state) in ({}, {"a": 1, "b": 2})
                    assert len(seen.get_custom_metrics()) == len(seen.state) // 2
            await session.save()

        found = await voxon_on(storage).load_session("s")
        assert found.state == {"a": 1, "b": 2}
        assert found.get_custom_metrics()["m"]["count"] == 1
        if kind == "whole":
            assert await kept_texts(storage, "s") == list(map(str, range(300)))
    assert cut_off > 5


async def test_a_turn_cancelled_at_any_step_is_never_half_or_twice(tmp_path: Path) -> None:
    """add_messages cut off anywhere and made again with the next turn: each text at most as often as it was said."""
    cut_off = 0
    for steps in range(MANY_STEPS):
        storage = WatchedStorage(FileSessionStorage(tmp_path / str(steps)))
        async with voxon_on(storage) as voxon:
            session = await voxon.create_session(session_id="s", config=QUIET)
            conv = await session.start_conversation("c")
            await conv.add_messages(said("before"))
            storage.mishap = slowly

            cut = await cancelled_after(steps, conv.add_messages(said("one", "two")))

            cut_off += cut
            await conv.add_messages(said("after"))
            storage.mishap = None
            texts = contents(await conv.history())
            assert texts in (["before", "one", "two", "after"], ["before", "after"])
            assert cut or texts == ["before", "one", "two", "after"]
        assert await kept_texts(storage, "s") == texts
        await storage.inner.close()
    assert cut_off > 5


async def test_a_sent_message_cancelled_at_any_step_is_kept_or_absent() -> None:
    """send_message cut off anywhere leaves no half batch, and the session goes on."""
    for steps in range(0, 60, 2):
        storage = WatchedStorage()
        async with voxon_on(storage, model=ScriptedModel(["one", "two", "three"])) as voxon:
            async with voxon.session(session_id="s", config=QUIET) as session:
                conv = await session.start_conversation("c")
                storage.mishap = slowly
                await cancelled_after(steps, conv.send_message("first"))
                await conv.send_message("second")
                live = contents(await conv.history())
                storage.mishap = None
        assert await kept_texts(storage, "s") == live
        assert live.count("first") <= 1 and live.count("second") == 1
        assert live[-2] == "second"


async def test_opening_cancelled_at_any_step_leaves_a_usable_facade() -> None:
    """`voxon.session(user)` cut off anywhere: the next call opens the one session of the person."""
    for steps in range(MANY_STEPS):
        storage = WatchedStorage()
        storage.mishap = slowly
        async with voxon_on(storage) as voxon:
            opening = voxon.session("ada")
            await cancelled_after(steps, opening._once())
            async with voxon.session("ada") as session:
                session.track_metric("opened", 1)
            storage.mishap = None
            infos = [info async for info in voxon.list_sessions()]
        assert [info.session_id for info in infos] == [session.session_id]


async def test_a_rebase_cancelled_at_any_step_keeps_what_is_pending() -> None:
    """A save cut off while it meets a conflict: the next save brings everything, once."""
    cut_off = 0
    for steps in range(MANY_STEPS):
        storage = WatchedStorage()
        async with voxon_on(storage) as first, voxon_on(storage) as second:
            mine = await first.create_session(session_id="s", config=QUIET)
            theirs = await second.load_session("s")
            await theirs.update_state(theirs=1)
            mine.update_state(mine=1)
            mine.track_metric("m", 1)
            storage.mishap = slowly

            cut_off += await cancelled_after(steps, mine.save())

            storage.mishap = None
            await mine.save()
            assert mine.state == {"theirs": 1, "mine": 1}
        found = await voxon_on(storage).load_session("s")
        assert found.state == {"theirs": 1, "mine": 1}
        assert found.get_custom_metrics()["m"]["count"] == 1
    assert cut_off > 10


@pytest.mark.parametrize("waits", [True, False], ids=["in the block", "at its end"])
@pytest.mark.parametrize("steps", range(0, 40, 3))
async def test_a_cancelled_block_still_saves(steps: int, waits: bool) -> None:
    """`async with voxon.session()` cut off in its block or at its end has saved when it is left."""
    storage = WatchedStorage()
    started = asyncio.Event()
    async with voxon_on(storage) as voxon:

        async def work() -> None:
            async with (
                voxon.session(session_id="s", config=QUIET) as session,
                session.conversation("c") as conv,
            ):
                storage.mishap = slowly
                await conv.add_messages(said("one"))
                session.add_memory("remembered")
                session.update_state(step=1)
                started.set()
                if waits:
                    await asyncio.Event().wait()

        task = asyncio.ensure_future(work())
        await started.wait()
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

        storage.mishap = None
        found = await voxon_on(storage).load_session("s")
        assert found.state == {"step": 1}
        assert contents(found.get_memory().entries) == ["remembered"]
        assert found._core.data.conversations["c"].status == "ended"
        assert contents(found._core.data.messages) == ["one"]
        assert "s" not in voxon._home.cores, "the handle was let go"


@pytest.mark.parametrize("steps", range(1, 12))
async def test_closing_cut_off_is_finished_before_its_block_is_left(steps: int) -> None:
    """Where `close` itself is cancelled, the block is left only when all is stored and the handle let go."""
    storage, leaving = WatchedStorage(), asyncio.Event()
    async with voxon_on(storage) as voxon:

        async def work() -> None:
            async with voxon.session(session_id="s", config=QUIET) as session:
                session.update_state(step=1)
                storage.mishap = slowly
                leaving.set()

        task = asyncio.ensure_future(work())
        await leaving.wait()
        await cancelled_after(steps, task)

        found = await storage.inner.load("s")
        assert found is not None and found["tail"]
        assert "s" not in voxon._home.cores


async def test_a_program_that_is_interrupted_saves() -> None:
    """A time limit around a block that waits for its model saves what was said before it."""
    storage, limit = WatchedStorage(), asyncio.timeout(None)

    async def never(request: Any) -> str:
        limit.reschedule(asyncio.get_running_loop().time() + 0.02)
        await asyncio.Event().wait()
        return ""

    async with voxon_on(storage, model=never) as voxon:
        with pytest.raises(TimeoutError):
            async with limit:
                async with voxon.session(session_id="s", config=QUIET) as session:
                    conv = await session.start_conversation("c")
                    await conv.send_message("are you there?")

    assert await kept_texts(storage, "s") == ["are you there?"]


async def test_a_save_that_was_begun_is_finished_without_its_caller() -> None:
    """Cancelling who waits for a save does not stop it: it is stored, and told, though nobody saves again."""
    storage, saved = WatchedStorage(), asyncio.Event()
    async with voxon_on(storage) as voxon:
        session = await voxon.create_session(session_id="s")
        session.events.on("session.saved", lambda event: saved.set())
        session.update_state(step=1)
        storage.mishap = slowly
        assert await cancelled_after(4, session.save())
        async with asyncio.timeout(10):
            await saved.wait()

        assert (await voxon_on(storage).load_session("s")).state == {"step": 1}


async def test_a_cancelled_save_goes_on_and_closing_waits_for_it() -> None:
    """Cancelling who waits does not stop the write; `close` returns when it is done."""
    storage, gate, events = WatchedStorage(), asyncio.Event(), list[str]()

    async def wait_for_gate(operation: str, call: Callable[[], Awaitable[Any]]) -> Any:
        await gate.wait()
        return await call()

    async with voxon_on(storage) as voxon:
        session = await voxon.create_session(session_id="s")
        session.events.on("session.saved", lambda event: events.append("saved"))
        session.update_state(step=1)
        storage.mishap = wait_for_gate
        assert await cancelled_after(5, session.save())
        closing = asyncio.ensure_future(session.close())
        for _ in range(10):
            await asyncio.sleep(0)
        assert not closing.done() and events == []
        gate.set()
        await closing
        assert events == ["saved"]


# --- answers that get lost


async def lost(storage: Any, work: Awaitable[Any]) -> None:
    """The work fails because its answer was lost."""
    with pytest.raises(StorageUnavailableError):
        await work


MISHAPS: dict[str, Any] = {"raises": lose_answer, "times out": hang_afterwards}


@pytest.mark.parametrize("mishap", MISHAPS.values(), ids=MISHAPS.keys())
@pytest.mark.parametrize("kind", ["append", "save"])
@pytest.mark.parametrize("others", [0, 1, 40])
@pytest.mark.parametrize("others_whole", [False, True])
async def test_a_write_whose_answer_was_lost_is_not_made_twice(
    mishap: Any, kind: str, others: int, others_whole: bool
) -> None:
    """The write arrived, its answer did not, others wrote in between: the retry makes nothing twice."""
    storage = WatchedStorage()
    async with voxon_on(storage, storage_timeout_seconds=0.25) as voxon, voxon_on(storage) as elsewhere:
        session = await voxon.create_session(session_id="s", config=QUIET)
        conv = await session.start_conversation("c")
        await conv.add_messages(said("before"))
        if kind == "save":
            session.clear_memory(ids=[session.add_memory("x").id])
        session.track_metric("m", 1)
        storage.mishap = only(kind, mishap, times=1)
        await lost(storage, conv.add_messages(said("one", "two")))
        theirs = await elsewhere.load_session("s")
        for number in range(others):
            await theirs.update_state(**{f"n{number}": 1})
        if others_whole:
            theirs.clear_memory(ids=[theirs.add_memory("x").id])
            await theirs.save()

        session.track_metric("after", 1)
        await session.save()

        assert contents(await conv.history()) == ["before", "one", "two"]
        await conv.add_messages(said("three"))
    assert await kept_texts(storage, "s") == ["before", "one", "two", "three"]
    found = await voxon_on(storage).load_session("s")
    assert {name: row["count"] for name, row in found.get_custom_metrics().items()} == {"m": 1, "after": 1}
    assert len(found.state) == others


@pytest.mark.parametrize("mishap", MISHAPS.values(), ids=MISHAPS.keys())
@pytest.mark.parametrize("others", [0, 1, 3])
async def test_a_first_write_whose_answer_was_lost_is_ones_own(mishap: Any, others: int) -> None:
    """A session that was created although its answer was lost is not refused as somebody else's."""
    storage = WatchedStorage()
    async with voxon_on(storage, storage_timeout_seconds=0.25) as voxon, voxon_on(storage) as elsewhere:
        await voxon.health_check()
        session = voxon.create_session(session_id="s", user_id="ada", config=QUIET)
        session.track_metric("m", 1)
        storage.mishap = only("save", mishap, times=1)
        await lost(storage, session._stored())
        theirs = await elsewhere.load_session("s")
        for number in range(others):
            await theirs.update_state(**{f"n{number}": 1})

        session.update_state(mine=1)
        await session.save()

        assert len(session.state) == others + 1
    found = await voxon_on(storage).load_session("s")
    assert found.get_custom_metrics()["m"]["count"] == 1 and len(found.state) == others + 1


async def test_an_id_that_somebody_else_took_meanwhile_is_refused() -> None:
    """A first write that never arrived does not make another's session one's own."""
    storage = WatchedStorage()
    async with voxon_on(storage) as voxon, voxon_on(storage) as elsewhere:
        await voxon.health_check()
        session = voxon.create_session(session_id="s")
        storage.mishap = only("save", refuse, times=1)
        await lost(storage, session._stored())
        await elsewhere.create_session(session_id="s")

        with pytest.raises(SessionExistsError):
            await session


async def test_every_answer_may_get_lost() -> None:
    """With each second answer lost, and a retry after each, everything is there once."""
    storage = WatchedStorage()
    async with voxon_on(storage) as voxon:
        session = await voxon.create_session(session_id="s", config=QUIET)
        conv = await session.start_conversation("c")
        for number in range(60):
            if number % 10 == 0:
                session.clear_memory(ids=[session.add_memory("x").id])
            storage.mishap = only(("append", "save"), lose_answer, times=number % 3)
            session.track_metric("m", 1)
            with contextlib.suppress(StorageUnavailableError):
                await conv.add_messages(said(str(number)))
            for _ in range(3):
                with contextlib.suppress(StorageUnavailableError):
                    await session.save()

    assert await kept_texts(storage, "s") == list(map(str, range(60)))
    found = await voxon_on(storage).load_session("s")
    assert found.get_custom_metrics()["m"]["count"] == 60


async def test_a_retry_carries_what_was_recorded_since() -> None:
    """A save that first settles an older, unanswered write returns only when the newer changes are stored too."""
    for mishap in (refuse, lose_answer):
        storage = WatchedStorage()
        async with voxon_on(storage) as voxon:
            session = await voxon.create_session(session_id="s", config=QUIET)
            conv = await session.start_conversation("c")
            storage.mishap = only("append", mishap, times=1)
            await lost(storage, conv.add_messages(said("one")))

            await conv.add_messages(said("two"))

            assert await kept_texts(storage, "s") == ["one", "two"]


@pytest.mark.parametrize("mishap", MISHAPS.values(), ids=MISHAPS.keys())
@pytest.mark.parametrize("keep_pending", [True, False])
async def test_reloading_after_a_lost_answer_makes_nothing_twice(mishap: Any, keep_pending: bool) -> None:
    """`reload` finds the write that had arrived, and neither applies it again nor takes it back."""
    storage = WatchedStorage()
    async with voxon_on(storage, storage_timeout_seconds=0.25) as voxon:
        session = await voxon.create_session(session_id="s", config=QUIET)
        conv = await session.start_conversation("c")
        storage.mishap = only("append", mishap, times=1)
        await lost(storage, conv.add_messages(said("one")))
        session.update_state(late=1)

        await session.reload(keep_pending=keep_pending)
        assert dict(session.state) == ({"late": 1} if keep_pending else {})
        await conv.add_messages(said("two"))

    assert await kept_texts(storage, "s") == ["one", "two"]


async def test_a_write_that_arrives_after_a_reload_is_not_made_twice() -> None:
    """A write that timed out may still be on its way while `reload` looks: it counts once, whenever it lands."""
    storage, gate, arrived = WatchedStorage(), asyncio.Event(), asyncio.Event()
    late: list[asyncio.Task[Any]] = []

    async def arrive_later(operation: str, call: Callable[[], Awaitable[Any]]) -> Any:
        async def deliver() -> None:
            await gate.wait()
            with contextlib.suppress(ConflictError):
                await call()
            arrived.set()

        late.append(asyncio.ensure_future(deliver()))
        await asyncio.Event().wait()

    async with voxon_on(storage, storage_timeout_seconds=0.25) as voxon:
        session = await voxon.create_session(session_id="s", config=QUIET)
        conv = await session.start_conversation("c")
        storage.mishap = only("append", arrive_later, times=1)
        await lost(storage, conv.add_messages(said("one")))
        await session.reload()
        gate.set()
        await arrived.wait()
        await conv.add_messages(said("two"))

    assert await kept_texts(storage, "s") == ["one", "two"]


async def test_a_storage_of_two_methods_may_lose_answers_too() -> None:
    """Whole documents are repeatable: a retry after a lost answer makes nothing twice."""
    storage = TwoMethodStorage()
    async with voxon_on(storage) as voxon:
        session = await voxon.create_session(session_id="s", user_id="ada", config=QUIET)
        conv = await session.start_conversation("c")
        for number in range(6):
            storage.mishap = only("save", lose_answer if number % 2 else refuse, times=1)
            await lost(storage, conv.add_messages(said(str(number))))
            await session.save()

    assert await kept_texts(storage, "s") == list(map(str, range(6)))


async def test_a_first_write_of_a_two_method_storage_may_lose_its_answer() -> None:
    """The id is not refused as taken, and the person's session is found by the person."""
    storage = TwoMethodStorage()
    async with voxon_on(storage) as voxon:
        await voxon.health_check()
        session = voxon.create_session(session_id="s", user_id="ada")
        storage.mishap = only("save", lose_answer, times=1)
        await lost(storage, session._stored())
        storage.mishap = None
        await session.update_state(step=1)

    async with voxon_on(storage) as voxon, voxon.session("ada") as found:
        assert (found.session_id, dict(found.state)) == ("s", {"step": 1})


# --- the storage is away


@pytest.mark.parametrize("mishap", [refuse, hang], ids=["raises", "hangs"])
async def test_while_the_storage_is_away_everything_is_kept(mishap: Any) -> None:
    """Each call fails in time and is told, memory and messages stay usable, and the next save brings all."""
    storage = WatchedStorage()
    async with voxon_on(storage, storage_timeout_seconds=0.25) as voxon:
        session = await voxon.create_session(session_id="s", config=QUIET)
        conv = await session.start_conversation("c")
        failed: list[Exception] = []
        session.events.on("session.save_failed", lambda event: failed.append(event.error))
        storage.mishap = mishap
        for number in range(3):
            async with asyncio.timeout(5):
                with pytest.raises(StorageUnavailableError) as caught:
                    await conv.add_messages(said(str(number)))
            assert failed[-1] is caught.value and caught.value.operation
        with pytest.raises(StorageUnavailableError):
            await session.update_state(step=1)
        with pytest.raises(StorageUnavailableError):
            await voxon.load_session("another")
        with pytest.raises(StorageUnavailableError):
            await session.reload(keep_pending=False)
        assert contents(await conv.history()) == ["0", "1", "2"] and session.state == {"step": 1}
        assert (await voxon.health_check())["status"] in ("healthy", "unhealthy")

        storage.mishap = None
        await session.save()

    assert await kept_texts(storage, "s") == ["0", "1", "2"]


@pytest.mark.parametrize("mishap", [refuse, hang], ids=["raises", "hangs"])
async def test_closing_while_the_storage_is_away_leaves_the_handle_usable(mishap: Any) -> None:
    """`close` raises, the handle stays open with all that is pending, and a second `close` saves it."""
    storage = WatchedStorage()
    async with voxon_on(storage, storage_timeout_seconds=0.25) as voxon:
        session = await voxon.create_session(session_id="s")
        session.update_state(step=1)
        storage.mishap = mishap
        with pytest.raises(StorageUnavailableError):
            await session.close()
        assert session.is_active
        session.update_state(more=2)

        storage.mishap = None
        await session.close()

    assert (await voxon_on(storage).load_session("s")).state == {"step": 1, "more": 2}


@pytest.mark.parametrize("operation", ["load", "save", "list_sessions"])
async def test_a_facade_that_could_not_open_opens_later(operation: str) -> None:
    """A first use that fails because the storage is away leaves nothing behind; the next one works."""
    storage = WatchedStorage()
    for mishap in (refuse, hang):
        async with voxon_on(storage, storage_timeout_seconds=0.25) as voxon:
            storage.mishap = only(operation, mishap, times=1)
            with pytest.raises(StorageUnavailableError):
                async with voxon.session("ada"):
                    pass
            async with voxon.session("ada") as session:
                await session.update_state(step=1)
            await voxon.delete_user("ada")


async def test_ending_a_session_while_the_storage_is_away() -> None:
    """`end` raises; leaving the block still brings the end to storage once that is back."""
    storage = WatchedStorage()
    async with voxon_on(storage) as voxon:
        session = await voxon.create_session(session_id="s")
        storage.mishap = refuse
        with pytest.raises(StorageUnavailableError):
            await session.end("finished")
        storage.mishap = None
        await session.close()

    assert (await voxon_on(storage).load_session("s")).status == "ended"


async def test_an_error_in_a_block_is_not_hidden_by_a_failing_save() -> None:
    """The block's own error comes out, with a note that closing failed."""
    storage = WatchedStorage()
    async with voxon_on(storage) as voxon:
        with pytest.raises(ZeroDivisionError) as caught:
            async with voxon.session(session_id="s") as session:
                session.update_state(step=1)
                storage.mishap = refuse
                raise ZeroDivisionError
        storage.mishap = None

    assert any("closing session 's' failed" in note for note in caught.value.__notes__)


async def test_an_async_storage_error_of_a_stranger_is_a_storage_error() -> None:
    """An adapter of two methods that raises what it likes ends in a StorageError with that as its cause."""
    storage = TwoMethodStorage()
    async with voxon_on(storage) as voxon:
        session = await voxon.create_session(session_id="s")
        for error, kind in (
            (ConnectionResetError("gone"), StorageUnavailableError),
            (KeyError("x"), StorageError),
        ):

            async def fail(operation: str, call: Any, error: Exception = error) -> Any:
                raise error

            storage.mishap = fail
            session.update_state(step=1)
            with pytest.raises(kind) as caught:
                await session.save()
            assert caught.value.__cause__ is error
        storage.mishap = None
        await session.save()

    assert (await voxon_on(storage).load_session("s")).state == {"step": 1}
