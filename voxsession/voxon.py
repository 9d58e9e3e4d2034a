"""The facade: it opens the storage, makes sessions and finds them again."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any

from voxsession.clock import Clock, SystemClock
from voxsession.core.changes import Change, SessionCreated
from voxsession.core.config import RecordingConfig, SessionConfig, config_values
from voxsession.core.session_data import SessionData
from voxsession.core.types import check_id, check_user_id
from voxsession.errors import (
    ConfigurationError,
    ConflictError,
    SessionExistsError,
    SessionNotFoundError,
    StorageError,
)
from voxsession.installation import Installation
from voxsession.memory.embedding import BoundedEmbedder
from voxsession.memory.facts import Fact
from voxsession.memory.tokens import TokenCounter, checked_counter
from voxsession.models.base import ModelRequest, Reply
from voxsession.moving.backups import Backups
from voxsession.presets import resolve_preset
from voxsession.session.handlers import EventHub, Events
from voxsession.session.host import SessionHost
from voxsession.session.live import LiveCore
from voxsession.session.openings import Opening
from voxsession.session.session import Session
from voxsession.upkeep.calls import Upkeep
from voxsession.upkeep.fleet import FleetView
from voxsession.upkeep.profiles import ProfileUpkeep
from voxsession.voxon_config import VoxonConfig

if TYPE_CHECKING:
    from voxsession.learning.profiles import SessionProfile

__all__ = ["Voxon"]


class Voxon(Upkeep, FleetView, ProfileUpkeep, Backups):
    """Conversations that remember, in one storage.

    Making one does no I/O: storage and keys open on first use. `async with`, or
    `await voxon.close()`, closes what it opened.

    Args:
        config: where and how sessions are kept; None = encrypted files in ``./sessions``.
        model: what answers: an `async def model(request)` or an object with `respond`; None = `OfflineModel`.
        embedder: makes vectors of texts, so that recall goes by meaning as well: an object with `embed(texts)`, or a
            callable like it, plain or async; None = by words only.
        extractor: finds facts in what users say: a `ModelExtractor`, or a callable of the form of `extract_facts`,
            plain or async; None = the pattern-based default.
        summarizer: an `async def summarize(texts) -> str` for `summarize_memory`.
        token_counter: an object with `count(text)`, `exact`, `name`; None = tiktoken, estimates until it is loaded.
        clock: where times and ids come from.

    Raises:
        ConfigurationError: a `SessionConfig` was given as `config`, or something that is no config; the
            embedder is none, or NumPy is missing.

    Example:
        >>> import asyncio
        >>> async def main():
        ...     async with Voxon(VoxonConfig(session_storage="memory")) as voxon:
        ...         async with voxon.session(user_id="user_123") as session:
        ...             async with session.conversation() as conv:
        ...                 await conv.send_message("My name is Alice")
        ...                 return await conv.send_message("What's my name?")
        >>> print(asyncio.run(main()))
        Your name is Alice.
    """

    def __init__(
        self,
        config: VoxonConfig | None = None,
        *,
        model: Any = None,
        embedder: Any = None,
        extractor: Any = None,
        summarizer: Any = None,
        token_counter: TokenCounter | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.config = _checked_config(config)
        self._clock: Clock = clock or SystemClock()
        counter = checked_counter(token_counter)
        hub = EventHub(self._clock)
        self._events = Events(hub)
        self._home = Installation(self.config, self._clock, counter, hub)
        self._host = SessionHost(
            clock=self._clock,
            counter=counter,
            model=model if model is not None else _offline_model,
            model_writes=model is not None and getattr(model, "can_write", True),
            extractor=_checked_extractor(extractor),
            summarizer=summarizer,
            embedder=BoundedEmbedder(embedder) if embedder is not None else None,
            autosave=self.config.autosave,
            ready=self._home.ready,
            release=self._home.release,
            fold=self._home.fold,
            person_profiles=self.config.person_profiles,
        )

    async def __aenter__(self) -> Voxon:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes the storage if this object opened it; sessions still open keep what is pending. Harmless twice.

        What an extractor is still finding is waited for, for a bounded time.
        """
        for core in list(self._home.cores.values()):
            await self._host.finish_learning(core, cancels=True)
        await self._home.close()

    # --- sessions

    def create_session(
        self,
        *,
        user_id: str | None = None,
        session_id: str | None = None,
        config: SessionConfig | None = None,
        preset: Any = None,
        preference_profile: SessionProfile | Mapping[str, Any] | str | None = None,
    ) -> Session:
        """A new session, at once; awaiting it (or its first save) writes its first record.

        Args:
            user_id: whose session it is; wins over `config.user_id`.
            session_id: chosen by the app; wins over `config.session_id`; None makes one.
            config: its settings; not together with `preset`.
            preset: a `SessionConfig`, or the name of a preset such as ``"educational"``.
            preference_profile: what was learned elsewhere, to begin with: a `SessionProfile`, its dict, or the name
                of a ready one such as ``"plain_language"``.

        Raises:
            ConfigurationError: `config` and `preset` together, or an id or a setting that is not allowed.
            SessionExistsError: (when it is first written) a session of this id exists.
        """
        settings = _settings(config, preset)
        chosen_id = session_id if session_id is not None else settings.session_id
        new_id = check_id("session_id", chosen_id) if chosen_id is not None else self._clock.new_id("sess")
        owner = check_user_id(user_id if user_id is not None else settings.user_id)
        now = self._clock.now()
        seeds = _seeds(preference_profile, now) if preference_profile is not None else []
        values = config_values(settings)
        data = SessionData(
            session_id=new_id,
            user_id=owner,
            created_at=now,
            updated_at=now,
            token_counter=self._host.counter.name,
        )
        core = self._home.new_core(data)
        session = Session(core, self._host)
        # The first of this id in the process is the one that others find; a second is refused when it is written.
        self._home.cores.setdefault(new_id, core)
        core.record(SessionCreated(at=now, session_id=new_id, user_id=owner, config=values))
        core.record(*seeds)
        return session

    def session(
        self,
        user_id: str | None = None,
        session_id: str | None = None,
        *,
        config: SessionConfig | None = None,
        preset: Any = None,
        preference_profile: SessionProfile | Mapping[str, Any] | str | None = None,
    ) -> Opening[Session]:
        """The person's most recently active session, or a new one; an unknown `session_id` is created.

        The stored settings win over `config` and `preset`, which count for a new session only. Where
        `VoxonConfig(person_profiles=True)` says so, a new session begins with the person's profile.
        """
        settings = _settings(config, preset)
        person = check_user_id(user_id if user_id is not None else settings.user_id)
        chosen = session_id if session_id is not None else settings.session_id
        if chosen is not None:
            check_id("session_id", chosen)
        settings = settings.replace(session_id=None, user_id=None)
        new: dict[str, Any] = {"config": settings, "preference_profile": preference_profile}

        async def open_it() -> Session:
            if chosen is not None:
                return await self._open_or_create(chosen, person, new)
            if person is None:
                return await self.create_session(**new)
            return await self._latest_or_new(person, new)

        return Opening(open_it)

    def load_session(
        self, session_id: str, *, user_id: str | None = None, lazy_load: bool = False
    ) -> Opening[Session]:
        """Opens a stored session; an ended or expired one opens for reading.

        Args:
            session_id: its id.
            user_id: where given, it must be this person's session.
            lazy_load: open memories and messages only when they are first touched.

        Raises:
            SessionNotFoundError: there is none, or it is somebody else's.
            KeyNotFoundError: its key is not known here.
            IntegrityError: it was altered, truncated, exchanged, or is unexpectedly plain.
            UnsupportedFormatError: a newer version wrote it.
        """
        check_id("session_id", session_id)
        check_user_id(user_id)
        return Opening(lambda: self._load(session_id, user_id, lazy_load))

    async def _load(self, session_id: str, user_id: str | None, lazy: bool) -> Session:
        core = await self._home.live(session_id, lazy)
        if core is None:
            raise SessionNotFoundError(session_id)
        self._check_owner(core, user_id)
        session = Session(core, self._host)
        core.signal("session.loaded")
        return session

    def _check_owner(self, core: LiveCore, user_id: str | None) -> None:
        if user_id is not None and core.data.user_id != user_id:
            self._home.release(core)
            raise SessionNotFoundError(core.data.session_id)

    async def _open_or_create(self, session_id: str, user_id: str | None, new: dict[str, Any]) -> Session:
        for _ in range(8):
            core = await self._home.live(session_id, lazy=False)
            if core is None:
                profile = await self._profile_to_begin_with(user_id, new)
                session = self.create_session(user_id=user_id, session_id=session_id, **new | profile)
            else:
                self._check_owner(core, user_id)
                session = Session(core, self._host)
            try:
                await session  # also one that another task is about to write for the first time
            except SessionExistsError:
                session._let_go()
                continue  # another process was faster: its session is found now
            except BaseException:
                session._let_go()
                raise
            if core is not None:
                core.signal("session.loaded")
            return session
        raise ConflictError(session_id, expected_seq=0, found_seq=None, what="others create and delete it")

    async def _profile_to_begin_with(self, user_id: str | None, new: dict[str, Any]) -> dict[str, Any]:
        """The person's profile for a new session that was given none."""
        if not self.config.person_profiles or user_id is None or new["preference_profile"] is not None:
            return {}
        return {"preference_profile": await self.load_profile(user_id)}

    async def _latest_or_new(self, user_id: str, new: dict[str, Any]) -> Session:
        await self._home.ready()
        owner = self._home.vault.owner(user_id)
        for _ in range(8):
            session_id = await self._home.find_latest(owner) or await self._claim(owner)
            try:
                session = await self._open_or_create(session_id, user_id, new)
            except SessionNotFoundError:  # the pointer leads to what is another person's now
                await self._point_elsewhere(owner, session_id)
                continue
            if session.status == "active":
                return session
            await session.close()
            await self._point_elsewhere(owner, session_id)
        raise StorageError("No session of this person could be opened or created.", operation="session")

    async def _claim(self, owner: str) -> str:
        """Agrees with other processes on the id of a person's next session."""
        recorder = await self._home.ready()
        claiming = self._home.pointers.claim(owner, self._clock.new_id("sess"))
        claimed = await recorder.call(claiming, "save")
        core = self._home.cores.get(claimed)
        if core is not None and core.exists:
            # The storage did not list it as active although it is open here: it may have ended elsewhere.
            with contextlib.suppress(ConflictError, SessionNotFoundError):
                await recorder.reload(core, True)
        return claimed

    async def _point_elsewhere(self, owner: str, session_id: str) -> None:
        recorder = await self._home.ready()
        moving = self._home.pointers.replace(owner, session_id, self._clock.new_id("sess"))
        await recorder.call(moving, "save")

    @property
    def events(self) -> Events:
        """The events of all sessions of this object."""
        return self._events


# The defaults are loaded at their first use, so that `import voxsession` stays quick.


def _offline_model(request: ModelRequest) -> Reply:
    from voxsession.models.offline import OfflineModel

    return OfflineModel().respond(request)


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


def _pattern_extractor(text: str, *, earlier: str | None = None, **about: Any) -> list[Fact]:
    from voxsession.memory.extract import extract_facts

    return extract_facts(text, earlier=earlier, with_denials=True, **about)


def _checked_extractor(extractor: Any) -> Any:
    if extractor is None:
        return _pattern_extractor
    extract = getattr(extractor, "extract_turn", getattr(extractor, "extract", extractor))
    if not callable(extract) or isinstance(extractor, type):
        raise ConfigurationError.out_of_range(
            "extractor",
            extractor,
            "a ModelExtractor, an object with extract(text, ...), or a callable is needed",
        )
    return extractor


def _checked_config(config: object) -> VoxonConfig:
    if isinstance(config, SessionConfig):
        raise ConfigurationError(
            "Voxon() takes a VoxonConfig (where sessions are kept). A SessionConfig belongs to one session: "
            "voxon.create_session(config=...) or voxon.session(..., config=...).",
            option="config",
        )
    if config is None:
        return VoxonConfig()
    if not isinstance(config, VoxonConfig):
        raise ConfigurationError.out_of_range(
            "config", type(config).__name__, "give a VoxonConfig; a dict goes through VoxonConfig.from_dict"
        )
    return config


def _settings(config: object, preset: object) -> SessionConfig:
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
