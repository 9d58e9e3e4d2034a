"""The figures of sessions and conversations."""

from __future__ import annotations

import math
import re
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.learning.talks import START, apply, new_data, say
from voxsession.core.changes import (
    ConversationEnded,
    ConversationStarted,
    FunctionCompleted,
    MessageAdded,
    MetricTracked,
    TurnCompleted,
)
from voxsession.core.message import Usage
from voxsession.core.session_data import SessionData
from voxsession.errors import ConfigurationError
from voxsession.learning.analytics import (
    MAX_METRICS,
    check_metric,
    conversation_analytics,
    custom_metrics,
    session_analytics,
)
from voxsession.learning.costs import check_prices
from voxsession.learning.figures import Figures
from voxsession.learning.records import to_records

MINUTE = timedelta(minutes=1)


def talked() -> SessionData:
    """A session with an ended conversation of ten minutes and one that has run for three."""
    late = START + 23 * MINUTE
    return apply(
        new_data(),
        [
            ConversationStarted(at=START, conversation_id="c0"),
            ConversationEnded(at=START + 10 * MINUTE, conversation_id="c0", duration_seconds=600.0),
            ConversationStarted(at=START + 20 * MINUTE, conversation_id="c1"),
            MessageAdded(at=late, message=say(23, "Hello"), local_hour=14),
            MessageAdded(at=late, message=say(24, "there"), local_hour=14),
            MessageAdded(at=late, message=say(25, "you"), local_hour=9, signals=["thanks"]),
            TurnCompleted(
                at=late,
                conversation_id="c1",
                response_ms=250.0,
                usage=Usage(input_tokens=100, output_tokens=20, estimated=False, model="big"),
            ),
            TurnCompleted(
                at=late, conversation_id="c1", response_ms=350.0, injected=True, usage=Usage(output_tokens=7)
            ),
            FunctionCompleted(at=late, conversation_id="c1", function="now", worked=True, duration_ms=30.0),
            FunctionCompleted(at=late, conversation_id="c1", function="now", worked=False, duration_ms=50.0),
        ],
    )  # fmt: skip


def test_session_figures() -> None:
    """Counts, durations with the running span, hours by how busy they were, tokens, functions."""
    found = session_analytics(talked())
    assert found["conversation_count"] == 2
    assert (found["message_count"], found["turn_count"]) == (3, 3)
    assert found["total_duration_seconds"] == 780.0
    assert found["avg_duration_seconds"] == 390.0
    assert found["active_hours"] == [14, 9]
    assert (found["input_tokens"], found["output_tokens"], found["total_tokens"]) == (100, 27, 127)
    assert found["estimated_tokens"] == 7
    assert found["models"] == {"big": {"replies": 1, "input_tokens": 100, "output_tokens": 20}}
    assert (found["avg_response_time_ms"], found["injection_count"]) == (300.0, 1)
    assert (found["function_failures"], found["avg_function_ms"]) == (1, 40.0)
    assert found["functions"] == {"now": {"count": 2, "failures": 1, "avg_ms": 40.0, "max_ms": 50.0}}
    assert (found["cost"], found["unpriced_tokens"]) == (None, 120)


def test_a_price_makes_a_cost() -> None:
    """Reported tokens cost what their model costs; what was only estimated here is in no bill."""
    prices = check_prices({"big": {"input": 10, "output": 100}})
    found = session_analytics(talked(), prices)
    assert (found["cost"], found["cost_by_model"], found["unpriced_tokens"]) == (0.003, {"big": 0.003}, 0)
    assert session_analytics(talked(), check_prices({"*": {"input": 0, "output": 1}}))["cost"] == 0.00002
    assert session_analytics(talked(), check_prices({"small": {"input": 1, "output": 1}}))["cost"] is None


@pytest.mark.parametrize(
    "prices",
    [
        [],
        {"m": 3},
        {"m": {"input": 1}},
        {"m": {"input": 1, "output": -1}},
        {"m": {"input": 1, "output": math.nan}},
        {"m": {"input": "1", "output": 1}},
        {7: {"input": 1, "output": 1}},
    ],
)
def test_bad_prices_are_named(prices: Any) -> None:
    """The error says which price is wrong."""
    with pytest.raises(ConfigurationError, match="token_prices"):
        check_prices(prices)


def test_an_empty_session_has_figures() -> None:
    """Nothing is divided by zero."""
    found = session_analytics(new_data())
    counts = (
        "conversation_count",
        "avg_duration_seconds",
        "avg_response_time_ms",
        "avg_function_ms",
        "total_tokens",
    )
    assert [found[name] for name in counts] == [0, 0, 0, 0, 0]
    assert (found["topics"], found["active_hours"], found["satisfaction_score"]) == ([], [], None)
    assert (found["satisfaction_confidence"], found["satisfaction_source"]) == (0.0, None)


def test_conversation_figures() -> None:
    """A running conversation lasts up to its latest message, an ended one as long as it did."""
    data = talked()
    running = conversation_analytics(data.conversations["c1"])
    assert (running["duration_seconds"], running["turn_count"], running["message_count"]) == (180.0, 3, 3)
    assert (running["avg_response_time_ms"], running["injection_count"]) == (300.0, 1)
    assert running["interruption_count"] == 0
    assert conversation_analytics(data.conversations["c0"])["duration_seconds"] == 600.0


@pytest.mark.parametrize(
    ("values", "score"), [([4.5], 4.5), ([4, 5], 4.5), ([9, 9], 5.0), ([-3], 0.0), ([1e308, 1e308], 5.0)]
)
def test_satisfaction_is_the_mean_of_its_metric(values: list[float], score: float | None) -> None:
    """The score lies from 0 to 5 whatever is tracked, and ratings win over signals."""
    data = talked()
    apply(data, [MetricTracked(at=START, name="user_satisfaction", value=value) for value in values])
    found = session_analytics(data)
    assert (found["satisfaction_score"], found["satisfaction_source"]) == (score, "ratings")


def test_satisfaction_without_ratings_comes_from_signals() -> None:
    """What was said gives a score of little confidence."""
    found = session_analytics(talked())
    assert found["satisfaction_source"] == "signals" and 3 < found["satisfaction_score"] < 5
    assert 0 < found["satisfaction_confidence"] < 0.5


# --- metrics


@given(st.lists(st.floats(-1e300, 1e300), min_size=1, max_size=20))
def test_metrics_add_up(values: list[float]) -> None:
    """Count, last, min and max are those of the values, the mean is finite and between them."""
    data = apply(new_data(), [MetricTracked(at=START, name="m", value=value) for value in values])
    found = custom_metrics(data.metrics)["m"]
    assert (found["count"], found["last"]) == (len(values), values[-1])
    assert (found["min"], found["max"]) == (min(values), max(values))
    assert found["min"] <= found["mean"] <= found["max"]


@pytest.mark.parametrize(
    ("name", "value"),
    [("a", 1), ("task_completed", -2.5), ("größe", 0), ("x" * 200, 1e300), ("a.b/c:d", 0.1)],
)
def test_good_metrics(name: str, value: float) -> None:
    """A text of up to 200 characters without white space names a metric, any finite number is its value."""
    assert check_metric(name, value) == float(value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("", 1),
        (" ", 1),
        ("task completed", 1),
        ("a\tb", 1),
        ("a\u2003b", 1),
        ("a\n", 1),
        ("x" * 201, 1),
        (7, 1),
        ("\ud800", 1),
        ("m", math.nan),
        ("m", math.inf),
        ("m", "1"),
        ("m", None),
        ("m", True),
        ("m", 10**400),
    ],
)
def test_bad_metrics_are_refused(name: Any, value: Any) -> None:
    """A metric that could not be counted is refused before it is recorded; the error names what."""
    with pytest.raises(ConfigurationError, match="metric") as caught:
        check_metric(name, value)
    assert caught.value.option


def test_a_name_with_spaces_is_told_how_to_be_written() -> None:
    """The remedy is in the error."""
    with pytest.raises(ConfigurationError, match="write 'task_completed'"):
        check_metric("task completed", 1)


def test_names_of_metrics_are_bounded() -> None:
    """A name too many is refused, one that is known is measured on."""
    known = dict.fromkeys(map(str, range(MAX_METRICS)))
    assert check_metric("7", 1, known) == 1.0
    with pytest.raises(ConfigurationError, match="1000 metrics"):
        check_metric("new", 1, known)


# --- rows


def test_records_are_flat() -> None:
    """One row for a conversation, the earliest first, all with the same keys and no containers inside."""
    rows = to_records(talked())
    assert [row["conversation_id"] for row in rows] == ["c0", "c1"]
    assert rows[1]["duration_seconds"] == 180.0
    data = apply(talked(), [MetricTracked(at=START, name=name, value=1.0) for name in "ab"])
    for what in ("conversations", "days", "metrics"):
        rows = to_records(data, what)
        assert rows and len({tuple(row) for row in rows}) == 1
        assert not any(isinstance(cell, (list, dict)) for row in rows for cell in row.values())
        assert {row["session_id"] for row in rows} == {"s1"}


def test_rows_of_days_and_metrics() -> None:
    """A day has its counts, a metric its figures; there are no other rows."""
    data = apply(talked(), [MetricTracked(at=START, name="a", value=2.0)])
    (day,) = to_records(data, "days")
    assert (day["first_day"], day["last_day"], day["kept_as"]) == ("2026-01-01", "2026-01-01", "day")
    assert (day["message_count"], day["duration_seconds"], day["thanks_count"]) == (3, 780.0, 1)
    assert to_records(data, "metrics")[0] == {
        "session_id": "s1", "user_id": None, "name": "a", "count": 1, "last": 2.0, "mean": 2.0, "min": 2.0, "max": 2.0,
    }  # fmt: skip
    with pytest.raises(ConfigurationError, match="conversations, days, metrics"):
        to_records(data, "hours")


# --- shown


def test_figures_show_themselves_without_scripts() -> None:
    """Bars are inline SVG, what an app named is escaped, and there is nothing that runs or is fetched."""
    data = apply(talked(), [MetricTracked(at=START, name="<script>alert(1)</script>", value=2.0)])
    data.topics = {"<img src=x onerror=y>": 2.0}
    for shown in (
        session_analytics(data),
        conversation_analytics(data.conversations["c1"]),
        custom_metrics(data.metrics),
    ):
        page = shown._repr_html_()
        assert "<svg" in page and "<rect" in page
        assert not any(
            found in page.lower() for found in ("<script", "<img", "http", "javascript", "<iframe")
        )
        assert page.count("<div") == page.count("</div") and page.count("<svg") == page.count("</svg")
    assert "&lt;img" in session_analytics(data)._repr_html_()


@given(
    st.dictionaries(
        st.text(max_size=5),
        st.none()
        | st.text(max_size=5)
        | st.floats()
        | st.integers()
        | st.lists(st.text(max_size=3), max_size=3)
        | st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
    ),
    st.lists(st.tuples(st.text(max_size=4), st.floats()), max_size=5),
)
def test_anything_can_be_shown(values: dict[str, Any], bars: list[tuple[str, float]]) -> None:
    """Figures stay the dict that they are, and whatever is in them is a sound page."""
    figures = Figures(values, title="<t>", charts=[("<c>", bars)])
    assert figures == values and isinstance(figures, dict)
    page = figures._repr_html_()
    assert "<t>" not in page and "<c>" not in page
    assert all(math.isfinite(float(place)) for place in re.findall(r' (?:x|y|width|height)="([^"%]*)"', page))
