"""Telling the user's words from those that are only repeated."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxsession.memory import context
from voxsession.memory.own_words import OwnWords, bare_words

REPLY = "You could write: I live in Oslo, and I work as a nurse. I like tea."


def own(text: str, *others: str, remembered: tuple[str, ...] = ()) -> str:
    return OwnWords(others, lambda said: said in remembered).of(text)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("I live in Oslo and I work as a nurse.", ""),
        ("i LIVE in oslo —  and i work as a nurse", ""),
        ("I live in Oslo and I work as a nurse. I have a dog!", "I have a dog!"),
        ("I like tea", "I like tea"),
        ("I live in Oslo and I work as a cook.", "I live in Oslo and I work as a cook."),
        (
            "My sister said: I live in Oslo and I work as a nurse",
            "My sister said: I live in Oslo and I work as a nurse",
        ),
    ],
)
def test_sentences_of_others_are_taken_out(text: str, left: str) -> None:
    """Whole sentences of four words or more, whatever their marks and case; nothing less."""
    assert own(text, REPLY) == left


@pytest.mark.parametrize(
    "heading", [context.KNOWN_HEADING, context.SAID_HEADING, context.WISHES_HEADING, context.SUMMARY_HEADING]
)
def test_lists_below_a_heading_of_the_context_are_taken_out(heading: str) -> None:
    """With the heading, up to the first line that is no item of the list."""
    assert (
        own(f"Look:\n{heading}- I love x\n* I eat y\nI am Ann\n- I own a dog")
        == "Look:\n\n\n\nI am Ann\n- I own a dog"
    )


@pytest.mark.parametrize(
    "line",
    ["- I love x (3 May 2026)", "• I love x (2026-05-03)", "1. [3 May 2026] user: I love x", "- I love tea."],
)
def test_lines_in_the_form_of_the_context_are_taken_out(line: str) -> None:
    """Dated items, and items that say just what is remembered, need no heading."""
    assert own(f"{line}\nI am Ann", remembered=("I love tea",)) == "I am Ann"


def test_lists_of_ones_own_are_kept() -> None:
    """A list that is nowhere remembered is the user's."""
    text = "About me:\n- I love chess\n- I have two dogs\n\n(since 3 May 2026)"
    assert own(text, remembered=("I love tea",)) == text


@given(st.text(max_size=300), st.lists(st.text(max_size=100), max_size=3))
def test_nothing_is_added(text: str, others: list[str]) -> None:
    """What is left was there, in its order; taking it out again leaves nothing more out."""
    left = own(text, *others)
    words = iter(bare_words(text).split())
    assert all(word in words for word in bare_words(left).split())
    assert own(left, *others) == left or left.count("\n")


def test_the_time_is_bounded() -> None:
    """Text of any length, on either side, takes milliseconds."""
    started = time.perf_counter()
    own("- word. " * 200_000, "word " * 200_000)
    own("\n- a" * 200_000, REPLY)
    assert time.perf_counter() - started < 2
