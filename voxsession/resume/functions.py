"""The functions of calls: begun once, by one process, however often a call is resumed."""

from __future__ import annotations

from typing import Any

from voxsession.calls.opened import OpenCall
from voxsession.calls.registry import CallRegistry
from voxsession.core.call_functions import with_noted
from voxsession.core.call_record import WAITING, functions_of
from voxsession.core.envelope import stamp
from voxsession.core.types import JsonObject, check_id, check_json, check_text, check_user_id, encode_json
from voxsession.errors import ConfigurationError
from voxsession.resume.fields import check_size

__all__ = ["CallFunctions"]

MAX_NAME = 200
MAX_VALUE_BYTES = 100_000
MAX_FUNCTIONS = 1_000
#: What is left for outcomes when a function begins, and for what else a call notes when an outcome comes.
BEGIN_RESERVE_BYTES, FINISH_RESERVE_BYTES = 64 * 1024, 16 * 1024


class CallFunctions:
    """What a service notes of the functions that it runs for calls."""

    @property
    def _registry(self) -> CallRegistry:
        raise NotImplementedError

    async def begin_function_call(
        self,
        conversation_id: str,
        call_id: str,
        *,
        name: str | None = None,
        arguments: Any = None,
        user_id: str | None = None,
    ) -> bool:
        """Notes durably that a function is run now, before it is: of all who ask, one is told to run it.

        Args:
            conversation_id: the call's global id.
            call_id: which of its functions; one in `function_calls` with the status ``pending``, or a new one.
            name: what is run.
            arguments: with what; JSON-ready.
            user_id: whose call it has to be.

        Returns:
            True where the caller is to run it; False where it was begun before, the call has ended, or there is none.

        Raises:
            ConfigurationError: an id or the arguments are wrong, or the call has as much as it keeps.
        """
        values: JsonObject = {"status": "begun"}
        if name is not None:
            values["name"] = check_text("name", name, allow_empty=False)[:MAX_NAME]
        if arguments is not None:
            values["arguments"] = _bounded("arguments", arguments)
        call = await self._open_for(conversation_id, call_id, user_id)
        if call is None:
            return False
        async with call:
            if call.is_over:
                return False
            values["begun_at"] = stamp(self._registry.clock.now())
            if not _was_begun(call, call_id):  # else the book tells so
                _check_room(call, call_id, values, BEGIN_RESERVE_BYTES)
            return await call.book.begin_function(conversation_id, call_id, values)

    async def finish_function_call(
        self,
        conversation_id: str,
        call_id: str,
        *,
        result: Any = None,
        error: str | None = None,
        user_id: str | None = None,
    ) -> bool:
        """Notes how a function ended, also one that nobody noted as begun: an outcome is never thrown away.

        Args:
            conversation_id: the call's global id.
            call_id: which of its functions.
            result: what it gave; JSON-ready.
            error: why it failed; None = it did not.
            user_id: whose call it has to be.

        Returns:
            True where it was noted, whether the call goes on or has ended; False where there is no such call.

        Raises:
            ConfigurationError: an id, the result or the error is wrong, or with it the call has more than it keeps;
                nothing was noted, and a shorter one can be given.
            ConflictError: somebody else noted another outcome at the same moment.
        """
        values: JsonObject = {"status": "completed", "result": _bounded("result", result)}
        if error is not None:
            values = {"status": "failed", "error": check_text("error", error)[:MAX_VALUE_BYTES]}
        call = await self._open_for(conversation_id, call_id, user_id)
        if call is None:
            return False
        async with call:
            values["finished_at"] = stamp(self._registry.clock.now())
            _check_room(call, call_id, values, FINISH_RESERVE_BYTES)
            await call.book.finish_function(conversation_id, call_id, values)
        return True

    async def _open_for(self, conversation_id: str, call_id: str, user_id: str | None) -> OpenCall | None:
        check_id("conversation_id", conversation_id)
        if len(check_text("call_id", call_id, allow_empty=False)) > MAX_NAME:
            raise ConfigurationError.out_of_range("call_id", call_id, f"at most {MAX_NAME} characters")
        check_user_id(user_id)
        return await self._registry.open(conversation_id, user_id)


def _was_begun(call: OpenCall, call_id: str) -> bool:
    rows = (row for row in functions_of(call.record) if row.get("call_id") == call_id)
    return any(str(row.get("status")).lower() not in WAITING for row in rows)


def _check_room(call: OpenCall, call_id: str, values: JsonObject, reserve_bytes: int) -> None:
    rows = with_noted(functions_of(call.record), call_id, values)
    if len(rows) > MAX_FUNCTIONS:
        raise ConfigurationError(
            f"Call {call.conversation_id!r} has {MAX_FUNCTIONS:,} functions, which is all it keeps. Give "
            "update_session(function_calls=...) without those that are done; those that were begun with "
            "begin_function_call stay unless they are given with the status 'forgotten'.",
            option="function_calls",
        )
    check_size({**call.record, "function_calls": rows}, reserve_bytes=reserve_bytes)


def _bounded(option: str, value: Any) -> Any:
    checked = check_json(option, value)
    if len(encode_json(checked)) > MAX_VALUE_BYTES:
        raise ConfigurationError(
            f"{option} takes more than {MAX_VALUE_BYTES:,} bytes. Keep it elsewhere, and give its address.",
            option=option,
        )
    return checked
