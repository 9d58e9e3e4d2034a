"""What a session knows of its person and of itself: preferences, debugging."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from voxsession.core.changes import PreferenceSet
from voxsession.learning.estimates import learned_preferences
from voxsession.learning.names import canonical_name, check_preference
from voxsession.session.base import SessionBase
from voxsession.session.debug import DebugLog

if TYPE_CHECKING:
    from voxsession.learning.explanation import PreferenceExplanation

__all__ = ["Insight"]


class Insight(SessionBase):
    """Learned preferences, debugging."""

    # --- preferences

    def get_learned_preferences(self) -> dict[str, Any]:
        """What was learned about the person, with what was set by hand on top.

        Returns:
            At least `speaking_pace` (words a minute or None), `avg_message_length` (words),
            `formality_score`, `technical_level`, `verbosity` (0 to 1), `topics`, `interaction_style`,
            `optimal_response_length` (words).
        """
        from voxsession.learning.showing import LearnedPreferences

        data = self._core.view
        return LearnedPreferences.of(data, learned_preferences(data))

    def explain_preference(self, name: str) -> PreferenceExplanation:
        """Where a preference comes from: value, confidence, evidence, the messages that moved it and how far.

        Args:
            name: one of `get_learned_preferences`; the ending ``_score`` may be left out.

        Raises:
            ConfigurationError: there is no such preference; it names those there are.
        """
        from voxsession.learning.explanation import explain_preference

        return explain_preference(self._core.view, name, self._core.now())

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

    # --- debugging

    def enable_debug(self) -> None:
        """Starts to keep the latest 1,000 events and 100 memory snapshots for `get_debug_info`; harmless twice."""
        if self._core.debug is None:
            self._core.debug = DebugLog(self._core)

    def get_debug_info(self) -> dict[str, Any]:
        """What happened since `enable_debug`, in ids, figures and times; never what was said or remembered.

        Returns:
            `memory_snapshots` (entries and tokens after each change of the memory), `events` (type, time, ids,
            sizes), `state_transitions` (of the session and its conversations, from and to), `error_count`, `errors`
            (class -> number), `events_left_out` (older than the kept ones), `enabled_at` (None = not enabled),
            `session_id`, `seq`, `pending_changes`.
        """
        return (self._core.debug or DebugLog(self._core, watch=False)).info()

    def export_debug_logs(self) -> str:
        """The same as lines of JSON that are safe to paste into an issue: versions, settings, figures, what happened.

        There is no content in it, no name, no key, and no id either: ids are replaced by numbers.
        """
        from voxsession.session.debug_report import debug_report  # few programs need it

        return debug_report(self._core.debug or DebugLog(self._core, watch=False), self._core)
