"""What one message shows: never a failure, always inside the ranges, in the right order."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from voxsession.learning.features import features_of, is_english, word_count
from voxsession.learning.names import KINDS

DATA = Path(__file__).parent / "data"
ANY_TEXT = st.text(st.characters())  # lone surrogates, too


@given(ANY_TEXT)
@example("¹0MY")
def test_any_text_has_features(text: str) -> None:
    """No text raises, and all scores lie from 0 to 1."""
    features = features_of(text)
    assert features.words >= 0
    assert 0 <= features.verbosity < 1
    assert features.kind in KINDS
    for score in (features.formality, features.technical_level):
        assert score is None or 0 <= score <= 1
    assert (features.language != "en") == (features.formality is None) == (features.technical_level is None)


@given(st.text())
def test_the_same_text_has_the_same_features(text: str) -> None:
    """Nothing but the text decides."""
    assert features_of(text) == features_of(text)


def order(name: str, high: str, low: str, score: str, *, held_out: bool) -> tuple[int, int]:
    """How many pairs of a file are in the right order, and how many there are."""
    lines = (DATA / f"{name}_pairs.jsonl").read_text("utf-8").splitlines()
    pairs = [pair for pair in map(json.loads, lines) if pair["held_out"] is held_out]
    right = 0
    for pair in pairs:
        above, below = getattr(features_of(pair[high]), score), getattr(features_of(pair[low]), score)
        right += above is not None and below is not None and above > below
    return right, len(pairs)


@pytest.mark.parametrize("held_out", [False, True])
@pytest.mark.parametrize(
    ("name", "high", "low", "score"),
    [
        ("formality", "formal", "informal", "formality"),
        ("technical", "technical", "plain", "technical_level"),
    ],
)
def test_pairs_are_in_the_right_order(name: str, high: str, low: str, score: str, held_out: bool) -> None:
    """Of two wordings of one content, at least 95 of 100 times the right one has the higher score."""
    right, count = order(name, high, low, score, held_out=held_out)
    assert count >= (140 if held_out else 100)
    assert right / count >= 0.95, f"{right} of {count}"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("What's the weather like?", "question"),
        ("how do i get to the airport", "question"),
        ("so, is it going to rain", "question"),
        ("do you know any good books", "question"),
        ("¿Dónde está la estación?", "question"),
        ("明日は雨ですか？", "question"),
        ("Play some music", "command"),
        ("please remind me to call Ann", "command"),
        ("could you turn off the lights?", "command"),
        ("I want you to write a poem", "command"),
        ("hey, set a timer for ten minutes", "command"),
        ("Hello!", "greeting"),
        ("good morning", "greeting"),
        ("hi Anna, how are you?", "greeting"),
        ("I have two cats.", "statement"),
        ("My train was late again today", "statement"),
        ("", "statement"),
        ("...", "statement"),
    ],
)
def test_kinds(text: str, kind: str) -> None:
    """Questions are known without their mark, as a transcript has none; polite requests are commands."""
    assert features_of(text).kind == kind


@pytest.mark.parametrize(
    "text",
    [
        "Guten Tag, wie geht es Ihnen?",
        "Schalte bitte das Licht an",
        "Je voudrais réserver une table",
        "Quiero reservar una mesa para dos",
        "vorrei un caffè",
        "Ik wil graag een koffie",
        "Jag vill ha kaffe",
        "Gdzie jest dworzec?",
        "東京の天気は？",
        "Привет, как дела?",
        "مرحبا كيف حالك",
        "",
        "123",
        "😀",
    ],
)
def test_other_languages_get_no_score(text: str) -> None:
    """Where the language is not English, or nothing tells it, there is no score instead of a wrong one."""
    features = features_of(text)
    assert features.language != "en"
    assert features.formality is None
    assert features.technical_level is None


@pytest.mark.parametrize(
    "text", ["ok", "play jazz", "Kubernetes crashed", "Don't!", "I said “schön” to her yesterday"]
)
def test_short_english_is_english(text: str) -> None:
    """One known word is enough where nothing speaks against it, and a foreign one does not decide."""
    assert is_english(text)
    assert features_of(text).language == "en"


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        ("one", 1),
        ("Don't worry - it's 5 pm!", 5),
        ("東京都の天気", 3),
        ("я иду домой", 3),
        ("🎉 🎉", 0),
    ],
)
def test_words_are_counted_in_any_script(text: str, count: int) -> None:
    """A script without spaces has a word for two characters; marks and pictures are none."""
    assert word_count(text) == count


def test_longer_is_more_verbose() -> None:
    """Verbosity grows with the number of words and is one half at fifteen."""
    values = [features_of("word " * count).verbosity for count in (1, 5, 15, 60)]
    assert values == sorted(values)
    assert values[2] == 0.5


def test_a_huge_text_is_counted_whole() -> None:
    """The scores of a pasted log come from its beginning, its length from all of it."""
    assert features_of("error in line " * 100_000).words == 300_000
