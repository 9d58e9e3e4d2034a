"""What must hold for the offline model on any text."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.models.asking import ask, entry, said

# Words with a capital that are the model's own: its sentences begin with them, or they name what it writes in.
OWN = frozenset(
    """i you your yes no noted nothing nice hello goodbye understood on earlier what for english january february
    march april may june july august september october november december""".split()
)
WORDS = """
    what's my name who is where do i live when did say about and , . ? ! I'm I live in I like I love
    don't My name is call me sister dog Alice Bob Caroline Berlin Paris Dana's 'Zoë' 李雷 😀 keep it short
    always answer in French tell me do you know remember forget everything did you our tomorrow 27 next
    Friday
"""
PIECES = st.sampled_from([*WORDS.split(), "\n", "\u202e", "\0"])
SENTENCES = st.lists(PIECES, max_size=14).map(" ".join)
TEXTS = st.one_of(SENTENCES, st.text(max_size=200))


@given(text=TEXTS, memories=st.lists(TEXTS, max_size=3), past=st.lists(TEXTS, max_size=3))
def test_it_never_raises_and_never_invents_a_name(text: str, memories: list[str], past: list[str]) -> None:
    """Any texts give an answer, and each word with a capital in it stands in one of the texts or is its own."""
    entries = [entry(content, id=f"m{place}") for place, content in enumerate(memories)]
    recalled = [said(content, id=f"p{place}") for place, content in enumerate(past)]

    answer = ask(text, entries, recalled)

    given_words = set(re.findall(r"\w+", " ".join([text, *memories, *past]).casefold()))
    capitals = {word.casefold() for word in re.findall(r"\b[^\W\d_a-z]\w*", answer) if word != word.lower()}
    assert answer
    assert capitals <= given_words | OWN


@given(
    text=TEXTS,
    before=st.lists(
        st.fixed_dictionaries({"role": st.sampled_from(["user", "assistant"]), "content": TEXTS})
    ),
)
def test_any_conversation_is_answered(text: str, before: list[dict[str, str]]) -> None:
    """Whatever was said before in a conversation, there is an answer, and the same one again."""
    assert ask(text, before=before) == ask(text, before=before) != ""


@given(text=SENTENCES, limit=st.integers(min_value=1, max_value=30))
def test_the_limit_of_tokens_holds(text: str, limit: int) -> None:
    """No answer is longer than four characters for each token allowed."""
    memories = ["User's name is Alice", "User lives in Berlin", "User likes tea, jazz and very long walks"]

    assert len(ask(text, memories, max_output_tokens=limit)) <= 4 * limit


@pytest.mark.parametrize(
    "text",
    [
        "",
        "?",
        "   \n\t ",
        "😀😀😀",
        "我叫什么名字？",
        "ما اسمي؟",
        "¿Cómo me llamo?",
        "my " * 300_000 + "?",
        "?" * 1_000_000,
        "a" * 1_000_000,
        "what is my name and " * 40_000,
        "Is " * 1000 + "Alice " * 1000,
        "\ud800",
    ],
    ids=lambda text: f"{len(text)} of {text[:10]!r}",
)
def test_odd_and_huge_texts_are_answered(text: str) -> None:
    """Empty, foreign and very long texts give a short answer."""
    answer = ask(
        text, ["User's name is Alice", text or "x"], [said(text)], before=[{"role": "user", "content": text}]
    )

    assert 0 < len(answer) < 3000


@pytest.mark.parametrize("content", [None, 3, ["a"], {"type": "text"}])
def test_content_that_is_no_text_is_passed_over(content: object) -> None:
    """A message without text gets a short word."""
    assert ask(content, before=[{"role": "tool", "content": content}, {"content": "x"}]) == "I see."
