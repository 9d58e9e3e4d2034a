"""The figures of sessions and conversations."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.learning.talks import START, apply, new_data, say
from voxsession.core.changes import (
    ConversationEnded,
    ConversationStarted,
    MessageAdded,
    MetricTracked,
    TurnCompleted,
)
from voxsession.core.conversation import ConversationEntry
from voxsession.core.message import Usage
from voxsession.core.session_data import SessionData
from voxsession.errors import ConfigurationError
from voxsession.learning.analytics import (
    check_metric,
    conversation_analytics,
    custom_metrics,
    milestones,
    session_analytics,
    to_records,
)

MINUTE = timedelta(minutes=1)


def talked() -> SessionData:
    """A session with an ended conversation of ten minutes and one that has run for three."""
    return apply(
        new_data(),
        [
            ConversationStarted(at=START, conversation_id="c0"),
            ConversationEnded(at=START + 10 * MINUTE, conversation_id="c0", duration_seconds=600.0),
            ConversationStarted(at=START + 20 * MINUTE, conversation_id="c1"),
            MessageAdded(at=START + 23 * MINUTE, message=say(23, "Hello"), local_hour=14),
            MessageAdded(at=START + 23 * MINUTE, message=say(24, "there"), local_hour=14),
            MessageAdded(at=START + 23 * MINUTE, message=say(25, "you"), local_hour=9),
            TurnCompleted(
                at=START + 23 * MINUTE,
                conversation_id="c1",
                response_ms=250.0,
                usage=Usage(input_tokens=100, output_tokens=20, estimated=False),
            ),
            TurnCompleted(at=START + 23 * MINUTE, conversation_id="c1", response_ms=350.0, injected=True),
        ],
    )


def test_session_figures() -> None:
    """Counts, durations with the running span, hours by how busy they were."""
    found = session_analytics(talked(), START + 60 * MINUTE)
    assert found["conversation_count"] == 2
    assert (found["message_count"], found["turn_count"]) == (3, 3)
    assert found["total_duration_seconds"] == 780.0
    assert found["avg_duration_seconds"] == 390.0
    assert found["active_hours"] == [14, 9]
    assert (found["input_tokens"], found["output_tokens"], found["total_tokens"]) == (100, 20, 120)
    assert (found["avg_response_time_ms"], found["injection_count"]) == (300.0, 1)
    assert found["satisfaction_score"] is None


def test_an_empty_session_has_figures() -> None:
    """Nothing is divided by zero."""
    found = session_analytics(new_data(), START)
    assert (found["conversation_count"], found["avg_duration_seconds"], found["avg_response_time_ms"]) == (
        0,
        0.0,
        0.0,
    )
    assert (found["topics"], found["active_hours"], found["satisfaction_score"]) == ([], [], None)


def test_conversation_figures() -> None:
    """A running conversation lasts up to its latest message, an ended one as long as it did."""
    data = talked()
    running = conversation_analytics(data.conversations["c1"], START + 60 * MINUTE)
    assert (running["duration_seconds"], running["turn_count"], running["message_count"]) == (180.0, 3, 3)
    assert (running["avg_response_time_ms"], running["injection_count"], running["interruption_count"]) == (
        300.0,
        1,
        0,
    )
    assert conversation_analytics(data.conversations["c0"], START)["duration_seconds"] == 600.0


def test_clocks_that_lie_do_not_count() -> None:
    """Messages from the future are cut at the present, clocks that went back count as nothing."""
    entry = ConversationEntry(id="c", started_at=START, opened_at=START, last_at=START + 999 * MINUTE)
    assert conversation_analytics(entry, START + MINUTE)["duration_seconds"] == 60.0
    assert conversation_analytics(entry, START - MINUTE)["duration_seconds"] == 0.0


@pytest.mark.parametrize(
    ("values", "score"), [([4.5], 4.5), ([4, 5], 4.5), ([9, 9], 5.0), ([-3], 0.0), ([], None)]
)
def test_satisfaction_is_the_mean_of_its_metric(values: list[float], score: float | None) -> None:
    """The score lies from 0 to 5 whatever is tracked."""
    data = apply(new_data(), [MetricTracked(at=START, name="user_satisfaction", value=v) for v in values])
    assert session_analytics(data, START)["satisfaction_score"] == score


@given(st.lists(st.floats(-1e300, 1e300), min_size=1, max_size=20))
def test_metrics_add_up(values: list[float]) -> None:
    """Count, last, min and max are those of the values, the mean is finite and between them."""
    data = apply(new_data(), [MetricTracked(at=START, name="m", value=value) for value in values])
    found = custom_metrics(data)["m"]
    assert (found["count"], found["last"]) == (len(values), values[-1])
    assert (found["min"], found["max"]) == (min(values), max(values))
    assert found["min"] <= found["mean"] <= found["max"] or math.isclose(
        found["mean"], found["min"], rel_tol=1e-9
    )


@pytest.mark.parametrize(
    ("name", "value"), [("a", 1), ("task completed", -2.5), ("größe", 0), ("x" * 200, 1e300)]
)
def test_good_metrics(name: str, value: float) -> None:
    """Any text of up to 200 characters names a metric, any finite number is its value."""
    assert check_metric(name, value) == float(value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("", 1),
        (" ", 1),
        ("x" * 201, 1),
        (7, 1),
        ("\ud800", 1),
        ("m", math.nan),
        ("m", math.inf),
        ("m", "1"),
        ("m", None),
        ("m", True),
    ],
)
def test_bad_metrics_are_refused(name: Any, value: Any) -> None:
    """A metric that could not be counted is refused before it is recorded."""
    with pytest.raises(ConfigurationError):
        check_metric(name, value)


def test_records_are_flat() -> None:
    """One row for a conversation, the earliest first, all with the same keys and no containers inside."""
    rows = to_records(talked())
    assert [row["conversation_id"] for row in rows] == ["c0", "c1"]
    assert len({tuple(row) for row in rows}) == 1
    assert not any(isinstance(cell, (list, dict)) for row in rows for cell in row.values())
    assert rows[1]["duration_seconds"] == 180.0


@given(st.integers(0, 20_000), st.integers(0, 20_000))
def test_no_milestone_is_missed_or_told_twice(middle: int, end: int) -> None:
    """Counting in two steps reaches the milestones of one step, each once."""
    middle = min(middle, end)
    assert milestones(0, middle) + milestones(middle, end) == milestones(0, end)


def test_milestones_by_name() -> None:
    """Messages and conversations have their own marks."""
    assert milestones(99, 100) == ["messages:100"]
    assert milestones(49, 50, "conversations") == ["conversations:50"]
    assert milestones(100, 100) == []
