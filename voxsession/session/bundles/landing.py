"""Rows of a bundle put into storage: pages first, as they fill, and last the one document that names them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, TypeVar

from voxsession.clock import Clock
from voxsession.codec.bundle_rows import SessionRow
from voxsession.codec.message_columns import encode_columns
from voxsession.codec.session_codec import SessionCodec
from voxsession.core.call_record import without_call
from voxsession.core.conversation import ConversationEntry
from voxsession.core.envelope import FORMAT, Record, stamp
from voxsession.core.memory_entry import MemoryEntry
from voxsession.core.message import Message
from voxsession.core.session_data import IMPORTED_AS, SessionData
from voxsession.core.struct import evolve
from voxsession.errors import ConflictError, StorageFullError, VoxSessionError
from voxsession.session.bundles.settling import landed_extra, recounted, settle, try_out
from voxsession.session.filing import HEAD_MESSAGES, PAGE_MESSAGES, plan_filing
from voxsession.session.live import LiveCore
from voxsession.session.recorder import Recorder
from voxsession.session.tasks import shielded

__all__ = ["BundleLanding", "UserMapping", "data_of_row"]

_R = TypeVar("_R", Message, MemoryEntry)
_ARCHIVED_AT_ONCE = 500


class UserMapping:
    """Other names for persons, all at once: ``{"a": "b", "b": "a"}`` exchanges two.

    The owner, who said a message, whom an entry is about, the slot that hangs on that, and the author of a shared
    note are renamed; texts are not.

    Args:
        names: old user id -> new user id, checked.
    """

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = dict(names)

    def name(self, name: str | None) -> str | None:
        """What a person is called from now on."""
        return self._names.get(name, name) if name is not None else None

    def message(self, message: Message) -> Message:
        """A message of the person who has that name now."""
        name = self.name(message.name)
        return message if name == message.name else evolve(message, name=name)

    def memory(self, entry: MemoryEntry) -> MemoryEntry:
        """An entry about the person who has that name now."""
        if not self._names:
            return entry
        speaker, slot, about = self.name(entry.speaker), entry.slot, entry.metadata
        if slot is not None and entry.speaker is not None and speaker is not None:
            old = entry.speaker.casefold() + "."
            if slot.startswith(old):
                slot = speaker.casefold() + "." + slot.removeprefix(old)
        if entry.source == "shared" and about is not None and isinstance(about.get("author"), str):
            about = {**about, "author": self.name(about["author"])}
        if (speaker, slot, about) == (entry.speaker, entry.slot, entry.metadata):
            return entry
        return evolve(entry, speaker=speaker, slot=slot, metadata=about)


def data_of_row(row: SessionRow, session_id: str, user_id: str | None) -> SessionData:
    """The session of a row under this id, without what was said and what is remembered."""
    return SessionData(
        session_id=session_id,
        user_id=user_id,
        created_at=row.created_at,
        updated_at=row.created_at,
        status=row.status,
        ended_at=row.ended_at,
        end_reason=row.end_reason,
        config=row.config,
        state=row.state,
        template=row.template,
        totals=row.analytics,
        preferences=row.preferences,
        preference_times=row.preference_times,
        evidence=row.evidence,
        topics=row.topics,
        metrics=row.metrics,
        token_counter=row.token_counter,
        extra=landed_extra(row.extra, row.session_id, session_id),
    )


class BundleLanding:
    """Takes the rows of one session in; nothing of it is to be found before `finish`.

    Args:
        recorder: whose storage it goes to.
        core: the session without its rows; it has a codec, and no handle.
        users: who is called what from now on.
        name: what errors call the bundle.
    """

    def __init__(
        self, recorder: Recorder, core: LiveCore, users: UserMapping, clock: Clock, name: str = "bundle"
    ) -> None:
        self._name = name
        self._recorder = recorder
        self._core = core
        self._users = users
        self._clock = clock
        self._messages: list[Message] = []
        self._archived: list[MemoryEntry] = []
        self._can_page = recorder.storage.can_page
        self._has_begun = False
        core.data.extra = {**core.data.extra, IMPORTED_AS: clock.new_id("import")}

    async def take(self, record: Any) -> None:
        """Takes a record in; full pages are written at once."""
        data = self._core.data
        if isinstance(record, ConversationEntry):
            data.conversations[record.id] = without_call(record)
        elif isinstance(record, MemoryEntry):
            await self._take_memory(self._users.memory(await self._counted(record)))
        elif isinstance(record, Message):
            self._messages.append(self._users.message(await self._counted(record)))
            if self._can_page and len(self._messages) >= HEAD_MESSAGES + PAGE_MESSAGES:
                await self._file_messages()

    async def _counted(self, record: _R) -> _R:
        counter, data = self._core.counter, self._core.data
        counted = await recounted(counter, record)
        if counted is not record and counter.exact:
            data.token_counter = counter.name
        return counted

    async def _take_memory(self, entry: MemoryEntry) -> None:
        data = self._core.data
        if entry.superseded_by is None:
            data.memory_tokens += entry.token_count
        elif self._can_page:
            self._archived.append(entry)
            if len(self._archived) >= _ARCHIVED_AT_ONCE:
                await self._file_archived()
            return
        data.memories[entry.id] = entry

    async def _file_messages(self) -> None:
        data = self._core.data
        run, self._messages = self._messages[:PAGE_MESSAGES], self._messages[PAGE_MESSAGES:]
        known = {"first_index": data.message_offset, "first_at": run[0].at, "last_at": run[-1].at}
        ref = await self._recorder.put_page(
            self._core, "messages", encode_columns(run), count=len(run), **known
        )
        data.pages.append(ref)
        data.message_offset += len(run)

    async def _file_archived(self) -> None:
        entries, self._archived = self._archived, []
        self._core.data.archive_pages += await self._recorder.archive(self._core, entries)

    async def finish(self, found_seq: int) -> None:
        """Writes the document: from now on the session is there, whole.

        Args:
            found_seq: the version that it takes the place of; 0 = there must be none.

        Raises:
            ConflictError: another version is stored; nothing was changed.
            IntegrityError: what was taken in makes no session that opens; nothing was changed.
            StorageError: it was not written.
        """
        core = self._core
        settle(core.data, self._clock.now())
        await self._file_archived()
        core.data.set_messages(self._messages, core.data.message_offset)
        if self._can_page:
            await self._file_rest()
        assert core.codec is not None
        record = await asyncio.to_thread(self._document, core.codec, self._header(found_seq))
        self._has_begun = True
        await shielded(self._commit(record))

    def _document(self, codec: SessionCodec, header: Record) -> Record:
        record = codec.document(header, self._core.data)
        try_out(codec, record, self._clock.now(), self._name)
        return record

    async def _commit(self, record: Record) -> None:
        storage = self._recorder.storage
        try:
            await self._recorder.call(storage.save(record), "save")
        except (ConflictError, StorageFullError):
            await self._remove_pages()
            raise
        except VoxSessionError:
            # It may have been made although its answer got lost, or be made yet: the pages must stay.
            if not await self._has_arrived(record):
                raise

    async def _file_rest(self) -> None:
        """Conversations and page references that the head has no room for."""
        core, tenant = self._core, self._recorder.rules.tenant
        assert core.codec is not None
        plan = plan_filing(core.data, core.codec, self._clock, tenant, ())
        for page in plan.records:
            await self._recorder.save_page(core, page)
        plan.carry_out(core.data)

    async def _has_arrived(self, record: Record) -> bool:
        try:
            stored = await self._recorder.call(self._recorder.storage.load(self._core.key), "load")
        except VoxSessionError:
            return False
        return stored is not None and stored.get("batch_id") == record["batch_id"]

    async def abandon(self) -> None:
        """Removes the pages that were written for a session that does not come."""
        if not self._has_begun:  # else its outcome decides
            await self._remove_pages()

    async def _remove_pages(self) -> None:
        pages, self._core.loose_pages = self._core.loose_pages, set()
        with contextlib.suppress(VoxSessionError):  # why it does not come is what has to be told
            if pages:
                deletion = self._recorder.storage.delete_pages(self._core.key, pages)
                await self._recorder.call(deletion, "delete_pages")

    def _header(self, found_seq: int) -> Record:
        core, rules, now = self._core, self._recorder.rules, self._clock.now()
        ends = now + timedelta(seconds=rules.ttl_seconds) if rules.ttl_seconds is not None else None
        first = int.from_bytes(self._clock.random_bytes(4), "big") // 4 + 1
        return {
            "format": FORMAT,
            "kind": "session",
            "tenant": rules.tenant,
            "session_id": core.data.session_id,
            "owner": core.owner,
            "seq": found_seq + 1 if found_seq else first,
            "base_seq": found_seq,
            "batch_id": self._clock.new_id("b"),
            "created_at": stamp(core.data.created_at),
            "updated_at": stamp(now),
            "expires_at": stamp(ends) if ends is not None else None,
            "status": core.data.status,
        }
