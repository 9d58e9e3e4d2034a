"""The offline model answers from memory, and says what it does not know."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.models.asking import ask, entry, request_of, said
from voxsession.models.base import Model, Reply
from voxsession.models.offline import OfflineModel

ALICE = [
    entry("User's name is Alice", category="identity", slot="name"),
    entry("User is interested in quantum physics", category="interest", slot="likes:quantum physics"),
    entry("User lives in Berlin", category="location", slot="residence"),
    entry("User is a nurse", category="work", slot="occupation"),
    entry("User works at Mercy Hospital", category="work", slot="employer"),
    entry("User likes tea", category="preference", slot="likes:tea"),
    entry("User doesn't like coffee", category="preference", slot="likes:coffee"),
    entry("User's sister is Dana", category="relationship"),
    entry("Dana lives in Oslo", category="relationship"),
    entry("User has a dog named Rex", category="possession"),
    entry("User is flying to Tokyo on 27 November 2026", category="plan"),
    entry("User's wedding is on 15 May 2027", category="plan"),
    entry("User is allergic to penicillin", category="health", slot="allergy:penicillin"),
    entry("User's favourite colour is green", category="preference", slot="favorite:color"),
]
NOT_OFFLINE = "I'm an offline model and only know what was said in this session."

ABOUT_THE_USER = [
    ("What's my name?", "Your name is Alice."),
    ("whats my name", "Your name is Alice."),
    ("Can you tell me what my name is?", "Your name is Alice."),
    ("Tell me my name.", "Your name is Alice."),
    ("Where do I live?", "You live in Berlin."),
    ("Remind me where I live, please", "You live in Berlin."),
    ("Which city do I live in?", "You live in Berlin."),
    ("What do I do for a living?", "You're a nurse and you work at Mercy Hospital."),
    ("What's my job?", "You're a nurse and you work at Mercy Hospital."),
    ("Where do I work?", "You work at Mercy Hospital."),
    (
        "what do I like",
        "You're interested in quantum physics, you like tea and your favourite colour is green.",
    ),
    ("What don't I like?", "You don't like coffee."),
    ("What am I allergic to?", "You're allergic to penicillin."),
    ("Which pets do I have?", "You have a dog named Rex."),
    ("What is my dog's name?", "You have a dog named Rex."),
    ("What's my favorite color?", "Your favourite colour is green."),
    ("When is my wedding?", "Your wedding is on 15 May 2027."),
    ("What's my sister's name?", "Your sister is Dana."),
    (
        "What are my plans?",
        "You're flying to Tokyo on 27 November 2026 and your wedding is on 15 May 2027.",
    ),
    ("Who am I?", "Your name is Alice, you live in Berlin and you work at Mercy Hospital."),
]


@pytest.mark.parametrize(("question", "answer"), ABOUT_THE_USER)
def test_a_question_about_the_user_is_answered_from_memory(question: str, answer: str) -> None:
    """What is remembered is said back to the person it is about, however the question is put."""
    assert ask(question, ALICE) == answer


def test_the_example_of_the_documentation() -> None:
    """Two memories without categories answer a question for both, in the words of the documentation."""
    memories = ["User's name is Alice", "User is interested in quantum physics"]

    answer = ask("What's my name and interest?", memories)

    assert answer == "Your name is Alice and you're interested in quantum physics."


SEVERAL = [
    (
        "What's my name, age and job?",
        "Your name is Alice, you're a nurse and you work at Mercy Hospital. I don't know your age.",
    ),
    ("Where do I live and work?", "You live in Berlin and you work at Mercy Hospital."),
    ("What's my name and where do I live?", "Your name is Alice and you live in Berlin."),
    ("What's my name? And how old am I?", "Your name is Alice. I don't know your age."),
    ("What's my age and birthday?", "I don't know your age or your birthday."),
    ("What's my name and shoe size?", "Your name is Alice. I don't know your shoe size."),
]


@pytest.mark.parametrize(("question", "answer"), SEVERAL)
def test_several_things_asked_at_once_are_answered_together(question: str, answer: str) -> None:
    """Of several things the known ones are told, and for the others it says that it does not know them."""
    assert ask(question, ALICE) == answer


YES_NO = [
    ("Do I like tea?", "Yes, you like tea."),
    ("Do I like coffee?", "No, you don't like coffee."),
    ("Do I hate coffee?", "Yes, you don't like coffee."),
    ("Don't I like coffee?", "You don't like coffee."),
    ("Am I interested in quantum physics?", "Yes, you're interested in quantum physics."),
    ("Do I like jazz?", "I don't know whether you like jazz."),
    ("Do I have a dog?", "Yes, you have a dog named Rex."),
    ("Am I a nurse?", "Yes, you're a nurse."),
    ("Is my name Alice?", "Yes, your name is Alice."),
    ("Is my name Bob?", "Your name is Alice."),
    ("Do I live in Munich?", "I can't say for sure. What I know: you live in Berlin."),
    ("Am I allergic to penicillin?", "Yes, you're allergic to penicillin."),
    ("Am I allergic to peanuts?", "I can't say for sure. What I know: you're allergic to penicillin."),
    ("Is Dana my sister?", "Yes, your sister is Dana."),
]


@pytest.mark.parametrize(("question", "answer"), YES_NO)
def test_yes_and_no_are_said_only_where_memory_says_so(question: str, answer: str) -> None:
    """A yes or no needs a memory of just that; something near it is told as what it is."""
    assert ask(question, ALICE) == answer


UNKNOWN = [
    ("How old am I?", "I don't know your age."),
    ("What's my name?", "I don't know your name."),
    ("Where do I live?", "I don't know where you live."),
    ("Where am I from?", "I don't know where you come from."),
    ("What's my shoe size?", "I don't know your shoe size."),
    ("When is my dentist appointment?", "I don't know when your dentist appointment is."),
    ("What do you know about me?", "I don't know anything about you yet."),
    ("Who am I?", "I don't know who you are."),
    ("Do I have kids?", "I don't know whether you have children."),
    ("Who is Dana?", "Nothing I remember mentions Dana."),
    ("What did I say about the garden?", "Nothing I remember mentions that."),
    ("When did I go to Paris?", "Nothing I remember mentions that."),
]


@pytest.mark.parametrize(("question", "answer"), UNKNOWN)
def test_what_is_not_known_is_said_not_to_be_known(question: str, answer: str) -> None:
    """Without a memory that answers, it names what it does not know."""
    assert ask(question) == answer


@pytest.mark.parametrize(
    "question",
    [
        "What is the capital of France?",
        "capital of France?",
        "What's 2+2?",
        "Why is the sky blue?",
        "Write me a poem about the sea",
        "Translate this to German: hello",
        "What can you do?",
    ],
)
def test_general_knowledge_is_left_to_other_models(question: str) -> None:
    """It says that it knows this session only, and that a model can be plugged in."""
    answer = ask(question, ALICE)

    assert answer == f"{NOT_OFFLINE} For anything else, a model can be plugged in."


def test_everything_about_the_user_is_told_in_portions() -> None:
    """Asked what it knows, it tells the most important things and how many more there are."""
    answer = ask("What do you know about me?", ALICE)

    assert answer.startswith("Your name is Alice, you live in Berlin")
    assert answer.endswith("I remember 8 more things about you.") or answer.endswith(
        "7 more things about you."
    )


def test_a_third_person_is_told_of_by_name() -> None:
    """Who somebody is, and where they live, is told with their name."""
    assert ask("Who is Dana?", ALICE) == "Your sister is Dana and Dana lives in Oslo."
    assert ask("Where does Dana live?", ALICE) == "Dana lives in Oslo."
    assert ask("How old is Dana?", ALICE) == "I don't know Dana's age."
    assert (
        ask("Where does Dana live?", ["User's sister Dana lives in Oslo"])
        == "Your sister Dana lives in Oslo."
    )


def test_memories_of_several_speakers_stay_apart() -> None:
    """What one speaker likes is never told as what another, or the one who asks, likes."""
    memories = [
        entry("Caroline likes painting", speaker="Caroline", category="preference"),
        entry("Melanie likes camping", speaker="Melanie", category="preference"),
    ]

    assert ask("What does Caroline like?", memories) == "Caroline likes painting."
    assert ask("what does melanie like", memories) == "Melanie likes camping."
    assert ask("What do I like?", memories) == "I don't know what you like."
    assert ask("Does Melanie like painting?", memories) == "I don't know whether Melanie likes painting."


def test_the_one_who_asks_is_you_under_their_own_name() -> None:
    """A memory under the name of the one who asks is about them."""
    memories = [entry("Caroline likes painting", speaker="Caroline")]

    assert ask("What do I like?", memories, name="Caroline") == "You like painting."
    assert ask("What does Caroline like?", memories, name="Caroline") == "You like painting."


def test_the_newest_of_two_names_counts() -> None:
    """Of two memories of a single-valued thing only the newer is told."""
    assert ask("What's my name?", ["User's name is Alice", "User's name is Bob"]) == "Your name is Bob."


def test_the_newest_message_counts_more_than_memory() -> None:
    """What the message itself says holds for the question in it."""
    answer = ask("I live in Munich. Where do I live?", ALICE)

    assert answer == "Noted: you live in Munich. You live in Munich."


# --- the past

GROUP = [
    said("I went to a support group yesterday", datetime(2023, 5, 8, tzinfo=UTC), name="Caroline"),
    said("My garden is full of weeds", datetime(2023, 6, 1, tzinfo=UTC), name="Melanie"),
]


def test_a_question_about_the_past_is_answered_by_a_quote() -> None:
    """The best matching message is quoted with its day and speaker."""
    quoted = 'On 8 May 2023 Caroline said: "I went to a support group yesterday"'

    assert ask("What did Caroline say about the support group?", [], GROUP) == quoted
    assert ask("When did Caroline go to the support group?", [], GROUP) == quoted


def test_nothing_is_quoted_that_does_not_match() -> None:
    """A message about something else is no answer, and neither is one by another speaker."""
    assert ask("What did Caroline say about her car?", [], GROUP) == "Nothing I remember mentions that."
    assert ask("What did Caroline say about the garden?", [], GROUP) == "Nothing I remember mentions that."


def test_ones_own_words_are_quoted_as_ones_own() -> None:
    """The user's messages are quoted with "you", the model's with "I"."""
    recalled = [
        said("The roof leaks since Monday", datetime(2026, 3, 2, tzinfo=UTC)),
        said("A roofer can fix the roof", datetime(2026, 3, 3, tzinfo=UTC), role="assistant"),
    ]

    assert ask("What did I say about the roof?", [], recalled) == (
        'On 2 March 2026 you said: "The roof leaks since Monday"'
    )
    assert ask("What did you say about the roof?", [], recalled) == (
        'On 3 March 2026 I said: "A roofer can fix the roof"'
    )


def test_this_conversation_is_quoted_too() -> None:
    """An earlier turn of the conversation is quoted without a date, which is not known here."""
    before = [{"role": "user", "content": "The roof leaks"}, {"role": "assistant", "content": "I see."}]

    answer = ask("What did I say about the roof?", before=before)

    assert answer == 'Earlier in this conversation you said: "The roof leaks"'


def test_facts_said_earlier_are_known_without_memories() -> None:
    """With learning off, what was said in this or a recalled conversation still answers."""
    before = [{"role": "user", "content": "My name is Alice"}, {"role": "assistant", "content": "I see."}]

    assert ask("What's my name?", before=before, enable_learning=False) == "Your name is Alice."
    assert ask("What's my name?", [], [said("My name is Alice")]) == "Your name is Alice."


def test_a_question_is_no_answer_to_itself() -> None:
    """A past message that only asks is not quoted."""
    assert (
        ask("What did I say about tea?", [], [said("What about tea?")]) == "Nothing I remember mentions that."
    )


def test_long_messages_are_quoted_in_part() -> None:
    """Of a long message the sentence that matters is quoted."""
    recalled = [said("Nothing here. " * 100 + "The roof leaks. " + "And so on. " * 100)]

    answer = ask("What did I say about the roof?", [], recalled)

    assert "The roof leaks." in answer
    assert len(answer) < 400


# --- statements


def test_a_statement_is_acknowledged_with_what_was_understood() -> None:
    """A name is greeted, other facts are noted, anything else gets a short word."""
    assert ask("My name is Alice") == "Nice to meet you, Alice."
    assert ask("I'm interested in quantum physics") == "Noted: you're interested in quantum physics."
    assert ask("The weather was fine today.") == "I see."


def test_a_new_name_is_noted_without_a_second_greeting() -> None:
    """Who was known under another name is not met anew."""
    assert ask("My name is Bob", ALICE) == "Noted: your name is Bob."


def test_small_talk_is_returned() -> None:
    """Greetings, thanks and farewells are answered in kind, by name where it is known."""
    assert ask("Hello!", ALICE) == "Hello, Alice."
    assert ask("Hello!") == "Hello."
    assert ask("Thank you") == "You're welcome."
    assert ask("Good night", ALICE) == "Goodbye, Alice."
    assert ask("How are you?") == "I'm here and listening."


def test_it_does_not_pretend_to_forget() -> None:
    """Asked to forget, it says that the application does that."""
    assert "session.forget" in ask("Please forget my name", ALICE)


# --- wishes


def test_short_answers_are_one_short_sentence() -> None:
    """A wish for short answers, remembered or learned, makes one sentence of any answer."""
    question = "What's my name, age and job?"
    short = "Your name is Alice, you're a nurse and you work at Mercy Hospital, but I don't know your age."

    assert ask(question, [*ALICE, entry("User wants short answers", category="instruction")]) == short
    assert ask(question, ALICE, wishes=["Keep answers short."]) == short
    assert ask("Why is the sky blue?", wishes=["Keep answers short."]) == (
        "I only know what was said in this session."
    )


def test_detailed_answers_have_more_quotes() -> None:
    """A wish for detail gives a third quote."""
    recalled = [said(f"The roof leaks in room {n}", datetime(2026, 3, n, tzinfo=UTC)) for n in (1, 2, 3, 4)]
    detailed = [entry("User wants detailed answers", category="instruction")]

    assert ask("What did I say about the roof?", [], recalled).count("you said") == 2
    assert ask("What did I say about the roof?", detailed, recalled).count("you said") == 3


def test_formal_answers_have_no_contractions() -> None:
    """A wish for formality leaves contractions and small talk out, except in what others said."""
    formal = [entry("User prefers formal language", category="preference")]
    quoted = ask("What did I say about tea?", formal, [said("I don't drink tea")])

    assert ask("What am I interested in?", [*ALICE, *formal]) == "You are interested in quantum physics."
    assert ask("My name is Alice", formal) == "Noted: your name is Alice."
    assert quoted.endswith('"I don\'t drink tea"')


def test_another_language_is_declined_once() -> None:
    """It says once in a conversation that it writes English only."""
    french = [entry("User wants answers in French", category="instruction"), "User's name is Alice"]
    first = ask("What's my name?", french)
    again = ask("What's my name?", french, before=[{"role": "assistant", "content": first}])

    assert first == "Your name is Alice. I can only write English, not French."
    assert again == "Your name is Alice."
    assert ask("Hello", language="de") == "Hello. I can only write English, not German."
    assert ask("Hello", language="en-GB") == "Hello."


def test_a_sensitive_memory_answers_a_direct_question_only() -> None:
    """What is sensitive is told to one who asks for it, and not among everything else."""
    memories = [*ALICE[:1], entry("User has epilepsy", category="health", sensitive=True)]

    assert ask("Do I have epilepsy?", memories) == "Yes, you have epilepsy."
    assert "epilepsy" not in ask("What do you know about me?", memories)
    assert "epilepsy" not in ask("Hello", memories)


def test_the_limit_of_tokens_cuts_after_a_sentence() -> None:
    """A low `max_output_tokens` ends the reply at the end of a sentence, or of a word."""
    cut = ask("What do you know about me?", ALICE, max_output_tokens=20)

    assert cut == "Your name is Alice, you live in Berlin and you work at Mercy Hospital."
    assert len(ask("What do you know about me?", ALICE, max_output_tokens=2)) <= 8


def test_it_is_a_model() -> None:
    """It fits the protocol, answers at once with a `Reply`, never calls functions, and repeats itself exactly."""
    request = request_of("Call the weather function", ALICE, enable_functions=True)
    first, second = OfflineModel().respond(request), OfflineModel().respond(request)

    assert isinstance(OfflineModel(), Model)
    assert isinstance(first, Reply)
    assert first.tool_calls == []
    assert first == second


LOOSELY_PUT = [
    ("User's email is alice@example.org", "what's my email address?", "Your email is alice@example.org."),
    ("User has two kids, Mia and Leo", "how many kids do I have?", "You have two kids, Mia and Leo."),
    ("User is married to Anna", "who is my wife?", "You're married to Anna."),
    ("User drives a 2014 Honda Civic", "What car do I drive?", "You drive a 2014 Honda Civic."),
    ("User doesn't smoke", "Do I smoke?", "No, you don't smoke."),
    ("User's timezone is CET", "What's my time zone?", "Your timezone is CET."),
    ("User is afraid of flying", "What am I afraid of?", "You're afraid of flying."),
    ("User goes to the gym every Monday", "When do I go to the gym?", "You go to the gym every Monday."),
    ("User's mother is Rosa", "What's my mom's name?", "Your mother is Rosa."),
    ("User's boss is Greta", "I'm back, who's my boss again?", "Your boss is Greta."),
    ("User's budget is $500", "Any idea what my budget is?", "Your budget is $500."),
    ("User's budget is $500", "What did I tell you about my budget?", "Your budget is $500."),
    ("Prefers formal emails", "What do I prefer?", "You prefer formal emails."),
    ("Order 12 was late", "What about order 12?", "Order 12 was late."),
]


@pytest.mark.parametrize(("memory", "question", "answer"), LOOSELY_PUT, ids=[row[1] for row in LOOSELY_PUT])
def test_a_memory_is_found_by_what_it_says(memory: str, question: str, answer: str) -> None:
    """Any memory answers a question for it that uses other words or forms, without category or slot."""
    assert ask(question, [memory]) == answer


def test_what_was_talked_about_is_told_by_the_latest_words() -> None:
    """Asked what was talked about, it quotes the latest; where nothing is at hand it tells what it remembers."""
    before = [{"role": "user", "content": "The roof leaks"}, {"role": "assistant", "content": "I see."}]

    assert (
        ask("What did we talk about?", before=before)
        == 'Earlier in this conversation you said: "The roof leaks"'
    )
    assert ask("What did we talk about last time?", ALICE[:1]) == "Your name is Alice."
    assert ask("What did we talk about last time?") == "Nothing I remember mentions that."
