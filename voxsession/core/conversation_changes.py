"""The changes of conversations, with what is said in them."""

from __future__ import annotations

from typing import Any, ClassVar

import attrs

from voxsession.core.change import Change, change_kind, day_of
from voxsession.core.conversation import ConversationEntry
from voxsession.core.message import Message, Usage
from voxsession.core.session_data import SessionData
from voxsession.core.share_grant import without_rows, without_talk
from voxsession.core.totals import Totals
from voxsession.core.types import JsonObject, UtcTime

__all__ = [
    "ConversationDeleted",
    "ConversationEnded",
    "ConversationMerged",
    "ConversationRestored",
    "ConversationResumed",
    "ConversationStarted",
    "MessageAdded",
    "MessageInterrupted",
    "MessagesRedacted",
    "TurnCompleted",
]


#: What a conversation that ends or is resumed forgets of the span before.
_SPAN_BEGINS: dict[str, Any] = {
    "active_until": None,
    "running_seconds": 0.0,
    "skipped_seconds": 0.0,
    "pause_seconds": 0.0,
    "replayed_seconds": 0.0,
}


def _touch(data: SessionData, conversation_id: str, at: UtcTime) -> ConversationEntry:
    """The entry of a conversation; a lost one is made anew, so that no message is without one."""
    entry = data.conversations.get(conversation_id)
    return entry or ConversationEntry(id=conversation_id, started_at=at, opened_at=at, last_at=at)


def _counts(data: SessionData, entry: ConversationEntry) -> bool:
    """Whether what happens in a conversation counts for the analytics: they tell of the session's own person."""
    return data.counts and entry.guest is None


@change_kind
class ConversationStarted(Change):
    """A conversation began, perhaps as a branch of another."""

    kind: ClassVar[str] = "conversation.started"
    event: ClassVar[str | None] = "conversation.started"
    conversation_id: str
    parent_id: str | None = None
    branch_index: int | None = None
    call: JsonObject | None = None
    local_day: str | None = None
    guest: str | None = None

    def apply(self, data: SessionData) -> None:
        if self.conversation_id in data.conversations:
            return
        data.totals.conversation_count += 1
        day = day_of(self) if data.counts and self.guest is None else None
        if day is not None:
            data.totals.count_day(day, conversation_count=1)
        else:
            data.totals.uncounted_conversations += 1
        data.conversations[self.conversation_id] = ConversationEntry(
            id=self.conversation_id,
            started_at=self.at,
            opened_at=self.at,
            last_at=self.at,
            parent_id=self.parent_id,
            branch_index=self.branch_index,
            call=self.call,
            guest=self.guest,
            is_uncounted=day is None,
            counted_day=day,
        )


@change_kind
class ConversationResumed(Change):
    """A conversation goes on; `entry` brings one back that was filed away."""

    kind: ClassVar[str] = "conversation.resumed"
    event: ClassVar[str | None] = "conversation.resumed"
    conversation_id: str
    entry: ConversationEntry | None = None

    def apply(self, data: SessionData) -> None:
        if self.entry is not None and self.conversation_id not in data.conversations:
            data.conversations[self.conversation_id] = self.entry
        entry = _touch(data, self.conversation_id, self.at)
        if entry.status == "deleted":
            return
        # The span before was never ended, in a crash perhaps: it lasted up to its latest message.
        data.totals.running_seconds -= entry.running_seconds
        data.totals.total_duration_seconds += entry.running_seconds
        data.conversations[entry.id] = attrs.evolve(
            entry,
            status="active",
            ended_at=None,
            opened_at=self.at,
            last_at=self.at,
            duration_seconds=entry.duration_seconds + entry.running_seconds,
            resumed_count=entry.resumed_count + 1,
            **_SPAN_BEGINS,
        )

    def event_fields(self) -> dict[str, Any]:
        return {"conversation_id": self.conversation_id}


@change_kind
class ConversationRestored(Change):
    """The entry of a conversation that another writer filed came back to the head."""

    kind: ClassVar[str] = "conversation.restored"
    entry: ConversationEntry

    def apply(self, data: SessionData) -> None:
        data.conversations.setdefault(self.entry.id, self.entry)


@change_kind
class ConversationEnded(Change):
    """A conversation ended; it can be resumed. Of two that end it, the one that was stored first counts."""

    kind: ClassVar[str] = "conversation.ended"
    event: ClassVar[str | None] = "conversation.ended"
    conversation_id: str
    duration_seconds: float = 0.0
    local_day: str | None = None

    def apply(self, data: SessionData) -> None:
        entry = _touch(data, self.conversation_id, self.at)
        if entry.ended_at is not None:
            return
        counts = _counts(data, entry)
        seconds = entry.seconds_at_end(self.duration_seconds, counts=counts)
        data.conversations[entry.id] = attrs.evolve(
            entry,
            status="deleted" if entry.status == "deleted" else "ended",
            ended_at=self.at,
            last_at=self.at,
            duration_seconds=entry.duration_seconds + seconds,
            **_SPAN_BEGINS,
        )
        totals = data.totals
        totals.ended_count += 1
        totals.running_seconds -= entry.running_seconds
        totals.total_duration_seconds += seconds
        if counts:
            totals.count_day(day_of(self), duration_seconds=seconds - entry.running_seconds)


@change_kind
class ConversationMerged(Change):
    """What came of a branch was brought back: its summary belongs to this conversation's contexts from now on."""

    kind: ClassVar[str] = "conversation.merged"
    event: ClassVar[str | None] = "conversation.merged"
    conversation_id: str
    branch_id: str

    def apply(self, data: SessionData) -> None:
        entry = _touch(data, self.conversation_id, self.at)
        if self.branch_id not in entry.merged_ids:
            data.conversations[entry.id] = attrs.evolve(entry, merged_ids=(*entry.merged_ids, self.branch_id))


@change_kind
class ConversationDeleted(Change):
    """A conversation was deleted: it cannot be resumed, and its entry stays only to tell where branches left it."""

    kind: ClassVar[str] = "conversation.deleted"
    event: ClassVar[str | None] = "conversation.deleted"
    erases: ClassVar[bool] = True
    conversation_id: str

    def apply(self, data: SessionData) -> None:
        entry = _touch(data, self.conversation_id, self.at)
        data.conversations[entry.id] = attrs.evolve(entry, status="deleted", merged_ids=(), call=None)
        data.shares = without_talk(
            data.shares, entry.id
        )  # also what stays for branches, which it does not hold


@change_kind
class MessageAdded(Change):
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
        message = self.message
        index = data.message_total
        data.add_message(message)
        data.totals.message_count += 1
        entry = _touch(data, message.conversation_id, self.at)
        moment, last_at = self.counted_at or self.at, max(entry.last_at, self.at)
        counts, step = _counts(data, entry) and message.origin != "shared", None
        # Imported talk has pauses of weeks; the end of its conversation says how long it took.
        if message.origin == "said":
            step = entry.step_to(moment, counts=counts, off_since=data.totals.off_since)
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
            data.totals.uncounted_messages += 1
            return
        self._count(data.totals, is_user, step.counted_seconds if step else 0.0)
        if entry.is_uncounted or (entry.first_index is None and self.at < entry.started_at):
            data.conversations[entry.id] = self._count_conversation(data.totals, entry, after)

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
        return attrs.evolve(after, counted_day=day)

    def _count(self, totals: Totals, is_user: bool, step_seconds: float) -> None:
        message, signals = self.message, self.signals or ()
        calls = len(message.tool_calls or ())
        thanks, complaint, repeat = (name in signals for name in ("thanks", "complaint", "repeat"))
        totals.turn_count += is_user
        totals.interruption_count += message.interrupted
        totals.function_calls += calls
        totals.running_seconds += step_seconds
        totals.thanks_count += thanks
        totals.complaint_count += complaint
        totals.repeat_count += repeat
        if self.local_hour is not None:
            totals.hours[self.local_hour] += 1
        totals.count_day(
            day_of(self, self.counted_at),
            message_count=1,
            turn_count=is_user,
            duration_seconds=step_seconds,
            interruption_count=message.interrupted,
            function_calls=calls,
            thanks_count=thanks,
            complaint_count=complaint,
            repeat_count=repeat,
        )


@change_kind
class MessageInterrupted(Change):
    """A reply was cut off: its message now holds what was delivered or heard."""

    kind: ClassVar[str] = "message.interrupted"
    event: ClassVar[str | None] = "message.interrupted"
    message_id: str
    conversation_id: str
    content: str
    token_count: int = 0
    estimated: bool = False
    local_day: str | None = None

    def apply(self, data: SessionData) -> None:
        entry = _touch(data, self.conversation_id, self.at)
        if _counts(data, entry):
            data.conversations[entry.id] = attrs.evolve(
                entry, interruption_count=entry.interruption_count + 1
            )
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
        return attrs.evolve(
            message,
            content=self.content,
            token_count=self.token_count,
            estimated=self.estimated,
            interrupted=True,
        )


@change_kind
class MessagesRedacted(Change):
    """The content of messages was erased on request, of `unnamed` ones the speaker's name as well."""

    kind: ClassVar[str] = "message.redacted"
    erases: ClassVar[bool] = True
    message_ids: list[str]
    unnamed: list[str] = attrs.field(factory=list)

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
        return attrs.evolve(
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
class TurnCompleted(Change):
    """A reply was given: what it took."""

    kind: ClassVar[str] = "turn.completed"
    conversation_id: str
    response_ms: float = 0.0
    injected: bool = False
    usage: Usage | None = None
    local_day: str | None = None

    def apply(self, data: SessionData) -> None:
        entry = _touch(data, self.conversation_id, self.at)
        if not _counts(data, entry):
            return
        data.conversations[entry.id] = attrs.evolve(
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
