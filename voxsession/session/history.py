"""What was remembered before: facts that gave way, and what could be found at an earlier moment."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from voxsession.core.changes import MemoryRemoved, MessagesRedacted
from voxsession.core.memory_entry import MemoryEntry
from voxsession.core.message import Message
from voxsession.core.struct import evolve
from voxsession.memory.matches import MemoryMatch
from voxsession.memory.past import held_at
from voxsession.memory.recall import in_zone_of
from voxsession.session.host import SessionHost
from voxsession.session.live import LiveCore
from voxsession.session.reading import page_refs

__all__ = ["find_in_past", "held_in_head", "recall_past", "whole_history"]


def held_in_head(core: LiveCore, moment: datetime) -> list[MemoryEntry]:
    """The entries that held at a moment, of those that are loaded; the oldest first."""
    here = {entry.id: entry for entry in core.view.all_memories()}
    return held_at(here.values(), moment, core.now(), known=here)


async def whole_history(core: LiveCore, host: SessionHost) -> dict[str, MemoryEntry]:
    """All entries by id, those that gave way and were filed included; without what was erased.

    What lies in the head is newer than what was filed.
    """
    filed: dict[str, MemoryEntry] = {}
    recorder = await host.ready()
    for ref in list(core.data.archive_pages):
        filed |= {entry.id: entry for entry in await recorder.load_archive(core, ref)}
    # What is erased here lies in its page until the next save.
    erased = [change for change in core.changes_in_view if isinstance(change, MemoryRemoved)]
    kept = {name: one for name, one in filed.items() if not any(change.covers(one) for change in erased)}
    return kept | {entry.id: entry for entry in core.view.all_memories()}


async def recall_past(
    core: LiveCore,
    host: SessionHost,
    query: str,
    limit: int,
    *,
    as_of: datetime,
    sources: Collection[str],
    at: datetime | None,
    include_guests: bool = False,
) -> list[MemoryMatch]:
    """Finds by words what held, or had been said, at a moment; filed entries and messages are loaded.

    Args:
        core: the live session.
        host: what reads pages.
        query: any text.
        limit: at most this many.
        as_of: the moment, aware.
        sources: ``memories``, ``messages`` or both.
        at: the moment that "last week" counts from; None = `as_of`.
        include_guests: also what was said in conversations of shares.
    """
    entries: Sequence[MemoryEntry] = ()
    messages: Sequence[tuple[int, Message]] = ()
    if "memories" in sources:
        known = await whole_history(core, host)
        entries = held_at(known.values(), as_of, core.now(), known=known)
    if "messages" in sources:
        messages = [
            one
            for one in await _all_messages(core, host)
            if one[1].at <= as_of and (include_guests or one[1].origin != "shared")
        ]
    return await asyncio.to_thread(
        find_in_past,
        query,
        limit,
        entries=entries,
        messages=messages,
        as_of=as_of,
        at=in_zone_of(core.view, at or as_of),
    )


def find_in_past(
    query: str,
    limit: int,
    *,
    entries: Iterable[MemoryEntry],
    messages: Iterable[tuple[int, Message]] = (),
    as_of: datetime,
    at: datetime | None = None,
) -> list[MemoryMatch]:
    """The best matches among what held at a moment, by words.

    Args:
        query: any text.
        limit: at most this many.
        entries: those that held.
        messages: those that had been said, with their index in the session.
        as_of: the moment, aware.
        at: the moment that "last week" counts from, in the zone whose days are meant; None = `as_of`.
    """
    from voxsession.memory.recall import passage_of
    from voxsession.memory.search import SearchIndex

    held = {entry.id: entry for entry in entries}
    said = {message.id: (index, message) for index, message in messages}
    index = SearchIndex()
    index.add(
        [
            *(passage_of(evolve(entry, timestamp=entry.begins_at)) for entry in held.values()),
            *(passage_of(message, place) for place, message in said.values()),
        ]
    )
    note = (f"as of {as_of:%Y-%m-%d}",)
    return [
        MemoryMatch(
            score=hit.score,
            reasons=hit.reasons + note,
            entry=held.get(hit.id),
            message=said[hit.id][1] if hit.id in said else None,
        )
        for hit in index.search(query, limit, sources=("memory", "message"), at=at or as_of)
    ]


async def _all_messages(core: LiveCore, host: SessionHost) -> list[tuple[int, Message]]:
    """What person and assistant said, with its index in the session; without what was erased."""
    found: dict[str, tuple[int, Message]] = {}
    refs = await page_refs(core, host)
    recorder = await host.ready()
    for ref in refs:
        page = await recorder.load_messages(core, ref)
        found |= {message.id: (index, message) for index, message in enumerate(page, ref.first_index)}
    view = core.view
    found |= {
        message.id: (index, message) for index, message in enumerate(view.messages, view.message_offset)
    }
    erased = {
        message_id
        for change in core.changes_in_view
        if isinstance(change, MessagesRedacted)
        for message_id in change.amended_ids
    }
    return [
        (index, message)
        for index, message in found.values()
        if message.role in ("user", "assistant")
        and not message.redacted
        and message.id not in erased
        and (message.content or "").strip()
    ]
