"""The state of a call, put together from its record, its conversation and its sound."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import attrs

from voxsession.calls.opened import OpenCall
from voxsession.core.call_functions import merged_functions
from voxsession.core.call_record import AUDIO, functions_of, last_activity, whole
from voxsession.core.envelope import from_stamp, stamp
from voxsession.core.message import Message
from voxsession.core.struct import Struct
from voxsession.core.types import JsonObject, copy_json
from voxsession.errors import ConflictError, UnsupportedFormatError
from voxsession.resume.basis import Basis
from voxsession.resume.fields import FIELDS, check_size
from voxsession.resume.state import STATE_VERSION, SessionState, SessionStatus
from voxsession.resume.transcript import functions_said, items_of

__all__ = ["Heard", "changed_values", "heard_of", "record_of", "state_from", "state_of"]

_DEFAULTS = {
    field.name: field.default
    for field in attrs.fields(SessionState)
    if not isinstance(field.default, attrs.Factory)  # type: ignore[arg-type]
}
#: An activity so long before a call began was never read anywhere, however far clocks are apart.
BACKDATED = timedelta(hours=1)


def record_of(values: Mapping[str, Any], now: datetime) -> JsonObject:
    """What a new call keeps: the given fields, and when it began, which was not after its last activity."""
    moment = stamp(now)
    began = min(moment, values.get("last_activity", moment))
    record = {"status": SessionStatus.INITIATED.value, "created_at": began, "last_activity": moment, **values}
    if "function_calls" in record:
        record["function_calls"] = merged_functions((), record["function_calls"])
    return record


class Heard(Struct, frozen=True):
    """What lies beside the record of a call: its words, oldest first, and its sound."""

    messages: list[Message]
    audio: list[bytes]


async def heard_of(call: OpenCall) -> Heard:
    """The words and the sound of a call, as they are stored."""
    messages = await call.book.history(call.conversation_id)
    return Heard(messages, await call.book.audio(call.conversation_id) if call.record.get(AUDIO) else [])


async def state_of(call: OpenCall) -> SessionState:
    """Everything that a call has, as it is stored."""
    return state_from(call, await heard_of(call))


def state_from(call: OpenCall, heard: Heard) -> SessionState:
    """The same with what was read before."""
    record = call.record
    known = {name: copy_json(record[name]) for name in FIELDS if name in record}
    known |= {"status": _status(call), "created_at": _made_at(call)}
    known["last_activity"] = last_activity(call.entry) or known["created_at"]
    known.pop("function_calls", None)
    functions = copy_json(functions_of(record))
    met = {row.get("call_id") for row in functions}
    said = functions_said(heard.messages, _said_before(call, heard.messages))
    return SessionState(
        **known,
        conversation_id=call.conversation_id,
        session_id=call.session.session_id,
        function_calls=functions + [row for row in said if row["call_id"] not in met],
        conversation_history=items_of(heard.messages),
        audio_buffer=list(heard.audio),
        _read=_basis(call, heard, known),
    )


def _basis(call: OpenCall, heard: Heard, known: Mapping[str, Any]) -> Basis:
    """What a state was read with, in the form in which its fields are checked."""
    record = call.record
    values = {name: record.get(name, _default(name)) for name in FIELDS}
    values |= {"function_calls": functions_of(record), "status": str(known["status"])}
    values |= {name: stamp(known[name]) for name in ("created_at", "last_activity")}
    said = tuple(message for message in heard.messages if not message.redacted)
    return Basis(token=record.get("token"), values=values, messages=said, audio=tuple(heard.audio))


def _default(name: str) -> Any:
    """What a call has where nobody named the field."""
    return _DEFAULTS.get(name, {} if name.endswith("metadata") else None)


def changed_values(call: OpenCall, given: JsonObject, now: datetime) -> JsonObject:
    """What of the given fields is other than what is stored, with the time of this activity.

    A whole state, which tells its `resumed_count`, brings the `last_activity` that it was read with: that is no
    reason to set the stored one back. One from before the call began was never read; somebody means it.

    Raises:
        ConfigurationError: with them, the call has more than it keeps.
        ConflictError: the fields were read before the call was resumed elsewhere: who wrote them was replaced.
    """
    record = call.record
    count, resumed = given.get("resumed_count"), whole(record.get("resumed_count"))
    if count is not None and count < resumed:
        raise _replaced(call, count, resumed)
    shown = {**record, "last_activity": stamp(last_activity(call.entry) or now)}
    values = {name: value for name, value in given.items() if value != shown.get(name, _default(name))}
    if "last_activity" in values and count is not None:
        active_at = from_stamp(values["last_activity"])
        if _made_at(call) - BACKDATED <= active_at < now:
            del values["last_activity"]
    if "function_calls" in values:
        merged = merged_functions(functions_of(record), values["function_calls"])
        check_size({**record, **values, "function_calls": merged})
    else:
        check_size({**record, **values})
    return {"last_activity": stamp(now), **values}


def _replaced(call: OpenCall, count: int, resumed: int) -> ConflictError:
    return call.conflict(
        message=f"Call {call.conversation_id!r} was resumed elsewhere since this state was read (resumed_count "
        f"{count}, by now {resumed}). Nothing was written; get_session() gives its state.",
    )


# --- what the record tells


def _status(call: OpenCall) -> SessionStatus:
    if call.is_over:
        return SessionStatus.ENDED
    stored = call.record.get("status")
    if stored not in tuple(SessionStatus):
        raise UnsupportedFormatError(
            f"The status of call {call.conversation_id!r}", found=stored, newest=STATE_VERSION
        )
    return SessionStatus(stored)


def _made_at(call: OpenCall) -> datetime:
    """When the call began; one that others cleaned up meanwhile only knows its conversation."""
    return _moment(call.record.get("created_at")) or call.entry.started_at


def _said_before(call: OpenCall, messages: Sequence[Message]) -> int:
    """How many of the messages were said before the call was last resumed; no clock is asked, as servers differ."""
    if call.record.get("resumed_after") is None:
        return 0
    left = whole(call.record["resumed_after"])
    for place, message in enumerate(messages):
        if message.conversation_id == call.conversation_id:  # and no other, whose branch it may be
            if left == 0:
                return place
            left -= 1
    return len(messages)


def _moment(text: object) -> datetime | None:
    return from_stamp(text) if isinstance(text, str) else None
