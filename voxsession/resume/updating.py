"""Changing calls: what was recorded since the writer looked stays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from voxsession.calls.opened import OpenCall
from voxsession.calls.registry import CallRegistry
from voxsession.core.struct import Struct
from voxsession.core.types import JsonObject, check_flag, check_id
from voxsession.errors import ConfigurationError, ConflictError, SessionEndedError
from voxsession.resume.basis import Basis
from voxsession.resume.fields import split_fields
from voxsession.resume.merging import Difference, additions_to, replacement, rewritten
from voxsession.resume.restoring import changed_values
from voxsession.resume.state import SessionStatus

__all__ = ["CallUpdating", "basis_in"]

_ATTEMPTS = 5
_READ = "_read"


def basis_in(fields: Mapping[str, Any]) -> tuple[Basis | None, JsonObject]:
    """What the state was read with whose `vars` the fields are, and the fields without it."""
    read = fields.get(_READ)
    if read is not None and not isinstance(read, Basis):
        return None, dict(fields)  # refused as what it is: no field of a call
    return read, {name: value for name, value in fields.items() if name != _READ}


class _Update(Struct, frozen=True, kw_only=True):
    """What is asked for, each part checked; None where it is not named."""

    values: JsonObject
    history: list[JsonObject] | None
    audio: list[bytes] | None
    read: Basis | None
    replaces_history: bool

    def basis(self, call: OpenCall) -> Basis | None:
        """What the state was read with, where that was this call."""
        return self.read if self.read is not None and self.read.is_of(call.record) else None

    @property
    def is_based(self) -> bool:
        """Whether it was made from what somebody knew of the call, which must not have changed while it is written."""
        return self.history is not None or "resumed_count" in self.values


class CallUpdating:
    """What a service does when fields of a call are changed."""

    @property
    def _registry(self) -> CallRegistry:
        raise NotImplementedError

    async def _find(self, conversation_id: str, user_id: str | None) -> OpenCall | None:
        raise NotImplementedError

    async def _end(self, call: OpenCall, reason: str) -> None:
        raise NotImplementedError

    async def update_session(
        self,
        conversation_id: str,
        /,
        *,
        user_id: str | None = None,
        replace_history: bool | None = None,
        **fields: Any,
    ) -> bool:
        """Changes fields of a call; what is not named stays. It counts as activity.

        A whole state, given as `**vars(state)`, writes what was changed in it since it was read, and takes nothing back
        that was recorded meanwhile. Rows that its `conversation_history` adds come behind whatever is stored by now;
        where it has other rows in place of some that were read, or lacks them, those are erased and it is said anew
        from there, unless others changed the conversation since. A state that does not know what it was read with,
        as one from `SessionState.from_dict`, only adds. A `conversation_history` named without `resumed_count` is all
        that was said: what both begin with stays, the rest is erased with what it taught, and recorded anew.
        `resumed_count` tells which resumption the writer belongs to: one that was read before the call was resumed
        elsewhere is refused. An ended call stays ended.

        Args:
            conversation_id: its global id.
            user_id: whose call it has to be.
            replace_history: True takes `conversation_history` for all that was said, an empty one erases everything;
                False only for rows to add: it erases nothing. None decides as told above.
            fields: what is changed.

        Returns:
            False where there is no such call, or it is somebody else's.

        Raises:
            ConfigurationError: a field is wrong; nothing was changed.
            SessionEndedError: its whole session has ended or expired.
            ConflictError: the call was resumed elsewhere since this state was read; or its history changes what others
                changed since, or may only add and has rows inside that are not stored. Nothing was changed.

        Example:
            >>> from voxsession import MemorySessionStorage
            >>> from voxsession.resume import SessionManagerService
            >>> calls = SessionManagerService(MemorySessionStorage())
            >>> state = await calls.create_session("call-1")
            >>> hello, hi = {"type": "input", "text": "Hello"}, {"type": "output", "text": "Hi!"}
            >>> other = await calls.get_session("call-1")  # in another service, say
            >>> other.conversation_history.append(hello)
            >>> await calls.update_session("call-1", **vars(other))
            True
            >>> state.conversation_history.append(hi)
            >>> await calls.update_session("call-1", **vars(state))
            True
            >>> [row["text"] for row in (await calls.get_session("call-1")).conversation_history]
            ['Hello', 'Hi!']
        """
        check_id("conversation_id", conversation_id)
        update = _checked(conversation_id, fields, replace_history)
        for attempt in range(_ATTEMPTS):
            call = await self._find(conversation_id, user_id)
            if call is None:
                return False
            async with call:
                if call.session.status != "active":
                    raise SessionEndedError(call.session.session_id)
                changed = self._changed(call, update)
                said = await _words(call, update)
                try:
                    await self._write(call, changed, said, update)
                except ConflictError:
                    if attempt == _ATTEMPTS - 1:
                        raise
                    continue  # another process put other audio or words into it, or resumed it; the next look tells
                return True
        return False

    def _changed(self, call: OpenCall, update: _Update) -> JsonObject:
        basis = update.basis(call)
        given = update.values if basis is None else basis.changed(update.values)
        return changed_values(call, given, self._registry.clock.now())

    async def _write(self, call: OpenCall, changed: JsonObject, said: Difference, update: _Update) -> None:
        basis = update.basis(call)
        ends = changed.get("status") == SessionStatus.ENDED and not call.is_over
        await call.book.change(
            call.conversation_id,
            {name: value for name, value in changed.items() if not (ends and name == "status")},
            audio=update.audio if basis is None else basis.changed_audio(update.audio),
            said=said.said,
            unsaid=said.unsaid,
            based_on=call.record if update.is_based else None,
        )
        if ends:
            await call.refresh()
            await self._end(call, "normal")
            await self._registry.mark_ended(call.lead)


def _checked(conversation_id: str, fields: JsonObject, replace_history: object) -> _Update:
    read, named = basis_in(fields)
    values, history, audio = split_fields(conversation_id, named)
    if replace_history is None:
        replaces = read is None and "resumed_count" not in values
    else:
        replaces = check_flag("replace_history", replace_history)
        if history is None:
            raise ConfigurationError(
                "replace_history names no conversation_history. Give the rows as well.",
                option="replace_history",
            )
    return _Update(values=values, history=history, audio=audio, read=read, replaces_history=replaces)


async def _words(call: OpenCall, update: _Update) -> Difference:
    """What has to be said and unsaid.

    Raises:
        ConflictError: it cannot be told without taking back what was recorded since.
    """
    if update.history is None:
        return Difference()
    messages, basis = await call.book.history(call.conversation_id), update.basis(call)
    if update.replaces_history:
        return replacement(messages, update.history)
    if basis is not None:
        found = rewritten(messages, update.history, basis.messages)
    else:
        found = additions_to(messages, update.history)
    if found is None:
        raise _untold(call)
    return found


def _untold(call: OpenCall) -> ConflictError:
    return call.conflict(
        message=f"The conversation_history for call {call.conversation_id!r} has other rows inside than what is "
        "stored: it was read before others changed it, or not read at all. Nothing was written. Change the rows "
        "of the state that get_session() gives, and write that; or name replace_history=True, which erases what the "
        "given rows do not have.",
    )
