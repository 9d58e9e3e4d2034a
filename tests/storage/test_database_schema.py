"""The tables of the SQL storage: made in steps, found by indexes, left alone by older versions."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from tests.servers.postgres import PostgresServer
from voxsession.errors import ConfigurationError, StorageError, UnsupportedFormatError
from voxsession.storage.database import DatabaseSessionStorage, schema_ddl
from voxsession.storage.database_link import engine_url
from voxsession.testing.records import a_batch, a_document


def statements(dialect: str) -> list[str]:
    return [statement for statement in schema_ddl(dialect).split(";\n") if statement.strip()]


@pytest.fixture(
    params=[
        "sqlite",
        pytest.param("postgresql", marks=pytest.mark.server),
        pytest.param("mysql", marks=[pytest.mark.server, pytest.mark.all_only]),
    ]
)
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, str]:
    """A dialect, and the URL of an empty database of it."""
    if request.param == "sqlite":
        return "sqlite", f"sqlite:///{tmp_path}/again.db"
    server = {"postgresql": "postgres_server", "mysql": "mariadb_server"}[request.param]
    return request.param, await request.getfixturevalue(server).new_place()


@pytest.mark.parametrize("dialect", ["postgresql", "sqlite", "mysql", "postgres://me@h/d", "mariadb://h/d"])
def test_the_statements_are_printed(dialect: str) -> None:
    """`schema_ddl` gives what would be executed, for a dialect or for a URL."""
    ddl = schema_ddl(dialect)
    assert "INTO voxsession_schema (version) VALUES (1)" in ddl and "VALUES (2)" not in ddl
    for name in ("voxsession_records", "voxsession_pages", "voxsession_markers", "by_owner", "by_expiry"):
        assert name in ddl


@pytest.mark.parametrize("dialect", ["oracle", None, 5])
def test_other_dialects_are_refused(dialect: Any) -> None:
    """A database that is not supported, and what is no name at all, is a ConfigurationError."""
    with pytest.raises(ConfigurationError, match="postgresql"):
        schema_ddl(dialect)


@pytest.mark.server
async def test_tables_made_by_hand_are_used(postgres_server: PostgresServer) -> None:
    """Where the statements were run by somebody else, no right to make tables is needed."""
    url = await postgres_server.new_place()
    place = engine_url(url).username
    admin = create_async_engine(engine_url(postgres_server.url()), isolation_level="AUTOCOMMIT")
    async with admin.connect() as connection:
        await connection.execute(text(f"ALTER SCHEMA {place} OWNER TO postgres"))
        await connection.execute(text(f"GRANT USAGE ON SCHEMA {place} TO {place}"))
        refused = DatabaseSessionStorage(url)
        with pytest.raises(StorageError, match=r"permission denied.*schema_ddl"):
            await refused.open()
        await refused.close()
        await connection.execute(text(f"SET search_path = {place}"))
        for statement in statements("postgresql"):
            await connection.execute(text(statement))
        await connection.execute(
            text(f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {place} TO {place}")
        )
    await admin.dispose()

    storage = DatabaseSessionStorage(url)
    await storage.save(a_document())
    await storage.append("sess_1", a_batch())
    assert (await storage.get_stats())["schema_version"] == 1
    await storage.close()


async def test_a_newer_schema_is_left_alone(tmp_path: Path) -> None:
    """Tables that a newer version has made are UnsupportedFormatError at the first call, and not touched."""
    url = f"sqlite:///{tmp_path}/sessions.db"
    storage = DatabaseSessionStorage(url)
    await storage.save(a_document())
    await storage.close()
    connection = sqlite3.connect(tmp_path / "sessions.db")
    with connection:
        connection.execute("INSERT INTO voxsession_schema (version) VALUES (2)")
    connection.close()

    for call in (storage.open, lambda: storage.load("sess_1"), lambda: storage.save(a_document(seq=2))):
        with pytest.raises(UnsupportedFormatError, match=r"format 2.*up to 1"):
            await call()
    assert (await storage.health_check())["status"] == "unhealthy"
    await storage.close()


async def test_the_statements_can_be_run_again(place: tuple[str, str]) -> None:
    """By hand, twice, and over tables that lack one: what is there stays, what is missing is made."""
    dialect, url = place
    storage = DatabaseSessionStorage(url)
    await storage.save(a_document())
    await storage.close()
    engine = create_async_engine(engine_url(url), isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        await connection.execute(text("DROP TABLE voxsession_markers"))
        for statement in statements(dialect) * 2:
            await connection.execute(text(statement))
        assert (await connection.execute(text("SELECT version FROM voxsession_schema"))).all() == [(1,)]
        assert not (await connection.execute(text("SELECT * FROM voxsession_markers"))).all()
    await engine.dispose()
    assert await storage.load("sess_1") == {**a_document(), "tail": []}
    await storage.close()


async def test_a_step_that_was_cut_off_is_taken_again(tmp_path: Path) -> None:
    """Tables of a step whose end was not noted are no obstacle."""
    connection = sqlite3.connect(tmp_path / "sessions.db")
    with connection:
        for statement in statements("sqlite")[:3]:
            connection.execute(statement)
    connection.close()
    storage = DatabaseSessionStorage(f"sqlite:///{tmp_path}/sessions.db")
    await storage.save(a_document())
    assert await storage.load("sess_1") == {**a_document(), "tail": []}
    await storage.close()


async def test_a_file_that_is_no_database_is_an_error(tmp_path: Path) -> None:
    """A file of something else is a StorageError, and stays as it was."""
    (tmp_path / "sessions.db").write_text("notes " * 1000)
    storage = DatabaseSessionStorage(f"sqlite:///{tmp_path}/sessions.db")
    with pytest.raises(StorageError, match="not a database"):
        await storage.open()
    assert (tmp_path / "sessions.db").read_text() == "notes " * 1000
    await storage.close()


LISTS = {
    "voxsession_by_time": "tenant = '' AND ended = 0 ORDER BY updated_at DESC, record_id",
    "voxsession_by_owner": "tenant = '' AND owner = 'o' AND ended = 0 ORDER BY updated_at DESC, record_id",
    "voxsession_by_expiry": "tenant = '' AND expires_at <= 'x' ORDER BY expires_at, record_id",
}


@pytest.mark.parametrize(("index", "choice"), LISTS.items())
async def test_lists_are_read_from_an_index(tmp_path: Path, index: str, choice: str) -> None:
    """Each list has an index that gives it in order: no table is scanned, nothing is sorted."""
    storage = DatabaseSessionStorage(f"sqlite:///{tmp_path}/sessions.db")
    await storage.open()
    await storage.close()
    connection = sqlite3.connect(tmp_path / "sessions.db")
    query = f"SELECT header FROM voxsession_records WHERE slot = 0 AND kind = 'session' AND {choice} LIMIT 9"
    plan = " ".join(str(row[3]) for row in connection.execute(f"EXPLAIN QUERY PLAN {query}"))
    connection.close()
    assert f"USING INDEX {index}" in plan
    assert "TEMP B-TREE" not in plan
