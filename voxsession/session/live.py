"""The one live core that all handles of a session in a process share."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from weakref import WeakKeyDictionary

from voxsession.clock import Clock
from voxsession.codec.session_codec import SessionCodec
from voxsession.core.changes import (
    Change,
    MemoryAdded,
    MemoryCompressed,
    MemoryUpdated,
    MessageAdded,
    MilestoneReached,
)
from voxsession.core.conversation import ConversationEntry
from voxsession.core.envelope import Record
from voxsession.core.events import Event
from voxsession.core.memory_entry import MemoryEntry
from voxsession.core.rules import PRIVATE_CATEGORIES
from voxsession.core.session_data import SessionData
from voxsession.core.struct import Struct, evolve, field
from voxsession.errors import ConflictError, SessionEndedError
from voxsession.learning.milestones import crossed, standing
from voxsession.memory.allowance import category_expiry
from voxsession.memory.context_lines import Counted
from voxsession.memory.fact_index import fact_index_of
from voxsession.memory.facts import Fact
from voxsession.memory.recall import SessionIndex
from voxsession.memory.repair import go_on_plainly, looks_broken
from voxsession.memory.tokens import TokenCounter
from voxsession.session.batches import BatchScope, around, innermost, inside, outermost
from voxsession.session.discretion import landed
from voxsession.session.echoes import Echoes
from voxsession.session.handlers import EventHub
from voxsession.session.loop_bound import LoopBound
from voxsession.session.pending import Pending, applied, named_conversations
from voxsession.session.reports import CompressionReport
from voxsession.session.settling import filled_slots, missing_repair, settle_memory
from voxsession.session.turn_lock import TurnLock

__all__ = ["Attempt", "FiledTalks", "LiveCore"]

_log = logging.getLogger(__name__)
_UNKNOWN = -1


class Attempt(Struct, eq=False):
    """A write that was begun: it is sent again unaltered until its outcome is known.

    Attributes:
        count: how many pending changes it holds, from the front.
        named_pages: pages that were written for it and that it names.
        drop_pages: stored pages that no document names any more once it is durable.
    """

    record: Record
    whole: bool
    count: int
    size: int
    named_pages: set[str] = field(default_factory=set)
    drop_pages: set[str] = field(default_factory=set)


class FiledTalks(Struct, eq=False):
    """The conversation entries that lie in index pages, as far as they were read.

    Attributes:
        pages: the ids of the index pages that `entries` was read from.
    """

    pages: tuple[str, ...] = ()
    entries: dict[str, ConversationEntry] = field(default_factory=dict)


class LiveCore(Struct, kw_only=True, eq=False, weakref=True):
    """The state of an open session: data, pending changes, what is known of its stored record.

    Attributes:
        pending: changes that are applied but not saved, in order: the dirty flag and the undo list in one.
        exists: a record of it is stored.
        needs_whole: the next save must be a whole document.
        sound_total: how many messages there were when the latest of them were last seen to be right.
        revision: grows with every change, so that indexes know when they are behind.
        filed_talks: the conversation entries in index pages, as far as they were needed.
        open_conversations: conversation ids with an open handle; they are not filed away.
        guest_turns: by conversation, the turns of guests that run or wait; these are not filed away either.
        short_heads: conversations whose loaded messages did not fill their latest context: it took filed ones too.
        batches: the `batch_update()` blocks that are open, of all tasks.
        became: id of an entry that is no more -> that which others learned as well, for blocks that name the one.
        loose_pages: pages that were written here and that no stored document is known to name, or that one named
            and no longer does: they are removed with the next save.
        has_conflict: what is pending cannot be put behind what others wrote, until `reload`: new handles get
            a core of their own.
        compressions: the reports of compressions that are not saved yet: each is corrected should it be dropped.
        is_gone: its record was deleted, or its id was taken by another session: nobody finds it here any more.
    """

    data: SessionData
    clock: Clock
    counter: TokenCounter
    hub: EventHub
    key: str
    owner: str = ""
    codec: SessionCodec | None = None
    exists: bool = False
    needs_whole: bool = False
    is_gone: bool = False
    has_conflict: bool = False
    document_bytes: int = 0
    tail_bytes: int = 0
    tail_changes: int = 0
    pending: list[Pending] = field(default_factory=list)
    attempt: Attempt | None = None
    loose_pages: set[str] = field(default_factory=set)
    sound_total: int = _UNKNOWN
    revision: int = 0
    handles: int = 0
    index: SessionIndex = field(default_factory=SessionIndex)
    open_conversations: dict[str, int] = field(default_factory=dict)
    guest_turns: dict[str, list[Any]] = field(default_factory=dict)
    short_heads: set[str] = field(default_factory=set)
    batches: list[BatchScope] = field(default_factory=list)
    became: dict[str, str] = field(default_factory=dict)
    tasks: set[asyncio.Task[Any]] = field(default_factory=set)
    gates: dict[str, Any] = field(default_factory=dict)
    filed_talks: FiledTalks = field(default_factory=FiledTalks)
    debug: Any = None
    learning: Any = None
    compressions: WeakKeyDictionary[Change, CompressionReport] = field(default_factory=WeakKeyDictionary)
    counted: Counted | None = None
    preparing: LoopBound[asyncio.Lock] = field(default_factory=lambda: LoopBound(asyncio.Lock))
    save_lock: LoopBound[TurnLock] = field(default_factory=lambda: LoopBound(TurnLock))

    @property
    def view(self) -> SessionData:
        """What this task sees: the live data, or inside its batch the data with the batch on top."""
        # With no block open anywhere there is nothing to look for; this is asked dozens of times a turn.
        return self._seen_from(innermost(self)) if self.batches else self.data

    @property
    def in_batch(self) -> bool:
        """Whether this task is inside a batch of this session."""
        return bool(self.batches) and innermost(self) is not None

    @property
    def outermost_batch(self) -> BatchScope | None:
        """The block that decides whether what this task records now is kept; None where it is kept at once."""
        return outermost(self)

    @property
    def is_dirty(self) -> bool:
        """Whether anything waits for the next save."""
        waits = self.pending or self.loose_pages or self.needs_whole or not self.exists
        return not self.is_gone and bool(waits)

    @property
    def pending_changes(self) -> list[Change]:
        """What the next save has to store: all that is pending but what stays with the process."""
        return [pending.change for pending in self.pending if not pending.change.local]

    @property
    def changes_in_view(self) -> list[Change]:
        """What this task sees and no page knows yet: all that is pending, and what its batch holds."""
        waiting: list[Pending] = []
        scope = innermost(self)
        while scope is not None:
            waiting, scope = [*scope.changes, *waiting], around(scope)
        return [one.change for one in (*self.pending, *waiting)]

    @property
    def held_conversations(self) -> set[str]:
        """The conversations that open blocks go on with: their entries must stay in the head."""
        return named_conversations(one.change for scope in self.batches for one in scope.changes)

    @property
    def pending_messages(self) -> int:
        """How many messages wait for the next save."""
        return sum(isinstance(pending.change, MessageAdded) for pending in self.pending)

    def replace_data(self, data: SessionData) -> None:
        """Goes on with other data: what was known of those before is in doubt."""
        self.data, self.sound_total = data, _UNKNOWN
        self.revision += 1

    def now(self) -> datetime:
        """The present moment, aware, in UTC."""
        return self.clock.now()

    @property
    def conversations_in_use(self) -> set[str]:
        """The conversations that must not be filed away: with a handle, a guest or an open block in them."""
        return {*self.open_conversations, *self.guest_turns, *self.held_conversations}

    # --- changes

    def record(self, *changes: Change) -> None:
        """Applies changes in order, then tells the handlers; in a batch both wait for its end."""
        scope = innermost(self) if self.batches else None
        if scope is None:
            self._land(*changes)
            return
        self._seen_from(scope)
        scope.record(*changes)

    def remember(self, entry: MemoryEntry, *, local: bool) -> MemoryEntry:
        """Records an entry, with the end that its category gives it, and gives it as it is kept.

        Older holders of its slot step back, and the budget holds.
        """
        entry = evolve(entry, expires_at=category_expiry(entry, self.view.config))
        self.keep_private(entry)
        self.record(MemoryAdded(at=entry.timestamp, entry=entry, local=local))
        self.settle_memory(entry.slot)
        return entry

    def keep_private(self, fact: MemoryEntry | Fact) -> None:
        """Sees to it that no profile tells the words of what is private, also when the memory of it is gone."""
        if fact.category in PRIVATE_CATEGORIES or getattr(fact, "sensitive", False):
            from voxsession.learning.privacy import noted_words  # its word lists take a while

            self.record(*noted_words(self.view, [fact.value or fact.content], self.now()))

    def settle_memory(self, slot: str | None = None) -> None:
        """Decides supersession in `slot` and eviction, as far as there is something to decide."""
        settle_memory(self.view, self.now(), self.record, [slot] if slot is not None else [])

    def repair_history(self, latest: int | None = None, *, added: int = 0) -> set[str]:
        """Puts the recent messages right where no model would take them as they stand; mostly they are right.

        Args:
            latest: look no further unless something is wrong with so many of them.
            added: how many were recorded since the last look, if no others were.

        Returns:
            The ids of those that are other messages once more.
        """
        data = self.view
        if data.open_messages is not None:
            return set()
        messages, total = data.messages, data.message_total
        is_known = added > 0 and self.sound_total == total - added and data is self.data
        if (is_known and go_on_plainly(messages[-added - 1 :])) or not looks_broken(
            messages[-(latest or 0) :]
        ):
            self.sound_total = total if data is self.data else _UNKNOWN
            return set()
        self.sound_total = _UNKNOWN
        self._repair(data, self.record)
        return {message.id for message in self.view.messages if message.is_double}

    def _repair(self, data: SessionData, record: Callable[..., None]) -> None:
        change = missing_repair(data, self.now())
        if change is not None:
            record(change)
            # Their places in the index, and whether they are found at all, are others now.
            self.index.forget([repair.message_id for repair in change.repairs] + change.order)

    def settle_anew(self) -> None:
        """Decides supersession, eviction, repairs once more after others' changes were taken in; no batch holds it."""
        settle_memory(self.data, self.now(), self._land, fact_index_of(self.data).contested())
        self._repair(self.data, self._land)

    def tell_dropped(self, dropped: Sequence[Change]) -> None:
        """Tells of what was dropped because others had changed or erased the same entries meanwhile."""
        edited = [change.entry.id for change in dropped if isinstance(change, MemoryUpdated)]
        for entry_id in dict.fromkeys(edited):
            why = "others erased it before it was saved"
            self.signal("memory.update_dropped", entry_id=entry_id, reason=why)
        for change in dropped:
            if isinstance(change, MemoryCompressed):
                ids = list(change.replaced)
                why = "others changed one of them before it was saved"
                report = self.compressions.pop(change, None)
                if report is not None:
                    report.withdraw(ids, why)
                self.signal("memory.compression_dropped", entry_ids=ids, reason=why)

    def announce(self, changes: Sequence[Change]) -> None:
        """Makes the events of applied changes."""
        if not self.hub.is_heard:
            return
        for change in changes:
            if change.event is not None:
                name = "conversation.branched" if _is_branch(change) else change.event
                self.hub.emit(Event(name, change.at, self.data.session_id, change.event_fields()))

    def signal(self, name: str, /, **fields: Any) -> None:
        """Tells the handlers of something that is no change; in a batch it waits for its end, as changes do."""
        if not self.hub.is_heard:
            return
        event, scope = Event(name, self.now(), self.data.session_id, fields), innermost(self)
        if scope is not None:
            scope.signals.append(event)
        else:
            self.hub.emit(event)

    def failed(self, what: str, error: BaseException, **ids: str) -> None:
        """Notes a failure that the caller is told of: for the log its class only, as its text may quote something."""
        _log.warning("session %s: %s failed with %s", self.data.session_id, what, type(error).__name__)
        if self.debug is not None:
            self.debug.failed(f"{what}.failed", error, **ids)

    # --- batches

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Gathers what this task changes in the block: all of it becomes pending at the end, or nothing."""
        outer = innermost(self)
        base = self._seen_from(outer)
        scope = BatchScope(
            core=self, outer=outer, data=base.copy(), basis=self._basis(outer), known=base.message_total
        )
        if not self.batches:
            self.became.clear()
        self.batches.append(scope)
        try:
            with inside(scope):
                yield
        finally:
            self.batches.remove(scope)
        self._end(scope)

    def _end(self, scope: BatchScope) -> None:
        """Keeps what a block changed, or raises, and nothing of it is kept."""
        outer = around(scope)  # a task may outlast the block that it was started in
        self._seen_from(scope)
        if scope.clash is not None:
            raise _block_conflict(self.data, scope.clash)
        if outer is not None:
            scope.land_on(outer)
            return
        if scope.changes and self.data.status == "ended":
            raise SessionEndedError(
                self.data.session_id,
                f"Session {self.data.session_id!r} ended while the block was open: nothing of the block is kept.",
            )
        if scope.was_behind:
            self._decide_anew(scope)
        if scope.changes:
            self._land(*(pending.change for pending in scope.changes))
        self.tell_dropped(scope.dropped)
        for event in scope.signals:
            self.hub.emit(event)

    def _land(self, *changes: Change) -> None:
        before = standing(self.data)
        self.pending += [pending for change in changes for pending in landed(change, self.data)]
        for milestone in crossed(before, self.data):
            self.pending.append(applied(MilestoneReached(at=self.now(), milestone=milestone), self.data))
        self.revision += 1
        self.announce(changes)

    def tell_milestones(self, saved: Sequence[Pending]) -> None:
        """Makes the events of milestones that are stored now: no other process was first."""
        for pending in saved:
            if isinstance(pending.change, MilestoneReached):
                self.signal("analytics.milestone", milestone=pending.change.milestone)

    def _seen_from(self, scope: BatchScope | None) -> SessionData:
        """The live data, or a batch's; where that is behind what lies below it, it is put on top of it anew."""
        if scope is None:
            return self.data
        outer = around(scope)
        below = self._seen_from(outer)
        if scope.basis != self._basis(outer):
            scope.basis = self._basis(outer)
            scope.put_on(below, Echoes((), self.became), is_final=False)
        return scope.data

    def _decide_anew(self, scope: BatchScope) -> None:
        """Decides what others' changes call in question; not before its end, as it may be holding what it learned."""
        changes = [pending.change for pending in scope.changes]
        scope.put_on(self.data, Echoes(changes, self.became), is_final=True)
        settle_memory(scope.data, self.now(), scope.record, filled_slots(changes))
        self._repair(scope.data, scope.record)

    def _basis(self, outer: BatchScope | None) -> tuple[int, int, int]:
        return (self.revision, id(outer), outer.version if outer is not None else 0)


def _block_conflict(data: SessionData, what: str) -> ConflictError:
    return ConflictError(
        data.session_id,
        expected_seq=data.seq,
        found_seq=data.seq,
        message=f"While the block of batch_update() was open, session {data.session_id!r} was changed outside it "
        f"({what}). Nothing of the block is kept, all else is. Make the changes of the block again.",
    )


def _is_branch(change: Change) -> bool:
    return change.kind == "conversation.started" and getattr(change, "parent_id", None) is not None
