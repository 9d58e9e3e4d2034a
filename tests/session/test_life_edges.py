"""The edges of a life: functions and saves in a batch, a facade that closes before its sessions, a forgotten await."""

from __future__ import annotations

import asyncio
import copy
import inspect
import logging
import pickle
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.session.stores import KEY, WatchedStorage, contents, kept_texts, refuse, voxon_on
from voxsession import (
    ConfigurationError,
    ConflictError,
    Conversation,
    MemorySessionStorage,
    Reply,
    Session,
    SessionConfig,
    SessionStorage,
    Voxon,
    VoxonConfig,
)
from voxsession.testing import ScriptedModel

QUIET = SessionConfig(enable_learning=False)
CALLING = SessionConfig(enable_learning=False, enable_functions=True)
SECRET = "the word is xylophone"


def calls_pay() -> Reply:
    """What a model says that wants the function `pay` to run."""
    call = {"id": "call_1", "type": "function", "function": {"name": "pay", "arguments": "{}"}}
    return Reply("One moment. ", tool_calls=[call])


@asynccontextmanager
async def paying(
    storage: SessionStorage, model: Any
) -> AsyncIterator[tuple[Session, Conversation, list[int]]]:
    """A conversation whose model may call `pay`, with its session and a list of what was paid."""
    paid: list[int] = []

    def pay() -> str:
        """Pays."""
        paid.append(1)
        return "paid"

    async with (
        voxon_on(storage, model=model) as voxon,
        voxon.session(session_id="s", config=CALLING) as session,
        session.conversation("c") as conv,
    ):
        conv.register_function(pay)
        yield session, conv, paid


async def kept_memories(storage: SessionStorage, session_id: str) -> list[str]:
    """The memories that another process would find."""
    async with voxon_on(storage) as voxon, voxon.load_session(session_id) as session:
        return [entry.content for entry in session.get_memory().entries]


def warned(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The warnings of this package."""
    return [
        one.getMessage()
        for one in caplog.records
        if one.name.startswith("voxsession") and one.levelno == logging.WARNING
    ]


# --- functions and saves in a batch


@pytest.mark.parametrize("streams", [False, True])
async def test_a_turn_with_functions_is_refused_in_a_batch(streams: bool) -> None:
    """No function runs whose record a kill would lose; nothing is recorded, and behind the block the turn works."""
    storage = WatchedStorage()
    model = ScriptedModel([calls_pay(), "Paid."])
    async with paying(storage, model) as (session, conv, paid):
        async with session.batch_update():
            with pytest.raises(ConfigurationError, match="Leave the block first") as refused:
                if streams:
                    async for _ in conv.stream_message("Pay"):
                        pass
                else:
                    await conv.send_message("Pay")
            session.add_memory("Likes tea")
        assert refused.value.option == "enable_functions"
        assert paid == [] and model.requests == [] and conv.messages == []
        assert await conv.send_message("Pay") == "Paid." and paid == [1]
    assert await kept_memories(storage, "s") == ["Likes tea"]


async def test_a_stream_that_is_read_on_in_a_batch_runs_no_function_there() -> None:
    """What a turn does when it calls counts, not where it began; what the user said is kept."""
    storage = WatchedStorage()

    async def model(request: Any) -> AsyncIterator[str]:
        yield "One moment. "
        yield calls_pay()

    async with paying(storage, model) as (session, conv, paid):
        stream = conv.stream_message("Pay")
        assert await anext(stream) == "One moment. "
        async with session.batch_update():
            with pytest.raises(ConfigurationError, match="Leave the block first"):
                await anext(stream)
        assert paid == []
    assert await kept_texts(storage, "s") == ["Pay", "One moment. "]


@pytest.mark.parametrize(("settings", "registers"), [(QUIET, True), (CALLING, False)])
async def test_turns_that_call_nothing_go_into_a_batch(settings: SessionConfig, registers: bool) -> None:
    """Functions that are switched off, or that nobody registered, are no hindrance."""
    storage = WatchedStorage()
    async with voxon_on(storage, model=ScriptedModel(["Hello."])) as voxon:
        async with (
            voxon.session(session_id="s", config=settings) as session,
            session.conversation("c") as conv,
        ):
            if registers:
                conv.register_function(contents)
            storage.taken()
            async with session.batch_update():
                assert await conv.send_message("Hi") == "Hello."
                assert storage.taken() == []
            assert storage.taken() == ["append"]
    assert await kept_texts(storage, "s") == ["Hi", "Hello."]


async def test_save_in_a_batch_says_that_it_would_save_nothing() -> None:
    """Also in a block in a block; an awaited change and an inner `async with` go with the block around them."""
    storage = WatchedStorage()
    async with voxon_on(storage) as voxon, voxon.session(session_id="s", config=QUIET) as session:
        storage.taken()
        async with session.batch_update():
            async with session.batch_update():
                await session.update_state(a=1)
                with pytest.raises(ConfigurationError, match=r"save\(\) inside batch_update\(\)") as refused:
                    await session.save()
            assert refused.value.option == "save" and storage.taken() == []
        assert storage.taken() == ["append"] and session.state == {"a": 1}
        await session.save()


# --- a facade that closes before its sessions


async def _leave_block(voxon: Voxon, made: list[Session]) -> None:
    async with voxon:
        made.append(await voxon.session(session_id="s", config=QUIET))
        made[0].add_memory("Likes tea")


async def _leave_block_with_error(voxon: Voxon, made: list[Session]) -> None:
    with pytest.raises(ZeroDivisionError):
        async with voxon:
            made.append(await voxon.session(session_id="s", config=QUIET))
            made[0].add_memory("Likes tea")
            raise ZeroDivisionError


async def _close(voxon: Voxon, made: list[Session]) -> None:
    made.append(voxon.create_session(session_id="s", config=QUIET))  # never awaited
    made[0].add_memory("Likes tea")
    await voxon.close()


@pytest.mark.parametrize("leave", [_leave_block, _leave_block_with_error, _close])
async def test_closing_saves_what_open_sessions_hold(
    leave: Callable[[Voxon, list[Session]], Awaitable[None]], caplog: pytest.LogCaptureFixture
) -> None:
    """As a session's own block does, also where it raised; the log has nothing to warn of."""
    storage, made = MemorySessionStorage(), list[Session]()
    await leave(voxon_on(storage), made)
    assert await kept_memories(storage, "s") == ["Likes tea"]
    assert warned(caplog) == []
    assert made[0].is_active  # a handle stays as it was


async def test_closing_saves_neither_twice_nor_what_was_dropped() -> None:
    """Sessions that were closed, deleted, saved or only looked at cost no write."""
    storage = WatchedStorage()
    async with voxon_on(storage) as voxon, voxon.session(session_id="talked", config=QUIET) as session:
        async with session.conversation("c") as conv:
            await conv.send_message("Hi")
    async with voxon_on(storage) as voxon:
        async with voxon.session(session_id="closed", config=QUIET) as session:
            session.add_memory("Likes tea")
        saved = await voxon.create_session(session_id="saved", config=QUIET)
        await saved.update_state(a=1)
        deleted = await voxon.create_session(session_id="deleted", config=QUIET)
        deleted.add_memory("Likes tea")
        await voxon.delete_session("deleted")
        looked_at = await voxon.load_session("talked")
        assert (await looked_at.resume_conversation("c")).messages
        storage.taken()
    assert storage.taken() == []


async def test_what_cannot_be_saved_at_closing_is_told_and_kept(caplog: pytest.LogCaptureFixture) -> None:
    """A warning names the session and how much it is, never what; closing does not fail, and the handle can save."""
    storage = WatchedStorage()
    async with voxon_on(storage) as voxon:
        good = await voxon.create_session(session_id="good", config=QUIET)
        bad = await voxon.create_session(session_id="bad", config=QUIET)
        rival = voxon_on(storage)
        async with rival, rival.load_session("bad") as theirs:
            theirs.config.temperature = 0.1
        bad.config.temperature = 0.9
        bad.add_memory(SECRET)
        good.add_memory("Likes tea")
        caplog.clear()
    told = [line for line in warned(caplog) if "still open" in line]
    assert told == ["session bad: still open when its Voxon closed; changes that could not be saved: 2"]
    assert SECRET not in caplog.text and "xylophone" not in caplog.text
    assert await kept_memories(storage, "good") == ["Likes tea"]
    with pytest.raises(ConflictError):
        await bad.save()
    assert [entry.content for entry in bad.get_memory().entries] == [SECRET]


async def test_closing_beside_a_storage_that_is_away_tells_of_every_session(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """And the error of the block is not hidden by it."""
    storage = WatchedStorage()
    with pytest.raises(ZeroDivisionError):
        async with voxon_on(storage) as voxon:
            for name in ("a", "b"):
                session = await voxon.create_session(session_id=name, config=QUIET)
                session.add_memory("Likes tea")
            storage.mishap = refuse
            raise ZeroDivisionError
    told = [line.split(":")[0] for line in warned(caplog) if "could not be saved: 1" in line]
    assert told == ["session a", "session b"]


async def test_closing_gives_a_storage_that_hangs_its_time_once(caplog: pytest.LogCaptureFixture) -> None:
    """Ten sessions that cannot be saved do not make closing ten times as long."""
    storage = WatchedStorage()
    voxon = Voxon(
        VoxonConfig(session_storage=storage, session_encryption_key=KEY, storage_timeout_seconds=0.1)
    )
    for number in range(10):
        session = await voxon.create_session(session_id=f"s{number}", config=QUIET)
        session.add_memory("Likes tea")

    async def hang(operation: str, call: Any) -> Any:
        await asyncio.Event().wait()

    storage.mishap = hang
    storage.taken()
    await voxon.close()
    assert len(storage.taken()) < 5
    assert sum("could not be saved: 1" in line for line in warned(caplog)) == 10


async def test_closing_inside_a_batch_leaves_it_to_the_block(caplog: pytest.LogCaptureFixture) -> None:
    """Nothing of the block is saved before its end, which saves all of it."""
    storage = WatchedStorage()
    voxon = voxon_on(storage)
    session = await voxon.create_session(session_id="s", config=QUIET)
    session.add_memory("Likes tea")
    storage.taken()
    async with session.batch_update():
        session.add_memory("Likes coffee")
        await voxon.close()
        assert storage.taken() == []
    assert any("could not be saved: 1" in line for line in warned(caplog))
    assert await kept_memories(storage, "s") == ["Likes tea", "Likes coffee"]
    await voxon.close()


# --- a facade that is closed


REFUSED: dict[str, Callable[[Voxon], Any]] = {
    "session": lambda voxon: voxon.session(user_id="ann"),
    "session by id": lambda voxon: voxon.session(session_id="s"),
    "session of nobody": lambda voxon: voxon.session(),
    "load_session": lambda voxon: voxon.load_session("s"),
    "delete_session": lambda voxon: voxon.delete_session("s"),
    "list_sessions": lambda voxon: anext(voxon.list_sessions()),
    "get_stats": lambda voxon: voxon.get_stats(),
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("kind", ["memory", "sqlite"])
async def test_a_closed_facade_refuses_its_calls(name: str, kind: str, tmp_path: Path) -> None:
    """Nothing opens the storage again behind everybody's back."""
    url = "memory" if kind == "memory" else f"sqlite:///{tmp_path / 'sessions.db'}"
    voxon = Voxon(VoxonConfig(session_storage=url, session_encryption_key=KEY))
    async with voxon, voxon.session(user_id="ann", session_id="s"):
        pass
    with pytest.raises(ConfigurationError, match="This Voxon is closed"):
        await REFUSED[name](voxon)
    assert voxon._home.recorder is None


async def test_a_closed_facade_makes_no_session_either_and_says_that_it_is_not_healthy() -> None:
    """`create_session` does no I/O and could not be saved; `health_check` never raises."""
    voxon = Voxon(VoxonConfig(session_storage="memory"))
    await voxon.close()
    with pytest.raises(ConfigurationError, match="This Voxon is closed"):
        voxon.create_session()
    with pytest.raises(ConfigurationError, match="This Voxon is closed"):
        voxon.create_session_from_template("technical_support", {"product": "the router R2"})
    health = await voxon.health_check()
    assert health["status"] == "unhealthy" and "This Voxon is closed" in health["error"]
    await voxon.close()


async def test_entering_a_closed_facade_again_opens_it(tmp_path: Path) -> None:
    """A facade can have several blocks, one after another."""
    voxon = Voxon(VoxonConfig(session_storage_path=str(tmp_path), session_encryption_key=KEY))
    for number in range(3):
        async with voxon, voxon.session(user_id="ann", config=QUIET) as session:
            assert session.state == ({"number": number - 1} if number else {})
            session.update_state(number=number)
    with pytest.raises(ConfigurationError, match="enter it again"):
        await voxon.session(user_id="ann")


async def test_a_handle_that_outlives_its_facade_still_saves(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The storage opens once more for it, which the log tells; the next `close` closes that as well."""
    config = VoxonConfig(session_storage=f"sqlite:///{tmp_path / 's.db'}", session_encryption_key=KEY)
    voxon = Voxon(config)
    async with voxon:
        session = await voxon.session(session_id="s", config=QUIET)
    session.add_memory("Likes tea")
    await session.close()
    assert [line for line in warned(caplog) if "outlived its Voxon" in line]
    assert voxon._home.recorder is not None
    await voxon.close()
    assert voxon._home.recorder is None
    async with voxon, voxon.load_session("s") as again:
        assert [entry.content for entry in again.get_memory().entries] == ["Likes tea"]


# --- a forgotten await, a state in one piece


async def test_a_forgotten_await_is_named() -> None:
    """An attribute of what is still to be opened says what to do."""
    async with voxon_on(MemorySessionStorage()) as voxon:
        with pytest.raises(AttributeError, match=r"'add_memory'.*Await it.*async with"):
            voxon.session(user_id="ann").add_memory("Likes tea")  # type: ignore[attr-defined]
        async with voxon.session(user_id="ann") as session:
            opening = session.conversation()
            with pytest.raises(AttributeError, match="Await it") as told:
                opening.send_message  # type: ignore[attr-defined]  # noqa: B018
            assert told.value.name == "send_message" and told.value.obj is opening
            assert await (await opening).send_message("Hi")


def test_openings_are_as_plain_to_python_as_before() -> None:
    """Copying, pickling, looking at them: no advice where nobody forgot anything."""
    opening = Voxon(VoxonConfig(session_storage="memory")).session()
    assert not hasattr(opening, "send_message") and not hasattr(opening, "_repr_html_")
    assert copy.copy(opening)._open is opening._open
    assert inspect.isawaitable(opening) and inspect.getmembers(opening)
    assert type(opening).__new__(type(opening)).__class__ is type(opening)
    with pytest.raises((pickle.PicklingError, AttributeError, TypeError)) as told:
        pickle.dumps(opening)
    assert "Await it" not in str(told.value)
    with pytest.raises(AttributeError) as told_too:
        opening.__html__  # type: ignore[attr-defined]  # noqa: B018
    assert "Await it" not in str(told_too.value)


async def test_the_state_takes_a_mapping_as_dicts_do() -> None:
    """Keys that are no names of Python too; named values win, and nothing but a mapping is taken."""
    storage = MemorySessionStorage()
    async with voxon_on(storage) as voxon, voxon.session(session_id="s", config=QUIET) as session:
        assert await session.update_state({"a": 1, "two words": 2}) is session
        session.update_state({"a": 0, "values": 4}, a=3, values=5, self=6)
        session.update_state({})
        assert session.state == {"a": 3, "two words": 2, "values": 5, "self": 6}
        for wrong in ([("a", 1)], "a", 1):
            with pytest.raises(ConfigurationError, match="a dict is needed"):
                session.update_state(wrong)  # type: ignore[arg-type]
        with pytest.raises(ConfigurationError):
            session.update_state({"b": object()})
        assert "b" not in session.state
    async with voxon_on(storage) as voxon, voxon.load_session("s") as again:
        assert again.state == {"a": 3, "two words": 2, "values": 5, "self": 6}
