"""Sessions in Redis or Valkey, on one server or in a cluster."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from voxsession.clock import Clock, SystemClock
from voxsession.core.envelope import (
    Record,
    decode_line,
    effective_header,
    encode_line,
    from_stamp,
    record_key,
    split_key,
    stamp,
)
from voxsession.errors import (
    ConflictError,
    IntegrityError,
    VoxSessionError,
)
from voxsession.storage.base import SessionStorage
from voxsession.storage.frames import (
    batch_line,
    check_owned,
    conflict,
    document_line,
    header_line,
    listed,
    page_line,
)
from voxsession.storage.redis_errors import Told
from voxsession.storage.redis_indexes import Index, Query, RedisKeys, score_of
from voxsession.storage.redis_links import Client, RedisLinks
from voxsession.storage.redis_options import check_options, connection_options
from voxsession.storage.redis_scripts import (
    APPEND,
    DELETE,
    DELETE_PAGES,
    LOAD,
    PAGES,
    SAVE,
    SAVE_PAGE,
    Script,
)
from voxsession.storage.redis_server import figures
from voxsession.storage.redis_unlisted import unlisted
from voxsession.storage.redis_writing import Write, write

__all__ = ["RedisSessionStorage"]


class RedisSessionStorage(SessionStorage):
    """Keeps each session in four keys of one slot; a turn is one script in one round trip.

    A save that returned is in the server's memory. Whether it outlives the server is the server's setting:
    `get_stats()["persistence"]` tells what it is and what that means.

    Args:
        redis_url: ``redis://``, ``rediss://`` (TLS), ``unix://``, ``valkey://``, ``valkeys://``, or
            ``redis+cluster://`` and ``rediss+cluster://``. A cluster is also noticed behind a plain URL.
        session_prefix: what all keys begin with; no braces.
        default_ttl: seconds after the last write until a session expires; None = never. Without it no key has a TTL.
        max_connections: most connections of one event loop; further calls wait for one.
        retry_on_timeout: try a call again when no answer came in time. Writes are safe to repeat.
        socket_keepalive: let the system notice dead connections.
        password: in place of the URL's.
        db: the number of the database, in place of the URL's.
        client: a ready `redis.asyncio` client (`Redis` or `RedisCluster`) of the event loop in use, in place of
            the URL. It is never closed here.
        clock: tells what has expired.

    Raises:
        ConfigurationError: a URL of no known scheme, or an impossible option.
    """

    storage_type = "redis"
    can_append = True
    can_page = True
    can_list = True
    can_compare = True
    is_local = False

    def __init__(
        self,
        redis_url: str = "redis://localhost:6379/0",
        *,
        session_prefix: str = "vox",
        default_ttl: float | None = None,
        max_connections: int = 10,
        retry_on_timeout: bool = True,
        socket_keepalive: bool = True,
        password: str | None = None,
        db: int | None = None,
        client: Client | None = None,
        clock: Clock | None = None,
    ) -> None:
        check_options(session_prefix, default_ttl, max_connections, password, db)
        given = {"socket_keepalive": socket_keepalive, "password": password, "db": db}
        options, is_cluster = connection_options(
            redis_url, {name: value for name, value in given.items() if value is not None}
        )
        self.default_ttl = default_ttl
        self._keys = RedisKeys(session_prefix.rstrip(":"))
        self._clock: Clock = clock or SystemClock()
        self._links = RedisLinks(
            options,
            calls_at_once=max_connections,
            is_cluster=is_cluster,
            retry_on_timeout=retry_on_timeout,
            client=client,
        )
        self._place = (
            "the given client"
            if client is not None
            else str(options.get("path") or f"{options.get('host', 'localhost')}:{options.get('port', 6379)}")
        )

    def __repr__(self) -> str:
        return f"RedisSessionStorage({self._place!r}, session_prefix={self._keys.prefix!r})"

    def _told(self, operation: str, record: str = "") -> Told:
        return Told(operation, self._place, record)

    async def _run(self, operation: str, key: str, script: Script, args: Sequence[str | bytes] = ()) -> Any:
        """The answer of a script about one record."""
        split_key(key)
        with self._told(operation, key):
            link = await self._links.current()
            return await link.run(script, self._keys.record(key), args)

    # --- records

    async def save(self, session_data: Record) -> None:
        """Puts a whole record in place of what was stored, with its index entries."""
        key = record_key(session_data)
        lines = [document_line(session_data), encode_line(listed(session_data))]
        await self._write("save", Write(script=SAVE, key=key, record=session_data, lines=lines))

    async def append(self, session_id: str, batch: Record) -> None:
        """Adds a batch to the list behind the document, in one round trip."""
        line = batch_line(batch)
        lines = [line, header_line(batch, line)]
        await self._write("append", Write(script=APPEND, key=session_id, record=batch, lines=lines))

    async def _write(self, operation: str, what: Write) -> None:
        with self._told(operation, what.key):
            await write(await self._links.current(), self._keys, self._clock, what)

    async def load(self, session_id: str) -> Record | None:
        """The record with its tail, both in one round trip; None where there is none."""
        found = await self._run("load", session_id, LOAD, ["1"])
        if found is None:
            return None
        seq, document, batches = found
        if document is None:
            raise IntegrityError(session_id, "its document is missing")
        record = decode_line(document, session_id)
        check_owned(record, session_id)
        record["tail"] = [decode_line(batch, session_id) for batch in batches]
        _check_newest(session_id, seq, (record["tail"] or [record])[-1]["seq"])
        return record

    async def load_since(self, session_id: str, seq: int) -> list[Record] | None:
        """The batches after a version, without the document; None where they were merged into it."""
        found = await self._run("load_since", session_id, LOAD, [""])
        if found is None:
            return None
        newest, _, lines = found
        batches = [decode_line(line, session_id) for line in lines]
        if not batches:
            return [] if newest == b"%d" % seq else None
        seqs = [batches[0].get("base_seq"), *(batch["seq"] for batch in batches)]
        _check_newest(session_id, newest, seqs[-1])
        return batches[seqs.index(seq) :] if seq in seqs else None

    async def delete(self, session_id: str, expected_seq: int | None = None) -> bool:
        """Removes a record with its batches, pages and index entries."""
        expected = "" if expected_seq is None else str(expected_seq)
        found = await self._run("delete", session_id, DELETE, [expected])
        if not isinstance(found, list):
            raise conflict(session_id, expected_seq or 0, int(found) if found else None)
        await self._drop_entries(session_id, found[1:])
        return bool(found[0])

    async def _drop_entries(self, key: str, heads: list[bytes]) -> None:
        """Removes the index entries of a record that is gone; what stays behind here, listings remove."""
        kind, tenant, member = split_key(key)
        names = [self._keys.updated(tenant, kind), self._keys.expiring(tenant)]
        with contextlib.suppress(IntegrityError):
            header = effective_header({"tail": [decode_line(head, key) for head in heads if head]})
            names += [self._keys.owned(tenant, kind, header["owner"])] if header.get("owner") else []
        with self._told("delete", key):
            link = await self._links.current()
            await asyncio.gather(*(link.command("ZREM", name, member) for name in names))

    # --- pages

    async def save_page(self, session_id: str, page: Record) -> None:
        """Stores a page beside the record; it goes with the record."""
        args: list[str | bytes] = [str(page["page_id"]), page_line(page), stamp(self._clock.now())]
        await self._run("save_page", session_id, SAVE_PAGE, args)

    async def load_page(self, session_id: str, page_id: str) -> Record | None:
        """A page, or None where there is none of this name."""
        with self._told("load_page", session_id):
            link = await self._links.current()
            line = await link.command("HGET", self._keys.record(session_id)[2], page_id)
        return None if line is None else decode_line(line, f"{session_id}/{page_id}")

    async def list_pages(self, session_id: str) -> list[tuple[str, datetime]]:
        """The names of all pages of a session, with the time each was written, ordered by name."""
        found = await self._run("list_pages", session_id, PAGES)
        try:
            return sorted(
                (found[at].decode(), from_stamp(found[at + 1].decode())) for at in range(0, len(found), 2)
            )
        except ValueError:
            raise IntegrityError(session_id, "the time of a page is none") from None

    async def delete_pages(self, session_id: str, page_ids: Collection[str]) -> int:
        """Removes pages; the number that were there."""
        return int(await self._run("delete_pages", session_id, DELETE_PAGES, list(page_ids)))

    # --- listing

    async def list_sessions(
        self,
        *,
        owner: str | None = None,
        active_only: bool = False,
        after: Record | None = None,
        limit: int = 100,
        kind: str = "session",
        tenant: str = "",
    ) -> list[Record]:
        """Headers, the latest change first, by an index; with `owner` only that owner's records are looked at."""
        query = Query(
            now=self._clock.now(), limit=max(limit, 0), active_only=active_only, ownerless_only=owner == ""
        )
        if after is not None:
            low = str(-score_of(after.get("updated_at")))
            query = query._replace(low=low, after=str(after.get("session_id")))
        index = Index.by_update(self._keys, kind, tenant, owner)
        return await self._select("list_sessions", index, query)

    async def expired_sessions(self, now: datetime, *, tenant: str = "", limit: int = 100) -> list[Record]:
        """Headers of sessions whose `expires_at` has passed, the longest past first."""
        query = Query(now=self._clock.now(), limit=max(limit, 0), high=str(score_of(stamp(now))))
        return await self._select("expired_sessions", Index.by_expiry(self._keys, tenant), query)

    async def unreadable_records(self, *, kind: str = "session", tenant: str = "") -> list[str]:
        """The ids of records whose header cannot be read, or that an index lacked; all keys are gone through (SCAN).

        Entries that were missing are put back: in the index of all records of the kind, of the owner, of what
        expires, of the tenants. So lists have these records from now on, and the next call names them no more.
        """
        with self._told("unreadable_records"):
            return await unlisted(await self._links.current(), self._keys, kind, tenant)

    async def cleanup_expired_sessions(self, max_age_seconds: float | None = None) -> int:
        """Removes sessions of all tenants that have expired, or were last written longer ago than this."""
        now, count = self._clock.now(), 0
        past = Query(now=now, high=str(score_of(stamp(now))))
        for tenant in await self._tenants():
            count += await self._delete_all(Index.by_expiry(self._keys, tenant), past)
            if max_age_seconds is not None:
                oldest = score_of(stamp(now - timedelta(seconds=max_age_seconds)))
                old = Query(now=now, low=str(1 - oldest))
                count += await self._delete_all(Index.by_update(self._keys, "session", tenant, None), old)
        return count

    async def _select(self, operation: str, index: Index, query: Query) -> list[Record]:
        with self._told(operation):
            link = await self._links.current()
            return [listed(header) for header in await index.select(link, query)]

    async def _delete_all(self, index: Index, query: Query) -> int:
        count = 0
        for header in await self._select("cleanup_expired_sessions", index, query):
            with contextlib.suppress(ConflictError):  # it was written meanwhile
                count += await self.delete(record_key(header), expected_seq=header["seq"])
        return count

    async def _tenants(self) -> list[str]:
        with self._told("list_sessions"):
            link = await self._links.current()
            found = await link.command("ZRANGE", self._keys.tenants, "0", "-1")
        return [tenant.decode(errors="replace") for tenant in found]

    # --- life and health

    async def open(self) -> None:
        """Connects in the running event loop.

        Raises:
            StorageUnavailableError: no server answers.
            ConfigurationError: it refuses the credentials.
        """
        with self._told("open"):
            await self._links.current()

    async def close(self) -> None:
        """Waits for calls that have begun, then closes the connections of the running event loop."""
        with self._told("close"):
            await self._links.close()

    async def get_stats(self) -> dict[str, Any]:
        """`storage_type`, sessions of all tenants (`total_sessions`), the `server` and its `persistence`.

        Sessions that Redis itself has expired are counted until they would next be listed.
        `persistence` has the settings `appendonly`, `appendfsync` and `save` (None where the server does not tell)
        and `meaning`, one sentence on what is lost when the server fails.
        """
        tenants = await self._tenants()
        with self._told("get_stats"):
            link = await self._links.current()
            names = [self._keys.updated(tenant, "session") for tenant in tenants]
            counts = await asyncio.gather(*(link.command("ZCARD", name) for name in names))
            return {
                "storage_type": self.storage_type,
                "total_sessions": sum(counts),
                **await figures(link),
            }

    async def health_check(self) -> dict[str, Any]:
        """Whether the server answers a read; never raises."""
        try:
            with self._told("health_check"):
                link = await self._links.current()
                await link.command("EXISTS", self._keys.tenants)
        except VoxSessionError as error:
            return {"status": "unhealthy", "error": str(error)}
        return {"status": "healthy", "storage": "operational"}


def _check_newest(key: str, stored: bytes | None, seq: int) -> None:
    """`IntegrityError` unless the version that writes are compared with is that of the newest line."""
    if stored != b"%d" % seq:
        raise IntegrityError(key, "its version is not that of its newest batch")
