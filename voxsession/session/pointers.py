"""From a person to the session that goes on: the pointer record all processes agree on."""

from __future__ import annotations

import contextlib
from typing import Any

from voxsession.clock import Clock
from voxsession.core.envelope import FORMAT, Record, stamp, storage_key
from voxsession.errors import ConflictError, FormatError, IntegrityError, KeyNotFoundError
from voxsession.session.vault import Vault
from voxsession.storage.base import SessionStorage

__all__ = ["Pointers"]


class Pointers:
    """One small sealed record for each person: whose next session it is, decided by the first writer."""

    def __init__(self, storage: SessionStorage, vault: Vault, clock: Clock, tenant: str) -> None:
        self._storage = storage
        self._vault = vault
        self._clock = clock
        self._tenant = tenant

    async def get(self, owner: str) -> str | None:
        """The session that the person's pointer names."""
        record = await self._load(owner)
        return self._target(record, owner) if record is not None else None

    async def claim(self, owner: str, session_id: str) -> str:
        """Names `session_id`, unless a pointer is there: then what that one names."""
        try:
            await self._write(owner, session_id, 0)
            return session_id
        except ConflictError:
            found = await self.get(owner)
            return found if found is not None else session_id

    async def replace(self, owner: str, old: str, new: str) -> None:
        """Points to `new` where the pointer still names `old`."""
        record = await self._load(owner)
        if record is not None and self._target(record, owner) != old:
            return
        with contextlib.suppress(ConflictError):  # another process moved it on
            await self._write(owner, new, int(record["seq"]) if record is not None else 0)

    async def point(self, owner: str, session_id: str) -> None:
        """Points to `session_id`, whatever was named before."""
        with contextlib.suppress(ConflictError):  # another process points to a newer one
            record = await self._load(owner)
            if record is None or self._target(record, owner) != session_id:
                await self._write(owner, session_id, int(record["seq"]) if record is not None else 0)

    async def forget(self, owner: str, session_id: str) -> bool:
        """Removes the pointer if it names `session_id`, so that an erased id is not used again.

        One that cannot be opened leads nowhere, and may name just this session: it goes too.
        """
        try:
            names_it = await self.get(owner) == session_id
        except (FormatError, KeyNotFoundError):
            names_it = True
        return names_it and await self.delete(owner)

    async def delete(self, owner: str) -> bool:
        """Removes the person's pointer."""
        return await self._storage.delete(self._key(owner))

    async def _load(self, owner: str) -> Record | None:
        record = await self._storage.load(self._key(owner))
        if record is not None:
            await self._vault.look_for_key(record)
        return record

    def _key(self, owner: str) -> str:
        return storage_key("pointer", self._tenant, owner)

    async def _write(self, owner: str, session_id: str, base_seq: int) -> None:
        now = stamp(self._clock.now())
        header: Record = {
            "format": FORMAT,
            "kind": "pointer",
            "tenant": self._tenant,
            "session_id": owner,
            "owner": owner,
            "seq": base_seq + 1,
            "base_seq": base_seq,
            "batch_id": self._clock.new_id("b"),
            "created_at": now,
            "updated_at": now,
            "expires_at": None,
            "status": "active",
        }
        await self._storage.save(self._vault.seal_small(header, {"session_id": session_id}))

    def _target(self, record: Record, owner: str) -> str:
        body: Any = self._vault.open_small(record, f"pointer {owner}")
        if not isinstance(body, dict) or not isinstance(body.get("session_id"), str):
            raise IntegrityError(f"pointer {owner}", "it names no session")
        return str(body["session_id"])
