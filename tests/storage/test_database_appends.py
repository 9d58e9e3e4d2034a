"""Appends that are asked for at once share a statement on PostgreSQL, and nobody pays for another's trouble."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from tests.faults.proxy import Proxy
from tests.patience import LONG_SECONDS, cancel_everybody
from tests.servers.postgres import PostgresServer
from voxsession.errors import ConflictError, StorageError, StorageUnavailableError
from voxsession.storage.database import DatabaseSessionStorage
from voxsession.storage.database_appends import AT_ONCE, BURST, Appends, Values
from voxsession.storage.database_link import engine_url
from voxsession.testing.records import a_batch, a_document

NAMES = [f"s{number:03d}" for number in range(50)]


# --- who goes with whom


class Database:
    """Adds what it is asked to, once it is let; notes who came together."""

    def __init__(self) -> None:
        self.bursts: list[list[str]] = []
        self.alone: list[str] = []
        self.refused: dict[str, Exception] = {}
        self.broken: Exception | None = None
        self.going = asyncio.Event()
        self.cancelled = 0
        self.appends = Appends(self.add, self.add_many)

    async def add(self, values: Values) -> None:
        self.alone.append(values["line"])
        await self._wait()
        if values["key"] in self.refused:
            raise self.refused[values["key"]]

    async def add_many(self, many: Sequence[Values]) -> set[str]:
        self.bursts.append([values["line"] for values in many])
        await self._wait()
        if self.broken is not None:
            raise self.broken
        return {values["key"] for values in many} - self.refused.keys()

    async def _wait(self) -> None:
        try:
            await self.going.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise

    def ask(self, key: str, line: str = "") -> asyncio.Task[None]:
        return asyncio.ensure_future(self.appends({"key": key, "line": line or key}))


async def rounds(count: int = 4) -> None:
    """Lets everybody go on who can."""
    for _ in range(count):
        await asyncio.sleep(0)


@pytest.mark.parametrize("rounds", range(4))
async def test_cancelling_all_tasks_leaves_nobody_waiting_for_ever(rounds: int) -> None:
    """As at a shutdown that saves and closes afterwards, also where a burst was cancelled before its first step."""
    database = Database()
    tasks = [database.ask(f"k{number}") for number in range(5)]
    for _ in range(rounds):
        await asyncio.sleep(0)
    await cancel_everybody()
    assert all(task.cancelled() for task in tasks)

    database.going.set()
    later = [database.ask(f"n{number}") for number in range(3)]
    await asyncio.wait_for(asyncio.gather(*later), LONG_SECONDS)
    await asyncio.wait_for(database.appends.settle(), LONG_SECONDS)


async def test_who_asks_while_others_are_served_goes_together() -> None:
    """One alone goes at once; those of one round of the event loop go together, so many at a time."""
    database = Database()
    tasks = [database.ask(f"s{number}") for number in range(1 + 3 * BURST)]
    await rounds()
    assert database.alone == ["s0"]
    assert [len(burst) for burst in database.bursts] == [BURST] * (AT_ONCE - 1)
    database.going.set()
    await asyncio.gather(*tasks)
    await database.appends.settle()
    database.alone.clear()
    await database.ask("s0")
    assert database.alone == ["s0"]


async def test_two_of_one_record_go_one_after_the_other() -> None:
    """Batches of one record are added in the order of coming, never in one statement, never at the same time."""
    database = Database()
    tasks = [database.ask(key, f"{key}{turn}") for turn in range(3) for key in "abc"]
    await rounds()
    assert (database.alone, database.bursts) == (["a0"], [["b0", "c0"]])
    database.going.set()
    await asyncio.gather(*tasks)
    for key in "abc":
        order = [line for burst in [database.alone, *database.bursts] for line in burst if line[0] == key]
        assert order == [f"{key}{turn}" for turn in range(3)]


async def test_a_cancelled_caller_takes_nobody_along() -> None:
    """Who goes while waiting is not written; a burst ends when all its callers have gone, and not before."""
    database = Database()
    tasks = [database.ask(key) for key in ("first", "a", "b", "c")]
    await rounds()
    late = [database.ask("a", "late"), database.ask("b", "later")]
    await rounds()
    for task in (tasks[1], tasks[2], late[0]):
        task.cancel()
    await rounds()
    assert database.cancelled == 0
    tasks[3].cancel()
    await rounds()
    assert database.cancelled == 1
    database.going.set()
    await asyncio.gather(tasks[0], late[1])
    await asyncio.wait_for(database.appends.settle(), 1)
    assert "late" not in [line for burst in [database.alone, *database.bursts] for line in burst]


async def test_a_refused_one_is_asked_for_by_itself() -> None:
    """What a burst leaves out is asked for alone, and only its caller is told; a broken burst asks for each."""
    for broken in (None, ValueError("one of them")):
        database = Database()
        database.refused, database.broken = {"b": KeyError("b")}, broken
        tasks = [database.ask(key) for key in ("first", "a", "b", "c")]
        await rounds()
        database.going.set()
        found = await asyncio.gather(*tasks, return_exceptions=True)
        assert [type(one) for one in found] == [type(None), type(None), KeyError, type(None)]
        assert database.alone == (["first", "b"] if broken is None else ["first", "a", "b", "c"])


async def test_a_server_that_is_away_is_told_to_each() -> None:
    """What ails the server is not tried for each by itself; each caller raises an error of its own."""
    database = Database()
    cause = OSError("gone")
    database.broken = StorageUnavailableError("away", storage="database", operation="append")
    database.broken.__cause__ = cause
    tasks = [database.ask(key) for key in ("first", "a", "b", "c")]
    await rounds()
    database.going.set()
    found = await asyncio.gather(*tasks, return_exceptions=True)
    assert database.alone == ["first"]
    errors = [one for one in found[1:] if isinstance(one, StorageUnavailableError)]
    assert [(str(one), one.operation, one.__cause__) for one in errors] == [("away", "append", cause)] * 3
    assert len({id(one) for one in errors}) == 3


# --- on the server


async def filled(url: str, **options: Any) -> DatabaseSessionStorage:
    """A storage with a document of each name."""
    storage = DatabaseSessionStorage(url, **options)
    await asyncio.gather(*(storage.save(a_document(name)) for name in NAMES))
    return storage


async def tail_of(storage: DatabaseSessionStorage, name: str) -> list[Any]:
    record = await storage.load(name)
    assert record is not None
    return list(record["tail"])


@pytest.mark.server
async def test_fifty_turns_are_two_statements(postgres_url: str, statements: list[str]) -> None:
    """The first goes alone, the others together; each is stored as if it had come by itself."""
    storage = await filled(postgres_url)
    soon = "2030-01-01T00:00:00.000000Z"
    batches = {
        name: a_batch(name, owner=f"o-{name}", expires_at=soon, body="é\u2028👩 '{}' \\u0000" * 9)
        for name in NAMES
    }
    statements.clear()
    await asyncio.gather(*(storage.append(name, batch) for name, batch in batches.items()))
    assert len(statements) == 2, statements
    for name, batch in batches.items():
        assert await tail_of(storage, name) == [batch]
        assert [header["seq"] for header in await storage.list_sessions(owner=f"o-{name}")] == [2]
    await storage.close()


@pytest.mark.server
async def test_trouble_of_one_is_not_that_of_others(postgres_url: str) -> None:
    """A conflict, a repetition, a session that is not there and one that the database refuses, among others."""
    storage = await filled(postgres_url)
    await storage.append(NAMES[3], a_batch(NAMES[3], batch_id="repeated"))
    calls = {name: (name, a_batch(name)) for name in NAMES}
    calls[NAMES[1]] = (NAMES[1], a_batch(NAMES[1], seq=9))
    calls[NAMES[3]] = (NAMES[3], a_batch(NAMES[3], batch_id="repeated"))
    calls["nobody"] = ("nobody", a_batch("nobody"))
    calls["no\0text"] = ("no\0text", a_batch("no\0text"))
    found = await asyncio.gather(*(storage.append(*call) for call in calls.values()), return_exceptions=True)
    outcomes = dict(zip(calls, found, strict=True))

    assert isinstance(outcomes.pop(NAMES[1]), ConflictError)
    assert isinstance(outcomes.pop("nobody"), ConflictError)
    assert isinstance(outcomes.pop("no\0text"), StorageError)
    assert set(outcomes.values()) == {None}
    for name in NAMES:
        assert [batch["seq"] for batch in await tail_of(storage, name)] == ([] if name == NAMES[1] else [2])
    await storage.close()


@pytest.mark.server
async def test_turns_of_one_session_keep_their_order(postgres_url: str) -> None:
    """Ten turns of each session that are asked for at once all arrive, since none overtakes the one before it."""
    storage = await filled(postgres_url)
    await asyncio.gather(
        *(storage.append(name, a_batch(name, seq=seq)) for seq in range(2, 12) for name in NAMES)
    )
    for name in NAMES:
        assert [batch["seq"] for batch in await tail_of(storage, name)] == list(range(2, 12))
    await storage.close()


@pytest.mark.server
async def test_who_waits_for_a_row_keeps_nobody(postgres_url: str) -> None:
    """While another process holds the head of a session, its append waits and all others arrive."""
    storage = await filled(postgres_url)
    other = create_async_engine(engine_url(postgres_url))
    async with other.connect() as connection:
        await connection.execute(
            text("SELECT 1 FROM voxsession_records WHERE record_key = :key AND slot = 0 FOR UPDATE"),
            {"key": NAMES[7]},
        )
        calls = {name: asyncio.ensure_future(storage.append(name, a_batch(name))) for name in NAMES}
        held = calls.pop(NAMES[7])
        async with asyncio.timeout(20):
            await asyncio.gather(*calls.values())
            for seq in range(3, 9):
                await asyncio.gather(*(storage.append(name, a_batch(name, seq=seq)) for name in calls))
        assert not held.done()
        await connection.rollback()
    await held
    assert await tail_of(storage, NAMES[7]) == [a_batch(NAMES[7])]
    await other.dispose()
    await storage.close()


@pytest.mark.server
@pytest.mark.parametrize("direction", [0, 1], ids=["request", "answer"])
async def test_a_cut_in_a_burst_stores_each_turn_once(
    postgres_server: PostgresServer, direction: int
) -> None:
    """A connection that is lost under fifty turns is not noticed by those who asked; each turn is there once."""
    url = await postgres_server.new_place()
    async with Proxy(postgres_server.port) as proxy:
        storage = await filled(url.replace(str(postgres_server.port), str(proxy.port)))
        for seq in range(2, 12):
            proxy.cut_after(direction, 900 * (seq - 1) if direction == 0 else 40 * (seq - 1), refuse=False)
            await asyncio.gather(*(storage.append(name, a_batch(name, seq=seq)) for name in NAMES))
            assert proxy.was_cut
        proxy.cut_after(direction, 1, refuse=True)
        failed = await asyncio.gather(
            *(storage.append(name, a_batch(name, seq=12)) for name in NAMES), return_exceptions=True
        )
        # One goes alone, the others together over another connection; one of both was cut.
        kinds = [{type(one) for one in part} for part in (failed[:1], failed[1:])]
        assert {StorageUnavailableError} in kinds
        assert {type(None), StorageUnavailableError}.issuperset(set.union(*kinds))
        proxy.mend()
        await asyncio.gather(*(storage.append(name, a_batch(name, seq=12)) for name in NAMES))
        for name in NAMES:
            assert await tail_of(storage, name) == [a_batch(name, seq=seq) for seq in range(2, 13)]
        await storage.close()


@pytest.mark.server
async def test_close_waits_for_bursts(postgres_url: str) -> None:
    """Turns that wait for their burst when the storage is closed arrive."""
    storage = await filled(postgres_url)
    calls = [asyncio.ensure_future(storage.append(name, a_batch(name))) for name in NAMES]
    calls += [asyncio.ensure_future(storage.append(name, a_batch(name, seq=3))) for name in NAMES]
    await asyncio.sleep(0)
    await storage.close()
    assert all(call.done() for call in calls)
    await asyncio.gather(*calls)
    assert [batch["seq"] for batch in await tail_of(storage, NAMES[0])] == [2, 3]
    await storage.close()
