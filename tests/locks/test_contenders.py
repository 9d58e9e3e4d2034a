"""A hundred contenders in four processes: one of them has the device, in every storage that says so."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from tests.locks.contender import clean, contend
from tests.locks.forks import answers
from tests.locks.pairs import KEY, locks_on
from voxsession import Voxon, VoxonConfig
from voxsession.locks import Lease, SessionLockService
from voxsession.storage.redis import RedisSessionStorage

DEVICES = [f"device-{number}" for number in range(3)]
STORAGES = [
    "file",
    "sqlite",
    pytest.param("postgres", marks=pytest.mark.server),
    pytest.param("redis", marks=pytest.mark.server),
]


@pytest.fixture(params=STORAGES)
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Any]:
    """The settings of a storage that several processes share."""
    if request.param == "file":
        return {"session_storage_path": str(tmp_path / "sessions")}
    if request.param == "sqlite":
        return {"session_storage": f"sqlite:///{tmp_path / 'sessions.db'}"}
    if request.param == "postgres":
        return {"session_storage": asyncio.run(request.getfixturevalue("postgres_server").new_place())}
    url = request.getfixturevalue("redis_server").url
    return {
        "session_storage": "redis",
        "session_redis_url": url,
        "session_prefix": f"race{os.urandom(4).hex()}",
    }


def test_one_winner_among_processes(storage: dict[str, Any]) -> None:
    """Four processes of 25 contenders each: every device is given out once."""
    found = answers(contend, [(storage, f"process-{number}", 25, DEVICES) for number in range(4)])
    for device in DEVICES:
        winners = [lease for one in found for lease in one[device]]
        assert len(winners) == 1, f"{device}: {winners}"


async def _many(storage: dict[str, Any]) -> tuple[Lease, Lease]:
    config = VoxonConfig(session_encryption_key=KEY, **storage)
    async with Voxon(config) as voxon:
        locks = SessionLockService(voxon)

        async def pair(number: int) -> Lease | None:
            await locks.set_session_lock(f"old-{number}", "a", 0.001)
            await locks.set_session_lock(f"live-{number}", "a")
            return await locks.acquire_lease(f"old-{number}", "h", 0.001)

        *_, old = await asyncio.gather(*(pair(number) for number in range(30)))
        lease = await locks.acquire_lease("live-0", "h")
        assert lease is not None and old is not None
        return lease, old


async def _left(storage: dict[str, Any], lease: Lease, old: Lease) -> None:
    async with Voxon(VoxonConfig(session_encryption_key=KEY, **storage)) as voxon:
        locks = SessionLockService(voxon)
        stats = await locks.get_lock_stats()
        assert (stats["active_locks"], stats["expired_locks"], stats["active_leases"]) == (30, 0, 1)
        assert await locks.renew_lease(lease) is not None
        again = await locks.acquire_lease(old.device_id, "h")
        assert again is not None and again.fence > old.fence


def test_several_processes_clean_up(storage: dict[str, Any]) -> None:
    """Four processes clean at once: each expired lock is removed, and counted, once; what is in force stays."""
    lease, old = asyncio.run(_many(storage))
    assert sum(answers(clean, [(storage,)] * 4)) == 60
    asyncio.run(_left(storage, lease, old))


@pytest.mark.server
async def test_redis_removes_no_lease_by_itself(redis_server: Any) -> None:
    """A marker leaves Redis by itself long after its time; a lease, and a marker under one, do not."""
    storage = RedisSessionStorage(redis_server.url, session_prefix=f"ttl{os.urandom(4).hex()}")
    locks = locks_on(storage)
    await locks.set_session_lock("plain", "a", 60)
    await locks.set_session_lock("leased", "a", 60)
    lease = await locks.acquire_lease("leased", "h", 60)
    assert isinstance(lease, Lease)
    from redis.asyncio import Redis

    client = Redis.from_url(redis_server.url)
    keys = {key.decode() async for key in client.scan_iter(f"{storage._keys.prefix}:*:record")}
    left = {key.split(":")[1]: await client.pttl(key) for key in keys}
    await client.aclose()
    await storage.close()
    assert 60_000 < left["{.marker..plain}"] <= 60_000 + 86_400_000
    assert left["{.marker..leased}"] == left["{.lease..leased}"] == -1


async def test_a_voxon_and_a_bare_storage_are_one_installation(storage: dict[str, Any]) -> None:
    """Whichever way a service came to its storage, it sees the same locks."""
    config = VoxonConfig(session_encryption_key="hex:" + "11" * 32, **storage)
    async with Voxon(config) as voxon:
        assert await SessionLockService(voxon).set_session_lock("d", "a")
        async with SessionLockService(config) as other:
            assert await other.get_session_lock("d") == "a"
