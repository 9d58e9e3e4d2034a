"""Sessions in a SQL database: PostgreSQL, MariaDB, MySQL or SQLite, shared by any number of machines."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import TextClause
from sqlalchemy.exc import IntegrityError as RefusedRow
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from voxsession.clock import Clock, SystemClock
from voxsession.core.envelope import Record, decode_line, from_stamp, split_key, stamp
from voxsession.errors import ConfigurationError, ConflictError, IntegrityError
from voxsession.storage.base import SessionStorage
from voxsession.storage.database_adding import add, add_many, check_repeated
from voxsession.storage.database_appends import Appends, Values
from voxsession.storage.database_errors import is_taken
from voxsession.storage.database_link import (
    DatabaseLink,
    Opened,
    checked_engine,
    checked_options,
    engine_url,
    transaction,
)
from voxsession.storage.database_listing import expired, past, select, unreadable
from voxsession.storage.database_markers import has_row, marker_row
from voxsession.storage.database_rows import (
    batch_values,
    document_values,
    line_of,
    record_of_rows,
)
from voxsession.storage.database_schema import SCHEMA_VERSION, schema_ddl
from voxsession.storage.database_statements import STATEMENTS
from voxsession.storage.frames import conflict, page_line
from voxsession.storage.listing import Query

__all__ = ["DatabaseSessionStorage", "schema_ddl"]

HEALTH_SECONDS = 5
MAX_TTL_SECONDS = 100 * 366 * 86_400  # later moments may lie outside the calendar


class DatabaseSessionStorage(SessionStorage):
    """Keeps sessions in tables of a SQL database, which are made at the first use.

    A turn is one statement, durable when the call returns as far as the database is set to be. No
    connection is held between calls. A call that finds its connection lost, or the server restarted, is
    made once more by itself. Making the object connects to nothing; it may be used by any number of event
    loops, one after another or at once, each of which has a pool of its own.

    Args:
        url: ``postgresql://`` (asyncpg, or the driver named as in ``postgresql+psycopg://``),
            ``sqlite:///path`` (aiosqlite), ``mysql://`` or ``mariadb://`` (asyncmy).
        engine: a SQLAlchemy `AsyncEngine` of the app's own in place of the URL; it is never closed here.
        default_ttl: seconds after the last write until a session expires; None = never.
        clock: tells the time for `cleanup_expired_sessions` and of pages.
        options: for SQLAlchemy's `create_async_engine`: `pool_size` (10 here), `max_overflow` (0),
            `pool_recycle`, `connect_args` and so on. A connection of asyncpg has to be made within 10 s, unless
            `connect_args` have another `timeout`.

    Raises:
        ConfigurationError: the URL, the engine or an option cannot be used, or neither or both of URL and engine
            are given.

    Example:
        >>> DatabaseSessionStorage("postgresql://me:secret@db.example/chats")
        DatabaseSessionStorage('postgresql+asyncpg://me:***@db.example/chats')
    """

    storage_type = "database"
    can_append = True
    can_page = True
    can_list = True
    can_compare = True

    def __init__(
        self,
        url: str | None = None,
        *,
        engine: AsyncEngine | None = None,
        default_ttl: float | None = None,
        clock: Clock | None = None,
        **options: Any,
    ) -> None:
        if (url is None) == (engine is None):
            raise ConfigurationError(
                "A database storage needs either a URL (session_database_url) or an engine.",
                option="session_database_url",
            )
        self.default_ttl = _checked_ttl(default_ttl)
        self._clock: Clock = clock or SystemClock()
        self._link = DatabaseLink(
            engine_url(url) if url is not None else None,
            checked_engine(engine) if engine is not None else None,
            checked_options(options),
            self._clock,
        )
        self._sql = STATEMENTS[self._link.dialect]
        self.is_local = self._link.dialect == "sqlite"
        self.file_path = self._link.file_path  # of SQLite

    def __repr__(self) -> str:
        return f"DatabaseSessionStorage({self._link.name!r})"

    # --- records

    async def save(self, session_data: Record) -> None:
        """Puts a whole record in place of what was stored, lines and all, in one transaction."""
        values, row = document_values(session_data), marker_row(session_data)
        if not values["base_seq"]:
            first = functools.partial(self._add_first_marker, row=row) if row else self._add_first
            await self._link.run("save", lambda connection: first(connection, values))
            return

        async def replace(connection: AsyncConnection) -> None:
            async with transaction(connection, self._sql.begin):
                has_old = values["kind"] == "marker" and await self._tells(connection, values["key"])
                fits = (await connection.execute(self._sql.add, values)).rowcount
                if fits and (row or has_old):
                    await self._show_marker(connection, values["key"], row)
                if fits:
                    await connection.execute(
                        self._sql.delete_lines, {"key": values["key"], "before": values["seq"]}
                    )
            if not fits:
                await self._explain(connection, values)

        await self._link.run("save", replace)

    async def load(self, session_id: str) -> Record | None:
        """The record with its tail, read in one statement; None where there is none."""
        split_key(session_id)
        rows = await self._rows("load", self._sql.load, key=session_id)
        return record_of_rows(session_id, rows)

    async def append(self, session_id: str, batch: Record) -> None:
        """Adds a batch behind the document, in one statement, which others that wait may share."""
        values, opened = batch_values(session_id, batch), self._link.now_open()
        if self._sql.add_many is None:
            await self._add(opened, values)
            return
        if opened.appends is None:
            opened.appends = Appends(
                functools.partial(self._add, opened), functools.partial(self._add_many, opened)
            )
        await opened.appends(values)

    async def _add(self, opened: Opened, values: Values) -> None:
        await self._link.run_direct("append", functools.partial(add, self._sql, values), opened)

    async def _add_many(self, opened: Opened, many: Sequence[Values]) -> set[str]:
        return await self._link.run_direct("append", functools.partial(add_many, self._sql, many), opened)

    async def load_since(self, session_id: str, seq: int) -> list[Record] | None:
        """The batches after a version; None where they were merged into the document."""
        rows = await self._rows("load_since", self._sql.lines_from, key=session_id, seq=seq)
        if not rows or rows[0][0] != seq:
            return None
        return [decode_line(line_of(line), session_id) for _, line in rows[1:]]

    async def _add_first(self, connection: AsyncConnection, values: dict[str, Any]) -> None:
        try:
            await connection.execute(self._sql.add_first, values)
        except RefusedRow as error:
            if not is_taken(error):
                raise
            if await self._head(connection, values["key"]) is None:  # deleted at this moment
                await self._add_first(connection, values)
            else:
                await self._explain(connection, values)

    async def _add_first_marker(
        self, connection: AsyncConnection, values: dict[str, Any], row: dict[str, Any]
    ) -> None:
        async with transaction(connection, self._sql.begin):
            # A refused row would end the whole transaction on PostgreSQL, and its connection with it.
            await connection.exec_driver_sql("SAVEPOINT first_write")
            try:
                await connection.execute(self._sql.add_first, values)
                await self._show_marker(connection, values["key"], row)
                fits = True
            except RefusedRow as error:
                if not is_taken(error):
                    raise
                await connection.exec_driver_sql("ROLLBACK TO SAVEPOINT first_write")
                fits = False
        if not fits:
            await self._explain(connection, values)

    async def _tells(self, connection: AsyncConnection, key: str) -> bool:
        """Whether the stored marker has a row; else the table of rows is left alone, to which one may lack rights."""
        return any(
            [has_row(line) for (line,) in await connection.execute(self._sql.told_by_marker, {"key": key})]
        )

    async def _show_marker(self, connection: AsyncConnection, key: str, row: dict[str, Any] | None) -> None:
        """Puts what a marker tells in clear in place of what its row said; one that tells nothing has no row."""
        await connection.execute(self._sql.hide_marker, {"key": key})
        if row:
            await connection.execute(self._sql.show_marker, row)

    async def _explain(self, connection: AsyncConnection, values: dict[str, Any]) -> None:
        """Why a write did not fit: it was made before, which is well, or it was made from another version."""
        check_repeated(values, await self._head(connection, values["key"]))

    async def _head(self, connection: AsyncConnection, key: str) -> tuple[int, str] | None:
        row = (await connection.execute(self._sql.head, {"key": key})).one_or_none()
        return (row[0], row[1]) if row else None

    async def delete(self, session_id: str, expected_seq: int | None = None) -> bool:
        """Removes a record with its lines and pages, in one transaction."""
        split_key(session_id)
        begun = False

        async def remove(connection: AsyncConnection) -> bool:
            nonlocal begun
            again = begun
            async with transaction(connection, self._sql.begin):
                begun = True
                is_marker = split_key(session_id)[0] == "marker"
                has_old = is_marker and await self._tells(connection, session_id)
                statement = self._sql.delete_head if expected_seq is None else self._sql.delete_head_of
                found = (
                    await connection.execute(statement, {"key": session_id, "seq": expected_seq})
                ).rowcount
                head = None if found else await self._head(connection, session_id)
                if found:
                    await connection.execute(self._sql.delete_lines, {"key": session_id, "before": 2**63 - 1})
                    await connection.execute(self._sql.delete_all_pages, {"key": session_id})
                    if has_old:
                        await self._show_marker(connection, session_id, None)
                elif head is None and expected_seq is None:
                    # Pages may lie there without a record: a save was given up before its document came.
                    await connection.execute(self._sql.delete_stray_lines, {"key": session_id})
                    await connection.execute(self._sql.delete_stray_pages, {"key": session_id})
            # Where the connection was lost on the way, it may have been this very call that left nothing to be found.
            if found or (again and head is None):
                return True
            if expected_seq is not None:
                raise conflict(session_id, expected_seq, head[0] if head else None)
            return False

        return await self._link.run("delete", remove)

    # --- pages

    async def save_page(self, session_id: str, page: Record) -> None:
        """Stores a page."""
        split_key(session_id)
        await self._execute(
            "save_page",
            self._sql.save_page,
            key=session_id,
            page_id=str(page["page_id"]),
            written_at=stamp(self._clock.now()),
            line=page_line(page)[:-1].decode(),
        )

    async def load_page(self, session_id: str, page_id: str) -> Record | None:
        """A page, or None where there is none of this name."""
        rows = await self._rows("load_page", self._sql.load_page, key=session_id, page_id=page_id)
        return decode_line(line_of(rows[0][0]), f"{session_id}/{page_id}") if rows else None

    async def list_pages(self, session_id: str) -> list[tuple[str, datetime]]:
        """The names of all pages of a session, with the time each was written, ordered by name."""
        rows = await self._rows("list_pages", self._sql.list_pages, key=session_id)
        try:
            return [(name, from_stamp(written_at)) for name, written_at in rows]
        except (TypeError, ValueError):
            raise IntegrityError(session_id, "the time of a page is none") from None

    async def delete_pages(self, session_id: str, page_ids: Collection[str]) -> int:
        """Removes pages; the number that were there."""
        if not page_ids:
            return 0
        return await self._execute(
            "delete_pages", self._sql.delete_pages, key=session_id, page_ids=list(page_ids)
        )

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
        """Headers, the latest change first, read from an index."""
        query = Query(
            owner=owner, active_only=active_only, after=after, limit=limit, kind=kind, tenant=tenant
        )
        return await self._link.run("list_sessions", lambda connection: select(connection, query))

    async def expired_sessions(self, now: datetime, *, tenant: str = "", limit: int = 100) -> list[Record]:
        """Headers of sessions whose `expires_at` has passed, the longest past first."""
        return await self._link.run(
            "expired_sessions", lambda connection: expired(connection, stamp(now), tenant, limit)
        )

    async def unreadable_records(self, *, kind: str = "session", tenant: str = "") -> list[str]:
        """The ids of records that no list shows, as their head cannot be read or its columns were altered.

        All heads are looked at, since the columns that they are found by may be what was altered.
        """
        return await self._link.run(
            "unreadable_records", lambda connection: unreadable(connection, kind, tenant)
        )

    async def cleanup_expired_sessions(self, max_age_seconds: float | None = None) -> int:
        """Removes sessions of all tenants that have expired, or were last written longer ago than this."""
        now = self._clock.now()
        oldest = None if max_age_seconds is None else stamp(now - timedelta(seconds=max_age_seconds))
        count, after = 0, ""
        while True:
            found = await self._link.run(
                "cleanup_expired_sessions",
                functools.partial(past, now=stamp(now), oldest=oldest, after=after),
            )
            for key, seq in found:
                with contextlib.suppress(ConflictError):  # it was written meanwhile
                    count += await self.delete(key, expected_seq=seq)
            if not found or found[-1][0] == after:  # a key that is no text names no place to go on from
                return count
            after = found[-1][0]

    # --- life and health

    async def open(self) -> None:
        """Connects, and makes the tables where there are none.

        Raises:
            ConfigurationError: the URL, the user or the password is not right, or a driver is missing.
            UnsupportedFormatError: a newer version of voxsession has made the tables.
            StorageUnavailableError: the server cannot be reached, or does not answer.
            StorageError: the tables may not be made, or a SQLite file cannot be.
        """
        await self._link.run("open", _nothing)

    async def close(self) -> None:
        """Waits for calls that have begun and closes all connections of this event loop; the next call opens again."""
        await self._link.close()

    async def get_stats(self) -> dict[str, Any]:
        """`storage_type`, `url` without password, `dialect`, `schema_version` and the number of sessions."""
        total = (await self._rows("get_stats", self._sql.count))[0][0]
        return {
            "storage_type": self.storage_type,
            "url": self._link.name,
            "dialect": self._link.dialect,
            "schema_version": SCHEMA_VERSION,
            "total_sessions": total,
        }

    async def health_check(self) -> dict[str, Any]:
        """Whether the database answers within 5 s; never raises."""
        try:
            async with asyncio.timeout(HEALTH_SECONDS):
                await self._link.run("health_check", _nothing)
        except TimeoutError:
            return {
                "status": "unhealthy",
                "error": f"{self._link.name} did not answer within {HEALTH_SECONDS} s",
            }
        except Exception as error:
            return {"status": "unhealthy", "error": str(error)}
        return {"status": "healthy", "storage": "operational"}

    async def _execute(self, operation: str, statement: TextClause, **values: Any) -> int:
        async def execute(connection: AsyncConnection) -> int:
            return (await connection.execute(statement, values)).rowcount

        return await self._link.run(operation, execute)

    async def _rows(self, operation: str, statement: TextClause, **values: Any) -> list[Any]:
        return await self._link.run_direct(operation, lambda ask: list(ask(statement, values)))


def _checked_ttl(seconds: Any) -> float | None:
    is_number = isinstance(seconds, (int, float)) and not isinstance(seconds, bool)
    if seconds is not None and not (is_number and 0 < seconds <= MAX_TTL_SECONDS):
        raise ConfigurationError.out_of_range(
            "default_ttl", seconds, "seconds, up to a hundred years, or None for never"
        )
    return seconds  # type: ignore[no-any-return]


async def _nothing(connection: AsyncConnection) -> None:
    """Shows that the database answers."""
    await connection.exec_driver_sql("SELECT 1")
