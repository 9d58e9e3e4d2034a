"""Figures about a session and its conversations, read from what the changes counted."""

from __future__ import annotations

import math
from bisect import bisect_right
from datetime import datetime
from typing import Any, Final

from voxsession.core.conversation import ConversationEntry
from voxsession.core.preference import Metric
from voxsession.core.session_data import SessionData
from voxsession.core.types import check_number, check_text
from voxsession.errors import ConfigurationError
from voxsession.learning.estimates import top_topics

__all__ = [
    "MILESTONES",
    "check_metric",
    "conversation_analytics",
    "custom_metrics",
    "milestones",
    "session_analytics",
    "to_records",
]

#: The metric that the satisfaction score is the mean of.
SATISFACTION: Final = "user_satisfaction"
#: What is counted -> the counts that are worth an event.
MILESTONES: Final = {"messages": (10, 100, 1_000, 10_000), "conversations": (5, 10, 50, 100, 1_000)}
_LONGEST_NAME = 200
_TOPICS = 10


def session_analytics(data: SessionData, now: datetime) -> dict[str, Any]:
    """The figures of a session, the same however often its changes are replayed.

    Args:
        data: The session.
        now: The present moment (aware, UTC); a conversation that claims to run beyond it is cut there.

    Returns:
        `conversation_count`, `message_count`, `turn_count`, `interruption_count`, `injection_count`,
        `function_calls`, `input_tokens`, `output_tokens`, `total_tokens` (ints), `avg_duration_seconds` and
        `total_duration_seconds` (running conversations up to their latest message), `avg_response_time_ms`,
        `topics` (weightiest first), `satisfaction_score` (0..5, or None), `active_hours` (hours of the day
        in the session's zone, busiest first).
    """
    totals = data.totals
    seconds = totals.total_duration_seconds + sum(
        _running(entry, now) for entry in data.conversations.values()
    )
    return {
        "conversation_count": totals.conversation_count,
        "message_count": totals.message_count,
        "avg_duration_seconds": round(_mean(seconds, totals.conversation_count), 3),
        "total_duration_seconds": round(seconds, 3),
        "topics": top_topics(data, _TOPICS),
        "satisfaction_score": _satisfaction(data),
        "active_hours": sorted(
            (h for h, n in enumerate(totals.hours) if n > 0), key=lambda h: (-totals.hours[h], h)
        ),
        "turn_count": totals.turn_count,
        "interruption_count": totals.interruption_count,
        "injection_count": totals.injection_count,
        "function_calls": totals.function_calls,
        "input_tokens": totals.input_tokens,
        "output_tokens": totals.output_tokens,
        "total_tokens": totals.input_tokens + totals.output_tokens,
        "avg_response_time_ms": round(_mean(totals.response_ms, totals.response_count), 3),
    }


def conversation_analytics(entry: ConversationEntry, now: datetime) -> dict[str, Any]:
    """The figures of one conversation.

    Args:
        entry: The conversation.
        now: The present moment (aware, UTC).

    Returns:
        `duration_seconds` (while it runs, up to its latest message), `turn_count`, `interruption_count`,
        `injection_count`, `message_count` (ints), `avg_response_time_ms`.

    Example:
        >>> from datetime import UTC
        >>> start, end = datetime(2026, 1, 1, 9, 0, tzinfo=UTC), datetime(2026, 1, 1, 9, 5, tzinfo=UTC)
        >>> entry = ConversationEntry(id="c1", started_at=start, opened_at=start, last_at=end, turn_count=3)
        >>> conversation_analytics(entry, end)["duration_seconds"]
        300.0
    """
    return {
        "duration_seconds": round(entry.duration_seconds + _running(entry, now), 3),
        "turn_count": entry.turn_count,
        "interruption_count": entry.interruption_count,
        "injection_count": entry.injection_count,
        "avg_response_time_ms": round(_mean(entry.response_ms, entry.response_count), 3),
        "message_count": entry.message_count,
    }


def custom_metrics(data: SessionData) -> dict[str, dict[str, float]]:
    """The app's own metrics: name -> `count`, `last`, `mean`, `min`, `max`."""
    return {
        name: {
            "count": metric.count,
            "last": metric.last,
            "mean": _metric_mean(metric),
            "min": metric.min,
            "max": metric.max,
        }
        for name, metric in data.metrics.items()
    }


def check_metric(name: str, value: object) -> float:
    """The value of a metric as a number that can be counted.

    Args:
        name: Any text of 1 to 200 characters.
        value: A finite number.

    Returns:
        The value as a float.

    Raises:
        ConfigurationError: the name is empty, too long or no text; the value is NaN, infinite or no number.

    Example:
        >>> check_metric("task completed", 1)
        1.0
    """
    check_text("name of the metric", name, allow_empty=False)
    if len(name) > _LONGEST_NAME:
        raise ConfigurationError.out_of_range(
            "name of the metric", name, f"a name has 1 to {_LONGEST_NAME} characters"
        )
    return float(check_number(f"metric {name!r}", value, -1.7e308, 1.7e308))


def to_records(data: SessionData) -> list[dict[str, Any]]:
    """One flat row for each conversation that the head knows, the earliest first, for any data frame library.

    Args:
        data: The session.

    Returns:
        Rows with equal keys; times are aware datetimes or None, `duration_seconds` counts a running
        conversation up to its latest message.
    """
    entries = sorted(data.conversations.values(), key=lambda entry: (entry.started_at, entry.id))
    return [
        {
            "session_id": data.session_id,
            "user_id": data.user_id,
            "conversation_id": entry.id,
            "parent_id": entry.parent_id,
            "status": entry.status,
            "started_at": entry.started_at,
            "last_at": entry.last_at,
            "ended_at": entry.ended_at,
            "resumed_count": entry.resumed_count,
            **conversation_analytics(entry, entry.last_at),
        }
        for entry in entries
    ]


def milestones(before_count: int, after_count: int, what: str = "messages") -> list[str]:
    """The milestones that lie between two counts, the later count included.

    Args:
        before_count: The count before the change.
        after_count: The count after it.
        what: `messages` or `conversations`.

    Returns:
        Names such as `messages:100`, in their order.

    Example:
        >>> milestones(8, 120), milestones(4, 5, "conversations"), milestones(100, 101)
        (['messages:10', 'messages:100'], ['conversations:5'], [])
    """
    marks = MILESTONES[what]
    passed = marks[bisect_right(marks, before_count) : bisect_right(marks, after_count)]
    return [f"{what}:{mark}" for mark in passed]


def _running(entry: ConversationEntry, now: datetime) -> float:
    """Seconds of the span that has not ended; clocks that went backwards count as none."""
    if entry.status != "active":
        return 0.0
    opened = entry.opened_at or entry.started_at
    return max(0.0, (min(entry.last_at, now) - opened).total_seconds())


def _satisfaction(data: SessionData) -> float | None:
    metric = data.metrics.get(SATISFACTION)
    if metric is None or not metric.count:
        return None
    return round(min(5.0, max(0.0, _metric_mean(metric))), 3)


def _metric_mean(metric: Metric) -> float:
    """The mean; sums too large for a float are kept inside what was measured."""
    mean = _mean(metric.total, metric.count)
    return mean if math.isfinite(mean) else min(metric.max, max(metric.min, metric.last))


def _mean(total: float, count: int) -> float:
    return total / count if count else 0.0
