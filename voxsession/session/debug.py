"""The change log of a live session, without its private content."""

from __future__ import annotations

from collections import deque
from typing import Any

from voxsession.core.envelope import stamp
from voxsession.core.events import Event
from voxsession.core.types import encode_json
from voxsession.session.live import LiveCore

__all__ = ["DebugLog"]

MAX_EVENTS = 1000
MAX_SNAPSHOTS = 100
_SHOWN = frozenset(
    {
        "conversation_id", "parent_id", "seq", "changes", "whole", "reason", "entry_id", "entry_ids", "by",
        "message_id", "handler", "event", "milestone", "torn", "function", "duration_ms", "tokens", "grant_id",
        "action",
    }
)  # fmt: skip


class DebugLog:
    """Ids, counts and times of what happened; texts and values never come in, so they cannot leak."""

    def __init__(self, core: LiveCore, *, watch: bool = True) -> None:
        self._core = core
        self._events: deque[dict[str, Any]] = deque(maxlen=MAX_EVENTS)
        self._snapshots: deque[dict[str, Any]] = deque(maxlen=MAX_SNAPSHOTS)
        self._transitions: deque[dict[str, Any]] = deque(maxlen=MAX_SNAPSHOTS)
        self._errors = 0
        if watch:
            self._snapshot()
            core.hub.watcher = self._take

    def info(self) -> dict[str, Any]:
        """What `Session.get_debug_info` gives."""
        return {
            "memory_snapshots": list(self._snapshots),
            "events": list(self._events),
            "state_transitions": list(self._transitions),
            "error_count": self._errors,
            "session_id": self._core.data.session_id,
            "seq": self._core.data.seq,
            "pending_changes": [pending.change.kind for pending in self._core.pending],
        }

    def text(self) -> str:
        """A line of JSON for each event."""
        return "\n".join(encode_json(row).decode() for row in self._events)

    def _take(self, event: Event) -> None:
        shown = {name: value for name, value in event.fields.items() if name in _SHOWN}
        error = event.fields.get("error")
        if isinstance(error, BaseException):
            self._errors += 1
            shown["error"] = type(error).__name__
        self._events.append({"type": event.type, "at": stamp(event.timestamp), **shown})
        if event.type.startswith("memory."):
            self._snapshot()
        elif event.type.startswith(("session.", "conversation.")):
            self._transitions.append({"to": event.type, "at": stamp(event.timestamp), **shown})

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
