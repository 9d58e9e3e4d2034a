"""The changes of conversations."""

from __future__ import annotations

from typing import Any, ClassVar

from voxsession.core.change import Change, change_kind, day_of
from voxsession.core.conversation import ConversationEntry
from voxsession.core.session_data import SessionData
from voxsession.core.share_grant import without_talk
from voxsession.core.struct import evolve
from voxsession.core.types import JsonObject, UtcTime

__all__ = [
    "ConversationDeleted",
    "ConversationEnded",
    "ConversationMerged",
    "ConversationRestored",
    "ConversationResumed",
    "ConversationStarted",
    "counts_in",
    "deleted",
    "touched",
]


#: What a conversation that ends or is resumed forgets of the span before.
_SPAN_BEGINS: dict[str, Any] = {
    "active_until": None,
    "running_seconds": 0.0,
    "skipped_seconds": 0.0,
    "pause_seconds": 0.0,
    "replayed_seconds": 0.0,
}


def touched(
    data: SessionData, conversation_id: str, at: UtcTime, *, is_shared: bool = False
) -> ConversationEntry:
    """The entry of a conversation; a lost one is made anew, so that no message is without one.

    Args:
        is_shared: a guest talks in it, so that one made anew is the guest's: its id begins with that of the grant.
    """
    entry = data.conversations.get(conversation_id)
    guest = conversation_id.partition(".")[0] if is_shared else None
    return entry or ConversationEntry(
        id=conversation_id, started_at=at, opened_at=at, last_at=at, guest=guest
    )


def counts_in(data: SessionData, entry: ConversationEntry) -> bool:
    """Whether what happens in a conversation counts for the analytics: they tell of the session's own person."""
    return data.counts and entry.guest is None


def deleted(data: SessionData, conversation_id: str | None) -> str | None:
    """What is observed of a conversation by those who go on with it: None, unless it was deleted."""
    entry = data.conversations.get(conversation_id or "")
    return "its conversation was deleted" if entry is not None and entry.status == "deleted" else None


@change_kind
class ConversationStarted(Change, frozen=True, kw_only=True):
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

    def observe(self, data: SessionData) -> Any:
        return deleted(data, self.parent_id)


@change_kind
class ConversationResumed(Change, frozen=True, kw_only=True):
    """A conversation goes on; `entry` brings one back that was filed away."""

    kind: ClassVar[str] = "conversation.resumed"
    event: ClassVar[str | None] = "conversation.resumed"
    conversation_id: str
    entry: ConversationEntry | None = None

    def apply(self, data: SessionData) -> None:
        if self.entry is not None and self.conversation_id not in data.conversations:
            data.conversations[self.conversation_id] = self.entry
        entry = touched(data, self.conversation_id, self.at)
        if entry.status == "deleted":
            return
        # The span before was never ended, in a crash perhaps: it lasted up to its latest message.
        data.totals.running_seconds -= entry.running_seconds
        data.totals.total_duration_seconds += entry.running_seconds
        data.conversations[entry.id] = evolve(
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
class ConversationRestored(Change, frozen=True, kw_only=True):
    """The entry of a conversation that another writer filed came back to the head."""

    kind: ClassVar[str] = "conversation.restored"
    entry: ConversationEntry

    def apply(self, data: SessionData) -> None:
        data.conversations.setdefault(self.entry.id, self.entry)


@change_kind
class ConversationEnded(Change, frozen=True, kw_only=True):
    """A conversation ended; it can be resumed. Of two that end it, the one that was stored first counts."""

    kind: ClassVar[str] = "conversation.ended"
    event: ClassVar[str | None] = "conversation.ended"
    conversation_id: str
    duration_seconds: float = 0.0
    local_day: str | None = None

    def apply(self, data: SessionData) -> None:
        entry = touched(data, self.conversation_id, self.at)
        if entry.ended_at is not None:
            return
        counts = counts_in(data, entry)
        seconds = entry.seconds_at_end(self.duration_seconds, counts=counts)
        data.conversations[entry.id] = evolve(
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
class ConversationMerged(Change, frozen=True, kw_only=True):
    """What came of a branch was brought back: its summary belongs to this conversation's contexts from now on."""

    kind: ClassVar[str] = "conversation.merged"
    event: ClassVar[str | None] = "conversation.merged"
    conversation_id: str
    branch_id: str

    def apply(self, data: SessionData) -> None:
        entry = touched(data, self.conversation_id, self.at)
        if self.branch_id not in entry.merged_ids:
            data.conversations[entry.id] = evolve(entry, merged_ids=(*entry.merged_ids, self.branch_id))


@change_kind
class ConversationDeleted(Change, frozen=True, kw_only=True):
    """A conversation was deleted: it cannot be resumed, and its entry stays only to tell where branches left it."""

    kind: ClassVar[str] = "conversation.deleted"
    event: ClassVar[str | None] = "conversation.deleted"
    erases: ClassVar[bool] = True
    conversation_id: str

    def apply(self, data: SessionData) -> None:
        entry = touched(data, self.conversation_id, self.at)
        data.conversations[entry.id] = evolve(entry, status="deleted", merged_ids=(), call=None)
        data.shares = without_talk(
            data.shares, entry.id
        )  # also what stays for branches, which it does not hold
