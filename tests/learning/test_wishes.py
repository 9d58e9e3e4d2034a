"""What users ask for outright, and what only sounds like it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxsession.learning.languages import language_name
from voxsession.learning.wishes import reply_pressure, wishes_of

#: What is taken back by "back to normal".
ALL = ["verbosity", "formality", "technical_level", "response_length", "speaking_pace", "language"]


@pytest.mark.parametrize(
    ("text", "name", "low"),
    [
        ("Keep it short.", "verbosity", True),
        ("please keep your answers brief", "verbosity", True),
        ("I'd prefer shorter answers", "verbosity", True),
        ("be concise", "verbosity", True),
        ("Answer in one sentence.", "verbosity", True),
        ("that was too long", "verbosity", True),
        ("Don’t write so much", "verbosity", True),
        ("Explain quantum physics in more detail", "verbosity", False),
        ("I would like you to be more detailed", "verbosity", False),
        ("give me longer explanations", "verbosity", False),
        ("Please be formal.", "formality", False),
        ("use formal language", "formality", False),
        ("can you keep it professional", "formality", False),
        ("don't be so formal", "formality", True),
        ("You don't need to be so formal with me", "formality", True),
        ("could you be more casual?", "formality", True),
        ("talk to me like a friend", "formality", True),
        ("explain it like I'm five", "technical_level", True),
        ("explain like I'm 5", "technical_level", True),
        ("I told you: be formal", "formality", False),
        ("be formal... actually be casual", "formality", True),
        ("Keep it short in the future", "verbosity", True),
        ("no jargon please", "technical_level", True),
        ("I am a complete beginner", "technical_level", True),
        ("Explain this in simple terms", "technical_level", True),
        ("you can be more technical", "technical_level", False),
        ("Assume I'm an expert", "technical_level", False),
    ],
)
def test_wishes_are_heard(text: str, name: str, low: bool) -> None:
    """A wish is found under the right name, on the right side."""
    found = {wish.name: wish.value for wish in wishes_of(text)}
    assert list(found) == [name]
    assert found[name] <= 0.1 if low else found[name] >= 0.8


@pytest.mark.parametrize(
    "text",
    [
        "My boss told me to be formal",
        "She says keep the e-mail short",
        "Make the email shorter",
        "Write a formal letter to my bank",
        "Should I keep it short?",
        "My hair is too long",
        "I was brief in the meeting",
        '"Keep it short" is what she said',
        "The dress code is casual",
        "Give me a short summary of this book",
        "How do I say hello in German?",
        "I live in Germany and answer letters in German",
        "He speaks German",
        "Translate this into German",
        "Is French hard to learn?",
        "",
        "Please be formal in the letter to my boss",
        "Be casual at the party",
        "My boss told me: be formal",
        "Mom always says, keep it short",
        "I'm an expert in cooking, new to computers",
        "I am a beginner at chess",
        "At most 0 words",
        "Use 0 words",
        "Write a summary, at most 50 words",
    ],
)
def test_what_is_no_wish(text: str) -> None:
    """Words about other people, other texts and quotations ask the assistant for nothing."""
    assert wishes_of(text) == []


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("answer in German", "de"),
        ("Please reply to me in Spanish.", "es"),
        ("Can we speak French?", "fr"),
        ("switch to English", "en"),
        ("from now on only answer in Japanese please", "ja"),
        ("German, please", "de"),
    ],
)
def test_languages_are_asked_for(text: str, code: str) -> None:
    """A language asked for is found by its code."""
    assert [(wish.name, wish.value) for wish in wishes_of(text)] == [(f"language.{code}", 1.0)]


@pytest.mark.parametrize(
    "text",
    ["Stop answering in German!", "You don't have to answer in German anymore", "Forget the German answers"],
)
def test_a_language_can_be_refused(text: str) -> None:
    """What the user does not want to hear any more is a wish of value 0."""
    assert [(wish.name, wish.value) for wish in wishes_of(text)] == [("language.de", 0.0)]


def test_the_last_of_two_wishes_counts() -> None:
    """Of two wishes about one thing the later in the text wins."""
    (wish,) = wishes_of("Please be formal. No wait, be casual.")
    assert wish.value < 0.5


def test_passing_requests_do_not_stand() -> None:
    """Asking for more detail once is a strong sign that fades; asking for short answers stands."""
    assert [wish.standing for wish in wishes_of("Explain that in more detail")] == [False]
    assert [wish.standing for wish in wishes_of("Keep your answers short")] == [True]


@pytest.mark.parametrize(
    ("text", "pressure"),
    [
        ("too long!", -1),
        ("Shorten that please", -1),
        ("tell me more", 1),
        ("Could you elaborate?", 1),
        ("Thanks", 0),
    ],
)
def test_pressure_on_the_reply(text: str, pressure: int) -> None:
    """A message tells whether the reply before it should have been shorter or longer."""
    assert reply_pressure(text) == pressure


@given(st.text(st.characters()))
def test_no_text_raises(text: str) -> None:
    """Any text can be looked at, and gives one wish a name at most."""
    names = [wish.name for wish in wishes_of(text)]
    assert len(names) == len(set(names))
    assert reply_pressure(text) in (-1, 0, 1)


def test_unknown_languages_keep_their_name() -> None:
    """A code that is not known is shown as it is."""
    assert (language_name("DE"), language_name("tlh")) == ("German", "tlh")


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("You don't have to keep it short anymore", ["verbosity"]),
        ("Never mind the short answers.", ["verbosity"]),
        ("Forget what I said about being formal", ["formality"]),
        ("You can write longer answers again", ["verbosity"]),
        ("Answer normally again", ALL),
        ("Back to normal, please", ALL),
        ("Talk normally", ALL),
        ("You don't have to be formal anymore", ["formality"]),
        ("You needn't be formal", ["formality"]),
        ("Don't be casual any longer", ["formality"]),
        ("You don't have to talk so slowly anymore", ["speaking_pace"]),
        ("At normal speed, please", ["speaking_pace"]),
        ("No word limit anymore", ["response_length"]),
        ("You don't have to keep it under 50 words anymore", ["response_length"]),
        ("Answer in whatever language you like", ["language"]),
    ],
)
def test_wishes_are_taken_back(text: str, names: list[str]) -> None:
    """What is taken back has no value, and stands from then on as nothing."""
    assert [(wish.name, wish.value, wish.standing) for wish in wishes_of(text)] == [
        (n, None, True) for n in names
    ]


@pytest.mark.parametrize(
    "text",
    [
        "Forget my keys",
        "He is back to normal",
        "I forgot the short answer",
        "Write 300 words about Rome",
        "Forget about the formal dinner",
        "Forget the short story",
        "Never mind the technical interview",
        "Get back to normal weight",
        "Be yourself at the interview",
        "There is no word limit for the essay",
    ],
)
def test_what_takes_nothing_back(text: str) -> None:
    """Forgetting and normality in other talk are no wishes."""
    assert wishes_of(text) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Answer in under 50 words", 50),
        ("Please keep your answers to about 30 words.", 30),
        ("Use at most 40 words please", 40),
        ("At most 50 words", 50),
        ("No more than 20 words, please.", 20),
    ],
)
def test_a_number_of_words_is_a_wish(text: str, words: int) -> None:
    """The number that is said is the value."""
    assert [(wish.name, wish.value) for wish in wishes_of(text)] == [("response_length", words)]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Antworte bitte auf Deutsch", "de"),
        ("Bitte sprechen Sie auf Englisch", "en"),
        ("Habla en español, por favor", "es"),
        ("Réponds en français", "fr"),
        ("En français, s'il vous plaît", "fr"),
    ],
)
def test_a_language_is_asked_for_in_that_language(text: str, code: str) -> None:
    """Those who cannot say it in English can say it in their own words."""
    assert [(wish.name, wish.value) for wish in wishes_of(text)] == [(f"language.{code}", 1.0)]
