"""A server that is killed while sessions write: nothing acknowledged is lost, nothing doubled, all go on."""

from __future__ import annotations

import asyncio
import os
import random
import time

import pytest

from tests.faults.talkers import Talker, check, named, storage_at
from tests.servers.postgres import PostgresServer
from tests.servers.process import ServerProcess
from tests.servers.redis import RedisServer
from voxsession import Voxon

pytestmark = pytest.mark.server

SESSIONS = 50
KILLS = int(os.environ.get("VOXSESSION_TEST_SERVER_KILLS", "2"))
AWAY_SECONDS = (0.8, 0)  # longer than a storage tries by itself, and shorter
PATIENCE_SECONDS = 30


async def test_killed_postgres(own_postgres: PostgresServer) -> None:
    """PostgreSQL, killed with all its processes."""
    await survive(own_postgres, await own_postgres.new_place(), KILLS)


@pytest.mark.all_only
async def test_killed_postgres_again_and_again(own_postgres: PostgresServer) -> None:
    """The same, ten times as often."""
    await survive(own_postgres, await own_postgres.new_place(), 10 * KILLS)


async def test_killed_redis(own_redis: RedisServer) -> None:
    """Redis with `appendfsync always`."""
    await survive(own_redis, own_redis.url, KILLS)


@pytest.mark.all_only
async def test_killed_redis_again_and_again(own_redis: RedisServer) -> None:
    """The same, ten times as often."""
    await survive(own_redis, own_redis.url, 10 * KILLS)


async def survive(server: ServerProcess, url: str, kills: int) -> None:
    """50 live sessions write all the time, while the server is killed and started again so many times."""
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")
    dice, is_over = random.Random(seed), asyncio.Event()

    async def live(talker: Talker) -> None:
        while not is_over.is_set():
            await asyncio.sleep(0 if await talker.say() else 0.02)

    async with Voxon(named(url)) as voxon:
        talkers = [await Talker.open(voxon, f"s{number}") for number in range(SESSIONS)]
        writing = [asyncio.ensure_future(live(talker)) for talker in talkers]
        for number in range(kills):
            await asyncio.sleep(dice.uniform(0.05, 0.3))
            await asyncio.to_thread(server.kill)
            await asyncio.sleep(AWAY_SECONDS[number % 2])
            await asyncio.to_thread(server.start)
            await until_all_go_on(talkers)
        is_over.set()
        await asyncio.gather(*writing)
        failed = sum(talker.failed for talker in talkers)
        for talker in talkers:
            await talker.session.save()
    storage = storage_at(url)
    await check(storage, talkers, is_settled=True)
    await storage.close()
    acknowledged = sum(len(talker.acknowledged) for talker in talkers)
    print(
        f"{kills} kills, {SESSIONS} sessions, {acknowledged} turns acknowledged, {failed} told of the failure: "
        "none lost, none doubled"
    )
    assert failed, "nobody noticed"


async def until_all_go_on(talkers: list[Talker]) -> None:
    """Waits until each session has had another turn acknowledged."""
    before = [len(talker.acknowledged) for talker in talkers]
    deadline = time.monotonic() + PATIENCE_SECONDS
    while any(len(talker.acknowledged) <= count for talker, count in zip(talkers, before, strict=True)):
        assert time.monotonic() < deadline, "some session does not go on"
        await asyncio.sleep(0.01)
