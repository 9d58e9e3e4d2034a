"""The keys of one tenant, met with what its storage says about them."""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import functools
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from voxsession.clock import Clock
from voxsession.codec.cipher import cipher_for
from voxsession.codec.keys import KEY_BYTES, KeyRing, MasterKeys, new_kdf, subkey
from voxsession.codec.upgrade import check_format
from voxsession.core.envelope import FORMAT, Record, stamp, storage_key
from voxsession.errors import ConfigurationError, ConflictError, IntegrityError, KeyNotFoundError
from voxsession.session.key_file import (
    Place,
    add_to_key_file,
    key_file_path,
    make_key_file,
    note_key_user,
    read_key_file,
    remove_from_key_file,
)
from voxsession.storage.base import NOTHING_AT_HAND, RecordsAtHand, SessionStorage

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["PLAIN_REMEDY", "Keyring"]

MAX_RACES = 8
_PLAIN_ID = "none"
PLAIN_REMEDY = (
    "It is encrypted, and this installation was told not to encrypt (session_encryption_method='none'). "
    "Use the method and key it was made with."
)


class Keyring:
    """The master keys known here, and the index key that owners are hashed with.

    Args:
        ring: the keys given; None lets a key ring file stand in on local storages.
        method: `AES256`, `ChaCha20` or `none`.
        tenant: the name space; each has its own index key.
    """

    def __init__(
        self, storage: SessionStorage, clock: Clock, ring: KeyRing | None, method: str, tenant: str
    ) -> None:
        self._storage = storage
        self._clock = clock
        self._ring = ring
        self._code = cipher_for(method)
        self._forgotten: set[str] = set()
        self._tenant = tenant
        self._key = storage_key("keyring", tenant, "main")
        self._master: MasterKeys | None = None
        self._older: set[str] = (
            set()
        )  # the keys that began to write before ours: what they wrapped is handed on
        self._is_from_file = False
        self._index_key = b""

    @property
    def _keys(self) -> MasterKeys:
        # Without this a vault that was never opened would seal nothing.
        assert self._master is not None, "the vault is not open"
        return self._master

    @property
    def record_key(self) -> str:
        """The storage key of the tenant's keyring record."""
        return self._key

    @property
    def encrypts(self) -> bool:
        """Whether records are sealed."""
        return self._code != 0

    @property
    def key_ids(self) -> list[str]:
        """The public ids of the keys known here, the writing one first; none where nothing is sealed."""
        return self._keys.ids if self.encrypts else []

    async def open(self, at_hand: RecordsAtHand = NOTHING_AT_HAND) -> None:
        """Meets the tenant's keyring record, or makes the first one.

        Args:
            at_hand: Records that were just loaded; the keyring record is asked for where it is not among them.

        Raises:
            KeyNotFoundError: what is stored was sealed with keys that are not known here.
            ConfigurationError: no key was given where one must be.
            IntegrityError: the keyring record is damaged, or gone while sessions are there.
        """
        for _ in range(MAX_RACES):
            record = at_hand[self._key] if self._key in at_hand else await self._storage.load(self._key)
            try:
                await (self._meet(record) if record is not None else self._found())
            except ConflictError:
                at_hand = NOTHING_AT_HAND
                continue  # another process wrote it first: meet that one
            await self._note_use(only=False)
            return
        raise ConfigurationError("The keyring record cannot be made: the storage refuses every first write.")

    async def look_for_key(self, record: Record) -> None:
        """Reads the key ring file once more where the record names a key that another process may have added to it."""
        if not self._is_from_file or record.get("key_id") in self._keys:
            return
        ring = await asyncio.to_thread(read_key_file, key_file_path())
        if ring is not None and record.get("key_id") in (master := ring.resolve(None)):
            self._master, self._older = master, set(master.ids[1:])

    # --- changing the keys

    async def begin_rotation(self, new_key: bool) -> None:
        """Lets the writing key open all that the tenant has in common; from now on older keys only read.

        Args:
            new_key: put a new writing key into the key ring file first.

        Raises:
            ConfigurationError: nothing is sealed here, or `new_key` where the keys were given.
        """
        if not self.encrypts:
            raise ConfigurationError(
                "There are no keys to change: session_encryption_method is 'none'.",
                option="session_encryption_method",
            )
        if new_key and not self._is_from_file:
            raise ConfigurationError(
                "new_key=True is for the key ring file; here the keys were given. Give the new one first and the "
                "old ones behind it: session_encryption_key=KeyRing(new, old).",
                option="new_key",
            )
        if new_key:
            await asyncio.to_thread(add_to_key_file, key_file_path(), self._clock)
        await self.open()
        for _ in range(MAX_RACES):
            record = await self._storage.load(self._key)
            if record is None or _order(record["keyring"])[-1] == self._keys.write_id:
                break
            with contextlib.suppress(ConflictError):  # another process changed it: look again
                await self._put_last(record)
        self._older = set(self._keys.ids[1:])

    async def end_rotation(self) -> None:
        """Notes in the key ring file that nothing here needs the older keys any more."""
        await self._note_use(only=True)

    async def forget(self, key_id: str, *, dry_run: bool) -> dict[str, int]:
        """Lets go of a reading key wherever this installation keeps it; how many were removed where.

        Raises:
            ConfigurationError: it is the writing key, or the key ring file is needed by others. Nothing was changed.
        """
        if key_id == self._keys.write_id:
            raise ConfigurationError(
                f"Key {key_id} is the one that writes here. Give another first, session_encryption_key="
                "KeyRing(new, old) or rotate_keys(new_key=True), then forget this one.",
                option="key_id",
            )
        in_file = False
        if self._is_from_file:
            remove = functools.partial(remove_from_key_file, dry_run=dry_run)
            in_file = await asyncio.to_thread(remove, key_file_path(), self._clock, self._place[0], key_id)
        in_memory = key_id in self._keys
        if not dry_run:
            self._keys.forget(key_id)
            self._forgotten.add(key_id)
        in_record = await self._drop_from_record(key_id, dry_run)
        return {"keyring": int(in_record), "key_file": int(in_file), "memory": int(in_memory)}

    async def _drop_from_record(self, key_id: str, dry_run: bool) -> bool:
        """Takes the index key as this key wrapped it out of the keyring record."""
        for _ in range(MAX_RACES):
            record = await self._storage.load(self._key)
            wrapped = record["keyring"]["index_keys"] if record is not None else {}
            if record is None or key_id not in wrapped or dry_run:
                return key_id in wrapped
            kept = {name: one for name, one in wrapped.items() if name != key_id}
            order = [name for name in _order(record["keyring"]) if name != key_id]
            body = {**record["keyring"], "index_keys": kept, "order": order}
            with contextlib.suppress(ConflictError):  # another process changed it: look again
                await self._storage.save(self._record(body, int(record["seq"])))
                return True
        raise ConflictError("keyring", expected_seq=0, found_seq=None, what="others write it all the time")

    async def _note_use(self, *, only: bool) -> None:
        """Says in the key ring file that this storage needs its writing key, so that nobody else forgets it."""
        # What is in memory ends with its process, and needs no key after that.
        if not self._is_from_file or self._storage.storage_type == "memory":
            return
        note = functools.partial(note_key_user, only=only)
        # A ring that may only be read is one that nothing can be forgotten from either.
        with contextlib.suppress(ConfigurationError):
            await asyncio.to_thread(note, key_file_path(), self._clock, self._place, self._keys.write_id)

    @property
    def _place(self) -> Place:
        """How the key ring file names this tenant of this storage: the index key is its own, and never changes."""
        where = str(getattr(self._storage, "path", ""))
        label = " ".join(part for part in (self._storage.storage_type, where, self._tenant) if part)
        return subkey(self._index_key, "place")[:8].hex(), label

    # --- the keyring record

    async def _meet(self, record: Record) -> None:
        name = "keyring"
        check_format(record, name)
        body = record.get("keyring")
        if (
            not isinstance(body, dict)
            or not isinstance(body.get("index_keys"), dict)
            or not body["index_keys"]
        ):
            raise IntegrityError(name, "it holds no index keys")
        wrapped: dict[str, Any] = body["index_keys"]
        if not self.encrypts:
            self._index_key = _plain_index_key(wrapped)
            return
        if _PLAIN_ID in wrapped:
            raise IntegrityError(
                name, "the sessions here were stored in clear (method 'none'), this installation encrypts"
            )
        ring = self._ring if self._ring is not None else await self._key_file()
        if ring is None:
            raise KeyNotFoundError(_named(wrapped), "The storage", self._lost_remedy())
        self._is_from_file = self._ring is None
        master = await self._resolve(ring, body.get("kdf"))
        known = next((key_id for key_id in wrapped if key_id in master), None)
        if known is None:
            raise KeyNotFoundError(_named(wrapped), "The storage")
        self._index_key = master.unwrap(known, wrapped[known], name, self._tenant, "index key")
        self._master = master
        order = _order(body)
        if master.write_id not in wrapped:
            order = await self._put_last(record)
        self._older = set(order[: order.index(master.write_id)])

    async def _found(self) -> None:
        """Writes the first keyring record of this tenant."""
        await self._refuse_if_sessions_lie_here()
        index_key = self._clock.random_bytes(32)
        body: dict[str, Any]
        if not self.encrypts:
            body = {"kdf": None, "index_keys": {_PLAIN_ID: base64.b64encode(index_key).decode()}}
            await self._storage.save(self._record(body, 0))
            self._index_key = index_key
            return
        kdf = new_kdf(self._clock.random_bytes(16))
        ring = self._ring or await self._key_file_ring()
        self._is_from_file = self._ring is None
        master = await self._resolve(ring, kdf)
        key_id, wrapped = master.wrap(index_key, self._tenant, "index key")
        body = {"kdf": kdf, "index_keys": {key_id: wrapped}, "order": [key_id]}
        await self._storage.save(self._record(body, 0))
        self._index_key, self._master = index_key, master

    async def _put_last(self, record: Record) -> list[str]:
        """Notes that our writing key is the latest that writes, and lets it open the index key; the order now."""
        body, keys = record["keyring"], self._keys
        key_id, wrapped = keys.wrap(self._index_key, self._tenant, "index key")
        order = [*(one for one in _order(body) if one != key_id), key_id]
        body = {**body, "index_keys": {key_id: wrapped, **body["index_keys"]}, "order": order}
        await self._storage.save(self._record(body, int(record["seq"])))
        return order

    async def _refuse_if_sessions_lie_here(self) -> None:
        if not self._storage.can_list:
            return
        found = await self._storage.list_sessions(limit=1, tenant=self._tenant)
        if not found:
            return
        if await self._storage.load(self._key) is not None:
            # Another process has made it, and a session with it, since we looked.
            raise ConflictError("keyring", expected_seq=0, found_seq=None)
        key_id = found[0].get("key_id")
        if isinstance(key_id, str):
            if not self.encrypts:
                raise KeyNotFoundError(_named([key_id]), "The storage", PLAIN_REMEDY)
            ring = self._ring if self._ring is not None else await self._key_file()
            if ring is None:
                raise KeyNotFoundError(_named([key_id]), "The storage", self._lost_remedy())
            # A pass phrase cannot be tried: its salt stood in the record that is missing.
            if not ring.has_pass_phrase and key_id not in ring.resolve(None):
                raise KeyNotFoundError(_named([key_id]), "The storage")
        raise IntegrityError("keyring", "it is missing although sessions are stored here")

    async def _key_file(self) -> KeyRing | None:
        """What the key ring file holds, if it may stand in for a key here."""
        if not self._storage.is_local:
            raise ConfigurationError(
                f"{self._storage.storage_type} storage is reached from several machines, so a key must be "
                "given: session_encryption_key=... or SESSION_KEY (for instance 64 hex digits).",
                option="session_encryption_key",
            )
        return await asyncio.to_thread(read_key_file, key_file_path())

    async def _key_file_ring(self) -> KeyRing:
        path = key_file_path()
        place = getattr(self._storage, "path", None)
        if place is not None and _lies_in(path, place):
            raise ConfigurationError(
                f"The key ring would lie inside the storage ({path}), beside what it seals. "
                "Set VOXSESSION_HOME to a folder elsewhere, or give session_encryption_key.",
                option="VOXSESSION_HOME",
            )
        found = await self._key_file()
        return found if found is not None else await asyncio.to_thread(make_key_file, path, self._clock)

    async def _resolve(self, ring: KeyRing, kdf: Any) -> MasterKeys:
        slow = ring.has_pass_phrase
        master = await asyncio.to_thread(ring.resolve, kdf) if slow else ring.resolve(kdf)
        for key_id in self._forgotten:
            master.forget(key_id)
        return master

    def _record(self, body: dict[str, Any], base_seq: int) -> Record:
        now = stamp(self._clock.now())
        return {
            "format": FORMAT,
            "kind": "keyring",
            "tenant": self._tenant,
            "session_id": "main",
            "owner": "",
            "seq": base_seq + 1,
            "base_seq": base_seq,
            "batch_id": self._clock.new_id("b"),
            "created_at": now,
            "updated_at": now,
            "expires_at": None,
            "status": "active",
            "keyring": body,
        }

    @staticmethod
    def _lost_remedy() -> str:
        return (
            f"No key was given and there is no key ring at {key_file_path()}. Restore that file, set "
            "VOXSESSION_HOME to where it lies, or give session_encryption_key."
        )


def _named(key_ids: Iterable[str]) -> str | None:
    """The first of the ids in clear, if it looks like one: what is stored may be anything."""
    key_id = next(iter(key_ids), "")
    return key_id if key_id.isascii() and key_id.isalnum() and len(key_id) <= 40 else None


def _order(body: dict[str, Any]) -> list[str]:
    """The keys that have written, the latest last; it decides nothing but what is handed on at a save."""
    noted = body.get("order")
    noted = [one for one in noted if one in body["index_keys"]] if isinstance(noted, list) else []
    return [*(one for one in body["index_keys"] if one not in noted), *noted]


def _plain_index_key(index_keys: dict[str, Any]) -> bytes:
    if _PLAIN_ID not in index_keys:
        raise KeyNotFoundError(_named(index_keys), "The storage", PLAIN_REMEDY)
    try:
        index_key = base64.b64decode(index_keys[_PLAIN_ID], validate=True)
    except (binascii.Error, ValueError, TypeError):
        index_key = b""
    if len(index_key) != KEY_BYTES:
        raise IntegrityError("keyring", "its index key is not readable")
    return index_key


def _lies_in(path: Path, folder: str) -> bool:
    return type(path)(folder).resolve() in path.resolve().parents
