"""The state of a call, put together from its record, its conversation and its sound."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import attrs

from voxsession.calls.opened import OpenCall
from voxsession.core.call_record import AUDIO, last_activity
from voxsession.core.envelope import from_stamp, stamp
from voxsession.core.message import Message
from voxsession.core.types import JsonObject, copy_json
from voxsession.errors import ConflictError
from voxsession.resume.fields import FIELDS
from voxsession.resume.state import SessionState, SessionStatus
from voxsession.resume.transcript import functions_said, items_of

__all__ = ["Heard", "changed_values", "heard_of", "record_of", "state_from", "state_of"]

_DEFAULTS = {
    field.name: field.default
    for field in attrs.fields(SessionState)
    if not isinstance(field.default, attrs.Factory)  # type: ignore[arg-type]
}
_TIMES = ("created_at", "last_activity")


def record_of(values: Mapping[str, Any], now: datetime) -> JsonObject:
    """What a new call keeps: the given fields, and when it began."""
    moment = stamp(now)
    return {"status": SessionStatus.INITIATED.value, "created_at": moment, "last_activity": moment, **values}


@attrs.define(frozen=True, slots=True)
class Heard:
    """What lies beside the record of a call: its words, oldest first, and its sound."""

    messages: list[Message]
    audio: list[bytes]


async def heard_of(call: OpenCall) -> Heard:
    """The words and the sound of a call, as they are stored."""
    messages = await call.book.history(call.conversation_id)
    return Heard(messages, await call.book.audio(call.record) if call.record.get(AUDIO) else [])


async def state_of(call: OpenCall) -> SessionState:
    """Everything that a call has, as it is stored."""
    return state_from(call, await heard_of(call))


def state_from(call: OpenCall, heard: Heard) -> SessionState:
    """The same with what was read before."""
    record = call.record
    known = {name: copy_json(record[name]) for name in FIELDS if name in record}
    known["status"] = SessionStatus.ENDED if call.is_over else SessionStatus(known["status"])
    known["created_at"] = from_stamp(known["created_at"])
    known["last_activity"] = last_activity(call.entry) or known["created_at"]
    functions = list(known.pop("function_calls", []))
    met = {row.get("call_id") for row in functions}
    said = functions_said(heard.messages, _moment(record.get("resumed_at")))
    return SessionState(
        **known,
        conversation_id=call.conversation_id,
        session_id=call.session.session_id,
        function_calls=functions + [row for row in said if row["call_id"] not in met],
        conversation_history=items_of(heard.messages),
        audio_buffer=heard.audio,
    )


def changed_values(call: OpenCall, given: JsonObject, now: datetime) -> JsonObject:
    """What of the given fields is other than what is stored, with the time of this activity.

    Raises:
        ConflictError: the fields were read before the call was resumed elsewhere: who wrote them was replaced.
    """
    record = call.record
    count = given.get("resumed_count")
    if count is not None and count < int(record.get("resumed_count", 0)):
        session_id, seq = call.session.session_id, call.session._core.data.seq
        raise ConflictError(
            session_id,
            expected_seq=seq,
            found_seq=seq,
            message=f"Call {call.conversation_id!r} was resumed elsewhere since this state was read (resumed_count "
            f"{count}, by now {record.get('resumed_count', 0)}). Nothing was written; get_session() gives its state.",
        )
    shown = {**record, "last_activity": stamp(last_activity(call.entry) or now)}
    values = {
        name: value
        for name, value in given.items()
        if value != shown.get(name, _DEFAULTS.get(name, {} if name.endswith("metadata") else None))
    }
    return {"last_activity": stamp(now), **values}


def _moment(text: object) -> datetime | None:
    return from_stamp(text) if isinstance(text, str) else None
