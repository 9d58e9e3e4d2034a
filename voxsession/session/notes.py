"""The notes that others leave in a session that was shared with them."""

from __future__ import annotations

import attrs

from voxsession.core.memory_entry import MemoryEntry
from voxsession.core.share_grant import ShareGrant
from voxsession.core.types import check_text
from voxsession.errors import BudgetError, ConfigurationError
from voxsession.memory.allowance import category_expiry
from voxsession.session.live import LiveCore

__all__ = ["NOTES_SHARE", "checked_note", "note_entry"]

NOTES_SHARE = (
    0.2  # of the owner's memory budget, for the notes of all others together: none crowds the owner out
)
MAX_NOTE_CHARS = 4_000
MAX_CATEGORY_CHARS = 100
IMPORTANCE = 0.4


def checked_note(text: object) -> str:
    """The text of a note.

    Raises:
        ConfigurationError: it is empty, too long, or no text.
    """
    note = check_text("text", text, allow_empty=False)
    if len(note) > MAX_NOTE_CHARS:
        raise ConfigurationError.out_of_range(
            "text", f"{len(note):,} characters", f"a note can have {MAX_NOTE_CHARS:,}"
        )
    return note


def note_entry(
    core: LiveCore, grant: ShareGrant, grant_id: str, text: str, category: str | None
) -> MemoryEntry:
    """The entry of a note: its author is its speaker, its source is `shared`.

    Raises:
        ConfigurationError: the category is none of the share's or the session's; the session keeps no memories.
        BudgetError: the notes of others take as much of the budget as they may.
    """
    config = core.data.config
    if config.get("memory_mode") == "ephemeral":
        raise ConfigurationError("This session keeps no memories, so no notes either.", option="memory_mode")
    size = core.counter.count(text)
    room = int(int(config.get("max_memory_size", 10_000)) * NOTES_SHARE)
    now = core.now()
    live = (entry for entry in core.data.memories.values() if entry.is_live(now))
    taken = sum(entry.token_count for entry in live if entry.source == "shared")
    if taken + size > room:
        raise BudgetError(
            "The notes in this session",
            needed_tokens=taken + size,
            available_tokens=room,
            where="their part of its memory",
            remedy="Write a shorter one, or ask the owner to clear older notes.",
        )
    author = grant.shared_with_user_id
    entry = MemoryEntry(
        id=core.clock.new_id("mem"),
        content=text,
        category=_category(core, grant, category),
        importance=IMPORTANCE,
        timestamp=now,
        speaker=author,
        source="shared",
        metadata={"author": author, "grant_id": grant_id},
        token_count=size,
        estimated=not core.counter.exact,
    )
    return attrs.evolve(entry, expires_at=category_expiry(entry, config))


def _category(core: LiveCore, grant: ShareGrant, given: str | None) -> str:
    allowed = (core.data.template or {}).get("memory_categories")
    known = None if not allowed else {*map(str, allowed), "general"}
    if given is None:
        given = (
            "general" if grant.categories is None or "general" in grant.categories else grant.categories[0]
        )
    name = check_text("category", given, allow_empty=False)
    if len(name) > MAX_CATEGORY_CHARS:
        raise ConfigurationError.out_of_range(
            "category", f"{len(name):,} characters", f"a category can have {MAX_CATEGORY_CHARS}"
        )
    limits = [set(limit) for limit in (grant.categories, known) if limit is not None]
    if not all(name in limit for limit in limits):
        fit = sorted(set.intersection(*limits))
        raise ConfigurationError.out_of_range("category", name, "choose of " + ", ".join(fit))
    return name
