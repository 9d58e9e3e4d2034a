"""The changes that what is said in a conversation makes."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from voxsession.core.change import Change, change_kind, day_of
from voxsession.core.conversation import ConversationEntry
from voxsession.core.conversation_changes import counts_in, deleted, touched
from voxsession.core.message import Message, Usage
from voxsession.core.session_data import SessionData
from voxsession.core.share_grant import without_rows
from voxsession.core.struct import evolve, field
from voxsession.core.totals import Totals
from voxsession.core.types import UtcTime

__all__ = ["MessageAdded", "MessageInterrupted", "MessagesRedacted", "TurnCompleted"]

_SIGNALS: Final = ("thanks", "complaint", "repeat")


@change_kind
class MessageAdded(Change, frozen=True, kw_only=True):
    """A message was said.

    Attributes:
        local_hour: the hour of day in the session's time zone; None where it does not count.
        local_day: the date there, where it is not that of UTC.
        counted_at: the moment of recording, where the message claims to be from the future.
        signals: what it says of the person's satisfaction: `thanks`, `complaint`, `repeat`.
    """

    kind: ClassVar[str] = "message.added"
    event: ClassVar[str | None] = "message.added"
    message: Message
    local_hour: int | None = None
    local_day: str | None = None
    counted_at: UtcTime | None = None
    signals: list[str] | None = None

    def apply(self, data: SessionData) -> None:
        message, totals = self.message, data.totals
        index = totals.message_count
        data.add_message(message)
        totals.message_count = index + 1
        is_shared = message.origin == "shared"
        entry = data.conversations.get(message.conversation_id) or touched(
            data, message.conversation_id, self.at, is_shared=is_shared
        )
        moment, last_at = self.counted_at or self.at, max(entry.last_at, self.at)
        counts, step = not is_shared and counts_in(data, entry), None
        # Imported talk has pauses of weeks; the end of its conversation says how long it took.
        if message.origin == "said":
            step = entry.step_to(moment, counts=counts, off_since=totals.off_since)
        is_user = counts and message.role == "user"
        after = entry.after_message(
            index,
            last_at,
            is_user=is_user,
            interrupted=counts and message.interrupted,
            is_counted=counts,
            step=step,
        )
        data.conversations[entry.id] = after
        if not counts:
            totals.uncounted_messages += 1
            return
        self._count(totals, is_user, step.counted_seconds if step else 0.0)
        if entry.is_uncounted or (entry.first_index is None and self.at < entry.started_at):
            data.conversations[entry.id] = self._count_conversation(totals, entry, after)

    def observe(self, data: SessionData) -> Any:
        return deleted(data, self.message.conversation_id)

    def _count_conversation(
        self, totals: Totals, before: ConversationEntry, after: ConversationEntry
    ) -> ConversationEntry:
        """The conversation counts for the day of its first message: a transcript's, or the first that is counted."""
        day = day_of(self, self.counted_at)
        if before.is_uncounted:
            totals.uncounted_conversations -= 1
        elif before.counted_day in (None, day):
            return after
        else:
            totals.count_day(str(before.counted_day), conversation_count=-1)
        totals.count_day(day, conversation_count=1)
        return evolve(after, counted_day=day)

    def _count(self, totals: Totals, is_user: bool, step_seconds: float) -> None:
        message = self.message
        totals.turn_count += is_user
        totals.running_seconds += step_seconds
        if self.local_hour is not None:
            totals.hours[self.local_hour] += 1
        rare: dict[str, int] = {}  # what few messages have; the others are spared the counting
        if message.interrupted:
            rare["interruption_count"] = 1
        if message.tool_calls:
            rare["function_calls"] = len(message.tool_calls)
        for signal in self.signals or ():
            if signal in _SIGNALS:
                rare[f"{signal}_count"] = 1
        for name, amount in rare.items():
            setattr(totals, name, getattr(totals, name) + amount)
        day = day_of(self, self.counted_at)
        totals.count_day(day, message_count=1, turn_count=is_user, duration_seconds=step_seconds, **rare)


@change_kind
class MessageInterrupted(Change, frozen=True, kw_only=True):
    """A reply was cut off: its message now holds what was delivered or heard.

    Attributes:
        again: it was cut off before, and counted then.
    """

    kind: ClassVar[str] = "message.interrupted"
    event: ClassVar[str | None] = "message.interrupted"
    message_id: str
    conversation_id: str
    content: str
    token_count: int = 0
    estimated: bool = False
    local_day: str | None = None
    again: bool = False

    def apply(self, data: SessionData) -> None:
        entry = touched(data, self.conversation_id, self.at)
        if counts_in(data, entry) and not self.again:
            data.conversations[entry.id] = evolve(entry, interruption_count=entry.interruption_count + 1)
            data.totals.interruption_count += 1
            data.totals.count_day(day_of(self), interruption_count=1)
        for index in range(len(data.messages) - 1, -1, -1):
            if data.messages[index].id == self.message_id:
                data.messages[index] = self.amend(data.messages[index])
                return

    @property
    def amended_ids(self) -> list[str]:
        """The message whose content it changed, wherever that lies by now."""
        return [self.message_id]

    def amend(self, message: Message) -> Message:
        """The message as it is after this; one that was erased meanwhile must not come back."""
        if message.redacted:
            return message
        return evolve(
            message,
            content=self.content,
            token_count=self.token_count,
            estimated=self.estimated,
            interrupted=True,
        )


@change_kind
class MessagesRedacted(Change, frozen=True, kw_only=True):
    """The content of messages was erased on request, of `unnamed` ones the speaker's name as well."""

    kind: ClassVar[str] = "message.redacted"
    erases: ClassVar[bool] = True
    message_ids: list[str]
    unnamed: list[str] = field(default_factory=list)

    def apply(self, data: SessionData) -> None:
        gone = set(self.message_ids)
        for index, message in enumerate(data.messages):
            if message.id in gone:
                data.messages[index] = self.amend(message)
        data.shares = without_rows(data.shares, gone)

    @property
    def amended_ids(self) -> list[str]:
        """The messages whose content it erased, wherever they lie by now."""
        return self.message_ids

    def amend(self, message: Message) -> Message:
        """The message as it is after this: its place in the conversation, without its content."""
        name = None if message.id in self.unnamed else message.name
        return evolve(
            message,
            content="",
            name=name,
            metadata=None,
            tool_calls=None,
            token_count=0,
            redacted=True,
            repair=message.repair if message.is_double else None,
        )


@change_kind
class TurnCompleted(Change, frozen=True, kw_only=True):
    """A reply was given: what it took."""

    kind: ClassVar[str] = "turn.completed"
    conversation_id: str
    response_ms: float = 0.0
    injected: bool = False
    usage: Usage | None = None
    local_day: str | None = None

    def apply(self, data: SessionData) -> None:
        entry = touched(data, self.conversation_id, self.at)
        if not counts_in(data, entry):
            return
        data.conversations[entry.id] = evolve(
            entry,
            response_count=entry.response_count + 1,
            response_ms=entry.response_ms + self.response_ms,
            injection_count=entry.injection_count + self.injected,
        )
        totals, usage = data.totals, self.usage or Usage()
        totals.response_count += 1
        totals.response_ms += self.response_ms
        totals.injection_count += self.injected
        totals.input_tokens += usage.input_tokens
        totals.output_tokens += usage.output_tokens
        if usage.estimated:
            totals.estimated_input_tokens += usage.input_tokens
            totals.estimated_output_tokens += usage.output_tokens
        else:
            totals.count_model(usage.model or "", 1, usage.input_tokens, usage.output_tokens)
        totals.count_day(
            day_of(self),
            response_count=1,
            response_ms=self.response_ms,
            injection_count=self.injected,
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
        )
