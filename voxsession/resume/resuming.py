"""Taking calls up again, or telling why not."""

from __future__ import annotations

import logging

from voxsession.calls.opened import Contender, OpenCall
from voxsession.calls.registry import CallRegistry
from voxsession.core.call_record import AUDIO
from voxsession.core.envelope import stamp
from voxsession.core.types import JsonObject, check_id, check_number
from voxsession.errors import ConflictError, SessionExistsError, VoxSessionError
from voxsession.resume.counts import Counts
from voxsession.resume.fields import MAX_COUNT
from voxsession.resume.restoring import heard_of, state_from
from voxsession.resume.state import SessionState, SessionStatus
from voxsession.resume.validation import NOT_FOUND, VALID, reason_for
from voxsession.voxon_config import VoxonConfig

__all__ = ["CallResuming"]

_CONFLICT = "Conflict"
_log = logging.getLogger(__name__)


class CallResuming:
    """What a service does when a call wants to go on."""

    config: VoxonConfig
    counts: Counts
    _fallback: bool

    @property
    def _registry(self) -> CallRegistry:
        raise NotImplementedError

    async def _find(self, conversation_id: str, user_id: str | None) -> OpenCall | None:
        raise NotImplementedError

    async def _create(
        self, conversation_id: str, user_id: str | None, fields: JsonObject, replaces: str | None = None
    ) -> SessionState:
        raise NotImplementedError

    async def validate_session_resume(
        self, conversation_id: str, *, user_id: str | None = None
    ) -> tuple[bool, str]:
        """Whether the call may be resumed now, with the reason; it changes nothing."""
        call = await self._find(conversation_id, user_id)
        if call is None:
            return False, NOT_FOUND
        async with call:
            reason = self._reason(call)
        return reason == VALID, reason

    validate_session = validate_session_resume

    async def resume_session(
        self, conversation_id: str, *, user_id: str | None = None, expected_resumes: int | None = None
    ) -> SessionState | None:
        """Takes a call up again: its words, its functions, its sound, as they were.

        A function that was begun and has no result is shown as ``unknown``; it must not be run again.

        Args:
            conversation_id: the call's global id.
            user_id: whose call it has to be.
            expected_resumes: take it up only if it was resumed so many times, for several who see one line drop.

        Returns:
            The state with its `resumed_count`; None where it is refused (`validate_session_resume` tells why), or
            with `fallback_to_new` a new call, whose `resumed_count` is 0.

        Raises:
            ConflictError: somebody else resumed, ended or, in its place, made it at the same moment, or it was resumed
                more often than expected.
            IntegrityError: its words or its sound were altered; it was not resumed.
        """
        if expected_resumes is not None:
            check_number("expected_resumes", expected_resumes, 0, MAX_COUNT, whole=True)
        check_id("conversation_id", conversation_id)
        with self._registry.contest(conversation_id) as contender:
            try:
                return await self._take_up(conversation_id, user_id, contender, expected_resumes)
            except VoxSessionError as error:
                reason = _CONFLICT if isinstance(error, ConflictError) else type(error).__name__
                self._count_failure(conversation_id, contender.session_id, reason)
                raise

    async def _take_up(
        self, conversation_id: str, user_id: str | None, contender: Contender, expected: int | None
    ) -> SessionState | None:
        """Resumes the call or refuses it, as it is now; once more where one who was before us failed."""
        while True:
            call = await self._find(conversation_id, user_id)
            reason = self._reason(call)
            if call is None:
                return await self._refused(conversation_id, user_id, None, reason)
            contender.session_id = call.session.session_id
            async with call:
                if reason == VALID:
                    state = await self._resume(call, contender, expected)
                    if state is None:
                        continue
                    return state
            return await self._refused(conversation_id, user_id, call, reason)

    async def _resume(
        self, call: OpenCall, contender: Contender, expected: int | None
    ) -> SessionState | None:
        """The call as it goes on now; None where it has to be looked at once more."""
        count = int(call.record.get("resumed_count", 0))
        if expected is not None and count != expected:
            raise _resumed_before(call, expected, count)
        heard = await heard_of(call)  # what cannot be read is not counted as resumed
        now = self._registry.clock.now()
        values = {
            "status": SessionStatus.ACTIVE.value,
            "last_activity": stamp(now),
            "resumed_at": stamp(now),
        }
        known, sound = call.session._core.data.message_total, call.record.get(AUDIO)
        async with contender.turn(call) as is_ours:
            if not is_ours:
                return None
            await call.book.resume(call.conversation_id, count + 1, values)
        if not await call.refresh():
            seq = call.session._core.data.seq
            raise ConflictError(
                call.session.session_id, expected_seq=seq, found_seq=seq, what="the call was removed"
            )
        self.counts.resumed += 1
        _log.info("call %s was resumed, %d so far", call.conversation_id, count + 1)
        if (call.session._core.data.message_total, call.record.get(AUDIO)) != (known, sound):
            # Others said something while it was written.
            heard = await heard_of(call)
        return state_from(call, heard)

    def _reason(self, call: OpenCall | None) -> str:
        return reason_for(
            call,
            self._registry.clock.now(),
            max_age_hours=self.config.max_resume_age_hours,
            max_attempts=self.config.max_resume_attempts,
        )

    async def _refused(
        self, conversation_id: str, user_id: str | None, call: OpenCall | None, reason: str
    ) -> SessionState | None:
        self._count_failure(conversation_id, call.session.session_id if call is not None else "", reason)
        if not self._fallback:
            return None
        token = call.record["token"] if call is not None else None
        try:
            return await self._create(conversation_id, user_id, {}, replaces=token)
        except SessionExistsError as error:
            other = await self._find(conversation_id, user_id)
            if other is None:
                return None  # it is somebody else's
            async with other:
                seq = other.session._core.data.seq
                raise ConflictError(
                    other.session.session_id, expected_seq=0, found_seq=seq, what="others made it anew"
                ) from error

    def _count_failure(self, conversation_id: str, session_id: str, reason: str) -> None:
        self.counts.failed[reason] += 1
        self._registry.tell(
            "session.resume_failed", session_id, conversation_id=conversation_id, reason=reason
        )
        _log.warning("call %s was not resumed: %s", conversation_id, reason)


def _resumed_before(call: OpenCall, expected: int, count: int) -> ConflictError:
    return call.conflict(
        message=f"Call {call.conversation_id!r} was resumed {count} times by now, not {expected}: somebody else took "
        "it up. Nothing was written.",
    )
