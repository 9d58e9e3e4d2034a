"""Facts are found by slot and by words without going through all of them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from voxsession.core.changes import (
    MemoryAdded,
    MemoryEvicted,
    MemoryReinforced,
    MemoryRestored,
    MemorySuperseded,
    MemoryUpdated,
)
from voxsession.core.memory_entry import MemoryEntry
from voxsession.core.session_data import SessionData
from voxsession.core.struct import evolve
from voxsession.memory.fact_index import FactIndex, fact_index_of

AT = datetime(2026, 5, 1, tzinfo=UTC)
IDS = ["a", "b", "c", "d"]
entries = st.builds(
    MemoryEntry,
    id=st.sampled_from(IDS),
    content=st.sampled_from(["User likes tea", "user  likes TEA", "User is Ann"]),
    slot=st.sampled_from([None, "user.name", "user.likes:tea"]),
    timestamp=st.just(AT),
    superseded_by=st.sampled_from([None, "z"]),
)
changes = st.one_of(
    st.builds(MemoryAdded, at=st.just(AT), entry=entries, local=st.booleans()),
    st.builds(MemoryUpdated, at=st.just(AT), entry=entries),
    st.builds(MemoryReinforced, at=st.just(AT), entry_id=st.sampled_from(IDS)),
    st.builds(MemorySuperseded, at=st.just(AT), entry_id=st.sampled_from(IDS), by=st.just("z")),
    st.builds(MemoryEvicted, at=st.just(AT), entry_ids=st.lists(st.sampled_from(IDS), max_size=2)),
    st.builds(
        MemoryRestored,
        at=st.just(AT),
        entries=st.lists(entries.map(lambda one: evolve(one, superseded_by=None)), max_size=2),
        dropped=st.lists(st.sampled_from(IDS), max_size=1),
    ),
)


def data() -> SessionData:
    return SessionData(session_id="s", created_at=AT, updated_at=AT)


def seen(of: SessionData) -> Any:
    index = fact_index_of(of)
    return (
        {slot: sorted(one.id for one in index.holders(of, slot)) for slot in ("user.name", "user.likes:tea")},
        {
            text: sorted(one.id for one in index.saying(of, text))
            for text in ("USER likes tea", "User is Ann")
        },
        index.contested(),
    )


@given(st.lists(changes, max_size=20), st.integers(0, 20))
@settings(max_examples=200)
def test_it_is_always_what_a_fresh_one_would_be(made: list[Any], split: int) -> None:
    """Kept up to date change by change it says what an index made of the data anew says; a copy is its own."""
    kept = data()
    fact_index_of(kept)
    for change in made[:split]:
        change.apply(kept)
    copy = kept.copy()
    before = seen(kept)
    for change in made[split:]:
        change.apply(copy)
    assert seen(kept) == before
    for one in (kept, copy):
        kept_index = seen(one)
        one.fact_index = None
        assert kept_index == seen(one)
        assert isinstance(one.fact_index, FactIndex)
