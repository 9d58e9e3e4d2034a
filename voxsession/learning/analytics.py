"""Figures about a session and its conversations, read from what the changes counted."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from voxsession.core.conversation import ConversationEntry
from voxsession.core.preference import Metric
from voxsession.core.session_changes import SATISFACTION
from voxsession.core.session_data import SessionData
from voxsession.core.totals import Totals
from voxsession.core.types import check_number, check_text
from voxsession.errors import ConfigurationError
from voxsession.learning.costs import costs_of
from voxsession.learning.estimates import top_topics
from voxsession.learning.figures import Figures
from voxsession.learning.satisfaction import satisfaction_of

__all__ = [
    "MAX_METRICS",
    "active_hours",
    "check_metric",
    "conversation_analytics",
    "custom_metrics",
    "session_analytics",
    "totals_figures",
]

#: Distinct names of custom metrics in one session.
MAX_METRICS: Final = 1000
_LONGEST_NAME = 200
_TOPICS = 10
_DAYS_SHOWN = 30

Prices = Mapping[str, Mapping[str, float]]


def session_analytics(data: SessionData, prices: Prices | None = None) -> Figures:
    """The figures of a session, the same however often its changes are replayed.

    Args:
        data: The session.
        prices: Of tokens, as `check_prices` gives them.

    Returns:
        What `totals_figures` tells, and `topics` (weightiest first).
    """
    figures = totals_figures(data.totals, data.metrics.get(SATISFACTION), prices)
    figures["topics"] = top_topics(data, _TOPICS)
    days = [(key, row[0]) for key, row in sorted(data.totals.days.items()) if len(key) == 10]
    return Figures(
        figures,
        title=f"Analytics of session {data.session_id}",
        charts=[
            ("Messages by hour of day", [(str(hour), n) for hour, n in enumerate(data.totals.hours)]),
            ("Messages by day", [(day[5:], n) for day, n in days[-_DAYS_SHOWN:]]),
        ],
    )


def totals_figures(totals: Totals, ratings: Metric | None, prices: Prices | None) -> dict[str, Any]:
    """The figures of counters, of one session or of many together.

    Args:
        totals: The counters.
        ratings: The metric `user_satisfaction`.
        prices: Of tokens, as `check_prices` gives them.

    Returns:
        `conversation_count`, `message_count`, `turn_count`, `interruption_count`, `injection_count`, `function_calls`
        (asked for), `function_failures`, `input_tokens`, `output_tokens`, `total_tokens`, `estimated_tokens` (of the
        total, counted here since the model reported none); `total_duration_seconds` and `avg_duration_seconds`
        (conversations that run up to their latest message), `avg_response_time_ms`, `avg_function_ms`;
        `satisfaction_score` (0 to 5, or None), `satisfaction_confidence` (0 to 1), `satisfaction_source`;
        `active_hours` (hours of the day in the session's zone, busiest first); `functions`, `models`, `cost`,
        `cost_by_model`, `unpriced_tokens`.
    """
    talks = totals.conversation_count - totals.uncounted_conversations
    seconds = totals.total_duration_seconds + max(0.0, totals.running_seconds)
    found = satisfaction_of(totals, ratings)
    return {
        "conversation_count": talks,
        "message_count": totals.message_count - totals.uncounted_messages,
        "turn_count": totals.turn_count,
        "avg_duration_seconds": round(_mean(seconds, talks), 3),
        "total_duration_seconds": round(seconds, 3),
        "topics": [],
        "satisfaction_score": found.score,
        "satisfaction_confidence": found.confidence,
        "satisfaction_source": found.source,
        "active_hours": active_hours(totals.hours),
        "avg_response_time_ms": round(_mean(totals.response_ms, totals.response_count), 3),
        "interruption_count": totals.interruption_count,
        "injection_count": totals.injection_count,
        "function_calls": totals.function_calls,
        "function_failures": totals.function_failures,
        "avg_function_ms": round(_mean(totals.function_ms, totals.function_runs), 3),
        "functions": {name: _function(*row) for name, row in totals.functions.items()},
        "input_tokens": totals.input_tokens,
        "output_tokens": totals.output_tokens,
        "total_tokens": totals.input_tokens + totals.output_tokens,
        "estimated_tokens": totals.estimated_input_tokens + totals.estimated_output_tokens,
        "models": {
            name: {"replies": row[0], "input_tokens": row[1], "output_tokens": row[2]}
            for name, row in totals.models.items()
        },
        **costs_of(totals.models, prices),
    }


def _function(runs: float, failures: float, total_ms: float, longest_ms: float) -> dict[str, float]:
    return {
        "count": runs,
        "failures": failures,
        "avg_ms": round(_mean(total_ms, runs), 3),
        "max_ms": round(longest_ms, 3),
    }


def active_hours(hours: list[int]) -> list[int]:
    """The hours of the day in which something was said, the busiest first.

    Example:
        >>> active_hours([0] * 8 + [2, 5] + [0] * 14)
        [9, 8]
    """
    return sorted((hour for hour, n in enumerate(hours) if n > 0), key=lambda hour: (-hours[hour], hour))


def conversation_analytics(entry: ConversationEntry) -> Figures:
    """The figures of one conversation.

    Args:
        entry: The conversation.

    Returns:
        `duration_seconds` (while it runs, up to its latest message), `turn_count`, `interruption_count`,
        `injection_count`, `message_count` (ints), `avg_response_time_ms`.

    Example:
        >>> from datetime import UTC, datetime
        >>> start = datetime(2026, 1, 1, 9, 0, tzinfo=UTC)
        >>> entry = ConversationEntry(id="c1", started_at=start, last_at=start, turn_count=3, running_seconds=300.0)
        >>> conversation_analytics(entry)["duration_seconds"]
        300.0
    """
    counts = {
        "turn_count": entry.turn_count,
        "interruption_count": entry.interruption_count,
        "injection_count": entry.injection_count,
    }
    return Figures(
        {
            "duration_seconds": round(entry.duration_seconds + entry.running_seconds, 3),
            **counts,
            "avg_response_time_ms": round(_mean(entry.response_ms, entry.response_count), 3),
            "message_count": entry.message_count - entry.uncounted_messages,
        },
        title=f"Analytics of conversation {entry.id}",
        charts=[("Counts", [(name.removesuffix("_count"), float(count)) for name, count in counts.items()])],
    )


def custom_metrics(metrics: Mapping[str, Metric]) -> Figures:
    """The app's own metrics: name -> `count`, `last`, `mean`, `min`, `max`."""
    return Figures(
        {
            name: {
                "count": metric.count,
                "last": metric.last,
                "mean": _metric_mean(metric),
                "min": metric.min,
                "max": metric.max,
            }
            for name, metric in metrics.items()
        },
        title="Custom metrics",
        charts=[("Mean", [(name, _metric_mean(metric)) for name, metric in metrics.items()])],
    )


def check_metric(name: str, value: object, known: Mapping[str, object] | None = None) -> float:
    """The value of a metric as a number that can be counted.

    Args:
        name: A text of 1 to 200 characters without white space.
        value: A finite number.
        known: The metrics that there are; a further name must not be one too many.

    Returns:
        The value as a float.

    Raises:
        ConfigurationError: The name is empty, too long, no text or has white space in it; the value is NaN, infinite,
            a bool or no number; there are `MAX_METRICS` other names already.

    Example:
        >>> check_metric("task_completed", 1)
        1.0
    """
    text = check_text("name of the metric", name, allow_empty=False)
    if len(text) > _LONGEST_NAME:
        raise ConfigurationError.out_of_range(
            "name of the metric", text, f"a name has 1 to {_LONGEST_NAME} characters"
        )
    if not text.isprintable() or " " in text:
        remedy = f"a name has no white space: write {'_'.join(text.split())!r}"
        raise ConfigurationError.out_of_range("name of the metric", text, remedy)
    if known is not None and text not in known and len(known) >= MAX_METRICS:
        raise ConfigurationError.out_of_range(
            "name of the metric",
            text,
            f"a session keeps {MAX_METRICS} metrics by name. Measure under a name that is there, "
            "and put what differs each time (an id, a date) into messages or memories",
        )
    return float(check_number(f"metric {text!r}", value, -1.7e308, 1.7e308))


def _metric_mean(metric: Metric) -> float:
    """The mean; sums too large for a float are kept inside what was measured."""
    mean = _mean(metric.total, metric.count)
    return min(metric.max, max(metric.min, mean)) if math.isfinite(mean) else metric.last


def _mean(total: float, count: float) -> float:
    return total / count if count else 0.0
