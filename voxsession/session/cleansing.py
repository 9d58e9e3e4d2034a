"""Taking what was erased on purpose out of filed history too."""

from __future__ import annotations

from voxsession.codec.document import decode_memories
from voxsession.core.changes import MemoryRemoved
from voxsession.session.live import LiveCore
from voxsession.session.loader import Loader

__all__ = ["cleanse_archives"]


async def cleanse_archives(loader: Loader, core: LiveCore, count: int) -> list[str]:
    """Replaces archive pages that hold what the first `count` pending changes erased.

    A page without them is written before the document that names it; the ids of the
    pages that must go once that document is stored are given back.
    """
    erased = [p.change for p in core.pending[:count] if isinstance(p.change, MemoryRemoved)]
    if not erased or core.codec is None:
        return []
    outdated: list[str] = []
    for ref in list(core.data.archive_pages):
        name = f"{core.data.session_id}/{ref.id}"
        entries = decode_memories(await loader.page(core.data.session_id, core.codec, ref), name)
        kept = [entry for entry in entries.values() if not any(change.covers(entry) for change in erased)]
        if len(kept) < len(entries):
            outdated.append(ref.id)
            place = core.data.archive_pages.index(ref)
            core.data.archive_pages[place : place + 1] = await loader.archive(core, kept)
    return outdated
