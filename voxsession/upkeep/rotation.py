"""Handing all that a tenant has sealed on from one master key to another, then doing without the older one."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator
from typing import Any

from voxsession.clock import Clock
from voxsession.core.envelope import RECORD_KINDS, storage_key
from voxsession.core.struct import Struct, field
from voxsession.core.types import check_text
from voxsession.errors import ConfigurationError, ConflictError, FormatError, IntegrityError, KeyNotFoundError
from voxsession.installation import Installation
from voxsession.moving.progress import Meter, Progress
from voxsession.session.recorder import Recorder
from voxsession.session.reports import Receipt
from voxsession.session.rewriting import headers, successor, write_anew

__all__ = ["Rotation"]

# A session comes with its pages; the keyring record holds the index key under every key that writes.
SMALL_KINDS = tuple(kind for kind in RECORD_KINDS if kind not in ("session", "page", "keyring"))
COUNTED = {
    "session": "sessions",
    "pointer": "pointers",
}  # what a receipt calls them; other kinds by their name
MAX_RACES = 24
_KEY_ID = re.compile("k[0-9a-f]{16}")
MAX_ROUNDS = 8
_log = logging.getLogger(__name__)


class _Work(Struct):
    """What one run has found and done.

    Attributes:
        left: what is left alone, by kind and id, with the reason.
    """

    meter: Meter
    done: int = 0
    skipped: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    left: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)

    def count(self, kind: str) -> None:
        """One more record of this kind was handed on."""
        name = COUNTED.get(kind, kind)
        self.counts[name] = self.counts.get(name, 0) + 1


class Rotation:
    """Changes of the master keys of one tenant in its storage."""

    def __init__(self, home: Installation, clock: Clock) -> None:
        self._home = home
        self._clock = clock

    # --- handing on

    async def rotate(self, progress: Progress | None, new_key: bool) -> Receipt:
        """Wraps every data key of the tenant by the writing key; see `Voxon.rotate_keys`."""
        work = _Work(Meter(progress))
        recorder = await self._ready("rotate_keys")
        vault = self._home.vault
        await recorder.call(vault.begin_rotation(new_key), "save")
        for number in range(MAX_ROUNDS):
            # What others write during a round moves to the front of the listing, so one may be missed: look again.
            todo = await self._outdated(recorder, work, first=number == 0)
            if not todo and not work.left:
                await vault.end_rotation()
            if not todo:
                break
            work.meter.total = max(work.meter.total, work.done + len(todo))
            for kind, record_id in todo:
                await self._hand_on(recorder, kind, record_id, work)
                work.done += 1
                await work.meter.tell(work.done)
        busy = sum(row["error"] == ConflictError.__name__ for row in work.left.values())
        counts = {
            "sessions": 0,
            "pointers": 0,
            **work.counts,
            "unopened": len(work.left) - busy,
            "busy": busy,
        }
        key_id, left = vault.key_ids[0], len(work.left)
        _log.info("rotation to key %s: %d records handed on, %d left alone", key_id, work.done, left)
        summary = {"write_key": vault.key_ids[0], "skipped": work.skipped}
        return Receipt(counts=counts, details=[summary, *work.left.values()])

    async def _ready(self, operation: str) -> Recorder:
        recorder = await self._home.ready()
        storage = recorder.storage
        if not (storage.can_list and storage.can_compare):
            raise ConfigurationError(
                f"{operation}() needs a storage that lists its sessions and compares their versions; "
                f"{storage.storage_type} storage does not. There a session is handed on to the writing key by its "
                "next save: keep the older keys in the KeyRing behind the new one.",
                option="session_storage",
            )
        return recorder

    async def _outdated(self, recorder: Recorder, work: _Work, *, first: bool) -> list[tuple[str, str]]:
        """What another than the writing key wraps, told by the clear headers; the small records first."""
        write_key, found = self._home.vault.key_ids[0], []
        for kind in (*SMALL_KINDS, "session"):
            async for header in headers(recorder, self._home.tenant, kind=kind):
                name = (kind, str(header["session_id"]))
                if header.get("key_id") == write_key:
                    work.skipped += first
                elif name not in work.left:
                    found.append(name)
            if first:
                await self._note_unreadable(recorder, kind, work)
        if first:
            work.done = work.skipped
            await work.meter.begin(len(found) + work.skipped, work.done)
        return found

    async def _note_unreadable(self, recorder: Recorder, kind: str, work: _Work) -> None:
        unreadable = recorder.storage.unreadable_records(kind=kind, tenant=self._home.tenant)
        for name in await recorder.call(unreadable, "unreadable_records"):
            work.left[kind, name] = {"kind": kind, "session_id": name, "error": IntegrityError.__name__}

    async def _hand_on(self, recorder: Recorder, kind: str, record_id: str, work: _Work) -> None:
        write = self._rewrap_session if kind == "session" else self._rewrap_small
        for lost in range(MAX_RACES):
            try:
                if await write(recorder, kind, record_id):
                    work.count(kind)
                return
            except ConflictError as error:  # somebody uses it: their version is handed on
                failure: Exception = error
                await asyncio.sleep(0.001 * 2 ** min(lost, 8))
            except (FormatError, KeyNotFoundError) as error:
                failure = error
                break
        row: dict[str, Any] = {"kind": kind, "session_id": record_id, "error": type(failure).__name__}
        if isinstance(failure, KeyNotFoundError):
            row["key_id"] = failure.key_id
        work.left[kind, record_id] = row

    async def _rewrap_session(self, recorder: Recorder, kind: str, record_id: str) -> bool:
        loaded = await recorder.load(record_id, lazy=False)
        if loaded is None or not loaded.rewrapped:  # erased meanwhile, or somebody else was faster
            return False
        await write_anew(recorder, loaded, self._home.tenant, self._clock)
        return True

    async def _rewrap_small(self, recorder: Recorder, kind: str, record_id: str) -> bool:
        vault = self._home.vault
        record = await recorder.call(
            recorder.storage.load(storage_key(kind, self._home.tenant, record_id)), "load"
        )
        if record is None:
            return False
        await vault.look_for_key(record)
        if record.get("key_id") == vault.key_ids[0]:
            return False
        body = vault.open_small(record, f"{kind} {record_id}")
        sealed = vault.seal_small(successor(record, self._clock), body)
        await recorder.call(recorder.storage.save(sealed), "save")
        return True

    # --- doing without

    async def forget(self, key_id: str, dry_run: bool) -> Receipt:
        """Lets go of a reading key; see `Voxon.forget_key`."""
        check_text("key_id", key_id, allow_empty=False)
        recorder = await self._ready("forget_key")
        vault = self._home.vault
        if not vault.encrypts:
            raise ConfigurationError(
                "There is no key to forget: session_encryption_method is 'none'.",
                option="session_encryption_method",
            )
        removed = await recorder.call(vault.forget(key_id, dry_run=True), "load")
        named: set[str] = set()
        lost = [row async for row in self._wrapped_by(recorder, key_id, named)]
        lost += await self._unlisted(recorder, key_id, lost)
        sealed = [row for row in lost if "error" not in row]
        if not sealed and not any(removed.values()):
            raise await self._unknown(recorder, key_id, named)
        if not dry_run:
            removed = await recorder.call(vault.forget(key_id, dry_run=False), "save")
            self._let_go(sealed)
        sessions = sum(row["kind"] == "session" for row in sealed)
        counts = {"sessions": sessions, "records": len(sealed) - sessions, **removed}
        return Receipt(counts=counts, details=lost)

    async def _wrapped_by(
        self, recorder: Recorder, key_id: str, named: set[str]
    ) -> AsyncIterator[dict[str, str]]:
        """What this key wraps; the ids of all keys that wrap something are added to `named`."""
        for kind in (*SMALL_KINDS, "session"):
            async for header in headers(recorder, self._home.tenant, kind=kind):
                named.add(str(header.get("key_id")))
                if header.get("key_id") == key_id:
                    yield {"kind": kind, "session_id": str(header["session_id"])}

    async def _unlisted(
        self, recorder: Recorder, key_id: str, listed: list[dict[str, str]]
    ) -> list[dict[str, str]]:
        """What this key wraps though no listing shows it; with an ``error`` what cannot be read at all."""
        seen = {(row["kind"], row["session_id"]) for row in listed}
        found, storage, tenant = [], recorder.storage, self._home.tenant
        for kind in (*SMALL_KINDS, "session"):
            names = await recorder.call(
                storage.unreadable_records(kind=kind, tenant=tenant), "unreadable_records"
            )
            for name in names:
                row = {"kind": kind, "session_id": name}
                try:
                    record = await recorder.call(storage.load(storage_key(kind, tenant, name)), "load")
                except FormatError as error:
                    found.append({**row, "error": type(error).__name__})
                else:
                    if (kind, name) not in seen and record is not None and record.get("key_id") == key_id:
                        found.append(row)
        return found

    async def _unknown(self, recorder: Recorder, key_id: str, named: set[str]) -> ConfigurationError:
        """The error for an id that nothing knows; it may be a key that was given in place of its id."""
        loading = recorder.storage.load(storage_key("keyring", self._home.tenant, "main"))
        record = await recorder.call(loading, "load")
        held = self._home.vault.key_ids
        noted = {*named, *(record["keyring"]["index_keys"] if record is not None else ())} - {*held}
        others = sorted(filter(_KEY_ID.fullmatch, noted))
        shown = f"no key {key_id}" if _KEY_ID.fullmatch(key_id) else "no key of this id"
        return ConfigurationError(
            f"There is {shown} here: this process does not hold it, the keyring record does not name it, and nothing "
            f"that is stored is sealed with it. It may have been forgotten already. Known are {held[0]} (it writes)"
            f"{''.join(f', {one}' for one in (*held[1:], *others))}.",
            option="key_id",
        )

    def _let_go(self, lost: list[dict[str, str]]) -> None:
        """What is open here holds its data key in memory: nobody finds it any more, and it cannot be saved on."""
        for row in lost:
            core = self._home.cores.pop(row["session_id"], None) if row["kind"] == "session" else None
            if core is not None:
                core.is_gone, core.attempt = True, None
                core.data.seq -= 1  # so that a save meets what is stored: a session whose key is not known
