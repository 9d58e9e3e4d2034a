"""Threads for blocking calls, and the sync of a folder that threads share."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable

import pytest

from voxsession.errors import ConflictError
from voxsession.storage import file_jobs, file_sync
from voxsession.storage.file_burst import THREADS, BurstThreads
from voxsession.storage.file_jobs import BURST_CALLS
from voxsession.storage.file_parts import Parts, Pause
from voxsession.storage.file_sync import SharedFolderSync


@pytest.fixture(autouse=True)
def long_bursts(monkeypatch: pytest.MonkeyPatch) -> None:
    """No burst ends only because the machine is slow."""
    monkeypatch.setattr(file_jobs, "BURST_SECONDS", 60)


async def test_results_and_errors_come_back() -> None:
    """Each caller gets what its own call gave or raised."""
    threads = BurstThreads("test")

    def fail() -> None:
        raise ConflictError("sess_1", expected_seq=1, found_seq=2)

    results = await asyncio.gather(
        *(threads.run(lambda n=n: n * 2) for n in range(100)), threads.run(fail), return_exceptions=True
    )
    await threads.close()

    assert results[:100] == [n * 2 for n in range(100)]
    assert isinstance(results[100], ConflictError)


async def test_a_burst_wakes_the_loop_seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many calls at once are answered together, and no more threads are made than are allowed."""
    threads = BurstThreads("test")
    loop = asyncio.get_running_loop()
    wake, wakes = loop.call_soon_threadsafe, []
    monkeypatch.setattr(loop, "call_soon_threadsafe", lambda *a: wakes.append(a) or wake(*a))
    seen: set[str] = set()
    await asyncio.gather(
        *(threads.run(lambda: seen.add(threading.current_thread().name)) for _ in range(800))
    )
    monkeypatch.undo()
    await threads.close()

    assert len(wakes) <= 800 / BURST_CALLS + 2 * THREADS
    assert 1 <= len(seen) <= THREADS


async def test_one_slow_call_holds_up_nobody() -> None:
    """While a call waits for the disk the next ones are made, and answered before it."""
    threads, go = BurstThreads("test"), threading.Event()
    slow = asyncio.ensure_future(threads.run(lambda: go.wait(30)))
    await asyncio.sleep(0)
    quick = [threads.run(threading.get_ident) for _ in range(50)]
    await asyncio.wait_for(asyncio.gather(*quick), 10)
    assert not slow.done()

    go.set()
    assert await slow is True
    await threads.close()


async def test_what_was_cancelled_before_it_began_is_not_done() -> None:
    """A call whose caller gave up while it waited is left out; one that has begun is finished."""
    threads, begun, go = BurstThreads("test", size=1), threading.Event(), threading.Event()
    done: list[str] = []

    def first() -> None:
        begun.set()
        go.wait(30)
        done.append("first")

    tasks = [asyncio.ensure_future(threads.run(call)) for call in (first, lambda: done.append("second"))]
    await asyncio.to_thread(begun.wait, 30)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    go.set()
    await threads.run(lambda: done.append("third"))
    await threads.close()

    assert done == ["first", "third"]


async def test_closing_twice_and_using_again() -> None:
    """Closed threads are gone, closing again is harmless, and the next call makes new ones."""
    threads = BurstThreads("test")
    await threads.close()
    assert await threads.run(lambda: 1) == 1
    await threads.close()
    await threads.close()
    assert threads.threads == []

    assert await threads.run(lambda: 2) == 2
    await threads.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_process_has_threads_of_its_own() -> None:
    """After a fork the child makes new threads instead of waiting for those of its parent."""
    threads = BurstThreads("test")
    assert asyncio.run(threads.run(lambda: 1)) == 1
    child = os.fork()
    if child == 0:
        os._exit(asyncio.run(threads.run(lambda: 7)))

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    asyncio.run(threads.close())


# --- writes that pause


def a_write(
    name: str, steps: list[str], *, first: Pause | None = None, blocked: threading.Event | None = None
) -> Parts:
    """A write that notes its parts; with `first` it meets a lock of somebody else."""
    if first is not None:
        yield Pause.OCCUPIED
    if first is Pause.WAITING:
        yield Pause.WAITING
        assert blocked is not None and blocked.wait(30)
    steps.append(f"{name} written")
    yield Pause.WRITTEN
    steps.append(f"{name} synced")


async def in_one_burst(threads: BurstThreads, *writes: Parts) -> None:
    """Sends them while the only thread is held up, so that it draws them one after another."""
    go = threading.Event()
    tasks = [asyncio.ensure_future(threads.run(lambda: go.wait(30)))]
    tasks += [asyncio.ensure_future(threads.write(write)) for write in writes]
    await asyncio.sleep(0)
    go.set()
    await asyncio.gather(*tasks)


async def test_writes_of_a_burst_are_synced_together() -> None:
    """All of them are written before the first is synced."""
    threads, steps = BurstThreads("test", size=1), list[str]()
    await in_one_burst(threads, *(a_write(name, steps) for name in "abc"))
    await threads.close()

    assert steps == ["a written", "b written", "c written", "a synced", "b synced", "c synced"]


async def test_nobody_waits_for_a_lock_while_holding_another() -> None:
    """A write whose lock is somebody's goes on when those before it are done, for one of them may hold it."""
    threads, steps = BurstThreads("test", size=1), list[str]()
    await in_one_burst(threads, a_write("a", steps), a_write("b", steps, first=Pause.OCCUPIED))
    await threads.close()

    assert steps == ["a written", "a synced", "b written", "b synced"]


async def test_a_write_that_blocks_holds_no_answer_back() -> None:
    """Before a thread blocks in a lock it answers whom it has served."""
    threads, steps = BurstThreads("test", size=1), list[str]()
    go, blocked = threading.Event(), threading.Event()
    blocking = a_write("b", steps, first=Pause.WAITING, blocked=blocked)
    calls = (threads.run(lambda: go.wait(30)), threads.write(a_write("a", steps)), threads.write(blocking))
    held_up, served, waiting = [asyncio.ensure_future(call) for call in calls]
    await asyncio.sleep(0)
    go.set()
    await asyncio.wait_for(asyncio.gather(held_up, served), 10)
    assert not waiting.done()

    blocked.set()
    await waiting
    await threads.close()


async def test_other_calls_wait_for_no_lock_of_a_write() -> None:
    """A call that may need a lock is begun when its thread holds none."""
    threads, steps, go = BurstThreads("test", size=1), list[str](), threading.Event()
    tasks = [
        asyncio.ensure_future(one)
        for one in (
            threads.run(lambda: go.wait(30)),
            threads.write(a_write("a", steps)),
            threads.run(lambda: steps.append("read")),
        )
    ]
    await asyncio.sleep(0)
    go.set()
    await asyncio.gather(*tasks)
    await threads.close()

    assert steps == ["a written", "a synced", "read"]


async def test_a_write_that_fails_fails_alone() -> None:
    """Whichever part of a write fails, its caller is told, and the others of the burst are done."""
    threads, steps = BurstThreads("test", size=1), list[str]()

    def fails_late() -> Parts:
        yield Pause.WRITTEN
        raise ConflictError("sess_1", expected_seq=1, found_seq=2)

    with pytest.raises(ConflictError):
        await in_one_burst(threads, a_write("a", steps), fails_late(), a_write("b", steps))
    await threads.close()

    assert steps == ["a written", "b written", "a synced", "b synced"]


async def test_a_call_never_waits_behind_a_slow_one() -> None:
    """A single call that comes while the only thread is busy gets a thread of its own."""
    threads, begun, go = BurstThreads("test"), threading.Event(), threading.Event()
    slow = asyncio.ensure_future(threads.run(lambda: begun.set() or go.wait(30)))
    await asyncio.to_thread(begun.wait, 30)
    await asyncio.wait_for(threads.run(lambda: None), 10)
    assert not slow.done()

    go.set()
    await slow
    await threads.close()


# --- the sync of a folder


def in_threads(call: Callable[[], None], count: int) -> list[threading.Thread]:
    threads = [threading.Thread(target=call) for _ in range(count)]
    for thread in threads:
        thread.start()
    return threads


def test_threads_share_a_sync(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those who come while a sync runs share one sync that begins after they came."""
    running, go, syncs = threading.Event(), threading.Event(), []

    def slow(path: str) -> None:
        syncs.append(path)
        running.set()
        go.wait(30)

    monkeypatch.setattr(file_sync, "sync_folder", slow)
    sync = SharedFolderSync()
    threads = in_threads(lambda: sync("folder"), 1)
    assert running.wait(30)
    threads += in_threads(lambda: sync("folder"), 9)
    sync_elsewhere = in_threads(lambda: sync("elsewhere"), 1)
    go.set()
    for thread in threads + sync_elsewhere:
        thread.join(30)

    assert syncs.count("elsewhere") == 1
    assert 2 <= syncs.count("folder") <= 10


def test_nobody_is_answered_by_an_earlier_sync(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sync that had begun before a change does not answer for it."""
    running, go, count = threading.Event(), threading.Event(), 0

    def slow(path: str) -> None:
        nonlocal count
        count += 1
        running.set()
        go.wait(30)

    monkeypatch.setattr(file_sync, "sync_folder", slow)
    sync = SharedFolderSync()
    first = in_threads(lambda: sync("folder"), 1)[0]
    assert running.wait(30)
    second = in_threads(lambda: sync("folder"), 1)[0]
    second.join(0.05)
    assert second.is_alive()
    go.set()
    first.join(30)
    second.join(30)

    assert count == 2


def test_a_sync_that_fails_answers_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """When a shared sync fails, those who waited for it try it themselves."""
    calls = 0

    def fail_first(path: str) -> None:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise OSError(5, "Input/output error")

    monkeypatch.setattr(file_sync, "sync_folder", fail_first)
    sync = SharedFolderSync()
    with pytest.raises(OSError, match="Input/output"):
        sync("folder")
    sync("folder")
    assert calls == 2


def test_one_sync_answers_for_all_that_came_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Changes that were made before a sync began need no other; a change after it does."""
    syncs: list[str] = []
    monkeypatch.setattr(file_sync, "sync_folder", syncs.append)
    sync = SharedFolderSync()
    needed = [sync.next_turn("folder") for _ in range(3)]
    for number in needed:
        sync("folder", number)
    assert syncs == ["folder"]

    sync("folder", sync.next_turn("folder"))
    assert syncs == ["folder"] * 2
