"""Analytics of many sessions as one, in memory that does not grow with their number."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from voxsession.core.preference import Metric
from voxsession.core.session_changes import MAX_FLOAT, SATISFACTION
from voxsession.core.session_data import SessionData
from voxsession.core.totals import DAY_COLUMNS, Totals
from voxsession.learning.analytics import MAX_METRICS, Prices, custom_metrics, totals_figures
from voxsession.learning.figures import Figures
from voxsession.learning.periods import figures_of, period_between, rows_of, sums_of

__all__ = ["FleetTally"]

_TOPICS_SHOWN: Final = 10
_MOST_TOPICS: Final = 2000  # then the light ones go
_KEPT_TOPICS: Final = 1000


class FleetTally:
    """Takes sessions one by one and adds them up.

    Args:
        since: the first day that counts, as `period_between` takes it; None = from the beginning.
        until: the last day that counts; None = all.
        prices: of tokens, as `check_prices` gives them.

    Attributes:
        unopened_count: sessions that the caller could not open.
    """

    def __init__(self, since: object, until: object, prices: Prices | None) -> None:
        self._bounds = since, until
        self._prices = prices
        self._totals = Totals()
        self._sums: list[int | float] = [0] * len(DAY_COLUMNS)
        self._topics: Counter[str] = Counter()
        self._metrics: dict[str, Metric] = {}
        self._ratings: Metric | None = None
        self._by_status: Counter[str] = Counter()
        self._left_out: Counter[str] = Counter()
        self.unopened_count = 0

    def add(self, data: SessionData) -> None:
        """Adds a session; with a period, one in which nothing was counted then is left out."""
        if self._has_period and not self._add_period(data):
            return
        self._by_status[data.status] += 1
        if not self._has_period:
            self._add_all(data)

    def figures(self) -> Figures:
        """What they come to, together.

        Returns:
            `session_count`, `sessions` (by status), `unopened_sessions`; without a period all that one session tells,
            `metrics` and `left_out_metrics` (names beyond the bound); with a period what is kept by day,
            `inexact_sessions` (those of which a month or a year was cut by the period, and so was left out).
        """
        head = {
            "session_count": self._by_status.total(),
            "sessions": dict(self._by_status),
            "unopened_sessions": self.unopened_count,
        }
        if self._has_period:
            told = {**head, **figures_of(self._sums), "inexact_sessions": self._left_out["sessions"]}
            return Figures(told, title="Analytics of a period")
        figures = totals_figures(self._totals, self._ratings, self._prices)
        figures["topics"] = [name for name, _ in self._topics.most_common(_TOPICS_SHOWN)]
        metrics = {
            "metrics": dict(custom_metrics(self._metrics)),
            "left_out_metrics": self._left_out["metrics"],
        }
        hours = [(str(hour), float(count)) for hour, count in enumerate(self._totals.hours)]
        return Figures(
            {**head, **figures, **metrics},
            title="Analytics of all sessions",
            charts=[("Messages by hour of day", hours)],
        )

    @property
    def _has_period(self) -> bool:
        return self._bounds != (None, None)

    def _add_period(self, data: SessionData) -> bool:
        zone = str(data.config.get("timezone", "UTC"))
        period = period_between(("since", "until"), *self._bounds, zone)
        sums, straddling = sums_of(rows_of(data.totals.days), period)
        self._sums = [one + more for one, more in zip(self._sums, sums, strict=True)]
        self._left_out["sessions"] += bool(straddling)
        return bool(straddling) or any(sums)

    def _add_all(self, data: SessionData) -> None:
        self._totals.add(data.totals)
        self._topics.update(data.topics)
        if len(self._topics) > _MOST_TOPICS:
            self._topics = Counter(dict(self._topics.most_common(_KEPT_TOPICS)))
        self._add_metrics(data.metrics)

    def _add_metrics(self, metrics: Mapping[str, Metric]) -> None:
        for name, metric in metrics.items():
            if name == SATISFACTION:
                self._ratings = _together(self._ratings, metric)
            if name in self._metrics or len(self._metrics) < MAX_METRICS:
                self._metrics[name] = _together(self._metrics.get(name), metric)
            else:
                self._left_out["metrics"] += 1


def _together(one: Metric | None, other: Metric) -> Metric:
    """Two metrics of one name as one; `last` is what was measured at the latest time."""
    if one is None:
        return other
    latest: Any = max(one, other, key=lambda metric: (metric.last_at is not None, metric.last_at))
    return Metric(
        count=one.count + other.count,
        total=max(-MAX_FLOAT, min(MAX_FLOAT, one.total + other.total)),
        last=latest.last,
        last_at=latest.last_at,
        min=min(one.min, other.min),
        max=max(one.max, other.max),
    )
