"""How sessions begin: with settings, from a preset, from a template."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from voxsession.clock import Clock
from voxsession.core.changes import Change, SessionCreated, StateUpdated
from voxsession.core.config import RecordingConfig, SessionConfig, config_values
from voxsession.core.session_data import SessionData
from voxsession.core.types import JsonObject
from voxsession.errors import ConfigurationError
from voxsession.installation import Installation
from voxsession.presets import resolve_preset
from voxsession.session.host import SessionHost
from voxsession.session.session import Session

if TYPE_CHECKING:
    from voxsession.core.template import SessionTemplate
    from voxsession.learning.profiles import SessionProfile

__all__ = ["Creating", "chosen_settings"]

_log = logging.getLogger(__name__)


class Creating:
    """What `Voxon` does to make a session."""

    _home: Installation
    _host: SessionHost
    _clock: Clock
    _told_kept: set[tuple[str, ...]]

    def create_session(
        self,
        *,
        user_id: str | None = None,
        session_id: str | None = None,
        config: SessionConfig | None = None,
        preset: SessionConfig | str | os.PathLike[str] | None = None,
        preference_profile: SessionProfile | Mapping[str, Any] | str | None = None,
    ) -> Session:
        """A new session, at once; awaiting it (or its first save) writes its first record.

        Args:
            user_id: whose session it is; wins over `config.user_id`.
            session_id: chosen by the app; wins over `config.session_id`; None makes one.
            config: its settings; not together with `preset`.
            preset: a `SessionConfig`, the name of a preset such as ``"educational"``, or the path of a TOML file.
            preference_profile: what was learned elsewhere, to begin with: a `SessionProfile`, its dict, or the name
                of a ready one such as ``"plain_language"``.

        Raises:
            ConfigurationError: `config` and `preset` together, or an id or a setting that is not allowed; or this
                `Voxon` is closed.
            SessionExistsError: (when it is first written) a session of this id exists.
        """
        settings = chosen_settings(config, preset)
        return self._new_session(
            settings.replace(
                session_id=session_id if session_id is not None else settings.session_id,
                user_id=user_id if user_id is not None else settings.user_id,
            ),
            preference_profile,
        )

    def _new_session(
        self,
        settings: SessionConfig,
        preference_profile: SessionProfile | Mapping[str, Any] | str | None,
        *,
        template: JsonObject | None = None,
        state: JsonObject | None = None,
    ) -> Session:
        self._home.check_open()
        chosen_id = settings.session_id
        new_id = chosen_id if chosen_id is not None else self._clock.new_id("sess")
        now = self._clock.now()
        seeds = _seeds(preference_profile, now) if preference_profile is not None else []
        data = SessionData(
            session_id=new_id,
            user_id=settings.user_id,
            created_at=now,
            updated_at=now,
            token_counter=self._host.counter.name,
        )
        core = self._home.new_core(data)
        session = Session(core, self._host)
        # The first of this id in the process is the one that others find; a second is refused when it is written.
        self._home.cores.setdefault(new_id, core)
        values = config_values(settings)
        core.record(
            SessionCreated(
                at=now, session_id=new_id, user_id=settings.user_id, config=values, template=template
            )
        )
        if state:
            core.record(StateUpdated(at=now, patch=state))
        core.record(*seeds)
        return session

    def _tell_kept_settings(self, session: Session, given: SessionConfig) -> None:
        """Says once in the log which of the settings that were given do not count, because others are stored."""
        names = _kept_settings(given, session.config)
        if names and names not in self._told_kept:
            self._told_kept.add(names)
            _log.warning(
                "session %s keeps its stored settings: what was given for %s counts for new sessions only; "
                "set session.config.%s to change it (told once for these settings)",
                session.session_id,
                ", ".join(names),
                names[0],
            )

    def create_session_from_template(
        self,
        template: SessionTemplate | str | os.PathLike[str],
        context: Mapping[str, Any] | None = None,
        *,
        user_id: str | None = None,
        session_id: str | None = None,
        preference_profile: SessionProfile | Mapping[str, Any] | str | None = None,
    ) -> Session:
        """A new session of a kind, as `create_session` makes one; the context lies in `state["context"]`.

        Args:
            template: a `SessionTemplate`, its name, or the path of a TOML file.
            context: what the session is told; it fills the variables of the instructions and reaches the model.
            user_id: whose session it is.
            session_id: chosen by the app; None makes one.
            preference_profile: what was learned elsewhere, to begin with: a `SessionProfile`, its dict, or the name
                of a ready one such as ``"plain_language"``.

        Raises:
            ConfigurationError: the template or the context is wrong; a missing field is named.

        Example:
            >>> from voxsession import Voxon, VoxonConfig
            >>> voxon = Voxon(VoxonConfig(session_storage="memory"))
            >>> session = voxon.create_session_from_template("technical_support", {"product": "the router R2"})
            >>> session.template, session.state["context"]
            ('technical_support', {'product': 'the router R2'})
        """
        from voxsession.templates import resolve_template

        chosen = resolve_template(template)
        settings = chosen.fill(context)
        told = settings.pop("context")
        return self._new_session(
            SessionConfig(session_id=session_id, user_id=user_id, **settings),
            preference_profile,
            template=chosen.record(),
            state={"context": told},
        )


def chosen_settings(config: object, preset: object) -> SessionConfig:
    """The settings for what was given as `config` or as `preset`.

    Raises:
        ConfigurationError: both were given, or one is wrong.
    """
    if config is not None and preset is not None:
        raise ConfigurationError("Give config or preset, not both.", option="preset")
    if preset is not None:
        return resolve_preset(preset)  # type: ignore[arg-type]
    if config is None:
        return SessionConfig()
    if not isinstance(config, SessionConfig):
        raise ConfigurationError.out_of_range("config", type(config).__name__, "a SessionConfig is needed")
    # The settings of another live session are taken without its ids.
    return config.replace() if isinstance(config, RecordingConfig) else config


def _kept_settings(given: SessionConfig, stored: SessionConfig) -> tuple[str, ...]:
    """The settings that `given` says otherwise than a session has them; a default counts as not said."""
    said, usual, kept = config_values(given), config_values(SessionConfig()), config_values(stored)
    return tuple(name for name, value in said.items() if value not in (usual[name], kept[name]))


def _seeds(profile: SessionProfile | Mapping[str, Any] | str, at: datetime) -> list[Change]:
    from voxsession.learning.profiles import SessionProfile
    from voxsession.learning.seeding import seed_changes

    if isinstance(profile, str):
        from voxsession.profile_presets import ProfilePresets

        profile = ProfilePresets.get(profile)
    given = profile.to_dict() if isinstance(profile, SessionProfile) else profile
    if not isinstance(given, Mapping):
        raise ConfigurationError.out_of_range(
            "preference_profile",
            type(given).__name__,
            "give a SessionProfile, what its to_dict() gave, or the name of a ready one",
        )
    return seed_changes(SessionProfile.from_dict(given), at)
