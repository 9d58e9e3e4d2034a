"""What a lazily opened session opens, and what it leaves shut."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.strategies import START, memories
from tests.session.stores import WatchedStorage, contents, user_says, voxon_on
from voxsession import MemorySessionStorage, Session, SessionConfig
from voxsession.codec.seal import Seal
from voxsession.core.changes import Change, MemoryAdded, MessageAdded
from voxsession.core.message import Message
from voxsession.core.session_data import SessionData

QUIET = SessionConfig(enable_learning=False)


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The parts of records that were opened, in order."""
    parts: list[str] = []
    real = Seal.open

    def noting(self: Seal, header: Any, part: str, sealed: object, record: str) -> bytes:
        parts.append(part.removeprefix("document:").partition(":")[0])
        return real(self, header, part, sealed, record)

    monkeypatch.setattr(Seal, "open", noting)
    return parts


async def stored(storage: Any, *, config: SessionConfig = QUIET, tail: bool = True) -> None:
    """Session "s" with pages, memories and messages, and a tail of one batch of each kind of addition."""
    async with voxon_on(storage) as voxon:
        session = await voxon.create_session(session_id="s", user_id="u", config=config)
        async with session.start_conversation("c") as conv:
            await conv.add_messages(user_says(*(f"message {number}" for number in range(450))))
        for number in range(20):
            session.add_memory(f"fact {number}")
        session._core.needs_whole = True
        await session.save()
        if tail:
            session.add_memory("in the tail")
            async with session.start_conversation("d") as conv:
                await conv.add_messages(user_says("in the tail"))
            await session.save()


async def add_many(session: Session) -> None:
    async with session.batch_update():
        for number in range(50):
            session.add_memory(f"more {number}", importance=0.7, expires_after_days=3)
        with session.batch_update():
            session.add_memory("inside", sensitive=True, pinned=True)
            session.track_metric("m", 1)


async def fail_in_a_batch(session: Session) -> None:
    with pytest.raises(ZeroDivisionError), session.batch_update():
        session.add_memory("discarded")
        raise ZeroDivisionError


async def start(session: Session) -> None:
    async with session.start_conversation("new") as conv:
        await conv.add_messages(user_says("one", "two"))


async def branch(session: Session) -> None:
    async with session.start_conversation("branch", parent_id="c"):
        pass


async def reads(session: Session) -> None:
    _ = session.memory_usage, session.state, session.config.voice, session.status, session.template
    session.get_analytics(), session.get_learned_preferences(), session.get_custom_metrics(), repr(session)


async def set_config(session: Session) -> None:
    session.config.temperature = 0.1
    session.config.max_memory_size = 20_000
    session.set_preference("formality", 0.4)
    await session.save()


async def process_only(session: Session) -> None:
    session.config.memory_mode = "ephemeral"
    session.add_memory("only here")


LIGHT: dict[str, Callable[[Session], Awaitable[Any]]] = {
    "add_memory": lambda session: saved(session, session.add_memory("one more")),
    "many additions in batches": add_many,
    "a batch that fails": fail_in_a_batch,
    "track_metric": lambda session: saved(session, session.track_metric("m", 1)),
    "update_state": lambda session: awaited(session.update_state(step=1)),
    "start_conversation and add_messages": start,
    "a branch": branch,
    "settings and preferences": set_config,
    "what lives with the process": process_only,
    "reading the rest": reads,
}


async def saved(session: Session, _: Any) -> None:
    await session.save()


async def awaited(applied: Any) -> None:
    await applied


@pytest.mark.parametrize("what", LIGHT)
@pytest.mark.parametrize("tail", [False, True])
async def test_adding_tracking_and_batching_open_nothing(what: str, tail: bool, opened: list[str]) -> None:
    """Nor do loading with a tail, saving and closing; afterwards all is there."""
    storage = MemorySessionStorage()
    await stored(storage, tail=tail)
    opened.clear()
    async with voxon_on(storage) as voxon:
        session = await voxon.load_session("s", lazy_load=True)
        await LIGHT[what](session)
        await session.save()
        await session.close()
    assert set(opened) <= {"core", "batch", "small"}
    async with voxon_on(storage) as voxon:
        session = await voxon.load_session("s")
        texts = contents(session.get_memory().entries)
        assert texts[:20] == [f"fact {number}" for number in range(20)]
        assert ("in the tail" in texts) is tail and len(texts) == len(set(texts))
        tokens = sum(entry.token_count for entry in session.get_memory().entries)
        assert session._core.data.memory_tokens == tokens
        if what == "add_memory":
            assert texts[-1] == "one more"
        if what == "many additions in batches":
            assert len(texts) == 71 + tail
        conv = await session.resume_conversation("c")
        assert len(await conv.history()) == 450


async def call(work: Callable[[], Any]) -> None:
    result = work()
    if hasattr(result, "__await__"):
        await result


async def recent(session: Session) -> None:
    conv = await session.resume_conversation("c")
    assert len(conv.messages) > 50


async def whole(session: Session) -> None:
    session.clear_memory(ids=[session.add_memory("x").id])
    await session.save()


HEAVY: dict[str, tuple[Callable[[Session], Awaitable[Any]], set[str]]] = {
    "get_memory": (lambda session: call(session.get_memory), {"memories"}),
    "search_memory": (lambda session: call(lambda: session.search_memory("fact")), {"memories", "messages"}),
    "the recent messages": (recent, {"messages"}),
    "a whole save": (whole, {"memories", "messages"}),
}


@pytest.mark.parametrize("what", HEAVY)
async def test_what_opens_a_section_opens_it_once(what: str, opened: list[str]) -> None:
    """Only the sections that it needs; what was added meanwhile is in them."""
    storage = MemorySessionStorage()
    await stored(storage)
    async with voxon_on(storage) as voxon:
        session = await voxon.load_session("s", lazy_load=True)
        session.add_memory("added before")
        opened.clear()
        work, sections = HEAVY[what]
        await work(session)
        await work(session)
        counts = {section: opened.count(section) for section in ("memories", "messages")}
        assert counts == {section: int(section in sections) for section in ("memories", "messages")}
        assert contents(session.get_memory().entries)[-1] == "added before"


async def test_a_discarded_batch_leaves_nothing_beside_what_is_sealed(opened: list[str]) -> None:
    """What a block laid beside sealed memories goes with the block."""
    storage = MemorySessionStorage()
    await stored(storage)
    async with voxon_on(storage) as voxon:
        session = await voxon.load_session("s", lazy_load=True)
        opened.clear()
        before = session.memory_usage
        await fail_in_a_batch(session)
        with pytest.raises(ZeroDivisionError):
            async with session.start_conversation("c") as conv, session.batch_update():
                await conv.add_messages(user_says("discarded"))
                raise ZeroDivisionError
        assert opened == [] and session.memory_usage == before
        assert "discarded" not in contents(session.get_memory().entries)
        conv = await session.resume_conversation("c")
        assert "discarded" not in contents(await conv.history())


async def test_the_budget_opens_memories_only_when_it_is_full(opened: list[str]) -> None:
    """Sizes are known without them; who gives way is not."""
    storage = MemorySessionStorage()
    config = SessionConfig(enable_learning=False, max_memory_size=200)
    await stored(storage, config=config)
    async with voxon_on(storage) as voxon:
        session = await voxon.load_session("s", lazy_load=True)
        opened.clear()
        while session.memory_usage < 0.9:
            session.add_memory("a few more words")
        assert opened == []
        for _ in range(10):
            session.add_memory("a few more words")
        assert opened == ["memories"] and session.memory_usage <= 1
        assert session.get_memory().token_count == session._core.data.memory_tokens


async def test_pages_are_read_when_they_are_touched() -> None:
    """Not by opening, adding and saving; one for a look at the latest of them, all for all."""
    storage = WatchedStorage()
    await stored(storage)
    async with voxon_on(storage) as voxon:
        session = await voxon.load_session("s", lazy_load=True)
        await start(session)
        await session.save()
        assert "load_page" not in storage.taken()
        conv = await session.resume_conversation("c")
        await conv.history(limit=150)
        assert storage.taken().count("load_page") == 1
        await conv.history()
        assert storage.taken().count("load_page") == len(session._core.data.pages) == 3


async def test_another_writer_is_taken_in_as_ever() -> None:
    """What was laid beside sealed memories is put behind what others wrote, once."""
    storage = MemorySessionStorage()
    await stored(storage)
    async with voxon_on(storage) as one, voxon_on(storage) as two:
        mine, theirs = [await voxon.load_session("s", lazy_load=True) for voxon in (one, two)]
        theirs.add_memory("theirs")
        await start(theirs)
        await theirs.save()
        mine.add_memory("mine")
        await mine.save()
        assert contents(mine.get_memory().entries)[-2:] == ["theirs", "mine"]
    async with voxon_on(storage) as three:
        found = await three.load_session("s", lazy_load=True)
        assert contents(found.get_memory().entries)[-2:] == ["theirs", "mine"]


def shut(entries: list[Any], said: list[Message]) -> SessionData:
    """Data whose sections are still sealed."""
    data = SessionData(session_id="s", created_at=START, updated_at=START)
    for entry in entries:
        MemoryAdded(at=START, entry=entry).apply(data)
    for message in said:
        MessageAdded(at=START, message=message).apply(data)
    kept, heard = dict(data.memories), list(data.messages)
    data.open_memories, data.open_messages = lambda: dict(kept), lambda: list(heard)
    data.held_memories, data.held_messages = {}, []
    return data


@given(st.data())
def test_laying_beside_is_the_same_as_opening_first(draw: st.DataObject) -> None:
    """Whatever is added, an id that is there already among it, and however often copies are made in between."""
    entries = draw.draw(st.lists(memories(), max_size=4))
    added = draw.draw(st.lists(memories(), max_size=5))
    said = [
        Message(id=f"m{number}", conversation_id="c", role="user", content="x", at=START + timedelta(number))
        for number in range(4)
    ]
    changes: list[Change] = [MemoryAdded(at=START, entry=entry) for entry in added]
    changes += [MessageAdded(at=START, message=message) for message in said[2:]]
    sealed, open_ = shut(entries, said[:2]), shut(entries, said[:2])
    _ = open_.memories, open_.messages
    for change in changes:
        change.apply(sealed)
        change.apply(open_)
        if draw.draw(st.booleans()):
            sealed = sealed.copy()
    assert list(sealed.memories.items()) == list(open_.memories.items())
    assert sealed.messages == open_.messages and sealed.memory_tokens == open_.memory_tokens
    assert sealed.extra == open_.extra
