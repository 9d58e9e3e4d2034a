"""Laws of recall: what is found depends on what there is, not on how it came there; what has ended is not found."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.session.stores import voxon_on
from voxsession import MemorySessionStorage, SessionConfig
from voxsession.core.changes import (
    Change,
    MemoryAdded,
    MemoryExpired,
    MemoryRemoved,
    MemorySuperseded,
    MemoryUpdated,
    MessageAdded,
)
from voxsession.core.memory_entry import MemoryEntry
from voxsession.core.message import DOUBLED, Message
from voxsession.core.session_data import SessionData
from voxsession.core.struct import evolve
from voxsession.memory.budget import retention
from voxsession.memory.recall import SessionIndex
from voxsession.memory.roster import Roster
from voxsession.testing import FakeClock, ScriptedModel

START = datetime(2026, 1, 1, tzinfo=UTC)
NOW = START + timedelta(days=40)
QUESTIONS = ("what does she like", "tea or coffee?", "cat", "harbour in May")
texts = st.lists(
    st.sampled_from("likes tea coffee the cat dog harbour May walks Lisbon Dana sings".split()),
    min_size=1,
    max_size=6,
).map(" ".join)
ids = st.sampled_from([f"e{number}" for number in range(8)])


@st.composite
def entries(draw: st.DrawFn) -> MemoryEntry:
    """Any of a few entries."""
    return MemoryEntry(
        id=draw(ids),
        content=draw(texts),
        importance=draw(st.sampled_from([0.0, 0.3, 0.5, 1.0])),
        category=draw(st.sampled_from(["general", "identity", "travel"])),
        timestamp=START + timedelta(days=draw(st.integers(0, 50))),
        expires_at=draw(st.none() | st.just(NOW) | st.just(NOW + timedelta(days=1))),
        pinned=draw(st.booleans()),
        token_count=draw(st.integers(1, 9)),
    )


changes = st.one_of(
    entries().map(lambda entry: MemoryAdded(at=START, entry=entry)),
    entries().map(lambda entry: MemoryUpdated(at=START, entry=entry)),
    ids.map(lambda one: MemoryRemoved(at=START, entry_ids=[one])),
    ids.map(lambda one: MemoryExpired(at=START, entry_ids=[one])),
    st.tuples(ids, ids).map(lambda two: MemorySuperseded(at=START, entry_id=two[0], by=two[1])),
    st.tuples(st.integers(0, 9), texts).map(
        lambda pair: MessageAdded(
            at=START,
            message=Message(id=f"m{pair[0]}", conversation_id="c", role="user", content=pair[1], at=START),
        )
    ),
)


def empty() -> SessionData:
    """A session without content."""
    return SessionData(session_id="s", created_at=START, updated_at=START)


def found(index: SessionIndex, data: SessionData, revision: int = -2) -> list[Any]:
    """What the index finds for each question, with the scores."""
    index.refresh(data, revision)
    return [
        [((match.entry or match.message).id, match.score) for match in index.search(text, 6, now=NOW)]
        for text in QUESTIONS
    ]


@settings(max_examples=60, deadline=None)
@given(st.lists(entries(), max_size=8, unique_by=lambda entry: entry.id), st.randoms())
def test_the_order_of_adding_does_not_matter(given_entries: list[MemoryEntry], random: Any) -> None:
    """At once or one by one, in any order, taken out and put in again: the ranking is the same."""
    at_once, step_by_step, again = empty(), empty(), empty()
    wanted, index, third = SessionIndex(), SessionIndex(), SessionIndex()
    for entry in given_entries:
        MemoryAdded(at=START, entry=entry).apply(at_once)
        MemoryAdded(at=START, entry=entry).apply(again)
    shuffled = random.sample(given_entries, len(given_entries))
    for entry in shuffled:
        MemoryAdded(at=START, entry=entry).apply(step_by_step)
        found(index, step_by_step)
    found(third, again)
    for entry in shuffled[::2]:
        MemoryRemoved(at=START, entry_ids=[entry.id]).apply(again)
        found(third, again)
    for entry in shuffled[::2]:
        MemoryAdded(at=START, entry=entry).apply(again)
    assert found(wanted, at_once) == found(index, step_by_step) == found(third, again)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(changes, st.sampled_from(["live", "live", "ask", "ask beside", "batch", "drop", "keep"]))
    ),
    st.booleans(),
)
def test_what_is_kept_up_is_what_would_be_made_anew(
    steps: list[tuple[Change, str]], has_roster: bool
) -> None:
    """Whatever happens, in batches that are kept or given up too, an index is as good as a new one."""
    data, index = empty(), SessionIndex()
    if has_roster:
        data.roster = roster = Roster({})
        roster.finish()
    batch: SessionData | None = None
    held: list[Change] = []
    for change, where in steps:
        if where == "ask":
            found(index, batch or data)
        elif where == "ask beside":
            found(index, data)  # another task, which does not see the batch
        elif where == "batch" and batch is None:
            batch, held = data.copy(), []
        elif where == "drop":
            batch = None
        elif where == "keep" and batch is not None:
            batch = None
            for one in held:  # what a block made is made once more, on the live data
                one.apply(data)
        change.apply(batch or data)
        held.append(change)
        if batch is not None and where == "live":
            found(index, batch)
    current = batch or data
    assert found(index, current) == found(SessionIndex(), evolve(current, roster=None))
    for matches in found(index, current):
        for item_id, _ in matches:
            entry = current.find_memory(item_id)
            assert entry is None or entry.is_live(NOW)


@settings(max_examples=80, deadline=None)
@given(st.lists(changes, max_size=30), st.integers(0, 8), st.integers(0, 12))
def test_the_roster_knows_who_is_worth_most(done: list[Change], count: int, filled_after: int) -> None:
    """Its best are those that going through all entries gives; ties and entries of days to come aside."""
    data = empty()
    roster = Roster({"travel": 5.0})
    for place, change in enumerate(done):
        if place == filled_after:
            data.roster = roster
            before = data.all_memories()
        change.apply(data)
    if len(done) <= filled_after:
        data.roster = roster
        before = data.all_memories()
    roster.fill(before)
    roster.finish()
    live = [entry for entry in data.all_memories() if entry.is_live(NOW) and entry.timestamp <= NOW]
    best = [entry for entry in roster.best(data, NOW, len(data.memories)) if entry.timestamp <= NOW]
    worth = {entry.id: retention(entry, NOW, roster.half_lives.get(entry.category, 30.0)) for entry in live}
    assert sorted(entry.id for entry in best) == sorted(worth)
    ranked = [worth[entry.id] for entry in best]
    assert all(one >= other - 1e-12 for one, other in pairwise(ranked))
    assert roster.best(data, NOW, count) == roster.best(data, NOW, len(data.memories))[:count]
    kept = [entry for entry in data.all_memories() if entry.superseded_by is None]
    assert (roster.count, roster.tokens) == (len(kept), sum(entry.token_count for entry in kept))
    assert {entry.id for entry in roster.standing(data, NOW)} == {
        entry.id for entry in kept if entry.is_live(NOW) and (entry.pinned or entry.category == "identity")
    }


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(texts, st.integers(1, 3), st.booleans()), min_size=1, max_size=6), st.integers(1, 4)
)
async def test_what_has_ended_is_not_found_however_it_is_asked_for(
    facts: list[tuple[str, int, bool]], days: int
) -> None:
    """It was indexed while it was live; search, recall, memory and context no longer give it."""
    clock = FakeClock()
    config = SessionConfig(enable_learning=False)
    async with voxon_on(MemorySessionStorage(), clock=clock, model=ScriptedModel(["ok"] * 4)) as voxon:
        session = await voxon.session(session_id="s", config=config)
        made = [
            session.add_memory(f"{text} number{n}", expires_after_days=span if ends else None)
            for n, (text, span, ends) in enumerate(facts)
        ]
        conv = await session.start_conversation("c")
        question = " ".join(entry.content for entry in made)
        await session.recall(question, limit=50)
        await conv.send_message(question)
        clock.advance(seconds=86_400 * days)
        live = {entry.id for entry in made if entry.expires_at is None or entry.expires_at > clock.now()}

        matches = (
            session.search_memory(question, limit=50),
            await session.recall(question, limit=50, sources=("memories",)),
        )
        for several in matches:
            assert {match.entry.id for match in several if match.entry} <= live
        context = await conv.build_context(question)
        assert {entry.id for entry in context.memories} <= live
        told = {row["id"] for row in context.report() if row["kind"] == "memory"}
        assert told <= live
        assert {entry.id for entry in session.get_memory().entries} == live
        await session.close()


def test_a_message_that_turns_out_to_be_a_double_is_found_no_more() -> None:
    """One with an id of its own goes; one that took another's id leaves the other findable."""
    data, index = empty(), SessionIndex()
    first = Message(id="m1", conversation_id="c", role="user", content="tea and cake", at=START)
    again = evolve(first, id="m2")
    for message in (first, again):
        MessageAdded(at=START, message=message).apply(data)
    index.refresh(data, -1)
    assert len(index.search("tea cake", 5, now=START)) == 2
    data.messages[1] = evolve(again, repair={"set_aside": DOUBLED})
    index.refresh(data, -1)
    assert [match.message.id for match in index.search("tea cake", 5, now=START) if match.message] == ["m1"]
    data.messages[1] = evolve(first, repair={"set_aside": DOUBLED})
    for each in (index, SessionIndex()):
        each.refresh(data, -1)
        assert [match.message.id for match in each.search("tea cake", 5, now=START) if match.message] == [
            "m1"
        ]
