"""The memory calls of a session."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any, Final, Literal, TypedDict, Unpack

from voxsession.core.changes import MemoryRemoved, MemoryUpdated
from voxsession.core.memory_entry import Memory, MemoryEntry
from voxsession.core.rules import allowed_categories
from voxsession.core.session_data import SessionData
from voxsession.core.share_grant import SNAPSHOT, frozen_entries
from voxsession.core.struct import evolve
from voxsession.core.types import (
    JsonObject,
    as_utc,
    check_flag,
    check_number,
    check_object,
    check_text,
    later,
)
from voxsession.errors import ConfigurationError
from voxsession.memory.allowance import allowance_of, fitting_tokens
from voxsession.memory.budget import live_tokens
from voxsession.memory.matches import MemoryMatch
from voxsession.memory.recall import in_zone_of
from voxsession.session.base import SessionBase
from voxsession.session.history import find_in_past, held_in_head, recall_past
from voxsession.session.long_memory import prepare, prepare_now
from voxsession.session.meaning import understand, understand_now
from voxsession.session.reading import load_everything
from voxsession.session.scope import with_origins
from voxsession.session.taking import keeps_local

__all__ = ["Remembering"]

MAX_CATEGORY = 100
MAX_DAYS = 36_500
SOURCES: Final = ("memories", "messages")


class EntryEdits(TypedDict, total=False):
    """What `update_memory` takes, for editors and type checkers."""

    content: str
    category: str
    importance: float
    expires_at: datetime | None
    sensitive: bool
    pinned: bool
    speaker: str | None
    metadata: JsonObject | None


class Remembering(SessionBase):
    """What is remembered: adding, finding, changing, clearing."""

    @property
    def memory_usage(self) -> float:
        """The share of the memory budget that is used, 0 to 1."""
        limit = int(self._setting("max_memory_size"))
        return live_tokens(self._core.view) / limit if limit else 0.0

    def get_memory(self, *, as_of: datetime | None = None) -> Memory:
        """All live entries with their size; neither superseded nor expired ones are among them.

        Args:
            as_of: what held at this moment (aware) instead, facts that have given way since included, as far as they
                are loaded: `recall` reads those that were filed as well.
        """
        now = self._core.now()
        if as_of is not None:
            live = held_in_head(self._core, as_utc("as_of", as_of))
        else:
            live = [entry for entry in self._core.view.all_memories() if entry.is_live(now)]
        return Memory(
            entries=live,
            in_order=as_of is not None,
            token_count=sum(entry.token_count for entry in live),
            max_tokens=int(self._setting("max_memory_size")),
        )

    def add_memory(
        self,
        content: str,
        category: str = "general",
        importance: float = 0.5,
        expires_after_days: float | None = None,
        sensitive: bool = False,
        speaker: str | None = None,
        at: datetime | None = None,
        pinned: bool = False,
        metadata: JsonObject | None = None,
    ) -> MemoryEntry:
        """Remembers a fact; it is saved with the next save.

        What says the same already stays beside it: only what is learned counts as more evidence.

        Args:
            content: the fact, best as one sentence.
            category: any word; a template may allow only some.
            importance: 0 to 1; decides who stays when the budget is full.
            expires_after_days: days after which it is never returned again.
            sensitive: keeps it out of logs, debug output, `repr`, errors and exports.
            speaker: whom it is about or who said it; None = the user.
            at: when it became known; None = now.
            pinned: evicted last.
            metadata: the app's own JSON-ready data.

        Returns:
            The entry, with its id.

        Raises:
            ConfigurationError: an argument is wrong; it names which, and what is allowed.
            BudgetError: the entry alone is larger than `max_memory_size`, or than the share of its category.
        """
        core = self._writable()
        text = check_text("content", content, allow_empty=False)
        moment = as_utc("at", at) if at is not None else core.now()
        weight = float(check_number("importance", importance, 0, 1))
        kind = self._category(category)
        entry = MemoryEntry(
            id=core.clock.new_id("mem"),
            content=text,
            category=kind,
            importance=weight,
            timestamp=moment,
            expires_at=_expiry(moment, expires_after_days),
            sensitive=check_flag("sensitive", sensitive),
            pinned=check_flag("pinned", pinned),
            speaker=None if speaker is None else check_text("speaker", speaker, allow_empty=False),
            metadata=None if metadata is None else check_object("metadata", metadata),
            token_count=self._fitting_tokens(text, kind),
            estimated=not core.counter.exact,
        )
        return core.remember(
            entry, local=keeps_local(str(self._setting("memory_mode")), weight, learned=False)
        )

    def update_memory(self, id: str, **changes: Unpack[EntryEdits]) -> MemoryEntry:
        """Gives an entry other values.

        Args:
            id: the entry's id.
            **changes: any of `content`, `category`, `importance`, `expires_at`, `sensitive`, `pinned`,
                `speaker`, `metadata`.

        Returns:
            The entry as it is now.

        Raises:
            ConfigurationError: there is no such entry, or a value is wrong.
        """
        core = self._writable()
        old = core.view.find_memory(check_text("id", id))
        if old is None or not old.is_live(core.now()):
            raise ConfigurationError(
                f"There is no memory entry {id!r} in this session.", option="id", value=id
            )
        values = {name: self._checked(name, value) for name, value in dict[str, Any](changes).items()}
        if "content" in values:
            values["slot"] = values["value"] = None  # an edited sentence may say something else
        entry = evolve(old, **values)
        if not values.keys().isdisjoint(("content", "category")):
            size = self._fitting_tokens(entry.content, entry.category)
            entry = evolve(entry, token_count=size, estimated=not core.counter.exact)
        core.keep_private(entry)
        core.record(MemoryUpdated(at=core.now(), entry=entry, local=id in core.view.local_memories))
        core.settle_memory()
        return entry

    def clear_memory(
        self,
        category: str | None = None,
        before: datetime | None = None,
        ids: Sequence[str] | None = None,
    ) -> int:
        """Erases entries; with several conditions those that meet all, without any, all entries.

        The erased text leaves the disk with the next save, which writes the whole document.

        Args:
            category: only entries of this category.
            before: only entries that became known before this moment (aware).
            ids: only these entries, also ones that lie in pages or in frozen shares alone.

        Returns:
            How many entries were erased of those that `get_memory` could have given.
        """
        core = self._writable()
        limit = as_utc("before", before) if before is not None else None
        wanted = _wanted_ids(ids)
        if category is not None:
            check_text("category", category)
        gone = [
            entry.id
            for entry in core.view.all_memories()
            if (category is None or entry.category == category)
            and (limit is None or entry.timestamp < limit)
            and (wanted is None or entry.id in wanted)
        ]
        local = [entry_id for entry_id in gone if entry_id in core.view.local_memories]
        stored = [entry_id for entry_id in gone if entry_id not in core.view.local_memories]
        now, view = core.now(), core.view
        # What was filed, and what frozen shares hold of entries that are gone, goes as well.
        elsewhere = bool(view.archive_pages or any(share.get(SNAPSHOT) for share in view.shares.values()))
        if wanted is not None and elsewhere:
            stored += _out_of_sight(view, wanted, category, limit)
        if stored or (wanted is None and elsewhere):
            core.record(
                MemoryRemoved(
                    at=now, entry_ids=stored, everywhere=wanted is None, category=category, before=limit
                )
            )
        if local:
            core.record(MemoryRemoved(at=now, entry_ids=local, local=True))
        return len(gone)

    def search_memory(
        self, query: str, limit: int = 5, category: str | None = None, *, as_of: datetime | None = None
    ) -> list[MemoryMatch]:
        """Finds remembered entries by words, with a plain embedder by meaning as well; nothing is loaded or written.

        A plain embedder is called here and now, for the query and for the entries it has not seen yet.

        Args:
            query: any text.
            limit: at most this many.
            category: only entries of this category.
            as_of: what held at this moment (aware), as `get_memory` tells it; by words only.

        Returns:
            Matches, best first; expired entries are never among them, superseded ones only with `as_of`.
        """
        core = self._core
        text = check_text("query", query)
        count = int(check_number("limit", limit, 0, 1_000_000, whole=True))
        if category is not None:
            check_text("category", category)
        if as_of is not None:
            moment = as_utc("as_of", as_of)
            held = [one for one in held_in_head(core, moment) if category in (None, one.category)]
            start = in_zone_of(core.view, moment)
            return find_in_past(text, count, entries=held, as_of=moment, at=start)
        prepare_now(core)
        core.index.refresh(core.view, self._index_revision())
        understand_now(core, self._host, text)
        found = core.index.search(text, count, now=core.now(), sources=("memories",), category=category)
        return with_origins(core, found)

    async def recall(
        self,
        query: str,
        limit: int = 5,
        sources: Sequence[Literal["memories", "messages"]] = SOURCES,
        at: datetime | None = None,
        *,
        as_of: datetime | None = None,
        include_guests: bool = False,
    ) -> list[MemoryMatch]:
        """Finds remembered entries and past messages, filed ones included.

        Args:
            query: any text; time expressions such as "last week" are understood, by the days of the session's
                `timezone`.
            limit: at most this many.
            sources: ``memories``, ``messages`` or both.
            at: the moment that "last week" counts from (aware); None = now.
            as_of: what held, or had been said, at this moment (aware): facts that have given way since are found,
                filed ones too, later ones are not; by words only.
            include_guests: also what was said in conversations of shares; the reasons say so.

        Returns:
            One ranked list, best first, each match with its reasons. Where the embedder fails or takes too
            long, it is by words, and the event `handler.failed` tells why.
        """
        core = self._core
        text = check_text("query", query)
        count = int(check_number("limit", limit, 0, 1_000_000, whole=True))
        known = isinstance(sources, Iterable) and all(source in SOURCES for source in sources)
        if not known or not sources:
            raise ConfigurationError.out_of_range("sources", sources, "choose of 'memories', 'messages'")
        start = as_utc("at", at) if at is not None else None
        if as_of is not None:
            past = as_utc("as_of", as_of)
            return await recall_past(
                core,
                self._host,
                text,
                count,
                as_of=past,
                sources=tuple(sources),
                at=start,
                include_guests=include_guests,
            )
        if "messages" in sources:
            await load_everything(core, self._host)
        await prepare(core, text, count, tuple(sources), start)
        await understand(core, self._host, text, sources)
        core.index.refresh(core.view, self._index_revision())
        wanted = count
        while True:
            found = core.index.search(text, wanted, now=core.now(), sources=tuple(sources), at=start)
            own = [
                one
                for one in found
                if include_guests or one.message is None or one.message.origin != "shared"
            ]
            # What guests said may have taken the first places: then more is asked for.
            if len(own) >= count or len(found) < wanted:
                return with_origins(core, own[:count])
            wanted *= 4

    # --- checks

    def _category(self, category: object) -> str:
        name = check_text("category", category, allow_empty=False)
        if len(name) > MAX_CATEGORY:
            raise ConfigurationError.out_of_range("category", name, f"at most {MAX_CATEGORY} characters")
        allowed = allowed_categories((self._core.view.template or {}).get("memory_categories"))
        if allowed and name not in allowed:
            raise ConfigurationError.out_of_range(
                "category", name, "the template allows " + ", ".join(allowed)
            )
        return name

    def _checked(self, name: str, value: Any) -> Any:
        checks: dict[str, Any] = {
            "content": lambda: check_text("content", value, allow_empty=False),
            "category": lambda: self._category(value),
            "importance": lambda: float(check_number("importance", value, 0, 1)),
            "expires_at": lambda: None if value is None else as_utc("expires_at", value),
            "sensitive": lambda: check_flag("sensitive", value),
            "pinned": lambda: check_flag("pinned", value),
            "speaker": lambda: None if value is None else check_text("speaker", value, allow_empty=False),
            "metadata": lambda: None if value is None else check_object("metadata", value),
        }
        if name not in checks:
            raise ConfigurationError(
                f"{name} of a memory entry cannot be changed; these can: {', '.join(checks)}.", option=name
            )
        return checks[name]()

    def _fitting_tokens(self, text: str, category: str) -> int:
        return fitting_tokens(text, category, allowance_of(self._core.view.config), self._core.counter)


def _out_of_sight(
    view: SessionData, wanted: Collection[str], category: str | None, before: datetime | None
) -> list[str]:
    """Which of these ids the head does not hold, so that they may lie in pages or frozen shares."""
    gone = [entry_id for entry_id in wanted if view.find_memory(entry_id) is None]
    if category is None and before is None:
        return gone
    # Of an entry in a page nobody knows here whether it meets the conditions.
    return [
        entry.id
        for entry in frozen_entries(view.shares)
        if entry.id in gone
        and category in (None, entry.category)
        and (before is None or entry.timestamp < before)
    ]


def _expiry(moment: datetime, days: float | None) -> datetime | None:
    if days is None:
        return None
    span = float(check_number("expires_after_days", days, 0, MAX_DAYS))
    if span <= 0:
        raise ConfigurationError.out_of_range("expires_after_days", days, "more than 0 days are needed")
    return later("expires_after_days", moment, span)


def _wanted_ids(ids: Sequence[str] | None) -> set[str] | None:
    if ids is None:
        return None
    if isinstance(ids, (str, bytes)) or not isinstance(ids, Iterable):
        raise ConfigurationError.out_of_range("ids", type(ids).__name__, "a list of entry ids is needed")
    return {check_text("ids", entry_id) for entry_id in ids}
