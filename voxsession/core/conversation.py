"""The entry that a session keeps for each of its conversations."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from voxsession.core.struct import Struct, evolve
from voxsession.core.types import Count, JsonObject, UtcTime

__all__ = ["ConversationEntry", "Step"]


class Step(NamedTuple):
    """How far a message takes the present span of its conversation.

    Attributes:
        until: the moment up to which the span is looked at from now on; None leaves it.
        counted_seconds: what is added to what is counted.
        replayed_seconds: what of that lies before the conversation was opened here.
        skipped_seconds: what passed while analytics was off.
        pause_seconds: what the next counted step is shortened by; below 0, what it gets besides.
    """

    until: datetime | None = None
    counted_seconds: float = 0.0
    replayed_seconds: float = 0.0
    skipped_seconds: float = 0.0
    pause_seconds: float = 0.0


class ConversationEntry(Struct, frozen=True, kw_only=True):
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
        pause_seconds: what the next counted step is shortened by, since analytics was off; below 0, what it gets
            besides, since it was on before.
        replayed_seconds: what of `running_seconds` lies before the span, between messages with times of their own.
        is_uncounted: the analytics do not count it, since they were off from its beginning on.
        counted_day: the day that it counts for; early versions did not keep it.
        uncounted_messages: how many messages came while analytics was off.
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
    pause_seconds: float = 0.0
    replayed_seconds: float = 0.0
    is_uncounted: bool = False
    counted_day: str | None = None
    uncounted_messages: Count = 0

    def step_to(self, moment: datetime, *, counts: bool, off_since: datetime | None) -> Step:
        """The step of a message that was said at a moment; none where clocks went backwards.

        Messages with times from before the span, as of a transcript that is recorded afterwards, make a span of
        their own, from the first to the last of them.

        Args:
            moment: when it was said.
            counts: whether analytics is on.
            off_since: when it was switched off; None = it never was on, or is.
        """
        opened = self.opened_at or self.started_at
        if moment < opened:
            return self._replayed_step(moment, counts)
        since = self.active_until or self.ended_at or opened
        since = max(since, opened)
        seconds = (moment - since).total_seconds()
        if seconds <= 0:
            return Step(pause_seconds=self.pause_seconds)
        if counts:
            return Step(moment, max(0.0, seconds - self.pause_seconds))
        skipped = _seconds(max(since, off_since or since), moment)
        pause = self.pause_seconds - (seconds - skipped)
        return Step(moment, skipped_seconds=skipped, pause_seconds=pause)

    def _replayed_step(self, moment: datetime, counts: bool) -> Step:
        before, pause = self.active_until, self.pause_seconds
        if before is None:
            return Step(moment, pause_seconds=pause)
        if before >= self._opened or moment <= before:
            return Step(pause_seconds=pause)
        seconds = _seconds(before, moment) if counts else 0.0
        return Step(moment, seconds, seconds, pause_seconds=pause)

    def seconds_at_end(self, duration_seconds: float, *, counts: bool) -> float:
        """What the present span comes to when it ends.

        Args:
            duration_seconds: from its beginning to its end.
            counts: whether analytics is on; else it is what was counted so far.
        """
        is_replay = self.active_until is not None and self.active_until < self._opened
        if not counts or is_replay or self.is_uncounted:
            return self.running_seconds
        said = self.running_seconds - self.replayed_seconds
        return self.replayed_seconds + max(said, duration_seconds - self.skipped_seconds)

    def after_pause(self, off_since: datetime | None, on_at: datetime) -> ConversationEntry:
        """The entry when analytics is on again: what passed meanwhile is no part of its span."""
        since = self._since
        seconds = _seconds(max(since, off_since or since), on_at)
        return evolve(
            self,
            pause_seconds=self.pause_seconds + seconds,
            skipped_seconds=self.skipped_seconds + seconds,
        )

    @property
    def _opened(self) -> datetime:
        return self.opened_at or self.started_at

    @property
    def _since(self) -> datetime:
        """Where the present span was last looked at."""
        return max(self.active_until or self.ended_at or self._opened, self._opened)

    def after_message(
        self,
        index: int,
        at: datetime,
        *,
        is_user: bool,
        interrupted: bool,
        is_counted: bool = True,
        step: Step | None = None,
    ) -> ConversationEntry:
        """The entry with one more message.

        Args:
            index: its index in the session.
            at: its time, or the latest one of the conversation where that is later.
            is_user: it counts as a turn.
            interrupted: it counts as an interruption.
            is_counted: the analytics count it.
            step: how far it takes the present span; None leaves that.
        """
        moved = step or Step(pause_seconds=self.pause_seconds)
        return evolve(
            self,
            last_at=at,
            first_index=index if self.first_index is None else self.first_index,
            last_index=index,
            message_count=self.message_count + 1,
            turn_count=self.turn_count + is_user,
            interruption_count=self.interruption_count + interrupted,
            active_until=moved.until or self.active_until,
            running_seconds=self.running_seconds + moved.counted_seconds,
            skipped_seconds=self.skipped_seconds + moved.skipped_seconds,
            pause_seconds=moved.pause_seconds,
            replayed_seconds=self.replayed_seconds + moved.replayed_seconds,
            is_uncounted=self.is_uncounted and not is_counted,
            uncounted_messages=self.uncounted_messages + (not is_counted),
        )


def _seconds(start: datetime, end: datetime) -> float:
    return max(0.0, (end - start).total_seconds())
