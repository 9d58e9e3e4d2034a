"""The Redis storage on a cluster of three nodes: the claims of every storage, and what lies in other slots."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from redis.asyncio import Redis, RedisCluster

from tests.servers.redis import RedisNodes, new_prefix
from tests.session.stores import KEY, user_says
from voxsession import Voxon, VoxonConfig
from voxsession.clock import SystemClock
from voxsession.core.envelope import stamp
from voxsession.errors import ConfigurationError, StorageUnavailableError
from voxsession.storage.redis import RedisSessionStorage
from voxsession.storage.registry import open_storage
from voxsession.testing import StorageConformance
from voxsession.testing.records import a_batch, a_document, a_page

pytestmark = [pytest.mark.server, pytest.mark.all_only]


class TestRedisCluster(StorageConformance):
    """It holds what every storage holds."""

    @pytest.fixture(autouse=True)
    def _nodes(self, redis_nodes: RedisNodes) -> None:
        self.url = redis_nodes.url

    async def make_storage(self, tmp_path: Path) -> RedisSessionStorage:
        return RedisSessionStorage(self.url, session_prefix=new_prefix())


@pytest_asyncio.fixture
async def storage(redis_nodes: RedisNodes) -> AsyncIterator[RedisSessionStorage]:
    made = RedisSessionStorage(redis_nodes.url, session_prefix=new_prefix())
    yield made
    await made.close()


@pytest_asyncio.fixture
async def raw(redis_nodes: RedisNodes) -> AsyncIterator[RedisCluster]:
    client = RedisCluster.from_url(redis_nodes.plain_url, decode_responses=True)
    yield client
    await client.aclose()


async def test_a_cluster_behind_a_plain_url_is_noticed(redis_nodes: RedisNodes) -> None:
    """A plain URL of any node serves every session, wherever its slot lies."""
    for url in (redis_nodes.plain_url, redis_nodes.url.replace("redis", "valkey", 1)):
        storage = open_storage(url, session_prefix=new_prefix())
        for number in range(20):
            await storage.save(a_document(f"s{number}"))
        assert len(await storage.list_sessions()) == 20
        assert (await storage.get_stats())["server"]["cluster"] is True
        await storage.close()


@pytest.mark.parametrize("decode", [False, True])
async def test_a_ready_cluster_client_serves(redis_nodes: RedisNodes, decode: bool) -> None:
    """A ready cluster client is used and stays open; one of a single node is refused with the remedy."""
    client = RedisCluster.from_url(redis_nodes.plain_url, decode_responses=decode)
    storage = RedisSessionStorage(client=client, session_prefix=new_prefix())
    await storage.save(a_document(body="é\0"))
    assert await storage.load("sess_1") == {**a_document(body="é\0"), "tail": []}
    await storage.close()
    assert await client.ping()
    await client.aclose()

    single = Redis.from_url(redis_nodes.plain_url)
    with pytest.raises(ConfigurationError, match="RedisCluster"):
        await RedisSessionStorage(client=single).open()
    await single.aclose()


@pytest.mark.parametrize("option", [{"db": 2}, {"redis_url": "/3"}], ids=str)
async def test_a_cluster_has_one_database(redis_nodes: RedisNodes, option: dict[str, object]) -> None:
    """A number of a database is a ConfigurationError."""
    url = redis_nodes.url + str(option.pop("redis_url", ""))
    with pytest.raises(ConfigurationError, match="database 0"):
        await RedisSessionStorage(url, **option).open()  # type: ignore[arg-type]


async def test_an_option_that_only_a_cluster_refuses_is_told(redis_nodes: RedisNodes) -> None:
    """Behind a plain URL a cluster shows when it is first used, and so does what its connections do not take."""
    storage = RedisSessionStorage(f"{redis_nodes.plain_url}?socket_type=1")
    with pytest.raises(ConfigurationError, match="socket_type"):
        await storage.load("sess_1")


async def test_a_session_lies_in_one_slot(storage: RedisSessionStorage, raw: RedisCluster) -> None:
    """All keys of a session have one slot, and different sessions have different ones; none has a TTL."""
    slots: dict[str, set[int]] = {}
    for name in ("a", "b", "c"):
        await storage.save(a_document(name))
        await storage.append(name, a_batch(name))
        await storage.save_page(name, a_page(name))
        keys = storage._keys.record(name)
        assert [await raw.ttl(key) for key in keys] == [-1] * 4
        slots[name] = {raw.keyslot(key) for key in keys}
    assert [len(found) for found in slots.values()] == [1, 1, 1]
    assert len(set.union(*slots.values())) == 3


async def test_a_writer_that_died_early_hides_nothing(
    storage: RedisSessionStorage, raw: RedisCluster
) -> None:
    """An entry without its record is no session, stays while its writer may come, and goes an hour later."""
    index = storage._keys.updated("", "session")
    now = SystemClock().now()
    for name, age in (("young", timedelta(minutes=1)), ("old", timedelta(hours=2))):
        [(_, score, _)] = storage._keys.entries(name, {"updated_at": stamp(now - age)})
        await raw.zadd(index, {name: score})

    assert await storage.list_sessions() == []
    assert await raw.zrange(index, 0, -1) == ["young"]
    await storage.save(a_document("young", updated_at=stamp(now)))
    assert [header["session_id"] for header in await storage.list_sessions()] == ["young"]


async def test_a_writer_that_died_late_is_mended(storage: RedisSessionStorage, raw: RedisCluster) -> None:
    """A session whose entry was not moved is listed nevertheless, and then stands where it belongs."""
    for seq, name in enumerate("abc", 1):
        await storage.save(a_document(name, updated_at=f"2026-05-01T12:00:0{seq}.000000Z"))
    index = storage._keys.updated("", "session")
    [(_, before, _)] = storage._keys.entries("a", {"updated_at": "2026-05-01T12:00:01.000000Z"})
    await storage.append("a", a_batch("a", updated_at="2026-05-01T12:00:09.000000Z"))
    await raw.zadd(index, {"a": before})

    await storage.list_sessions()
    assert [header["session_id"] for header in await storage.list_sessions()] == ["a", "c", "b"]
    assert await raw.zrange(index, 0, -1) == ["a", "c", "b"]


async def test_what_the_indexes_lack_is_put_back(storage: RedisSessionStorage, raw: RedisCluster) -> None:
    """The records are found on whatever nodes they lie."""
    names = [f"s{number:03d}" for number in range(300)]
    await asyncio.gather(*(storage.save(a_document(name, owner="o1")) for name in names))
    await raw.delete(storage._keys.updated("", "session"))
    await raw.zrem(storage._keys.owned("", "session", "o1"), "s007")
    await raw.delete(storage._keys.tenants)
    assert await storage.list_sessions() == []

    assert await storage.unreadable_records() == names
    assert await storage.unreadable_records() == []
    for owner in (None, "o1"):
        listed = await storage.list_sessions(owner=owner, limit=1000)
        assert [header["session_id"] for header in listed] == names
    assert (await storage.get_stats())["total_sessions"] == 300


async def test_five_hundred_at_once(storage: RedisSessionStorage) -> None:
    """No number of calls at once is an error on a cluster either."""
    names = [f"s{number}" for number in range(500)]
    await asyncio.gather(*(storage.save(a_document(name)) for name in names))
    await asyncio.gather(*(storage.append(name, a_batch(name)) for name in names))
    headers = await storage.list_sessions(limit=1000)

    assert sorted(header["session_id"] for header in headers) == sorted(names)
    assert {header["seq"] for header in headers} == {2}


async def test_a_moved_slot_is_found(storage: RedisSessionStorage, redis_nodes: RedisNodes) -> None:
    """While the slots of sessions move between nodes under load, every write arrives, and once."""
    names = [f"moving{number}" for number in range(30)]
    await asyncio.gather(*(storage.save(a_document(name)) for name in names))

    async def live(name: str) -> None:
        for seq in range(2, 12):
            while True:
                with contextlib.suppress(StorageUnavailableError):  # told, and safe to repeat
                    await storage.append(name, a_batch(name, seq))
                    break

    writing = asyncio.gather(*map(live, names))
    for name in names[:10]:
        await asyncio.to_thread(redis_nodes.move, storage._keys.record(name)[0])
    await writing
    for name in names:
        record = await storage.load(name)
        assert record is not None
        assert [batch["seq"] for batch in record["tail"]] == list(range(2, 12))


async def test_a_session_lives_on_a_cluster(redis_nodes: RedisNodes) -> None:
    """Through the facade: turns, pages, opening again, listing and erasing."""
    config = VoxonConfig(
        session_storage=redis_nodes.url, session_prefix=new_prefix(), session_encryption_key=KEY
    )
    async with Voxon(config) as voxon:
        session = await voxon.create_session(session_id="s1", user_id="ada")
        conversation = await session.conversation("c")
        await conversation.add_messages(user_says(*(f"Number {number}" for number in range(400))))
        await session.close()
    async with Voxon(config) as voxon:
        session = await voxon.load_session("s1")
        conversation = await session.conversation("c")
        assert len(await conversation.history()) == 400
        await session.close()
        assert [info.session_id async for info in voxon.list_sessions(user_id="ada")] == ["s1"]
        assert await voxon.delete_user("ada")
        assert [info.session_id async for info in voxon.list_sessions()] == []


def test_one_event_loop_after_another(redis_nodes: RedisNodes) -> None:
    """A storage serves asyncio.run again and again, without close()."""
    storage = RedisSessionStorage(redis_nodes.url, session_prefix=new_prefix())
    for seq in (1, 2, 3):
        asyncio.run(storage.save(a_document(seq=seq)))
    assert asyncio.run(storage.load("sess_1")) == {**a_document(seq=3), "tail": []}
