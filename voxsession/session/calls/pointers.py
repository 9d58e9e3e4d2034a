"""From the id of a call to the session that it is a conversation of."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

from voxsession.clock import Clock
from voxsession.core.envelope import FORMAT, Record, from_stamp, stamp, storage_key
from voxsession.core.struct import Struct, evolve
from voxsession.errors import ConflictError, IntegrityError
from voxsession.session.loader import Loader
from voxsession.session.rewriting import headers
from voxsession.session.vault import Vault

__all__ = ["CallLead", "CallPointers"]

_PREFIX = "call-"
_NAMES = ("session_id", "conversation_id", "token")


class CallLead(Struct, frozen=True, kw_only=True):
    """Where the id of a call leads.

    Attributes:
        token: of the call that was meant when it was written; a later call of the same id has another one.
        seq: the version of the pointer; 0 for one that is not stored.
        is_ended: the call was ended when it was written last.
        is_promise: the call is about to be written.
        former: the session and the token of the call that had the id before, until its resume state was removed.
        written_at: when that was.
    """

    conversation_id: str
    session_id: str
    token: str
    seq: int = 0
    is_ended: bool = False
    is_promise: bool = False
    former: tuple[str, str] | None = None
    created_at: datetime | None = None
    written_at: datetime | None = None


class CallPointers:
    """One small sealed record for each call, under the keyed hash of its id, so that no list tells the ids."""

    def __init__(self, loader: Loader, vault: Vault, clock: Clock, tenant: str) -> None:
        self._loader = loader
        self._vault = vault
        self._clock = clock
        self._tenant = tenant

    async def find(self, conversation_id: str) -> CallLead | None:
        """What the id leads to; None where no call of this id was ever made here, or it was cleaned up."""
        return await self.open(self.id_of(conversation_id))

    async def open(self, pointer_id: str) -> CallLead | None:
        """The same for the id of the pointer itself, as listings tell it."""
        storage = self._loader.storage
        record = await self._loader.call(storage.load(self._key(pointer_id)), "load")
        if record is None:
            return None
        await self._vault.look_for_key(record)
        name = f"pointer {pointer_id[:13]}"
        body: Any = self._vault.open_small(record, name)
        if not isinstance(body, dict) or not all(isinstance(body.get(one), str) for one in _NAMES):
            raise IntegrityError(name, "it names no call")
        if self.id_of(body["conversation_id"]) != pointer_id:
            raise IntegrityError(name, "it belongs to another call")
        return CallLead(
            **{one: body[one] for one in _NAMES},
            seq=int(record["seq"]),
            is_ended=record.get("status") == "ended",
            is_promise=body.get("is_promise") is True,
            former=_former(body.get("former")),
            created_at=from_stamp(record["created_at"]),
            written_at=from_stamp(record["updated_at"]),
        )

    async def write(self, lead: CallLead) -> CallLead:
        """Writes a pointer that was read as version `lead.seq`; as it is stored then.

        Raises:
            ConflictError: another version is stored by now.
        """
        now = self._clock.now()
        header: Record = {
            "format": FORMAT,
            "kind": "pointer",
            "tenant": self._tenant,
            "session_id": self.id_of(lead.conversation_id),
            "owner": self.owner(lead.session_id),
            "seq": lead.seq + 1,
            "base_seq": lead.seq,
            "batch_id": self._clock.new_id("b"),
            "created_at": stamp(lead.created_at or now),
            "updated_at": stamp(now),
            "expires_at": None,
            "status": "ended" if lead.is_ended else "active",
        }
        body: dict[str, Any] = {name: getattr(lead, name) for name in _NAMES}
        if lead.is_promise:
            body["is_promise"] = True
        if lead.former is not None:
            body["former"] = list(lead.former)
        await self._loader.call(self._loader.storage.save(self._vault.seal_small(header, body)), "save")
        return evolve(lead, seq=lead.seq + 1, created_at=lead.created_at or now, written_at=now)

    async def drop(self, conversation_id: str, seq: int | None = None) -> bool:
        """Removes the pointer, if it is still this version; whether there was one.

        Raises:
            ConflictError: another version is stored by now.
        """
        return await self.drop_listed(self.id_of(conversation_id), seq)

    async def drop_of(self, conversation_id: str, token: str) -> None:
        """Removes what leads to the call with this token, which is no more; one that leads to another call stays."""
        lead = await self.find(conversation_id)
        if lead is not None and lead.token == token:
            with contextlib.suppress(ConflictError):  # somebody has just taken the id for another call
                await self.drop(conversation_id, lead.seq)

    async def drop_listed(self, pointer_id: str, seq: int | None = None) -> bool:
        """The same for the id of the pointer itself."""
        deletion = self._loader.storage.delete(self._key(pointer_id), expected_seq=seq)
        return await self._loader.call(deletion, "delete")

    async def headers(self, *, session_id: str | None = None) -> AsyncIterator[Record]:
        """The headers of all call pointers, or of those that lead to one session, the latest written first."""
        owner = self.owner(session_id) if session_id is not None else None
        async for header in headers(self._loader, self._tenant, kind="pointer", owner=owner):
            if str(header["session_id"]).startswith(_PREFIX):
                yield header

    def id_of(self, conversation_id: str) -> str:
        """The id of the record that the pointer of a call is."""
        return _PREFIX + self._vault.share_hash("call", conversation_id)

    def owner(self, session_id: str) -> str:
        """What all pointers to the calls of a session are listed under."""
        return self._vault.share_hash("calls of", session_id)[:32]

    def _key(self, pointer_id: str) -> str:
        return storage_key("pointer", self._tenant, pointer_id)


def _former(value: object) -> tuple[str, str] | None:
    match value:
        case [str() as session_id, str() as token]:
            return session_id, token
    return None
