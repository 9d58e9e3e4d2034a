"""Satisfaction: which messages are signals, and what they come to."""

from __future__ import annotations

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxsession.learning.satisfaction import from_ratings, from_signals
from voxsession.learning.signals import signals_of

few = st.integers(0, 1000)


@pytest.mark.parametrize(
    "text",
    [
        "Thanks!",
        "thank you so much",
        "Perfect, that works",
        "That's exactly what I needed",
        "much appreciated",
        "Danke schön",
        "merci beaucoup",
        "¡Gracias!",
        "you’re the best",
    ],
)
def test_thanks(text: str) -> None:
    """Words of thanks, in a few languages."""
    assert signals_of(text) == ["thanks"]


@pytest.mark.parametrize(
    "text",
    [
        "That's wrong",
        "no, that is not what I meant",
        "You misunderstood me",
        "I already told you my name",
        "thanks for nothing",
        "this is useless",
        "Wrong answer. Thanks.",
        "you keep forgetting it",
        "Das stimmt nicht",
        "c'est faux",
    ],
)
def test_complaints(text: str) -> None:
    """A complaint is one, thanks or not."""
    assert signals_of(text) == ["complaint"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Hello",
        "No thanks",
        "no, thank you",
        "Thanks to the rain we stayed at home",
        "My printer does not print",
        "What is wrong with my car?",
        "Book a table for two",
        "\0" * 50,
    ],
)
def test_neither(text: str) -> None:
    """Most messages say nothing of it, and a complaint about something else is none."""
    assert signals_of(text) == []


def test_a_question_asked_again() -> None:
    """The same question in other words order counts, another one does not, and neither do short answers."""
    asked = ["Which trains go to Berlin tomorrow morning?"]
    assert signals_of("so which trains go tomorrow morning to Berlin", asked) == ["repeat"]
    assert signals_of("Which trains go to Hamburg on Friday?", asked) == []
    assert signals_of("yes", ["yes"]) == [] and signals_of("ok please", ["ok please"]) == []
    assert signals_of("That's wrong. Which trains go to Berlin tomorrow morning?", asked) == [
        "complaint",
        "repeat",
    ]


@given(
    st.lists(st.text("bkxz09_QW", min_size=2, max_size=6), min_size=3, max_size=12, unique_by=str.lower),
    st.text(" .,;-?!'\"\n\t\x00\x1f", min_size=1, max_size=3),
)
def test_words_are_cut_alike_in_any_script(words: list[str], between: str) -> None:
    """The same words count, whatever stands between them, one letter or a letter outside ASCII as well."""
    said = " ".join(words)
    for other in (between.join(words), f"{between}q{between}".join(words), f"{said} ü", f"ö{between}{said}"):
        assert "repeat" in signals_of(said, [other]) and "repeat" in signals_of(other, [said])


@given(st.text(max_size=300), st.lists(st.text(max_size=100), max_size=3))
def test_any_text_is_looked_at(text: str, earlier: list[str]) -> None:
    """Whatever is said gives signals of the known names, each at most once."""
    found = signals_of(text, earlier)
    assert len(found) == len(set(found)) and set(found) <= {"thanks", "complaint", "repeat"}


@given(few, few, few, few)
def test_a_score_lies_from_0_to_5(thanks: int, complaints: int, repeats: int, interruptions: int) -> None:
    """More thanks never lower it, more of the other signals never raise it, and the confidence stays under a half."""
    found = from_signals(thanks, complaints, repeats, interruptions)
    if not thanks + complaints + repeats + interruptions:
        assert found == (None, 0.0, None)
        return
    assert found.score is not None and 0 <= found.score <= 5 and 0 < found.confidence <= 0.5
    better = from_signals(thanks + 1, complaints, repeats, interruptions).score
    worse = [
        from_signals(thanks, complaints + 1, repeats, interruptions).score,
        from_signals(thanks, complaints, repeats + 1, interruptions).score,
        from_signals(thanks, complaints, repeats, interruptions + 1).score,
    ]
    assert better is not None and better >= found.score
    assert all(score is not None and score <= found.score for score in worse)


def test_a_rating_is_surer_than_signals() -> None:
    """One rating is as sure as any number of signals, and more of them are surer."""
    assert from_ratings(1, 4.0).confidence >= from_signals(10**6, 0, 0, 0).confidence
    assert from_ratings(9, 36.0).confidence > from_ratings(1, 4.0).confidence


def test_every_phrase_has_a_telling_word() -> None:
    """What is passed over for having none of them could match no phrase: all that the patterns spell out is tried."""
    from voxsession.learning import signals

    words = sorted(set(re.findall(r"\w{2,}", (signals._COMPLAINT.pattern + signals._THANKS.pattern).lower())))
    plain = [word for word in words if not word.startswith(tuple(signals._TELLING))]
    for first, second, third in itertools.product([*plain, "that's", "it", "i", "c'est", "è"], repeat=3):
        said = f"{first} {second} {third}"
        assert not signals._COMPLAINT.search(said) and not signals._THANKS.search(said), said
