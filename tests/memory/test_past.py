"""At each moment one value of a fact held, and none before the first."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from voxsession.core.changes import MemoryAdded
from voxsession.core.memory_entry import MemoryEntry
from voxsession.core.session_data import SessionData
from voxsession.core.struct import evolve
from voxsession.memory.budget import supersessions
from voxsession.memory.past import held_at

START = datetime(2026, 1, 1, tzinfo=UTC)
NOW = START + timedelta(days=1_000)


def day(number: int) -> datetime:
    return START + timedelta(days=number)


def told(*moments: tuple[int, int | None]) -> SessionData:
    """Values of one slot, told in any order; each with the day it was told on and, where known, since when."""
    data = SessionData(session_id="s", created_at=START, updated_at=START)
    for place, (at, since) in enumerate(moments):
        begin = None if since is None else day(min(since, at))
        entry = MemoryEntry(id=f"{place:02}", content="x", slot="user.x", timestamp=day(at), valid_from=begin)
        MemoryAdded(at=NOW, entry=entry).apply(data)
        for change in supersessions(data, "user.x", NOW):
            change.apply(data)
    return data


days = st.integers(0, 50)


@given(st.lists(st.tuples(days, st.none()), min_size=1, max_size=6, unique_by=lambda one: one[0]), days)
def test_told_in_order_exactly_the_latest_one_holds(moments: list[tuple[int, None]], asked: int) -> None:
    """Of values told in the order of their days, that of the last day not after the moment held."""
    data = told(*sorted(moments))
    held = held_at(data.memories.values(), day(asked), NOW, known=data.memories)
    wanted = [at for at, _ in moments if at <= asked]
    assert [entry.timestamp for entry in held] == ([day(max(wanted))] if wanted else [])


@given(st.lists(st.tuples(days, st.none() | days), min_size=1, max_size=6), days)
def test_after_all_changes_only_the_current_value_holds(
    moments: list[tuple[int, int | None]], asked: int
) -> None:
    """However they were told, at most one value holds at any moment; the current one from its beginning on."""
    data = told(*moments)
    (current,) = (entry for entry in data.memories.values() if entry.superseded_by is None)
    held = held_at(data.memories.values(), day(asked), NOW, known=data.memories)
    assert (current in held) is (current.begins_at <= day(asked))
    assert len(held) <= 1


def test_a_successor_that_is_not_there_any_more_leaves_the_time_of_the_change() -> None:
    """Stored by an earlier version, an entry has no `valid_until`: its successor says when, else the change."""
    old = MemoryEntry(id="1", content="x", timestamp=day(0), superseded_by="2", superseded_at=day(9))
    new = MemoryEntry(id="2", content="y", timestamp=day(5))
    for known, last in (({"2": new}, 4), ({}, 8)):
        assert held_at([old], day(last), NOW, known=known) == [old]
        assert held_at([old], day(last + 1), NOW, known=known) == []


def test_what_expires_is_in_no_past() -> None:
    """Neither what is expired now nor what will be at the moment."""
    entry = MemoryEntry(id="1", content="x", timestamp=day(0), expires_at=NOW + timedelta(days=5))
    assert held_at([entry], day(3), NOW, known={}) == [entry]
    assert held_at([entry], NOW + timedelta(days=6), NOW, known={}) == []
    gone = evolve(entry, expires_at=NOW)
    assert held_at([gone], day(3), NOW, known={}) == []
