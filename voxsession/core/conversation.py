"""The entry that a session keeps for each of its conversations."""

from __future__ import annotations

import attrs

from voxsession.core.types import Count, JsonObject, UtcTime

__all__ = ["ConversationEntry"]


@attrs.define(frozen=True, slots=True, kw_only=True)
class ConversationEntry:
    """Where a conversation stands: its place in the session's messages, its counters.

    Attributes:
        parent_id: the conversation that it branched from.
        branch_index: it sees the parent's messages whose index in the session is below this.
        status: `active` or `ended`; an ended one can be resumed.
        first_index: index in the session of its first message; None without messages.
        last_index: index in the session of its latest message.
        response_ms: milliseconds spent waiting for replies, together, over `response_count` replies.
        duration_seconds: seconds from start (or resumption) to end, over the spans that ended.
        call: what a live call keeps here (the resume service's own record).
    """

    id: str
    started_at: UtcTime
    last_at: UtcTime
    parent_id: str | None = None
    branch_index: int | None = None
    status: str = "active"
    opened_at: UtcTime | None = None
    ended_at: UtcTime | None = None
    first_index: int | None = None
    last_index: int | None = None
    message_count: Count = 0
    turn_count: Count = 0
    interruption_count: Count = 0
    injection_count: Count = 0
    response_count: Count = 0
    response_ms: float = 0.0
    duration_seconds: float = 0.0
    resumed_count: Count = 0
    call: JsonObject | None = None
