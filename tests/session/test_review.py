"""What an outside reviewer broke once, so that it stays mended."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from voxsession import (
    ConfigurationError,
    ConflictError,
    MemorySessionStorage,
    ModelError,
    ModelRequest,
    SessionClosedError,
    SessionConfig,
    SessionNotFoundError,
    Voxon,
    VoxonConfig,
)
from voxsession.testing import FakeClock, ScriptedModel

KEY = "hex:" + "33" * 32


def voxon_on(storage: Any, **options: Any) -> Voxon:
    """A facade on a given storage under a fixed key."""
    settings = {name: options.pop(name) for name in list(options) if name.startswith("session_")}
    return Voxon(VoxonConfig(session_storage=storage, session_encryption_key=KEY, **settings), **options)


async def endless(request: ModelRequest) -> AsyncIterator[str]:
    """A model that goes on for ever after its first words."""
    if request.messages[-1]["content"] == "quick":
        yield "done"
        return
    number = 0
    while True:
        yield f"c{number} "
        number += 1
        await asyncio.sleep(0.001)


async def test_a_config_with_an_id_locks_nobody_out() -> None:
    """A second person with the same session_id is refused, and gets a session of their own without it."""
    storage = MemorySessionStorage()
    config = SessionConfig(session_id="support")
    async with voxon_on(storage) as voxon:
        async with voxon.session(user_id="alice", config=config) as session:
            live_config = session.config
            with pytest.raises(SessionNotFoundError):
                await voxon.session(user_id="bob", config=config)
            async with voxon.session(user_id="bob", config=live_config) as bobs:
                assert bobs.user_id == "bob" and bobs.session_id != "support"
        async with voxon.session(user_id="bob") as again:
            assert again.session_id == bobs.session_id
        async with voxon.session(config=SessionConfig(user_id="alice")) as hers:
            assert hers.session_id == "support"


async def test_a_refused_opening_leaves_nothing_behind() -> None:
    """After somebody else was refused, the owner finds what another process wrote meanwhile."""
    storage = MemorySessionStorage()
    async with voxon_on(storage) as here, voxon_on(storage) as there:
        await (await there.create_session(user_id="alice", session_id="s")).close()
        with pytest.raises(SessionNotFoundError):
            await here.load_session("s", user_id="mallory")
        async with await there.load_session("s") as session:
            session.add_memory("new")
        async with await here.load_session("s", user_id="alice") as session:
            assert [entry.content for entry in session.get_memory().entries] == ["new"]


async def test_a_conflict_does_not_follow_later_requests() -> None:
    """The handle in conflict can reload and go on; new handles of the process work at once."""
    storage = MemorySessionStorage()
    async with voxon_on(storage, model=ScriptedModel(["a", "b"])) as here, voxon_on(storage) as there:
        await (await here.create_session(user_id="u", session_id="s")).close()
        mine, theirs = await here.load_session("s"), await there.load_session("s")
        theirs.config.temperature = 0.1
        await theirs.save()
        mine.config.temperature = 0.2
        with pytest.raises(ConflictError):
            await mine.close()
        async with here.session("u") as fresh, fresh.conversation() as conv:
            assert fresh.session_id == "s" and fresh.config.temperature == 0.1
            assert await conv.send_message("hi") == "a"
        await mine.reload(keep_pending=False)
        assert mine.config.temperature == 0.1
        mine.config.temperature = 0.3
        await mine.close()


async def test_a_stream_that_was_walked_away_from_holds_up_nobody() -> None:
    """Another task's message is answered although the reader broke off and lives on."""
    async with voxon_on(MemorySessionStorage(), model=endless) as voxon, voxon.session("u") as session:
        async with session.conversation() as conv:
            left, done = asyncio.Event(), asyncio.Event()

            async def reader() -> None:
                async for _ in conv.stream_message("go"):
                    break
                left.set()
                await done.wait()

            task = asyncio.create_task(reader())
            await left.wait()
            reply = await asyncio.wait_for(conv.send_message("quick"), 30)
            done.set()
            await task
            history = await conv.history()

    assert reply == "done"
    assert [(m.content, m.interrupted) for m in history[:2]] == [("go", False), ("c0 ", True)]


async def test_each_chunk_in_a_task_of_its_own_can_be_interrupted() -> None:
    """The usual loop of a voice program: interrupt(heard) from elsewhere ends the stream and keeps what was heard."""
    async with voxon_on(MemorySessionStorage(), model=endless) as voxon, voxon.session("u") as session:
        async with session.conversation() as conv:
            stream = conv.stream_message("go")
            heard: list[str] = []

            async def talk() -> None:
                while True:
                    chunk = asyncio.create_task(anext(stream))
                    try:
                        heard.append(await chunk)
                    except StopAsyncIteration:
                        return

            talking = asyncio.create_task(talk())
            while len(heard) < 3:
                await asyncio.sleep(0.001)
            other = asyncio.create_task(conv.interrupt(heard="c0"))
            await asyncio.wait_for(asyncio.gather(other, talking), 30)
            history = await conv.history()

    assert [(m.content, m.interrupted) for m in history] == [("go", False), ("c0", True)]


async def test_interrupt_inside_the_reading_loop_keeps_what_was_heard() -> None:
    """heard= counts as well when the reader itself interrupts."""
    async with voxon_on(MemorySessionStorage(), model=endless) as voxon, voxon.session("u") as session:
        async with session.conversation() as conv:
            got = 0
            async for _ in conv.stream_message("go"):
                got += 1
                if got == 3:
                    await conv.interrupt(heard="c0")
            last = (await conv.history())[-1]

    assert (last.content, last.interrupted) == ("c0", True)


async def test_turns_stay_one_at_a_time_over_an_end_and_a_resumption() -> None:
    """Ending a conversation while turns wait does not let two of them run at once."""

    async def slow(request: ModelRequest) -> str:
        await asyncio.sleep(0.01)
        return "re " + request.messages[-1]["content"]

    async with voxon_on(MemorySessionStorage(), model=slow) as voxon, voxon.session("u") as session:
        conv = await session.start_conversation("c")
        turns = [asyncio.create_task(conv.send_message(f"m{number}")) for number in (1, 2)]
        await asyncio.sleep(0)
        await conv.end()
        again = await session.resume_conversation("c")
        turns.append(asyncio.create_task(again.send_message("m3")))
        await asyncio.gather(*turns)
        history = await again.history()

    roles = [message.role for message in history]
    assert roles == ["user", "assistant"] * 3


async def test_a_branch_made_in_a_batch_keeps_its_history() -> None:
    """Messages of others that come in during the batch do not shift the place where the branch left."""
    async with voxon_on(MemorySessionStorage()) as voxon, voxon.session("u") as session:
        parent, other = await session.start_conversation("p"), await session.start_conversation("o")

        def three(name: str) -> list[dict[str, str]]:
            return [{"role": "user", "content": f"{name}{number}"} for number in range(3)]

        entered, go_on = asyncio.Event(), asyncio.Event()

        async def in_a_batch() -> Any:
            async with session.batch_update():
                await parent.add_messages(three("p"))
                branch = await session.start_conversation("b", parent_id="p")
                entered.set()
                await go_on.wait()
                return branch

        task = asyncio.create_task(in_a_batch())
        await entered.wait()
        await other.add_messages(three("o"))
        go_on.set()
        branch = await task
        history = [message.content for message in await branch.history()]

    assert history == ["p0", "p1", "p2"]


async def test_a_session_that_ended_elsewhere_is_not_handed_out() -> None:
    """A person whose session ended in another process gets a new one, though a live core of the old is open."""
    storage = MemorySessionStorage()
    async with voxon_on(storage) as here, voxon_on(storage) as there:
        async with here.session("u") as mine:
            async with await there.load_session(mine.session_id) as theirs:
                await theirs.end()
            async with here.session("u") as fresh:
                assert fresh.session_id != mine.session_id and fresh.status == "active"


async def test_clearing_reaches_filed_history() -> None:
    """clear_memory erases superseded facts that lie in archive pages too, and the pages go with that save."""
    storage = MemorySessionStorage()
    async with voxon_on(storage) as voxon:
        config = SessionConfig(memory_mode="persistent")
        async with (
            voxon.session("u", session_id="s", config=config) as session,
            session.conversation() as conv,
        ):
            for number in range(200):
                await conv.add_messages(
                    [{"role": "user", "content": f"My name is Ann{'abcdefghij'[number % 10]}"}]
                )
            assert session._core.data.archive_pages
            named = {ref.id for ref in session._core.data.archive_pages}
            session.clear_memory()
            await session.save()
            stored = {name for name, _ in await storage.list_pages("s")}

    assert not session._core.data.archive_pages and not named & stored


async def test_cancellation_from_inside_is_a_failure_not_a_cancellation() -> None:
    """A CancelledError raised by a handler or a model never looks like the caller's own."""

    async def model(request: ModelRequest) -> str:
        raise asyncio.CancelledError

    def handler(event: Any) -> None:
        raise asyncio.CancelledError

    async with voxon_on(MemorySessionStorage(), model=model) as voxon, voxon.session("u") as session:
        failures: list[Any] = []
        session.events.on("handler.failed", failures.append)
        session.events.on("memory.added", handler)
        session.add_memory("x")
        async with session.conversation() as conv:
            with pytest.raises(ModelError):
                await conv.send_message("hi")

    assert len(failures) == 1


async def test_what_handlers_change_while_closing_is_saved_or_refused() -> None:
    """A change by a session.saved handler is saved as well; after that the handle is closed to all."""
    storage = MemorySessionStorage()
    async with voxon_on(storage) as voxon:
        session = await voxon.create_session(session_id="s")
        told: list[Any] = []
        session.events.once("session.saved", lambda event: session.add_memory("from the handler"))
        session.events.on("handler.failed", told.append)
        session.events.on("session.closed", lambda event: session.add_memory("too late"))
        session.add_memory("first")
        await session.close()
        async with await voxon.load_session("s") as again:
            kept = {entry.content for entry in again.get_memory().entries}

    assert kept == {"first", "from the handler"}
    assert isinstance(told[0].error, SessionClosedError)


async def test_closing_does_not_bring_an_expired_session_back() -> None:
    """What was pending is saved, and the session stays expired."""
    clock, storage = FakeClock(), MemorySessionStorage()
    async with voxon_on(storage, clock=clock, session_ttl_seconds=100) as voxon:
        session = await voxon.create_session(session_id="s", user_id="u")
        session.add_memory("pending")
        clock.advance(seconds=200)
        await session.close()
        async with await voxon.load_session("s") as again:
            assert again.status == "expired"
            assert [entry.content for entry in again.get_memory().entries] == ["pending"]


async def test_close_in_a_batch_is_refused() -> None:
    """Closing inside batch_update would lose the batch, so it says so and loses nothing."""
    async with voxon_on(MemorySessionStorage()) as voxon:
        session = await voxon.create_session(session_id="s")
        with session.batch_update():
            session.add_memory("kept")
            with pytest.raises(ConfigurationError, match="batch"):
                await session.close()
        conv = await session.start_conversation()
        await session.close()
        with pytest.raises(SessionClosedError):
            await conv.send_message("hi")
        async with await voxon.load_session("s") as again:
            assert [entry.content for entry in again.get_memory().entries] == ["kept"]


async def test_an_erased_session_stays_erased() -> None:
    """A handle of a deleted session cannot write it again."""
    async with voxon_on(MemorySessionStorage()) as voxon:
        session = await voxon.create_session(session_id="s", user_id="u")
        await voxon.delete_session("s")
        session.add_memory("x")
        with pytest.raises(SessionNotFoundError):
            await session.save()
        with pytest.raises(SessionNotFoundError):
            await voxon.load_session("s")


async def test_pages_that_no_document_names_are_swept_after_a_day() -> None:
    """Clean-up removes a page left by a save that was given up, and none that is named or young."""
    clock = FakeClock()
    storage = MemorySessionStorage(clock=clock)
    async with voxon_on(storage, clock=clock) as voxon:
        async with voxon.session("u", session_id="s") as session, session.conversation("c") as conv:
            for start in range(0, 400, 100):
                await conv.add_messages([{"role": "user", "content": f"m{start + n}"} for n in range(100)])
            session.clear_memory()
            session.add_memory("x")
            session.clear_memory()
            await session.save()
        named = {name for name, _ in await storage.list_pages("s")}
        assert named
        page = await storage.load_page("s", next(iter(named)))
        assert page is not None
        await storage.save_page("s", {**page, "page_id": "p_orphan"})
        await voxon.cleanup_expired_sessions()
        assert "p_orphan" in {name for name, _ in await storage.list_pages("s")}
        clock.advance(seconds=2 * 86_400)
        await voxon.cleanup_expired_sessions()
        assert {name for name, _ in await storage.list_pages("s")} == named
        async with await voxon.load_session("s") as session:
            history = await (await session.resume_conversation("c")).history()
        assert len(history) == 400
