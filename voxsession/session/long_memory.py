"""Very long memories, kept from holding up the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime

from voxsession.memory.allowance import allowance_of
from voxsession.memory.roster import LARGE, Roster, roster_of
from voxsession.session.live import LiveCore

__all__ = ["is_long", "prepare", "prepare_now"]


def is_long(core: LiveCore) -> bool:
    """Whether a session remembers so much that going through it takes its time."""
    data = core.view
    return len(data.memories) + len(data.local_memories) > LARGE


async def prepare(
    core: LiveCore, query: str, limit: int, sources: Sequence[str], at: datetime | None = None
) -> None:
    """Brings a very long memory in order and answers a question in a thread; asked again, it is answered at once.

    Args:
        query: what will be searched for.
        limit: how many will be asked for.
        sources: where.
        at: the moment that "last week" will count from.
    """
    if not is_long(core):
        return
    async with core.preparing.get():
        data = core.view
        roster = _unfilled(core)
        if roster is not None:
            await asyncio.to_thread(roster.fill, data.all_memories())
            roster.finish()
    data, now = core.view, core.now()
    revision = -2 if core.in_batch else core.revision

    def ask() -> None:
        core.index.refresh(data, revision)
        if query.strip():
            core.index.search(query, limit, now=now, sources=sources, at=at)

    await asyncio.to_thread(ask)


def prepare_now(core: LiveCore) -> None:
    """The same at once, but for the question."""
    if is_long(core) and (roster := _unfilled(core)) is not None:
        roster.fill(core.view.all_memories())
        roster.finish()


def _unfilled(core: LiveCore) -> Roster | None:
    """A new roster, where there is none that fits; it notes from now on what changes meanwhile."""
    data = core.view
    half_lives = allowance_of(data.config).half_lives
    if roster_of(data, half_lives) is not None:
        return None
    data.roster = roster = Roster(half_lives)
    return roster
