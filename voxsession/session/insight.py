"""What a session knows of its person and of itself: preferences, debugging."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from voxsession.core.changes import PreferenceSet
from voxsession.learning.estimates import learned_preferences
from voxsession.learning.names import canonical_name, check_name, check_preference
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

        Example:
            >>> from voxsession import Voxon, VoxonConfig
            >>> session = Voxon(VoxonConfig(session_storage="memory")).create_session(user_id="alice")
            >>> session.set_preference("formality", "casual")
            >>> session.get_learned_preferences()["formality_score"], session.get_learned_preferences()["verbosity"]
            ('casual', 0.5)
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

        Example:
            >>> from voxsession import Voxon, VoxonConfig
            >>> session = Voxon(VoxonConfig(session_storage="memory")).create_session(user_id="alice")
            >>> session.set_preference("formality", "casual")
            >>> print(session.explain_preference("formality"))
            formality_score: 'casual', set by hand
        """
        from voxsession.learning.explanation import explain_preference

        return explain_preference(self._core.view, name, self._core.now())

    def set_preference(self, name: str, value: Any) -> None:
        """Fixes a preference by hand, whatever is learned, until `unset_preference`.

        Args:
            name: such as ``formality``; the ending ``_score`` may be left out.
            value: a number from 0 to 1, or a word such as ``"always_formal"`` or ``"brief"``.

        Raises:
            ConfigurationError: the value does not fit the name, the name cannot be set (`active_hours`,
                `topic_weights`), or there are 1,000 names of the app's own already.

        Example:
            >>> from voxsession import Voxon, VoxonConfig
            >>> session = Voxon(VoxonConfig(session_storage="memory")).create_session(user_id="alice")
            >>> session.set_preference("verbosity", "brief")
            >>> session.get_learned_preferences()["verbosity"]
            'brief'
        """
        from voxsession.learning.profile_bounds import check_room

        core = self._writable()
        checked, known = check_preference(name, value), canonical_name(name)
        check_room(core.view.preferences, known, checked)
        core.record(PreferenceSet(at=core.now(), name=known, value=checked))

    def update_preference(self, name: str, value: Any) -> None:
        """The same as `set_preference`."""
        self.set_preference(name, value)

    def unset_preference(self, name: str) -> None:
        """Lets the learned value count again; in the person's profile too, where the latest act counts.

        Raises:
            ConfigurationError: it is no name of 1 to 200 characters.

        Example:
            >>> from voxsession import Voxon, VoxonConfig
            >>> session = Voxon(VoxonConfig(session_storage="memory")).create_session(user_id="alice")
            >>> session.set_preference("verbosity", "brief")
            >>> session.unset_preference("verbosity")
            >>> session.get_learned_preferences()["verbosity"]
            0.5
        """
        core = self._writable()
        known = canonical_name(check_name(name))
        core.record(PreferenceSet(at=core.now(), name=known, value=None))

    # --- debugging

    def enable_debug(self) -> None:
        """Starts to keep the latest 1,000 events and 100 memory snapshots for `get_debug_info`; harmless twice.

        Example:
            >>> from voxsession import Voxon, VoxonConfig
            >>> session = Voxon(VoxonConfig(session_storage="memory")).create_session(user_id="alice")
            >>> session.enable_debug()
            >>> session.get_debug_info()["error_count"]
            0
        """
        if self._core.debug is None:
            self._core.debug = DebugLog(self._core)

    def get_debug_info(self) -> dict[str, Any]:
        """What happened since `enable_debug`, in ids, figures and times; never what was said or remembered.

        Returns:
            `memory_snapshots` (entries and tokens after each change of the memory), `events` (type, time, ids,
            sizes), `state_transitions` (of the session and its conversations, from and to), `error_count`, `errors`
            (class -> number), `events_left_out` (older than the kept ones), `enabled_at` (None = not enabled),
            `session_id`, `seq`, `pending_changes`.

        Example:
            >>> from voxsession import Voxon, VoxonConfig
            >>> session = Voxon(VoxonConfig(session_storage="memory")).create_session(user_id="alice")
            >>> session.enable_debug()
            >>> session.set_preference("verbosity", "brief")
            >>> [event["type"] for event in session.get_debug_info()["events"]]
            ['preference.set']
        """
        return (self._core.debug or DebugLog(self._core, watch=False)).info()

    def export_debug_logs(self) -> str:
        """The same as lines of JSON that are safe to paste into an issue: versions, settings, figures, what happened.

        There is no content in it, no name, no key, and no id either: ids and names from the app are numbers.

        Example:
            >>> from voxsession import Voxon, VoxonConfig
            >>> session = Voxon(VoxonConfig(session_storage="memory")).create_session(user_id="alice")
            >>> "alice" in session.export_debug_logs(), session.session_id in session.export_debug_logs()
            (False, False)
        """
        from voxsession.session.debug_report import debug_report  # few programs need it

        return debug_report(self._core.debug or DebugLog(self._core, watch=False), self._core)
