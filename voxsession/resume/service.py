"""The service that keeps calls resumable."""

from __future__ import annotations

import contextlib
import logging
from types import TracebackType
from typing import TYPE_CHECKING, Any

from voxsession.calls.opened import OpenCall
from voxsession.calls.registry import CallRegistry
from voxsession.core.envelope import stamp
from voxsession.core.types import JsonObject, check_flag, check_id, check_number, check_text, check_user_id
from voxsession.errors import SessionExistsError
from voxsession.resume.background import Background
from voxsession.resume.cleaning import CallCleaner
from voxsession.resume.counts import Counts, count_calls
from voxsession.resume.fields import MAX_REASON, split_fields
from voxsession.resume.functions import CallFunctions
from voxsession.resume.merging import replacement
from voxsession.resume.restoring import record_of, state_of
from voxsession.resume.resuming import CallResuming
from voxsession.resume.state import SessionState, SessionStatus
from voxsession.resume.updating import CallUpdating, basis_in
from voxsession.voxon import Voxon
from voxsession.voxon_config import VoxonConfig, config_on

if TYPE_CHECKING:
    from voxsession.resume.monitor import SessionMonitor

__all__ = ["SessionManagerService"]

MAX_AGE_HOURS = 100 * 366 * 24
_ATTEMPTS = 5
_log = logging.getLogger(__name__)


class SessionManagerService(CallFunctions, CallResuming, CallUpdating):
    """Makes, finds, resumes and ends calls, each one a conversation of a session.

    Every call of it reads what is stored and writes what changed, so that any number of services, in any number of
    processes, may serve one storage. Only what is named in the configuration runs in the background, between `start`
    and `stop`.

    Args:
        storage_or_voxon: a `Voxon` that is used and left open, or where sessions are kept: a storage, its name, a URL.
        config: the settings; with a `Voxon`, only its limits and intervals count. None = those of the `Voxon`, else
            the defaults.
        fallback_to_new: a resumption that is refused gives a new call under the same id; where another call had it,
            in a session of its own.

    Raises:
        ConfigurationError: something else was given.

    Example:
        >>> from voxsession import MemorySessionStorage
        >>> service = SessionManagerService(MemorySessionStorage())
        >>> made = await service.create_session("call-1", caller="+39 055 12345")
        >>> resumed = await service.resume_session("call-1")
        >>> resumed.resumed_count, resumed.status.value, resumed.caller
        (1, 'active', '+39 055 12345')
    """

    def __init__(
        self,
        storage_or_voxon: Any = None,
        *,
        config: VoxonConfig | None = None,
        fallback_to_new: bool = False,
    ) -> None:
        if isinstance(storage_or_voxon, Voxon):
            self._voxon, self._owns_voxon = storage_or_voxon, False
            self.config = config or storage_or_voxon.config
        else:
            self.config = config_on(config, storage_or_voxon)
            self._voxon, self._owns_voxon = Voxon(self.config), True
        self._fallback = check_flag("fallback_to_new", fallback_to_new)
        self.counts = Counts()
        self._cleaner = CallCleaner(self._registry, self.config.cleanup_batch_size, self.counts)
        self._background = Background(self, self._cleaner.run_quietly)

    # --- life

    @property
    def voxon(self) -> Voxon:
        """What it works on: the sessions of the calls are opened with it."""
        return self._voxon

    @property
    def monitor(self) -> SessionMonitor | None:
        """What gathers figures where `enable_metrics` is on and the service was started."""
        return self._background.monitor

    @property
    def _registry(self) -> CallRegistry:
        return self._voxon.calls

    async def start(self) -> None:
        """Opens the storage and starts what runs in the background; harmless when repeated.

        Calls are cleaned up every `cleanup_interval_seconds` where `max_session_age_hours` is named, or where sessions
        expire by themselves, after that time; figures are gathered and logged every `metrics_interval_seconds` where
        `enable_metrics` is on.
        """
        if self._owns_voxon:
            await self._voxon.__aenter__()  # after a stop it is closed
        health = await self._voxon.health_check()
        if health["status"] != "healthy":
            _log.warning("the storage is not healthy: %s", health.get("error"))
        self._background.start()
        _log.info("resume service started")

    async def stop(self) -> None:
        """Ends what runs in the background, and closes what the service opened itself; calls stay resumable."""
        await self._background.stop()
        if self._owns_voxon:
            await self._voxon.close()
        _log.info("resume service stopped")

    async def __aenter__(self) -> SessionManagerService:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    # --- making, reading

    async def create_session(
        self, conversation_id: str, *, user_id: str | None = None, **fields: Any
    ) -> SessionState:
        """Makes a call: a conversation of the person's latest session, or of a session of its own without a person.

        Args:
            conversation_id: its global id.
            user_id: whose call it is.
            fields: what it has from the beginning; `session_id` names the session it belongs to.

        Raises:
            SessionExistsError: a call of this id exists.
            ConfigurationError: an id or a field is wrong.
            SessionNotFoundError: the session is somebody else's.
        """
        return await self._create(conversation_id, user_id, fields)

    async def get_or_create_session(
        self, conversation_id: str, *, user_id: str | None = None, **fields: Any
    ) -> SessionState:
        """The call of this id as it is, or a new one with the given fields.

        Args:
            conversation_id: its global id.
            user_id: whose call it is.
            fields: what a new one has from the beginning.

        Raises:
            SessionExistsError: the id is somebody else's.

        Example:
            >>> from voxsession import MemorySessionStorage
            >>> calls = SessionManagerService(MemorySessionStorage())
            >>> made = await calls.get_or_create_session("call-1", caller="+39 055 12345")
            >>> found = await calls.get_or_create_session("call-1", caller="somebody else")
            >>> found.caller, found.session_id == made.session_id
            ('+39 055 12345', True)
        """
        for _ in range(_ATTEMPTS):
            state = await self.get_session(conversation_id, user_id=user_id)
            if state is not None:
                return state
            with contextlib.suppress(SessionExistsError):
                return await self._create(conversation_id, user_id, fields)
            # Another process was faster, or it is somebody else's; the next look tells.
        raise SessionExistsError(
            conversation_id,
            f"The call id {conversation_id!r} is somebody else's. Choose another one for this person.",
        )

    async def get_session(self, conversation_id: str, *, user_id: str | None = None) -> SessionState | None:
        """The call as it is stored, which is no activity of it; None where there is none, or it is somebody else's."""
        call = await self._find(conversation_id, user_id)
        if call is None:
            return None
        async with call:
            return await state_of(call)

    # --- going on

    async def pause_session(
        self, conversation_id: str, *, user_id: str | None = None, reason: str | None = None
    ) -> bool:
        """Notes that the call waits (the caller is on hold, the line is down); False where none goes on."""
        call = await self._find(conversation_id, user_id)
        if call is None:
            return False
        async with call:
            if call.is_over:
                return False
            values: JsonObject = {
                "status": SessionStatus.PAUSED.value,
                "last_activity": stamp(self._registry.clock.now()),
            }
            told = None
            if reason is not None:
                told = {"pause_reason": check_text("reason", reason)[:MAX_REASON]}
            await call.book.change(call.conversation_id, values, metadata=told)
        return True

    async def end_session(
        self, conversation_id: str, reason: str = "normal", *, user_id: str | None = None
    ) -> bool:
        """Ends a call for good; the conversation stays readable, and nothing resumes it.

        Returns:
            False where there is no such call; True also where it was ended before, whose reason stays.
        """
        check_text("reason", reason)
        call = await self._find(conversation_id, user_id)
        if call is None:
            return False
        async with call:
            if not call.is_over:
                await self._end(call, reason)
            await self._registry.mark_ended(call.lead)
        return True

    async def _end(self, call: OpenCall, reason: str) -> None:
        told = {"end_reason": reason[:MAX_REASON]}
        now = stamp(self._registry.clock.now())
        values = {"status": SessionStatus.ENDED.value, "last_activity": now, **told}
        await call.book.end(call.conversation_id, values, metadata=told)
        _log.info("call %s ended", call.conversation_id)

    # --- looking after

    async def cleanup_expired_sessions(self, max_age_hours: float = 24) -> int:
        """Removes what calls keep for their resumption that did nothing for so long; sessions and messages stay.

        A call that is used meanwhile, here or in another process, stays.

        Returns:
            How many calls were cleaned up.
        """
        hours = check_number("max_age_hours", max_age_hours, 0, MAX_AGE_HOURS)
        return await self._cleaner.run(hours)

    async def get_session_stats(self) -> dict[str, Any]:
        """Figures of all calls in the storage, and of what this service did.

        Returns:
            `active_sessions_count`, `ended_sessions_count`, `total_sessions`, `oldest_active_seconds` (None without
            an active call), `resumed_sessions`, `failed_resumes`, `failed_resumes_by_reason`, `cleanup_count`,
            `storage_type`.
        """
        stored = await count_calls(self._registry)
        stats = await self._voxon.get_stats()
        return {**stored, **self.counts.as_dict(), "storage_type": stats.get("storage_type")}

    async def health_check(self) -> dict[str, Any]:
        """`{"status": "healthy", "storage": "operational"}`, or ``unhealthy`` with the error; it never raises."""
        return await self._voxon.health_check()

    # --- inside

    async def _find(self, conversation_id: str, user_id: str | None) -> OpenCall | None:
        check_id("conversation_id", conversation_id)
        check_user_id(user_id)
        return await self._registry.open(conversation_id, user_id)

    async def _create(
        self, conversation_id: str, user_id: str | None, fields: JsonObject, replaces: str | None = None
    ) -> SessionState:
        check_id("conversation_id", conversation_id)
        check_user_id(user_id)
        session_id = fields.get("session_id")
        if session_id is not None:
            check_id("session_id", session_id)
        _, given = basis_in(fields)
        named = {name: value for name, value in given.items() if name != "session_id"}
        values, history, audio = split_fields(conversation_id, named)
        call = await self._registry.create(
            conversation_id,
            record_of(values, self._registry.clock.now()),
            audio=audio or (),
            said=replacement([], history or []).said,
            user_id=user_id,
            session_id=session_id,
            replaces=replaces,
        )
        async with call:
            if call.is_over:  # it was made as one that has ended
                await self._registry.mark_ended(call.lead)
            return await state_of(call)
