"""Rows of a SQL database that are altered by hand: the right data or a clear answer, never wrong data."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

import attrs
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from tests.faults.altering import MINE, OTHER, SAMPLES, Stage, other_lines, other_values
from tests.servers.postgres import PostgresServer
from tests.session.stores import KEY, voxon_on
from voxsession import IntegrityError, KeyRing, migrate
from voxsession.core.envelope import Record
from voxsession.storage.database import DatabaseSessionStorage
from voxsession.storage.database_link import engine_url

Rows: TypeAlias = dict[str, list[dict[str, Any]]]
Alteration: TypeAlias = tuple[str, "_Row", str | None, Any]

KEYS = {"voxsession_records": ("record_key", "slot"), "voxsession_pages": ("record_key", "page_id")}
LINES = ("header", "changed", "line")


@pytest.mark.parametrize("sample", SAMPLES)
async def test_sqlite(tmp_path: Path, sample: int | None) -> None:
    """SQLite, whose columns take values of any type."""
    await alter_all(f"sqlite:///{tmp_path}/sessions.db", sample)


@pytest.mark.server
@pytest.mark.parametrize("sample", SAMPLES)
async def test_postgres(postgres_server: PostgresServer, sample: int | None) -> None:
    """PostgreSQL, which itself refuses some of it."""
    await alter_all(await postgres_server.new_place(), sample)


@pytest.mark.parametrize(
    "change",
    [
        "header = NULL",
        "header = 'x'",
        "header = CAST(x'ff' AS TEXT)",
        "changed = replace(changed, '2026-', '2026')",
        "updated_at = NULL",
        "updated_at = '2020-01-01T00:00:00.000000Z'",
        "record_id = 'another'",
        "record_id = CAST(x'ff' AS TEXT)",
        "kind = 'x'",
        "kind = NULL",
        "kind = 'pointer'",
        "tenant = 'x'",
        "owner = 'x'",
        "owner = NULL",
        "ended = 1",
        "batch_id = 'x'",
        "expires_at = '2020-01-01T00:00:00.000000Z'",
    ],
)
async def test_what_no_list_shows_is_named(tmp_path: Path, change: str) -> None:
    """A session whose head tells nothing, or stands elsewhere than it says, is left out of lists and named apart."""
    storage = DatabaseSessionStorage(f"sqlite:///{tmp_path}/sessions.db")
    await Stage.set(storage)
    assert await storage.unreadable_records() == []
    await _change_head(storage, change)
    for limit in (1, 2, 100):
        assert [header["session_id"] for header in await storage.list_sessions(limit=limit)] == [OTHER]
    assert await storage.unreadable_records() == [MINE]
    assert await storage.load(MINE) is not None
    await storage.close()


async def test_a_session_under_another_owner_is_found_again(tmp_path: Path) -> None:
    """Where `owner` was altered a person gets a new session; the old one opens by its id, and a save puts it right."""
    storage = DatabaseSessionStorage(f"sqlite:///{tmp_path}/sessions.db")
    async with voxon_on(storage) as voxon:
        async with voxon.session("ann", session_id=MINE) as session:
            session.add_memory("x")
        await _change_head(storage, "owner = 'x'")
        hers = await voxon.session("ann")
        assert hers.session_id != MINE and not hers.get_memory().entries
        assert MINE not in [info.session_id async for info in voxon.list_sessions()]

        async with voxon.load_session(MINE, user_id="ann") as session:
            session.add_memory("y")
        assert MINE in [info.session_id async for info in voxon.list_sessions(user_id="ann")]
    assert await storage.unreadable_records() == []
    await storage.close()


MOVED = {"sess_elsewhere": "sess_elsewhere", ".x..y": "x..y", ".pointer..y": "y"}


@pytest.mark.parametrize("key", MOVED)
async def test_a_head_under_another_key_is_named_by_both(tmp_path: Path, key: str) -> None:
    """A session whose head was put under another key is named by the key it had, and by the one it has."""
    storage = DatabaseSessionStorage(f"sqlite:///{tmp_path}/sessions.db")
    await Stage.set(storage)
    await _change_head(storage, f"record_key = '{key}'")
    assert await storage.unreadable_records() == sorted({MINE, MOVED[key]})
    with pytest.raises(IntegrityError):
        await storage.load(MINE)
    await storage.close()


@pytest.mark.parametrize("change", ["kind = 'x'", "tenant = 'x'", "owner = 'x'", "record_key = '.x..y'"])
async def test_a_hidden_session_is_counted(tmp_path: Path, change: str) -> None:
    """Whatever goes through all sessions tells of the one that altered columns hide from it."""
    storage = DatabaseSessionStorage(f"sqlite:///{tmp_path}/sessions.db")
    await Stage.set(storage)
    await _change_head(storage, change)
    async with voxon_on(storage) as voxon:
        receipts = [
            await voxon.backup(tmp_path / "backup"),
            await voxon.rotate_keys(),
            await voxon.delete_user("ann"),
            await migrate(storage, f"file://{tmp_path}/files"),
        ]
    async with voxon_on(storage, session_encryption_key=KeyRing("hex:" + "3b" * 32, KEY)) as voxon:
        await voxon.rotate_keys()
        older = (await voxon.get_stats())["keys"][1]
        receipts.append(await voxon.forget_key(older, dry_run=True))
    await storage.close()
    told = [{row.get("session_id") for row in receipt.details} for receipt in receipts]
    assert all(MINE in ids and OTHER not in ids for ids in told), told


async def test_other_tenants_hear_nothing(tmp_path: Path) -> None:
    """A head that was altered is named where it belongs by its header, and where its columns are, nowhere else."""
    storage = DatabaseSessionStorage(f"sqlite:///{tmp_path}/sessions.db")
    await Stage.set(storage)
    await _change_head(storage, "tenant = 'x'")
    found = {tenant: await storage.unreadable_records(tenant=tenant) for tenant in ("", "x", "y")}
    assert found == {"": [MINE], "x": [MINE], "y": []}
    assert await storage.unreadable_records(kind="pointer") == []
    await storage.close()


async def _change_head(storage: DatabaseSessionStorage, change: str) -> None:
    async def run(connection: AsyncConnection) -> None:
        await connection.exec_driver_sql(
            f"UPDATE voxsession_records SET {change} WHERE record_key = '{MINE}' AND slot = 0"
        )

    await storage._link.run("test", run)


class _Text(bytes):
    """Bytes that are to be stored as text, be they any or not."""


@attrs.frozen
class _Row:
    """One stored row, the other session's in the same place, and what it would hold in clear."""

    table: str
    values: dict[str, Any]
    foreign: dict[str, Any]
    in_clear: Record

    def __str__(self) -> str:
        return " ".join(str(self.values[key]) for key in KEYS[self.table])

    @property
    def is_common(self) -> bool:
        """Whether it does not belong to one session alone."""
        return str(self.values["record_key"]).startswith(".keyring")

    def alterations(self) -> Iterator[Alteration]:
        """A word on each, the column (None = the row goes) and its new value."""
        yield "gone", self, None, None
        for column, value in self.values.items():
            for other in other_values(value, self.foreign.get(column)):
                yield f"{column} = {repr(other)[:60]}", self, column, other
            if isinstance(value, str):
                yield f"{column} is binary", self, column, value.encode()
                yield f"{column} is no UTF-8", self, column, _Text(value.encode()[:-1] + b"\xff")
            if column in LINES and value is not None:
                foreign = str(self.foreign.get(column)).encode()
                for how, line in other_lines(value.encode(), foreign, self.in_clear):
                    yield f"{column}: {how}", self, column, _Text(line)


async def alter_all(url: str, sample: int | None) -> None:
    """Makes each alteration, or so many of them, looks, and puts all rows back."""
    storage = DatabaseSessionStorage(url)
    stage = await Stage.set(storage)
    engine = create_async_engine(engine_url(url), isolation_level="AUTOCOMMIT", hide_parameters=True)
    refused = 0
    async with engine.connect() as connection:
        tables = await _tables(connection)
        alterations = [one for row in await _rows(stage, tables) for one in row.alterations()]
        for how, row, column, value in stage.chosen(alterations, sample):
            try:
                await _alter(connection, row, column, value)
            except (DBAPIError, OverflowError, UnicodeDecodeError):
                refused += 1
                continue
            await stage.look(f"{row}: {how}", is_common=row.is_common)
            await _put_back(connection, tables)
        await stage.look("nothing")
    await engine.dispose()
    await storage.close()
    print(f"{refused} more were refused by the database itself")
    stage.report(f"{len(alterations)} possible on {storage!r}")


async def _tables(connection: AsyncConnection) -> Rows:
    found = {}
    for table, keys in KEYS.items():
        rows = await connection.execute(text(f"SELECT * FROM {table} ORDER BY {', '.join(keys)}"))
        found[table] = [dict(row._mapping) for row in rows]
    return found


async def _rows(stage: Stage, tables: Rows) -> list[_Row]:
    """The rows of the first session, of its pointer and of the keyring."""
    keys = {row["record_key"]: row["owner"] for row in tables["voxsession_records"] if row["slot"] == 0}
    pointers = {owner: key for key, owner in keys.items() if key.startswith(".pointer")}
    pairs = {MINE: OTHER, pointers[keys[MINE]]: pointers[keys[OTHER]]}
    pairs[".keyring..main"] = pointers[keys[OTHER]]
    found = []
    for table, rows in tables.items():
        for key, other in pairs.items():
            mine = [row for row in rows if row["record_key"] == key]
            theirs = [row for row in rows if row["record_key"] == other]
            lines = await stage.plain_lines(key)
            if table == "voxsession_pages":
                plain = [await stage.in_clear.load_page(key, row["page_id"]) or {} for row in mine]
            else:
                plain = [lines[0], *lines]  # the head is the document's
            found += [_Row(table, *parts) for parts in zip(mine, theirs, plain, strict=True)]
    return found


async def _alter(connection: AsyncConnection, row: _Row, column: str | None, value: Any) -> None:
    where = " AND ".join(f"{key} = :{key}" for key in KEYS[row.table])
    keys = {key: row.values[key] for key in KEYS[row.table]}
    if column is None:
        await connection.execute(text(f"DELETE FROM {row.table} WHERE {where}"), keys)
        return
    place = ":altered"
    if isinstance(value, _Text):
        if connection.dialect.name == "sqlite":
            place, value = "CAST(:altered AS TEXT)", bytes(value)
        else:
            value = value.decode()
    statement = f"UPDATE {row.table} SET {column} = {place} WHERE {where}"
    await connection.execute(text(statement), {**keys, "altered": value})


async def _put_back(connection: AsyncConnection, tables: Rows) -> None:
    await connection.exec_driver_sql("BEGIN")
    for table, rows in tables.items():
        await connection.execute(text(f"DELETE FROM {table}"))
        names = ", ".join(rows[0])
        places = ", ".join(f":{name}" for name in rows[0])
        await connection.execute(text(f"INSERT INTO {table} ({names}) VALUES ({places})"), rows)
    await connection.exec_driver_sql("COMMIT")
