"""Keys and fields of Redis that are altered by hand: the right data or a clear answer, never wrong data."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import Any, TypeAlias

import pytest
from redis.asyncio import Redis

from tests.faults.altering import MINE, OTHER, SAMPLES, Stage, other_lines, other_values
from tests.servers.redis import RedisServer, new_prefix
from voxsession.core.envelope import Record
from voxsession.storage.redis import RedisSessionStorage

Alteration: TypeAlias = tuple[str, bool, Callable[[], Awaitable[Any]]]

pytestmark = pytest.mark.server

PARTS = ("record", "tail", "pages", "paged")
WRONG_TYPES = (b"", b"x")


@pytest.mark.parametrize("sample", SAMPLES)
async def test_redis(redis_server: RedisServer, sample: int | None) -> None:
    """Every field of the hashes, every batch of the list, every entry of the indexes, and the keys themselves."""
    prefix = new_prefix()
    storage = RedisSessionStorage(redis_server.url, session_prefix=prefix)
    client = Redis.from_url(redis_server.url, protocol=2)
    stage = await Stage.set(storage)
    alterations = [one async for one in _Keys(client, prefix, stage).alterations()]
    kept = {name: await client.dump(name) async for name in client.scan_iter(f"{prefix}:*")}
    for how, is_common, alter in stage.chosen(alterations, sample):
        await alter()
        await stage.look(how, is_common=is_common)
        async with client.pipeline() as pipe:
            async for name in client.scan_iter(f"{prefix}:*"):
                pipe.delete(name)
            for name, dump in kept.items():
                pipe.restore(name, 0, dump)
            await pipe.execute()
    await stage.look("nothing")
    await client.aclose()
    await storage.close()
    stage.report(f"{len(alterations)} possible on {storage!r}")


class _Keys:
    """What is stored under a prefix, and what it can be made."""

    def __init__(self, client: Redis, prefix: str, stage: Stage) -> None:
        self._client = client
        self._prefix = prefix
        self._stage = stage

    async def alterations(self) -> Any:
        """A word on each, whether it concerns others too, and what does it."""
        names = {name async for name in self._client.scan_iter(f"{self._prefix}:*")}
        owner = {session_id: await self._owner(session_id) for session_id in (MINE, OTHER)}
        pointers = {session_id: f".pointer..{owner[session_id]}" for session_id in owner}
        pairs = {MINE: OTHER, pointers[MINE]: pointers[OTHER], ".keyring..main": pointers[OTHER]}
        for mine, theirs in pairs.items():
            for part in PARTS:
                key, other = (f"{self._prefix}:{{{one}}}:{part}".encode() for one in (mine, theirs))
                if key in names:
                    for how, alter in [
                        *(await self._of_content(mine, part, key, other)),
                        *self._of_key(key, other),
                    ]:
                        yield f"{mine} {part}: {how}", mine.startswith(".keyring"), alter
        for key in sorted(name for name in names if b"{.index." in name or name.endswith(b":tenants")):
            for how, alter in [*(await self._of_index(key)), *self._of_key(key, next(iter(names)))]:
                yield f"{key.decode()}: {how}", True, alter

    async def _owner(self, session_id: str) -> str:
        record = await self._stage.storage.load(session_id)
        assert record is not None
        return str(record["owner"])

    def _of_key(self, key: bytes, other: bytes) -> Iterator[tuple[str, Callable[[], Awaitable[Any]]]]:
        client = self._client

        async def replace() -> None:
            dump = await client.dump(other)
            await client.delete(key)
            if dump:
                await client.restore(key, 0, dump)

        yield "gone", lambda: client.delete(key)
        yield "another's", replace
        yield "a text", lambda: client.set(key, b"x")

        async def make(kind: str) -> None:
            await client.delete(key)
            await (client.sadd(key, b"x") if kind == "set" else client.xadd(key, {b"x": b"y"}))

        yield "a set", lambda: make("set")
        yield "a stream", lambda: make("stream")

    async def _of_content(
        self, mine: str, part: str, key: bytes, other: bytes
    ) -> list[tuple[str, Callable[[], Awaitable[Any]]]]:
        found: list[tuple[str, Callable[[], Awaitable[Any]]]] = []
        lines = await self._stage.plain_lines(mine)
        client = self._client
        if part == "tail":
            ours, theirs = [await client.lrange(one, 0, -1) for one in (key, other)]
            for place, line in enumerate(ours):
                found.append((f"{place} gone", lambda line=line: client.lrem(key, 1, line)))
                for how, altered in other_lines(line, theirs[place], lines[place + 1]):
                    found.append((f"{place}: {how}", lambda p=place, a=altered: client.lset(key, p, a)))
            found.append(("one too many", lambda: client.rpush(key, ours[-1])))
            found.append(("in another order", lambda: client.lmove(key, key, "LEFT", "RIGHT")))
            return found
        ours, theirs = await client.hgetall(key), await client.hgetall(other)
        for field, value in ours.items():
            foreign = theirs.get(field) or next(iter(theirs.values()), b"{}")
            found.append((f"{field.decode()} gone", lambda f=field: client.hdel(key, f)))
            for how, altered in self._values(value, foreign, await self._plain(part, mine, field, lines)):
                found.append((f"{field.decode()}: {how}", lambda f=field, a=altered: client.hset(key, f, a)))
        return found

    async def _plain(self, part: str, mine: str, field: bytes, lines: list[Record]) -> Record:
        if part == "pages":
            return await self._stage.in_clear.load_page(mine, field.decode()) or {}
        return lines[0]

    def _values(self, value: bytes, foreign: bytes, plain: Record) -> Iterator[tuple[str, bytes]]:
        if value.startswith(b"{"):
            yield from other_lines(value, foreign, plain)
            return
        for other in other_values(value.decode(), foreign.decode()):
            if isinstance(other, str | int):
                yield repr(other)[:40], str(other).encode()

    async def _of_index(self, key: bytes) -> list[tuple[str, Callable[[], Awaitable[Any]]]]:
        client = self._client
        found: list[tuple[str, Callable[[], Awaitable[Any]]]] = []
        entries = dict(await client.zrange(key, 0, -1, withscores=True))
        for member, score in entries.items():
            found.append((f"{member.decode()} gone", lambda m=member: client.zrem(key, m)))
            for other in (0, -score, score + 1, score - 1, float("inf"), float("-inf")):
                name = f"{member.decode()} at {other}"
                found.append((name, lambda m=member, o=other: client.zadd(key, {m: o})))
        for member in (MINE, OTHER, "", ".", "no_such", b"\xff", ".session.x.y"):
            found.append((f"{member!r} as well", lambda m=member: client.zadd(key, {m: 0})))
        return found
