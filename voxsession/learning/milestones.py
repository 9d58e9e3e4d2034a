"""Which marks a session has reached."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from typing import Any, Final

from voxsession.core.rules import MILESTONES
from voxsession.core.session_changes import SATISFACTION
from voxsession.core.session_data import SessionData

__all__ = ["Standing", "crossed", "standing"]

# What is less sure than this reaches no mark; eight thanks are.
_LEAST_CONFIDENCE: Final = 0.3
_UNKNOWN: Final = -1.0  # under every mark
Standing = dict[str, float]


def standing(data: SessionData) -> Standing:
    """Where the figures that have marks stand."""
    return {figure: _figure(data, figure) for figure, marks in _marks(data.config).items() if marks}


def crossed(before: Mapping[str, float], data: SessionData) -> list[str]:
    """The marks that were passed since `before` and never until then, such as ``messages:100``.

    What had been passed before its mark was named is no event.

    Args:
        before: What `standing` gave before the changes.
        data: The session after them.

    Example:
        >>> from datetime import UTC, datetime
        >>> now = datetime(2026, 1, 1, tzinfo=UTC)
        >>> data = SessionData(session_id="s", created_at=now, updated_at=now)
        >>> data.totals.message_count = 120
        >>> crossed({"messages": 8}, data)
        ['messages:10', 'messages:100']
    """
    found = []
    marks_of = _marks(data.config)
    for figure, old in before.items():
        new = _figure(data, figure)
        if new > old and (marks := marks_of.get(figure)):
            passed = marks[bisect_right(marks, old) : bisect_right(marks, new)]
            found += [f"{figure}:{mark:.13g}" for mark in passed]
    return [name for name in found if name not in data.totals.milestones]


def _marks(config: Mapping[str, Any]) -> dict[str, Any]:
    own = config.get("milestones")
    return {**MILESTONES, **own} if isinstance(own, dict) and own else MILESTONES


def _figure(data: SessionData, figure: str) -> float:
    totals = data.totals
    match figure:
        case "messages":
            return totals.message_count - totals.uncounted_messages
        case "conversations":
            return totals.conversation_count - totals.uncounted_conversations
        case "turns":
            return totals.turn_count
        case "functions":
            return totals.function_runs
        case "satisfaction":
            return _satisfaction(data)
    return _UNKNOWN


def _satisfaction(data: SessionData) -> float:
    from voxsession.learning.satisfaction import satisfaction_of

    found = satisfaction_of(data.totals, data.metrics.get(SATISFACTION))
    is_known = found.score is not None and found.confidence >= _LEAST_CONFIDENCE
    return found.score if is_known and found.score is not None else _UNKNOWN
