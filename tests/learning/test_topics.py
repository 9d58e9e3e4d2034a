"""What a text is about."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxsession.core.types import encode_json
from voxsession.learning.topics import fold_plural, topics_of


@pytest.mark.parametrize(
    ("text", "topics"),
    [
        ("I'm interested in quantum physics", {"quantum physics"}),
        ("Tell me about the Roman empire.", {"roman empire"}),
        ("How do I make pancakes?", {"pancake"}),
        ("We talked about dogs and a dog", {"dog"}),
        ("there's a lot of things and stuff, you know", set()),
        ("ok thanks", set()),
        ("", set()),
        ("Ich interessiere mich für Quantenphysik", {"quantenphysik"}),
        ("Me gusta la fotografía", {"fotografía"}),
    ],
)
def test_topics(text: str, topics: set[str]) -> None:
    """Phrases between the words that say nothing, folded to the singular."""
    found = set(topics_of(text))
    assert topics <= found
    assert bool(found) == bool(topics)


@pytest.mark.parametrize(
    "text",
    [
        "mail ann.smith@example.org",
        "see https://example.org/secret?x=1",
        "+49 170 1234567",
        "card 4111111111111111",
    ],
)
def test_addresses_and_numbers_are_no_topics(text: str) -> None:
    """What identifies somebody does not enter the topics."""
    found = " ".join(topics_of(text))
    assert not any(private in found for private in ("ann", "smith", "example", "secret", "170", "4111"))


def test_the_limit_holds() -> None:
    """At most so many phrases, the weightiest first."""
    text = "cats; dogs; birds; horses; rabbits; turtles; dogs; dogs"
    assert len(topics_of(text, limit=3)) == 3
    assert next(iter(topics_of(text))) == "dog"
    assert topics_of(text, limit=0) == {}


@given(st.text(st.characters()), st.integers(0, 10))
def test_any_text_has_topics(text: str, limit: int) -> None:
    """No text raises; weights are shares, phrases short and storable."""
    found = topics_of(text, limit)
    assert len(found) <= limit
    assert all(0 < weight <= 1 for weight in found.values())
    assert all(phrase == phrase.strip() and len(phrase) <= 95 for phrase in found)
    encode_json(found)


@pytest.mark.parametrize(
    ("word", "singular"),
    [
        ("cities", "city"),
        ("boxes", "box"),
        ("glasses", "glass"),
        ("bus", "bus"),
        ("news", "news"),
        ("ties", "tie"),
    ],
)
def test_plurals_are_folded_lightly(word: str, singular: str) -> None:
    """Plain plurals become singulars; what only ends like one stays."""
    assert fold_plural(word) == singular
