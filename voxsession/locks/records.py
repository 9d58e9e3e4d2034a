"""The small sealed records of device locks, written by version."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from typing import Any, TypeVar

from voxsession.core.envelope import FORMAT, HEADER_FIELDS, Record, stamp, storage_key
from voxsession.core.struct import Struct
from voxsession.core.types import decode_json, encode_json, json_decoder
from voxsession.errors import ConflictError, IntegrityError
from voxsession.installation import Installation
from voxsession.locks.turns import turn
from voxsession.session.patience import Patience
from voxsession.session.rewriting import headers

__all__ = ["LockRecords", "Stored"]

T = TypeVar("T")
PATIENCE_SECONDS = 5.0
FIRST_SEQ_BYTES = 4


class Stored(Struct, frozen=True):
    """A record as it was loaded: its clear header, and the body that was sealed."""

    header: Record
    body: Any

    @property
    def seq(self) -> int:
        """Its version."""
        return int(self.header["seq"])


class LockRecords:
    """Loads and saves the records of one kind.

    Args:
        home: the opened installation.
        kind: ``lease`` or ``marker``.
        shape: the class of what their bodies hold.
    """

    def __init__(self, home: Installation, kind: str, shape: type) -> None:
        self._home = home
        self._kind = kind
        self._decode = json_decoder(shape)

    async def load(self, record_id: str) -> Stored | None:
        """The record under this id; None where there is none.

        Raises:
            KeyNotFoundError: its key is not known here.
            IntegrityError: it was altered or exchanged.
        """
        recorder = await self._home.ready()
        record = await recorder.call(recorder.storage.load(self._key(record_id)), "load")
        if record is None:
            return None
        name = f"{self._kind} {record_id}"
        await self._home.vault.look_for_key(record)
        body = self._home.vault.open_small(record, name)
        place = (record.get("kind"), record.get("tenant", ""), record.get("session_id"))
        if place != (self._kind, self._home.tenant, record_id):
            raise IntegrityError(name, "another record lies in its place")
        try:
            shaped = self._decode(encode_json(body))
        except ValueError:
            raise IntegrityError(name, "its body is not what such a record holds") from None
        return Stored({field: record.get(field) for field in HEADER_FIELDS}, shaped)

    async def save(
        self,
        record_id: str,
        body: Any,
        before: Stored | None,
        *,
        expires_at: datetime | None,
        owner: str = "",
        clear: dict[str, Any] | None = None,
    ) -> Stored:
        """Writes a body in place of `before`; None = there must be no record.

        Args:
            record_id: the device.
            body: an object of this kind's shape.
            before: the version that it was made from.
            expires_at: from when on it may be cleaned up; None = that can only be told from the body.
            owner: the keyed hash of the person it is kept for.
            clear: what is told in clear beside the header.

        Raises:
            ConflictError: another version is stored; nothing was written.
        """
        recorder, clock = await self._home.ready(), self._home.clock
        now, seq = stamp(clock.now()), before.seq if before is not None else 0
        # Random, so that a writer who slept never fits a record that was made anew meanwhile.
        first = int.from_bytes(clock.random_bytes(FIRST_SEQ_BYTES), "big") + 1
        header: Record = {
            "format": FORMAT,
            "kind": self._kind,
            "tenant": self._home.tenant,
            "session_id": record_id,
            "owner": owner,
            "seq": seq + 1 if before is not None else first,
            "base_seq": seq,
            "batch_id": clock.new_id("b"),
            "created_at": before.header["created_at"] if before is not None else now,
            "updated_at": now,
            "expires_at": stamp(expires_at) if expires_at is not None else None,
            "status": "active",
        }
        sealed = self._home.vault.seal_small({**header, **(clear or {})}, decode_json(encode_json(body)))
        await recorder.call(recorder.storage.save(sealed), "save")
        return Stored(header, body)

    async def delete(self, stored: Stored) -> bool:
        """Removes a record; False where it is gone already.

        Raises:
            ConflictError: it was written meanwhile; nothing was removed.
        """
        recorder = await self._home.ready()
        key = self._key(str(stored.header["session_id"]))
        try:
            return await recorder.call(recorder.storage.delete(key, expected_seq=stored.seq), "delete")
        except ConflictError as error:
            if error.found_seq is None:
                return False
            raise

    async def headers(self) -> AsyncIterator[Record]:
        """The clear headers of all records of the kind."""
        recorder = await self._home.ready()
        async for header in headers(recorder, self._home.tenant, kind=self._kind):
            yield header

    async def until_it_fits(
        self, device_id: str, attempt: Callable[[], Awaitable[T]], *, in_turn: bool = True
    ) -> T:
        """What the attempt gives, made anew on what others wrote meanwhile.

        Args:
            device_id: the record.
            attempt: reads, then writes in place of what it read.
            in_turn: those of this process queue up; needless where one who was forestalled has nothing to write.
        """
        with contextlib.suppress(ConflictError):
            return await attempt()
        if not in_turn:
            return await self._persist(device_id, attempt)
        storage = (await self._home.ready()).storage
        async with turn(storage, self._key(device_id), PATIENCE_SECONDS):
            return await self._persist(device_id, attempt)

    async def _persist(self, device_id: str, attempt: Callable[[], Awaitable[T]]) -> T:
        patience = Patience(self._home.clock, PATIENCE_SECONDS)
        while patience.try_again():
            try:
                return await attempt()
            except ConflictError:
                await patience.step_back()
        raise ConflictError(
            device_id,
            expected_seq=0,
            found_seq=None,
            message=f"Others write the {self._kind} of device {device_id!r} all the time. Nothing was changed; try "
            "again when they write less often.",
        )

    def _key(self, record_id: str) -> str:
        return storage_key(self._kind, self._home.tenant, record_id)
