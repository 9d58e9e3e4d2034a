"""The Redis storage on one server: the claims of every storage, and what it says of keys, time and cost."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from redis.asyncio import Redis

from tests.servers.redis import RedisServer, ask, new_prefix
from tests.session.stores import KEY, contents
from voxsession import MemorySessionStorage, Receipt, Voxon, VoxonConfig, migrate
from voxsession.clock import SystemClock
from voxsession.core.envelope import stamp, storage_key
from voxsession.errors import ConfigurationError, IntegrityError
from voxsession.storage.redis import RedisSessionStorage
from voxsession.storage.redis_scripts import ADOPT, Script
from voxsession.storage.redis_server import meaning
from voxsession.testing import StorageConformance
from voxsession.testing.records import a_batch, a_document, a_page

pytestmark = pytest.mark.server

DAY_MS = 86_400_000


class TestRedis(StorageConformance):
    """It holds what every storage holds."""

    @pytest.fixture(autouse=True)
    def _server(self, redis_server: RedisServer) -> None:
        self.url = redis_server.url

    async def make_storage(self, tmp_path: Path) -> RedisSessionStorage:
        return RedisSessionStorage(self.url, session_prefix=new_prefix())


@pytest_asyncio.fixture
async def storage(redis_server: RedisServer) -> AsyncIterator[RedisSessionStorage]:
    """An empty storage; its keys begin with `prefix_of(storage)`."""
    made = RedisSessionStorage(redis_server.url, session_prefix=new_prefix())
    yield made
    await made.close()


@pytest_asyncio.fixture
async def raw(redis_server: RedisServer) -> AsyncIterator[Redis]:
    """A plain client, to look behind the storage and to alter what it stored."""
    client = Redis.from_url(redis_server.url, decode_responses=True, protocol=2)
    yield client
    await client.aclose()


def prefix_of(storage: RedisSessionStorage) -> str:
    return storage._keys.prefix


# --- keys and time to live


async def all_ttls(storage: RedisSessionStorage, raw: Redis) -> dict[str, int]:
    """What each key of the storage has left, in milliseconds; -1 = for ever."""
    names = [name async for name in raw.scan_iter(f"{prefix_of(storage)}:*")]
    return {name: await raw.pttl(name) for name in names}


async def write_all(storage: RedisSessionStorage, **fields: Any) -> None:
    """A session with everything it can have."""
    await storage.save_page("sess_1", a_page(page_id="before"))
    await storage.save(a_document(owner="o1", **fields))
    await storage.append("sess_1", a_batch(owner="o1", **fields))
    await storage.save_page("sess_1", a_page(page_id="after"))


async def test_no_key_has_a_ttl_unless_one_was_named(storage: RedisSessionStorage, raw: Redis) -> None:
    """Without `expires_at` every key stays for ever."""
    await write_all(storage)
    ttls = await all_ttls(storage, raw)

    assert len(ttls) == 4 + 3  # the session's; the indexes by update and by owner; the tenants
    assert set(ttls.values()) == {-1}


async def test_a_named_ttl_holds_for_all_of_a_session(storage: RedisSessionStorage, raw: Redis) -> None:
    """Record, batches and both pages' keys go together, a day after the session's own time; indexes stay."""
    soon = stamp(SystemClock().now() + timedelta(hours=1))
    await write_all(storage, expires_at=soon)
    ttls = await all_ttls(storage, raw)

    own = [ttl for name, ttl in ttls.items() if "{sess_1}" in name]
    assert len(own) == 4
    assert all(DAY_MS + 3_500_000 < ttl <= DAY_MS + 3_600_000 for ttl in own)
    assert {ttl for name, ttl in ttls.items() if "{sess_1}" not in name} == {-1}


async def test_a_later_write_prolongs_or_lifts_the_ttl(storage: RedisSessionStorage, raw: Redis) -> None:
    """The newest record decides: a later time, or none at all."""
    now = SystemClock().now()
    await write_all(storage, expires_at=stamp(now + timedelta(hours=1)))
    await storage.append("sess_1", a_batch(seq=3, expires_at=stamp(now + timedelta(hours=5))))
    assert min(ttl for ttl in (await all_ttls(storage, raw)).values() if ttl > 0) > DAY_MS + 4 * 3_600_000

    await storage.append("sess_1", a_batch(seq=4))
    assert set((await all_ttls(storage, raw)).values()) == {-1}


async def test_what_has_long_expired_can_be_listed(storage: RedisSessionStorage, raw: Redis) -> None:
    """A session that is saved after its time is still there for the clean-up to verify."""
    await storage.save(a_document(expires_at="2001-01-01T00:00:00.000000Z"))

    assert [h["session_id"] for h in await storage.expired_sessions(SystemClock().now())] == ["sess_1"]
    assert (
        DAY_MS - 60_000 < (await all_ttls(storage, raw))[f"{prefix_of(storage)}:{{sess_1}}:record"] <= DAY_MS
    )


async def test_what_redis_removed_leaves_no_trace(storage: RedisSessionStorage, raw: Redis) -> None:
    """Entries of sessions that the server expired by itself go with the next listing."""
    await write_all(storage, expires_at=stamp(SystemClock().now() + timedelta(hours=1)))
    await storage.save(a_document("sess_2", owner="o1"))
    await raw.delete(
        *(f"{prefix_of(storage)}:{{sess_1}}:{part}" for part in ("record", "tail", "pages", "paged"))
    )

    assert [h["session_id"] for h in await storage.list_sessions(owner="o1")] == ["sess_2"]
    assert [h["session_id"] for h in await storage.list_sessions()] == ["sess_2"]
    assert await storage.expired_sessions(SystemClock().now() + timedelta(days=1)) == []
    for name in ("updated:session", "owner:session:o1"):
        assert await raw.zrange(f"{prefix_of(storage)}:{{.index.}}:{name}", 0, -1) == ["sess_2"]


async def test_a_deleted_session_leaves_no_key(storage: RedisSessionStorage, raw: Redis) -> None:
    """Its keys and its entries in all indexes are gone, also where what is stored is no record."""
    await write_all(storage, expires_at=stamp(SystemClock().now() + timedelta(hours=1)))
    await storage.delete("sess_1")
    assert list(await all_ttls(storage, raw)) == [f"{prefix_of(storage)}:tenants"]

    await raw.set(f"{prefix_of(storage)}:{{sess_1}}:record", "no hash")
    assert await storage.delete("sess_1") is True
    assert await storage.load("sess_1") is None


# --- round trips


async def test_a_turn_is_one_round_trip(redis_server: RedisServer, sent: list[bytes]) -> None:
    """Through the facade, each turn sends the server one command, and opening a session again one as well."""
    config = VoxonConfig(
        session_storage="redis",
        session_redis_url=redis_server.url,
        session_prefix=new_prefix(),
        session_encryption_key=KEY,
    )
    async with Voxon(config) as voxon:
        session = await voxon.create_session(session_id="s1", user_id="ada")
        async with session.conversation("c") as conversation:
            await conversation.send_message("Hello, I am Ada.")
            sent.clear()
            for _ in range(5):
                await conversation.send_message("I like tea.")
            assert [packet.split(b"\r\n")[2] for packet in sent] == [b"EVALSHA"] * 5
        await session.close()
        sent.clear()
        session = await voxon.load_session("s1")
        assert len(sent) == 1
        conversation = await session.conversation("c")
        assert contents(await conversation.history())[0] == "Hello, I am Ada."
        await session.close()


async def test_an_owners_sessions_are_found_without_a_scan(
    storage: RedisSessionStorage, sent: list[bytes]
) -> None:
    """What a list of one person's sessions costs does not depend on how many others there are."""
    await storage.save(a_document("mine", owner="o1"))
    await storage.list_sessions(owner="o1")  # from now on the server knows the scripts
    costs = []
    for number in (0, 300):
        await asyncio.gather(*(storage.save(a_document(f"s{n}", owner=f"x{n}")) for n in range(number)))
        sent.clear()
        assert [h["session_id"] for h in await storage.list_sessions(owner="o1")] == ["mine"]
        costs.append(len(sent))
    assert costs == [2, 2]


async def test_five_hundred_at_once_share_ten_connections(storage: RedisSessionStorage, raw: Redis) -> None:
    """No number of calls at once is an error; they wait for one of `max_connections`."""
    before = len(await raw.client_list())
    names = [f"s{number}" for number in range(500)]
    await asyncio.gather(*(storage.save(a_document(name)) for name in names))
    await asyncio.gather(*(storage.append(name, a_batch(name)) for name in names))

    # Calls that share a round trip may leave one of them unused.
    assert 1 < len(await raw.client_list()) - before <= 10
    headers = await storage.list_sessions(limit=1000)
    assert sorted(header["session_id"] for header in headers) == sorted(names)
    assert {header["seq"] for header in headers} == {2}


# --- what does not fit


async def test_what_is_no_record_is_told_and_left(storage: RedisSessionStorage, raw: Redis) -> None:
    """Wrong types, bad JSON, a foreign record and a wrong version are IntegrityError; nothing is overwritten."""
    await storage.save(a_document())
    await storage.append("sess_1", a_batch())
    await storage.save(a_document("sess_2"))
    record, tail = (f"{prefix_of(storage)}:{{sess_1}}:{part}" for part in ("record", "tail"))
    good, line = await raw.hgetall(record), await raw.lindex(tail, 0)
    foreign = await raw.hget(f"{prefix_of(storage)}:{{sess_2}}:record", "doc")

    for change in ({"doc": "{"}, {"doc": "[]"}, {"doc": foreign}, {"seq": "7"}):
        await raw.hset(record, mapping=change)
        with pytest.raises(IntegrityError, match="sess_1"):
            await storage.load("sess_1")
        await raw.hset(record, mapping=good)
    for altered in (line[:-20], "no json", ""):
        await raw.lset(tail, 0, altered)
        with pytest.raises(IntegrityError, match="sess_1"):
            await storage.load("sess_1")
        with pytest.raises(IntegrityError, match="sess_1"):
            await storage.load_since("sess_1", 1)
    await raw.lset(tail, 0, line)
    assert await storage.load("sess_1") == {**a_document(), "tail": [a_batch()]}

    for field in ("seq", "doc"):
        await raw.hdel(record, field)
        with pytest.raises(IntegrityError, match="sess_1"):
            await storage.load("sess_1")
        with pytest.raises(IntegrityError, match="sess_1"):
            await storage.append("sess_1", a_batch(seq=3)) if field == "seq" else await storage.load("sess_1")
    with pytest.raises(IntegrityError, match="sess_1"):
        await storage.save(a_document(batch_id="anew"))
    await raw.set(record, "no hash")
    for call in (
        storage.load("sess_1"),
        storage.append("sess_1", a_batch(seq=3)),
        storage.save(a_document()),
    ):
        with pytest.raises(IntegrityError, match="sess_1"):
            await call
    assert await raw.get(record) == "no hash"


async def test_lists_leave_out_what_cannot_be_read(storage: RedisSessionStorage, raw: Redis) -> None:
    """A header that is none is left out, and its entry stays for whoever mends it."""
    for name in ("a", "b", "c", "d"):
        await storage.save(a_document(name))
    record = f"{prefix_of(storage)}:{{%s}}:record"
    await raw.hset(record % "a", "head", "{")
    await raw.hset(record % "b", "head", '{"seq":1,"session_id":"d"}')
    await raw.set(record % "c", "no hash")

    assert [header["session_id"] for header in await storage.list_sessions()] == ["d"]
    assert await raw.zcard(f"{prefix_of(storage)}:{{.index.}}:updated:session") == 4
    assert await storage.unreadable_records() == ["a", "b", "c"]
    assert (
        await storage.unreadable_records(kind="lease") == await storage.unreadable_records(tenant="x") == []
    )


async def test_lists_mend_the_index(storage: RedisSessionStorage, raw: Redis) -> None:
    """Entries at a wrong place, of a wrong owner and without a record are set right by the next list."""
    for seq, name in enumerate("abcdef", 1):
        await storage.save(a_document(name, owner="o1", updated_at=f"2026-05-01T12:00:0{seq}.000000Z"))
    index, owned = (
        f"{prefix_of(storage)}:{{.index.}}:{name}" for name in ("updated:session", "owner:session:o1")
    )
    right = await raw.zrange(index, 0, -1, withscores=True)
    await raw.zadd(index, {"a": -(2**52), "f": -5, "gone": right[2][1], "e": right[3][1]})
    await raw.zadd(owned, {"gone": right[0][1]})
    await storage.save(a_document("b", 2, owner="o2", updated_at="2026-05-01T12:00:02.000000Z"))

    assert [header["session_id"] for header in await storage.list_sessions()] == list("fedcba")
    assert await raw.zrange(index, 0, -1, withscores=True) == right
    assert [header["session_id"] for header in await storage.list_sessions(owner="o1")] == list("fedca")
    assert await raw.zrange(owned, 0, -1) == list("fedca")


async def entries_of(storage: RedisSessionStorage, raw: Redis) -> dict[str, list[tuple[str, float]]]:
    """What all the indexes hold."""
    names = [
        name
        async for name in raw.scan_iter(f"{prefix_of(storage)}:*")
        if "}:" not in name or ".index." in name
    ]
    return {name: await raw.zrange(name, 0, -1, withscores=True) for name in names}


async def test_what_the_indexes_lack_is_told_and_put_back(storage: RedisSessionStorage, raw: Redis) -> None:
    """Without its index, or one entry of it, a record is named once; from then on every list has it again."""
    soon = stamp(SystemClock().now() + timedelta(hours=1))
    for tenant in ("", "acme", "a*"):
        for number in range(3):
            await storage.save(a_document(f"s{number}", owner=f"o{number}", tenant=tenant, expires_at=soon))
    await storage.save(a_document("p", kind="pointer"))
    right = await entries_of(storage, raw)
    assert len(right) == 1 + 3 * (1 + 3 + 1) + 1

    await raw.delete(*right)
    assert await storage.list_sessions() == []
    for tenant in ("", "acme", "a*"):
        assert await storage.unreadable_records(tenant=tenant) == ["s0", "s1", "s2"]
    assert await storage.unreadable_records(kind="pointer") == ["p"]
    assert await entries_of(storage, raw) == right

    for index, entries in right.items():
        await raw.zrem(index, entries[0][0])
        tenant = next((one for one in ("acme", "a*") if f".index.{one}}}" in index), "")
        kind = "pointer" if index.endswith("updated:pointer") else "session"
        named = [] if index.endswith(":tenants") else [entries[0][0]]
        assert await storage.unreadable_records(kind=kind, tenant=tenant) == named, index
        assert await storage.unreadable_records(kind=kind, tenant=tenant) == []
        assert await entries_of(storage, raw) == right, index


async def test_a_prefix_is_no_pattern(redis_server: RedisServer) -> None:
    """What begins with another prefix is not gone through, whatever letters the prefix has."""
    prefix = new_prefix()
    plain, odd = (
        RedisSessionStorage(redis_server.url, session_prefix=prefix + end) for end in ("xb", "[x]?*\\b")
    )
    for storage, name in ((plain, "plain"), (odd, "odd")):
        await storage.save(a_document(name))
        link = await storage._links.current()
        await link.command("DEL", storage._keys.updated("", "session"))
    assert await odd.unreadable_records() == ["odd"]
    assert await plain.unreadable_records() == ["plain"]
    await plain.close()
    await odd.close()


async def test_what_is_deleted_meanwhile_is_not_told(
    storage: RedisSessionStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A record that goes between the look at it and the look at its index entries is missed by nobody."""
    await storage.save(a_document("goes"))
    await storage.save(a_document("stays"))
    link = await storage._links.current()
    run = link.run

    async def late(script: Script, keys: Sequence[str], args: Sequence[str] = ()) -> Any:
        if script is ADOPT:
            await storage.delete("goes")
        return await run(script, keys, args)

    monkeypatch.setattr(link, "run", late)
    assert await storage.unreadable_records() == []
    assert [header["session_id"] for header in await storage.list_sessions()] == ["stays"]


async def test_a_server_that_takes_no_writes_still_tells(own_redis: RedisServer) -> None:
    """What an index lacks is named by a full server too; nothing can be put back there."""
    storage = RedisSessionStorage(own_redis.url)
    await storage.save(a_document())
    link = await storage._links.current()
    await link.command("DEL", storage._keys.updated("", "session"))
    ask(own_redis.port, "CONFIG", "SET", "maxmemory", "1")
    assert await storage.unreadable_records() == await storage.unreadable_records() == ["sess_1"]
    await storage.close()


async def test_lost_indexes_are_noticed_by_who_has_to_see_all(
    redis_server: RedisServer, raw: Redis, tmp_path: Path
) -> None:
    """Backup, erasing, rotation and moving tell of sessions that no index names, and then do their work on them."""
    prefix = new_prefix()
    storage = RedisSessionStorage(redis_server.url, session_prefix=prefix)
    other = RedisSessionStorage(redis_server.url, session_prefix=new_prefix())
    config = VoxonConfig(session_storage=storage, session_encryption_key=KEY)

    async with Voxon(config) as voxon:
        people = {person: await voxon.session(user_id=person) for person in ("ada", "bob")}
        ids = {session.session_id for session in people.values()}
        for session in people.values():
            await session.close()

        async def told_of(work: Callable[[], Awaitable[Receipt]]) -> set[str]:
            return {str(row.get("session_id")) for row in (await work()).details} & ids

        for work in (
            lambda: voxon.backup(tmp_path / new_prefix()),
            voxon.rotate_keys,
            lambda: migrate(storage, other),
        ):
            await raw.delete(*await entries_of(storage, raw))
            assert await told_of(work) == ids
            assert await told_of(work) == set()
        assert len(await other.list_sessions()) == 2
        await raw.delete(*await entries_of(storage, raw))
        assert await told_of(lambda: voxon.delete_user("ada")) == ids
        assert (await voxon.delete_user("ada")).counts["sessions"] == 1
        assert {info.session_id async for info in voxon.list_sessions()} == {people["bob"].session_id}
    await storage.close()
    await other.close()


async def test_many_sessions_of_one_moment_are_listed_once(storage: RedisSessionStorage) -> None:
    """More equal times than a list reads at once neither end it nor repeat it."""
    names = [f"s{number:03d}" for number in range(250)]
    await asyncio.gather(*(storage.save(a_document(name)) for name in names))

    found, after = [], None
    while page := await storage.list_sessions(after=after, limit=30):
        found += [header["session_id"] for header in page]
        after = page[-1]
    assert found == names


async def test_nobodys_sessions_are_listed(storage: RedisSessionStorage) -> None:
    """The owner "" stands for those that have none, as in the other storages."""
    memory = MemorySessionStorage(cleanup_interval=None)
    for number in range(60):
        for one in (storage, memory):
            await one.save(a_document(f"s{number:02d}", owner="" if number % 20 == 3 else "o"))
    first = await storage.list_sessions(owner="", limit=2)

    assert [header["session_id"] for header in first] == ["s03", "s23"]
    assert first == await memory.list_sessions(owner="", limit=2)
    assert await storage.list_sessions(owner="", after=first[-1]) == await memory.list_sessions(
        owner="", after=first[-1]
    )
    assert len(await storage.list_sessions()) == 60


async def test_all_tenants_are_cleaned_up(storage: RedisSessionStorage) -> None:
    """Clean-up finds the expired and the old ones of every tenant."""
    past = "2001-01-01T00:00:00.000000Z"
    for tenant in ("", "acme", "b"):
        await storage.save(a_document("past", tenant=tenant, expires_at=past))
        await storage.save(a_document("old", tenant=tenant, updated_at=past))
        await storage.save(a_document("lock", tenant=tenant, kind="lease", expires_at=past))

    assert await storage.cleanup_expired_sessions() == 3
    assert await storage.cleanup_expired_sessions(max_age_seconds=10**8) == 3
    assert await storage.load(storage_key("lease", "acme", "lock")) is not None


# --- figures and options


async def test_it_tells_what_the_server_keeps(storage: RedisSessionStorage) -> None:
    """Statistics name the sessions of all tenants, the server, and what its persistence means."""
    await storage.save(a_document())
    await storage.save(a_document(tenant="acme"))
    stats = await storage.get_stats()

    assert stats["storage_type"] == "redis"
    assert stats["total_sessions"] == 2
    assert stats["server"]["cluster"] is False
    assert stats["persistence"]["appendonly"] == "no"
    assert stats["persistence"]["save"] == ""
    assert stats["persistence"]["meaning"] == "A server that ends for any reason loses everything."


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"appendonly": "yes", "appendfsync": "always"}, "on the server's disk"),
        ({"appendonly": "yes", "appendfsync": "everysec"}, "two seconds"),
        ({"appendonly": "yes", "appendfsync": "no"}, "30 seconds"),
        ({"appendonly": "no", "save": "3600 1"}, "last snapshot"),
        ({"appendonly": None, "save": None}, "ask who runs it"),
        ({"appendonly": "no", "save": "", "maxmemory-policy": "allkeys-lru"}, "noeviction"),
    ],
)
def test_persistence_is_put_into_words(settings: dict[str, str | None], said: str) -> None:
    """Each setting says what a failing server loses."""
    assert said in meaning(settings)


@pytest.mark.parametrize(
    "options",
    [
        *({"session_prefix": value} for value in ("a{b}", ":", 5)),
        *({"max_connections": value} for value in (0, "a", 1.5, True)),
        *({"default_ttl": value} for value in (0, "1", math.nan, math.inf)),
        *({"db": value} for value in (-1, "x", 0.5)),
        {"password": 5},
        {"client": 5},
    ],
    ids=str,
)
def test_impossible_options_are_refused(options: dict[str, Any]) -> None:
    """An option that cannot be meant is a ConfigurationError that names it."""
    with pytest.raises(ConfigurationError, match=next(iter(options))):
        RedisSessionStorage(**options)
