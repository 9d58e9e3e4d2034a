"""Everything that a session remembers and has heard, wherever it lies."""

from __future__ import annotations

from voxsession.core.conversation import ConversationEntry
from voxsession.core.memory_entry import MemoryEntry
from voxsession.core.message import Message
from voxsession.core.struct import Struct, field
from voxsession.session.host import SessionHost
from voxsession.session.live import LiveCore
from voxsession.session.reading import page_refs

__all__ = ["Holdings", "gather"]


class Holdings(Struct, kw_only=True):
    """All entries and messages of one moment, filed ones included.

    Attributes:
        pages: the page of each entry and message that is filed.
        talks: the conversation entries that are filed.
    """

    entries: list[MemoryEntry] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    pages: dict[str, str] = field(default_factory=dict)
    talks: list[ConversationEntry] = field(default_factory=list)


async def gather(core: LiveCore, host: SessionHost) -> Holdings:
    """Reads all pages; the rest is as it is when the last of them was read."""
    recorder = await host.ready()
    while True:
        found, named = Holdings(), _named(core)
        for ref in await page_refs(core, host):
            messages = await recorder.load_messages(core, ref)
            found.messages += messages
            found.pages.update((message.id, ref.id) for message in messages)
        for ref in list(core.data.archive_pages):
            entries = await recorder.load_archive(core, ref)
            found.entries += entries
            found.pages.update((entry.id, ref.id) for entry in entries)
        if core.data.index_pages:
            found.talks = (await recorder.load_index(core)).conversations
        if named == _named(core):  # else something was filed meanwhile, and may have been met twice or never
            found.messages += core.data.messages
            found.entries += core.data.all_memories()
            return found


def _named(core: LiveCore) -> list[str]:
    data = core.data
    return [ref.id for ref in (*data.pages, *data.index_pages, *data.archive_pages)]
