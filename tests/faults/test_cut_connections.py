"""Connections that are cut in the middle of a write, at any byte of request or answer: each turn is stored once."""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter

import attrs
import pytest

from tests.faults.proxy import Proxy
from tests.faults.talkers import QUIET, Talker, check, named, storage_at
from tests.servers.postgres import PostgresServer
from tests.servers.redis import RedisServer, new_prefix
from voxsession import SessionStorage, Voxon

pytestmark = pytest.mark.server

CUTS = int(os.environ.get("VOXSESSION_TEST_CUTS", "200"))
WORKERS = 8
REFUSED = 0.3  # how often nobody is let in after the cut, so that the call itself fails
DIRECTIONS = ("request", "answer")
SIZES = (0, 0, 0, 0, 1_000, 15_000)
ANSWER_BYTES = {"postgresql": 200, "redis": 12}  # of about one turn


async def test_postgres(postgres_server: PostgresServer) -> None:
    """Appended turns, whole documents in their transactions, pages and first saves over PostgreSQL's protocol."""
    await survive(postgres_server.port, await postgres_server.new_place(), "")


async def test_redis(redis_server: RedisServer) -> None:
    """The same over that of Redis."""
    await survive(redis_server.port, redis_server.url, new_prefix())


async def survive(port: int, url: str, prefix: str) -> None:
    """Several sessions, each behind a proxy of its own, which is cut all in all so many times."""
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")
    storage = storage_at(url, **_prefixed(prefix))
    workers = [
        _Worker(port, url, prefix, storage, random.Random(seed + number), f"s{number}")
        for number in range(WORKERS)
    ]
    totals = sum(await asyncio.gather(*(worker.run(CUTS // WORKERS) for worker in workers)), Counter[str]())
    await storage.close()
    print(dict(totals), "each turn stored once")
    assert totals["request cut"] + totals["answer cut"] == CUTS // WORKERS * WORKERS
    assert totals["acknowledged"] and totals["failed"]


@attrs.define
class _Worker:
    """One process: sessions behind one proxy, the next one after each few cuts."""

    _port: int
    _url: str
    _prefix: str
    _storage: SessionStorage
    _dice: random.Random
    _name: str
    _seen: Counter[str] = attrs.field(factory=Counter)

    async def run(self, cuts: int) -> Counter[str]:
        """So many cuts; what came of them."""
        async with Proxy(self._port) as proxy:
            url = self._url.replace(str(self._port), str(proxy.port))
            async with Voxon(named(url, **_prefixed(self._prefix))) as voxon:
                await voxon.get_stats()
                left, number = cuts, 0
                while left:
                    count = min(left, self._dice.choice((1, 5, 20)))
                    await self._one_session(voxon, proxy, f"{self._name}-{number}", count)
                    left, number = left - count, number + 1
        return self._seen

    async def _one_session(self, voxon: Voxon, proxy: Proxy, session_id: str, cuts: int) -> None:
        talker = Talker(voxon.create_session(session_id=session_id, config=QUIET))
        for _ in range(cuts):
            failed = talker.failed
            await self._one_cut(talker, proxy)
            if talker.failed > failed:
                await check(self._storage, [talker], is_settled=False)
            assert await talker.say(), "all is whole again"
            await check(self._storage, [talker], is_settled=True)
        self._seen.update(sessions=1, acknowledged=len(talker.acknowledged), failed=talker.failed)

    async def _one_cut(self, talker: Talker, proxy: Proxy) -> None:
        """Turns, until one of them is cut."""
        dice = self._dice
        filling = dice.randbytes(dice.choice(SIZES)).hex()
        direction = dice.randrange(len(DIRECTIONS))
        length = (2_000 + 2 * len(filling), ANSWER_BYTES[self._url.partition(":")[0]])[direction]
        proxy.cut_after(direction, dice.randrange(length), refuse=dice.random() < REFUSED)
        while not proxy.was_cut:
            await talker.say(filling)
        proxy.mend()
        self._seen[f"{DIRECTIONS[direction]} cut"] += 1


def _prefixed(prefix: str) -> dict[str, str]:
    return {"session_prefix": prefix} if prefix else {}
