"""The parts of the offline model: reading a question, turning a memory round, comparing words."""

from __future__ import annotations

import pytest

from voxsession.models.offline_knowledge import undated_facts
from voxsession.models.offline_person import clause_for_you, form_of, join_clauses
from voxsession.models.offline_questions import is_question, normal_form, read_asks, sentences
from voxsession.models.offline_style import Style, finish, formal, read_style
from voxsession.models.offline_words import coverage, stem, stems

TURNED = [
    ("User's name is Alice", "your name is Alice"),
    ("The user's name is Alice.", "your name is Alice"),
    ("User lives in Berlin", "you live in Berlin"),
    ("User is 34 years old", "you're 34 years old"),
    ("User isn't vegetarian", "you aren't vegetarian"),
    ("User doesn't like coffee", "you don't like coffee"),
    ("User wants short answers", "you want short answers"),
    ("User has two dogs", "you have two dogs"),
    ("User studies medicine in Prague", "you study medicine in Prague"),
    ("User teaches chemistry", "you teach chemistry"),
    ("User goes to the gym", "you go to the gym"),
    ("User uses a wheelchair", "you use a wheelchair"),
    ("User used to live in Chicago", "you used to live in Chicago"),
    ("User grew up in Detroit", "you grew up in Detroit"),
    ("User can't drive", "you can't drive"),
    ("User never eats meat", "you never eat meat"),
    ("User usually gets up at 5", "you usually get up at 5"),
    ("User no longer works at Nokia", "you no longer work at Nokia"),
    ("User lives with their parents", "you live with your parents"),
    ("User lives in Berlin and works at Siemens", "you live in Berlin and work at Siemens"),
    ("User likes cats and dogs", "you like cats and dogs"),
    ("User has twins and they're 3", "you have twins and they're 3"),
    ("Prefers formal language", "you prefer formal language"),
]


@pytest.mark.parametrize(("content", "said"), TURNED)
def test_a_memory_is_turned_to_the_one_it_is_about(content: str, said: str) -> None:
    """The third person becomes the second, verbs and pronouns with it."""
    assert clause_for_you(form_of(content)) == said


@pytest.mark.parametrize("content", ["Dana lives in Oslo", "Users like tea", "", "Order 12 was late", "user"])
def test_what_is_about_nobody_we_speak_to_has_no_form(content: str) -> None:
    """A memory about somebody or something else is left as it is."""
    assert form_of(content) == ""


def test_clauses_are_joined_into_readable_sentences() -> None:
    """Equal beginnings are said once, three clauses make a sentence, clauses with commas stand alone."""
    assert join_clauses(["you like tea", "you like jazz", "you don't like rain", "you don't like fog"]) == (
        "You like tea and jazz and you don't like rain or fog."
    )
    assert join_clauses(["a", "b", "c", "d"]) == "A, b and c. D."
    assert (
        join_clauses(["you live in Austin, Texas", "you like tea"])
        == "You live in Austin, Texas. You like tea."
    )


KINDS = [
    ("What's my name?", [("topic", "name", None)]),
    ("do you still remember my name and what I like?", [("topic", "name", None), ("topic", "likes", None)]),
    ("Where does Caroline live?", [("topic", "residence", "Caroline")]),
    ("What's Caroline's job and age?", [("topic", "work", "Caroline"), ("topic", "age", "Caroline")]),
    ("Who is Caroline?", [("who", None, "Caroline")]),
    ("Tell me about Caroline", [("who", None, "Caroline")]),
    ("What do you know about me?", [("all", None, None)]),
    ("Do you remember me?", [("all", None, None)]),
    ("What did Caroline say about salt and pepper?", [("said", None, "Caroline")]),
    ("When did I go to Rome and Paris?", [("other", None, None)]),
    ("What can you do?", [("model", None, None)]),
    ("Forget everything about me.", [("forget", None, None)]),
    ("Why is the sky blue?", [("other", None, None)]),
]


@pytest.mark.parametrize(("question", "asks"), KINDS)
def test_a_question_is_taken_apart(question: str, asks: list[tuple[str, str | None, str | None]]) -> None:
    """Each thing asked for is found, with its kind and whom it is about."""
    found = [
        (ask.kind, ask.topic.name if ask.topic else None, ask.person)
        for ask in read_asks(question, ["Caroline"])
    ]
    assert found == asks


@pytest.mark.parametrize(
    ("sentence", "asks"),
    [
        ("What's my name", True),
        ("tell me where I live", True),
        ("do I like tea", True),
        ("I like tea?", True),
        ("你好吗？", True),
        ("When I was young, I sang.", False),
        ("What a day!", False),
        ("I know what I like.", False),
        ("Call me Bob", False),
        ("", False),
    ],
)
def test_a_question_is_known_without_its_mark(sentence: str, asks: bool) -> None:
    """Spoken questions have no question mark; statements with a question word are none."""
    assert is_question(sentence) is asks


def test_sentences_are_kept_few() -> None:
    """Of a long text the first and last sentences are read, and abbreviations do not end one."""
    many = sentences(". ".join(f"Sentence {n}" for n in range(1000)) + ". What's my name?")

    assert len(many) <= 12
    assert many[-1] == "What's my name?"
    assert sentences("I paid 3.50 at example.org today.") == ["I paid 3.50 at example.org today."]


def test_politeness_is_not_part_of_a_question() -> None:
    """What leads up to a question and what follows it is taken away."""
    assert normal_form("Hey, so could you please tell me, what's my name, please?!") == "what is my name"
    assert normal_form("please") == "please"


def test_words_are_compared_by_their_stems() -> None:
    """Endings and British spelling do not matter, a special word stands for the general one."""
    assert stem("hiking") == stem("hikes") == stem("hike")
    assert stem("colour") == stem("colors")
    assert coverage(stems("any pets"), stems("a puppy")) == 1
    assert coverage(stems("sister's wedding"), stems("My sister called")) == 0.5
    assert coverage(frozenset(), stems("tea")) == 0


def test_facts_that_depend_on_the_day_are_left_out() -> None:
    """Without knowing the day, "tomorrow" is nothing to tell."""
    assert [fact.content for fact in undated_facts("My name is Alice")] == ["User's name is Alice"]
    assert not any(
        "200" in fact.content or "201" in fact.content for fact in undated_facts("I fly to Rome tomorrow")
    )


def test_the_last_wish_wins() -> None:
    """A later instruction takes the place of an earlier one, a refusal of its opposite."""
    assert read_style(None, ["Keep answers short.", "Give detailed answers."], []).detailed
    assert read_style(None, ["Do not give long answers."], []).brief
    assert read_style(None, ["Be formal.", "Keep the tone casual."], []).formal is False
    assert read_style("fr", ["Answer in English."], []).language is None
    assert read_style(None, ["Do not answer in German."], []).language is None


def test_the_last_touch_leaves_quotes_alone() -> None:
    """Only the model's own words become formal."""
    assert formal("I can't. You said: \"I won't.\"") == 'I cannot. You said: "I won\'t."'
    assert finish("It is so.", Style(length="brief", language="Klingon"), 100, notice=True) == (
        "It is so (I can only write English, not Klingon)."
    )


def test_what_the_assistant_is_to_do_is_said_as_what_i_am_to_do() -> None:
    """The assistant of a memory is the one who speaks."""
    assert clause_for_you(
        form_of("User wants the assistant to always remind them to cite their sources")
    ) == ("you want me to always remind you to cite your sources")
