"""The changes of what is remembered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from voxsession.core.change import Change, change_kind
from voxsession.core.memory_entry import MemoryEntry, is_original
from voxsession.core.session_data import SessionData
from voxsession.core.share_grant import frozen_entries, without_rows
from voxsession.core.struct import evolve, field
from voxsession.core.types import UtcTime
from voxsession.core.withholding import note_secrecy

__all__ = [
    "MemoryAdded",
    "MemoryCompressed",
    "MemoryEvicted",
    "MemoryExpired",
    "MemoryReinforced",
    "MemoryRemoved",
    "MemoryRestored",
    "MemorySuperseded",
    "MemoryUpdated",
    "confirmations",
    "drop_memories",
    "put_memory",
]

MAX_CONFIRMATIONS = 64


def confirmations(given: Iterable[Mapping[str, str | None] | None]) -> dict[str, str | None] | None:
    """The messages that said something again, of several lists of them: the latest, as many as are kept."""
    rows = [row for one in given if one for row in one.items()]
    return dict(list(dict(rows).items())[-MAX_CONFIRMATIONS:]) or None


def put_memory(data: SessionData, entry: MemoryEntry, *, local: bool = False) -> None:
    """Puts the entry where its id lives already, else into the stored or the process-only entries."""
    note_secrecy(data, entry)
    for watch in data.watches():
        watch.changed(data.find_memory(entry.id), entry)
    if entry.id in data.local_memories or (local and entry.id not in data.memories):
        data.local_memories[entry.id] = entry
        return
    old = data.memories.get(entry.id)
    if old is not None and old.superseded_by is None:
        data.memory_tokens -= old.token_count
    if entry.superseded_by is None:
        data.memory_tokens += entry.token_count
    data.memories[entry.id] = entry


def drop_memories(data: SessionData, entry_ids: list[str]) -> None:
    """Takes the entries out, wherever they are kept."""
    for entry_id in entry_ids:
        local = data.local_memories.pop(entry_id, None)
        old = data.memories.pop(entry_id, None)
        for watch in data.watches():
            watch.changed(old or local, None)
        if old is not None and old.superseded_by is None:
            data.memory_tokens -= old.token_count


@change_kind
class MemoryAdded(Change, frozen=True, kw_only=True):
    """A fact was remembered."""

    kind: ClassVar[str] = "memory.added"
    event: ClassVar[str | None] = "memory.added"
    entry: MemoryEntry

    def apply(self, data: SessionData) -> None:
        # What it makes secret can only be told beside the others.
        entry = self.entry
        has_place = entry.message_id is not None or entry.slot is not None or entry.confirmed_in is not None
        if not (entry.sensitive and has_place) and data.lay_beside(self.entry, local=self.local):
            return
        if data.find_memory(self.entry.id) is None:
            put_memory(data, self.entry, local=self.local)


@change_kind
class MemoryReinforced(Change, frozen=True, kw_only=True):
    """A fact that is known already was said again."""

    kind: ClassVar[str] = "memory.reinforced"
    event: ClassVar[str | None] = "memory.updated"
    entry_id: str
    message_id: str | None = None
    conversation_id: str | None = None

    def apply(self, data: SessionData) -> None:
        entry = data.find_memory(self.entry_id)
        if entry is None:
            return
        said_in = entry.confirmed_in
        if self.message_id is not None and self.message_id != entry.message_id:
            said_in = confirmations([said_in, {self.message_id: self.conversation_id}])
        put_memory(data, evolve(entry, evidence_count=entry.evidence_count + 1, confirmed_in=said_in))

    def event_fields(self) -> dict[str, Any]:
        return {"entry_id": self.entry_id}


@change_kind
class MemoryUpdated(Change, frozen=True, kw_only=True):
    """An entry was given other contents; `entry` is all of it as it is now."""

    kind: ClassVar[str] = "memory.updated"
    event: ClassVar[str | None] = "memory.updated"
    entry: MemoryEntry

    def apply(self, data: SessionData) -> None:
        if data.find_memory(self.entry.id) is not None:
            put_memory(data, self.entry)

    def observe(self, data: SessionData) -> Any:
        return (data.find_memory(self.entry.id),)

    def behind(self, observed: Any, data: SessionData) -> MemoryUpdated | None:
        """The same edit of the entry as others left it; None where both edited the same thing of it."""
        (old,), now = observed, data.find_memory(self.entry.id)
        if old is None or now is None:
            return None
        mine, theirs = _edited(old, self.entry), _edited(old, now)
        if mine & theirs or _parts_them(mine, theirs) or _parts_them(theirs, mine):
            return None
        return self.done_to(now, observed)

    def done_to(self, entry: MemoryEntry, observed: Any) -> MemoryUpdated:
        """The same edit of another entry, or of what others made of it; `observed` is what this one was based on."""
        (old,) = observed
        values = {name: getattr(self.entry, name) for name in _edited(old, self.entry)}
        return MemoryUpdated(at=self.at, local=self.local, entry=evolve(entry, **values))

    def event_fields(self) -> dict[str, Any]:
        return {"entry": self.entry, "entry_id": self.entry.id}


_FIELDS = MemoryEntry.__struct_fields__
_SIZE = {"token_count", "estimated"}


def _edited(old: MemoryEntry, new: MemoryEntry) -> set[str]:
    """What was given another value; the size of a text is part of the text."""
    found = {name for name in _FIELDS if getattr(old, name) != getattr(new, name)}
    return found if "content" in found else found - _SIZE


def _parts_them(one: set[str], other: set[str]) -> bool:
    """Whether one gave a text, and the other said of the earlier text how private it is."""
    return "content" in one and bool({"sensitive", "category"} & other)


@change_kind
class MemorySuperseded(Change, frozen=True, kw_only=True):
    """A newer entry took the place of an older one, or the user said that it is not so; it is kept as history.

    Attributes:
        by: the newer entry, or the message that denied it.
        is_denied: it was denied: nothing took its place, and that is not decided anew.
        valid_until: when the older one ceased to be true, where that is known to be another moment than `at`.
    """

    kind: ClassVar[str] = "memory.superseded"
    event: ClassVar[str | None] = "memory.superseded"
    derived: ClassVar[bool] = True
    entry_id: str
    by: str
    valid_until: UtcTime | None = None
    is_denied: bool = False

    def apply(self, data: SessionData) -> None:
        entry = data.find_memory(self.entry_id)
        if entry is not None and entry.superseded_by is None:
            until = self.valid_until or entry.valid_until
            put_memory(
                data,
                evolve(entry, superseded_by=self.by, superseded_at=self.at, valid_until=until),
            )


@change_kind
class MemoryRemoved(Change, frozen=True, kw_only=True):
    """Entries were erased on request."""

    kind: ClassVar[str] = "memory.removed"
    event: ClassVar[str | None] = "memory.removed"
    erases: ClassVar[bool] = True
    entry_ids: list[str]
    reason: str = "cleared"
    everywhere: bool = False
    category: str | None = None
    before: UtcTime | None = None
    archived_before: UtcTime | None = None

    def covers(self, entry: MemoryEntry) -> bool:
        """Whether an entry that was filed as history is meant as well: by its id, or by what was cleared."""
        meant = self.everywhere and (self.category is None or entry.category == self.category)
        if meant and (self.before is None or entry.timestamp < self.before):
            return True
        limit, since = self.archived_before, entry.superseded_at
        is_old = limit is not None and since is not None and since < limit and is_original(entry)
        return is_old or entry.id in self.entry_ids

    def apply(self, data: SessionData) -> None:
        drop_memories(data, self.entry_ids)
        frozen = [entry.id for entry in frozen_entries(data.shares) if self.covers(entry)]
        data.shares = without_rows(data.shares, [*self.entry_ids, *frozen])


@change_kind
class MemoryEvicted(Change, frozen=True, kw_only=True):
    """Entries left because the budget was full; `reasons` says why these."""

    kind: ClassVar[str] = "memory.evicted"
    event: ClassVar[str | None] = "memory.evicted"
    derived: ClassVar[bool] = True
    entry_ids: list[str]
    reasons: dict[str, str] = field(default_factory=dict)

    def apply(self, data: SessionData) -> None:
        drop_memories(data, self.entry_ids)


@change_kind
class MemoryExpired(Change, frozen=True, kw_only=True):
    """Entries reached the end of their time."""

    kind: ClassVar[str] = "memory.expired"
    event: ClassVar[str | None] = "memory.expired"
    derived: ClassVar[bool] = True
    entry_ids: list[str]

    def apply(self, data: SessionData) -> None:
        drop_memories(data, self.entry_ids)


@change_kind
class MemoryCompressed(Change, frozen=True, kw_only=True):
    """Entries were folded into fewer; the originals are kept as superseded history.

    Attributes:
        replaced: id of each original -> id of the entry that stands for it now.
        added: entries that are new, or that one of them stays with more evidence than it had.
    """

    kind: ClassVar[str] = "memory.compressed"
    event: ClassVar[str | None] = "memory.compressed"
    gives_way: ClassVar[bool] = True
    replaced: dict[str, str]
    added: list[MemoryEntry] = field(default_factory=list)

    def apply(self, data: SessionData) -> None:
        for entry in self.added:
            put_memory(data, entry, local=self.local)
        for old_id, new_id in self.replaced.items():
            entry_ = data.find_memory(old_id)
            if entry_ is not None and entry_.superseded_by is None:
                put_memory(data, evolve(entry_, superseded_by=new_id, superseded_at=self.at))

    def observe(self, data: SessionData) -> Any:
        ids = [*self.replaced, *(entry.id for entry in self.added)]
        return {entry_id: data.find_memory(entry_id) for entry_id in ids}


@change_kind
class MemoryRestored(Change, frozen=True, kw_only=True):
    """Entries that were compressed or summed up are back; what had been made of them is `dropped`."""

    kind: ClassVar[str] = "memory.restored"
    event: ClassVar[str | None] = "memory.restored"
    entries: list[MemoryEntry]
    dropped: list[str] = field(default_factory=list)

    def apply(self, data: SessionData) -> None:
        drop_memories(data, self.dropped)
        for entry in self.entries:
            put_memory(data, entry, local=self.local)

    def observe(self, data: SessionData) -> Any:
        ids = [*self.dropped, *(entry.id for entry in self.entries)]
        return {entry_id: data.find_memory(entry_id) for entry_id in ids}
