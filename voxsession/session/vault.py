"""The keys of one installation, met with what its storage says about them."""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from voxsession.clock import Clock
from voxsession.codec.cipher import cipher_for
from voxsession.codec.keys import KEY_BYTES, KeyRing, MasterKeys, new_kdf, owner_hash
from voxsession.codec.seal import Seal
from voxsession.codec.session_codec import SessionCodec
from voxsession.codec.upgrade import check_format
from voxsession.core.envelope import FORMAT, Record, stamp, storage_key
from voxsession.core.types import decode_json, encode_json
from voxsession.errors import ConfigurationError, ConflictError, IntegrityError, KeyNotFoundError
from voxsession.session.key_file import key_file_path, make_key_file, read_key_file
from voxsession.storage.base import SessionStorage

__all__ = ["Vault"]

_PLAIN_ID = "none"
_PLAIN_REMEDY = (
    "It is encrypted, and this installation was told not to encrypt (session_encryption_method='none'). "
    "Use the method and key it was made with."
)


class Vault:
    """Makes and opens the seals of sessions; knows the index key that owners are hashed with.

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
        self._tenant = tenant
        self._key = storage_key("keyring", tenant, "main")
        self._master: MasterKeys | None = None
        self._index_key = b""

    @property
    def _keys(self) -> MasterKeys:
        # Without this a vault that was never opened would seal nothing.
        assert self._master is not None, "the vault is not open"
        return self._master

    @property
    def encrypts(self) -> bool:
        """Whether records are sealed."""
        return self._code != 0

    async def open(self) -> None:
        """Meets the tenant's keyring record, or makes the first one.

        Raises:
            KeyNotFoundError: what is stored was sealed with keys that are not known here.
            ConfigurationError: no key was given where one must be.
            IntegrityError: the keyring record is damaged, or gone while sessions are there.
        """
        for _ in range(8):
            record = await self._storage.load(self._key)
            if record is not None:
                await self._meet(record)
                return
            try:
                await self._found()
                return
            except ConflictError:
                continue  # another process made it first: meet that one
        raise ConfigurationError("The keyring record cannot be made: the storage refuses every first write.")

    def owner(self, user_id: str | None) -> str:
        """What stands for the user in clear headers; empty without a user."""
        assert self._index_key, "the vault is not open"
        return owner_hash(self._index_key, self._tenant, user_id) if user_id is not None else ""

    def new_codec(self, session_id: str) -> SessionCodec:
        """The codec of a session that begins, with a data key of its own."""
        if not self.encrypts:
            return SessionCodec(None)
        data_key = self._clock.random_bytes(32)
        key_id, wrapped = self._keys.wrap(data_key, self._tenant, session_id)
        return SessionCodec(Seal(data_key, self._code), key_id, wrapped)

    def codec_for(self, record: Record) -> tuple[SessionCodec, bool]:
        """The codec of a stored session, and whether its data key should be wrapped anew (the master key changed).

        Raises:
            KeyNotFoundError: its key is not known here.
            IntegrityError: its wrapped key was altered, or it is stored in clear.
        """
        session_id = str(record.get("session_id"))
        check_format(record, session_id)
        if not self.encrypts:
            return SessionCodec(None), False
        if "sealed" not in record:
            raise IntegrityError(session_id, "it is stored in clear, though this installation encrypts")
        data_key = self._keys.unwrap(
            record.get("key_id"), record.get("wrapped_key"), session_id, self._tenant, session_id
        )
        if record["key_id"] == self._keys.write_id:
            return SessionCodec(Seal(data_key, self._code), record["key_id"], record["wrapped_key"]), False
        key_id, wrapped = self._keys.wrap(data_key, self._tenant, session_id)
        return SessionCodec(Seal(data_key, self._code), key_id, wrapped), True

    def seal_small(self, header: Record, body: dict[str, Any]) -> Record:
        """A record that is no session (a pointer, a lease): header and body in one, sealed like a session's."""
        if not self.encrypts:
            return {**header, "body": body}
        data_key = self._clock.random_bytes(32)
        record_id = f"{header['kind']}.{header['session_id']}"
        key_id, wrapped = self._keys.wrap(data_key, self._tenant, record_id)
        sealed = Seal(data_key, self._code).seal(header, "small", encode_json(body))
        return {**header, "key_id": key_id, "wrapped_key": wrapped, "sealed": sealed}

    def open_small(self, record: Record, name: str) -> Any:
        """The body of a small record; the same errors as for a session."""
        check_format(record, name)
        if not self.encrypts:
            if "sealed" in record:
                raise KeyNotFoundError(None, f"Record {name!r}", _PLAIN_REMEDY)
            return record.get("body")
        record_id = f"{record.get('kind')}.{record.get('session_id')}"
        data_key = self._keys.unwrap(
            record.get("key_id"), record.get("wrapped_key"), name, self._tenant, record_id
        )
        body = Seal(data_key, self._code).open(record, "small", record.get("sealed"), name)
        try:
            return decode_json(body)
        except ValueError:
            raise IntegrityError(name, "its body is not readable") from None

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
        master = await self._resolve(ring, body.get("kdf"))
        known = next((key_id for key_id in wrapped if key_id in master), None)
        if known is None:
            raise KeyNotFoundError(_named(wrapped), "The storage")
        self._index_key = master.unwrap(known, wrapped[known], name, self._tenant, "index key")
        self._master = master
        if master.write_id not in wrapped:
            await self._add_write_key(record, master)

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
        master = await self._resolve(ring, kdf)
        key_id, wrapped = master.wrap(index_key, self._tenant, "index key")
        body = {"kdf": kdf, "index_keys": {key_id: wrapped}}
        await self._storage.save(self._record(body, 0))
        self._index_key, self._master = index_key, master

    async def _add_write_key(self, record: Record, master: MasterKeys) -> None:
        """Lets the newest key open the index key too, so that the older ones can be retired."""
        key_id, wrapped = master.wrap(self._index_key, self._tenant, "index key")
        body = {**record["keyring"], "index_keys": {**record["keyring"]["index_keys"], key_id: wrapped}}
        # On a conflict another process is adding a key; ours is added at the next opening.
        with contextlib.suppress(ConflictError):
            await self._storage.save(self._record(body, int(record["seq"])))

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
                raise KeyNotFoundError(_named([key_id]), "The storage", _PLAIN_REMEDY)
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
        if place is not None and _lies_in(path, Path(place)):
            raise ConfigurationError(
                f"The key ring would lie inside the storage ({path}), beside what it seals. "
                "Set VOXSESSION_HOME to a folder elsewhere, or give session_encryption_key.",
                option="VOXSESSION_HOME",
            )
        found = await self._key_file()
        return found if found is not None else await asyncio.to_thread(make_key_file, path, self._clock)

    async def _resolve(self, ring: KeyRing, kdf: Any) -> MasterKeys:
        if ring.has_pass_phrase:
            return await asyncio.to_thread(ring.resolve, kdf)
        return ring.resolve(kdf)

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


def _plain_index_key(index_keys: dict[str, Any]) -> bytes:
    if _PLAIN_ID not in index_keys:
        raise KeyNotFoundError(_named(index_keys), "The storage", _PLAIN_REMEDY)
    try:
        index_key = base64.b64decode(index_keys[_PLAIN_ID], validate=True)
    except (binascii.Error, ValueError, TypeError):
        index_key = b""
    if len(index_key) != KEY_BYTES:
        raise IntegrityError("keyring", "its index key is not readable")
    return index_key


def _lies_in(path: Path, folder: Path) -> bool:
    return folder.resolve() in path.resolve().parents
