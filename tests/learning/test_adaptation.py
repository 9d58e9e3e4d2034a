"""Preferences as instructions for the model."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.learning.talks import apply, new_data, reply, say, talk
from voxsession.learning.adaptation import adaptation_lines
from voxsession.learning.preferences import learn


def test_nothing_is_said_when_nothing_is_known() -> None:
    """A new session adds nothing to the context."""
    assert adaptation_lines(new_data()) == []


def test_a_few_messages_are_not_enough() -> None:
    """Two formal messages make no instruction."""
    assert adaptation_lines(talk(["I would be most grateful for your kind assistance."] * 2)) == []


def test_an_average_person_gets_no_lines() -> None:
    """Everyday messages push neither formality nor length nor level to one side."""
    texts = [
        "What's the weather like in Berlin today?",
        "Can you recommend a good book for my sister?",
        "How do I make pancakes without eggs?",
        "Set a reminder for tomorrow at nine.",
        "I'm planning a trip with my family in May.",
    ]
    assert not [line for line in adaptation_lines(talk(texts * 8)) if "talks about" not in line]


@pytest.mark.parametrize(
    ("texts", "line"),
    [
        (["Keep your answers short."], "Keep answers short."),
        (["Please be formal."], "Use formal language."),
        (["Please be formal.", "No, be casual."], "Use casual, friendly language."),
        (["Answer in German."], "Answer in German."),
        (["I'm an expert."], "Assume expert knowledge."),
        (["no jargon please"], "Use plain words; explain technical terms."),
        (["Speak more slowly please"], "Speak slowly."),
        (["Give me detailed answers."], "Give detailed answers."),
    ],
)
def test_a_wish_becomes_an_instruction_at_once(texts: list[str], line: str) -> None:
    """What the user asks for stands in the very next context."""
    assert line in adaptation_lines(talk(texts))


@pytest.mark.parametrize(
    ("name", "value", "line"),
    [
        ("formality", "always_formal", "Use formal language."),
        ("formality_score", 0.05, "Use casual, friendly language."),
        ("verbosity", "brief", "Keep answers short."),
        ("verbosity", "detailed", "Give detailed answers."),
        ("technical_level", "beginner", "Use plain words; explain technical terms."),
        ("language", "de", "Answer in German."),
        ("language", "Klingon", "Answer in Klingon."),
        ("response_length", 42, "Aim for about 40 words per answer."),
        ("speaking_pace", "fast", "Speak at a brisk pace."),
        ("tone", "playful", "The user's preference for tone: playful."),
    ],
)
def test_what_is_set_by_hand_is_an_instruction(name: str, value: Any, line: str) -> None:
    """A value set by hand needs no evidence."""
    assert adaptation_lines(new_data(preferences={name: value})) == [line]


def test_by_hand_silences_what_was_learned() -> None:
    """A neutral value set by hand takes the learned instruction away."""
    data = talk(["Please be formal."])
    data.preferences["formality"] = "neutral"
    assert adaptation_lines(data) == []


def test_replies_that_were_cut_off_make_a_length() -> None:
    """A user who keeps cutting off long replies gets shorter ones."""
    data = new_data()
    for number in range(1, 15):
        answer = reply(number - 1, "word " * 30, interrupted=True)
        apply(data, learn(data, say(number, "Which one is the best of them?"), previous=answer, reply=None))
    assert "Aim for about 30 words per answer." in adaptation_lines(data)


@given(st.text(max_size=300), st.text(max_size=300))
def test_lines_stay_lines(name: str, value: str) -> None:
    """No value that was set can break out of its line."""
    for line in adaptation_lines(new_data(preferences={name: value})):
        assert "\n" not in line
        assert len(line) < 260
