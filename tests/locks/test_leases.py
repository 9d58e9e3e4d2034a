"""Leases: one holder at a time, a number that only grows, writes of older holders refused; on every storage."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.locks.pairs import TwoMethods, locks_on, voxon_of
from tests.session.stores import WatchedStorage
from voxsession import ConfigurationError, Event, MemorySessionStorage, StorageUnavailableError
from voxsession.core.struct import asdict, evolve
from voxsession.locks import Lease, SessionLockService
from voxsession.testing import FakeClock


def service(storage: Any, clock: FakeClock | None = None, **options: Any) -> SessionLockService:
    """A service that may have leases on any storage."""
    return locks_on(storage, clock, single_process=isinstance(storage, TwoMethods), **options)


async def test_one_of_a_hundred_gets_it(storage: Any) -> None:
    """A hundred contend for a new device, then for one that was given back: one wins each time."""
    locks = service(storage)
    for _ in range(2):
        taken = await asyncio.gather(*(locks.acquire_lease("d", f"worker-{n}") for n in range(100)))
        (won,) = [lease for lease in taken if lease is not None]
        assert await locks.release_lease(won)


async def test_the_life_of_a_lease(storage: Any) -> None:
    """It is exclusive, is renewed by its holder only, can be given back, and then anybody takes it."""
    clock = FakeClock()
    one, other = service(storage, clock), service(storage, clock)
    lease = await one.acquire_lease("d", "a", 60)
    assert lease is not None
    assert (lease.device_id, lease.holder) == ("d", "a")
    assert lease.expires_at == clock.now() + timedelta(seconds=60)
    assert await other.acquire_lease("d", "b") is None
    assert await one.acquire_lease("d", "a") is None, "the same name is no proof that it is the same holder"
    clock.advance(seconds=59)
    renewed = await other.renew_lease(lease)
    assert renewed is not None and renewed.fence == lease.fence
    assert renewed.expires_at == clock.now() + timedelta(seconds=60)
    clock.advance(seconds=59)
    assert await other.acquire_lease("d", "b") is None
    assert await one.release_lease(lease) is True
    assert await one.release_lease(lease) is False
    assert await one.renew_lease(lease) is None
    later = await other.acquire_lease("d", "b", 60)
    assert later is not None and later.fence > lease.fence
    clock.advance(seconds=60)
    assert await other.renew_lease(later) is None, "its time is over, even if nobody came"
    last = await one.acquire_lease("d", "a")
    assert last is not None and last.fence > later.fence


async def test_taking_over(storage: Any) -> None:
    """Whoever takes over has it, the others lose it and are told, and their writes are refused."""
    one, other = service(storage), service(storage)
    told: list[Event] = []
    one.events.on("lease.*", told.append)
    other.events.on("lease.*", told.append)
    lease = await one.acquire_lease("d", "a")
    assert lease is not None
    assert await one.set_session_lock("d", "scheduling", lease=lease)
    taken = await other.take_over("d", "b")
    assert taken.fence > lease.fence
    assert await one.renew_lease(lease) is None
    assert await one.release_lease(lease) is False
    assert await one.set_session_lock("d", "billing", lease=lease) is False
    assert await one.clear_session_lock("d", lease=lease) is False
    assert await one.get_session_lock("d") == "scheduling"
    assert await other.set_session_lock("d", "billing", lease=taken)
    assert await other.clear_session_lock("d", lease=taken)
    assert await one.get_session_lock("d") is None
    assert await other.renew_lease(taken) is not None
    over, *lost = told
    assert (over.type, over.previous_holder, over.holder, over.fence) == (
        "lease.taken_over",
        "a",
        "b",
        taken.fence,
    )
    assert [event.type for event in lost] == ["lease.lost"] * 3
    assert {(event.session_id, event.holder, event.held_by) for event in lost} == {("d", "a", "b")}


async def test_numbers_grow_over_the_clean_up(storage: Any) -> None:
    """A device whose lease was cleaned up begins above it, also where the next server's clock is minutes behind."""
    ahead, behind = FakeClock(datetime(2026, 1, 1, 0, 5, tzinfo=UTC)), FakeClock(seed="b")
    one, other = service(storage, ahead), service(storage, behind)
    lease = await one.acquire_lease("d", "a", 1)
    assert lease is not None
    if isinstance(storage, TwoMethods):  # nothing is removed where nothing can be listed
        with pytest.raises(ConfigurationError):
            await one.cleanup_expired_sessions()
        return
    ahead.advance(seconds=2)
    assert await one.cleanup_expired_sessions() == 1
    for device in ("d", "another"):
        later = await other.acquire_lease(device, "b", 1)
        assert later is not None and later.fence > lease.fence


async def test_leases_need_a_storage_that_compares() -> None:
    """On two methods it has to be said that there is one process; markers need no such word."""
    locks = locks_on(TwoMethods())
    assert await locks.set_session_lock("d", "a")
    lease = Lease(device_id="d", holder="a", expires_at=FakeClock().now(), fence=1, ttl_seconds=1)
    for call in (
        lambda: locks.acquire_lease("d", "a"),
        lambda: locks.take_over("d", "a"),
        lambda: locks.renew_lease(lease),
        lambda: locks.release_lease(lease),
    ):
        with pytest.raises(ConfigurationError, match="single_process"):
            await call()


@pytest.mark.parametrize("then", ["is held", "is cleaned up", "begins anew"])
async def test_a_holder_that_slept_between_looking_and_writing(then: str) -> None:
    """The lease is checked, then the holder is paused; what it writes when it wakes is refused.

    Meanwhile another takes over, which may even be over and cleaned up by then, and a third may have begun anew.
    """
    clock, inner = FakeClock(), MemorySessionStorage(max_sessions=None, cleanup_interval=None)
    watched = WatchedStorage(inner)
    sleepy, awake = locks_on(watched, clock), locks_on(inner, FakeClock(seed="o"))
    lease = await sleepy.acquire_lease("d", "a", 3600)
    assert lease is not None
    assert await sleepy.set_session_lock("d", "scheduling", lease=lease)
    slept = False

    async def sleep_before_the_save(name: str, call: Any) -> Any:
        nonlocal slept
        if name == "save" and not slept:
            slept = True
            taken = await awake.take_over("d", "b", 1)
            assert await awake.set_session_lock("d", "billing", 1, lease=taken)
            if then == "is held":
                return await call()
            later = locks_on(inner, FakeClock(datetime(2026, 1, 1, 0, 10, tzinfo=UTC), seed="c"))
            assert await later.cleanup_expired_sessions() == 2
            if then == "begins anew":
                third = await later.acquire_lease("d", "c")
                assert await later.set_session_lock("d", "triage", lease=third)
        return await call()

    watched.mishap = sleep_before_the_save
    assert await sleepy.set_session_lock("d", "late", lease=lease) is False
    assert slept and await awake.get_session_lock("d") == {"is held": "billing", "is cleaned up": None}.get(
        then, "triage"
    )


async def test_a_lease_taken_while_its_device_came_and_went() -> None:
    """A first lease written over a device that was leased and cleaned up meanwhile still has the greatest number."""
    inner = MemorySessionStorage(max_sessions=None, cleanup_interval=None)
    watched, clock = WatchedStorage(inner), FakeClock(seed="o")
    slow, other = locks_on(watched, FakeClock()), locks_on(inner, clock)
    between: list[int] = []

    async def others_first(name: str, call: Any) -> Any:
        if name == "save" and not between:
            between.append(0)
            for _ in range(5):
                between.append((await other.take_over("d", "b", 1)).fence)
            clock.advance(seconds=2)
            await other.cleanup_expired_sessions()
        return await call()

    await slow.get_session_lock("d")  # the keyring is met
    watched.mishap = others_first
    lease = await slow.acquire_lease("d", "a")
    assert lease is not None and lease.fence > max(between) > 0
    assert await slow.renew_lease(lease) is not None


async def test_servers_whose_clocks_differ_by_minutes() -> None:
    """A fast clock may end a lease early, but never are two holders obeyed; with a tolerance it does not end early."""
    storage = MemorySessionStorage(max_sessions=None, cleanup_interval=None)
    slow, fast = FakeClock(), FakeClock(datetime(2026, 1, 1, 0, 5, tzinfo=UTC), seed="f")
    one, other = locks_on(storage, slow), locks_on(storage, fast)
    lease = await one.acquire_lease("d", "a", 60)
    assert lease is not None
    early = await other.acquire_lease("d", "b", 60)
    assert early is not None and early.fence > lease.fence
    assert await one.renew_lease(lease) is None
    assert await one.set_session_lock("d", "x", lease=lease) is False

    patient = locks_on(storage, fast, clock_tolerance_seconds=600)
    lease = await one.acquire_lease("e", "a", 60)
    assert lease is not None
    assert await patient.acquire_lease("e", "b") is None
    assert await patient.cleanup_expired_sessions() == 0
    assert await one.renew_lease(lease) is not None
    fast.advance(seconds=700)
    assert await patient.acquire_lease("e", "b") is not None


async def test_a_renewal_never_shortens(storage: Any) -> None:
    """A server whose clock is behind does not take back time that was given."""
    ahead, behind = FakeClock(datetime(2026, 1, 1, 0, 5, tzinfo=UTC)), FakeClock(seed="b")
    lease = await service(storage, ahead).acquire_lease("d", "a", 60)
    assert lease is not None
    renewed = await service(storage, behind).renew_lease(lease)
    assert renewed is not None and renewed.expires_at == lease.expires_at


async def test_leases_travel_between_processes() -> None:
    """A lease goes on in the next process as a dict; what is none is refused."""
    storage = MemorySessionStorage(cleanup_interval=None)
    lease = await locks_on(storage).acquire_lease("d", "a")
    assert lease is not None
    assert await locks_on(storage).renew_lease(Lease.from_dict(lease.to_dict())) is not None
    assert list(evolve(lease, lease_id="").to_dict()) == list(lease.to_dict()) == list(asdict(lease))
    for fields in (
        {},
        {**lease.to_dict(), "fence": "7"},
        {**lease.to_dict(), "expires_at": "2026-01-01T00:00:00"},
    ):
        with pytest.raises(ConfigurationError, match="lease"):
            Lease.from_dict(fields)
    locks = locks_on(storage)
    for odd in ("lease", {"fence": 1}, 7, None):
        for call in (
            lambda odd=odd: locks.renew_lease(odd),
            lambda odd=odd: locks.release_lease(odd),
            *([lambda odd=odd: locks.set_session_lock("d", "x", lease=odd)] if odd else []),
        ):
            with pytest.raises(ConfigurationError, match="lease"):
                await call()
    with pytest.raises(ConfigurationError, match="not of device e"):
        await locks.set_session_lock("e", "x", lease=lease)


async def test_an_unknown_lease_holds_nothing() -> None:
    """A lease that was never given (a forged number, another holder's name) is worth nothing."""
    locks = locks_on(MemorySessionStorage(cleanup_interval=None))
    lease = await locks.acquire_lease("d", "a")
    assert lease is not None
    fields = lease.to_dict()
    for forged in ({**fields, "fence": lease.fence + 1}, {**fields, "holder": "b"}):
        other = Lease.from_dict(forged)
        assert await locks.renew_lease(other) is None
        assert await locks.release_lease(other) is False
        assert await locks.set_session_lock("d", "x", lease=other) is False
    assert await locks.renew_lease(lease) is not None


async def test_whether_a_device_is_free_is_not_guessed() -> None:
    """Where the storage is away leases are errors: None would mean that somebody holds it."""
    watched = WatchedStorage()
    locks = locks_on(watched)
    lease = await locks.acquire_lease("d", "a")
    assert lease is not None

    async def away(name: str, call: Any) -> Any:
        raise OSError("no route to host")

    watched.mishap = away
    for call in (
        lambda: locks.acquire_lease("e", "a"),
        lambda: locks.take_over("d", "a"),
        lambda: locks.renew_lease(lease),
        lambda: locks.release_lease(lease),
    ):
        with pytest.raises((StorageUnavailableError, Exception)) as raised:
            await call()
        assert "Storage" in type(raised.value).__name__


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["acquire", "take_over", "renew", "release", "write", "plain", "advance", "clean"]),
        st.integers(0, 2),
        st.integers(1, 30),
    ),
    min_size=5,
    max_size=40,
)


@settings(max_examples=60)
@given(STEPS)
def test_the_law_of_numbers(steps: list[tuple[str, int, int]]) -> None:
    """Whatever three servers with different clocks do: numbers only grow, and only the newest holder is obeyed."""

    async def play() -> None:
        storage = MemorySessionStorage(max_sessions=None, cleanup_interval=None)
        start = datetime(2026, 1, 1, tzinfo=UTC)
        clocks = [FakeClock(start + timedelta(seconds=90 * n), seed=str(n)) for n in range(3)]
        servers = [locks_on(storage, clock) for clock in clocks]
        given_out: list[Lease] = []
        marker: str | None = None
        for step, (action, server, number) in enumerate(steps):
            locks = servers[server]
            mine = given_out[-(number % 3 + 1)] if len(given_out) > number % 3 else None
            newest = given_out[-1] if given_out else None
            if action == "advance":
                for clock in clocks:
                    clock.advance(seconds=number * 5)
            elif action == "clean":
                await locks.cleanup_expired_sessions()
            elif action == "plain":
                assert await locks.set_session_lock("d", marker := f"plain {step}", 10**6)
            elif action in ("acquire", "take_over"):
                call = locks.acquire_lease if action == "acquire" else locks.take_over
                lease = await call("d", f"server-{server}", number)
                assert lease is not None or action == "acquire"
                if lease is not None:
                    assert newest is None or lease.fence > newest.fence
                    given_out.append(lease)
            elif mine is not None and action == "renew":
                assert await locks.renew_lease(mine) is None or mine == newest
            elif mine is not None and action == "release":
                assert not await locks.release_lease(mine) or mine == newest
            elif mine is not None and await locks.set_session_lock("d", f"fenced {step}", 10**6, lease=mine):
                assert mine == newest
                marker = f"fenced {step}"
            assert await locks.get_session_lock("d") == marker

    asyncio.run(play())


async def test_events_reach_the_facade() -> None:
    """Who listens to a Voxon hears of its devices too."""
    async with voxon_of(MemorySessionStorage(cleanup_interval=None)) as voxon:
        seen: list[str] = []
        voxon.events.on("*", lambda event: seen.append(event.type))
        locks = SessionLockService(voxon)
        await locks.take_over("d", "a")
        await locks.close()
        assert seen == ["lease.taken_over"]
        assert await locks.get_session_lock("d") is None, "a Voxon that it was given stays open"
