"""The changes of live calls: what the resume service records of them."""

from __future__ import annotations

from typing import Any, ClassVar

from voxsession.core.call_functions import is_open, merged_functions, with_noted
from voxsession.core.call_record import (
    AUDIO,
    ENDED,
    audio_refs,
    functions_of,
    last_activity,
    whole,
    with_unknown_calls,
)
from voxsession.core.change import Change, change_kind
from voxsession.core.conversation import ConversationEntry
from voxsession.core.envelope import stamp
from voxsession.core.session_data import SessionData
from voxsession.core.struct import evolve
from voxsession.core.types import JsonObject

__all__ = ["CallAudioKept", "CallChanged", "CallFunctionNoted", "CallRemoved", "CallResumed", "CallStarted"]


def _call_of(data: SessionData, conversation_id: str) -> tuple[ConversationEntry | None, JsonObject]:
    entry = data.conversations.get(conversation_id)
    return entry, dict(entry.call) if entry is not None and entry.call is not None else {}


def _put(data: SessionData, entry: ConversationEntry, call: JsonObject | None) -> None:
    data.conversations[entry.id] = evolve(entry, call=call)


@change_kind
class CallStarted(Change, frozen=True, kw_only=True):
    """A conversation that exists became a call; of two that make it one, the one that was stored first counts.

    Attributes:
        replaces: the token of a call that nothing leads to any more; it gives way.
    """

    kind: ClassVar[str] = "call.started"
    conversation_id: str
    call: JsonObject
    replaces: str | None = None

    def apply(self, data: SessionData) -> None:
        entry, before = _call_of(data, self.conversation_id)
        gives_way = not before or (self.replaces is not None and before.get("token") == self.replaces)
        if entry is not None and gives_way and entry.status != "deleted":
            _put(data, entry, self.call)

    def observe(self, data: SessionData) -> Any:
        entry, before = _call_of(data, self.conversation_id)
        return [entry is not None and entry.status == "deleted", bool(before), before.get("token")]


@change_kind
class CallChanged(Change, frozen=True, kw_only=True):
    """Fields of a call have other values; the later writer of a field wins, and an ended call stays ended.

    Of the functions, those that were noted as begun or finished stay as far as they have come.

    Attributes:
        metadata: what is put into the call's own `metadata`, whatever that is by then.
        expected_resumes: it holds only if the call was resumed so many times; None = however often.
        words: an id of its own, where it comes with other words: nobody else replaced what was said meanwhile.
    """

    kind: ClassVar[str] = "call.changed"
    conversation_id: str
    values: JsonObject
    metadata: JsonObject | None = None
    expected_resumes: int | None = None
    words: str | None = None

    def apply(self, data: SessionData) -> None:
        entry, call = _call_of(data, self.conversation_id)
        if entry is None or not call:
            return
        kept = call | self.values | {"heard": entry.message_count}
        is_over = call.get("status") == ENDED
        if is_over:
            kept |= {name: call[name] for name in ("status", "end_reason") if name in call}
        elif self.metadata is not None:
            kept["metadata"] = {**(kept.get("metadata") or {}), **self.metadata}
        if "function_calls" in self.values:
            kept["function_calls"] = merged_functions(functions_of(call), functions_of(self.values))
        if self.words is not None:
            kept["words"] = self.words
        kept["resumed_count"] = max(whole(call.get("resumed_count")), whole(kept.get("resumed_count")))
        _put(data, entry, kept)

    def observe(self, data: SessionData) -> Any:
        if self.expected_resumes is None and self.words is None:
            return None
        _, call = _call_of(data, self.conversation_id)
        resumed = None if self.expected_resumes is None else whole(call.get("resumed_count"))
        return [call.get("token"), resumed, None if self.words is None else call.get("words")]


@change_kind
class CallAudioKept(Change, frozen=True, kw_only=True):
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
class CallResumed(Change, frozen=True, kw_only=True):
    """A call goes on after it was interrupted; nobody else resumed, ended or removed it meanwhile."""

    kind: ClassVar[str] = "call.resumed"
    conversation_id: str
    resumed_count: int
    values: JsonObject

    def apply(self, data: SessionData) -> None:
        entry, call = _call_of(data, self.conversation_id)
        if entry is None or not call or call.get("status") == ENDED:
            return
        kept = call | self.values | {"resumed_count": self.resumed_count}
        kept |= {"heard": entry.message_count, "resumed_after": entry.message_count}
        if "function_calls" in kept:  # as they are by now: somebody may have begun or finished one meanwhile
            kept["function_calls"] = with_unknown_calls(functions_of(call))
        _put(data, entry, kept)

    def observe(self, data: SessionData) -> Any:
        _, call = _call_of(data, self.conversation_id)
        return [call.get("token"), call.get("resumed_count", 0), call.get("status") == ENDED]


@change_kind
class CallFunctionNoted(Change, frozen=True, kw_only=True):
    """A function of a call was begun, or its outcome became known; nobody else noted that of it meanwhile.

    It counts as activity. That the call was resumed meanwhile, and what was begun is unknown since, is no obstacle to
    an outcome.
    """

    kind: ClassVar[str] = "call.function"
    conversation_id: str
    call_id: str
    values: JsonObject

    def apply(self, data: SessionData) -> None:
        entry, call = _call_of(data, self.conversation_id)
        if entry is None or not call:
            return
        active_at = last_activity(entry)
        kept = call | {"function_calls": with_noted(functions_of(call), self.call_id, self.values)}
        kept["last_activity"] = stamp(self.at if active_at is None else max(active_at, self.at))
        _put(data, entry, kept | {"heard": entry.message_count})

    def observe(self, data: SessionData) -> Any:
        _, call = _call_of(data, self.conversation_id)
        rows = [row for row in functions_of(call) if row.get("call_id") == self.call_id]
        begins_late = "begun_at" in self.values and call.get("status") == ENDED
        known = ["begun" if is_open(row) else row.get("status") for row in rows]
        return [call.get("token"), begins_late, known]


@change_kind
class CallRemoved(Change, frozen=True, kw_only=True):
    """What a call kept for its resumption was removed; the conversation stays, an ended call stays ended.

    Attributes:
        token: of the call that is meant; another one of the same id stays.
    """

    kind: ClassVar[str] = "call.removed"
    erases: ClassVar[bool] = True
    quiet: ClassVar[bool] = True
    conversation_id: str
    token: str | None = None

    def apply(self, data: SessionData) -> None:
        entry, call = _call_of(data, self.conversation_id)
        if entry is not None and call and self.token in (None, call.get("token")):
            _put(data, entry, {"status": ENDED} if call.get("status") == ENDED else None)

    def observe(self, data: SessionData) -> Any:
        entry, call = _call_of(data, self.conversation_id)
        active = last_activity(entry) if entry is not None and call else None
        count = entry.message_count if entry is not None else 0
        known = [row.get("status") for row in functions_of(call)]
        return [call.get("token"), call.get("status"), call.get("resumed_count", 0), active, count, known]
