"""The change log of a live session, without its private content."""

from __future__ import annotations

from collections import Counter, deque
from typing import Any

from voxsession.core.envelope import stamp
from voxsession.core.events import EVENT_NAMES, Event
from voxsession.core.memory_entry import MemoryEntry
from voxsession.core.message import Message
from voxsession.session.live import LiveCore

__all__ = ["DebugLog"]

MAX_EVENTS = 1000
MAX_SNAPSHOTS = 100
MAX_IDS = 50
# What an event may show: figures, ids, names from the program. Any other field may hold what somebody said.
_FIGURES = frozenset(
    "seq changes whole torn tokens shortened worked duration_ms duration_seconds decay replaces".split()
)
_IDS = frozenset("conversation_id parent_id message_id entry_id by entry_ids message_ids grant_id".split())
_NAMES = frozenset("handler function event".split())
_REASONS = frozenset("normal forgotten".split())
_MILESTONES = frozenset("messages conversations turns".split())
# event -> the state that it leads to; "saved" and the like are no states
_STATES = {
    "session.created": "active",
    "session.loaded": "loaded",
    "session.reloaded": "reloaded",
    "session.closed": "closed",
    "session.ended": "ended",
    "conversation.started": "active",
    "conversation.branched": "active",
    "conversation.resumed": "active",
    "conversation.ended": "ended",
}


class DebugLog:
    """Ids, counts and times of what happened; texts and values never come in, so they cannot leak."""

    def __init__(self, core: LiveCore, *, watch: bool = True) -> None:
        self._core = core
        self._events: deque[dict[str, Any]] = deque(maxlen=MAX_EVENTS)
        self._snapshots: deque[dict[str, Any]] = deque(maxlen=MAX_SNAPSHOTS)
        self._transitions: deque[dict[str, Any]] = deque(maxlen=MAX_SNAPSHOTS)
        self._states: dict[str, str] = {}
        self._event_count = 0
        self._errors: Counter[str] = Counter()
        self.since = stamp(core.now()) if watch else None
        if watch:
            self._snapshot()
            core.hub.watcher = self._take

    def info(self) -> dict[str, Any]:
        """What `Session.get_debug_info` gives."""
        core = self._core
        return {
            "memory_snapshots": list(self._snapshots),
            "events": list(self._events),
            "state_transitions": list(self._transitions),
            "error_count": sum(self._errors.values()),
            "errors": dict(self._errors),
            "events_left_out": self._event_count - len(self._events),
            "enabled_at": self.since,
            "session_id": core.data.session_id,
            "seq": core.data.seq,
            "pending_changes": [pending.change.kind for pending in core.pending],
        }

    def failed(self, what: str, error: BaseException, **ids: str) -> None:
        """Notes a failure that is no event."""
        self._add({"type": what, "at": stamp(self._core.now()), **ids, **self._error(error)})

    def _take(self, event: Event) -> None:
        fields = event.fields
        shown = {name: value for name, value in fields.items() if _may_show(name, value)}
        if isinstance(shown.get("entry_ids"), list):
            shown["entry_ids"] = shown["entry_ids"][:MAX_IDS]
        shown |= _sizes(fields)
        if isinstance(error := fields.get("error"), BaseException):
            shown |= self._error(error)
        self._add({"type": event.type, "at": stamp(event.timestamp), **shown})
        if event.type.startswith("memory."):
            self._snapshot()
        elif event.type in _STATES:
            self._move(event)

    def _add(self, row: dict[str, Any]) -> None:
        self._events.append(row)
        self._event_count += 1

    def _error(self, error: BaseException) -> dict[str, str]:
        """Its class and where it came from; its text may quote what somebody said."""
        self._errors[type(error).__name__] += 1
        place = _place(error)
        return {"error": type(error).__name__} | ({"error_at": place} if place else {})

    def _move(self, event: Event) -> None:
        what = event.type.partition(".")[0]
        name = event.fields.get("conversation_id") if what == "conversation" else self._core.data.session_id
        before, after = self._states.get(str(name)), _STATES[event.type]
        if len(self._states) > MAX_EVENTS:
            self._states.clear()
        self._states[str(name)] = after
        self._transitions.append(
            {
                "of": what,
                f"{what}_id": name,
                "from": before,
                "to": after,
                "event": event.type,
                "at": stamp(event.timestamp),
            }
        )

    def _snapshot(self) -> None:
        data = self._core.data
        self._snapshots.append(
            {
                "at": stamp(self._core.now()),
                "stored_entries": len(data.memories),
                "process_entries": len(data.local_memories),
                "stored_tokens": data.memory_tokens,
            }
        )


def _may_show(name: str, value: Any) -> bool:
    if name in _FIGURES:
        return isinstance(value, bool | int | float)
    if name in _IDS:
        return isinstance(value, str) or (
            isinstance(value, list) and all(isinstance(one, str) for one in value)
        )
    if name in _NAMES:
        return isinstance(value, str) and (name != "event" or value in EVENT_NAMES)
    if name == "reason":
        return value in _REASONS
    return name == "milestone" and str(value).partition(":")[0] in _MILESTONES


def _sizes(fields: Any) -> dict[str, Any]:
    """How large what an event carries is."""
    message, entry = fields.get("message"), fields.get("entry")
    if isinstance(message, Message):
        return {
            "message_id": message.id,
            "conversation_id": message.conversation_id,
            "role": message.role,
            "tokens": message.token_count,
        }
    if isinstance(entry, MemoryEntry):
        return {"entry_id": entry.id, "tokens": entry.token_count, "importance": entry.importance}
    return {}


def _place(error: BaseException) -> str | None:
    """The module of ours and the line that an error came out of, without the folders of this machine."""
    from pathlib import Path  # most programs log no error of ours

    package = Path(__file__).resolve().parents[1]
    place, trace = None, error.__traceback__
    while trace is not None:
        file = Path(trace.tb_frame.f_code.co_filename)
        if file.is_relative_to(package) or file.resolve().is_relative_to(package):
            place = f"{file.resolve().relative_to(package).as_posix()}:{trace.tb_lineno}"
        trace = trace.tb_next
    return place
