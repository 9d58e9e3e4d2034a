"""The versioned writes of the Redis storage, each with the index entries that belong to it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, NamedTuple

from voxsession.clock import Clock
from voxsession.core.envelope import Record, split_key, stamp
from voxsession.errors import IntegrityError
from voxsession.storage.frames import conflict
from voxsession.storage.redis_indexes import Entry, RedisKeys, score_of
from voxsession.storage.redis_links import Link
from voxsession.storage.redis_scripts import INDEX, Script

__all__ = ["Write", "write"]

# Redis removes an expired session by itself only this much later: until then clean-up can list and verify it.
NATIVE_GRACE = timedelta(days=1)


class Write(NamedTuple):
    """One save or append, ready to go.

    Attributes:
        key: the storage key of the record.
        lines: what is stored, then the header that listings read.
    """

    script: Script
    key: str
    record: Record
    lines: Sequence[bytes]

    @property
    def base_seq(self) -> int:
        """The version it was made from; 0 for the first."""
        return int(self.record.get("base_seq") or 0)


async def write(link: Link, keys: RedisKeys, clock: Clock, what: Write) -> None:
    """Stores a document or a batch if the stored version is the one that it was made from.

    Raises:
        ConflictError: it is not, and this was not a repeated write.
        IntegrityError: what is stored there has no version.
    """
    record = what.record
    args: list[bytes | str] = [str(what.base_seq), str(record["seq"]), str(record.get("batch_id") or "")]
    args += [_native_ttl(clock, record), *what.lines]
    entries = keys.entries(what.key, record)
    tenant = (keys.tenants, "0", split_key(what.key)[1])
    if link.is_cluster:
        found = await _write_apart(link, keys, what, args, entries, tenant)
    else:
        if not what.base_seq:
            entries.append(tenant)
        names = [*keys.record(what.key), *(name for name, _, _ in entries)]
        found = await link.run(what.script, names, args + _pairs(entries))
    if found == -1:
        raise IntegrityError(what.key, "it has no version")
    if found != 1:
        raise conflict(what.key, what.base_seq, int(found) if found else None)


async def _write_apart(
    link: Link, keys: RedisKeys, what: Write, args: Sequence[bytes | str], entries: list[Entry], tenant: Entry
) -> Any:
    """The script, and the index entries in their other slots: before it for a new record, else at the same time."""
    if not what.base_seq:
        await asyncio.gather(_index(link, entries), _index(link, [tenant]))
        return await link.run(what.script, keys.record(what.key), args)
    writing = link.run(what.script, keys.record(what.key), args)
    outcomes = await asyncio.gather(writing, _index(link, entries), return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome
    return outcomes[0]


async def _index(link: Link, entries: list[Entry]) -> None:
    await link.run(INDEX, [name for name, _, _ in entries], _pairs(entries))


def _pairs(entries: list[Entry]) -> list[bytes | str]:
    """Score and member of each entry, as the scripts take them."""
    return [part for _, *pair in entries for part in pair]


def _native_ttl(clock: Clock, record: Record) -> str:
    """Milliseconds until Redis itself may remove the record, as a script takes them; empty for never."""
    expires_at = record.get("expires_at")
    if not expires_at or record.get("kind") == "lease":  # the number of a lease is kept before it goes
        return ""
    left = score_of(expires_at) - score_of(stamp(clock.now()))
    return str(max(left // 1000, 0) + NATIVE_GRACE // timedelta(milliseconds=1))
