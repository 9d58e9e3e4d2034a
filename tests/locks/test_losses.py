"""What a lease outlives: an erased person, a lost record, a backup put back, a call that failed or was cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.locks.pairs import TwoMethods, locks_on, voxon_of
from tests.session.stores import WatchedStorage
from tests.storages import KINDS, made
from voxsession import ConfigurationError, MemorySessionStorage, StorageUnavailableError
from voxsession.core.envelope import storage_key
from voxsession.core.struct import evolve
from voxsession.locks import Lease, SessionLockService
from voxsession.moving.transfer import put
from voxsession.testing import FakeClock


@pytest.fixture(params=KINDS)
async def storage(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Any]:
    """Every storage that can list."""
    async with made(request.param, request, tmp_path) as one:
        yield one


def memory() -> MemorySessionStorage:
    return MemorySessionStorage(max_sessions=None, cleanup_interval=None)


class Slow(TwoMethods):
    """Two methods that let others in between."""

    async def save(self, session_data: dict[str, Any]) -> None:
        await asyncio.sleep(0.001)
        await super().save(session_data)

    async def load(self, session_id: str) -> dict[str, Any] | None:
        await asyncio.sleep(0.001)
        return await super().load(session_id)


async def test_services_of_their_own_on_one_small_storage() -> None:
    """A service for each request, and a facade for each, on one object of two methods: one of a hundred wins."""
    small = Slow()
    tries = [locks_on(small, single_process=True).acquire_lease("d", f"worker-{n}") for n in range(100)]
    (lease,) = [found for found in await asyncio.gather(*tries) if found is not None]
    one, other = locks_on(small, single_process=True), locks_on(small, single_process=True)
    assert await other.acquire_lease("d", "b") is None
    taken = await other.take_over("d", "b")
    assert await one.renew_lease(lease) is None
    assert await one.set_session_lock("d", "late", lease=lease) is False
    assert await other.set_session_lock("d", "mine", lease=taken)


async def test_sets_of_one_process_queue_up(storage: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred that overwrite one marker at once all arrive; who came too early writes once more, in turn."""
    monkeypatch.setattr(
        "voxsession.locks.records.PATIENCE_SECONDS", 100
    )  # a hundred on a slow disk take theirs
    watched = WatchedStorage(storage)
    locks = [locks_on(watched) for _ in range(4)]
    done = await asyncio.gather(*(locks[n % 4].set_session_lock("d", f"a{n}") for n in range(100)))
    assert all(done) and watched.calls.count("save") <= 300  # where nobody queued up it would be a thousand


async def test_a_holder_outlives_the_erasure_of_the_person(storage: Any) -> None:
    """`delete_user` takes the marker, and whoever holds the lease writes on; whoever lost it does not."""
    async with voxon_of(storage) as voxon:
        locks = SessionLockService(voxon)
        for device in ("held", "taken", "plain"):
            await locks.set_session_lock(device, "a", user_id="ada")
        leases = {device: await locks.acquire_lease(device, "h") for device in ("held", "taken", "plain")}
        assert (await voxon.delete_user("ada")).counts["markers"] == 3
        over = await locks.take_over("taken", "other")
        assert await locks.set_session_lock("plain", "b")
        assert await locks.set_session_lock("held", "c", lease=leases["held"])
        assert await locks.set_session_lock("taken", "c", lease=leases["taken"]) is False
        assert await locks.set_session_lock("taken", "d", lease=over)
        assert await locks.clear_session_lock("plain", lease=leases["plain"])
        assert await locks.clear_session_lock("held", lease=leases["held"])
        for device in ("held", "plain"):
            assert await locks.renew_lease(leases[device]) is not None


async def test_a_holder_that_slept_while_the_person_was_erased() -> None:
    """The number is told again only to be looked at again: whoever took over meanwhile forestalls the write."""
    inner, clock = memory(), FakeClock()
    watched = WatchedStorage(inner)
    async with voxon_of(inner, clock) as voxon:
        awake, sleepy = SessionLockService(voxon), locks_on(watched, FakeClock(seed="s"))
        await awake.set_session_lock("d", "a", user_id="ada")
        lease = await sleepy.acquire_lease("d", "h")
        await voxon.delete_user("ada")
        saves = 0

        async def others_first(name: str, call: Any) -> Any:
            nonlocal saves
            saves += name == "save"
            if name == "save" and saves == 2:  # the number was told again; next comes the marker itself
                assert await awake.set_session_lock("d", "other", lease=await awake.take_over("d", "b"))
            return await call()

        watched.mishap = others_first
        assert await sleepy.set_session_lock("d", "late", lease=lease) is False
        assert saves == 2 and await awake.get_session_lock("d") == "other"


LOST = [{"lease"}, {"marker"}, {".fences"}, {"lease", ".fences"}, {"marker", ".fences"}]


@pytest.mark.parametrize("lost", LOST, ids=lambda lost: "+".join(sorted(lost)))
async def test_numbers_grow_where_a_record_is_lost(storage: Any, lost: set[str]) -> None:
    """Whichever of the records that know the number is gone, by a clock that does not move."""
    clock = FakeClock()
    locks = locks_on(storage, clock)
    other = await locks.acquire_lease("other", "h", 1)
    assert other is not None and await locks.release_lease(other)
    await locks.cleanup_expired_sessions()
    for _ in range(5):
        last = await locks.take_over("d", "h")
    assert await locks.set_session_lock("d", "a", lease=last)
    keys = {
        "lease": storage_key("lease", "", "d"),
        "marker": storage_key("marker", "", "d"),
        ".fences": storage_key("lease", "", ".fences"),
    }
    for name in lost:
        assert await storage.delete(keys[name])
    if "lease" in lost:
        again = await locks.acquire_lease("d", "new")
        assert again is not None, "nobody holds it"
    else:
        assert await locks.acquire_lease("d", "new") is None
        assert await locks.set_session_lock("d", "b", lease=last)
        again = await locks.take_over("d", "new")
    assert again.fence > last.fence
    assert await locks.set_session_lock("d", "c", lease=again)
    assert await locks.set_session_lock("d", "late", lease=last) is False


async def test_a_backup_that_is_put_back(storage: Any) -> None:
    """Numbers given after the backup do not come again, and its lease is no other of the same name and number."""
    clock = FakeClock()
    locks = locks_on(storage, clock)
    await locks.acquire_lease("d", "h")
    kept = {kind: await storage.load(storage_key(kind, "", "d")) for kind in ("lease", "marker")}
    given = []
    for _ in range(3):
        clock.advance(seconds=0.001)
        given.append(await locks.take_over("d", "w"))

    async def put_back() -> None:
        for kind, record in kept.items():
            await storage.delete(storage_key(kind, "", "d"))
            assert record is not None
            await put(storage, {name: value for name, value in record.items() if name != "tail"}, None)

    await put_back()
    clock.advance(seconds=0.001)
    later = await locks.take_over("d", "w")
    assert later.fence > given[-1].fence
    await put_back()
    same = await locks_on(storage, FakeClock(clock.now() - timedelta(milliseconds=3), seed="s")).take_over(
        "d", "w"
    )
    assert same.fence == given[0].fence, "only a clock that goes back as well gives a number twice"
    assert await locks.renew_lease(given[0]) is None
    assert await locks.release_lease(given[0]) is False
    assert await locks.set_session_lock("d", "late", lease=given[0]) is False
    assert await locks.renew_lease(same) is not None


@pytest.mark.parametrize("by_force", [False, True])
@pytest.mark.parametrize("fails", ["marker", "lease, and arrives"])
async def test_a_call_that_fails_leaves_the_device_free(fails: str, by_force: bool) -> None:
    """Whichever of the two writes fails, nobody holds the device afterwards."""
    watched = WatchedStorage()
    locks = locks_on(watched)
    await locks.get_session_lock("d")
    saves = 0

    async def away_once(name: str, call: Any) -> Any:
        nonlocal saves
        if name == "save":
            saves += 1
            if fails != "marker" and saves == 1:
                await call()
            if saves == (2 if fails == "marker" else 1):
                raise StorageUnavailableError("no route", storage="watched", operation=name)
        return await call()

    watched.mishap = away_once
    with pytest.raises(StorageUnavailableError):
        await (locks.take_over if by_force else locks.acquire_lease)("d", "a")
    assert (await locks.get_lock_stats())["active_leases"] == 0
    assert await locks.acquire_lease("d", "b") is not None


@pytest.mark.parametrize("hangs_at", [1, 2])
@pytest.mark.parametrize("by_force", [False, True])
async def test_a_call_that_is_cancelled_leaves_the_device_free(hangs_at: int, by_force: bool) -> None:
    """Who is cancelled is let go at once; what the storage did with his call is undone."""
    watched = WatchedStorage()
    voxon = voxon_of(watched)
    locks, saves, answers = SessionLockService(voxon), 0, asyncio.Event()
    await locks.get_session_lock("d")

    async def slowly(name: str, call: Any) -> Any:
        nonlocal saves
        found = await call()
        saves += name == "save"
        if name == "save" and saves == hangs_at:
            await answers.wait()
        return found

    watched.mishap = slowly
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.02):
            await (locks.take_over if by_force else locks.acquire_lease)("d", "a")
    assert not answers.is_set()
    answers.set()
    await voxon.close()  # waits for what is undone
    other = locks_on(watched)
    assert await other.acquire_lease("d", "b") is not None


ODD: list[dict[str, Any]] = [
    *({"ttl_seconds": odd} for odd in (True, "60", None, 0, -5, 1e10, 1e300, float("nan"), float("inf"))),
    *({"fence": odd} for odd in (True, "7", 1.5, -1, None, 2**63)),
    *({"device_id": odd} for odd in (".fences", "../../etc", "", None, 5, "a/b", "x" * 201)),
    *({"holder": odd} for odd in ("", None, 5, "a\nb", "x" * 201)),
    *({"lease_id": odd} for odd in (None, 5, "\ud800")),
]


@pytest.mark.parametrize("odd", ODD, ids=repr)
async def test_a_lease_that_was_made_up_changes_nothing(odd: dict[str, Any]) -> None:
    """Whatever stands in a lease is looked at before anything is read or written; also when it comes as a dict."""
    storage = TwoMethods()
    locks = locks_on(storage, single_process=True)
    lease = await locks.acquire_lease("d", "h", 60)
    assert lease is not None
    before, made_up = dict(storage.rows), evolve(lease, **odd)
    for call in (
        lambda: locks.renew_lease(made_up),
        lambda: locks.release_lease(made_up),
        lambda: locks.set_session_lock("d", "a", lease=made_up),
        lambda: locks.clear_session_lock("d", lease=made_up),
    ):
        with pytest.raises(ConfigurationError, match="lease"):
            await call()
    with pytest.raises(ConfigurationError, match="lease"):
        Lease.from_dict({**lease.to_dict(), **odd})
    assert storage.rows == before


@pytest.mark.parametrize("then", ["another's", "still hers", "gone", "everybody's"])
async def test_what_is_written_while_a_person_is_erased(then: str) -> None:
    """A device that was given to another person meanwhile stays theirs; one that is still hers goes all the same."""
    inner, clock = memory(), FakeClock()
    watched, others = WatchedStorage(inner), locks_on(inner, FakeClock(seed="o"))
    async with voxon_of(watched, clock) as voxon:
        await SessionLockService(voxon).set_session_lock("kiosk", "a", user_id="ada")
        came = 0

        async def others_first(name: str, call: Any) -> Any:
            nonlocal came
            if name == "delete" and not came:
                came += 1
                if then == "gone":
                    await others.clear_session_lock("kiosk")
                else:
                    user_id = {"another's": "bob", "still hers": "ada"}.get(then)
                    assert await others.set_session_lock("kiosk", "b", user_id=user_id)
            return await call()

        watched.mishap = others_first
        receipt = await voxon.delete_user("ada")
        assert came
        left = "b" if then in ("another's", "everybody's") else None
        assert await others.get_session_lock("kiosk") == left
        assert receipt.counts["markers"] == (then == "still hers")
