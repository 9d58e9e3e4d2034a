"""The entry that a session keeps for each of its conversations."""

from __future__ import annotations

from datetime import datetime

import attrs

from voxsession.core.types import Count, JsonObject, UtcTime

__all__ = ["ConversationEntry"]


@attrs.define(frozen=True, slots=True, kw_only=True)
class ConversationEntry:
    """Where a conversation stands: its place in the session's messages, its counters.

    Attributes:
        parent_id: the conversation that it branched from.
        branch_index: it sees the parent's messages whose index in the session is below this.
        status: `active`, `ended` (it can be resumed) or `deleted` (only its branches still see what was said).
        first_index: index in the session of its first message; None without messages.
        last_index: index in the session of its latest message.
        response_ms: milliseconds spent waiting for replies, together, over `response_count` replies.
        duration_seconds: seconds from start (or resumption) to end, over the spans that ended.
        active_until: the moment up to which the present span was looked at; None where nothing was said in it.
        running_seconds: what of the present span was counted.
        skipped_seconds: what of it passed while analytics was off.
        call: what a live call keeps here (the resume service's own record).
        merged_ids: the branches whose summaries were brought back to it, in that order.
        guest: the grant whose holder talks here; None for the session's own person.
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
    active_until: UtcTime | None = None
    running_seconds: float = 0.0
    skipped_seconds: float = 0.0
    merged_ids: tuple[str, ...] = ()
    guest: str | None = None

    def seconds_to(self, moment: datetime) -> float:
        """Seconds from where the present span was last looked at; none where clocks went backwards."""
        since = self.active_until or self.ended_at or self.opened_at or self.started_at
        return max(0.0, (moment - since).total_seconds())

    def after_message(
        self,
        index: int,
        at: datetime,
        *,
        is_user: bool,
        interrupted: bool,
        active_until: datetime | None = None,
        running_seconds: float = 0.0,
        skipped_seconds: float = 0.0,
    ) -> ConversationEntry:
        """The entry with one more message; written out, since this runs for every message ever said.

        Args:
            index: its index in the session.
            at: its time, or the latest one of the conversation where that is later.
            is_user: it counts as a turn.
            interrupted: it counts as an interruption.
            active_until: the moment up to which the span is looked at from now on; None leaves it.
            running_seconds: what is added to the counted part of the span.
            skipped_seconds: what is added to the part that is not counted.
        """
        return ConversationEntry(
            id=self.id,
            started_at=self.started_at,
            last_at=at,
            parent_id=self.parent_id,
            branch_index=self.branch_index,
            status=self.status,
            opened_at=self.opened_at,
            ended_at=self.ended_at,
            first_index=index if self.first_index is None else self.first_index,
            last_index=index,
            message_count=self.message_count + 1,
            turn_count=self.turn_count + is_user,
            interruption_count=self.interruption_count + interrupted,
            injection_count=self.injection_count,
            response_count=self.response_count,
            response_ms=self.response_ms,
            duration_seconds=self.duration_seconds,
            resumed_count=self.resumed_count,
            call=self.call,
            active_until=active_until or self.active_until,
            running_seconds=self.running_seconds + running_seconds,
            skipped_seconds=self.skipped_seconds + skipped_seconds,
            merged_ids=self.merged_ids,
            guest=self.guest,
        )
