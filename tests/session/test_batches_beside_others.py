"""Blocks beside other tasks of the same process: what these change while a block is open, and what becomes of it."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.session.stores import contents, user_says, voxon_on
from voxsession import (
    ConfigurationError,
    ConflictError,
    MemorySessionStorage,
    Session,
    SessionClosedError,
    SessionConfig,
    SessionEndedError,
)

KEEPING = SessionConfig(memory_mode="persistent")
QUIET = SessionConfig(memory_mode="persistent", enable_learning=False, enable_analytics=False)
TEAS = (
    "apple",
    "brick",
    "cloud",
    "drum",
    "eagle",
    "flute",
    "grape",
    "hotel",
    "igloo",
    "joker",
    "koala",
    "lemon",
)


async def outside(work: Callable[[], Any]) -> Any:
    """What another task does, which is in no block."""

    async def done() -> Any:
        result = work()
        return await result if isinstance(result, Awaitable) else result

    return await asyncio.get_running_loop().create_task(done(), context=contextvars.Context())


@pytest.fixture
async def session() -> AsyncIterator[Session]:
    """A stored session that keeps what it learns."""
    async with voxon_on(MemorySessionStorage()) as voxon, voxon.session("ann", config=KEEPING) as opened:
        yield opened


def remembered(session: Session) -> list[str]:
    return [entry.content for entry in session.get_memory().entries]


def with_teas(session: Session) -> None:
    for tea in TEAS:
        session.add_memory(f"User likes {tea} tea very much", category="drinks")


# --- conversations


@pytest.mark.parametrize("others_are", ["another task", "another process"])
async def test_a_conversation_that_a_block_goes_on_with_keeps_its_history(others_are: str) -> None:
    """Others talk so much meanwhile that older conversations are filed: this one is not, or comes back."""
    storage = MemorySessionStorage()
    async with voxon_on(storage) as voxon, voxon_on(storage) as elsewhere:
        session = await voxon.create_session(session_id="s", config=QUIET)
        async with session.start_conversation("main") as conv:
            await conv.add_messages(user_says("main"))
        async with session.start_conversation("old", parent_id="main") as conv:
            await conv.add_messages(user_says("one", "two"))
        theirs = session if others_are == "another task" else await elsewhere.load_session("s")

        async def talk() -> None:
            for number in range(70):
                async with theirs.start_conversation(f"new{number}") as conv:
                    await conv.add_messages(user_says(*(f"{number} {place}" for place in range(4))))
            await theirs.save()
            if others_are == "another process":
                await session.reload()

        with session.batch_update():
            async with session.resume_conversation("old") as conv:
                await conv.add_messages(user_says("in the block"))
            await outside(talk)
            assert contents(await conv.history()) == ["main", "one", "two", "in the block"]
        await session.save()
        assert (session.branches()["old"].parent_id, session.branches()["old"].message_count) == ("main", 3)
        await session.close()
    async with voxon_on(storage) as voxon:
        resumed = await (await voxon.load_session("s")).resume_conversation("old")
        assert contents(await resumed.history()) == ["main", "one", "two", "in the block"]


async def test_a_branch_from_what_was_deleted_meanwhile_is_refused(session: Session) -> None:
    """As it would be refused after the deletion; nothing else of the block is kept."""
    async with session.start_conversation("main") as conv:
        await conv.add_messages(user_says("hello"))
    with pytest.raises(ConflictError, match="deleted"), session.batch_update():
        session.update_state(a=1)
        await session.start_conversation("branch", parent_id="main")
        await outside(lambda: session.delete_conversation("main"))
    assert "branch" not in session.branches() and session.state == {}


# --- memory


async def test_a_compression_gives_way_to_what_was_erased_meanwhile(session: Session) -> None:
    """What others forgot is not brought back, and the report says that nothing was folded."""
    with_teas(session)
    dropped: list[Any] = []
    session.events.on("memory.compression_dropped", lambda event: dropped.append(event.reason))
    with session.batch_update():
        report = session.compress_memory(keep_recent_days=0)
        assert report.counts["folded"] and dropped == []
        await outside(lambda: session.forget("igloo"))
    assert not any("igloo" in text for text in remembered(session))
    assert len(remembered(session)) == len(TEAS) - 1
    assert report.counts["folded"] == 0 and len(dropped) == 1


async def test_two_compressions_at_once_fold_once(session: Session) -> None:
    with_teas(session)
    with session.batch_update():
        session.compress_memory(keep_recent_days=0)
        await outside(lambda: session.compress_memory(keep_recent_days=0))
    told = " ".join(remembered(session))
    assert all(told.count(tea) == 1 for tea in TEAS)


async def test_what_is_erased_meanwhile_cannot_be_restored(session: Session) -> None:
    """The block fails at its end, not before: reading in it goes on."""
    with_teas(session)
    session.compress_memory(keep_recent_days=0)
    [folded] = [entry for entry in session.get_memory().entries if "igloo" in entry.content]
    with pytest.raises(ConflictError, match="Nothing of the block is kept"), session.batch_update():
        session.update_state(a=1)
        await session.restore_memory(folded.id)
        await outside(lambda: session.forget("igloo"))
        assert any("igloo" in text for text in remembered(session)) and session.state == {"a": 1}
        session.update_state(b=1)
    assert session.state == {} and not any("igloo" in text for text in remembered(session))


async def test_an_edit_leaves_what_others_edited(session: Session) -> None:
    """One makes an entry important, the other secret: it is both. Of what is gone nothing is edited."""
    pin, gone = session.add_memory("PIN pineapple"), session.add_memory("likes rain")
    told: list[str] = []
    session.events.on("memory.update_dropped", lambda event: told.append(event.entry_id))
    with session.batch_update():
        session.update_memory(pin.id, importance=0.9)
        session.update_memory(gone.id, importance=0.9)
        await outside(lambda: session.update_memory(pin.id, sensitive=True))
        await outside(lambda: session.clear_memory(ids=[gone.id]))
    [entry] = session.get_memory().entries
    assert (entry.importance, entry.sensitive) == (0.9, True) and told == [gone.id]


async def test_a_text_and_what_keeps_it_private_are_not_parted(session: Session) -> None:
    """The words that one gives were not meant by the other, who hid the earlier ones."""
    entry = session.add_memory("PIN pineapple")
    with pytest.raises(ConflictError), session.batch_update():
        session.update_memory(entry.id, content="PIN cherry")
        await outside(lambda: session.update_memory(entry.id, sensitive=True))
    [kept] = session.get_memory().entries
    assert (kept.content, kept.sensitive) == ("PIN pineapple", True)


async def test_the_same_setting_changed_meanwhile_is_a_conflict(session: Session) -> None:
    with pytest.raises(ConflictError):
        async with session.batch_update():
            session.update_state(cart="mine")
            session.add_memory("likes tea")
            await outside(lambda: session.update_state(cart="theirs"))
    assert session.state == {"cart": "theirs"} and remembered(session) == []
    await session.update_state(cart="later")  # the session itself is in no conflict


async def test_slots_and_budget_hold_after_a_block() -> None:
    """What both learned is decided anew when the block ends: one name, and not more than there is room for."""
    config = SessionConfig(memory_mode="persistent", max_memory_size=500)
    async with voxon_on(MemorySessionStorage()) as voxon, voxon.session("ann", config=config) as session:
        mine, theirs = await session.start_conversation("mine"), await session.start_conversation("theirs")

        async def others() -> None:
            await theirs.add_messages(user_says("My name is Alice."))
            for number in range(20):
                session.add_memory(f"outside {number} " + "word " * 12)

        with session.batch_update():
            await mine.add_messages(user_says("My name is Bob."))
            for number in range(20):
                session.add_memory(f"inside {number} " + "word " * 12)
            await outside(others)
        memory = session.get_memory()
        names = [entry.content for entry in memory.entries if entry.slot == "user.name"]
        assert names == ["User's name is Alice"]
        assert memory.token_count <= memory.max_tokens


@pytest.mark.parametrize("is_nested", [False, True])
async def test_what_others_learned_as_well_keeps_the_edits_of_the_block(
    session: Session, is_nested: bool
) -> None:
    """The entry that the block learned stays there under its id to the end; then both are one, with all of it."""
    mine, theirs = await session.start_conversation("mine"), await session.start_conversation("theirs")
    with session.batch_update():
        await mine.add_messages(user_says("I like chess."))
        [entry] = session.get_memory().entries
        with ExitStack() as stack:
            if is_nested:
                stack.enter_context(session.batch_update())
            session.update_memory(entry.id, importance=0.99)
            await mine.add_messages(user_says("I like chess."))
            await outside(lambda: theirs.add_messages(user_says("I like chess.")))
            session.update_memory(entry.id, pinned=True)
    [found] = session.get_memory().entries
    assert (found.importance, found.pinned, found.evidence_count) == (0.99, True, 3)


async def test_what_the_block_made_another_fact_of_is_no_echo(session: Session) -> None:
    """Others' entry is given other words in the block: what its own user said stays an entry of its own."""
    mine, theirs = await session.start_conversation("mine"), await session.start_conversation("theirs")
    with session.batch_update():
        await mine.add_messages(user_says("I like chess."))
        held = [entry.id for entry in session.get_memory().entries]
        await outside(lambda: theirs.add_messages(user_says("I like chess.")))
        [other] = [entry for entry in session.get_memory().entries if entry.id not in held]
        session.update_memory(other.id, content="Plays go")
    assert sorted(remembered(session)) == ["Plays go", "User likes chess"]


async def test_a_block_that_outlasts_the_one_around_it_edits_what_that_learned(session: Session) -> None:
    """Also where others learned it as well, and it became evidence for theirs when the block around ended."""
    mine, theirs = await session.start_conversation("mine"), await session.start_conversation("theirs")
    go_on = asyncio.Event()

    async def child() -> None:
        with session.batch_update():
            [entry] = session.get_memory().entries
            session.update_memory(entry.id, importance=0.99)
            await go_on.wait()

    with session.batch_update():
        await mine.add_messages(user_says("I like chess."))
        task = asyncio.create_task(child())
        await asyncio.sleep(0)
        await outside(lambda: theirs.add_messages(user_says("I like chess.")))
    go_on.set()
    await task
    [found] = session.get_memory().entries
    assert (found.importance, found.evidence_count) == (0.99, 2)


async def test_what_stays_with_the_process_stays_in_the_block() -> None:
    """Also where others did something meanwhile, so that the changes of the block are put behind that."""
    config = SessionConfig(memory_mode="ephemeral")
    async with voxon_on(MemorySessionStorage()) as voxon, voxon.session("ann", config=config) as session:
        with session.batch_update():
            entry = session.add_memory("likes tea")
            await outside(lambda: session.track_metric("m", 1))
            session.update_memory(entry.id, pinned=True)
        assert [(one.content, one.pinned) for one in session.get_memory().entries] == [("likes tea", True)]


# --- the end


async def test_a_block_may_end_in_another_task_than_it_began_in(session: Session) -> None:
    """As that of a generator does which is finished elsewhere: it is kept, and the opener is in no block any more."""

    async def steps() -> AsyncIterator[None]:
        with session.batch_update():
            session.add_memory("in the block")
            yield

    generator = steps()
    await anext(generator)

    async def finish() -> None:
        with pytest.raises(StopAsyncIteration):
            await anext(generator)

    await asyncio.create_task(finish())
    session.add_memory("afterwards")
    await session.save()
    assert await outside(lambda: remembered(session)) == ["in the block", "afterwards"]


async def test_a_block_that_outlasts_its_session_is_not_kept(session: Session) -> None:
    with pytest.raises(SessionEndedError, match="nothing of the block"), session.batch_update():
        session.add_memory("late")
        await outside(session.end)
    assert session.status == "ended" and remembered(session) == []


async def test_a_block_whose_session_is_closed_meanwhile_says_so() -> None:
    """Nobody would save what it holds."""
    async with voxon_on(MemorySessionStorage()) as voxon:
        session = await voxon.create_session(session_id="s", config=QUIET)
        with pytest.raises(SessionClosedError), session.batch_update():
            session.add_memory("late")
            await outside(session.close)
        assert remembered(await voxon.load_session("s")) == []


# --- the law

_NAMES = ("x", "y")
_edits = st.tuples(
    st.just("edit"),
    st.sampled_from(_NAMES),
    st.sampled_from(
        [
            ("importance", 0.1),
            ("importance", 0.9),
            ("pinned", True),
            ("sensitive", True),
            ("content", "other words"),
        ]
    ),
)
_TOLD = ("content", "importance", "pinned", "sensitive", "evidence_count")
_steps = st.lists(
    st.tuples(
        st.sampled_from(["outside", "block", "inner block"]),
        st.one_of(
            _edits,
            st.tuples(st.just("state"), st.sampled_from(_NAMES), st.integers(1, 3)),
            st.tuples(st.just("remove"), st.sampled_from(_NAMES), st.none()),
            st.tuples(st.just("add"), st.none(), st.none()),
            st.tuples(st.just("say"), st.none(), st.none()),
            st.tuples(st.just("learn"), st.sampled_from(["I like chess.", "I have two dogs."]), st.none()),
            st.tuples(st.just("branch"), st.none(), st.none()),
            st.tuples(st.just("look"), st.none(), st.none()),
        ),
    ),
    max_size=12,
)


class World:
    """A session, with the entries x and y by name, and the steps that are done to it or to a model of it."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.ids = {name: session.add_memory(f"says {name}").id for name in _NAMES}
        self.talks: dict[bool, Any] = {}

    async def do(self, number: int, in_block: bool, step: tuple[str, Any, Any]) -> None:
        """One step; what cannot be done any more is left out."""
        kind, name, value = step
        session = self.session
        if kind == "edit":
            try:
                session.update_memory(self.ids[name], **dict([value]))
            except ConfigurationError:
                assert self.ids[name] not in [entry.id for entry in session.get_memory().entries]
        elif kind == "state":
            session.update_state(**{name: value})
        elif kind == "remove":
            session.clear_memory(ids=[self.ids[name]])
        elif kind == "add":
            session.add_memory(f"added {number}")
        elif kind == "say":
            await self.talks[in_block].add_messages(user_says(f"said {number}"))
        elif kind == "learn":
            await self.talks[in_block].add_messages(user_says(name))
        elif kind == "branch":
            parent = self.talks[in_block].conversation_id
            await session.start_conversation(f"branch{number}", parent_id=parent)
        else:
            session.get_memory()

    async def seen(self) -> dict[str, Any]:
        """All that the steps may have changed."""
        session = self.session
        names = {entry_id: name for name, entry_id in self.ids.items()}
        entries = session.get_memory().entries
        memories = {
            names.get(entry.id, entry.content): [getattr(entry, field) for field in _TOLD]
            for entry in entries
        }
        assert len(memories) == len(entries)
        talks = {}
        for branch in await session.branches():
            talk = await session.resume_conversation(branch.conversation_id)
            talks[branch.conversation_id] = contents(await talk.history())
        sizes = session.get_memory().token_count, sum(entry.token_count for entry in entries)
        assert sizes[0] == sizes[1]
        return {"memories": memories, "state": dict(session.state), "talks": talks}


async def in_a_world(work: Callable[[World], Awaitable[Any]]) -> tuple[Any, dict[str, Any]]:
    """What the work gives in a new session, and what there is in the end; that is what is stored, too."""
    storage = MemorySessionStorage()
    async with voxon_on(storage) as voxon:
        world = World(await voxon.create_session(session_id="s", config=KEEPING))
        for in_block in (False, True):
            world.talks[in_block] = await world.session.start_conversation("block" if in_block else "outside")
        result, seen = await work(world), await world.seen()
        await world.session.close()
    async with voxon_on(storage) as voxon:
        world.session = await voxon.load_session("s")
        assert await world.seen() == seen
        return result, seen


def may_clash(steps: list[tuple[str, tuple[str, Any, Any]]]) -> bool:
    """Whether others edited what the block had edited before."""
    for place, (where, (kind, name, value)) in enumerate(steps):
        for later, (other_kind, other_name, other_value) in steps[place + 1 :]:
            if where == "outside" or later != "outside" or (kind, name) != (other_kind, other_name):
                continue
            if kind == "state":
                return True
            fields = {value[0], other_value[0]} if kind == "edit" else set()
            if kind == "edit" and (len(fields) == 1 or fields == {"content", "sensitive"}):
                return True
    return False


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(steps=_steps)
def test_a_block_comes_after_what_others_did_or_not_at_all(
    steps: list[tuple[str, tuple[str, Any, Any]]],
) -> None:
    """It ends as if all of it had been done after the rest, or with ConflictError and nothing of it."""

    async def at_once(world: World) -> bool:
        try:
            with world.session.batch_update():
                for number, (where, step) in enumerate(steps):
                    if where == "outside":
                        await outside(lambda n=number, s=step: world.do(n, False, s))  # type: ignore[misc]
                        continue
                    with ExitStack() as stack:
                        if where == "inner block":
                            stack.enter_context(world.session.batch_update())
                        await world.do(number, True, step)
        except ConflictError:
            return False
        return True

    async def one_after_the_other(world: World, is_kept: bool) -> None:
        for in_block in (False, True)[: 1 + is_kept]:
            for number, (where, step) in enumerate(steps):
                if (where != "outside") is in_block:
                    await world.do(number, in_block, step)

    async def run() -> None:
        is_kept, seen = await in_a_world(at_once)
        assert is_kept or may_clash(steps)
        _, wanted = await in_a_world(lambda world: one_after_the_other(world, is_kept))
        assert seen == wanted

    asyncio.run(run())
