"""Folding: what says the same becomes one, what says something else stays."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxsession.core.memory_entry import MemoryEntry
from voxsession.memory.compress import plan_compression, plan_joining, plan_shortening
from voxsession.memory.shorten import sentences, shortened

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


# --- what begins alike


def joined(*contents: str, **fields: Any) -> list[str]:
    entries = [entry(number, content, **fields) for number, content in enumerate(contents)]
    return [rewriting.content for rewriting in plan_joining(entries, NOW, 7)]


@pytest.mark.parametrize(
    ("contents", "expected"),
    [
        (["Likes tea", "Likes jazz."], ["Likes tea; jazz"]),
        (["Allergic to nuts", "allergic to milk", "Has a dog"], ["allergic to nuts; milk"]),
        (["Sister Anna lives in Rome", "Sister Anna has a dog"], ["Sister Anna lives in Rome; has a dog"]),
        (["Doesn't like tea", "Likes jazz"], []),
        (["The car is red", "The cat is hungry"], []),
        (["User is tall", "User is vegetarian"], []),
        (["Likes tea", "Likes walks with the dog along the river at night"], []),
        (["Likes tea today", "Likes jazz tomorrow"], []),
        (["Likes tea. And jazz.", "Likes cats. Or dogs."], []),
        (["Likes", "Likes tea"], []),
        (["好き", "好き"], []),
    ],
)
def test_what_begins_alike_is_joined(contents: list[str], expected: list[str]) -> None:
    """Plain statements with a telling lead become one; what only shares small words, or tells of its day, stays."""
    assert joined(*contents) == expected


def test_no_more_than_eight_are_joined() -> None:
    """A category full of likes becomes entries that can still be read."""
    assert [content.count(";") for content in joined(*(f"Likes thing {n:02}" for n in range(20)))] == [
        7,
        7,
        3,
    ]


_plain = st.lists(st.sampled_from("Likes likes Loves tea jazz cats and Rome".split()), min_size=1, max_size=4)


@given(st.lists(_plain.map(" ".join), max_size=12))
def test_joining_keeps_every_word(contents: list[str]) -> None:
    """Each entry is in one at most, and each of its words is in what stands for it."""
    entries = [entry(number, content) for number, content in enumerate(contents)]
    plan = plan_joining(entries, NOW, 7)
    taken = [one.id for rewriting in plan for one in rewriting.originals]
    assert len(set(taken)) == len(taken)
    for rewriting in plan:
        words = set(rewriting.content.casefold().replace(";", "").split())
        assert len(rewriting.originals) > 1
        assert words == {word for one in rewriting.originals for word in one.content.casefold().split()}
    assert plan_joining(entries[::-1], NOW, 7) == plan


# --- shorter


def count(text: str) -> int:
    return len(text.split())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("One. Two! Three?", ["One.", "Two!", "Three?"]),
        (
            "Dr. Lee met J. Bach, e.g. on Monday. Then he left.",
            ["Dr. Lee met J. Bach, e.g. on Monday.", "Then he left."],
        ),
        ("It costs 4.50 euros. really", ["It costs 4.50 euros. really"]),
        ('He said "No!" Then he left.', ['He said "No!"', "Then he left."]),
        ("今日は雨。明日は晴れ！", ["今日は雨。", "明日は晴れ！"]),
        ("- one\n- two\n\n", ["- one", "- two"]),
    ],
)
def test_sentences(text: str, expected: list[str]) -> None:
    """Titles, initials, figures and quotes end no sentence; lines do."""
    assert sentences(text) == expected


_texts = st.lists(
    st.sampled_from(
        ["It rained.", "The dog is Rex!", "Never give him nuts.", "At 7 we left.", "Well?", "x y z " * 9]
    ),
    max_size=12,
).map(" ".join)


@given(_texts, st.integers(0, 40), st.sets(st.sampled_from(["rex", "left"])))
def test_a_short_text_is_made_of_the_long_one(text: str, most: int, wanted: set[str]) -> None:
    """It fits, has only whole sentences in their order, is shorter, and comes out the same each time."""
    short = shortened(text, most, count, wanted)
    if short is None:
        return
    assert count(short) <= most and len(short) < len(text)
    left = iter(sentences(text))
    assert all(any(mine == part for part in left) for mine in sentences(short))
    assert shortened(text, most, count, wanted) == short


def test_dangers_and_what_is_wanted_come_first() -> None:
    """Of a text that cannot stay whole, the rule stays, then what is asked for."""
    text = "It rained. The dog is Rex. Never give him nuts. They walked and walked."
    assert shortened(text, 4, count) == "Never give him nuts."
    assert shortened(text, 8, count, {"rex"}) == "The dog is Rex. Never give him nuts."
    assert shortened(text, 100, count) is None and shortened(text, 1, count) is None


@pytest.mark.parametrize(
    "fields",
    [{"pinned": True}, {"slot": "user.name"}, {"made_from": ["a"]}, {"restored_at": NOW}, {"timestamp": NOW}],
)
def test_what_is_not_shortened(fields: dict[str, Any]) -> None:
    """Pinned, recent, single facts, what was made already and what was brought back stay whole."""
    text = "It rained. The dog is Rex. " * 20
    assert len(plan_shortening([entry(1, text, token_count=120)], NOW, 7, count)) == 1
    assert plan_shortening([entry(1, text, token_count=120, **fields)], NOW, 7, count) == []
    assert plan_shortening([entry(1, "tea " * 120, token_count=120)], NOW, 7, count) == []
