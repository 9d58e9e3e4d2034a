"""A server that hangs for 5 s: every call is told so in time, and afterwards all goes on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable
from typing import Any

import pytest

from tests.faults.talkers import QUIET, Talker, check, named, storage_at
from tests.servers.postgres import PostgresServer
from tests.servers.process import ServerProcess
from tests.servers.redis import RedisServer
from voxsession import StorageUnavailableError, Voxon, VoxSessionError

pytestmark = pytest.mark.server

PAUSE_SECONDS, TIMEOUT_SECONDS = 5.0, 2.0
PATIENCE_SECONDS = 2.0  # how much later the error may come on a busy machine; less than a second timeout
SESSIONS = 20


async def test_paused_servers(own_postgres: PostgresServer, own_redis: RedisServer) -> None:
    """PostgreSQL and Redis, stopped in the middle of many writes; at the same time, because it is all waiting."""
    # Without TLS, because asyncpg logs a line for each handshake that is given up.
    places = {own_postgres: f"{await own_postgres.new_place()}?sslmode=disable", own_redis: own_redis.url}
    await asyncio.gather(*(survive(server, url) for server, url in places.items()))


async def survive(server: ServerProcess, url: str) -> None:
    """Sessions that write without a break while the server hangs."""
    is_over, longest = asyncio.Event(), 0.0

    async def live(talker: Talker) -> None:
        nonlocal longest
        while not is_over.is_set():
            started = time.monotonic()
            await talker.say()
            longest = max(longest, time.monotonic() - started)

    async with Voxon(named(url, storage_timeout_seconds=TIMEOUT_SECONDS)) as voxon:
        talkers = [await Talker.open(voxon, f"s{number}") for number in range(SESSIONS)]
        await (await voxon.create_session(session_id="idle", config=QUIET)).close()
        writing = [asyncio.ensure_future(live(talker)) for talker in talkers]
        await asyncio.sleep(0.2)
        server.pause()
        try:
            began = time.monotonic()
            await ask_everything(voxon)
            await asyncio.sleep(PAUSE_SECONDS - (time.monotonic() - began))
        finally:
            server.resume()
        before = [len(talker.acknowledged) for talker in talkers]
        await asyncio.sleep(0.5)
        is_over.set()
        await asyncio.gather(*writing)
        failed = sum(talker.failed for talker in talkers)
        assert await voxon.health_check() == {"status": "healthy", "storage": "operational"}
        for talker in talkers:
            await talker.session.save()

    storage = storage_at(url)
    await check(storage, talkers, is_settled=True)
    await storage.close()
    gone_on = sum(len(talker.acknowledged) > count for talker, count in zip(talkers, before, strict=True))
    print(
        f"{type(server).__name__}: {SESSIONS} sessions, {failed} calls told of the pause, the longest took "
        f"{longest:.2f} s, {gone_on} went on by themselves within 0.5 s, none lost, none doubled"
    )
    assert failed >= SESSIONS and longest < TIMEOUT_SECONDS + PATIENCE_SECONDS


async def ask_everything(voxon: Voxon) -> None:
    """Each kind of call during the pause is an error of ours, and within its time; the health check answers."""
    calls: list[Awaitable[Any]] = [
        _awaited(voxon.load_session("idle")),
        _awaited(voxon.create_session(session_id="new", config=QUIET)),
        _listed(voxon),
        voxon.get_stats(),
        voxon.delete_session("idle"),
        voxon.health_check(),
    ]
    *found, health = await asyncio.gather(*map(answer, calls))
    assert [type(error) for error in found] == [StorageUnavailableError] * len(found)
    assert health["status"] == "unhealthy"


async def answer(call: Awaitable[Any]) -> Any:
    """What a call gives or raises, which has to be in time."""
    started = time.monotonic()
    try:
        return await call
    except VoxSessionError as error:
        return error
    finally:
        assert time.monotonic() - started < TIMEOUT_SECONDS + PATIENCE_SECONDS


async def _awaited(opening: Awaitable[Any]) -> Any:
    return await opening


async def _listed(voxon: Voxon) -> list[Any]:
    return [info async for info in voxon.list_sessions()]
