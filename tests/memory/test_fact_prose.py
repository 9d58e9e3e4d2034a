"""Prose in one spelling: looking for a few letters first overlooks no rule."""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from voxsession.memory import fact_prose
from voxsession.memory.fact_prose import prose

_PIECES = re.findall(r"[a-z']+", fact_prose._SPELLING_TABLE)


def spelled_in_full(text: str) -> str:
    """The text after every rule of spelling, each tried."""
    for pattern, right, _ in fact_prose._SPELLING:
        text = pattern.sub(right, text)
    return text


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.sampled_from(_PIECES).flatmap(lambda word: st.sampled_from([word, word.upper(), word.title()]))
        | st.sampled_from(["I", "uhh", "loooove", "ı", "ſo", "東京", ",", ".", "!", "\n", "since I moved"]),
        max_size=14,
    )
)
def test_no_rule_is_overlooked(words: list[str]) -> None:
    """Every rule that a text meets is carried out, whatever the letters and the case."""
    text = " ".join(words)
    assert fact_prose._spelled(text) == spelled_in_full(text)


def test_each_rule_is_met_by_what_its_own_words_say() -> None:
    """One example for each way that has its letters told."""
    said = "im in rome cuz i dont like it, its cold and i would like tea pls, whats your name, i've been here"
    assert prose(said) == (
        "I'm in rome because I don't like it, it's cold and I'd like tea please, what's your name, I've been here"
    )
