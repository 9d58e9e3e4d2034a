"""Words, pieces, names and related words: what a text and a question are taken apart into."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxsession.memory.kinds import KINDS
from voxsession.memory.near_words import NEAR_WORDS
from voxsession.memory.question import Question, read_question
from voxsession.memory.related import forms_of, related_to
from voxsession.memory.words import STOP_WORDS, informative_words, pieces, searchable, words_of

AT = datetime(2024, 5, 15, tzinfo=UTC)
SPEAKERS = {name: frozenset(words_of(name)) for name in ("Melanie", "Ann Lee", "Will")}


def read(query: str) -> Question:
    """A question asked among Melanie, Ann Lee and Will."""
    return read_question(query, SPEAKERS, AT)


def test_plain_text_is_indexed_as_it_is() -> None:
    """Text without odd characters is not even copied; other letters are folded."""
    assert searchable("Zoë's CAFÉ, 10 o'clock") == "zoe's cafe, 10 o'clock"
    plain = "ten o'clock"
    assert searchable(plain) is plain


@given(st.text(st.characters()))
def test_searchable_text_can_be_stored(text: str) -> None:
    """Whatever comes in, what goes out is valid Unicode without NUL."""
    out = searchable(text)
    assert out.encode("utf-8") is not None
    assert "\0" not in out


def test_marks_belong_to_their_words() -> None:
    """Vowel signs do not cut a Hindi word; punctuation does cut others."""
    assert words_of("हिन्दी है। well-known, İx") == ["हिन्दी", "है", "well", "known", "ix"]


def test_a_question_of_stop_words_still_has_words() -> None:
    """Where nothing else is left, what was left out comes back, names before stop words."""
    assert informative_words(["who", "are", "you"]) == ["who", "are", "you"]
    assert informative_words(["did", "ann", "say"], {"ann"}) == ["ann"]
    assert informative_words(["did", "ann", "say"], {"ann"}, may_be_none=True) == []


@given(st.lists(st.sampled_from(["word", "two\nlines", "tab\tbed", ""]), max_size=600).map(" ".join))
def test_pieces_lose_nothing(text: str) -> None:
    """The pieces hold all words in their order, and are none of them long."""
    parts = pieces(text)
    assert [word for part in parts for word in part.split()] == text.split()
    assert all(len(part.split()) <= 110 for part in parts)
    assert (parts == []) == (text == "")


def test_names_are_recognised() -> None:
    """One word of a name is enough, in any case; so is a nickname with its capital."""
    assert read("what does ann like?").names == {"Ann Lee"}
    assert read("What does Mel's dog eat?").names == {"Melanie"}
    assert read("What do Ann and Melanie plan?").names == {"Ann Lee", "Melanie"}


def test_common_words_are_no_names() -> None:
    """A name that is a common word needs its capital inside the question."""
    assert read("Will it rain?").names == frozenset()
    assert read("What will it cost?").names == frozenset()
    assert read("What did Will cook?").names == {"Will"}
    assert read("Is the car in the annex?").names == frozenset()


def test_names_are_not_looked_for() -> None:
    """The names of participants, and words counted from now, are left out of the words."""
    assert read("What did Ann plant in her garden last week?").words == ("plant", "garden")
    assert read("what did I do yesterday?").words == ()


@pytest.mark.parametrize(
    ("query", "role"),
    [
        ("What did I order?", "user"),
        ("my favourite colour", "user"),
        ("What is the user's name?", "user"),
        ("What did you recommend for my garden?", "assistant"),
        ("your suggestion about shoes", "assistant"),
        ("Can you find the invoice?", None),
        ("What did I tell Ann?", None),
        ("the weather in Rome", None),
    ],
)
def test_whom_a_question_is_about(query: str, role: str | None) -> None:
    """ "I" asks about the user, "did you" about the assistant, a participant's name goes before both."""
    assert read(query).role == role


def test_long_questions_are_cut() -> None:
    """At most 64 words are looked for."""
    assert len(read(" ".join(f"w{n}" for n in range(1_000))).words) == 64


def test_related_words_go_from_every_regular_form() -> None:
    """Plurals and inflected forms have the relations of their base form; kinds go one way only."""
    assert "dog" in related_to("puppies")
    assert "gym" in related_to("exercising")
    assert "dog" in related_to("pets")
    assert "pet" not in related_to("dogs")
    assert related_to("zeppelin") == ()


def test_tables_hold_words_of_their_own_form() -> None:
    """Lower case, letters only, no stop words among what is looked for, every kind with something of its kind."""
    groups = [
        line.split() for text in (NEAR_WORDS, KINDS) for line in text.strip().replace(";", "\n").split("\n")
    ]
    assert all(len(group) > 1 for group in groups)
    assert all(word.isalpha() and word.islower() for group in groups for word in group)
    assert not STOP_WORDS.intersection(*[[word for group in groups for word in group]])


def test_how_something_is_asked_is_not_looked_for() -> None:
    """Words such as "kind of" are left out, unless there are no others."""
    assert read("What kinds of music would likely suit?").words == ("music", "suit")
    assert read("which kind?").words == ("kind",)


def test_who_is_named_first_is_asked_about_first() -> None:
    """The others are named besides, but not where all are asked about together."""
    assert read("What does Ann think of Melanie?").besides == {"Melanie"}
    assert read("What did Mel tell Ann?").besides == {"Ann Lee"}
    assert read("What do Ann and Melanie plan?").besides == frozenset()
    assert read("What did Ann plan with Melanie together?").besides == frozenset()


def test_irregular_forms_go_every_way() -> None:
    """Each irregular form knows the others."""
    assert set(forms_of("ran")) == {"run"}
    assert set(forms_of("eating")) == {"ate", "eaten"}
    assert forms_of("table") == ()
