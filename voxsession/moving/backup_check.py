"""Whether what was read can be opened, to the last page."""

from __future__ import annotations

from voxsession.core.call_record import audio_refs
from voxsession.core.envelope import Record
from voxsession.moving.backup_file import Entry
from voxsession.session.loader import Loader, StorageRules
from voxsession.session.vault import Vault
from voxsession.storage.base import SessionStorage

__all__ = ["open_entry", "read_session"]


class _OneSession(SessionStorage):
    """A session as it was read, for a loader; pages that were not read yet come from where it lies."""

    storage_type = "backup"
    can_page = True

    def __init__(self, entry: Entry, storage: SessionStorage | None) -> None:
        self._entry = entry
        self._storage = storage
        self.pages: dict[str, Record] = {str(page.get("page_id")): page for page in entry.pages}

    async def save(self, session_data: Record) -> None:
        raise self._lacking("save")

    async def load(self, session_id: str) -> Record | None:
        return self._entry.record if session_id == self._entry.key else None

    async def load_page(self, session_id: str, page_id: str) -> Record | None:
        page = self.pages.get(page_id)
        if page is None and self._storage is not None:
            page = await self._storage.load_page(session_id, page_id)
            if page is not None:
                self.pages[page_id] = page
        return page


async def open_entry(entry: Entry, vault: Vault, rules: StorageRules) -> None:
    """Opens all that an entry holds, and nothing else.

    Raises:
        IntegrityError: it is altered, incomplete, or from elsewhere.
        KeyNotFoundError: its key is not known here.
        UnsupportedFormatError: a newer version wrote it.
    """
    if entry.kind == "session":
        await _open_session(entry, _OneSession(entry, None), vault, rules)
    else:
        await vault.look_for_key(entry.record)
        vault.open_small(entry.record, entry.key)


async def read_session(record: Record, storage: SessionStorage, vault: Vault, rules: StorageRules) -> Entry:
    """The record with all pages that it names, opened on the way; the errors of `open_entry`."""
    one = _OneSession(Entry(record), storage if storage.can_page else None)
    await _open_session(Entry(record), one, vault, rules)
    return Entry(record, list(one.pages.values()))


async def _open_session(entry: Entry, one: _OneSession, vault: Vault, rules: StorageRules) -> None:
    loader = Loader(one, vault, rules)
    session_id = str(entry.record.get("session_id"))
    loaded = await loader.load(session_id, lazy=False)
    if loaded is None:
        return
    data = loaded.data
    index = await loader.index_of(data, loaded.codec)
    talks = {talk.id: talk for talk in index.conversations} | data.conversations
    audio = [ref for talk in talks.values() for ref in audio_refs(talk.call)]
    for ref in (*data.pages, *data.index_pages, *data.archive_pages, *index.pages, *audio):
        await loader.page(session_id, loaded.codec, ref)
