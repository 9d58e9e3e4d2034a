"""What goes to storage and when: the only place that decides between an appended batch and a whole document."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from functools import lru_cache

from voxsession.clock import Clock
from voxsession.codec.batch import checked_body, unstorable
from voxsession.codec.session_codec import KEEP_BATCH_IDS, after_batch
from voxsession.core.changes import MemoryAdded, MessageAdded, ShareCreated
from voxsession.core.conversation import ConversationEntry
from voxsession.core.envelope import FORMAT, Record, expiry_stamp, sealed_size, stamp
from voxsession.core.session_data import IMPORTED_AS
from voxsession.errors import (
    ConfigurationError,
    ConflictError,
    FormatError,
    IntegrityError,
    KeyNotFoundError,
    SessionExistsError,
    SessionNotFoundError,
    VoxSessionError,
)
from voxsession.memory.budget import expired
from voxsession.session.cleansing import amends_pages, cleanse_pages
from voxsession.session.filing import plan_filing
from voxsession.session.live import Attempt, LiveCore
from voxsession.session.loader import LARGE_COUNT, Loaded, Loader, StorageRules
from voxsession.session.patience import Patience
from voxsession.session.pointers import Pointers
from voxsession.session.rebase import missing_conversations, rebase, replay
from voxsession.session.tasks import shielded
from voxsession.session.vault import Vault
from voxsession.storage.base import SessionStorage

__all__ = ["Recorder"]

_known_stamp = lru_cache(1024)(stamp)  # of what stays as it is as long as a session lives
TAIL_FLOOR_BYTES = 64 * 1024
TAIL_CHANGES = 128  # what packs well is small but takes as long to replay
_log = logging.getLogger(__name__)


class Recorder(Loader):
    """Loads and saves sessions of one installation."""

    def __init__(
        self, storage: SessionStorage, vault: Vault, clock: Clock, rules: StorageRules, pointers: Pointers
    ) -> None:
        super().__init__(storage, vault, rules)
        self._pointers = pointers
        self._clock = clock

    @property
    def patience_seconds(self) -> float:
        """How long others who save all the time are put up with: as long as a storage call may take."""
        return self._rules.timeout_seconds

    # --- saving

    async def save(self, core: LiveCore) -> bool:
        """Makes everything pending durable, in one write; False where there was nothing to write.

        Cancelling the caller does not stop a write that was begun.

        Raises:
            ConfigurationError: a change held what cannot be stored; it was undone, all others are saved.
            ConflictError: another writer changed the same thing; what is pending here is kept.
            StorageError: the write failed; what is pending is kept for the next save.
        """
        return await shielded(self._save_locked(core))

    async def _save_locked(self, core: LiveCore) -> bool:
        lock = await self.take_turn(core)
        try:
            undone: list[str] = []
            wrote = await self._commit(core, undone)
            if undone:
                kinds = ", ".join(dict.fromkeys(undone))
                raise ConfigurationError(
                    f"What was given for {kinds} cannot be stored: it was undone, all else is saved. Give it "
                    "in values that JSON has: no objects, no lone surrogates, no NaN.",
                    option=undone[0],
                )
            return wrote
        except VoxSessionError as error:
            core.has_conflict = isinstance(error, ConflictError)
            _log.warning("session %s: saving failed with %s", core.data.session_id, type(error).__name__)
            core.signal("session.save_failed", error=error)
            raise
        finally:
            lock.release()

    async def _commit(self, core: LiveCore, undone: list[str]) -> bool:
        wrote = False
        patience = Patience(self._clock, self.patience_seconds)
        while patience.try_again():
            # One whose outcome is not known goes first, unaltered; it does not hold what was recorded since.
            is_old, body, count = core.attempt is not None, b"", 0
            if core.attempt is None:
                if any([type(pending.change) is ShareCreated for pending in core.pending]):
                    await self._lead_shares(core)
                count, changes = len(core.pending), core.pending_changes
                is_long = len(changes) > LARGE_COUNT
                checked = await asyncio.to_thread(checked_body, changes) if is_long else checked_body(changes)
                if checked is None:
                    undone += await self._undo_unstorable(core)
                    continue  # others may have come meanwhile
                if core.exists and not core.needs_whole and not changes:
                    core.pending.clear()
                    if core.loose_pages:
                        await self._drop_loose_pages(core)
                    return wrote
                body = checked
            try:
                attempt = core.attempt = core.attempt or await self._compose(core, body, count)
                await self._send(core, attempt)
            except ConflictError as error:
                await patience.step_back()
                await self._meet_conflict(core, core.attempt, error)
                continue
            self._settle(core, attempt)
            if core.loose_pages:
                await self._drop_loose_pages(core)
            wrote = True
            if not is_old:
                return True
        raise patience.lost(core.data.session_id, core.data.seq)

    async def _undo_unstorable(self, core: LiveCore) -> list[str]:
        """Takes back what would make the session unreadable, as a net below the checks of arguments; its kinds."""
        bad = unstorable(core.pending_changes)
        session_id, loaded = core.data.session_id, None
        if core.exists:
            loaded = await self.load(session_id, lazy=False)
            if loaded is None or not _is_same(core, loaded):
                core.is_gone = True
                raise SessionNotFoundError(session_id)
        gone = set(map(id, bad))
        core.pending = [pending for pending in core.pending if id(pending.change) not in gone]
        if loaded is not None and loaded.data.seq != core.data.seq:
            await self._take_over(core, loaded)
            return [change.kind for change in bad]
        data = loaded.data if loaded is not None else core.data.blank()
        pending = replay(core, data)
        if loaded is not None:
            self.adopt(core, loaded)
        else:
            core.replace_data(data)
        core.pending = pending
        core.settle_anew()
        return [change.kind for change in bad]

    def _must_be_whole(self, core: LiveCore) -> bool:
        return (
            not core.exists
            or not self.storage.can_append
            or core.needs_whole
            or core.tail_bytes > max(TAIL_FLOOR_BYTES, core.document_bytes)
            or core.tail_changes + len(core.pending) > TAIL_CHANGES
            or any([pending.change.erases for pending in core.pending])
            or amends_pages(core)
        )

    async def _drop_loose_pages(self, core: LiveCore) -> None:
        """Removes the pages that nothing names; what cannot be removed now is tried again by the next save."""
        try:
            core.loose_pages -= await self.page_names(core.data, core.codec)
        except IntegrityError:
            return  # others went on meanwhile: what they name is known after the next save
        if core.loose_pages:
            await self.call(self.storage.delete_pages(core.key, core.loose_pages), "delete_pages")
            core.loose_pages.clear()

    async def _compose(self, core: LiveCore, body: bytes, count: int) -> Attempt:
        """The next write: all that is pending where it is whole, else the first `count`, which are `body`."""
        if core.codec is None:
            core.codec = self._vault.new_codec(core.data.session_id)
            core.owner = self._vault.owner(core.data.user_id)
        if self._must_be_whole(core):
            return await self._compose_whole(core)
        record = core.codec.batch(self._header(core), body)
        return Attempt(record=record, whole=False, count=count, size=sealed_size(record))

    async def _compose_whole(self, core: LiveCore) -> Attempt:
        assert core.codec is not None
        if gone := expired(core.data, self._clock.now()):
            core.record(*gone)
        while self.storage.can_page:
            plan = plan_filing(
                core.data,
                core.codec,
                self._clock,
                self._rules.tenant,
                core.conversations_in_use,
            )
            for page in plan.records:
                await self.save_page(core, page)
            if plan.still_fits(core.data, core.conversations_in_use):
                plan.carry_out(core.data)
                core.revision += bool(plan.records)
                break
        outdated = await cleanse_pages(self, core) if core.exists and self.storage.can_page else set()
        data, count, header = core.data, len(core.pending), self._header(core)
        if len(data.memories) > LARGE_COUNT:
            data = data.copy()  # what is recorded meanwhile waits for the next save
            record = await asyncio.to_thread(core.codec.document, header, data)
        else:
            record = core.codec.document(header, data)
        return Attempt(
            record=record,
            whole=True,
            count=count,
            size=sealed_size(record),
            named_pages={ref.id for ref in (*data.pages, *data.index_pages, *data.archive_pages)},
            drop_pages=outdated,
        )

    def _header(self, core: LiveCore) -> Record:
        now, ttl = self._clock.now(), self._rules.ttl_seconds
        ends = core.data.expires_at if core.exists else None
        expires = None if ends is None and ttl is None else expiry_stamp(ends, now, ttl)
        if core.exists and core.pending and all([pending.change.quiet for pending in core.pending]):
            # What others do with a share neither keeps a session alive nor makes it the latest one.
            now, ends = core.data.updated_at, core.data.expires_at
            expires = stamp(ends) if ends is not None else None
        return {
            "format": FORMAT,
            "kind": "session",
            "tenant": self._rules.tenant,
            "session_id": core.data.session_id,
            "owner": core.owner,
            "seq": core.data.seq + 1 if core.exists else self._first_seq(),
            "base_seq": core.data.seq,
            "batch_id": self._clock.new_id("b"),
            "created_at": _known_stamp(core.data.created_at),
            "updated_at": stamp(now),
            "expires_at": expires,
            "status": core.data.status,
        }

    def _first_seq(self) -> int:
        """Where a session's versions begin: by chance, so that none of a deleted one fits its successor's id."""
        return int.from_bytes(self._clock.random_bytes(4), "big") // 4 + 1

    async def _send(self, core: LiveCore, attempt: Attempt) -> None:
        if attempt.whole:
            if not core.exists and not self.storage.can_compare:
                await self._refuse_existing(core)
            await self.call(self.storage.save(attempt.record), "save")
        else:
            await self.call(self.storage.append(core.key, attempt.record), "append")
        if not core.exists and core.owner and not self.storage.can_list:
            # Such a storage has no index of owners: the pointer is the only way back to the session.
            await self.call(self._pointers.point(core.owner, core.data.session_id), "save")

    async def _lead_shares(self, core: LiveCore) -> None:
        """Writes what leads from the tokens of new shares to the session, before the session names them."""
        from voxsession.session.shares.pointers import SharePointers

        pointers = SharePointers(self.storage, self._vault, self._clock, self._rules.tenant)
        await self.call(pointers.lead_all(core), "save")

    async def _refuse_existing(self, core: LiveCore) -> None:
        found = await self.call(self.storage.load(core.key), "load")
        if found is not None and found.get("batch_id") != (core.attempt and core.attempt.record["batch_id"]):
            raise ConflictError(core.data.session_id, expected_seq=0, found_seq=found.get("seq"))

    def _settle(self, core: LiveCore, attempt: Attempt) -> None:
        """The write is durable: what it held is no longer pending."""
        saved, status = core.pending[: attempt.count], core.data.status
        del core.pending[: attempt.count]
        core.attempt = None
        core.exists, core.has_conflict = True, False
        after_batch(core.data, attempt.record)
        core.data.status = status  # it may have ended while this was on its way
        if attempt.whole:
            core.loose_pages = (core.loose_pages - attempt.named_pages) | attempt.drop_pages
            core.needs_whole = False
            core.document_bytes, core.tail_bytes, core.tail_changes = attempt.size, 0, 0
        else:
            core.tail_bytes += attempt.size
            core.tail_changes += attempt.count
        if _log.isEnabledFor(logging.DEBUG):
            told = (core.data.session_id, core.data.seq, len(saved), "whole" if attempt.whole else "appended")
            _log.debug("session %s: version %d, %d changes %s", *told)
        if core.hub.is_heard:
            core.signal("session.saved", seq=core.data.seq, changes=len(saved), whole=attempt.whole)
            core.tell_milestones(saved)

    # --- conflicts

    async def _meet_conflict(self, core: LiveCore, attempt: Attempt | None, error: ConflictError) -> None:
        """Puts what is pending behind what others wrote; raises where that is not possible."""
        session_id = core.data.session_id
        loaded = await self._load_after_conflict(core, error)
        if not core.exists and not (attempt and loaded and await self._has_arrived(core, attempt, loaded)):
            core.attempt = None
            core.is_gone = True
            raise SessionExistsError(session_id) from error
        if loaded is None or not _is_same(core, loaded):
            core.attempt = None
            core.is_gone = True
            await self._leave_no_pages(core)
            raise SessionNotFoundError(
                session_id,
                f"Session {session_id!r} was deleted elsewhere; what was pending here was not written.",
            ) from error
        _log.info("session %s: others saved version %d first", session_id, loaded.data.seq)
        await self._take_over(core, loaded)

    async def _leave_no_pages(self, core: LiveCore) -> None:
        """Removes the pages that were written for a session that is gone: no listing would ever lead to them."""
        with contextlib.suppress(VoxSessionError):  # that it is gone is what has to be told
            if core.loose_pages:
                await self.call(self.storage.delete_pages(core.key, core.loose_pages), "delete_pages")
                core.loose_pages.clear()

    async def _load_after_conflict(self, core: LiveCore, error: ConflictError) -> Loaded | None:
        try:
            return await self.load(core.data.session_id, lazy=False)
        except (FormatError, KeyNotFoundError):
            if core.exists:
                raise
            # Whatever it is that has this id, it was not made here.
            core.attempt = None
            core.is_gone = True
            raise SessionExistsError(core.data.session_id) from error

    async def reload(self, core: LiveCore, keep_pending: bool) -> None:
        """Takes in what others wrote; what is pending goes behind it, or is dropped.

        Raises:
            ConflictError: a pending change does not commute with what others wrote; nothing changed here.
            SessionNotFoundError: the session is gone.
        """
        async with self.turn(core):
            loaded = await self.load(core.data.session_id, lazy=False)
            if not keep_pending:
                core.pending.clear()
                if core.attempt is not None:
                    core.loose_pages.clear()  # a write that was begun may still arrive, and name them
                core.attempt = None
            if loaded is None or not _is_same(core, loaded):
                core.is_gone = core.exists
                raise SessionNotFoundError(core.data.session_id)
            core.has_conflict = False
            if core.attempt is not None and loaded.data.seq == core.attempt.record["base_seq"]:
                return  # nothing new is there, and the write that was begun may still arrive
            await self._take_over(core, loaded)

    async def _has_arrived(self, core: LiveCore, attempt: Attempt, loaded: Loaded) -> bool:
        """Whether what is stored was made with this write."""
        data = loaded.data
        if attempt.record["batch_id"] in loaded.opened.batch_ids:
            return True
        if data.seq - attempt.record["seq"] < KEEP_BATCH_IDS:
            return False
        # Too many whole writes came after it for the list of batches to tell; what it brought tells.
        changes = [pending.change for pending in core.pending[: attempt.count]]
        entries = {change.entry.id for change in changes if isinstance(change, MemoryAdded)}
        said = {change.message.id for change in changes if isinstance(change, MessageAdded)}
        if entries & data.memories.keys() or said & {message.id for message in data.messages}:
            return True
        known = core.data.message_total - core.pending_messages
        for ref in reversed(data.pages if said else []):
            if ref.first_index + ref.count <= known:
                break
            messages = await self.messages_of(data.session_id, loaded.codec, ref)
            if said & {message.id for message in messages}:
                return True
        return False

    async def _take_over(self, core: LiveCore, loaded: Loaded) -> None:
        filed: dict[str, ConversationEntry] = {}
        if loaded.data.index_pages and missing_conversations(core, loaded.data):
            index = await self.index_of(loaded.data, loaded.codec)
            filed = {entry.id: entry for entry in index.conversations}
        if core.attempt is not None and await self._has_arrived(core, core.attempt, loaded):
            # The write was made although its answer was lost: it must not be made twice.
            arrived = core.pending[: core.attempt.count]
            del core.pending[: core.attempt.count]
            core.tell_milestones(arrived)
        core.attempt = None
        pending, dropped = rebase(core, loaded.data, filed)
        self.adopt(core, loaded)
        core.pending = pending
        core.settle_anew()
        core.tell_dropped(dropped)


def _is_same(core: LiveCore, loaded: Loaded) -> bool:
    """Whether it is the session that is open here, and not one that was made anew under its id."""
    # A bundle of this very session may have taken its place: then they came by other imports.
    known, found = ((one.created_at, one.extra.get(IMPORTED_AS)) for one in (core.data, loaded.data))
    return known == found
