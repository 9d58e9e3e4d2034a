"""Moving everything that is stored from one storage to another."""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator

from voxsession.clock import Clock, SystemClock
from voxsession.core.envelope import storage_key
from voxsession.core.types import check_number
from voxsession.errors import ConfigurationError, ConflictError, IntegrityError, StorageError, values_hidden
from voxsession.moving.holdings import (
    KINDS,
    check_can_take,
    count_records,
    holds_all_of,
    index_keys_shared,
    is_unused,
    other_installation,
)
from voxsession.moving.passes import Copier, Plan
from voxsession.moving.presence import check_source_is_there, is_empty, place_of
from voxsession.moving.progress import Meter, Progress
from voxsession.moving.timed import TimedStorage
from voxsession.moving.transfer import check_whole, is_stand_in, make_way, newest, put, same
from voxsession.session.reports import Receipt
from voxsession.storage.base import SessionStorage
from voxsession.storage.inmemory import MemorySessionStorage
from voxsession.storage.registry import open_storage, storage_name
from voxsession.voxon_config import VoxonConfig

__all__ = ["migrate"]

PASSES = 5
MAX_TIMEOUT_SECONDS = 86_400.0


async def migrate(
    source: object,
    target: object,
    *,
    tenant: str | None = None,
    dry_run: bool = False,
    delete_source: bool = False,
    progress: Progress | None = None,
    clock: Clock | None = None,
    timeout_seconds: float = 10.0,
) -> Receipt:
    """Copies all records of a tenant from one storage to another, sealed as they are.

    No key is needed, and none is changed: who opened the sessions before opens them in the target.
    Both sides may be in use. What was written meanwhile is copied again; a session that goes on
    being written is told as ``moving``, and the next run brings it up to date. A run that was killed is
    simply started again. In the target a record is seen once its pages are there. Nothing there is
    overwritten but earlier states of the same records.

    Args:
        source: a storage that can list, or its name or URL. The folder or SQLite file of one has to be there.
            ``"file"`` is the folder ``./sessions``; ``"memory"`` is refused by name, for it would be a new one.
        target: a storage that appends, pages and lists, or its name or URL, in the same way.
        tenant: whose records; None = those without a tenant. Each tenant is moved by a call of its own.
        dry_run: only tell what would be copied; nothing is written, made or removed. A target that is not there
            yet counts as empty.
        delete_source: once every record has arrived and was compared, remove each from the source if it
            still is what was copied; what was written at that moment stays, told as ``moving``. The keyring
            record stays there, and so does what is told as ``expired``. If `details` tells of anything else
            than ``gone`` and ``expired`` before the first is removed, nothing is.
        progress: called (or awaited) with the records that are done and the number of all, once for each pair;
            what it raises ends the run and comes out of here.
        clock: where times and ids come from.
        timeout_seconds: how long each call of a storage may take, opening it among them.

    Returns:
        A receipt. `counts`: records ``copied``, ``updated`` (an earlier version was there), ``same`` (there
        already), ``conflict`` (left alone), ``unreadable``, ``moving``, ``gone`` (erased in the source since),
        ``expired`` (the target takes no records whose time has passed), ``deleted``; and ``pages`` copied.
        `details`: a row with the reason for each record that is one of the middle ones.

    Raises:
        ConfigurationError: a storage cannot do what is needed; the source is not there; both are one place; the
            target holds sessions of another installation; an argument is none. Nothing was written.
        StorageUnavailableError: a storage is away, or took too long; it says whether the source or the target
            did. Run it again.
        StorageError: a storage failed; run it again.

    Example:
        >>> import asyncio
        >>> from voxsession import MemorySessionStorage
        >>> asyncio.run(migrate(MemorySessionStorage(), MemorySessionStorage())).counts["copied"]
        0
    """
    with values_hidden():
        name = VoxonConfig(tenant=tenant).tenant or ""
        check_number("timeout_seconds", timeout_seconds, 0.001, MAX_TIMEOUT_SECONDS)
    meter = Meter(progress)
    from_storage, to_storage = _named(source, "source"), _named(target, "target")
    _check_able(from_storage, to_storage)
    _check_apart(from_storage, to_storage)
    await check_source_is_there(from_storage)
    if dry_run:  # to open a place is to make it
        from_storage, to_storage = await _unmade(from_storage), await _unmade(to_storage)
    async with (
        _opened(from_storage, isinstance(source, str), timeout_seconds, "source") as timed_source,
        _opened(to_storage, isinstance(target, str), timeout_seconds, "target") as timed_target,
    ):
        plan = Plan(
            source=timed_source,
            target=timed_target,
            tenant=name,
            clock=clock or SystemClock(),
            dry_run=dry_run,
            is_thorough=delete_source,
            meter=meter,
        )
        return await _Migration(plan).run(delete_source=delete_source and not dry_run)


class _Migration:
    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._copier = Copier(plan)

    async def run(self, *, delete_source: bool) -> Receipt:
        copier, dry_run = self._copier, self._plan.dry_run
        try:
            await self._move_keyring()
        except ConflictError:
            # Another run, or somebody who opened the target, was faster: meet what is there now.
            await self._move_keyring()
        if not dry_run:
            await copier.ledger.refuse_same_place()
        if self._plan.meter.is_watched:
            await self._plan.meter.begin(await count_records(self._plan.source, self._plan.tenant))
        for _ in range(1 if dry_run else PASSES):
            looked_at = [await copier.copy_kind(kind) for kind in KINDS]
            if not any(looked_at):
                break
        if not dry_run:
            for kind in KINDS:
                await copier.finish_kind(kind)
        if delete_source and copier.is_complete:
            for kind in KINDS:
                await copier.delete_from_source(kind)
            if copier.is_complete:
                await copier.ledger.clear()
        return copier.receipt()

    async def _move_keyring(self) -> None:
        """Puts the keyring first: without it no session could be opened."""
        source, target, tenant = self._plan.source, self._plan.target, self._plan.tenant
        key = storage_key("keyring", tenant, "main")
        record, found = await source.load(key), await target.load(key)
        if record is None:
            if not await is_unused(source, tenant):
                raise IntegrityError(key, "it is missing although sessions are stored in the source")
            return
        check_whole(record)
        if found is not None and same(record, found):
            return
        if found is not None and not is_stand_in(found):
            if not index_keys_shared(record, found):
                if not await is_unused(target, tenant):
                    raise other_installation("target")
            elif not holds_all_of(record, found):
                if not holds_all_of(found, record):
                    reason = "source and target have each been given a key of their own; left as it is"
                    self._copier.tell(key, "conflict", reason)
                return
        if not self._plan.dry_run:
            await put(target, record, await make_way(target, record, found))
            back = await target.load(key)
            if back is None or newest(back) != newest(record):
                raise IntegrityError(key, "the target did not give it back as it was written")


# --- storages


def _named(given: object, option: str) -> SessionStorage:
    if isinstance(given, str) and storage_name(given) == "memory":
        raise ConfigurationError(
            f"{option}='memory' is a new storage, empty now and gone afterwards. Give the MemorySessionStorage that "
            "is meant.",
            option=option,
        )
    return open_storage(given)


async def _unmade(storage: SessionStorage) -> SessionStorage:
    """The storage, or an empty one in memory for one that would first have to be made."""
    if not await is_empty(storage):
        return storage
    return MemorySessionStorage(max_sessions=None, cleanup_interval=None)


@contextlib.asynccontextmanager
async def _opened(
    storage: SessionStorage, is_ours: bool, timeout_seconds: float, side: str
) -> AsyncIterator[SessionStorage]:
    timed = TimedStorage(storage, timeout_seconds, "timeout_seconds", side)
    await timed.open()
    try:
        yield timed
    except BaseException:
        if is_ours:
            with contextlib.suppress(StorageError):  # what went wrong first is what is told
                await timed.close()
        raise
    if is_ours:  # what was given ready is its owner's to close
        await timed.close()


def _check_able(source: SessionStorage, target: SessionStorage) -> None:
    if not source.can_list:
        raise ConfigurationError(
            f"The {source.storage_type} storage cannot list what it holds, so nothing can be moved out of it. Give "
            "its adapter list_sessions(), expired_sessions() and delete(), with can_list = True.",
            option="source",
        )
    check_can_take(target, "target")


def _check_apart(source: SessionStorage, target: SessionStorage) -> None:
    places = [place_of(storage) or getattr(storage, "path", None) for storage in (source, target)]
    is_one = source is target
    if all(isinstance(place, str) for place in places):
        is_one = os.path.realpath(str(places[0])) == os.path.realpath(str(places[1]))
    if is_one:
        raise ConfigurationError("Source and target are the same storage. Name two.", option="target")
