"""The names of preferences and the values they take."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxsession.errors import ConfigurationError
from voxsession.learning.names import LEARNED, PUBLIC_NAMES, WORDS, canonical_name, check_preference


@pytest.mark.parametrize(
    ("given_name", "name"),
    [
        ("formality", "formality"),
        ("formality_score", "formality"),
        ("Formality-Score", "formality"),
        ("verbosity_score", "verbosity"),
        ("technical level", "technical_level"),
        ("avg_message_length", "message_length"),
        ("optimal_response_length", "response_length"),
        ("my_score", "my_score"),
        ("Tone of voice", "Tone of voice"),
    ],
)
def test_names_are_folded(given_name: str, name: str) -> None:
    """Known names may end in `_score` and be spelt loosely; others stay as they are."""
    assert canonical_name(given_name) == name


@given(st.text())
def test_folding_twice_changes_nothing(name: str) -> None:
    """A canonical name is its own canonical name."""
    assert canonical_name(canonical_name(name)) == canonical_name(name)


def test_public_names_lead_back() -> None:
    """The key in the learned preferences names the same preference as the name in the document."""
    assert all(canonical_name(PUBLIC_NAMES.get(name, name)) == name for name in LEARNED)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("formality", "always_formal"),
        ("formality", "Casual"),
        ("formality_score", 0.3),
        ("verbosity", "brief"),
        ("verbosity", 1),
        ("technical_level", "expert"),
        ("technical_level", "beginner"),
        ("speaking_pace", 140),
        ("response_length", "short"),
        ("interaction_style", "chat"),
        ("language", "de"),
        ("topics", ["sailing"]),
        ("tone", {"any": ["json", 1, None]}),
        ("tone", False),
    ],
)
def test_good_values_are_kept_as_given(name: str, value: Any) -> None:
    """A value that a preference takes comes back unchanged."""
    assert check_preference(name, value) == value


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("formality", "purple"),
        ("formality", 1.2),
        ("formality", -0.1),
        ("formality", math.nan),
        ("formality", True),
        ("formality", ["formal"]),
        ("formality", None),
        ("verbosity", "formal"),
        ("interaction_style", 0.5),
        ("interaction_style", "singing"),
        ("message_length", "long"),
        ("speaking_pace", 100_000),
        ("language", 7),
        ("language", " "),
        ("topics", "sailing"),
        ("topics", [1]),
        ("tone", object()),
        ("tone", b"bytes"),
        ("tone", math.inf),
        ("tone", "x" * 5000),
        ("", 1),
        (" ", 1),
        ("x" * 201, 1),
    ],
)
def test_bad_values_are_refused_in_a_sentence(name: str, value: Any) -> None:
    """A refusal names the preference and says what is allowed."""
    with pytest.raises(ConfigurationError) as caught:
        check_preference(name, value)
    assert caught.value.option
    assert (name.strip() or "name") in str(caught.value) or len(name) > 100


def test_a_refusal_lists_the_words() -> None:
    """Whoever gives a wrong word sees the right ones."""
    with pytest.raises(ConfigurationError, match=r"always_formal.*number from 0 to 1"):
        check_preference("formality", "stiff")


def test_words_stand_for_numbers_in_range() -> None:
    """The number that a word stands for is one that could be set as well."""
    for name, words in WORDS.items():
        for value in words.values():
            assert name == "interaction_style" or check_preference(name, value) == value
