"""What lies in storage, opened and checked."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Sequence
from typing import Any, TypeVar

from voxsession.codec.document import decode_memories
from voxsession.codec.message_columns import decode_columns
from voxsession.codec.session_codec import Opened, SessionCodec
from voxsession.core.call_record import audio_pages_of
from voxsession.core.conversation import ConversationEntry
from voxsession.core.envelope import Record, storage_key
from voxsession.core.memory_entry import MemoryEntry
from voxsession.core.message import Message
from voxsession.core.session_data import PageRef, SessionData
from voxsession.core.struct import Struct
from voxsession.core.types import encode_json
from voxsession.errors import (
    IntegrityError,
    StorageError,
    StorageUnavailableError,
    VoxSessionError,
)
from voxsession.session.deadlines import Deadlines
from voxsession.session.filing import IndexPage, decode_index_page
from voxsession.session.live import LiveCore
from voxsession.session.tasks import take_outcome
from voxsession.session.vault import Vault
from voxsession.storage.base import NOTHING_AT_HAND, RecordsAtHand, SessionStorage

__all__ = ["Loaded", "Loader", "StorageRules"]

_T = TypeVar("_T")

LARGE_BYTES = 512 * 1024
LARGE_COUNT = 2_000
_PAGES_WITHOUT_A_BREAK = 4  # opening one takes a fifth of a millisecond
_PAGES_AT_ONCE = 16  # they share their way to the storage and back
_PAGES_IF_QUICK = 64  # more would only hold more memory
_QUICK_SECONDS = 50e-6  # for one page: half of what opening it takes
_SAVES = ("save", "append", "save_page")


class StorageRules(Struct, frozen=True, kw_only=True):
    """What the facade's settings ask of every write.

    Attributes:
        timeout_seconds: a storage call that takes longer is `StorageUnavailableError`.
        ttl_seconds: how long after its last write a session expires; None = never.
    """

    tenant: str = ""
    timeout_seconds: float = 10.0
    ttl_seconds: float | None = None


class Loaded(Struct, frozen=True, kw_only=True, eq=False):
    """A stored session, opened; `rewrapped` tells that its data key is now wrapped by a newer master key."""

    opened: Opened
    codec: SessionCodec
    owner: str
    rewrapped: bool

    @property
    def data(self) -> SessionData:
        """The session's data."""
        return self.opened.data


class Loader:
    """Loads sessions and their pages; every call of the storage ends in time."""

    def __init__(self, storage: SessionStorage, vault: Vault, rules: StorageRules) -> None:
        self.storage = storage
        self._vault = vault
        self._rules = rules
        self._deadlines = Deadlines(rules.timeout_seconds)

    @property
    def rules(self) -> StorageRules:
        """What the facade's settings ask of every write."""
        return self._rules

    @property
    def vault(self) -> Vault:
        """What seals and opens for it."""
        return self._vault

    def key_of(self, session_id: str) -> str:
        """The storage key of a session."""
        return storage_key("session", self._rules.tenant, session_id)

    async def load(
        self, session_id: str, *, lazy: bool, at_hand: RecordsAtHand = NOTHING_AT_HAND
    ) -> Loaded | None:
        """The stored session, opened and checked; None where there is none.

        Args:
            at_hand: Records that were just loaded; the session's is asked for where it is not among them.
        """
        record = await self._record_of(session_id, at_hand)
        if record is None:
            return None
        codec, rewrapped = self._vault.codec_for(record)
        is_large = not lazy and _is_large(record)
        opened = await asyncio.to_thread(_open_all, codec, record) if is_large else codec.open(record)
        owner = self._owner_of(record, opened.data)
        if not lazy:
            _ = opened.data.memories, opened.data.messages
        return Loaded(opened=opened, codec=codec, owner=owner, rewrapped=rewrapped)

    async def load_head(self, session_id: str) -> SessionData | None:
        """What head and tail of a stored session say, memories and messages left sealed; None where there is none."""
        record = await self._record_of(session_id)
        if record is None:
            return None
        codec, _ = self._vault.codec_for(record)
        data = codec.open_head(record)
        self._owner_of(record, data)
        return data

    async def _record_of(self, session_id: str, at_hand: RecordsAtHand = NOTHING_AT_HAND) -> Record | None:
        key = self.key_of(session_id)
        record = at_hand[key] if key in at_hand else await self.call(self.storage.load(key), "load")
        if record is None:
            return None
        if record.get("session_id") != session_id or record.get("tenant", "") != self._rules.tenant:
            raise IntegrityError(session_id, "another session's record lies in its place")
        await self._vault.look_for_key(record)
        return record

    def _owner_of(self, record: Record, data: SessionData) -> str:
        owner = self._vault.owner(data.user_id)
        if record.get("owner") != owner:
            raise IntegrityError(data.session_id, "its owner does not match its content")
        return owner

    def adopt(self, core: LiveCore, loaded: Loaded) -> None:
        """Makes what was loaded the state of a core."""
        opened = loaded.opened
        known, found = (
            {ref.id for ref in (*data.pages, *data.index_pages)} for data in (core.data, opened.data)
        )
        if not known <= found:
            core.index.filed_upto = 0  # others may have amended what lies in pages: they are read anew
        core.replace_data(opened.data)
        core.codec = loaded.codec
        core.owner = loaded.owner
        core.exists = True
        core.needs_whole = opened.torn or loaded.rewrapped
        core.document_bytes, core.tail_bytes = opened.document_bytes, opened.tail_bytes
        core.tail_changes = len(opened.tail_changes)

    # --- pages

    async def load_messages(self, core: LiveCore, ref: PageRef) -> list[Message]:
        """The messages of a page; others may have put an amended one in its place meanwhile."""
        assert core.codec is not None
        session_id = core.data.session_id
        try:
            return await self.messages_of(session_id, core.codec, ref)
        except IntegrityError:
            loaded = await self.load(session_id, lazy=True)
            if loaded is None:
                raise
            index = await self.index_of(loaded.data, loaded.codec)
            for other in (*loaded.data.pages, *index.pages):
                if other.first_index == ref.first_index and other.id != ref.id:
                    return await self.messages_of(session_id, loaded.codec, other)
            raise

    async def load_all_messages(self, core: LiveCore, refs: Sequence[PageRef]) -> list[list[Message]]:
        """The messages of many pages, in the same order; while some are opened the next are on their way."""
        found: list[list[Message]] = []
        run, rest = refs[:_PAGES_AT_ONCE], refs[_PAGES_AT_ONCE:]
        following = asyncio.ensure_future(self._records_of(core, run)) if run else None
        try:
            while following is not None:
                records, seconds = await following
                # A thread that reads beside this one waits for it more than it saves, where reading takes no time.
                size = _PAGES_IF_QUICK if seconds < _QUICK_SECONDS * len(run) else _PAGES_AT_ONCE
                here, run, rest = run, rest[:size], rest[size:]
                following = asyncio.ensure_future(self._records_of(core, run)) if run else None
                if following is not None:
                    following.add_done_callback(take_outcome)  # where this run fails nobody asks for the next
                for ref, record in zip(here, records, strict=True):
                    found.append(await self._opened(core, ref, record))
                    if not len(found) % _PAGES_WITHOUT_A_BREAK:
                        await asyncio.sleep(0)
        finally:
            if following is not None:
                following.cancel()
        return found

    async def _records_of(
        self, core: LiveCore, refs: Sequence[PageRef]
    ) -> tuple[Sequence[Record | None], float]:
        """The records of pages, and how many seconds it took to load them."""
        loop = asyncio.get_running_loop()
        began_at, records = loop.time(), self.storage.load_pages(core.key, [ref.id for ref in refs])
        try:
            return await self.call(records, "load_page"), loop.time() - began_at
        except IntegrityError:  # of one of them, which others may have replaced
            return [None] * len(refs), loop.time() - began_at

    async def _opened(self, core: LiveCore, ref: PageRef, record: Record | None) -> list[Message]:
        """The messages of a page that was loaded, or of the one that has taken its place."""
        assert core.codec is not None
        session_id = core.data.session_id
        try:
            body = core.codec.open_page(self._rules.tenant, session_id, ref, record)
            return decode_columns(body, f"{session_id}/{ref.id}")
        except IntegrityError:
            return await self.load_messages(core, ref)

    async def messages_of(self, session_id: str, codec: SessionCodec, ref: PageRef) -> list[Message]:
        """The messages of a page of a session as it was just loaded."""
        return decode_columns(await self.page(session_id, codec, ref), f"{session_id}/{ref.id}")

    async def load_index(self, core: LiveCore) -> IndexPage:
        """All filed conversation entries and page references, oldest first."""
        assert core.codec is not None
        try:
            return await self.index_of(core.data, core.codec)
        except IntegrityError:
            loaded = await self.load(core.data.session_id, lazy=True)
            if loaded is None or loaded.data.index_pages == core.data.index_pages:
                raise
            return await self.index_of(loaded.data, loaded.codec)  # others have replaced a page of it

    async def index_of(self, data: SessionData, codec: SessionCodec) -> IndexPage:
        """The same for a session as it was just loaded."""
        talks: dict[str, ConversationEntry] = {}
        pages: list[PageRef] = []
        for ref in list(data.index_pages):
            index = await self._index_page(data.session_id, codec, ref)
            talks.update((entry.id, entry) for entry in index.conversations)
            pages += index.pages
        return IndexPage(conversations=list(talks.values()), pages=pages)

    async def load_index_page(self, core: LiveCore, ref: PageRef) -> IndexPage:
        """One index page."""
        assert core.codec is not None
        return await self._index_page(core.data.session_id, core.codec, ref)

    async def _index_page(self, session_id: str, codec: SessionCodec, ref: PageRef) -> IndexPage:
        body = await self.page(session_id, codec, ref)
        try:
            index: IndexPage = decode_index_page(body)
        except ValueError as error:
            raise IntegrityError(f"{session_id}/{ref.id}", f"the page is not readable ({error})") from None
        return index

    async def archive(self, core: LiveCore, entries: list[MemoryEntry]) -> list[PageRef]:
        """Writes a page of superseded entries; no page for none."""
        if not entries:
            return []
        return [await self.put_page(core, "archive", encode_json(entries), count=len(entries))]

    async def load_archive(self, core: LiveCore, ref: PageRef) -> list[MemoryEntry]:
        """The entries of an archive page."""
        assert core.codec is not None
        return await self._archive_page(core.data.session_id, core.codec, ref)

    async def archived(self, loaded: Loaded, ref: PageRef) -> list[MemoryEntry]:
        """The same for a session as it was just loaded."""
        return await self._archive_page(loaded.data.session_id, loaded.codec, ref)

    async def _archive_page(self, session_id: str, codec: SessionCodec, ref: PageRef) -> list[MemoryEntry]:
        body = await self.page(session_id, codec, ref)
        return list(decode_memories(body, f"{session_id}/{ref.id}").values())

    async def named_pages(self, session_id: str) -> set[str]:
        """The ids of all pages that a stored session names, in its head or in index pages."""
        loaded = await self.load(session_id, lazy=True)
        return await self.pages_of(loaded) if loaded is not None else set()

    async def pages_of(self, loaded: Loaded) -> set[str]:
        """The same for a session as it was just loaded."""
        return await self.page_names(loaded.data, loaded.codec)

    async def page_names(self, data: SessionData, codec: SessionCodec | None) -> set[str]:
        """The ids of all pages that this data names, in its head or in index pages."""
        index = await self.index_of(data, codec) if codec is not None else IndexPage()
        named = [*data.pages, *data.index_pages, *data.archive_pages, *index.pages]
        talks = {talk.id: talk for talk in index.conversations} | data.conversations
        heard = audio_pages_of(talks.values())
        return {ref.id for ref in named} | heard

    async def stored_pages(self, core: LiveCore) -> set[str]:
        """The ids of all pages that lie in storage for a session, whether it names them or not."""
        return {name for name, _ in await self.call(self.storage.list_pages(core.key), "list_pages")}

    async def erase_set_aside(self, core: LiveCore) -> int:
        """Removes damaged bytes that the storage keeps aside for a session; how many pieces."""
        return await self.call(self.storage.erase_set_aside(core.key), "erase_set_aside")

    async def put_page(self, core: LiveCore, kind: str, body: bytes, **known: Any) -> PageRef:
        """Writes a page; what a document needs to name it."""
        assert core.codec is not None
        page_id, session_id = core.clock.new_id("p"), core.data.session_id
        record, ref = core.codec.page(self._rules.tenant, session_id, page_id, kind, body, **known)
        await self.save_page(core, record)
        return ref

    async def save_page(self, core: LiveCore, record: Record) -> None:
        """Writes a page record; until a document is stored that names it, it is a loose one."""
        await self.call(self.storage.save_page(core.key, record), "save_page")
        core.loose_pages.add(str(record["page_id"]))

    async def page(self, session_id: str, codec: SessionCodec, ref: PageRef) -> bytes:
        """The body of a page, checked against what the head says of it."""
        record = await self.call(self.storage.load_page(self.key_of(session_id), ref.id), "load_page")
        return codec.open_page(self._rules.tenant, session_id, ref, record)

    # --- calling

    @contextlib.asynccontextmanager
    async def turn(self, core: LiveCore) -> AsyncIterator[None]:
        """The only one here to write or reload a session; whoever waits behind a hanging call is told in time."""
        lock = await self.take_turn(core)
        try:
            yield
        finally:
            lock.release()

    async def take_turn(self, core: LiveCore) -> asyncio.Lock:
        """The lock of a turn, taken; whoever takes it has to release it."""
        lock = core.save_lock.get()
        if lock.is_free:
            await lock.acquire()  # at once, so it needs no deadline
        else:
            await self.call(lock.acquire(), "save")
        return lock

    async def call(self, operation: Awaitable[_T], name: str) -> _T:
        """What the storage answers.

        Raises:
            StorageUnavailableError: it takes too long, or raises an `OSError`.
            StorageError: it raises another error that is not ours; that error is the cause.
        """
        try:
            return await self._deadlines.kept(operation)
        except TimeoutError:
            remedy = "Nothing is lost here: save again" if name in _SAVES else "Try again"
            raise StorageUnavailableError(
                f"{self.storage.storage_type} storage did not answer {name}() within "
                f"{self._rules.timeout_seconds:g} s. {remedy} when it is back.",
                storage=self.storage.storage_type,
                operation=name,
            ) from None
        except VoxSessionError:
            raise
        except (
            Exception
        ) as error:  # an adapter that lets its driver's errors out; their text may hold anything
            raise StorageError.of_foreign(self.storage.storage_type, name, error) from error


def _open_all(codec: SessionCodec, record: Record) -> Opened:
    opened = codec.open(record)
    _ = opened.data.memories, opened.data.messages
    return opened


def _is_large(record: Record) -> bool:
    """Whether opening it takes so long that it has to be done beside the event loop."""
    sealed, memory = record.get("sealed"), record.get("memory")
    if isinstance(sealed, dict):
        return sum(len(part) for part in sealed.values() if isinstance(part, str)) > LARGE_BYTES
    return isinstance(memory, dict) and len(memory.get("entries") or ()) > LARGE_COUNT
