"""What a session knows of its person and of itself: preferences, analytics, debugging."""

from __future__ import annotations

from typing import Any

from voxsession.core.changes import MetricTracked, PreferenceSet
from voxsession.learning.analytics import check_metric, custom_metrics, session_analytics, to_records
from voxsession.learning.estimates import explain_preference, learned_preferences
from voxsession.learning.names import canonical_name, check_preference
from voxsession.session.base import SessionBase
from voxsession.session.debug import DebugLog

__all__ = ["Insight"]


class Insight(SessionBase):
    """Learned preferences, analytics, debugging."""

    # --- preferences

    def get_learned_preferences(self) -> dict[str, Any]:
        """What was learned about the person, with what was set by hand on top.

        Returns:
            At least `speaking_pace` (words a minute or None), `avg_message_length` (words),
            `formality_score`, `technical_level`, `verbosity` (0 to 1), `topics`, `interaction_style`,
            `optimal_response_length` (words).
        """
        return learned_preferences(self._core.view)

    def explain_preference(self, name: str) -> dict[str, Any]:
        """Where a preference comes from: value, confidence, evidence, the messages that moved it."""
        return explain_preference(self._core.view, name)

    def set_preference(self, name: str, value: Any) -> None:
        """Fixes a preference by hand, whatever is learned, until `unset_preference`.

        Args:
            name: such as ``formality``; the ending ``_score`` may be left out.
            value: a number from 0 to 1, or a word such as ``"always_formal"`` or ``"brief"``.

        Raises:
            ConfigurationError: the value does not fit the name.
        """
        core = self._writable()
        checked = check_preference(name, value)
        core.record(PreferenceSet(at=core.now(), name=canonical_name(name), value=checked))

    def update_preference(self, name: str, value: Any) -> None:
        """The same as `set_preference`."""
        self.set_preference(name, value)

    def unset_preference(self, name: str) -> None:
        """Lets the learned value count again."""
        core = self._writable()
        core.record(PreferenceSet(at=core.now(), name=canonical_name(name), value=None))

    # --- analytics

    def get_analytics(self) -> dict[str, Any]:
        """Counts and means over the whole session, counted by the changes themselves."""
        return session_analytics(self._core.view, self._core.now())

    def track_metric(self, name: str, value: float) -> None:
        """Measures a custom metric; ``user_satisfaction`` (0 to 5) feeds the satisfaction score.

        Raises:
            ConfigurationError: the name is empty or too long, or the value is no finite number.
        """
        core = self._writable()
        number = check_metric(name, value)
        core.record(MetricTracked(at=core.now(), name=name, value=number))

    def get_custom_metrics(self) -> dict[str, dict[str, float]]:
        """Each custom metric with its count, last value, mean, minimum and maximum."""
        return custom_metrics(self._core.view)

    def to_records(self) -> list[dict[str, Any]]:
        """Flat rows that any data frame library reads, one for each conversation."""
        return to_records(self._core.view)

    # --- debugging

    def enable_debug(self) -> None:
        """Starts to keep the latest events and memory snapshots for `get_debug_info`."""
        if self._core.debug is None:
            self._core.debug = DebugLog(self._core)

    def get_debug_info(self) -> dict[str, Any]:
        """Memory snapshots, events, state transitions and the error count; never private content."""
        return (self._core.debug or DebugLog(self._core, watch=False)).info()

    def export_debug_logs(self) -> str:
        """The same as text, a line for each event; safe to paste into an issue."""
        return (self._core.debug or DebugLog(self._core, watch=False)).text()
