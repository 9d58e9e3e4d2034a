"""Two methods are an adapter: the claims of every storage, and what becomes of an adapter's faults."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from voxsession.core.envelope import storage_key
from voxsession.errors import (
    ConfigurationError,
    ConflictError,
    IntegrityError,
    SessionNotFoundError,
    StorageError,
    StorageUnavailableError,
)
from voxsession.storage import base
from voxsession.storage.base import SessionStorage
from voxsession.storage.inmemory import MemorySessionStorage
from voxsession.storage.lift import LiftedStorage, lift
from voxsession.testing import StorageConformance
from voxsession.testing.records import a_document


class DictStorage(SessionStorage):
    """The adapter of the contract's own example."""

    def __init__(self) -> None:
        self.kept: dict[str, Any] = {}

    async def save(self, session_data: dict[str, Any]) -> None:
        self.kept[session_data["session_id"]] = session_data

    async def load(self, session_id: str) -> Any:
        return self.kept.get(session_id)


class PlainStorage:
    """The same with plain functions and no base class."""

    def __init__(self) -> None:
        self.kept: dict[str, Any] = {}

    def save(self, session_data: dict[str, Any]) -> None:
        self.kept[session_data["session_id"]] = session_data

    def load(self, session_id: str) -> Any:
        return self.kept.get(session_id)


class TestLifted(StorageConformance):
    """An adapter with two methods holds what can be held with two."""

    async def make_storage(self, tmp_path: Path) -> object:
        return DictStorage()


class TestLiftedPlain(StorageConformance):
    """Plain functions, which run in a thread, hold the same."""

    async def make_storage(self, tmp_path: Path) -> object:
        return PlainStorage()


def test_what_is_lifted() -> None:
    """Storages that announce more are taken as they are; what has the two methods is wrapped once."""
    memory, two = MemorySessionStorage(), DictStorage()
    lifted = lift(two)

    assert lift(memory) is memory
    assert isinstance(lifted, LiftedStorage) and lifted.inner is two
    assert lift(lifted) is lifted
    assert lift(two) is lifted, "all users of an adapter share what is known of its versions"
    assert lift(DictStorage()) is not lifted
    with pytest.raises(ConfigurationError, match=r"has no load\(\)"):
        lift(type("Half", (), {"save": print})())


class Slotted:
    """An adapter that is neither hashable nor weakly referenceable, and compares as it likes."""

    __slots__ = ("kept",)
    __hash__ = None  # type: ignore[assignment]

    def __init__(self) -> None:
        self.kept: dict[str, Any] = {}

    def __eq__(self, other: object) -> bool:
        return True

    async def save(self, session_data: dict[str, Any]) -> None:
        await asyncio.sleep(0.001)
        self.kept[session_data["session_id"]] = session_data

    async def load(self, session_id: str) -> Any:
        await asyncio.sleep(0.001)
        return self.kept.get(session_id)


async def test_of_two_users_of_one_adapter_one_conflicts() -> None:
    """Writes of the same version that meet: one is stored, also where each came by a storage of its own."""
    inner = Slotted()
    writers = [lift(inner) for _ in range(20)]
    documents = [{**a_document(), "batch_id": f"b_{number}"} for number in range(20)]
    saves = [one.save(document) for one, document in zip(writers, documents, strict=True)]
    found = await asyncio.gather(*saves, return_exceptions=True)
    assert [type(one) for one in found if one is not None] == [ConflictError] * 19
    assert lift(Slotted()) is not writers[0]


async def test_an_adapter_is_let_go_of_with_its_last_user() -> None:
    """Sharing keeps nothing alive: what another user would know is looked up again."""
    inner = DictStorage()
    seen = weakref.ref(lift(inner))
    gone = weakref.ref(inner)
    await lift(inner).save(a_document())
    gc.collect()
    assert seen() is None and gone() is inner
    await lift(inner).save(a_document(seq=2, base_seq=1))
    del inner
    gc.collect()
    assert gone() is None


def test_loops_at_once_do_not_trip_over_each_other() -> None:
    """Threads with a loop each may have one adapter, as far as the adapter can."""
    inner, barrier = Slotted(), threading.Barrier(4)
    shared = lift(inner)

    async def load_many() -> None:
        barrier.wait()
        await asyncio.gather(*(shared.load("sess_1") for _ in range(50)))

    with ThreadPoolExecutor(4) as pool:
        for one in [pool.submit(asyncio.run, load_many()) for _ in range(4)]:
            one.result()


@pytest.mark.parametrize("make", [DictStorage, PlainStorage])
async def test_the_adapter_sees_the_storage_key(make: Callable[[], Any]) -> None:
    """The dict that an adapter gets has the storage key as its session id; loaded, it has its own again."""
    inner = make()
    storage = lift(inner)
    await storage.save(a_document())
    await storage.save(a_document("main", kind="keyring", tenant="acme"))

    assert set(inner.kept) == {"sess_1", ".keyring.acme.main"}
    assert inner.kept[".keyring.acme.main"]["session_id"] == ".keyring.acme.main"
    record = await storage.load(storage_key("keyring", "acme", "main"))
    assert record == a_document("main", kind="keyring", tenant="acme")


@pytest.mark.parametrize("make", [DictStorage, PlainStorage])
async def test_what_an_adapter_lacks_is_said_of_its_own_class(make: Callable[[], Any]) -> None:
    """Its author has never heard of the storage around it."""
    storage = lift(make())
    for call in (storage.list_sessions(), storage.append("s", {}), storage.load_page("s", "p")):
        with pytest.raises(ConfigurationError, match=f"^{make.__name__} has no ") as error:
            await call
        assert "Lifted" not in str(error.value)


async def test_plain_functions_do_not_block_the_loop() -> None:
    """A plain function runs in another thread."""
    threads: list[str] = []

    class Noting(PlainStorage):
        def load(self, session_id: str) -> Any:
            threads.append(threading.current_thread().name)
            return super().load(session_id)

    await lift(Noting()).load("sess_1")
    assert threads != [threading.current_thread().name]


@pytest.mark.parametrize(
    "found",
    [
        "text",
        b"bytes",
        [],
        7,
        True,
        {},
        {"session_id": "sess_1"},
        {"session_id": "sess_1", "seq": "1"},
        {**a_document("other")},
        {**a_document(), "session_id": "other"},
        {**a_document(), "kind": "keyring"},
        {**a_document(), "sealed": object()},
    ],
    ids=repr,
)
async def test_what_is_no_record(found: Any) -> None:
    """An adapter that gives anything else than the record or None is IntegrityError, never 'no such session'."""
    inner = DictStorage()
    inner.kept["sess_1"] = found
    storage = lift(inner)

    for _ in range(2):
        with pytest.raises(IntegrityError):
            await storage.load("sess_1")
        with pytest.raises(IntegrityError):
            await storage.save(a_document())
    assert inner.kept == {"sess_1": found}


@pytest.mark.parametrize(
    ("error", "ours"),
    [
        (ConnectionRefusedError("no"), StorageUnavailableError),
        (TimeoutError(), StorageUnavailableError),
        (OSError(5, "secret"), StorageUnavailableError),
        (ValueError("secret"), StorageError),
        (KeyError("secret"), StorageError),
        (SessionNotFoundError("sess_1"), SessionNotFoundError),
    ],
    ids=repr,
)
@pytest.mark.parametrize("base", [DictStorage, PlainStorage])
async def test_errors_become_ours(base: type[Any], error: Exception, ours: type[Exception]) -> None:
    """What an adapter raises becomes an error of ours with its cause; errors of ours stay as they are."""

    class Failing(base):  # type: ignore[misc]
        fail = True

        def load(self, session_id: str) -> Any:
            if self.fail:
                raise error
            return super().load(session_id)

    inner = Failing()
    storage = lift(inner)
    with pytest.raises(ours) as caught:
        await storage.load("sess_1")
    assert type(caught.value) is ours
    assert caught.value is error or type(caught.value.__cause__) is type(error)
    assert "secret" not in str(caught.value)
    inner.fail = False
    await storage.save(a_document())


async def test_an_unsure_save_is_looked_up() -> None:
    """After a save that failed with its answer lost, the next one looks at what is stored."""

    class Flaky(DictStorage):
        fail = False

        async def save(self, session_data: dict[str, Any]) -> None:
            await super().save(session_data)
            if self.fail:
                raise ConnectionResetError

    inner = Flaky()
    storage = lift(inner)
    await storage.save(a_document())
    inner.fail = True
    with pytest.raises(StorageUnavailableError):
        await storage.save(a_document(seq=2))
    inner.fail = False

    await storage.save(a_document(seq=2))
    with pytest.raises(ConflictError):
        await storage.save(a_document(seq=2, batch_id="another"))


@pytest.mark.parametrize("base", [DictStorage, PlainStorage])
async def test_a_cancelled_save_is_not_overtaken(base: type[Any]) -> None:
    """A save whose caller was cancelled ends before the next one of the same record begins."""
    go, has_begun, order = threading.Event(), threading.Event(), []

    class SlowPlain(PlainStorage):
        def save(self, session_data: dict[str, Any]) -> None:
            if session_data["seq"] == 2:
                has_begun.set()
                go.wait(30)
            order.append(session_data["seq"])
            super().save(session_data)

    class Slow(DictStorage):
        async def save(self, session_data: dict[str, Any]) -> None:
            if session_data["seq"] == 2:
                has_begun.set()
                await asyncio.to_thread(go.wait, 30)
            order.append(session_data["seq"])
            await super().save(session_data)

    storage = lift(SlowPlain() if base is PlainStorage else Slow())
    await storage.save(a_document())
    task = asyncio.ensure_future(storage.save(a_document(seq=2)))
    assert await asyncio.to_thread(has_begun.wait, 30)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    after = asyncio.ensure_future(storage.save(a_document(seq=3)))
    await asyncio.sleep(0)
    go.set()
    await after

    assert order == [1, 2, 3]


async def test_a_tombstone_tells_nothing() -> None:
    """What is left of a deleted record names neither its owner nor its keys, and a ready one can be saved."""
    inner = DictStorage()
    storage = lift(inner)
    await storage.save(a_document(owner="o1"))
    await storage.delete("sess_1")
    left = inner.kept["sess_1"]

    assert (left["status"], left["deleted"], left["owner"], left["seq"]) == ("deleted", True, "", 2)
    assert not {"sealed", "key_id", "wrapped_key"} & set(left)
    await storage.save(a_document("sess_2"))
    await storage.save(a_document("sess_2", 2, status="deleted", deleted=True))
    assert await storage.load("sess_2") is None


async def test_the_rest_is_passed_on() -> None:
    """Opening, closing, statistics and health go to the adapter where it has such methods."""
    calls: list[str] = []

    class Full(PlainStorage):
        storage_type = "mine"
        is_local = False
        default_ttl = 60.0

        async def open(self) -> None:
            calls.append("open")

        def close(self) -> None:
            calls.append("close")

        def get_stats(self) -> dict[str, Any]:
            return {"rows": 7}

        async def health_check(self) -> dict[str, Any]:
            raise ConnectionRefusedError

    storage = lift(Full())
    await storage.open()
    await storage.close()

    assert calls == ["open", "close"]
    assert (storage.storage_type, storage.is_local, storage.default_ttl) == ("mine", False, 60.0)
    assert await storage.get_stats() == {"storage_type": "mine", "rows": 7}
    assert (await storage.health_check())["status"] == "unhealthy"
    assert (await lift(PlainStorage()).health_check())["status"] == "healthy"


@pytest.mark.parametrize("is_plain", [True, False])
async def test_a_storage_that_is_away_is_unhealthy(is_plain: bool) -> None:
    """With two methods only, loading what cannot be there tells; what the driver says is not repeated."""

    class Away(SessionStorage):
        async def save(self, session_data: Any) -> None:
            raise OSError("secret")

        async def load(self, session_id: str) -> Any:
            raise OSError("secret")

    class Plain:
        def save(self, session_data: Any) -> None:
            raise KeyError("secret")

        def load(self, session_id: str) -> Any:
            raise KeyError("secret")

    health = await lift(Plain() if is_plain else Away()).health_check()
    assert health["status"] == "unhealthy" and "secret" not in health["error"]
    if not is_plain:
        found = await Away().health_check()
        assert found["status"] == "unhealthy" and "secret" not in found["error"]


async def test_a_storage_that_hangs_is_unhealthy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The check itself ends in time."""

    class Hanging(PlainStorage):
        async def load(self, session_id: str) -> Any:
            await asyncio.sleep(60)

    monkeypatch.setattr(base, "_HEALTH_SECONDS", 0.02)
    assert "did not answer" in (await lift(Hanging()).health_check())["error"]
