"""From the keyed hash of a share's token to the session that it opens."""

from __future__ import annotations

from typing import Any, cast

from voxsession.clock import Clock
from voxsession.core.changes import ShareCreated
from voxsession.core.envelope import FORMAT, Record, stamp, storage_key
from voxsession.core.struct import Struct, asdict, evolve
from voxsession.errors import ConflictError, IntegrityError
from voxsession.session.live import LiveCore
from voxsession.session.pending import Pending
from voxsession.session.shares.token import is_digest
from voxsession.session.vault import Vault
from voxsession.storage.base import SessionStorage

__all__ = ["ShareLead", "SharePointers"]


class ShareLead(Struct, frozen=True):
    """Where a token leads: a session and a grant in it. Whether the grant still holds, the session says."""

    session_id: str
    grant_id: str


class SharePointers:
    """One small sealed record for each share, under the keyed hash of its token."""

    def __init__(self, storage: SessionStorage, vault: Vault, clock: Clock, tenant: str) -> None:
        self._storage = storage
        self._vault = vault
        self._clock = clock
        self._tenant = tenant

    async def find(self, token_hash: str) -> ShareLead | None:
        """What the token leads to; None where no such share was ever saved."""
        record = await self._storage.load(self._key(token_hash))
        if record is None:
            return None
        await self._vault.look_for_key(record)
        name = f"pointer {token_hash[:8]}"
        body: Any = self._vault.open_small(record, name)
        if not isinstance(body, dict) or not all(
            isinstance(body.get(key), str) for key in ("session_id", "grant_id")
        ):
            raise IntegrityError(name, "it names no share")
        return ShareLead(body["session_id"], body["grant_id"])

    async def put(self, token_hash: str, lead: ShareLead) -> None:
        """Writes the record; one that is there already names the same, since no token is made twice."""
        now = stamp(self._clock.now())
        header: Record = {
            "format": FORMAT,
            "kind": "pointer",
            "tenant": self._tenant,
            "session_id": token_hash,
            "owner": self.owner(lead.session_id),
            "seq": 1,
            "base_seq": 0,
            "batch_id": self._clock.new_id("b"),
            "created_at": now,
            "updated_at": now,
            "expires_at": None,
            "status": "active",
        }
        try:
            await self._storage.save(self._vault.seal_small(header, asdict(lead)))
        except ConflictError:
            if await self.find(token_hash) != lead:
                raise

    async def lead_all(self, core: LiveCore) -> None:
        """Writes the records of all shares that are about to be saved, which hold the keyed hash from then on."""
        for place, pending in enumerate(core.pending):
            change = pending.change
            if not isinstance(change, ShareCreated) or not is_digest(change.grant["token_hash"]):
                continue
            keyed = self._vault.share_hash(change.grant["token_hash"])
            await self.put(keyed, ShareLead(core.data.session_id, change.grant_id))
            for token_hash in filter(None, change.dropped.values()):
                await self.drop(self._vault.share_hash(token_hash) if is_digest(token_hash) else token_hash)
            saved = evolve(cast(Any, change), grant={**change.grant, "token_hash": keyed})
            core.pending[place] = Pending(saved, pending.observed)
            if (stored := core.data.shares.get(change.grant_id)) is not None:
                core.data.shares[change.grant_id] = {**stored, "token_hash": keyed}
            core.revision += 1

    async def drop(self, token_hash: str) -> bool:
        """Removes the record; whether there was one."""
        return await self._storage.delete(self._key(token_hash))

    def owner(self, session_id: str) -> str:
        """What all pointers to the shares of a session are listed under."""
        return self._vault.share_hash("session", session_id)[:32]

    def _key(self, token_hash: str) -> str:
        return storage_key("pointer", self._tenant, token_hash)
