"""Bringing back what a backup holds."""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from collections.abc import Collection, Iterator
from typing import Any

from voxsession.clock import Clock
from voxsession.core.envelope import FORMAT, Record, split_key, storage_key
from voxsession.errors import (
    ConfigurationError,
    FormatError,
    IntegrityError,
    KeyNotFoundError,
    SessionExistsError,
    StorageError,
    UnsupportedFormatError,
)
from voxsession.installation import Installation, ring_of, storage_of, within
from voxsession.moving.backup_check import open_entry
from voxsession.moving.backup_file import BackupReader, Entry, broken_backup
from voxsession.moving.holdings import (
    check_can_take,
    headers_of,
    index_keys_of,
    index_keys_shared,
    is_unused,
    other_installation,
)
from voxsession.moving.progress import Meter, Progress
from voxsession.moving.timed import TimedStorage
from voxsession.moving.transfer import AT_ONCE, Standing, is_stand_in, make_way, put, same, standing, together
from voxsession.session.keyring import PLAIN_REMEDY
from voxsession.session.loader import StorageRules
from voxsession.session.reports import Receipt
from voxsession.session.streams import LineFile
from voxsession.session.vault import Vault
from voxsession.storage.base import SessionStorage
from voxsession.storage.inmemory import MemorySessionStorage

__all__ = ["Restore"]

MAX_SHOWN = 100


class Restore:
    """One restore: the file is opened whole, compared with the storage, then written."""

    _storage: SessionStorage

    def __init__(
        self, home: Installation, clock: Clock, on_conflict: str, dry_run: bool, progress: Progress | None
    ) -> None:
        self._home = home
        self._clock = clock
        self._on_conflict = on_conflict
        self._dry_run = dry_run
        self._meter = Meter(progress)
        self._rules = StorageRules(tenant=home.tenant, timeout_seconds=home.config.storage_timeout_seconds)
        self._outcomes: dict[str, str] = {}
        self._pages = 0

    async def run(self, path: str | os.PathLike[str]) -> Receipt:
        async with LineFile(path) as file:
            backup = BackupReader(file)
            await backup.check()
            if backup.tenant != self._home.tenant:
                theirs = repr(backup.tenant) if len(backup.tenant) <= MAX_SHOWN else "of another name"
                raise ConfigurationError(
                    f"The backup is of tenant {theirs}, this Voxon is of tenant {self._home.tenant!r}; "
                    "records are sealed for one tenant. Restore it with VoxonConfig(tenant=...) of that name.",
                    option="tenant",
                )
            # Twice the number of records: each is opened first, written later.
            await self._meter.begin(2 * backup.total)
            keyring = await self._open_everything(backup, file.name)
            await self._mend_keyring(keyring)
            recorder = await self._home.ready()
            check_can_take(recorder.storage, "session_storage")
            self._storage = self._timed(recorder.storage)
            await self._meet_keyring(keyring)
            async for entry in backup.entries():
                await self._decide(entry)
            if not self._dry_run:
                await self._write(backup, keyring)
        return self._receipt()

    # --- before anything is written

    async def _open_everything(self, backup: BackupReader, name: str) -> Record:
        """Opens each record with the keys of this process; gives the keyring record.

        What the keys are tried on is a storage in memory that holds the backup's keyring and nothing else.
        """
        home, scratch = self._home, MemorySessionStorage(cleanup_interval=None)
        vault = Vault(
            scratch, self._clock, ring_of(home.config), home.config.session_encryption_method, home.tenant
        )
        keyring: Record | None = None
        seen: set[str] = set()
        async for entry in backup.entries():
            if entry.key in seen or entry.record.get("tenant", "") != home.tenant:
                raise broken_backup(name, f"{entry.key!r} is in it twice, or is another tenant's")
            seen.add(entry.key)
            if keyring is None and entry.key != storage_key("keyring", home.tenant, "main"):
                raise broken_backup(name, "it does not begin with the keyring record")
            with _told_of_backup(name, encrypts=home.config.session_encryption_method != "none"):
                if keyring is None:
                    await put(scratch, entry.record, None)
                    await vault.open()
                else:
                    await open_entry(entry, vault, self._rules)
            keyring = keyring or entry.record
            await self._meter.tell(len(seen))
        if keyring is None:
            raise broken_backup(name, "it holds no keyring record")
        return keyring

    async def _mend_keyring(self, keyring: Record) -> None:
        """Puts the keyring record back where sessions of its keys lie without one: nothing opens such a storage."""
        home = self._home
        if home.recorder is not None or self._dry_run:
            return
        storage = self._timed(storage_of(home.config))
        key = storage_key("keyring", home.tenant, "main")
        await storage.open()
        try:
            found, is_lost = await _keyring_in(storage, key)
            if not is_lost or not await _has_sealed(storage, home.tenant, index_keys_of(keyring)):
                return
            if found is None:
                await storage.delete(key)
            await put(storage, keyring, await make_way(storage, keyring, found))
        finally:
            if isinstance(home.config.session_storage, str):
                await storage.close()

    async def _meet_keyring(self, keyring: Record) -> None:
        found = await self._storage.load(storage_key("keyring", self._home.tenant, "main"))
        if found is None or same(keyring, found) or index_keys_shared(keyring, found):
            return
        # An empty storage got a keyring of its own when it was opened; nothing depends on that one yet.
        if self._home.cores or not await is_unused(self._storage, self._home.tenant):
            raise other_installation("session_storage")

    async def _decide(self, entry: Entry) -> None:
        """Notes what is to be done with an entry."""
        if entry.kind == "keyring":
            return
        is_damaged, found = await self._found(entry)
        stands = standing(entry.record, found)
        if stands is Standing.ABSENT and not is_damaged:
            outcome = "restored"
        elif stands is Standing.SAME:
            outcome = "same"
        elif self._on_conflict == "replace":
            outcome = "replaced"
            if entry.kind == "session" and entry.record["session_id"] in self._home.cores:
                raise ConfigurationError(
                    f"Session {entry.record['session_id']!r} is open here and would be replaced. Close it first. "
                    "Nothing was written.",
                    option="on_conflict",
                )
        elif self._on_conflict == "skip" or entry.kind != "session":
            outcome = "skipped"
        else:
            raise _stored_otherwise(entry.record["session_id"])
        self._outcomes[entry.key] = outcome

    async def _found(self, entry: Entry) -> tuple[bool, Record | None]:
        """Whether something unreadable lies in its place, else the record that does."""
        try:
            found = await self._storage.load(entry.key)
        except UnsupportedFormatError:
            raise
        except FormatError:
            return True, None
        if found is not None and found.get("format", 0) > FORMAT:
            raise UnsupportedFormatError(f"Stored record {entry.key!r}", found=found["format"], newest=FORMAT)
        return False, found

    # --- writing

    async def _write(self, backup: BackupReader, keyring: Record) -> None:
        await self._write_keyring(keyring)
        written, waiting = backup.total, list[Entry]()
        async for entry in backup.entries():
            waiting.append(entry)
            if len(waiting) == AT_ONCE:
                await together(map(self._write_one, waiting))
                written, waiting = written + len(waiting), []
                await self._meter.tell(written)
        await together(map(self._write_one, waiting))
        await self._meter.tell(written + len(waiting))

    async def _write_one(self, entry: Entry) -> None:
        outcome = self._outcomes.get(entry.key)
        if outcome == "same":
            await self._write_pages(entry)
        elif outcome in ("restored", "replaced"):
            await self._write_entry(entry)

    async def _write_keyring(self, keyring: Record) -> None:
        storage, key = self._storage, storage_key("keyring", self._home.tenant, "main")
        found = await storage.load(key)
        if found is None or not index_keys_shared(keyring, found):
            await put(storage, keyring, await make_way(storage, keyring, found))
            await within(self._rules.timeout_seconds, self._home.vault.open(), storage.storage_type)

    async def _write_entry(self, entry: Entry) -> None:
        storage = self._storage
        is_damaged, found = await self._found(entry)
        if is_damaged:
            await storage.delete(entry.key)
        left = await make_way(storage, entry.record, found)
        await self._write_pages(entry)
        await put(storage, entry.record, left)
        back = await storage.load(entry.key)
        if back is None or not same(entry.record, back):
            raise StorageError(
                f"{storage.storage_type} storage did not give {entry.key!r} back as it was written. Nobody else may "
                "use it during a restore; run it again.",
                storage=storage.storage_type,
                operation="restore",
            )
        if self._outcomes[entry.key] == "replaced":
            await self._drop_pages(entry)

    async def _write_pages(self, entry: Entry) -> None:
        """Writes what is missing or damaged: a page never changes, so one that differs is not what was saved."""
        for page in entry.pages:
            page_id = str(page["page_id"])
            try:
                found = await self._storage.load_page(entry.key, page_id)
                if found == page:
                    continue
            except FormatError:
                found = {}
            if found is not None:
                await self._storage.delete_pages(entry.key, [page_id])
            await self._storage.save_page(entry.key, page)
            self._pages += 1

    async def _drop_pages(self, entry: Entry) -> None:
        """Takes away the pages of the version that was replaced."""
        names = {name for name, _ in await self._storage.list_pages(entry.key)}
        others = names - {str(page["page_id"]) for page in entry.pages}
        if others:
            await self._storage.delete_pages(entry.key, others)

    def _timed(self, storage: SessionStorage) -> SessionStorage:
        return TimedStorage(storage, self._rules.timeout_seconds, "storage_timeout_seconds")

    def _receipt(self) -> Receipt:
        found = Counter(self._outcomes.values())
        counts = {name: found[name] for name in ("restored", "same", "skipped", "replaced")}
        rows: list[dict[str, Any]] = [
            {"kind": kind, "session_id": name, "outcome": outcome}
            for key, outcome in self._outcomes.items()
            if outcome in ("skipped", "replaced")
            for kind, _, name in [split_key(key)]
        ]
        return Receipt(counts={**counts, "pages": self._pages}, details=rows)


@contextlib.contextmanager
def _told_of_backup(name: str, *, encrypts: bool) -> Iterator[None]:
    """What cannot be opened in a backup is told as the backup's: it is no stored record yet."""
    try:
        yield
    except IntegrityError as error:
        raise broken_backup(name, error.reason, error.record) from error
    except KeyNotFoundError as error:
        remedy = (
            "Nothing was written. Give the key of its day as well, session_encryption_key=KeyRing(yours, that one), "
            "or put back the key ring file of that day."
        )
        raise KeyNotFoundError(
            error.key_id, f"Backup {name!r}", remedy if encrypts else PLAIN_REMEDY
        ) from error


def _stored_otherwise(session_id: str) -> SessionExistsError:
    return SessionExistsError(
        session_id,
        f"Session {session_id!r} is stored here otherwise than in the backup: it was written since, is another one, "
        'or is damaged. Nothing was written. Restore with on_conflict="skip" to leave such sessions as they are, or '
        'with on_conflict="replace" to take them back to what the backup holds.',
    )


async def _keyring_in(storage: SessionStorage, key: str) -> tuple[Record | None, bool]:
    """The keyring record, if it can be read; and whether there is none that could be used."""
    try:
        found = await storage.load(key)
        if found is None or is_stand_in(found):
            return found, True
        index_keys_of(found)
    except UnsupportedFormatError:
        raise
    except FormatError:
        return None, True
    return found, False


async def _has_sealed(storage: SessionStorage, tenant: str, key_ids: Collection[str]) -> bool:
    """Whether sessions lie there, the latest of them under one of these keys."""
    if not storage.can_list:
        return False
    async for header in headers_of(storage, "session", tenant):
        return header.get("key_id", "none") in key_ids
    return False
