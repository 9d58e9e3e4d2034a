"""Denials are read as the facts they deny, and what somebody else said gives nothing."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.memory.test_extract import contents, labelled
from voxsession.core.memory_entry import MemoryEntry
from voxsession.memory.denied import ended_by
from voxsession.memory.extract import extract_facts
from voxsession.memory.facts import Fact

NOW = datetime(2026, 11, 18, tzinfo=UTC)


def denied(text: str) -> list[str]:
    """The contents that a text denies."""
    return [fact.content for fact in extract_facts(text, at=NOW, with_denials=True) if fact.is_denied]


@pytest.mark.parametrize(
    "said",
    [
        "I'm allergic to penicillin, he said.",
        "I am allergic to penicillin, my brother told me.",
        "I live in Rome, said Tom.",
        "I love saunas, she said.",
        "I live in Rome, he wrote in his letter.",
        "I live in Rome, he said, and I love it.",
        "I'm a vegan - the new neighbour explained to us",
        "i love saunas she told me yesterday",
        "We have two dogs, Tom admitted later that evening. That's all.",
        "I live in Rome. That's what Tom said.",
        "I don't eat meat, added his wife.",
    ],
)
def test_what_somebody_behind_it_said(said: str) -> None:
    """The speaker behind the words makes them his own, with quotation marks or without."""
    assert contents(said) == [] and denied(said) == []


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("I live in Rome, as I told you.", ["User lives in Rome"]),
        ("I'm allergic to nuts, I said.", ["User is allergic to nuts"]),
        ("I live in Rome, my brother told me about a flat here", ["User lives in Rome"]),
        ("I'm Bob and my wife said hi", ["User's name is Bob"]),
        ("I'm allergic to nuts, as my doctor said.", ["User is allergic to nuts"]),
    ],
)
def test_own_words_beside_what_somebody_said(said: str, found: list[str]) -> None:
    """Who confirms it, or says something else, takes nothing away."""
    assert contents(said) == found


def test_denials_come_only_where_they_are_asked_for() -> None:
    """Facts are the same without and with them; denials stand in front."""
    text = "I don't have a dog any more, but I live in Rome"
    assert contents(text) == ["User lives in Rome"]
    found = extract_facts(text, at=NOW, with_denials=True)
    assert [(fact.content, fact.is_denied) for fact in found] == [
        ("User has a dog", True),
        ("User lives in Rome", False),
    ]


def test_no_message_of_the_labelled_set_denies_what_it_states() -> None:
    """On 852 messages, half of them traps, no fact is given and denied at once."""
    for row in [*labelled("dev"), *labelled("held")]:
        found = extract_facts(row["text"], at=NOW, previous=row.get("previous"), with_denials=True)
        assert [fact for fact in found if not fact.is_denied] == extract_facts(
            row["text"], at=NOW, previous=row.get("previous")
        )
        stated = {fact.content for fact in found if not fact.is_denied}
        assert not stated & {fact.content for fact in found if fact.is_denied}


_ENTRY = MemoryEntry(
    id="m", content="User has a dog", value="a dog", category="possession", source="user", timestamp=NOW
)


@settings(max_examples=200, deadline=None)
@given(
    content=st.text(max_size=60),
    value=st.none() | st.text(max_size=20),
    slot=st.none() | st.text(max_size=12),
)
def test_any_denied_fact_can_be_looked_for(content: str, value: str | None, slot: str | None) -> None:
    """Whatever an app's extractor denies: nothing raises, and only what is there is given."""
    fact = Fact(content=content, category="possession", importance=0, slot=slot, value=value, is_denied=True)
    assert ended_by(fact, [_ENTRY], speaker=None, at=NOW, now=NOW) in ([], [_ENTRY])


def test_of_two_plans_none_is_ended_where_it_is_open_which() -> None:
    """ "I'm not going to Rome" may mean either."""
    plans = [
        MemoryEntry(id=f"m{day}", content=f"User is going to Rome on {day} May 2099 {what}", category="plan",
                    source="user", timestamp=NOW)
        for day, what in ((3, "for work"), (9, "with Anna"))
    ]  # fmt: skip
    fact = Fact(content="User is going to Rome", category="plan", importance=0, is_denied=True)
    assert ended_by(fact, plans, speaker=None, at=NOW, now=NOW) == []
    assert ended_by(fact, plans[:1], speaker=None, at=NOW, now=NOW) == plans[:1]
