"""The changes of live calls: what the resume service records of them."""

from __future__ import annotations

from typing import Any, ClassVar

import attrs

from voxsession.core.call_record import AUDIO, ENDED, audio_refs, functions_of, last_activity, whole
from voxsession.core.change import Change, change_kind
from voxsession.core.conversation import ConversationEntry
from voxsession.core.session_data import SessionData
from voxsession.core.types import JsonObject

__all__ = ["CallAudioKept", "CallChanged", "CallFunctionNoted", "CallRemoved", "CallResumed", "CallStarted"]


def _call_of(data: SessionData, conversation_id: str) -> tuple[ConversationEntry | None, JsonObject]:
    entry = data.conversations.get(conversation_id)
    return entry, dict(entry.call) if entry is not None and entry.call is not None else {}


def _put(data: SessionData, entry: ConversationEntry, call: JsonObject | None) -> None:
    data.conversations[entry.id] = attrs.evolve(entry, call=call)


@change_kind
class CallStarted(Change):
    """A conversation that exists became a call; of two that make it one, the one that was stored first counts."""

    kind: ClassVar[str] = "call.started"
    conversation_id: str
    call: JsonObject

    def apply(self, data: SessionData) -> None:
        entry, before = _call_of(data, self.conversation_id)
        if entry is not None and not before and entry.status != "deleted":
            _put(data, entry, self.call)


@change_kind
class CallChanged(Change):
    """Fields of a call have other values; the later writer of a field wins, and an ended call stays ended."""

    kind: ClassVar[str] = "call.changed"
    conversation_id: str
    values: JsonObject

    def apply(self, data: SessionData) -> None:
        entry, call = _call_of(data, self.conversation_id)
        if entry is None or not call:
            return
        kept = call | self.values | {"heard": entry.message_count}
        if call.get("status") == ENDED:
            kept |= {name: call[name] for name in ("status", "end_reason") if name in call}
        kept["resumed_count"] = max(whole(call.get("resumed_count")), whole(kept.get("resumed_count")))
        _put(data, entry, kept)


@change_kind
class CallAudioKept(Change):
    """A call keeps other sound; nobody else put other sound into it meanwhile, whose pages would be gone.

    Attributes:
        pages: what the record keeps of each page, in order.
    """

    kind: ClassVar[str] = "call.audio"
    conversation_id: str
    pages: list[JsonObject]

    def apply(self, data: SessionData) -> None:
        entry, call = _call_of(data, self.conversation_id)
        if entry is not None and call:
            _put(data, entry, call | {AUDIO: self.pages})

    def observe(self, data: SessionData) -> Any:
        _, call = _call_of(data, self.conversation_id)
        return [bool(call), sorted(ref.id for ref in audio_refs(call))]


@change_kind
class CallResumed(Change):
    """A call goes on after it was interrupted; nobody else resumed, ended or removed it meanwhile."""

    kind: ClassVar[str] = "call.resumed"
    conversation_id: str
    resumed_count: int
    values: JsonObject

    def apply(self, data: SessionData) -> None:
        entry, call = _call_of(data, self.conversation_id)
        if entry is None or not call or call.get("status") == ENDED:
            return
        counted = {"resumed_count": self.resumed_count, "heard": entry.message_count}
        _put(data, entry, call | self.values | counted)

    def observe(self, data: SessionData) -> Any:
        _, call = _call_of(data, self.conversation_id)
        return [call.get("token"), call.get("resumed_count", 0), call.get("status") == ENDED]


@change_kind
class CallFunctionNoted(Change):
    """A function of a call was begun, or its outcome became known; nobody else noted anything of it meanwhile."""

    kind: ClassVar[str] = "call.function"
    conversation_id: str
    call_id: str
    values: JsonObject

    def apply(self, data: SessionData) -> None:
        entry, call = _call_of(data, self.conversation_id)
        if entry is None or not call:
            return
        rows, met = [], False
        for row in functions_of(call):
            is_it = row.get("call_id") == self.call_id
            rows.append(row | self.values if is_it else row)
            met = met or is_it
        if not met:
            rows.append({"call_id": self.call_id, **self.values})
        _put(data, entry, call | {"function_calls": rows})

    def observe(self, data: SessionData) -> Any:
        _, call = _call_of(data, self.conversation_id)
        rows = [row for row in functions_of(call) if row.get("call_id") == self.call_id]
        return [bool(call), [row.get("status") for row in rows]]


@change_kind
class CallRemoved(Change):
    """What a call kept for its resumption was removed; the conversation stays, an ended call stays ended."""

    kind: ClassVar[str] = "call.removed"
    erases: ClassVar[bool] = True
    quiet: ClassVar[bool] = True
    conversation_id: str

    def apply(self, data: SessionData) -> None:
        entry, call = _call_of(data, self.conversation_id)
        if entry is not None and call:
            _put(data, entry, {"status": ENDED} if call.get("status") == ENDED else None)

    def observe(self, data: SessionData) -> Any:
        entry, call = _call_of(data, self.conversation_id)
        active = last_activity(entry) if entry is not None and call else None
        count = entry.message_count if entry is not None else 0
        return [call.get("token"), call.get("status"), call.get("resumed_count", 0), active, count]
