"""The facade: it opens the storage, makes sessions and finds them again."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any

from voxsession.clock import Clock, SystemClock
from voxsession.core.config import SessionConfig
from voxsession.core.types import check_id, check_user_id
from voxsession.creating import Creating, chosen_settings
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
from voxsession.models.base import ModelLike, ModelRequest, Reply, checked_model
from voxsession.moving.backups import Backups
from voxsession.portability import Portability
from voxsession.session.handlers import EventHub, Events
from voxsession.session.host import SessionHost
from voxsession.session.last_saves import save_open_sessions
from voxsession.session.live import LiveCore
from voxsession.session.openings import Opening
from voxsession.session.session import Session
from voxsession.upkeep.calls import Upkeep
from voxsession.upkeep.fleet import FleetView
from voxsession.upkeep.profiles import ProfileUpkeep
from voxsession.voxon_config import VoxonConfig

if TYPE_CHECKING:
    from voxsession.calls.registry import CallRegistry
    from voxsession.learning.profiles import SessionProfile
    from voxsession.session.shares.admission import Admission
    from voxsession.session.shares.session import SharedSession

__all__ = ["Voxon"]


class Voxon(Creating, Upkeep, FleetView, ProfileUpkeep, Backups, Portability):
    """Conversations that remember, in one storage.

    Making one does no I/O: storage and keys open on first use. `async with`, or
    `await voxon.close()`, saves what is pending and closes what it opened; afterwards
    its calls are refused, until `async with` enters it again.

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
            model, embedder, extractor, counter or summarizer is none, or NumPy is missing.

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
        model: ModelLike | None = None,
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
            model=checked_model(model) if model is not None else _offline_model,
            model_writes=model is not None and getattr(model, "can_write", True),
            extractor=_checked_extractor(extractor),
            summarizer=_checked_summarizer(summarizer),
            embedder=BoundedEmbedder(embedder) if embedder is not None else None,
            autosave=self.config.autosave,
            ready=self._home.ready_for_handles,
            release=self._home.release,
            fold=self._home.fold,
            person_profiles=self.config.person_profiles,
        )
        self._told_kept: set[tuple[str, ...]] = set()
        self._admission: Admission | None = None
        self._calls: CallRegistry | None = None

    def __repr__(self) -> str:
        state = "closed" if self._home.is_closed else f"{len(self._home.cores)} open"
        return f"Voxon({self.config!r}, {state})"

    async def __aenter__(self) -> Voxon:
        self._home.is_closed = False
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Saves what is pending in sessions still open; closes the storage if this object opened it. Harmless twice.

        What an extractor is still finding is waited for, for a bounded time. What cannot be saved stays pending; a
        warning in the log names the session and the number of its changes, and closing goes on. Sessions still open
        stay so: what they change later opens the storage once more, until the next `close`.
        """
        try:
            for core in list(self._home.cores.values()):
                await self._host.finish_learning(core, cancels=True)
            await save_open_sessions(
                self._home.made,
                self._home.ready_for_handles,
                self._clock,
                self.config.storage_timeout_seconds,
            )
        finally:
            await self._home.close()

    # --- sessions

    def session(
        self,
        user_id: str | None = None,
        session_id: str | None = None,
        *,
        config: SessionConfig | None = None,
        preset: SessionConfig | str | os.PathLike[str] | None = None,
        preference_profile: SessionProfile | Mapping[str, Any] | str | None = None,
    ) -> Opening[Session]:
        """The person's most recently active session, or a new one; an unknown `session_id` is created.

        The stored settings win over `config` and `preset`, which count for a new session only; a line in the log
        names those that differ, once. Where `VoxonConfig(person_profiles=True)` says so, a new session begins with
        the person's profile.
        """
        settings = chosen_settings(config, preset)
        person = check_user_id(user_id if user_id is not None else settings.user_id)
        chosen = session_id if session_id is not None else settings.session_id
        if chosen is not None:
            check_id("session_id", chosen)
        settings = settings.replace(session_id=None, user_id=None)
        new: dict[str, Any] = {"config": settings, "preference_profile": preference_profile}

        async def open_it() -> Session:
            if chosen is not None:
                session = await self._open_or_create(chosen, person, new)
            elif person is None:
                return await self.create_session(**new)
            else:
                session = await self._latest_or_new(person, new)
            if config is not None or preset is not None:
                self._tell_kept_settings(session, settings)
            return session

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

    async def access_shared_session(self, share_token: str, user_id: str) -> SharedSession:
        """What a share gives to the person it is for; this presents its token, which counts as one use.

        Args:
            share_token: as `create_shared_view` gave it; one that this process has not saved yet is known too.
            user_id: who asks, as the app has made sure.

        Raises:
            PermissionDeniedError: there is no such share for this person, or it was revoked, used up or has ended;
                which of these is told to the owner only.
            ConfigurationError: `user_id` is missing or no user id.
        """
        from voxsession.session.shares.admission import Admission
        from voxsession.session.shares.session import SharedSession

        if check_user_id(user_id) is None:
            raise ConfigurationError("Say who asks: a share is for one person.", option="user_id")
        if self._admission is None:
            self._admission = Admission(self._home, self._host)
        ticket, grant = await self._admission.present(share_token, user_id)
        return SharedSession(self._admission, ticket, grant)

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
    def calls(self) -> CallRegistry:
        """The live calls by the ids of their conversations: what `voxsession.resume` stands on."""
        if self._calls is None:
            from voxsession.calls.registry import CallRegistry

            self._calls = CallRegistry(self, self._home, self._host, self._clock)
        return self._calls

    @property
    def events(self) -> Events:
        """The events of all sessions of this object."""
        return self._events


# The defaults are loaded at their first use, so that `import voxsession` stays quick.


def _offline_model(request: ModelRequest) -> Reply:
    from voxsession.models.offline import OfflineModel

    return OfflineModel().respond(request)


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


def _checked_summarizer(summarizer: Any) -> Any:
    if summarizer is None or callable(getattr(summarizer, "summarize", summarizer)):
        return summarizer
    raise ConfigurationError.out_of_range(
        "summarizer", summarizer, "an async callable of a list of texts that gives a text is needed"
    )


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
