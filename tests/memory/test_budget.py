"""What stays remembered when the budget is full, and what counts when a fact changes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voxsession.core.changes import Change, MemoryEvicted, MemoryExpired, MemorySuperseded
from voxsession.core.memory_changes import drop_memories, put_memory
from voxsession.core.memory_entry import MemoryEntry
from voxsession.core.session_data import SessionData
from voxsession.memory.allowance import HALF_LIFE_DAYS, Allowance
from voxsession.memory.budget import (
    evictions,
    expired,
    live_tokens,
    retention,
    supersessions,
)
from voxsession.memory.ledger import ledger_of, order_of

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


def within(max_tokens: int, **rules: Any) -> Allowance:
    return Allowance(max_tokens=max_tokens, **rules)


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
    changes = evictions(data, NOW, within(limit))
    assert bool(changes) == (before > limit)

    apply(changes, data)
    live = [one for one in data.all_memories() if one.superseded_by is None]
    assert live_tokens(data) == sum(one.token_count for one in live) <= limit
    assert evictions(data, NOW, within(limit)) == []


@given(sessions(), st.integers(0, 200))
def test_no_more_goes_than_must(data: SessionData, limit: int) -> None:
    """Without the last entry that was evicted the budget would not hold, and nothing of no size goes."""
    changes = evictions(data, NOW, within(limit))
    evicted = [data.find_memory(entry_id) for entry_id in ids(changes, MemoryEvicted)]
    left = live_tokens(apply(changes, data))
    assert all(one is not None and one.token_count > 0 for one in evicted)
    if evicted:
        last = max((one for one in evicted if one), key=_order)
        assert left + last.token_count > limit


@given(sessions(), st.integers(0, 200))
def test_the_least_goes_first(data: SessionData, limit: int) -> None:
    """Who stays deserves it more than who goes: importance x recency, then identity, pinned entries last of all."""
    changes = evictions(data, NOW, within(limit))
    gone = set(ids(changes, MemoryEvicted))
    went_by_time = set(ids(changes, MemoryExpired))
    rest = [one for one in data.all_memories() if one.superseded_by is None and one.id not in went_by_time]
    leaving = [_order(one) for one in rest if one.id in gone]
    staying = [_order(one) for one in rest if one.id not in gone and one.token_count]
    assert not leaving or not staying or max(leaving) < min(staying)


def _order(one: MemoryEntry, allowance: Allowance | None = None) -> tuple[Any, ...]:
    return order_of(one, NOW, allowance or within(0))


@given(sessions(), st.integers(0, 200))
def test_what_has_expired_goes_before_anything_else(data: SessionData, limit: int) -> None:
    """When room is needed all expired entries leave first, and others only if that was not enough."""
    past = {one.id for one in data.all_memories() if one.expires_at is not None and one.expires_at <= NOW}
    without = live_tokens(apply(expired(data, NOW), data_copy := data.copy()))
    assert not past & {one.id for one in data_copy.all_memories()}

    changes = evictions(data, NOW, within(limit))
    if changes:
        assert set(ids(changes, MemoryExpired)) == past
        assert bool(ids(changes, MemoryEvicted)) == (without > limit)
        assert not set(ids(changes, MemoryEvicted)) & past


@given(sessions(), st.integers(0, 100))
def test_process_only_entries_leave_without_a_trace(data: SessionData, limit: int) -> None:
    """A change takes out stored entries, or process-only ones and is not stored; never both."""
    for change in [*evictions(data, NOW, within(limit)), *expired(data, NOW)]:
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
        changes = evictions(data, NOW, within(limit))
        gone += ids(changes, MemoryEvicted)
        apply(changes, data)
    assert gone == ["old", "fresh", "vital", "name", "pinned"]


def test_evictions_say_why() -> None:
    """Each evicted entry has its reason in the change, with the figure that decided."""
    data = data_of(
        entry("a", importance=0.5), entry("b", importance=0.25, timestamp=NOW - timedelta(days=30))
    )
    (change,) = evictions(data, NOW, within(10))
    assert isinstance(change, MemoryEvicted)
    assert change.reasons == {"b": "lowest importance x recency (0.125); memories took 20 of 10 tokens"}
    assert change.entry_ids == ["b"]
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
    assert ids([stored], MemoryExpired) == ["old", "now"] and ids([local], MemoryExpired) == ["local"]
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


# --- categories with rules of their own


_rules = st.fixed_dictionaries(
    {
        "shares": st.dictionaries(st.sampled_from(["general", "identity"]), st.floats(0.01, 1), max_size=2),
        "half_lives": st.dictionaries(
            st.sampled_from(["general", "identity"]), st.floats(0.1, 99), max_size=2
        ),
    }
)


@given(sessions(), st.integers(0, 200), _rules)
def test_no_category_exceeds_its_share(data: SessionData, limit: int, rules: dict[str, Any]) -> None:
    """After the evictions each category is inside its share and all are inside the budget."""
    allowance = within(limit, **rules)
    changes = evictions(data, NOW, allowance)
    apply(changes, data)
    sizes = {"": live_tokens(data)}
    for one in data.all_memories():
        if one.superseded_by is None:
            sizes[one.category] = sizes.get(one.category, 0) + one.token_count
    assert sizes[""] <= limit
    assert all(sizes.get(category, 0) <= allowance.most_of(category) for category in rules["shares"])
    assert evictions(data, NOW, allowance) == []


@given(
    st.lists(st.tuples(st.integers(0, 5), _rows | st.none(), st.booleans()), max_size=25),
    _rules,
    st.integers(0, 150),
    st.lists(st.integers(0, 12), min_size=4, max_size=4),
)
def test_who_is_asked_along_the_way_decides_nothing(
    steps: list[tuple[int, dict[str, Any] | None, bool]],
    rules: dict[str, Any],
    limit: int,
    days: list[int],
) -> None:
    """Figures kept up to date entry by entry decide the same as figures made anew: so every process decides alike."""
    data, allowance = data_of(), within(limit, **rules)
    moments = [NOW + timedelta(days=sum(days[: n + 1])) for n in range(4)]
    for place, (number, row, local) in enumerate(steps):
        if row is None:
            drop_memories(data, [f"e{number}"])
        else:
            put_memory(data, entry(f"e{number}", **row), local=local)
        if place % 3 == 0:
            moment = moments[place * 4 // (len(steps) + 1)]
            ledger_of(data, allowance)  # from here on it is kept up to date
            anew = data.copy()
            anew.ledger = None
            changes = evictions(data, moment, allowance)
            assert changes == evictions(anew, moment, allowance)
            assert expired(data, moment) == expired(anew, moment)
            if place % 2:
                apply(changes, data)
    live = [one.token_count for one in data.all_memories() if one.superseded_by is None]
    assert live_tokens(data) == sum(live)


def test_a_share_is_told_in_the_reason() -> None:
    """A category that outgrew its share gives way first, its least entry, and the reason has the figures."""
    entries = [
        entry("a", category="chat", importance=0.9),
        entry("b", category="chat"),
        entry("c", importance=0),
    ]
    (change,) = evictions(data_of(*entries), NOW, within(40, shares={"chat": 0.25}))
    assert isinstance(change, MemoryEvicted)
    assert change.reasons == {
        "b": "lowest importance x recency (0.500); category 'chat' took 20 of 10 tokens"
    }


def test_each_category_fades_as_it_is_told() -> None:
    """What fades in a day gives way before what is older and fades in a year."""
    entries = [
        entry("news", category="news", timestamp=NOW - timedelta(days=3)),
        entry("book", category="book", timestamp=NOW - timedelta(days=90)),
    ]
    allowance = within(10, half_lives={"news": 1, "book": 365})
    assert ids(evictions(data_of(*entries), NOW, allowance), MemoryEvicted) == ["news"]
    assert ids(evictions(data_of(*entries), NOW, within(10)), MemoryEvicted) == ["book"]


def test_pins_alone_over_the_budget_give_way_too() -> None:
    """The budget holds in any case: where only pinned entries are left, the least of them goes."""
    pinned = [entry(f"e{n}", pinned=True, importance=n / 10) for n in range(3)]
    data = data_of(*pinned, entry("plain", importance=1))
    assert ids(evictions(data, NOW, within(20)), MemoryEvicted) == ["plain", "e0"]


def test_a_clock_that_was_set_back_evicts_as_before() -> None:
    """Entries that lie in the future all at once still give way, and each just once."""
    data = data_of(*(entry(f"e{n}", timestamp=NOW - timedelta(hours=n)) for n in range(5)))
    assert evictions(data, NOW, within(49)) != []
    changes = evictions(data, NOW - timedelta(days=5), within(0))
    assert sorted(ids(changes, MemoryEvicted)) == [f"e{n}" for n in range(5)]


def test_an_entry_that_comes_back_is_evicted_once() -> None:
    """What left and came back unchanged stands in the order twice, and counts once."""
    data = data_of(entry("a"), entry("b", importance=0.6))
    ledger_of(data, within(20))
    for _ in range(3):
        one = data.memories["a"]
        drop_memories(data, ["a"])
        put_memory(data, one)
    (change,) = evictions(data, NOW, within(0))
    assert change.event_fields()["entry_ids"] == ["a", "b"]


def test_figures_that_are_worn_are_made_anew() -> None:
    """An entry that is pinned and unpinned for ever leaves no growing heap behind."""
    data, allowance = data_of(entry("a")), within(0)
    first = ledger_of(data, allowance)
    for n in range(3000):
        put_memory(data, entry("a", pinned=n % 2 == 0))
    assert ledger_of(data, allowance) is not first
    assert ids(evictions(data, NOW, allowance), MemoryEvicted) == ["a"]


def test_adding_to_many_looks_at_a_few() -> None:
    """With 20,000 entries and a full budget an eviction looks at a handful of them, not at all."""
    data = data_of(*(entry(f"e{n}", importance=n / 20_000) for n in range(20_000)))
    allowance = within(20_000 * 10)
    evictions(data, NOW, within(20_000 * 10 - 10))  # sorts them, once
    looked: list[str] = []

    class Watched(dict[str, MemoryEntry]):
        def get(self, key: str, default: Any = None) -> Any:
            looked.append(key)
            return super().get(key, default)

        def values(self) -> Any:
            raise AssertionError("nobody may go through all of them")

    data.held_memories = Watched(data.memories)
    for n in range(50):
        put_memory(data, entry(f"new{n}", importance=1.0))
        apply(evictions(data, NOW, allowance), data)
    assert len(data.memories) == 20_000 and len(looked) < 50 * 20
