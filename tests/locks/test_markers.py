"""The routing marker: read, overwritten, cleared, over in time; on every storage."""

from __future__ import annotations

import asyncio
import functools
from typing import Any

import pytest

from tests.locks.pairs import KEY, TwoMethods, locks_on, voxon_of
from voxsession import (
    ConfigurationError,
    IntegrityError,
    KeyNotFoundError,
    MemorySessionStorage,
    Voxon,
    VoxonConfig,
)
from voxsession.core.envelope import split_key
from voxsession.locks import SessionLockService, uuid_device_id
from voxsession.testing import FakeClock


async def test_a_marker_is_set_read_overwritten_cleared(storage: Any) -> None:
    """What one process sets another reads; the latest counts; a cleared one is gone."""
    one, other = locks_on(storage), locks_on(storage)
    assert await one.get_session_lock("device-123") is None
    assert await one.set_session_lock("device-123", "scheduling") is True
    assert await other.get_session_lock("device-123") == "scheduling"
    assert await other.set_session_lock("device-123", "billing") is True
    assert await one.get_session_lock("device-123") == "billing"
    assert await one.clear_session_lock("device-123") is True
    assert await other.get_session_lock("device-123") is None
    assert await other.clear_session_lock("device-123") is False


async def test_devices_are_isolated(storage: Any) -> None:
    """Each device has its own marker, also where ids differ by case or look like parts of keys."""
    ids = ["Phone", "phone", "phone.1", "a:b", "a@b", "+49-30", "lease", "x.marker..phone", "_" * 200]
    locks = locks_on(storage)
    assert all(await asyncio.gather(*(locks.set_session_lock(one, f"agent of {one[:40]}") for one in ids)))
    assert await locks.clear_session_lock("phone")
    found = await asyncio.gather(*(locks.get_session_lock(one) for one in ids))
    assert found == [None if one == "phone" else f"agent of {one[:40]}" for one in ids]


async def test_many_overwrite_at_once(storage: Any) -> None:
    """Of fifty writers none fails, and one of them is what is read."""
    locks = locks_on(storage)
    assert all(await asyncio.gather(*(locks.set_session_lock("d", f"agent-{n}") for n in range(50))))
    assert str(await locks.get_session_lock("d")).startswith("agent-")


async def test_the_agent_is_sealed() -> None:
    """The device's id is in clear, the agent is not."""
    storage = TwoMethods()
    await locks_on(storage).set_session_lock("device-123", "oncology")
    record = storage.rows[".marker..device-123"]
    assert "oncology" not in repr(record)
    assert record["expires_at"] > record["updated_at"]


async def test_times_to_live() -> None:
    """The call's time goes before the person's, the agent's, the service's, the setting's."""
    clock, storage = FakeClock(), MemorySessionStorage(cleanup_interval=None)
    times = {"agent_ttl_seconds": {"scheduling": 100}, "user_ttl_seconds": {"ada": 50}}
    locks = locks_on(storage, clock, ttl_seconds=1000, **times)
    await locks.set_session_lock("call", "scheduling", 10, user_id="ada")
    await locks.set_session_lock("user", "scheduling", user_id="ada")
    await locks.set_session_lock("agent", "scheduling", user_id="bob")
    await locks.set_session_lock("service", "billing")
    for seconds, gone in ((10, "call"), (40, "user"), (50, "agent"), (900, "service")):
        clock.advance(seconds=seconds - 0.001)
        assert await locks.get_session_lock(gone) is not None
        clock.advance(seconds=0.001)
        assert await locks.get_session_lock(gone) is None


async def test_a_day_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a time it is a day; `lock_ttl_seconds` and DEFAULT_SESSION_TTL say another."""
    monkeypatch.setenv("SESSION_KEY", KEY)
    for hours, make in (
        (24, lambda storage, clock: SessionLockService(storage, clock=clock)),
        (2, lambda storage, clock: SessionLockService(voxon_of(storage, clock, lock_ttl_seconds=7200))),
        (1, lambda storage, clock: SessionLockService(storage, clock=clock)),
    ):
        if hours == 1:
            monkeypatch.setenv("DEFAULT_SESSION_TTL", "3600")
        clock = FakeClock()
        locks = make(MemorySessionStorage(cleanup_interval=None), clock)
        await locks.set_session_lock("d", "a")
        clock.advance(hours=hours, seconds=-1)
        assert await locks.get_session_lock("d") == "a"
        clock.advance(seconds=1)
        assert await locks.get_session_lock("d") is None


async def test_an_altered_marker_is_told() -> None:
    """An agent put in by hand, a marker of another device, and an unknown key are errors; nothing is written over."""
    storage = TwoMethods()
    locks = locks_on(storage)
    await locks.set_session_lock("d", "a")
    await locks.set_session_lock("e", "b")
    key, kept = ".marker..d", dict(storage.rows[".marker..d"])
    for altered in (
        {**kept, "expires_at": None},
        {**storage.rows[".marker..e"], "session_id": key},
        {**kept, "sealed": kept["sealed"][:-4] + "AAA="},
    ):
        storage.rows[key] = altered
        with pytest.raises(IntegrityError):
            await locks.get_session_lock("d")
        with pytest.raises(IntegrityError):
            await locks.set_session_lock("d", "c")
        assert storage.rows[key] == altered
    storage.rows[key] = {**kept, "key_id": "k0123456789abcdef"}
    with pytest.raises(KeyNotFoundError):
        await locks.get_session_lock("d")


async def test_only_the_known_shape_is_read() -> None:
    """Where nothing is sealed, a body of another shape is IntegrityError."""
    storage = TwoMethods()
    async with Voxon(VoxonConfig(session_storage=storage, session_encryption_method="none")) as voxon:
        locks = SessionLockService(voxon)
        await locks.set_session_lock("d", "a")
        storage.rows[".marker..d"]["body"]["expires_at"] = "soon"
        with pytest.raises(IntegrityError):
            await locks.get_session_lock("d")


async def test_tenants_do_not_meet() -> None:
    """A device of one tenant is another device in the next."""
    storage = MemorySessionStorage(cleanup_interval=None)
    one, other = (SessionLockService(voxon_of(storage, tenant=name)) for name in ("north", "south"))
    await one.set_session_lock("d", "a")
    assert await other.get_session_lock("d") is None
    assert (await other.get_lock_stats())["active_locks"] == 0


@pytest.mark.parametrize(
    "device_id",
    [
        "",
        ".d",
        "../../etc/passwd",
        "a/b",
        "a b",
        "a\n",
        "a\0",
        "ü",
        "x" * 201,
        "\ud800",
        None,
        5,
        b"d",
        ["d"],
        ".fences",
    ],
)
async def test_hostile_device_ids_are_refused(device_id: Any) -> None:
    """Every call refuses what is no id, and nothing is stored."""
    storage = TwoMethods()
    locks = locks_on(storage)
    calls = (
        lambda: locks.get_session_lock(device_id),
        lambda: locks.set_session_lock(device_id, "a"),
        lambda: locks.clear_session_lock(device_id),
        lambda: locks.acquire_lease(device_id, "h"),
        lambda: locks.take_over(device_id, "h"),
    )
    for call in calls:
        with pytest.raises(ConfigurationError, match="device_id"):
            await call()
    assert not storage.rows


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf"), 100 * 365 * 86_400, True, "60", None])
async def test_times_out_of_range_are_refused(seconds: Any) -> None:
    """Zero, less, a century, no number; wherever a time can be given."""
    storage = MemorySessionStorage(cleanup_interval=None)
    locks = locks_on(storage)
    if seconds is not None:
        for call in (
            lambda: locks.set_session_lock("d", "a", seconds),
            lambda: locks.acquire_lease("d", "h", seconds),
            lambda: locks.take_over("d", "h", ttl_seconds=seconds),
        ):
            with pytest.raises(ConfigurationError, match="ttl_seconds"):
                await call()
        with pytest.raises(ConfigurationError, match="ttl_seconds"):
            locks_on(storage, ttl_seconds=seconds)
    for name in ("agent_ttl_seconds", "user_ttl_seconds"):
        with pytest.raises(ConfigurationError, match=name):
            locks_on(storage, **{name: {"a": seconds}})
    with pytest.raises(ConfigurationError, match="lock_ttl_seconds"):
        VoxonConfig(lock_ttl_seconds=seconds)


@pytest.mark.parametrize("name", [None, 5, b"a", "", "  ", "a\0b", "a\nb", "\ud800", "x" * 201, ["a"]])
async def test_names_that_are_none_are_refused(name: Any) -> None:
    """Agents and holders are printable text."""
    locks = locks_on(MemorySessionStorage(cleanup_interval=None))
    with pytest.raises(ConfigurationError, match="agent_key"):
        await locks.set_session_lock("d", name)
    for call in (locks.acquire_lease, locks.take_over):
        with pytest.raises(ConfigurationError, match="holder"):
            await call("d", name)


@pytest.mark.parametrize(
    "storage", [None, 5, object(), "nowhere", "gopher://x", MemorySessionStorage, b"file"]
)
async def test_unknown_storages_are_refused(storage: Any) -> None:
    """What is no storage is a ConfigurationError that says what is one, at the latest at the first call."""
    with pytest.raises(ConfigurationError, match="storage"):
        await SessionLockService(storage).get_session_lock("d")


@pytest.mark.parametrize(
    "options",
    [
        {"validate_device_id": "uuid"},
        {"validate_device_id": asyncio.sleep},
        {"clear_columns": 1},
        {"single_process": "yes"},
        {"clock_tolerance_seconds": -1},
        {"clock_tolerance_seconds": 10**9},
        {"agent_ttl_seconds": [("a", 1)]},
        {"user_ttl_seconds": {5: 1}},
    ],
)
def test_options_that_are_none_are_refused(options: Any) -> None:
    """Each option is checked when it is given."""
    with pytest.raises(ConfigurationError, match=next(iter(options))):
        locks_on(MemorySessionStorage(cleanup_interval=None), **options)


class _Asks:
    async def __call__(self, device_id: str) -> bool:
        return False


async def _refuses(device_id: str) -> bool:
    return False


@pytest.mark.parametrize("rule", [_Asks(), functools.partial(_refuses)])
async def test_a_rule_that_does_not_answer_at_once_is_refused(rule: Any) -> None:
    """What is awaitable would be true of every id."""
    with pytest.raises(ConfigurationError, match="validate_device_id"):
        await locks_on(TwoMethods(), validate_device_id=rule).set_session_lock("d", "a")


@pytest.mark.parametrize("is_leased", [False, True])
async def test_clearing_what_has_expired_clears_nothing(is_leased: bool) -> None:
    """It was not routed any more."""
    clock = FakeClock()
    locks = locks_on(MemorySessionStorage(cleanup_interval=None), clock)
    await locks.set_session_lock("d", "a", 10)
    if is_leased:
        await locks.acquire_lease("d", "h")
    clock.advance(seconds=10)
    assert await locks.clear_session_lock("d") is False


async def test_the_probe_of_the_health_check_is_no_device() -> None:
    """A device may have any id, so what is probed has one that none can have."""
    storage = TwoMethods()
    asked: list[str] = []
    load = storage.load

    async def noting(session_id: str) -> Any:
        asked.append(session_id)
        return await load(session_id)

    storage.load = noting  # type: ignore[method-assign]
    await storage.health_check()
    with pytest.raises(ConfigurationError):
        await locks_on(storage).get_session_lock(split_key(asked[0])[2])


async def test_the_apps_own_rule_for_ids() -> None:
    """`validate_device_id` refuses what it gives False for, before anything is read."""
    storage = TwoMethods()
    locks = locks_on(storage, validate_device_id=uuid_device_id)
    with pytest.raises(ConfigurationError, match="validate_device_id"):
        await locks.set_session_lock("device-123", "a")
    assert not storage.rows
    assert await locks.set_session_lock("3f2b8c1e-9d4a-4b7e-8a6f-0c5d1e2f3a4b", "a")
    for odd in (
        "{3f2b8c1e-9d4a-4b7e-8a6f-0c5d1e2f3a4b}",
        "urn:uuid:3f2b8c1e-9d4a-4b7e-8a6f-0c5d1e2f3a4b",
        "",
        None,
        5,
    ):
        assert not uuid_device_id(odd)  # type: ignore[arg-type]
    assert uuid_device_id("3F2B8C1E9D4A4B7E8A6F0C5D1E2F3A4B")
