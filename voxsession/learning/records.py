"""Analytics as flat rows that any data frame library reads."""

from __future__ import annotations

from typing import Any, Final

from voxsession.core.session_data import SessionData
from voxsession.core.totals import DAY_COLUMNS
from voxsession.errors import ConfigurationError
from voxsession.learning.analytics import conversation_analytics, custom_metrics
from voxsession.learning.periods import rows_of

__all__ = ["ROWS", "to_records"]

#: What one row can be.
ROWS: Final = ("conversations", "days", "metrics")


def to_records(data: SessionData, rows: str = "conversations") -> list[dict[str, Any]]:
    """Flat rows with equal keys: `DataFrame(records)` of any library takes them.

    Args:
        data: The session.
        rows: `conversations` (those that the head knows, at least the latest 32, the earliest first), `days` (older
            ones as months and years, see `kept_as`), or `metrics`.

    Returns:
        Rows of texts, numbers, aware datetimes and None; days are ISO texts in the session's zone.

    Raises:
        ConfigurationError: There are no such rows.
    """
    whose = {"session_id": data.session_id, "user_id": data.user_id}
    if rows == "conversations":
        return [{**whose, **row} for row in _conversations(data)]
    if rows == "days":
        return [{**whose, **row} for row in _days(data)]
    if rows == "metrics":
        return [{**whose, "name": name, **found} for name, found in custom_metrics(data.metrics).items()]
    raise ConfigurationError.out_of_range("rows", rows, "choose one of " + ", ".join(ROWS))


def _conversations(data: SessionData) -> list[dict[str, Any]]:
    entries = sorted(data.conversations.values(), key=lambda entry: (entry.started_at, entry.id))
    return [
        {
            "conversation_id": entry.id,
            "parent_id": entry.parent_id,
            "status": entry.status,
            "started_at": entry.started_at,
            "last_at": entry.last_at,
            "ended_at": entry.ended_at,
            "resumed_count": entry.resumed_count,
            **conversation_analytics(entry),
        }
        for entry in entries
    ]


def _days(data: SessionData) -> list[dict[str, Any]]:
    kept_as = {10: "day", 7: "month", 4: "year", 0: "earlier"}
    return [
        {
            "first_day": row.period.first.isoformat(),
            "last_day": row.period.last.isoformat(),
            "kept_as": kept_as[len(row.key)],
            **dict(zip(DAY_COLUMNS, [*row.counts, *[0] * len(DAY_COLUMNS)], strict=False)),
        }
        for row in rows_of(data.totals.days)
    ]
