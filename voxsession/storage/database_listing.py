"""Lists of the SQL storage, read from the heads by index."""

from __future__ import annotations

from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from voxsession.core.envelope import Record, split_key, storage_key
from voxsession.errors import ConfigurationError
from voxsession.storage.database_rows import claimed_key, header_of, owner_mark
from voxsession.storage.listing import Query

__all__ = ["expired", "past", "select", "unreadable"]

PAST_BATCH = 200
LOOKED_AT = 2000  # the database may sort all heads for each of these batches

_HEADS = (
    "SELECT record_key, header, changed, seq, batch_id, kind, tenant, record_id, owner, ended, updated_at, expires_at "
    "FROM voxsession_records WHERE slot = 0"
)
_EXPIRED = text(
    f"{_HEADS} AND kind = 'session' AND tenant = :tenant AND expires_at <= :now "
    "ORDER BY expires_at, record_id LIMIT :limit"
)
# By no index, since what the indexes are made of may have been altered. What comes too much is looked at again.
_CLAIMED = text(
    f"{_HEADS} AND record_key > :after AND (kind = :kind AND tenant = :tenant OR record_key LIKE :named "
    "OR header LIKE :described) ORDER BY record_key LIMIT :limit"
)
_HEAD = text("SELECT 1 FROM voxsession_records WHERE slot = 0 AND record_key = :key")
_PAST = "SELECT record_key, seq FROM voxsession_records WHERE slot = 0 AND kind = 'session' AND record_key > :after"
_HAS_EXPIRED = text(f"{_PAST} AND expires_at <= :now ORDER BY record_key LIMIT :limit")
_IS_PAST = text(f"{_PAST} AND (expires_at <= :now OR updated_at < :oldest) ORDER BY record_key LIMIT :limit")


async def select(connection: AsyncConnection, query: Query) -> list[Record]:
    """The headers asked for; those that cannot be read are left out and make room for the next."""
    found: list[Record] = []
    skipped = 0
    after = query.after and (str(query.after.get("updated_at")), str(query.after.get("session_id")))
    while len(found) < query.limit:
        # What cannot be read may come again: text that is none has no place in the order that can be named.
        wanted = query.limit - len(found) + skipped
        conditions = ["kind = :kind", "tenant = :tenant", "updated_at IS NOT NULL", "record_id IS NOT NULL"]
        values: dict[str, Any] = {"kind": query.kind, "tenant": query.tenant, "limit": wanted}
        if query.owner is not None:
            conditions.append("owner = :owner")
            values["owner"] = owner_mark(query.owner)
        if query.active_only:
            conditions.append("ended = 0")
        if after is not None:
            conditions.append("updated_at <= :time AND (updated_at < :time OR record_id > :id)")
            values["time"], values["id"] = after
        statement = (
            f"{_HEADS} AND {' AND '.join(conditions)} ORDER BY updated_at DESC, record_id LIMIT :limit"
        )
        rows = (await connection.execute(text(statement), values)).all()
        headers = _readable(rows)
        found, skipped = found + headers, len(rows) - len(headers)
        if len(rows) < wanted:
            break
        after = (rows[-1].updated_at, rows[-1].record_id)
    return found[: query.limit]


async def expired(connection: AsyncConnection, now: str, tenant: str, limit: int) -> list[Record]:
    """Headers of one tenant's sessions that have expired, the longest past first."""
    values = {"tenant": tenant, "now": now, "limit": max(limit, 0)}
    return _readable((await connection.execute(_EXPIRED, values)).all())


async def unreadable(connection: AsyncConnection, kind: str, tenant: str) -> list[str]:
    """The ids of the records of a kind that no list shows: their heads cannot be read, or their columns were altered.

    A record is of the kind where its key, its columns or its header says so. One whose key was altered is named by
    the key that it has and by the one that it had.
    """
    values: dict[str, Any] = {
        "kind": kind,
        "tenant": tenant,
        "named": storage_key(kind, tenant, "%"),
        "described": f'%"kind":"{kind}","tenant":"{tenant}"%',
        "after": "",
        "limit": LOOKED_AT,
    }
    found, lost = set[str](), set[str]()
    while True:
        rows = (await connection.execute(_CLAIMED, values)).all()
        odd = [row for row in rows if header_of(row) is None]
        for row in odd:
            if (kind, tenant) in ((row.kind, row.tenant), _parts(row.record_key)[:2]):
                found.add(_name(row.record_key))
            claimed = claimed_key(row)
            if claimed not in (None, row.record_key) and _parts(claimed)[:2] == (kind, tenant):
                lost.add(str(claimed))
        if len(rows) < values["limit"]:
            break
        values |= {"after": rows[-1].record_key, "limit": LOOKED_AT + len(odd)}
    for key in lost:
        if await connection.scalar(_HEAD, {"key": key}) is None:
            found.add(_name(key))
    return sorted(found)


async def past(
    connection: AsyncConnection, *, now: str, oldest: str | None, after: str
) -> list[tuple[str, int]]:
    """The next sessions, with their versions, that have expired or were last written before `oldest`."""
    values = {"now": now, "after": after, "limit": PAST_BATCH}
    statement = _HAS_EXPIRED
    if oldest is not None:
        statement, values["oldest"] = _IS_PAST, oldest
    return [(row[0], row[1]) for row in await connection.execute(statement, values)]


def _parts(key: object) -> tuple[str, str, str]:
    """Kind, tenant and id of a key; of one that was altered, no kind."""
    try:
        return split_key(str(key))
    except ConfigurationError:
        return "", "", str(key)


def _name(key: object) -> str:
    """The id of a key, such that there is a key to it: what begins with a dot would be none."""
    return _parts(key)[2].lstrip(".") or "?"


def _readable(rows: Any) -> list[Record]:
    headers = map(header_of, rows)
    return [header for header in headers if header is not None]
