"""Folding: what says the same becomes one, what says something else stays."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxsession.core.memory_entry import MemoryEntry
from voxsession.memory.compress import plan_compression

NOW = datetime(2026, 6, 1, tzinfo=UTC)
LONG = "on every second weekend of the month with her husband and both children"


def entry(number: int, content: str, **fields: Any) -> MemoryEntry:
    """An entry that is older the smaller its number."""
    return MemoryEntry(
        id=f"e{number}", content=content, **{"timestamp": NOW - timedelta(days=100 - number), **fields}
    )


def folded(*entries: MemoryEntry, keep_recent_days: float = 7) -> dict[str, set[str]]:
    """The kept entry of each group, with those folded into it."""
    plan = plan_compression(list(entries), NOW, keep_recent_days)
    return {folding.kept.id: {one.id for one in folding.folded} for folding in plan}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Likes green tea", "likes green tea"),
        ("Likes green tea.", "Likes  green tea!"),
        ("Likes the green tea in the morning", "Likes green tea in the morning"),
        (f"Visits her sister {LONG}", f"Visits her sister also {LONG}"),
        ("Ä Ö Ü ß", "ä ö ü ss"),
        ("...", "..."),
    ],
)
def test_what_says_the_same_is_folded(one: str, other: str) -> None:
    """Texts that differ in case, marks, blanks or a light word are one fact; the newest stays."""
    assert folded(entry(1, one), entry(2, other)) == {"e2": {"e1"}}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Likes green tea", "Likes black tea"),
        (f"Can visit her sister {LONG}", f"Can't visit her sister {LONG}"),
        (f"Can visit her sister {LONG}", f"Cannot visit her sister {LONG}"),
        (f"Visits her sister {LONG}", f"Never visits her sister {LONG}"),
        (f"Visits her sister Anna {LONG}", f"Visits her sister Maria {LONG}"),
        (f"Pays 40 euros {LONG}", f"Pays 45 euros {LONG}"),
        (f"Likes to travel {LONG}", f"Dislikes to travel {LONG}"),
        (f"Arrives before noon {LONG}", f"Arrives after noon {LONG}"),
        (f"Moved from Rome {LONG}", f"Moved to Rome {LONG}"),
        (f"Was allergic to nuts {LONG}", f"Is allergic to nuts {LONG}"),
        (f"Knows chess {LONG}", f"Knows chess and judo {LONG}"),
        ("...", "!!!"),
        ("", "tea"),
    ],
)
def test_what_says_something_else_stays(one: str, other: str) -> None:
    """A name, number, negation or any other word of weight makes another statement, however long the rest is."""
    assert folded(entry(1, one), entry(2, other)) == {}


@pytest.mark.parametrize(
    "fields",
    [
        {"category": "other"},
        {"speaker": "Bob"},
        {"sensitive": True},
        {"expires_at": NOW + timedelta(days=9)},
        {"metadata": {"ticket": 5}},
        {"pinned": True},
        {"slot": "user.name"},
        {"timestamp": NOW - timedelta(days=7)},
        {"timestamp": NOW},
    ],
)
def test_what_is_kept_apart(fields: dict[str, Any]) -> None:
    """Entries of another category, person, secrecy, end or metadata, pinned, changing or recent ones are not folded."""
    assert folded(entry(1, "likes tea"), entry(2, "likes tea", **fields)) == {}
    assert folded(entry(1, "likes tea"), entry(2, "likes tea")) == {"e2": {"e1"}}


def test_many_are_folded_into_the_newest() -> None:
    """A group becomes its newest entry, as important as the most important of them."""
    entries = [entry(n, "likes tea", importance=n / 10 if n != 2 else 0.9) for n in (3, 1, 2)]
    (folding,) = plan_compression(entries, NOW, 7)
    assert folding.kept.id == "e3" and [one.id for one in folding.folded] == ["e2", "e1"]
    assert folding.kept.importance == 0.9 and folding.kept.content == "likes tea"


_contents = st.sampled_from(
    ["likes tea", "Likes tea!", "likes the tea", "likes coffee", "no tea", "", "tea 4", "tea 5"]
)


@given(
    st.lists(st.tuples(_contents, st.integers(0, 100), st.booleans()), max_size=10),
    st.integers(0, 60),
)
def test_a_plan_takes_each_entry_once_and_leaves_the_recent(
    rows: list[tuple[str, int, bool]], keep: int
) -> None:
    """No entry is folded twice or into one that is folded itself; recent and pinned ones are left alone."""
    entries = [
        entry(n, content, timestamp=NOW - timedelta(days=age), pinned=pinned)
        for n, (content, age, pinned) in enumerate(rows)
    ]
    plan = plan_compression(entries, NOW, keep)
    gone = [one.id for folding in plan for one in folding.folded]
    kept = [folding.kept.id for folding in plan]
    assert len({*gone, *kept}) == len(gone) + len(kept)
    touched = [entries[int(name[1:])] for name in [*gone, *kept]]
    assert all(one.timestamp < NOW - timedelta(days=keep) and not one.pinned for one in touched)
    assert plan_compression([one for one in entries if one.id not in gone], NOW, keep) == []
