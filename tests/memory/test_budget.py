"""What stays remembered when the budget is full, and what counts when a fact changes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voxsession.core.changes import Change, MemoryEvicted, MemoryExpired, MemorySuperseded
from voxsession.core.memory_changes import put_memory
from voxsession.core.memory_entry import MemoryEntry
from voxsession.core.session_data import SessionData
from voxsession.memory.budget import (
    HALF_LIFE_DAYS,
    evictions,
    expired,
    live_tokens,
    retention,
    supersessions,
)

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def entry(entry_id: str, **fields: Any) -> MemoryEntry:
    plain = {"content": "a fact", "timestamp": NOW, "token_count": 10}
    return MemoryEntry(id=entry_id, **{**plain, **fields})


def data_of(*entries: MemoryEntry, local: tuple[MemoryEntry, ...] = ()) -> SessionData:
    """A session that remembers these, some of them only as long as the process lives."""
    data = SessionData(session_id="s1", created_at=NOW, updated_at=NOW)
    for one in entries:
        put_memory(data, one)
    for one in local:
        put_memory(data, one, local=True)
    return data


def apply(changes: list[Change], data: SessionData) -> SessionData:
    for change in changes:
        change.apply(data)
    return data


def ids(changes: list[Change], kind: type[Change]) -> list[str]:
    """The entries that changes of one kind take out, in order."""
    return [entry_id for change in changes if isinstance(change, kind) for entry_id in change.entry_ids]  # type: ignore[attr-defined]


_moments = st.integers(-100, 10).map(lambda days: NOW + timedelta(days=days))
_rows = st.fixed_dictionaries(
    {
        "timestamp": _moments,
        "importance": st.floats(0, 1),
        "token_count": st.integers(0, 40),
        "category": st.sampled_from(["general", "identity"]),
        "pinned": st.booleans(),
        "expires_at": st.none() | _moments,
        "superseded_by": st.sampled_from([None, None, None, "x"]),
        "slot": st.sampled_from([None, "user.name", "user.home"]),
    }
)


@st.composite
def sessions(draw: st.DrawFn) -> SessionData:
    """Any memories, stored and process-only, expired and superseded ones among them."""
    rows = draw(st.lists(st.tuples(_rows, st.booleans()), max_size=10))
    entries = [(entry(f"e{n}", **row), local) for n, (row, local) in enumerate(rows)]
    return data_of(
        *(one for one, local in entries if not local), local=tuple(one for one, local in entries if local)
    )


# --- the budget


@given(sessions(), st.integers(0, 200))
def test_memory_never_exceeds_its_budget(data: SessionData, limit: int) -> None:
    """After the evictions the live entries fit, and there is nothing left to evict."""
    before = live_tokens(data)
    changes = evictions(data, NOW, limit)
    assert bool(changes) == (before > limit)

    apply(changes, data)
    live = [one for one in data.all_memories() if one.superseded_by is None]
    assert live_tokens(data) == sum(one.token_count for one in live) <= limit
    assert evictions(data, NOW, limit) == []


@given(sessions(), st.integers(0, 200))
def test_no_more_goes_than_must(data: SessionData, limit: int) -> None:
    """Without the last entry that was evicted the budget would not hold, and nothing of no size goes."""
    changes = evictions(data, NOW, limit)
    evicted = [data.find_memory(entry_id) for entry_id in ids(changes, MemoryEvicted)]
    left = live_tokens(apply(changes, data))
    assert all(one is not None and one.token_count > 0 for one in evicted)
    if evicted:
        last = max((one for one in evicted if one), key=_order)
        assert left + last.token_count > limit


@given(sessions(), st.integers(0, 200))
def test_the_least_goes_first(data: SessionData, limit: int) -> None:
    """Who stays deserves it more than who goes: importance x recency, then identity, pinned entries last of all."""
    changes = evictions(data, NOW, limit)
    gone = set(ids(changes, MemoryEvicted))
    went_by_time = set(ids(changes, MemoryExpired))
    rest = [one for one in data.all_memories() if one.superseded_by is None and one.id not in went_by_time]
    leaving = [_order(one) for one in rest if one.id in gone]
    staying = [_order(one) for one in rest if one.id not in gone and one.token_count]
    assert not leaving or not staying or max(leaving) < min(staying)


def _order(one: MemoryEntry) -> tuple[Any, ...]:
    return (one.pinned, one.category == "identity", retention(one, NOW), one.timestamp, one.id)


@given(sessions(), st.integers(0, 200))
def test_what_has_expired_goes_before_anything_else(data: SessionData, limit: int) -> None:
    """When room is needed all expired entries leave first, and others only if that was not enough."""
    past = {one.id for one in data.all_memories() if one.expires_at is not None and one.expires_at <= NOW}
    without = live_tokens(apply(expired(data, NOW), data_copy := data.copy()))
    assert not past & {one.id for one in data_copy.all_memories()}

    changes = evictions(data, NOW, limit)
    if changes:
        assert set(ids(changes, MemoryExpired)) == past
        assert bool(ids(changes, MemoryEvicted)) == (without > limit)
        assert not set(ids(changes, MemoryEvicted)) & past


@given(sessions(), st.integers(0, 100))
def test_process_only_entries_leave_without_a_trace(data: SessionData, limit: int) -> None:
    """A change takes out stored entries, or process-only ones and is not stored; never both."""
    for change in [*evictions(data, NOW, limit), *expired(data, NOW)]:
        taken = set(change.entry_ids)  # type: ignore[attr-defined]
        assert taken and taken <= set(data.local_memories if change.local else data.memories)


def test_the_order_in_words() -> None:
    """Old and unimportant first, then fresh, then important, then who the person is, then what the app pinned."""
    entries = [
        entry("pinned", importance=0.1, pinned=True),
        entry("name", importance=0.2, category="identity", timestamp=NOW - timedelta(days=300)),
        entry("old", importance=0.9, timestamp=NOW - timedelta(days=200)),
        entry("fresh", importance=0.4),
        entry("vital", importance=0.9),
    ]
    data, gone = data_of(*entries), []
    for limit in (40, 30, 20, 10, 0):
        changes = evictions(data, NOW, limit)
        gone += ids(changes, MemoryEvicted)
        apply(changes, data)
    assert gone == ["old", "fresh", "vital", "name", "pinned"]


def test_evictions_say_why() -> None:
    """Each evicted entry has its reason in the change, with the figure that decided."""
    data = data_of(
        entry("a", importance=0.5), entry("b", importance=0.25, timestamp=NOW - timedelta(days=30))
    )
    (change,) = evictions(data, NOW, 10)
    assert isinstance(change, MemoryEvicted)
    assert change.reasons == {"b": "lowest importance x recency (0.125)"} and change.entry_ids == ["b"]
    assert not change.local and change.at == NOW


@given(st.floats(0, 1), st.integers(0, 5000), st.integers(0, 5000))
def test_retention_fades_with_time(importance: float, days: int, more: int) -> None:
    """Importance halves every thirty days, never grows with age, and is whole for what lies in the future."""
    now = entry("a", importance=importance, timestamp=NOW - timedelta(days=days))
    older = entry("b", importance=importance, timestamp=NOW - timedelta(days=days + more))
    assert 0 <= retention(older, NOW) <= retention(now, NOW) <= importance
    half = entry("c", importance=importance, timestamp=NOW - timedelta(days=HALF_LIFE_DAYS))
    assert retention(half, NOW) == pytest.approx(importance / 2)
    assert (
        retention(entry("d", importance=importance, timestamp=NOW + timedelta(days=more)), NOW) == importance
    )


def test_an_entry_expires_at_its_moment() -> None:
    """From `expires_at` on an entry is gone, a microsecond before it is not; superseded ones expire too."""
    data = data_of(
        entry("now", expires_at=NOW),
        entry("next", expires_at=NOW + timedelta(microseconds=1)),
        entry("never"),
        entry("old", expires_at=NOW - timedelta(days=1), superseded_by="never"),
        local=(entry("local", expires_at=NOW),),
    )
    stored, local = expired(data, NOW)
    assert ids([stored], MemoryExpired) == ["now", "old"] and ids([local], MemoryExpired) == ["local"]
    assert (stored.local, local.local) == (False, True)
    assert expired(data_of(entry("never")), NOW) == []


# --- facts that change


@settings(max_examples=60)
@given(sessions())
def test_one_entry_of_a_slot_counts(data: SessionData) -> None:
    """After the supersessions one entry of the slot is left, the one that became known last; others are kept."""
    holders = [one for one in data.all_memories() if one.slot == "user.name" and one.superseded_by is None]
    everything = {one.id for one in data.all_memories()}
    apply(supersessions(data, "user.name", NOW), data)

    left = [one for one in data.all_memories() if one.slot == "user.name" and one.superseded_by is None]
    assert len(left) == min(len(holders), 1)
    assert {one.id for one in data.all_memories()} == everything
    for one in left:
        assert one.timestamp == max(holder.timestamp for holder in holders)
    for one in data.all_memories():
        if one.id in {holder.id for holder in holders} and one not in left:
            assert (one.superseded_by, one.superseded_at) == (left[0].id, NOW)
    assert supersessions(data, "user.name", NOW) == []


@pytest.mark.parametrize("order", [("a", "b", "c"), ("c", "b", "a"), ("b", "c", "a")])
def test_the_later_time_wins_in_whatever_order_they_were_stored(order: tuple[str, ...]) -> None:
    """Two processes that learn a name each end up with the same one: the later said, ties decided alike."""
    times = {"a": NOW, "b": NOW + timedelta(days=1), "c": NOW + timedelta(days=1)}
    data = data_of(*(entry(one, slot="user.name", timestamp=times[one]) for one in order))
    changes = supersessions(data, "user.name", NOW)
    assert {change.entry_id: change.by for change in changes if isinstance(change, MemorySuperseded)} == {
        "a": "c",
        "b": "c",
    }


def test_other_slots_are_left_alone() -> None:
    """An entry in a slot never steps back for one of another slot, or of none."""
    data = data_of(entry("a", slot="user.name"), entry("b", slot="user.home"), entry("c"), entry("d"))
    assert supersessions(data, "user.name", NOW) == [] and supersessions(data, "user.dog", NOW) == []


def test_a_process_only_holder_steps_back_in_the_process() -> None:
    """A change about a process-only entry is not stored; one about a stored entry is."""
    data = data_of(
        entry("a", slot="s", timestamp=NOW - timedelta(days=2)),
        local=(
            entry("b", slot="s", timestamp=NOW - timedelta(days=1)),
            entry("c", slot="s"),
        ),
    )
    changes = supersessions(data, "s", NOW)
    assert [
        (change.entry_id, change.local) for change in changes if isinstance(change, MemorySuperseded)
    ] == [
        ("a", False),
        ("b", True),
    ]
