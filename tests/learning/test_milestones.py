"""Milestones: which marks a change passes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.learning.talks import START, apply, new_data
from voxsession.core.changes import ConfigChanged, MetricTracked, MilestoneReached
from voxsession.core.config import SessionConfig
from voxsession.core.session_data import SessionData
from voxsession.errors import ConfigurationError
from voxsession.learning.milestones import crossed, standing


def with_messages(count: int, **config: Any) -> SessionData:
    data = new_data(config=config)
    data.totals.message_count = count
    return data


@given(st.lists(st.integers(0, 20_000), min_size=1, max_size=6))
def test_no_milestone_is_missed_or_told_twice(counts: list[int]) -> None:
    """In however many steps a count grows, each mark on its way is reached once."""
    data, told = with_messages(0), list[str]()
    for count in sorted(counts):
        before = standing(data)
        data.totals.message_count = count
        found = crossed(before, data)
        told += found
        apply(data, [MilestoneReached(at=START, milestone=name) for name in found])
    at_once = with_messages(max(counts))
    assert told == crossed(standing(with_messages(0)), at_once)


def test_marks_are_the_apps_to_choose() -> None:
    """Named figures have the app's marks, the others keep theirs; an empty list has none."""
    before = standing(with_messages(0, milestones={"messages": [3, 7]}))
    assert crossed(before, with_messages(9, milestones={"messages": [3, 7]})) == ["messages:3", "messages:7"]
    data = with_messages(10, milestones={"messages": []})
    data.totals.conversation_count = 5
    assert crossed({"messages": 0, "conversations": 4}, data) == ["conversations:5"]


def test_satisfaction_reaches_a_mark_once() -> None:
    """A score that goes up, down and up again tells its mark the first time."""
    data, told = new_data(config={"milestones": {"satisfaction": [4.5]}}), []
    for value in (4.0, 5.0, 1.0, 5.0, 5.0, 5.0, 5.0, 5.0, 5.0):
        before = standing(data)
        apply(data, [MetricTracked(at=START, name="user_satisfaction", value=value)])
        found = crossed(before, data)
        apply(data, [MilestoneReached(at=START, milestone=name) for name in found])
        told += found
    assert told == ["satisfaction:4.5"]


def test_a_mark_that_was_passed_before_it_was_named_is_no_event() -> None:
    """A setting changes what is told from now on."""
    data = with_messages(500)
    before = standing(data)
    apply(data, [ConfigChanged(at=START, values={"milestones": {"turns": [1], "messages": [100, 501]}})])
    data.totals.turn_count = 80
    assert crossed(before, data) == []
    data.totals.message_count = 501
    assert crossed(before, data) == ["messages:501"]


def test_what_was_not_counted_reaches_nothing() -> None:
    """Messages that came while analytics was off do not count here either."""
    data = with_messages(12)
    data.totals.uncounted_messages = 5
    assert crossed({"messages": 0}, data) == []


@pytest.mark.parametrize(
    "milestones",
    [
        3,
        {"message": [1]},
        {"messages": 10},
        {"messages": [0]},
        {"messages": [1.5]},
        {"messages": [True]},
        {"messages": ["10"]},
        {"satisfaction": [6]},
        {"satisfaction": [float("nan")]},
        {"messages": list(range(1, 100))},
    ],
)
def test_bad_marks_are_named(milestones: Any) -> None:
    """The error names the setting and what is allowed."""
    with pytest.raises(ConfigurationError, match="milestones"):
        SessionConfig(milestones=milestones)


def test_marks_are_kept_in_order() -> None:
    """Doubles go, and the order does not matter."""
    assert SessionConfig(milestones={"messages": [7, 3, 3]}).milestones == {"messages": [3, 7]}
    assert SessionConfig(milestones={"satisfaction": (4.5,)}).milestones == {"satisfaction": [4.5]}
