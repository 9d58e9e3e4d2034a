"""What a session tells of its use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from voxsession.core.changes import MetricTracked
from voxsession.session.base import SessionBase
from voxsession.session.noting import local_day

if TYPE_CHECKING:
    from voxsession.learning.figures import Figures

__all__ = ["Measured"]

# What computes figures is loaded when they are asked for, so that `import voxsession` stays quick.


class Measured(SessionBase):
    """Analytics, custom metrics."""

    def get_analytics(self, token_prices: Mapping[str, Mapping[str, float]] | None = None) -> Figures:
        """Counts and means over the whole session, counted by the changes themselves.

        Args:
            token_prices: model -> ``{"input": 2.5, "output": 10}`` per million tokens, ``"*"`` for every other model;
                what has no price is counted in tokens only.

        Returns:
            A dict that shows itself in notebooks: `conversation_count`, `message_count`, `avg_duration_seconds`,
            `total_duration_seconds`, `topics`, `satisfaction_score` (0 to 5, or None), `active_hours`, and more.

        Raises:
            ConfigurationError: the prices have another form.

        Example:
            >>> from voxsession import Voxon, VoxonConfig
            >>> session = Voxon(VoxonConfig(session_storage="memory")).create_session(user_id="alice")
            >>> session.get_analytics()["message_count"], session.get_analytics()["satisfaction_score"]
            (0, None)
        """
        from voxsession.learning.analytics import session_analytics
        from voxsession.learning.costs import check_prices

        prices = check_prices(token_prices) if token_prices is not None else None
        return session_analytics(self._core.view, prices)

    def track_metric(self, name: str, value: float) -> None:
        """Measures a custom metric; ``user_satisfaction`` feeds the satisfaction score, each rating clamped to 0 to 5.

        What the app measures itself counts while `enable_analytics` is off too.

        Raises:
            ConfigurationError: the name is empty, too long or has white space in it, the value is no finite number,
                or there are 1,000 metrics of other names. Nothing was changed.

        Example:
            >>> from voxsession import Voxon, VoxonConfig
            >>> session = Voxon(VoxonConfig(session_storage="memory")).create_session(user_id="alice")
            >>> session.track_metric("user_satisfaction", 4)
            >>> session.track_metric("user_satisfaction", 9)
            >>> session.get_analytics()["satisfaction_score"]
            4.5
        """
        from voxsession.learning.analytics import check_metric

        core = self._writable()
        number = check_metric(name, value, core.view.metrics)
        now = core.now()
        core.record(MetricTracked(at=now, name=str(name), value=number, local_day=local_day(core, now)))

    def get_custom_metrics(self) -> Figures:
        """Each custom metric with its count, last value, mean, minimum and maximum.

        Example:
            >>> from voxsession import Voxon, VoxonConfig
            >>> session = Voxon(VoxonConfig(session_storage="memory")).create_session(user_id="alice")
            >>> session.track_metric("task_completed", 1)
            >>> session.get_custom_metrics()["task_completed"]["count"]
            1
        """
        from voxsession.learning.analytics import custom_metrics

        return custom_metrics(self._core.view.metrics)

    def to_records(
        self, rows: Literal["conversations", "days", "metrics"] = "conversations"
    ) -> list[dict[str, Any]]:
        """Flat rows that any data frame library reads.

        Args:
            rows: what one row is: ``conversations`` (at least the latest 32), ``days`` or ``metrics``.

        Raises:
            ConfigurationError: there are no such rows.

        Example:
            >>> from voxsession import Voxon, VoxonConfig
            >>> session = Voxon(VoxonConfig(session_storage="memory")).create_session(user_id="alice")
            >>> session.track_metric("task_completed", 1)
            >>> [row["name"] for row in session.to_records("metrics")]
            ['task_completed']
        """
        from voxsession.learning.records import to_records

        return to_records(self._core.view, rows)

    def compare(self, period_a: object, period_b: object) -> Figures:
        """The figures of two periods, in days of the session's time zone.

        Args:
            period_a: a date, a text (``"2026-05-01"``, ``"2026-05"``, ``"2026"``), or a pair of dates, both included.
            period_b: the same.

        Returns:
            `period_a`, `period_b`, `difference` (b - a) and `ratio` (b / a), each a dict of figures.

        Raises:
            ConfigurationError: a period is none of these, or it cuts through a month or year that is too long ago for
                its days to be kept.

        Example:
            >>> from voxsession import Voxon, VoxonConfig
            >>> session = Voxon(VoxonConfig(session_storage="memory")).create_session(user_id="alice")
            >>> found = session.compare("2026-05", ("2026-06-01", "2026-06-07"))
            >>> found["period_b"]["last_day"], found["difference"]["message_count"]
            ('2026-06-07', 0)
        """
        from voxsession.learning.periods import compare

        zone = str(self._setting("timezone"))
        return compare(self._core.view.totals.days, period_a, period_b, zone)
