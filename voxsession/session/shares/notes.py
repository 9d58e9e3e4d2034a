"""The notes that others leave in a session that was shared with them."""

from __future__ import annotations

from voxsession.core.memory_entry import MemoryEntry
from voxsession.core.share_grant import ShareGrant
from voxsession.core.struct import evolve
from voxsession.core.types import check_text
from voxsession.errors import BudgetError, ConfigurationError
from voxsession.memory.allowance import allowance_of, category_expiry
from voxsession.session.live import LiveCore

__all__ = ["NOTES_SHARE", "checked_note", "note_entry"]

NOTES_SHARE = (
    0.2  # of the owner's memory budget, and of what a category may take, for the notes of all others together
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
    where = _category(core, grant, category)
    _check_room(core, size, where)
    author = grant.shared_with_user_id
    entry = MemoryEntry(
        id=core.clock.new_id("mem"),
        content=text,
        category=where,
        importance=IMPORTANCE,
        timestamp=core.now(),
        speaker=author,
        source="shared",
        metadata={"author": author, "grant_id": grant_id},
        token_count=size,
        estimated=not core.counter.exact,
    )
    return evolve(entry, expires_at=category_expiry(entry, config))


def _check_room(core: LiveCore, size: int, category: str) -> None:
    """`BudgetError` where the notes of others would take more than their part, of all or of the category's share."""
    allowance, now = allowance_of(core.data.config), core.now()
    notes = [one for one in core.data.memories.values() if one.source == "shared" and one.is_live(now)]
    places: list[tuple[str, float, list[MemoryEntry]]] = [("its memory", allowance.max_tokens, notes)]
    if category in allowance.shares:
        of_category = [one for one in notes if one.category == category]
        places.append((f"the share of category {category!r}", allowance.most_of(category), of_category))
    for where, most, there in places:
        taken, room = sum(one.token_count for one in there), int(most * NOTES_SHARE)
        if taken + size > room:
            raise BudgetError(
                "The notes in this session",
                needed_tokens=taken + size,
                available_tokens=room,
                where=f"their part of {where}",
                remedy="Write a shorter one, or ask the owner to clear older notes.",
            )


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
