"""Calls that take too long are given up in time, each for itself, and as `asyncio.timeout` does it."""

from __future__ import annotations

import asyncio

import pytest

from tests.patience import LONG_SECONDS
from tests.session.stores import voxon_on
from voxsession import MemorySessionStorage, StorageUnavailableError
from voxsession.session.deadlines import Deadlines


async def test_what_a_call_gives_or_raises_comes_through() -> None:
    """In time it is as if nobody looked at the clock."""

    async def given(value: object) -> object:
        await asyncio.sleep(0)
        if isinstance(value, Exception):
            raise value
        return value

    deadlines = Deadlines(LONG_SECONDS)
    assert await deadlines.kept(given(3)) == 3
    with pytest.raises(ValueError, match="broken"):
        await deadlines.kept(given(ValueError("broken")))


async def test_each_call_has_its_own_time() -> None:
    """One that is late ends alone; those that began later go on, and end in time too."""
    deadlines, done = Deadlines(0.05), asyncio.Event()

    async def late() -> str:
        with pytest.raises(TimeoutError):
            await deadlines.kept(asyncio.sleep(LONG_SECONDS))
        return "late"

    first = asyncio.ensure_future(late())
    await asyncio.sleep(0.03)
    second = asyncio.ensure_future(deadlines.kept(done.wait()))
    assert await first == "late"
    assert not second.done()
    done.set()
    assert await second is True
    assert await late() == "late"  # the timer runs again


async def test_the_task_goes_on_as_if_it_never_was_cancelled() -> None:
    """Whoever catches the `TimeoutError` may await other things, and be cancelled later."""
    deadlines = Deadlines(0.01)
    task = asyncio.current_task()
    assert task is not None
    with pytest.raises(TimeoutError):
        await deadlines.kept(asyncio.sleep(LONG_SECONDS))
    assert task.cancelling() == 0
    await asyncio.sleep(0)


async def test_a_call_that_ends_although_it_was_cancelled_gives_what_it_has() -> None:
    """Its answer counts, and the task is not left cancelled."""

    async def stubborn() -> str:
        try:
            await asyncio.sleep(LONG_SECONDS)
        except asyncio.CancelledError:
            return "all the same"
        raise AssertionError("nobody cancelled it")

    task = asyncio.current_task()
    assert task is not None
    assert await Deadlines(0.01).kept(stubborn()) == "all the same"
    assert task.cancelling() == 0


async def test_a_cancellation_from_outside_stays_one() -> None:
    """In time or late, whoever is cancelled by somebody else is cancelled."""
    deadlines, begun = Deadlines(0.05), asyncio.Event()

    async def call() -> None:
        begun.set()
        try:
            await asyncio.sleep(LONG_SECONDS)
        except asyncio.CancelledError:
            await asyncio.sleep(0.1)  # by now it is late as well
            raise

    task = asyncio.ensure_future(deadlines.kept(call()))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert task.cancelled()


async def test_calls_within_calls_end_with_the_one_that_is_late() -> None:
    """Only the time of the outer one is over."""
    outer, inner = Deadlines(0.02), Deadlines(LONG_SECONDS)
    with pytest.raises(TimeoutError):
        await outer.kept(inner.kept(asyncio.sleep(LONG_SECONDS)))
    task = asyncio.current_task()
    assert task is not None and task.cancelling() == 0


def test_one_object_serves_one_event_loop_after_another() -> None:
    """A timer that was left in a loop that ended holds nobody up."""
    deadlines = Deadlines(0.02)

    async def twice() -> None:
        assert await deadlines.kept(asyncio.sleep(0, "there")) == "there"
        with pytest.raises(TimeoutError):
            await deadlines.kept(asyncio.sleep(LONG_SECONDS))
        assert await deadlines.kept(asyncio.sleep(0, "there")) == "there"

    asyncio.run(twice())
    asyncio.run(twice())


async def test_a_save_that_comes_between_one_and_the_next_waits_no_longer_than_others() -> None:
    """The lock is free for a moment while its next holder is woken: who asks then is told in time as well."""
    async with voxon_on(MemorySessionStorage(), storage_timeout_seconds=0.05) as voxon:
        session = await voxon.create_session(session_id="s")
        core, recorder = session._core, await session._host.ready()
        lock = await recorder.take_turn(core)
        holder = asyncio.ensure_future(lock.acquire())
        await asyncio.sleep(0)
        newcomer = asyncio.ensure_future(recorder.take_turn(core))
        lock.release()
        with pytest.raises(StorageUnavailableError):
            await asyncio.wait_for(newcomer, LONG_SECONDS)
        assert await holder is True
        lock.release()
