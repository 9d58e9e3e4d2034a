"""The profile that lies beside a person's sessions: one small sealed record, written by version."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from voxsession.clock import Clock
from voxsession.core.envelope import FORMAT, Record, stamp, storage_key
from voxsession.core.session_data import SessionData
from voxsession.errors import ConflictError, IntegrityError
from voxsession.session.loop_bound import LoopBound
from voxsession.session.recorder import Recorder
from voxsession.session.vault import Vault

__all__ = ["PersonProfiles"]

MAX_RACES = 24
Body = dict[str, Any]
_log = logging.getLogger(__name__)


class PersonProfiles:
    """The `person` records of one tenant, each under the keyed hash of its user id.

    A fold names the version it was made from and is made anew on what another process wrote meanwhile, so that none
    is lost. Within a process folds wait for each other, which is all there is where a storage cannot compare.
    """

    def __init__(self, recorder: Recorder, vault: Vault, clock: Clock, tenant: str) -> None:
        self._recorder = recorder
        self._vault = vault
        self._clock = clock
        self._tenant = tenant
        self._turn: LoopBound[asyncio.Lock] = LoopBound(asyncio.Lock)

    async def body(self, owner: str) -> Body | None:
        """What is stored for a person; None where nothing is.

        Raises:
            KeyNotFoundError: its key is not known here.
            IntegrityError: it was altered or exchanged.
        """
        record = await self._load(owner)
        return self._open(record, owner) if record is not None else None

    async def fold(self, owner: str, data: SessionData, *, only_again: bool = False) -> bool:
        """Puts in what a stored session has taught so far; whether that changed anything.

        With `only_again` a session that was never folded stays out. One that was erased meanwhile leaves nothing.
        """
        from voxsession.learning.person import part_of, with_part

        part = part_of(data)
        changed = await self._rewrite(owner, lambda body: with_part(body, part, only_again=only_again))
        if changed:
            _log.debug("session %s: what it taught is in the person's profile", data.session_id)
            if not await self._is_stored(data):
                await self.drop(owner, data.session_id)
        return changed

    async def drop(self, owner: str, session_id: str) -> bool:
        """Takes out what a session taught; whether it had taught anything."""
        from voxsession.learning.person import without_session

        return await self._rewrite(owner, lambda body: body and without_session(body, session_id))

    async def delete(self, owner: str) -> bool:
        """Removes the record, whatever is in it; whether there was one."""
        async with self._turn.get():
            return await self._recorder.call(self._recorder.storage.delete(self._key(owner)), "delete")

    async def _rewrite(self, owner: str, change: Callable[[Body | None], Body | None]) -> bool:
        storage, call = self._recorder.storage, self._recorder.call
        async with self._turn.get():
            for lost in range(MAX_RACES):
                record = await self._load(owner)
                body = change(self._open(record, owner) if record is not None else None)
                if body is None:
                    return False
                try:
                    if body["parts"]:
                        sealed = self._vault.seal_small(self._header(owner, record), body)
                        await call(storage.save(sealed), "save")
                    elif record is not None:
                        await call(storage.delete(self._key(owner), int(record["seq"])), "delete")
                    return True
                except ConflictError:  # another process was faster: what it wrote is built upon
                    await asyncio.sleep(0.001 * 2 ** min(lost, 8))
        raise ConflictError("person", expected_seq=0, found_seq=None, what="others write it all the time")

    async def _is_stored(self, data: SessionData) -> bool:
        key, storage = self._recorder.key_of(data.session_id), self._recorder.storage
        if storage.can_append:
            since = await self._recorder.call(storage.load_since(key, data.seq), "load_since")
            if since is not None:
                return True
        return await self._recorder.call(storage.load(key), "load") is not None

    async def _load(self, owner: str) -> Record | None:
        record = await self._recorder.call(self._recorder.storage.load(self._key(owner)), "load")
        if record is not None:
            await self._vault.look_for_key(record)
        return record

    def _open(self, record: Record, owner: str) -> Body:
        name = f"person {owner}"
        body: Any = self._vault.open_small(record, name)
        if record.get("session_id") != owner or record.get("tenant", "") != self._tenant:
            raise IntegrityError(name, "another person's record lies in its place")
        if not isinstance(body, dict):
            raise IntegrityError(name, "it does not hold what sessions taught")
        return body

    def _key(self, owner: str) -> str:
        return storage_key("person", self._tenant, owner)

    def _header(self, owner: str, before: Record | None) -> Record:
        now = stamp(self._clock.now())
        seq = int(before["seq"]) if before is not None else 0
        return {
            "format": FORMAT,
            "kind": "person",
            "tenant": self._tenant,
            "session_id": owner,
            "owner": owner,
            "seq": seq + 1,
            "base_seq": seq,
            "batch_id": self._clock.new_id("b"),
            "created_at": before["created_at"] if before is not None else now,
            "updated_at": now,
            "expires_at": None,
            "status": "active",
        }
