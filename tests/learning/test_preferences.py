"""Learning from messages: what is learned, what outweighs what, and what it costs."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.learning.talks import START, apply, new_data, reply, say, talk
from voxsession.core.session_changes import EvidenceAdded, PreferenceSet
from voxsession.core.struct import asdict
from voxsession.core.types import encode_json
from voxsession.learning.estimates import wished_language
from voxsession.learning.preferences import (
    adaptation_lines,
    explain_preference,
    learn,
    learned_moves,
    learned_preferences,
)

FORMAL = (
    "I would like to request information regarding my account.",
    "Could you please confirm the date of my appointment?",
    "I would appreciate your assistance in this matter.",
)
CASUAL = ("hey what's up", "lol yeah gonna watch a movie tonight", "nah i don't like that stuff")
TEXTS = st.lists(
    st.one_of(st.sampled_from(FORMAL + CASUAL), st.text(st.characters(), max_size=60)), max_size=15
)


def test_nothing_is_known_at_first() -> None:
    """A new session has every key, with a half where a score is not known."""
    assert learned_preferences(new_data()) == {
        "speaking_pace": None,
        "avg_message_length": 0.0,
        "formality_score": 0.5,
        "technical_level": 0.5,
        "verbosity": 0.5,
        "topics": [],
        "interaction_style": None,
        "optimal_response_length": None,
        "language": None,
        "active_hours": [],
        "topic_weights": {},
    }


def test_formal_and_casual_talk_are_told_apart() -> None:
    """A person who writes formally gets a higher score than one who does not."""
    formal, casual = (learned_preferences(talk(texts * 4))["formality_score"] for texts in (FORMAL, CASUAL))
    assert casual < 0.35
    assert formal > 0.65


def test_lengths_are_in_words() -> None:
    """The average length of messages is in words."""
    known = learned_preferences(talk(["one two three four"] * 3))
    assert known["avg_message_length"] == 4.0


@pytest.mark.parametrize("role", ["assistant", "system", "tool"])
def test_only_the_user_is_learned_from(role: str) -> None:
    """What others say teaches nothing."""
    assert learn(new_data(), say(1, "Please be formal.", role=role), previous=None, reply=None) == []


@pytest.mark.parametrize("fields", [{"text": None}, {"text": " "}, {"text": "", "redacted": True}])
def test_an_empty_message_teaches_nothing(fields: dict[str, Any]) -> None:
    """A message without text, or one that was erased, gives no change."""
    assert learn(new_data(), say(1, **fields), previous=None, reply=None) == []


def test_preferences_are_never_set_by_learning() -> None:
    """However strong a wish, it is evidence: setting is the hand of the user or the app."""
    changes = learn(new_data(), say(1, "Please be formal and keep it short."), previous=None, reply=None)
    assert all(isinstance(change, EvidenceAdded) for change in changes)
    assert not any(isinstance(change, PreferenceSet) for change in changes)


@given(TEXTS)
def test_replay_gives_the_same_numbers(texts: list[str]) -> None:
    """The changes alone make the numbers: a second session that gets them is equal."""
    first, second = new_data(), new_data()
    for number, text in enumerate(texts):
        changes = learn(first, say(number, text), previous=None, reply=None)
        apply(first, changes)
        apply(second, changes)
    assert (first.evidence, first.topics) == (second.evidence, second.topics)


@given(TEXTS)
def test_scores_stay_inside_their_range(texts: list[str]) -> None:
    """Scores are shares, weights are never negative, and everything can be stored."""
    data = talk(texts)
    known = learned_preferences(data)
    assert all(0 <= known[name] <= 1 for name in ("formality_score", "technical_level", "verbosity"))
    assert all(found.weight >= 0 for found in data.evidence.values())
    assert 0 <= explain_preference(data, "formality")["confidence"] <= 1
    encode_json({name: asdict(found) for name, found in data.evidence.items()})
    encode_json(data.topics)


def test_the_last_thirty_messages_dominate() -> None:
    """A hundred casual messages weigh less than thirty formal ones after them."""
    data = talk(CASUAL * 33)
    before = learned_preferences(data)["formality_score"]
    after = learned_preferences(talk(FORMAL * 10, data, first=100))["formality_score"]
    formal = learned_preferences(talk(FORMAL * 33))["formality_score"]
    assert formal - after < (formal - before) / 2


def test_history_is_not_read() -> None:
    """Learning opens neither messages nor memories, so that its cost does not grow with them."""

    def refuse() -> Any:
        raise AssertionError("history was opened")

    data = new_data(open_messages=refuse, open_memories=refuse)
    apply(data, learn(data, say(1, "Please be formal."), previous=None, reply=None))
    learned_preferences(data)


def test_the_evidence_does_not_grow() -> None:
    """After ten times as many messages there is no more evidence to store."""
    names = [{n for n in talk(FORMAL * count).evidence if not n.startswith("hour.")} for count in (10, 100)]
    assert names[0] == names[1]
    assert len([n for n in talk(FORMAL * 600).evidence if n.startswith("hour.")]) == 24
    assert max(len(found.message_ids) for found in talk(FORMAL * 100).evidence.values()) == 8


# -- wishes ---------------------------------------------------------------------


def test_a_wish_outweighs_statistics() -> None:
    """One word from the user turns what fifty messages have shown."""
    data = talk([*CASUAL * 17, "Please be formal."])
    assert learned_preferences(data)["formality_score"] > 0.6


def test_a_wish_stands() -> None:
    """However long a casual user is casual, the wish for formal answers is an instruction."""
    data = talk(["Please be formal.", *CASUAL * 60])
    assert learned_preferences(data)["formality_score"] == 0.95
    assert "Use formal language." in adaptation_lines(data)


def test_a_wish_stands_after_years() -> None:
    """Time makes statistics fade; what was asked for it does not."""
    data = talk(["Please be formal.", *CASUAL * 5])
    later = START + timedelta(days=2000)
    assert explain_preference(data, "formality", later)["confidence"] > 0.9
    assert adaptation_lines(data, later) == ["Use formal language."]


@pytest.mark.parametrize(
    ("wish", "back", "line"),
    [
        ("Keep it short.", "You don't have to keep it short anymore.", "Keep answers short."),
        ("Please be formal.", "Forget about being formal.", "Use formal language."),
        ("Please be formal.", "Back to normal please.", "Use formal language."),
        ("Give me detailed answers.", "Normal length again.", "Give detailed answers."),
        ("Answer in at most 30 words.", "Answer normally again.", "Aim for about 30 words per answer."),
        ("Assume I'm an expert.", "Be normal again", "Assume expert knowledge."),
    ],
)
def test_a_wish_can_be_taken_back(wish: str, back: str, line: str) -> None:
    """What was asked for does not stand any more, and the statistics are as if it had not been asked."""
    data = talk([wish])
    assert line in adaptation_lines(data)
    talk([back], data, first=1)
    assert line not in adaptation_lines(data)
    assert not explain_preference(data, "formality")["asked_for"]


def test_formal_and_then_casual_again() -> None:
    """The latest of two opposite wishes is followed."""
    data = talk(["Please be formal.", "You can be casual again."])
    assert adaptation_lines(data) == ["Use casual, friendly language."]


@pytest.mark.parametrize(
    ("text", "name", "before", "after"),
    [
        ("answer in French", "language", "de", "fr"),
        ("Please be formal.", "formality_score", 0.05, 0.95),
        ("Back to normal", "language", "de", None),
    ],
)
def test_of_two_wishes_the_later_moment_counts(text: str, name: str, before: Any, after: Any) -> None:
    """A wish of an old transcript that comes in late is none any more; clocks that differ a little change nothing."""
    for late, expected in ((timedelta(seconds=30), after), (timedelta(days=300), before)):
        data = talk(["answer in German", "Be casual."])
        said = say(2, text, at=START + timedelta(minutes=1) - late)
        apply(data, learn(data, said, previous=None, reply=None))
        assert learned_preferences(data)[name] == expected


def test_a_new_wish_replaces_the_old_one() -> None:
    """The latest wish counts, not the mean of both."""
    data = talk(["Please be formal.", "ok", "No, be casual."])
    assert learned_preferences(data)["formality_score"] < 0.4


def test_the_language_asked_for_last_counts() -> None:
    """Of two languages asked for the later one is spoken, and refusing it brings the first one not back."""
    data = talk(["answer in German", "answer in French"])
    assert learned_preferences(data)["language"] == "fr"
    assert learned_preferences(talk(["stop answering in German"], data, first=2))["language"] == "fr"
    assert wished_language(talk(["stop answering in French"], data, first=3).evidence) is None


@pytest.mark.parametrize(
    "text",
    [
        "You don't have to answer in German anymore",
        "Back to normal, please",
        "Answer in whatever language you like",
    ],
)
def test_a_language_can_be_taken_back(text: str) -> None:
    """After that none is asked for."""
    data = talk(["Answer in German", text])
    assert wished_language(data.evidence) is None


def test_what_need_not_be_is_neutral() -> None:
    """ "You don't have to be formal anymore" asks for nothing, and not for the opposite."""
    data = talk(["Please be formal.", "You don't have to be formal anymore"])
    assert learned_preferences(data)["formality_score"] > 0.3
    assert not any(found.weight for name, found in data.evidence.items() if name.startswith("wish."))


def test_the_language_spoken_is_known() -> None:
    """A person who writes English has the language English, and who writes German German."""
    assert learned_preferences(talk(FORMAL))["language"] == "en"
    assert learned_preferences(talk(["Guten Tag, wie geht es?"] * 5))["language"] == "de"
    assert learned_preferences(talk(["Kubernetes 42"] * 5 + ["Chihuahua"] * 5))["language"] in (None, "en")


# -- style, pace, length --------------------------------------------------------


@pytest.mark.parametrize(
    ("texts", "style"),
    [
        (["What time is it?", "How far is Rome?", "Where is Ann?"], "questions"),
        (["Play some jazz", "Set a timer", "Stop the music"], "commands"),
        (["I like my dog", "Hello!", "My day was long"], "chat"),
        (["What time is it?"], None),
    ],
)
def test_interaction_style(texts: list[str], style: str | None) -> None:
    """The style is what most messages are, once there are three."""
    assert learned_preferences(talk(texts))["interaction_style"] == style


@pytest.mark.parametrize("key", ["duration_seconds", "audio_duration_seconds"])
def test_pace_comes_from_the_duration(key: str) -> None:
    """Ten words in five seconds are 120 words a minute."""
    data = new_data()
    message = say(1, "one two three four five six seven eight nine ten", metadata={key: 5})
    apply(data, learn(data, message, previous=None, reply=None))
    assert learned_preferences(data)["speaking_pace"] == 120.0


@pytest.mark.parametrize(
    "duration", [None, 0, -3, "5", True, float("nan"), float("inf"), 0.01, 10_000, [5], {"s": 5}]
)
def test_a_strange_duration_is_no_pace(duration: Any) -> None:
    """Durations that are no seconds, or that nobody can speak in, teach nothing."""
    data = new_data()
    apply(
        data,
        learn(
            data, say(1, "hello there", metadata={"duration_seconds": duration}), previous=None, reply=None
        ),
    )
    assert learned_preferences(data)["speaking_pace"] is None


def after_reply(text: str, words: int, **fields: Any) -> Any:
    """The best length after one reply of so many words and what the user said then."""
    data = new_data()
    answer = reply(1, "word " * words, **fields)
    apply(data, learn(data, say(2, text), previous=answer, reply=None))
    return learned_preferences(data)["optimal_response_length"], data.evidence["response_length"].weight


def test_replies_gone_on_from_had_the_right_length() -> None:
    """What the user went on from counts as it is; what was cut off counts little."""
    length, weight = after_reply("And what about Rome?", 40)
    assert (length, weight) == (40, 1.0)
    assert after_reply("And what about Rome?", 40, interrupted=True)[1] < 0.5


def test_asking_for_shorter_or_longer_moves_the_length() -> None:
    """Shorter and longer are heard as such, and weigh more than going on."""
    shorter, weight = after_reply("That was too long.", 100)
    longer, _ = after_reply("Tell me more!", 100)
    assert shorter < 100 < longer
    assert weight > 1


def test_a_reply_to_the_message_itself_is_not_judged() -> None:
    """The user has not yet gone on from the reply that answers this message."""
    data = new_data()
    apply(data, learn(data, say(1, "Hello"), previous=None, reply=reply(1, "Hello to you")))
    assert learned_preferences(data)["optimal_response_length"] is None


def test_the_reply_is_found_behind_an_earlier_user_message() -> None:
    """Where `previous` is the user's own, the reply is `reply`."""
    data = new_data()
    apply(data, learn(data, say(2, "And Rome?"), previous=say(1, "Hi"), reply=reply(1, "word " * 12)))
    assert learned_preferences(data)["optimal_response_length"] == 12


# -- by hand, explained ---------------------------------------------------------


@pytest.mark.parametrize("name", ["formality", "formality_score"])
def test_what_is_set_by_hand_wins(name: str) -> None:
    """A value set by hand stands over what was learned, under the one key, as it was given."""
    data = talk(CASUAL * 10)
    data.preferences[name] = "always_formal"
    assert learned_preferences(data)["formality_score"] == "always_formal"
    assert "formality" not in learned_preferences(data)


def test_own_preferences_are_kept() -> None:
    """A name that is not learned appears as the app set it."""
    data = new_data(preferences={"Favourite colour": "green"})
    assert learned_preferences(data)["Favourite colour"] == "green"


# -- what is told ---------------------------------------------------------------


def moves_of(texts: list[str]) -> list[tuple[int, str, float | None, float]]:
    """What is told while a session learns from these messages."""
    data, told = new_data(), []
    for number, text in enumerate(texts):
        before = dict(data.evidence)
        apply(data, learn(data, say(number, text), previous=None, reply=None))
        told += [(number, *move) for move in learned_moves(before, data)]
    return told


def test_jitter_is_not_told() -> None:
    """Two hundred messages of one mind make one announcement for each preference."""
    names = [name for _, name, _, _ in moves_of(list(CASUAL) * 67)]
    assert sorted(names) == ["formality", "message_length", "technical_level", "verbosity"]


def test_a_wish_is_told_at_once() -> None:
    """A wish is told with the message that speaks it, and not again when it is repeated."""
    told = [
        number
        for number, name, _, _ in moves_of([*FORMAL, "be casual", *CASUAL, "be casual"])
        if name == "formality"
    ]
    assert told == [3]


def test_a_slow_drift_is_told() -> None:
    """A person who changes slowly is noticed, though no single message moves much."""
    told = [(old, new) for _, name, old, new in moves_of([*FORMAL * 10, *CASUAL * 10]) if name == "formality"]
    assert told[0][0] is None
    assert len(told) >= 3
    assert told[-1][1] < told[0][1] - 0.2


def test_a_language_asked_for_is_told_once() -> None:
    """Asking for German is told, asking again is not."""
    told = [name for _, name, _, _ in moves_of(["answer in German", "hello", "answer in German"])]
    assert told == ["language"]


def test_moves_do_not_depend_on_a_restart() -> None:
    """What was told is part of the stored evidence, so that nothing is told twice."""
    data = talk(CASUAL * 20)
    before = dict(data.evidence)
    apply(data, learn(data, say(99, "lol ok"), previous=None, reply=None))
    assert learned_moves(before, data) == []


def test_increments_commute_where_they_do_not_decay() -> None:
    """Evidence of another writer is kept when changes are put behind it."""
    mine = learn(new_data(), say(1, FORMAL[0]), previous=None, reply=None)
    theirs = learn(new_data(), say(2, CASUAL[1]), previous=None, reply=None)
    data = apply(new_data(), [*theirs, *mine])
    assert data.evidence["formality"].count == 2
    assert all(change.observe(data) is None for change in mine)
