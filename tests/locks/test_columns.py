"""What markers tell in clear: columns that the three queries of old read, on SQL; nothing unless it was asked for."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from tests.locks.pairs import TwoMethods, locks_on, voxon_of
from tests.servers.postgres import PostgresServer
from voxsession import ConflictError, FileSessionStorage, StorageError, migrate
from voxsession.core.envelope import storage_key
from voxsession.locks import SessionLockService
from voxsession.storage.database import DatabaseSessionStorage, schema_ddl
from voxsession.storage.database_link import engine_url
from voxsession.testing import FakeClock
from voxsession.testing.records import a_document

ACTIVE = (
    "SELECT active_agent, COUNT(*) AS count FROM voxsession_markers "
    "WHERE active_agent IS NOT NULL GROUP BY active_agent"
)
OLD = {
    "postgres": "locked_at < NOW() - INTERVAL '24 hours'",
    "sqlite": "locked_at < datetime('now', '-24 hours')",
    "mariadb": "locked_at < UTC_TIMESTAMP(6) - INTERVAL 24 HOUR",
}
HELD = {
    "postgres": "EXTRACT(EPOCH FROM (NOW() - locked_at))",
    "sqlite": "(julianday('now') - julianday(locked_at)) * 86400",
    "mariadb": "TIMESTAMPDIFF(SECOND, locked_at, UTC_TIMESTAMP(6))",
}
SERVERS = {"postgres": "postgres_server", "mariadb": "mariadb_server"}
KINDS = [
    "sqlite",
    pytest.param("postgres", marks=pytest.mark.server),
    pytest.param("mariadb", marks=[pytest.mark.server, pytest.mark.all_only]),
]


class Database:
    """A SQL storage, and its tables as a person sees them."""

    def __init__(self, kind: str, url: str) -> None:
        self.kind = kind
        self.storage = DatabaseSessionStorage(url)
        self._url = url

    async def ask(self, query: str) -> list[Any]:
        engine = create_async_engine(engine_url(self._url))
        try:
            async with engine.connect() as connection:
                return [tuple(row) for row in await connection.execute(text(query))]
        finally:
            await engine.dispose()

    async def devices(self) -> dict[str, str]:
        return dict(await self.ask("SELECT device_id, active_agent FROM voxsession_markers"))


@pytest.fixture(params=KINDS)
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    """Every SQL database."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'store.db'}"
    else:
        url = await request.getfixturevalue(SERVERS[request.param]).new_place()
    made = Database(request.param, url)
    yield made
    await made.storage.close()


async def test_the_three_queries(database: Database) -> None:
    """Active by agent, how many are older than a day, how long they are held on average."""
    now = FakeClock(_now())
    yesterday, hour_ago = FakeClock(_now(hours=25), seed="y"), FakeClock(_now(hours=1), seed="h")
    await locks_on(database.storage, yesterday, clear_columns=True).set_session_lock(
        "d1", "scheduling", 3 * 86_400
    )
    await locks_on(database.storage, hour_ago, clear_columns=True).set_session_lock("d2", "scheduling")
    await locks_on(database.storage, now, clear_columns=True).set_session_lock("d3", "billing", 0.5)

    assert dict(await database.ask(ACTIVE)) == {"scheduling": 2, "billing": 1}
    old = f"SELECT COUNT(*) AS expired_count FROM voxsession_markers WHERE {OLD[database.kind]}"
    assert await database.ask(old) == [(1,)]
    held = f"SELECT active_agent, AVG({HELD[database.kind]}) FROM voxsession_markers GROUP BY active_agent"
    averages = {agent: float(seconds) for agent, seconds in await database.ask(held)}
    assert averages["scheduling"] == pytest.approx(13 * 3600, abs=60)
    assert averages["billing"] == pytest.approx(0, abs=60)
    ttls = "SELECT device_id, session_ttl FROM voxsession_markers"
    assert dict(await database.ask(ttls)) == {"d1": 3 * 86_400, "d2": 86_400, "d3": 1}


async def test_rows_follow_their_markers(database: Database) -> None:
    """A row is there exactly as long as its marker says it: overwritten, cleared, cleaned up, moved, leased."""
    clock = FakeClock()
    locks = locks_on(database.storage, clock, clear_columns=True)
    for device in ("cleared", "expired", "leased", "quiet", "over"):
        await locks.set_session_lock(device, "a", 10 if device == "expired" else 10_000)
    await locks.set_session_lock("over", "b")
    await locks.clear_session_lock("cleared")
    lease = await locks.acquire_lease("leased", "h")
    assert (await database.devices())["leased"] == "a"
    assert await locks.clear_session_lock("leased", lease=lease)
    await locks_on(database.storage, clock).set_session_lock("quiet", "hidden")
    clock.advance(seconds=11)
    assert await locks.cleanup_expired_sessions() == 1
    assert await database.devices() == {"over": "b"}
    assert await locks.get_session_lock("quiet") == "hidden"


async def test_a_hundred_begin_at_once(database: Database) -> None:
    """First writes with columns that meet do not cost the connections: one row is left, that of the marker."""
    locks = locks_on(database.storage, clear_columns=True)
    assert all(await asyncio.gather(*(locks.set_session_lock("d", f"a{n}") for n in range(40))))
    assert await database.devices() == {"d": await locks.get_session_lock("d")}
    record = await database.storage.load(storage_key("marker", "", "d"))
    first = {**(record or {}), "base_seq": 0, "batch_id": "b_another"}
    with pytest.raises(ConflictError):
        await database.storage.save({name: value for name, value in first.items() if name != "tail"})


async def test_a_move_makes_the_rows(database: Database, tmp_path: Path) -> None:
    """Markers that tell their agent in clear have their columns in whichever database they come to."""
    source = FileSessionStorage(tmp_path / "source")
    await locks_on(source, clear_columns=True).set_session_lock("d", "a")
    await locks_on(source).set_session_lock("e", "b")
    await migrate(source, database.storage)
    assert await database.devices() == {"d": "a"}


async def test_a_rotation_keeps_the_rows(database: Database) -> None:
    """What is told in clear is told under the new key too."""
    from voxsession import KeyRing

    await SessionLockService(
        voxon_of(database.storage, session_encryption_key="hex:" + "11" * 32), clear_columns=True
    ).set_session_lock("d", "a")
    ring = KeyRing("hex:" + "22" * 32, "hex:" + "11" * 32)
    async with voxon_of(database.storage, session_encryption_key=ring) as voxon:
        assert (await voxon.rotate_keys()).counts["marker"] == 1
    assert await database.devices() == {"d": "a"}


async def test_what_stands_in_clear_is_never_believed(database: Database) -> None:
    """A row that was altered by hand misleads nobody here: the sealed record counts."""
    locks = locks_on(database.storage, clear_columns=True)
    await locks.set_session_lock("d", "a")
    engine = create_async_engine(engine_url(database._url))
    async with engine.begin() as connection:
        await connection.execute(text("UPDATE voxsession_markers SET active_agent = 'evil'"))
    await engine.dispose()
    assert await locks.get_session_lock("d") == "a"
    assert (await locks.get_lock_stats())["active_by_agent"] == {"a": 1}


async def test_nothing_is_told_unless_it_is_asked_for(database: Database) -> None:
    """By itself no agent stands in clear, in no column and no header."""
    await locks_on(database.storage).set_session_lock("d", "oncology")
    assert await database.devices() == {}
    record = await database.storage.load(storage_key("marker", "", "d"))
    assert "oncology" not in repr(record)
    two = TwoMethods()
    await locks_on(two, clear_columns=True).set_session_lock("d", "oncology")
    assert two.rows[".marker..d"]["active_agent"] == "oncology", (
        "it is a header field wherever it is asked for"
    )


async def test_odd_values_in_clear_make_no_row(database: Database) -> None:
    """A record from elsewhere whose clear fields fit no column is kept, without a row."""
    for number, odd in enumerate(({"active_agent": 5}, {"session_ttl": 2**40}, {"locked_at": "yesterday"})):
        fields = {"active_agent": "a", "locked_at": "2026-01-01T00:00:00.000000Z", "session_ttl": 5, **odd}
        await database.storage.save({**a_document(f"d{number}"), "kind": "marker", **fields})
    assert await database.devices() == {}


@pytest.mark.server
async def test_who_tells_nothing_needs_no_right_to_the_table(postgres_server: PostgresServer) -> None:
    """Rights on the other three are enough; a right that is lacking is raised, not taken for a storage that is away."""
    url = await postgres_server.new_place()
    place = engine_url(url).username
    admin = create_async_engine(engine_url(postgres_server.url()), isolation_level="AUTOCOMMIT")
    async with admin.connect() as connection:
        for statement in (
            f"ALTER SCHEMA {place} OWNER TO postgres",
            f"GRANT USAGE ON SCHEMA {place} TO {place}",
            f"SET search_path = {place}",
            *(part for part in schema_ddl("postgresql").split(";\n") if part.strip()),
            "GRANT SELECT, INSERT, UPDATE, DELETE ON voxsession_records, voxsession_pages, voxsession_schema "
            f"TO {place}",
        ):
            await connection.execute(text(statement))
        storage = DatabaseSessionStorage(url)
        async with voxon_of(storage) as voxon:
            locks = SessionLockService(voxon)
            for agent in ("a", "b"):
                assert await locks.set_session_lock("d", agent, user_id="ada")
            lease = await locks.acquire_lease("d", "h")
            assert await locks.set_session_lock("d", "c", lease=lease)
            assert await locks.clear_session_lock("d") and await locks.set_session_lock("d", "d")
            assert await locks.clear_session_lock("never") is False
            await voxon.delete_user("ada")
            telling = SessionLockService(voxon, clear_columns=True)
            for device in ("d", "new"):
                with pytest.raises(StorageError, match=r"lacks a right.*voxsession_markers"):
                    await telling.set_session_lock(device, "e")
            assert await locks.get_session_lock("d") == "d", "nothing of it was written"
            await connection.execute(text("DROP TABLE voxsession_markers"))
            assert await locks.set_session_lock("d", "f")
            with pytest.raises(StorageError, match=r"a table is missing.*schema_ddl"):
                await telling.set_session_lock("d", "g")
        await storage.close()
    await admin.dispose()


@pytest.mark.parametrize("query", ["active_agent = 'a'", "locked_at < '2026'"])
async def test_the_queries_have_an_index(tmp_path: Path, query: str) -> None:
    """Neither agents nor times are looked for row by row."""
    storage = DatabaseSessionStorage(f"sqlite:///{tmp_path}/store.db")
    await storage.open()
    await storage.close()
    connection = sqlite3.connect(tmp_path / "store.db")
    plan = " ".join(
        str(row[3])
        for row in connection.execute(f"EXPLAIN QUERY PLAN SELECT * FROM voxsession_markers WHERE {query}")
    )
    connection.close()
    assert "USING INDEX voxsession_markers_by" in plan


@pytest.mark.server
async def test_a_time_is_a_time_to_postgresql(postgres_server: PostgresServer) -> None:
    """`locked_at` is a moment with its zone, so that it can be taken from NOW() in any session's zone."""
    database = Database("postgres", await postgres_server.new_place())
    await locks_on(database.storage, clear_columns=True).set_session_lock("d", "a")
    kinds = await database.ask(
        "SELECT data_type FROM information_schema.columns "
        "WHERE table_name = 'voxsession_markers' AND column_name = 'locked_at'"
    )
    assert set(kinds) == {("timestamp with time zone",)}
    await database.storage.close()


def _now(hours: float = 0) -> Any:
    """A moment so many hours ago, by the clock that the database has too."""
    from datetime import timedelta

    from voxsession.clock import SystemClock

    return SystemClock().now() - timedelta(hours=hours)
