"""Why a preference has its value: which messages moved it, and how far."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.learning.talks import apply, new_data, say, talk
from tests.learning.test_preferences import CASUAL, FORMAL
from voxsession.core.types import encode_json
from voxsession.errors import ConfigurationError
from voxsession.learning.estimates import estimate
from voxsession.learning.explanation import explain_preference
from voxsession.learning.preferences import learn, learned_preferences

FIELDS = {
    "name", "value", "confidence", "evidence_count", "moved_by", "message_ids", "asked_for", "set_by_hand"
}  # fmt: skip


def test_a_preference_is_explained() -> None:
    """The explanation names value, confidence, count and the messages, the newest among them."""
    data = talk(FORMAL * 4)
    why = explain_preference(data, "formality_score")
    assert set(why) == FIELDS
    assert (why["name"], why["value"]) == ("formality_score", learned_preferences(data)["formality_score"])
    assert why["evidence_count"] == 12
    assert len(why["message_ids"]) == 8 and why["message_ids"][-1] == "m11"
    assert 0.5 < why["confidence"] < 1
    assert (why["set_by_hand"], why["asked_for"]) == (False, False)


@pytest.mark.parametrize("name", ["formality", "formality_score", "Formality"])
def test_names_may_be_spelt_as_the_app_likes(name: str) -> None:
    """The ending and the case do not matter."""
    assert explain_preference(talk(FORMAL), name) == explain_preference(talk(FORMAL), "formality_score")


def test_how_far_a_message_moved_the_value_is_exact() -> None:
    """Without the message the value would be off by just that."""
    texts = [*FORMAL, CASUAL[1], *FORMAL[:2]]
    data = talk(texts)
    whole, _ = estimate(data.evidence, "formality")
    moved = {row["message_id"]: row["moved"] for row in explain_preference(data, "formality")["moved_by"]}
    rest = new_data()
    for number, text in enumerate(texts):
        changes = learn(rest, say(number, text), previous=None, reply=None)
        apply(rest, changes)
        if number == 3:
            kept = rest.evidence["formality"]
            value, weight = changes[0].increments["formality"]  # type: ignore[attr-defined]
            rest.evidence["formality"] = type(kept)(
                total=kept.total - value * weight, weight=kept.weight - weight, last_at=kept.last_at
            )
    without, _ = estimate(rest.evidence, "formality")
    assert whole is not None and without is not None
    assert moved["m3"] == pytest.approx(whole - without, abs=1e-3)
    assert moved["m3"] < -0.05 < 0 < moved["m0"]


def test_the_messages_that_moved_most_stay_named() -> None:
    """One rude word among a hundred polite ones is named while it still matters most."""
    data = talk([*FORMAL * 3, "lol nah dude whatever", *FORMAL * 6])
    assert "m9" in explain_preference(data, "formality")["message_ids"]


@given(st.lists(st.sampled_from(FORMAL + CASUAL), max_size=30))
def test_the_list_is_bounded_and_in_order(texts: list[str]) -> None:
    """At most eight messages, oldest first, each once; all of it can be stored as JSON."""
    why = explain_preference(talk(texts), "formality")
    numbers = [int(one[1:]) for one in why["message_ids"]]
    assert len(numbers) <= 8 and numbers == sorted(set(numbers))
    encode_json(dict(why))


def test_what_is_set_by_hand_is_certain() -> None:
    """A value set by hand has confidence 1 and no messages."""
    why = explain_preference(new_data(preferences={"verbosity": "brief"}), "verbosity")
    assert (why["value"], why["confidence"], why["set_by_hand"]) == ("brief", 1.0, True)
    assert (why["evidence_count"], why["moved_by"]) == (0, [])
    assert repr(why) == "verbosity: 'brief', set by hand"


def test_a_name_of_the_apps_own_is_explained() -> None:
    """What the app set can be asked for, by the name it set it under."""
    why = explain_preference(new_data(preferences={"tone": "playful"}), "tone")
    assert (why["value"], why["set_by_hand"]) == ("playful", True)


@pytest.mark.parametrize("name", ["mood", "", 5, None])
def test_an_unknown_name_names_those_there_are(name: object) -> None:
    """The error lists every preference, the app's own among them."""
    with pytest.raises(ConfigurationError) as caught:
        explain_preference(new_data(preferences={"tone": "playful"}), name)  # type: ignore[arg-type]
    for known in ("formality_score", "optimal_response_length", "active_hours", "topics", "tone"):
        assert known in str(caught.value)


@pytest.mark.parametrize(
    "name", ["interaction_style", "language", "topics", "speaking_pace", "active_hours", "message_length"]
)
def test_every_name_can_be_explained(name: str) -> None:
    """Each has all fields, also where three messages say little."""
    why = explain_preference(talk(["What time is it?"] * 3), name)
    assert set(why) == FIELDS
    assert why["confidence"] < 0.5
    assert repr(why).startswith(why["name"])


def test_a_style_names_the_messages_of_that_style() -> None:
    """Questions are explained by questions."""
    data = talk(["What time is it?", "Play some jazz", "Where is Ann?", "How far is Rome?"])
    why = explain_preference(data, "interaction_style")
    assert (why["value"], why["message_ids"], why["evidence_count"]) == ("questions", ["m0", "m2", "m3"], 4)


def test_a_wish_names_its_message() -> None:
    """The message that asked for it explains the value, long after."""
    why = explain_preference(talk(["Please be formal.", *CASUAL * 10]), "formality")
    assert (why["message_ids"], why["asked_for"], why["value"]) == (["m0"], True, 0.95)
    assert "asked for by the user in 1 message" in repr(why)


def test_it_reads_as_a_few_lines() -> None:
    """The text has unit, reason and one line for each message."""
    lines = repr(
        explain_preference(talk(["one two three four", "one two three four five six"]), "message_length")
    )
    assert lines.splitlines()[0].startswith(
        "avg_message_length: 5.0 words, learned from 2 messages, confidence 0.28"
    )
    assert lines.splitlines()[2].split() == ["m1", "+1.02"]
