"""Where the rows of an export come from: one moment of a session, page by page."""

from __future__ import annotations

from collections.abc import AsyncIterator

from voxsession.codec.bundle_rows import SessionRow, session_row
from voxsession.core.conversation import ConversationEntry
from voxsession.core.memory_entry import MemoryEntry
from voxsession.core.message import Message
from voxsession.core.session_data import PageRef, SessionData
from voxsession.errors import IntegrityError
from voxsession.session.filing import IndexPage
from voxsession.session.host import SessionHost
from voxsession.session.live import LiveCore
from voxsession.session.recorder import Recorder

__all__ = ["BundleSource", "page_ids"]


class BundleSource:
    """A session as it is when `open` is awaited; what others do to it meanwhile is not seen.

    A page that is taken away while this goes on (something in it was erased) is `IntegrityError`: begin anew.

    Attributes:
        data: the session.
        total: how many rows there are at most.
    """

    def __init__(self, core: LiveCore, host: SessionHost) -> None:
        self._core = core
        self._host = host
        self.data: SessionData = core.data.copy()
        self._recorder: Recorder | None = None
        self._index = IndexPage()
        self._archived: dict[str, str] = {}  # the page that holds the newest of an id

    async def open(self) -> list[MemoryEntry]:
        """Reads what has to be known before the first row; gives the sensitive entries that lie in pages."""
        data, found = self.data, list[MemoryEntry]()
        if data.pages or data.index_pages or data.archive_pages:
            self._recorder = await self._host.ready()
        if data.index_pages and self._recorder is not None and self._core.codec is not None:
            self._index = await self._recorder.index_of(data, self._core.codec)
        for ref in data.archive_pages:
            for entry in await self._archive(ref):
                self._archived[entry.id] = ref.id
                if entry.sensitive:
                    found.append(entry)
        return found

    @property
    def total(self) -> int:
        """How many rows there are at most."""
        data = self.data
        return len(self._archived) + len(data.memories) + data.message_total + len(self.conversations()) + 1

    def conversations(self) -> list[ConversationEntry]:
        """All of them, in the order they began."""
        talks = {talk.id: talk for talk in self._index.conversations} | self.data.conversations
        return sorted(talks.values(), key=lambda talk: (talk.started_at, talk.id))

    async def memories(self) -> AsyncIterator[MemoryEntry]:
        """All stored entries: history first, as far as it is filed, then the rest of it, then what is live."""
        data = self.data
        for ref in data.archive_pages:
            for entry in await self._archive(ref):
                if entry.id not in data.memories and self._archived.get(entry.id) == ref.id:
                    yield entry
        for is_live in (False, True):
            for entry in data.memories.values():
                if (entry.superseded_by is None) is is_live:
                    yield entry

    async def messages(self) -> AsyncIterator[list[Message]]:
        """All messages in session order, a page at a time."""
        data, count = self.data, 0
        refs = {ref.first_index: ref for ref in (*data.pages, *self._index.pages)}
        for first_index in sorted(refs):
            if first_index < data.message_offset and self._recorder is not None:
                page = await self._recorder.load_messages(self._core, refs[first_index])
                count += len(page)
                yield page
        yield data.messages
        if count + len(data.messages) != data.message_total:
            raise IntegrityError(
                data.session_id,
                f"it counts {data.message_total} messages, and {count + len(data.messages)} are there",
            )

    def session(self) -> SessionRow:
        """The session itself."""
        return session_row(self.data)

    async def _archive(self, ref: PageRef) -> list[MemoryEntry]:
        assert self._recorder is not None
        return await self._recorder.load_archive(self._core, ref)


def page_ids(data: SessionData) -> list[str]:
    """The pages that the head names; others than before tell that something was filed or erased."""
    return [ref.id for ref in (*data.pages, *data.index_pages, *data.archive_pages)]
