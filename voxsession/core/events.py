"""What handlers receive."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any

__all__ = ["EVENT_NAMES", "Event"]

EVENT_NAMES = frozenset(
    """
    session.created session.loaded session.saved session.save_failed session.reloaded session.resumed
    session.resume_failed session.cleaned metrics.collected
    session.closed session.ended conversation.started conversation.resumed conversation.ended
    conversation.branched conversation.merged conversation.deleted message.added message.interrupted
    context.built reply.chunk function.called function.completed history.repaired memory.added
    memory.updated memory.superseded memory.removed memory.evicted memory.expired memory.compressed
    memory.compression_dropped memory.update_dropped memory.restored preference.learned preference.set config.changed
    metric.tracked analytics.milestone state.updated share.created share.used share.refused share.revoked
    tail.repaired lease.taken_over lease.lost handler.failed
    """.split()
)


class Event:
    """Something that happened in a session.

    Its own fields are attributes: a ``memory.added`` event has `.entry`, an
    ``analytics.milestone`` has `.milestone`. `fields` holds them all, read-only.

    Attributes:
        type: its name, such as ``memory.added``.
        timestamp: when it happened (aware, UTC).
        session_id: the session it happened in.

    Example:
        >>> from datetime import datetime, UTC
        >>> event = Event("metric.tracked", datetime(2026, 1, 1, tzinfo=UTC), "s1", {"name": "tasks", "value": 1})
        >>> event.name, event.value
        ('tasks', 1)
    """

    __slots__ = ("_fields", "session_id", "timestamp", "type")

    def __init__(self, type: str, timestamp: datetime, session_id: str, fields: Mapping[str, Any]) -> None:
        self.type = type
        self.timestamp = timestamp
        self.session_id = session_id
        self._fields = fields

    @property
    def fields(self) -> Mapping[str, Any]:
        """The event's own fields, read-only."""
        return MappingProxyType(dict(self._fields))

    def __getattr__(self, name: str) -> Any:
        if name in Event.__slots__:  # not filled yet, as while it is copied
            raise AttributeError(name)
        if name in self._fields:
            return self._fields[name]
        own = ", ".join(sorted(self._fields)) or "none of its own"
        raise AttributeError(f"Event has no field {name!r}; {self.type!r} has {own}", name=name, obj=self)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self._fields]

    def __repr__(self) -> str:
        # Field values may be private text, so only their names are shown.
        return f"Event({self.type!r}, session_id={self.session_id!r}, fields={sorted(self._fields)})"
