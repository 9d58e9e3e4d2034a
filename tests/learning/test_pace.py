"""How fast a person speaks, from whatever an app says of time."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.learning.talks import START, apply, new_data, reply, say
from voxsession.learning.adaptation import adaptation_lines
from voxsession.learning.pace import message_seconds
from voxsession.learning.preferences import learn, learned_preferences

TEN = "one two three four five six seven eight nine ten"


def pace_of(**metadata: Any) -> float | None:
    """The pace learned from ten words with this metadata."""
    data = new_data()
    apply(data, learn(data, say(1, TEN, metadata=metadata), previous=None, reply=None))
    return learned_preferences(data)["speaking_pace"]


@pytest.mark.parametrize(
    "metadata",
    [
        {"duration_seconds": 5},
        {"audio_duration_seconds": 5.0},
        {"duration_ms": 5000},
        {"audio_duration_ms": 5000},
        {"started_at": "2026-01-01T09:00:00Z", "ended_at": "2026-01-01T10:00:05+01:00"},
        {"start_seconds": 12.5, "end_seconds": 17.5},
    ],
)
def test_every_way_to_say_a_duration(metadata: dict[str, Any]) -> None:
    """Ten words in five seconds are 120 words a minute, whatever the unit is."""
    assert pace_of(**metadata) == 120.0


@pytest.mark.parametrize(
    "metadata",
    [
        {"started_at": "noon", "ended_at": "2026-01-01T09:00:05Z"},
        {"started_at": "2026-01-01T09:00:05Z", "ended_at": "2026-01-01T09:00:00Z"},
        {"start_seconds": None, "end_seconds": 5},
        {"duration_ms": 10**400},
        {"duration_seconds": float("nan")},
    ],
)
def test_strange_times_are_no_pace(metadata: dict[str, Any]) -> None:
    """What cannot be read, or runs backwards, teaches nothing."""
    assert pace_of(**metadata) is None


@given(st.dictionaries(st.sampled_from(["duration_seconds", "duration_ms", "started_at", "ended_at"]),
                       st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text())))  # fmt: skip
def test_no_metadata_raises(metadata: dict[str, Any]) -> None:
    """Whatever an app writes there, the answer is a sound number of seconds or none."""
    found = message_seconds(say(1, TEN, metadata=metadata))
    assert found is None or 0 < found < 36_000


def after(seconds: float, text: str = TEN) -> Any:
    """A session that learned from a message so long after the reply before it."""
    data = new_data()
    said = say(2, text)
    answer = reply(1, "Well?", at=said.at - timedelta(seconds=seconds))
    apply(data, learn(data, said, previous=answer, reply=answer))
    return data


def test_without_a_duration_the_clock_says_a_little() -> None:
    """Ten words six seconds after the reply are at least 100 a minute; that is weak evidence."""
    data = after(6)
    assert learned_preferences(data)["speaking_pace"] == 100.0
    assert data.evidence["message_pace"].weight < 0.5


@pytest.mark.parametrize("seconds", [-60, 0, 0.5, 90, 3600, 10**9])
def test_pauses_and_clocks_that_go_backwards_are_no_pace(seconds: float) -> None:
    """Who comes back after a while, or pastes, or has a wrong clock, was not speaking that long."""
    assert learned_preferences(after(seconds))["speaking_pace"] is None


def test_what_was_measured_counts_before_the_clock() -> None:
    """One message with a duration is worth more than any number without."""
    data = after(6)
    apply(data, learn(data, say(9, TEN, metadata={"duration_seconds": 4}), previous=None, reply=None))
    assert learned_preferences(data)["speaking_pace"] == 150.0


def test_typing_makes_no_instruction() -> None:
    """A writer who types slowly is not spoken to slowly."""
    data = new_data()
    for number in range(60):
        said = say(number, TEN)
        answer = reply(number, "Well?", at=START + timedelta(minutes=number, seconds=-15))
        apply(data, learn(data, said, previous=answer, reply=answer))
    assert learned_preferences(data)["speaking_pace"] == 40.0
    assert "Speak slowly." not in adaptation_lines(data)
