"""Turns that are asked of Redis at once share a round trip over kept connections, and nobody pays for another."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.faults.proxy import Proxy
from tests.servers.redis import RedisServer, ask, new_prefix
from voxsession.errors import ConflictError, IntegrityError, StorageUnavailableError
from voxsession.storage.redis import RedisSessionStorage
from voxsession.testing.records import a_batch, a_document

pytestmark = pytest.mark.server

NAMES = [f"s{number:03d}" for number in range(50)]


async def filled(url: str, **options: Any) -> RedisSessionStorage:
    """A storage with a document of each name."""
    storage = RedisSessionStorage(url, session_prefix=new_prefix(), **options)
    await asyncio.gather(*(storage.save(a_document(name)) for name in NAMES))
    return storage


@pytest_asyncio.fixture
async def storage(redis_server: RedisServer) -> AsyncIterator[RedisSessionStorage]:
    made = await filled(redis_server.url)
    yield made
    await made.close()


async def tails(storage: RedisSessionStorage) -> dict[str, list[int]]:
    """The versions of the batches of each session."""
    records = await asyncio.gather(*map(storage.load, NAMES))
    return {
        name: [batch["seq"] for batch in record["tail"]]
        for name, record in zip(NAMES, records, strict=True)
        if record
    }


async def test_fifty_turns_are_two_round_trips(storage: RedisSessionStorage, sent: list[bytes]) -> None:
    """The first goes alone, the others together over a second connection."""
    await storage.append(NAMES[0], a_batch(NAMES[0]))  # from now on the server knows the script
    await asyncio.gather(*(storage.load(name) for name in NAMES))
    sent.clear()
    await asyncio.gather(*(storage.append(name, a_batch(name)) for name in NAMES))
    assert [packet.count(b"EVALSHA") for packet in sent if b"EVALSHA" in packet] == [1, 49]
    assert await tails(storage) == {name: [2] for name in NAMES}


async def test_trouble_of_one_is_not_that_of_others(storage: RedisSessionStorage) -> None:
    """A turn made from another version, one of no session and one of what is no record fail alone among fifty."""
    link = await storage._links.current()
    await link.command("SET", storage._keys.record("foreign")[0], "no hash")
    calls = [(name, a_batch(name, seq=9 if name == NAMES[1] else 2)) for name in NAMES]
    calls += [(name, a_batch(name)) for name in ("nobody", "foreign")]
    found = await asyncio.gather(*(storage.append(*call) for call in calls), return_exceptions=True)
    assert [type(found.pop(at)) for at in (-1, -1, 1)] == [IntegrityError, ConflictError, ConflictError]
    assert set(found) == {None}
    assert await tails(storage) == {name: [] if name == NAMES[1] else [2] for name in NAMES}


async def test_turns_of_one_session_keep_their_order(storage: RedisSessionStorage) -> None:
    """Turns of one session that are asked for at once arrive one behind the other."""
    await storage.append(NAMES[0], a_batch(NAMES[0]))
    waiting = [asyncio.ensure_future(storage.append(name, a_batch(name))) for name in NAMES[1:]]
    await asyncio.sleep(0)
    await asyncio.gather(*(storage.append(NAMES[0], a_batch(NAMES[0], seq=seq)) for seq in range(3, 12)))
    await asyncio.gather(*waiting)
    assert (await tails(storage))[NAMES[0]] == list(range(2, 12))


async def test_cancelled_ones_leave_the_others_theirs(storage: RedisSessionStorage) -> None:
    """Whoever goes while a burst is on its way, the others are served, and the next call reads its own answer."""
    for seq in range(2, 12):
        calls = [asyncio.ensure_future(storage.append(name, a_batch(name, seq=seq))) for name in NAMES]
        for _ in range(seq % 5):
            await asyncio.sleep(0)
        for call in calls[:: seq % 3 + 2]:
            call.cancel()
        found = await asyncio.gather(*calls, return_exceptions=True)
        assert {type(one) for one in found} <= {type(None), asyncio.CancelledError}
        # What was cut off may still be on its way, or was never sent: the same write again settles it.
        await asyncio.gather(*(storage.append(name, a_batch(name, seq=seq)) for name in NAMES))
    assert await tails(storage) == {name: list(range(2, 12)) for name in NAMES}


async def test_scripts_that_are_forgotten_under_way(
    storage: RedisSessionStorage, redis_server: RedisServer
) -> None:
    """SCRIPT FLUSH while hundreds of turns are on their way: each arrives once."""

    async def live(name: str) -> None:
        for seq in range(2, 12):
            await storage.append(name, a_batch(name, seq=seq))

    async def forget() -> None:
        for _ in range(20):
            await asyncio.to_thread(ask, redis_server.port, "SCRIPT", "FLUSH")

    await asyncio.gather(forget(), *map(live, NAMES))
    assert await tails(storage) == {name: list(range(2, 12)) for name in NAMES}


@pytest.mark.parametrize("direction", [0, 1], ids=["request", "answer"])
async def test_a_cut_in_a_burst_stores_each_turn_once(redis_server: RedisServer, direction: int) -> None:
    """A connection that is lost under fifty turns is not noticed by those who asked; each turn is there once."""
    async with Proxy(redis_server.port) as proxy:
        storage = await filled(redis_server.url.replace(str(redis_server.port), str(proxy.port)))
        for seq in range(2, 12):
            proxy.cut_after(direction, (2500 if direction == 0 else 12) * (seq - 1), refuse=False)
            await asyncio.gather(*(storage.append(name, a_batch(name, seq=seq)) for name in NAMES))
            assert proxy.was_cut
        assert await tails(storage) == {name: list(range(2, 12)) for name in NAMES}
        proxy.cut_after(direction, 3000 if direction == 0 else 20, refuse=True)
        failed = await asyncio.gather(
            *(storage.append(name, a_batch(name, seq=12)) for name in NAMES), return_exceptions=True
        )
        assert {type(one) for one in failed[1:]} == {StorageUnavailableError}
        proxy.mend()
        await asyncio.gather(*(storage.append(name, a_batch(name, seq=12)) for name in NAMES))
        assert await tails(storage) == {name: list(range(2, 13)) for name in NAMES}
        await storage.close()


async def test_a_kept_connection_that_the_server_closed_is_made_anew(own_redis: RedisServer) -> None:
    """After the server has hung up on all that rest, the next calls are served."""
    storage = await filled(own_redis.url)
    for seq in (2, 3):
        ask(own_redis.port, "CLIENT", "KILL", "TYPE", "normal")
        await asyncio.sleep(0.05)
        await asyncio.gather(*(storage.append(name, a_batch(name, seq=seq)) for name in NAMES))
    assert await tails(storage) == {name: [2, 3] for name in NAMES}
    await storage.close()


async def test_what_rests_makes_room_for_questions(redis_server: RedisServer) -> None:
    """Where the only connection is kept, statistics are told nevertheless, and turns go on."""
    storage = await filled(redis_server.url, max_connections=1)
    assert (await storage.get_stats())["total_sessions"] == len(NAMES)
    await storage.append(NAMES[0], a_batch(NAMES[0]))
    assert (await storage.get_stats())["server"]["cluster"] is False
    await storage.close()
