"""A turn on a SQL database is one statement that withstands whatever others do."""

from __future__ import annotations

import asyncio
import random
import sqlite3
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from tests.servers.postgres import PostgresServer
from voxsession import SessionConfig, Voxon, VoxonConfig
from voxsession.core.envelope import Record
from voxsession.errors import ConflictError, IntegrityError
from voxsession.storage.database import DatabaseSessionStorage
from voxsession.storage.database_link import engine_url
from voxsession.testing.records import a_batch, a_document, a_page

PROCESS = Path(__file__).with_name("database_process.py")


@pytest.fixture(
    params=[
        "sqlite",
        pytest.param("postgres", marks=pytest.mark.server),
        pytest.param("mariadb", marks=[pytest.mark.server, pytest.mark.all_only]),
    ]
)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/sessions.db"
    return str(request.getfixturevalue(f"{request.param}_url"))


def installation(url: str) -> VoxonConfig:
    return VoxonConfig(
        session_storage="database", session_database_url=url, session_encryption_key="hex:" + "5f" * 32
    )


async def test_a_turn_is_one_statement(url: str, statements: list[str]) -> None:
    """Through the public facade, saving a turn is one statement; opening the session again is one as well."""
    quiet = SessionConfig(enable_learning=False, enable_analytics=False)
    async with Voxon(installation(url)) as voxon:
        session = await voxon.create_session(user_id="ann", session_id="s1", config=quiet)
        conv = await session.start_conversation()
        await session.save()
        for turn in range(5):
            statements.clear()
            await conv.add_messages([{"role": "user", "content": f"turn {turn}"}])
            assert len(statements) == 1, statements
            assert "INSERT INTO voxsession_records" in statements[0]

    async with Voxon(installation(url)) as voxon:
        await voxon.health_check()
        statements.clear()
        session = await voxon.load_session("s1", user_id="ann")
        assert len(statements) == 1


@pytest.mark.server
async def test_the_server_itself_sees_one_statement(postgres_server: PostgresServer) -> None:
    """PostgreSQL's own log of statements has one line for a turn: no BEGIN, no COMMIT, no check before it."""
    url = await postgres_server.new_place()
    user = engine_url(url).username
    admin = create_async_engine(engine_url(postgres_server.url()), isolation_level="AUTOCOMMIT")
    async with admin.connect() as connection:
        await connection.execute(text(f"ALTER ROLE {user} SET log_statement = 'all'"))
    await admin.dispose()
    storage = DatabaseSessionStorage(url)
    await storage.save(a_document())
    await storage.append("sess_1", a_batch())
    before = len(postgres_server.log)
    for seq in range(3, 13):
        await storage.append("sess_1", a_batch(seq=seq))
    await storage.close()

    lines = [line for line in postgres_server.log[before:].splitlines() if "LOG:" in line]
    assert len(lines) == 10, lines
    assert all("execute" in line for line in lines)


# --- many at once


@pytest.mark.parametrize("processes", [20])
def test_processes_that_start_at_once(url: str, processes: int) -> None:
    """Twenty processes open an empty database at once and write to one session: no error, nothing lost."""
    command = [sys.executable, PROCESS, url, str(processes), "3"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
    assert done.stdout.splitlines() == ["ok"] * processes, done.stdout + done.stderr

    async def tail() -> list[Record]:
        storage = DatabaseSessionStorage(url)
        record = await storage.load("sess_1")
        await storage.close()
        assert record is not None
        return list(record["tail"])

    batches = [batch["batch_id"] for batch in asyncio.run(tail())]
    assert sorted(batches) == sorted(f"{number}_{turn}" for number in range(processes) for turn in range(3))


async def test_of_many_pools_one_writer_wins(url: str) -> None:
    """A hundred writers over five storages: exactly one makes each version, by saves as by appends."""
    storages = [DatabaseSessionStorage(url, pool_size=2) for _ in range(5)]
    await storages[0].save(a_document())
    for seq in range(2, 6):
        make = a_document if seq % 2 else a_batch
        records = [make(seq=seq, batch_id=f"{seq}_{writer}") for writer in range(100)]
        results = await asyncio.gather(
            *(
                storages[number % 5].save(record)
                if seq % 2
                else storages[number % 5].append("sess_1", record)
                for number, record in enumerate(records)
            ),
            return_exceptions=True,
        )
        counts = Counter(type(result) for result in results)
        assert counts == {type(None): 1, ConflictError: 99}
    for storage in storages:
        await storage.close()


@pytest.mark.server
async def test_a_deletion_that_finds_nothing_spares_what_is_made_meanwhile(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A session that is made between the look and the clearing up keeps its document and its pages."""
    storage, other = DatabaseSessionStorage(postgres_url), DatabaseSessionStorage(postgres_url)
    look = storage._head

    async def look_late(*args: Any) -> Any:
        found = await look(*args)
        await other.save_page("sess_1", a_page())
        await other.save(a_document())
        return found

    monkeypatch.setattr(storage, "_head", look_late)
    assert await storage.delete("sess_1") is False

    assert await other.load("sess_1") == {**a_document(), "tail": []}
    assert [name for name, _ in await other.list_pages("sess_1")] == ["page_1"]
    await storage.close()
    await other.close()


async def test_races_leave_whole_records(url: str) -> None:
    """Appends, whole saves, deletions and first saves at once: each load is whole, no row is left over."""
    storages = [DatabaseSessionStorage(url, pool_size=3) for _ in range(2)]
    done: Counter[str] = Counter()

    async def live(writer: int) -> None:
        chance = random.Random(writer)
        storage = storages[writer % 2]
        for turn in range(30):
            record = await storage.load("sess_1")
            if record is not None:
                check_chain(record)
            seq = (record["tail"] or [record])[-1]["seq"] if record else 0
            batch_id = f"{writer}_{turn}"
            act = chance.choice(["append"] * 6 + ["save"] * 2 + ["delete"])
            try:
                if seq == 0:
                    first = chance.randrange(1, 1000)
                    await storage.save(a_document(seq=first, base_seq=0, batch_id=batch_id))
                elif act == "append":
                    await storage.append("sess_1", a_batch(seq=seq + 1, batch_id=batch_id))
                elif act == "save":
                    await storage.save(a_document(seq=seq + 1, batch_id=batch_id))
                else:
                    await storage.delete("sess_1", expected_seq=seq if turn % 2 else None)
                done[act] += 1
            except ConflictError:
                done["conflict"] += 1

    await asyncio.gather(*(live(writer) for writer in range(8)))
    assert done["append"] and done["save"] and done["delete"] and done["conflict"]
    record = await storages[0].load("sess_1")
    if record is not None:
        check_chain(record)
        await storages[0].delete("sess_1")
    for storage in storages:
        await storage.close()
    assert await rows_of(url) == 0


def check_chain(record: Record) -> None:
    seqs = [record["seq"], *(batch["seq"] for batch in record["tail"])]
    assert [batch["base_seq"] for batch in record["tail"]] == seqs[:-1]


async def rows_of(url: str) -> int:
    engine = create_async_engine(engine_url(url))
    async with engine.connect() as connection:
        count = await connection.scalar(text("SELECT COUNT(*) FROM voxsession_records"))
    await engine.dispose()
    return int(count)


# --- what is found in the tables


async def test_a_whole_save_leaves_nothing_of_the_old(url: str) -> None:
    """After a whole save the table holds the head and the document; after a deletion nothing, no page either."""
    storage = DatabaseSessionStorage(url)
    await storage.save(a_document())
    for seq in range(2, 8):
        await storage.append("sess_1", a_batch(seq=seq))
    await storage.save_page("sess_1", a_page())
    assert await rows_of(url) == 8
    await storage.save(a_document(seq=8))
    assert await rows_of(url) == 2
    await storage.delete("sess_1")
    assert await rows_of(url) == 0
    assert await storage.list_pages("sess_1") == []
    await storage.close()


DAMAGE = {
    "no head": "DELETE FROM voxsession_records WHERE slot = 0",
    "no document": "DELETE FROM voxsession_records WHERE slot = 1",
    "no newest batch": "DELETE FROM voxsession_records WHERE slot = 3",
    "no line at all": "DELETE FROM voxsession_records WHERE slot > 0",
    "an empty line": "UPDATE voxsession_records SET line = NULL WHERE slot = 2",
    "half a line": "UPDATE voxsession_records SET line = substr(line, 1, 40) WHERE slot = 1",
    "not an object": "UPDATE voxsession_records SET line = '[]' WHERE slot = 2",
    "another version in the head": "UPDATE voxsession_records SET seq = 9 WHERE slot = 0",
    "another's row": "UPDATE voxsession_records SET record_key = 'other' WHERE record_key = 'sess_1'",
}


@pytest.mark.parametrize("statement", DAMAGE.values(), ids=DAMAGE)
async def test_damaged_rows_are_no_record(tmp_path: Path, statement: str) -> None:
    """Rows that were taken away or altered by hand are IntegrityError, never a shorter record."""
    storage = DatabaseSessionStorage(f"sqlite:///{tmp_path}/sessions.db")
    await storage.save(a_document())
    for seq in (2, 3):
        await storage.append("sess_1", a_batch(seq=seq))
    alter(tmp_path, statement)

    key = "other" if "'other'" in statement else "sess_1"
    if statement == DAMAGE["no document"]:
        # The adapter cannot tell a batch from a document; whoever opens it can, by what is authenticated.
        assert (await storage.load(key) or {})["seq"] == 2
    else:
        with pytest.raises(IntegrityError, match=key):
            await storage.load(key)
    await storage.close()


async def test_unreadable_headers_do_not_shorten_a_list(tmp_path: Path) -> None:
    """A head that cannot be read is left out, and the page of the list is as long as it should be."""
    storage = DatabaseSessionStorage(f"sqlite:///{tmp_path}/sessions.db")
    for number in range(10):
        await storage.save(a_document(f"s{number}", updated_at=f"2026-05-01T12:00:0{number}.000000Z"))
    alter(tmp_path, "UPDATE voxsession_records SET header = '{' WHERE record_id IN ('s9', 's7', 's6')")

    listed = [header["session_id"] for header in await storage.list_sessions(limit=4)]
    assert listed == ["s8", "s5", "s4", "s3"]
    await storage.close()


def alter(folder: Path, statement: str) -> None:
    connection = sqlite3.connect(folder / "sessions.db")
    with connection:
        assert connection.execute(statement).rowcount > 0
    connection.close()
