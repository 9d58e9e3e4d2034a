"""Event loops: one after another is fine, two at once is refused."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from tests.session.stores import WatchedStorage, contents, kept_texts, voxon_on
from voxsession import (
    ConfigurationError,
    Conversation,
    FileSessionStorage,
    MemorySessionStorage,
    ModelRequest,
    Reply,
    Session,
    SessionConfig,
    SessionStorage,
    Voxon,
    VoxonConfig,
)
from voxsession.testing import ScriptedModel

QUIET = SessionConfig(enable_learning=False, enable_analytics=False)


def said(text: str) -> list[dict[str, Any]]:
    """One message that nothing is learned from."""
    return [{"role": "assistant", "content": text}]


@pytest.fixture(params=["file", "memory"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> SessionStorage:
    """Storages with and without threads of their own."""
    return FileSessionStorage(tmp_path) if request.param == "file" else MemorySessionStorage()


def test_a_new_loop_for_each_request(storage: SessionStorage) -> None:
    """A program that calls asyncio.run for each request keeps one facade over all of them."""
    voxon = voxon_on(storage, model=ScriptedModel([f"answer {n}" for n in range(10)]))

    async def request(number: int) -> None:
        async with voxon.session("ada", config=QUIET) as session, session.start_conversation("c") as conv:
            assert await conv.send_message(f"question {number}") == f"answer {number}"

    for number in range(10):
        asyncio.run(request(number))

    async def look() -> list[str]:
        async with voxon.session("ada") as session:
            conv = await session.resume_conversation("c")
            return contents(await conv.history())

    assert asyncio.run(look()) == [f"{word} {n}" for n in range(10) for word in ("question", "answer")]


def test_a_session_held_over_several_loops(storage: SessionStorage) -> None:
    """Locks and gates of a handle follow it from loop to loop, also when many tasks contend for them in each."""
    voxon, kept = voxon_on(storage), list[Session]()

    async def begin() -> None:
        kept.append(await voxon.create_session(session_id="s", config=QUIET))
        await kept[0].start_conversation("c")

    async def work(number: int) -> None:
        conv = await kept[0].start_conversation("c")
        await asyncio.gather(*(conv.add_messages(said(f"{number}.{part}")) for part in range(8)))
        await asyncio.gather(*(kept[0].save() for _ in range(8)))

    asyncio.run(begin())
    for number in range(6):
        asyncio.run(work(number))

    async def end() -> None:
        await kept[0].close()
        await voxon.close()

    asyncio.run(end())
    texts = asyncio.run(kept_texts(storage, "s"))
    assert sorted(texts) == [f"{number}.{part}" for number in range(6) for part in range(8)]


def test_a_turn_that_its_loop_left_behind_does_not_block_the_next_loop() -> None:
    """A loop that ends in the middle of a turn, a stream and a save leaves a session that goes on."""
    storage = WatchedStorage()
    kept: list[Session] = []

    async def slow(request: Any) -> Any:
        async def chunks() -> Any:
            yield "so far "
            await asyncio.Event().wait()

        return chunks()

    voxon = voxon_on(storage, model=slow)

    async def die(how: str) -> None:
        session = kept[0] if kept else await voxon.create_session(session_id="s", config=QUIET)
        kept[:] = [session]
        conv = await session.start_conversation("c")
        if how == "save":
            stuck = asyncio.Event()

            async def wait_for_ever(operation: str, call: Any) -> Any:
                stuck.set()
                await asyncio.Event().wait()

            storage.mishap = wait_for_ever
            asyncio.ensure_future(conv.add_messages(said("saved late")))  # noqa: RUF006
            await stuck.wait()
        else:
            stream = conv.stream_message("asked in a stream")
            assert await anext(stream) == "so far "

    for how in ("stream", "save"):
        asyncio.run(die(how))
        storage.mishap = None

    async def go_on() -> list[str]:
        conv = await kept[0].start_conversation("c")
        await conv.add_messages(said("and on"))
        await kept[0].close()
        return contents(await conv.history())

    async def in_time() -> list[str]:
        async with asyncio.timeout(10):
            return await go_on()

    texts = asyncio.run(in_time())
    assert texts[0] == "asked in a stream" and texts[-2:] == ["saved late", "and on"]
    assert asyncio.run(kept_texts(storage, "s")) == texts


def test_a_loop_that_ended_in_the_middle_of_opening() -> None:
    """An opening that died with its loop is begun anew by the next one."""
    storage = WatchedStorage()
    voxon = voxon_on(storage)

    async def wait_for_ever(operation: str, call: Any) -> Any:
        await asyncio.Event().wait()

    async def cut_off() -> None:
        storage.mishap = wait_for_ever
        opening = asyncio.ensure_future(voxon.session("ada")._once())
        while not storage.calls:
            await asyncio.sleep(0)
        assert not opening.done()

    async def open_it() -> None:
        async with asyncio.timeout(10), voxon.session("ada") as session:
            await session.update_state(step=1)

    asyncio.run(cut_off())
    storage.mishap = None
    asyncio.run(open_it())
    asyncio.run(cut_off_loading(voxon, storage))
    storage.mishap = None
    asyncio.run(open_it())


async def cut_off_loading(voxon: Any, storage: WatchedStorage) -> None:
    """Leaves a loop while a session is being loaded."""
    loading = asyncio.Event()

    async def wait_for_ever(operation: str, call: Any) -> Any:
        if operation != "load":
            return await call()
        loading.set()
        await asyncio.Event().wait()

    storage.mishap = wait_for_ever
    task = asyncio.ensure_future(voxon.session("ada")._once())
    await loading.wait()
    assert not task.done()


def in_another_thread(make: Callable[[], Coroutine[Any, Any, Any]]) -> list[Any]:
    """Runs a coroutine in an event loop of another thread; its result or its error."""
    outcome: list[Any] = []

    def run() -> None:
        try:
            outcome.append(asyncio.run(make()))
        except Exception as error:
            outcome.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(30)
    return outcome


async def test_two_running_loops_at_once_are_refused(storage: SessionStorage) -> None:
    """A facade in use by a running loop tells a second one in another thread what to do, and stays usable."""
    async with voxon_on(storage) as voxon:
        session = await voxon.create_session(session_id="s", config=QUIET)
        conv = await session.start_conversation("c")

        for make in (
            lambda: voxon.load_session("s")._once(),
            lambda: voxon.session("ada")._once(),
            session.save,
            lambda: conv.add_messages(said("from elsewhere")),
            session.reload,
        ):
            (error,) = await asyncio.to_thread(in_another_thread, make)
            assert isinstance(error, ConfigurationError), make
            assert "one Voxon for each loop" in str(error)

        await conv.add_messages(said("here"))

    assert (await kept_texts(storage, "s"))[-1] == "here"


async def test_two_facades_of_two_threads_share_a_storage(storage: SessionStorage) -> None:
    """Each loop with its own facade: both write one session at the same time."""
    async with voxon_on(storage) as voxon:
        session = await voxon.create_session(session_id="s", config=QUIET)
        conv = await session.start_conversation("mine")

        async def elsewhere() -> str:
            async with voxon_on(storage) as other, other.session(session_id="s") as theirs:
                talk = await theirs.start_conversation("theirs")
                for number in range(20):
                    await talk.add_messages(said(str(number)))
            return "done"

        thread = asyncio.ensure_future(asyncio.to_thread(in_another_thread, elsewhere))
        for number in range(20):
            await conv.add_messages(said(str(number)))
        assert await thread == ["done"]

    numbers = list(map(str, range(20)))
    assert await kept_texts(storage, "s", "mine") == numbers
    assert await kept_texts(storage, "s", "theirs") == numbers


def test_after_its_loop_ended_a_facade_belongs_to_the_next_one() -> None:
    """A loop in another thread may take over once the first one no longer runs."""
    storage = MemorySessionStorage()
    voxon = voxon_on(storage)

    async def step(number: int) -> int:
        async with voxon.session("ada") as session:
            await session.update_state(**{f"n{number}": 1})
            return len(session.state)

    assert asyncio.run(step(1)) == 1
    assert in_another_thread(lambda: step(2)) == [2]
    assert asyncio.run(step(3)) == 3


def test_a_turn_of_a_loop_that_stopped_holds_nobody_up() -> None:
    """Nobody goes on with it, whether its loop was closed or only left: the next loop has the place."""

    async def model(request: ModelRequest) -> str:
        if request.messages[-1]["content"] == "a":
            await asyncio.Event().wait()
        return "here"

    voxon = Voxon(VoxonConfig(session_storage=MemorySessionStorage()), model=model)

    async def begin() -> tuple[Conversation, asyncio.Task[Reply]]:
        session = await voxon.session("ada")
        conv = await session.start_conversation("c")
        turn = asyncio.create_task(conv.send_message("a"))
        await asyncio.sleep(0.01)
        return conv, turn

    left = asyncio.new_event_loop()
    try:
        conv, turn = left.run_until_complete(begin())

        async def go_on() -> str:
            return await asyncio.wait_for(conv.send_message("b"), 10)

        assert asyncio.run(go_on()) == "here"
        turn.cancel()
        left.run_until_complete(asyncio.wait([turn]))
        assert [message.content for message in conv.messages] == ["a", "b", "here"]
    finally:
        left.close()
