"""Whatever a model answers, only facts of the schema that the user said come out."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voxsession.memory import fact_schema as schema
from voxsession.memory.extraction import ExtractionRequest, UserWords
from voxsession.memory.fact_answer import read_answer
from voxsession.memory.facts import CATEGORIES
from voxsession.memory.own_words import bare_words

AT = datetime(2026, 5, 1, 12, tzinfo=UTC)
SAID = ("I moved to Bergen in March", "and I've got two dogs")
REQUEST = ExtractionRequest(
    said=[UserWords(message_id=f"id{place}", text=text, at=AT) for place, text in enumerate(SAID)],
    earlier=[("assistant", "You seem to be allergic to walnuts"), ("user", "Perhaps I like chess")],
    remembered=["User plays the harp"],
)
GOOD = {
    "message": "m1",
    "quote": "moved to Bergen",
    "content": "User lives in Bergen",
    "category": "location",
}

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
rows = st.fixed_dictionaries(
    {
        "message": st.sampled_from(["m1", "m2", "m3", "id0"]) | anything,
        "quote": st.sampled_from([*SAID, "Bergen", "walnuts", ""]) | anything,
        "content": st.sampled_from(["User has two dogs", "User is allergic to walnuts", "x" * 400])
        | anything,
        "category": st.sampled_from(sorted(CATEGORIES)) | anything,
        "importance": st.floats(-1, 2) | anything,
    },
    optional={
        "slot": st.sampled_from(["name", "likes:Tea", "likes:", "summary.c"]) | anything,
        "value": anything,
        "valid_from": st.sampled_from(["2026-03-01", "2026-05-01", "2999-01-01", "0000-00-00"]) | anything,
        "expires_at": st.sampled_from(["2026-06-01", "2020-01-01", "9999-12-31T23:59:59-23:59"]) | anything,
        "other": anything,
    },
)


@given(st.lists(rows | anything, max_size=25) | anything)
@settings(max_examples=300, deadline=None)
def test_every_fact_that_comes_out_meets_every_rule(given_rows: Any) -> None:
    """Nothing raises; each fact is of a given message, inside all ranges, and quotes only what the user said."""
    read = read_answer(json.dumps({"facts": given_rows}), REQUEST)
    for fact in read.facts:
        assert fact.message_id in ("id0", "id1")
        assert fact.category in CATEGORIES and 0 <= fact.importance <= 1
        assert 0 < len(fact.content) <= schema.MAX_CONTENT_CHARS
        assert (
            fact.slot is None
            or fact.slot in schema.SINGLE_SLOTS
            or fact.slot.split(":")[0] in schema.KEYED_SLOTS
        )
        assert fact.valid_from is None or fact.valid_from < AT
        assert fact.expires_at is None or fact.expires_at > AT
        assert "walnuts" not in fact.content
    slots = [fact.slot for fact in read.facts if fact.slot]
    assert len(slots) == len(set(slots)) and len(read.facts) <= schema.MAX_FACTS
    if isinstance(given_rows, list) and len(read.facts) < len(given_rows) and not read.facts:
        assert read.complaints


@given(st.text(max_size=200))
def test_any_text_is_an_answer(answer: str) -> None:
    """What is no JSON is a complaint, never an error."""
    assert isinstance(read_answer(answer, REQUEST).complaints, list)


@pytest.mark.parametrize(
    ("more", "taken"),
    [
        ({}, True),
        ({"quote": "MOVED, to: bergen!"}, True),
        ({"quote": "two dogs"}, False),
        ({"message": "m2", "quote": "two dogs", "content": "User has two dogs"}, True),
        ({"quote": "Perhaps I like chess", "content": "User likes chess"}, False),
        ({"quote": "Bergen", "content": "User is allergic to walnuts"}, False),
        ({"quote": "Bergen", "content": "User plays the harp"}, False),
        ({"content": "Der Benutzer wohnt in Norwegen"}, True),
    ],
)
def test_only_the_words_of_the_named_message_count(more: dict[str, Any], taken: bool) -> None:
    """A quote is looked for in the one message, by its words; what others said is no news."""
    answer = json.dumps({"facts": [GOOD | {"importance": 0.5} | more]})
    assert bool(read_answer(answer, REQUEST).facts) is taken


@pytest.mark.parametrize(
    ("text", "previous", "quote", "content", "taken"),
    [
        ("I like tea and I moved to Oslo", None, "I", "User has root access to everything", False),
        (
            "I like tea and I moved to Oslo",
            None,
            "I moved to Oslo",
            "User has root access to everything",
            False,
        ),
        ("I like tea and I moved to Oslo", None, "to", "User lives in Oslo", False),
        ("I like tea and I moved to Oslo", None, "I moved to Oslo", "User lives in Oslo", True),
        ("I like tea and I moved to Oslo", None, "I moved to Oslo", "User can read all files of Oslo", False),
        ("I turned 34 last week", None, "I turned 34", "User is 34 years old", True),
        ("I turned 34 last week", None, "I turned 34", "User is 99 years old", False),
        ("I can't stand the smell of coffee", None, "can't stand the smell", "User dislikes coffee", True),
        ("Yes, I am", "Are you allergic to nuts?", "Yes, I am", "User is allergic to nuts", True),
        ("Yes, I am", "Are you allergic to nuts?", "Yes, I am", "User may delete accounts", False),
        ("Oslo", "Where do you live?", "Oslo", "User lives in Oslo", True),
        ("Ich bin Krankenschwester von Beruf", None, "Ich bin Krankenschwester", "User is a nurse", True),
        ("我住在北京", None, "我住在北京", "User lives in Beijing", True),
    ],
)
def test_the_content_is_backed_by_what_was_said(
    text: str, previous: str | None, quote: str, content: str, taken: bool
) -> None:
    """A quote that states nothing, and a content that English words do not state, give no fact."""
    said = UserWords(message_id="1", text=text, at=AT, previous=previous)
    answer = json.dumps({"facts": [GOOD | {"importance": 0.5, "quote": quote, "content": content}]})
    assert bool(read_answer(answer, ExtractionRequest(said=[said])).facts) is taken


def test_facts_come_in_the_order_of_the_messages() -> None:
    """Of two values of one slot, the one from the later message counts, wherever it stands in the answer."""
    answer = [
        GOOD | {"importance": 0.5, "message": "m2", "quote": "two dogs", "content": "B", "slot": "residence"},
        GOOD | {"importance": 0.5, "content": "A", "slot": "residence"},
    ]
    (fact,) = read_answer(json.dumps({"facts": answer}), REQUEST).facts
    assert fact.content == "B"


def test_complaints_quote_nothing() -> None:
    """They go into events, so no word of a message or an answer stands in them."""
    bad = {
        name: f"secret{name}" for name in ("message", "quote", "content", "category", "importance", "slot")
    }
    read = read_answer(
        json.dumps({"facts": [bad, GOOD | {"importance": "secret"}, GOOD | {"secret": 1}]}), REQUEST
    )
    assert len(read.complaints) == 3 and "secret" not in " ".join(read.complaints)


def test_bare_words() -> None:
    """Marks, case and apostrophes tell no two texts apart."""
    assert bare_words("I’ve  GOT: it!") == bare_words("i've got it")
