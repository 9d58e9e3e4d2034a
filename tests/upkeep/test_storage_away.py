"""When the storage is away: every call says so in time, nothing that is pending is lost, and all goes on afterwards."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.session.stores import (
    KEY,
    TwoMethodStorage,
    WatchedStorage,
    contents,
    hang,
    hang_afterwards,
    lose_answer,
    refuse,
    user_says,
    voxon_on,
)
from voxsession import (
    ConfigurationError,
    KeyRing,
    MemorySessionStorage,
    Session,
    SessionConfig,
    StorageError,
    StorageUnavailableError,
    Voxon,
    VoxonConfig,
)
from voxsession.testing import ScriptedModel

TIMEOUT = 0.15
MESSAGES = 200  # enough for a page
PATIENCE = 1.8  # how much later the error may come on a busy machine
QUIET = SessionConfig(memory_mode="persistent", enable_learning=False, enable_analytics=False)
Mishap = Any


class AwayStorage(WatchedStorage):
    """One whose every call can be taken away, those about itself too."""

    async def open(self) -> None:
        await self._through("open")

    async def close(self) -> None:
        await self._through("close")

    async def get_stats(self) -> dict[str, Any]:
        return dict(await self._through("get_stats"))

    async def health_check(self) -> dict[str, Any]:
        return dict(await self._through("health_check"))

    async def count_set_aside(self, session_id: str) -> int:
        return int(await self._through("count_set_aside", session_id))

    async def unreadable_records(self, **options: Any) -> list[str]:
        return list(await self._through("unreadable_records", **options))


async def listed(voxon: Voxon) -> list[Any]:
    """All that a listing gives."""
    return [info async for info in voxon.list_sessions()]


async def remember(session: Session) -> None:
    """What saves by itself: a turn."""
    async with session.conversation("new") as conv:
        await conv.send_message("hello")


async def _forget_unknown(voxon: Voxon) -> None:
    with contextlib.suppress(ConfigurationError):
        await voxon.forget_key("k0123456789abcdef")


async def _awaited(opening: Any) -> Any:
    return await opening


async def _batch(session: Session) -> None:
    async with session.batch_update():
        session.add_memory("in a batch")


async def _add(session: Session) -> None:
    await (await session.start_conversation("other")).add_messages(user_says("hi"))


async def _history(session: Session) -> list[Any]:
    return list(await (await session.resume_conversation("c")).history())


# Every call of the facade that touches the storage.
FACADE: dict[str, Callable[[Voxon], Awaitable[Any]]] = {
    "create_session": lambda voxon: _awaited(voxon.create_session(session_id="new")),
    "session of a person": lambda voxon: _awaited(voxon.session("bob")),
    "session by id": lambda voxon: _awaited(voxon.session("ann", session_id="idle")),
    "load_session": lambda voxon: _awaited(voxon.load_session("idle")),
    "load_session, lazily": lambda voxon: _awaited(voxon.load_session("idle", lazy_load=True)),
    "list_sessions": listed,
    "list_sessions of a person": lambda voxon: anext(voxon.list_sessions(user_id="ann")),
    "delete_session": lambda voxon: voxon.delete_session("idle"),
    "delete_user": lambda voxon: voxon.delete_user("ann"),
    "cleanup_expired_sessions": lambda voxon: voxon.cleanup_expired_sessions(),
    "cleanup by age": lambda voxon: voxon.cleanup_expired_sessions(5),
    "rotate_keys": lambda voxon: voxon.rotate_keys(),
    "forget_key": _forget_unknown,
    "get_stats": lambda voxon: voxon.get_stats(),
}

# Every call of an open session that touches the storage.
SESSION: dict[str, Callable[[Session], Awaitable[Any]]] = {
    "save": lambda session: session.save(),
    "close": lambda session: session.close(),
    "end": lambda session: session.end(),
    "reload": lambda session: session.reload(),
    "update_state": lambda session: _awaited(session.update_state(a=1)),
    "replace_state": lambda session: _awaited(session.replace_state({"a": 1})),
    "batch_update": _batch,
    "a turn": remember,
    "add_messages": _add,
    "history": _history,
    "recall": lambda session: session.recall("m1 elephants", sources=("messages",)),
}


async def filled() -> AwayStorage:
    """A storage with two sessions of ann: one with a page."""
    storage = AwayStorage(MemorySessionStorage(cleanup_interval=None))
    async with voxon_on(storage) as voxon:
        for session_id, count in (("idle", 1), ("long", MESSAGES)):
            async with voxon.session("ann", session_id=session_id, config=QUIET) as session:
                conv = await session.start_conversation("c")
                await conv.add_messages(user_says(*(f"m{number}" for number in range(count))))
                session.clear_memory(ids=[session.add_memory("x").id])
    return storage


def voxon_away(storage: Any, **settings: Any) -> Voxon:
    """A facade that waits only shortly."""
    return voxon_on(storage, storage_timeout_seconds=TIMEOUT, model=ScriptedModel(["reply"] * 9), **settings)


async def in_time(call: Awaitable[Any]) -> StorageUnavailableError:
    """The error of a call that must fail, and within its time."""
    started = time.monotonic()
    with pytest.raises(StorageUnavailableError) as caught:
        await call
    assert time.monotonic() - started < TIMEOUT + PATIENCE
    return caught.value


# --- each call


@pytest.mark.parametrize("mishap", [hang, refuse])
@pytest.mark.parametrize("name", FACADE)
@pytest.mark.parametrize("is_open", [True, False], ids=["open", "not open"])
async def test_every_call_of_the_facade_says_so_in_time(name: str, mishap: Mishap, is_open: bool) -> None:
    """Hanging or refusing, before or after it was opened; once it is back, the same call succeeds."""
    storage = await filled()
    voxon = voxon_away(storage)
    if is_open:
        await voxon.get_stats()
    storage.mishap = mishap
    error = await in_time(FACADE[name](voxon))
    assert "m1" not in str(error) and KEY[-8:] not in str(error)
    storage.mishap = None
    await FACADE[name](voxon)
    await voxon.close()


@pytest.mark.parametrize("mishap", [hang, refuse])
@pytest.mark.parametrize("name", SESSION)
async def test_every_call_of_a_session_says_so_in_time(name: str, mishap: Mishap) -> None:
    """What was pending before the call is still there, and is saved once the storage is back."""
    storage = await filled()
    async with voxon_away(storage) as voxon:
        session = await voxon.load_session("long")
        session.add_memory("pending")
        storage.mishap = mishap
        await in_time(SESSION[name](session))
        assert "pending" in contents(session.get_memory().entries)
        storage.mishap = None
        again = await voxon.load_session("long")
        await again.save()
        await again.close()
    async with voxon_on(storage) as voxon, await voxon.load_session("long") as session:
        assert contents(session.get_memory().entries).count("pending") == 1


@pytest.mark.parametrize("mishap", [hang, refuse])
async def test_many_calls_at_once_wait_no_longer_than_one(mishap: Mishap) -> None:
    """Saves of one session wait for each other; where the first hangs, the others are told in the same time."""
    storage = await filled()
    async with voxon_away(storage) as voxon:
        session = await voxon.load_session("long")
        storage.mishap = mishap
        calls: list[Awaitable[Any]] = []
        for number in range(20):
            session.add_memory(f"pending {number}")
            calls += [session.save(), session.reload(), voxon.load_session("idle")]
        await asyncio.gather(*(in_time(call) for call in calls))
        storage.mishap = None
        await session.save()
    async with voxon_on(storage) as voxon, await voxon.load_session("long") as session:
        assert contents(session.get_memory().entries) == [f"pending {number}" for number in range(20)]


@pytest.mark.parametrize("mishap", [hang, refuse])
async def test_the_health_check_answers(mishap: Mishap) -> None:
    """It never raises, before the first opening or after, and is in time as well."""
    storage = await filled()
    for is_open in (False, True):
        voxon = voxon_away(storage)
        if is_open:
            await voxon.get_stats()
        storage.mishap = mishap
        started = time.monotonic()
        answer = await voxon.health_check()
        assert answer["status"] == "unhealthy" and "StorageUnavailableError" in answer["error"]
        assert time.monotonic() - started < TIMEOUT + PATIENCE
        storage.mishap = None
        await asyncio.sleep(TIMEOUT)  # an opening that was begun meanwhile has given up as well
        assert await voxon.health_check() == {"status": "healthy", "storage": "operational"}
        await voxon.close()


async def test_closing_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """A storage that was opened by name and hangs at its end is given up in time."""
    voxon = Voxon(VoxonConfig(session_storage="memory", storage_timeout_seconds=TIMEOUT))
    await voxon.get_stats()

    async def never(_: MemorySessionStorage) -> None:
        await asyncio.Event().wait()

    with monkeypatch.context() as patched:
        patched.setattr(MemorySessionStorage, "close", never)
        await in_time(voxon.close())
    await voxon.close()


async def test_the_two_methods_of_a_stranger_too() -> None:
    """An adapter with `save` and `load` only: its hanging and its errors are told in the same way."""

    async def fail(operation: str, call: Any) -> None:
        raise ConnectionResetError("postgres://user:secret@host")

    for mishap in (hang, fail):
        storage = TwoMethodStorage()
        async with voxon_away(storage) as voxon:
            session = await voxon.create_session(session_id="s", user_id="ann", config=QUIET)
            session.add_memory("pending")
            storage.mishap = mishap
            assert "secret" not in str(await in_time(session.save()))
            storage.mishap = None
            await asyncio.sleep(0)
            await session.save() if mishap is fail else None


# --- what it leaves behind


@pytest.mark.parametrize("mishap", [hang, hang_afterwards, refuse, lose_answer])
async def test_a_session_goes_on_when_the_storage_is_back(mishap: Mishap) -> None:
    """Away and back, again and again: each message is stored once, in order, whether or not a write had arrived."""
    storage = await filled()
    said = [f"m{number}" for number in range(MESSAGES)]
    async with voxon_away(storage) as voxon:
        session = await voxon.load_session("long")
        conv = await session.resume_conversation("c")
        for number in range(4):
            storage.mishap = mishap
            await in_time(conv.add_messages(user_says(f"away {number}")))
            storage.mishap = None
            await conv.add_messages(user_says(f"back {number}"))
            said += [f"away {number}", f"back {number}"]
        await session.close()
    async with voxon_on(storage) as voxon, await voxon.load_session("long") as session:
        assert contents(await _history(session)) == said


@pytest.mark.parametrize("mishap", [hang, refuse, lose_answer])
async def test_a_rotation_goes_on_when_the_storage_is_back(mishap: Mishap) -> None:
    """The storage goes away in the middle: the error says so, the next call does the rest."""
    storage = await filled()
    new = KeyRing("hex:" + "31" * 32, KEY)
    async with voxon_away(storage, session_encryption_key=new) as voxon:

        def go_away(done: int, total: int) -> None:
            storage.mishap = mishap if done == 1 else None

        await in_time(voxon.rotate_keys(go_away))
        storage.mishap = None
        await voxon.rotate_keys()
    async with voxon_on(storage, session_encryption_key="hex:" + "31" * 32) as voxon:
        assert len(await listed(voxon)) == 2
        async with await voxon.load_session("long") as session:
            assert len(await _history(session)) == MESSAGES


async def test_foreign_errors_become_ours() -> None:
    """What a subclass of an adapter of ours lets out is our error, with its cause and without its text."""

    class Leaking(MemorySessionStorage):
        leaks = True

        async def load(self, *args: Any, **more: Any) -> Any:
            if not self.leaks:
                return await super().load(*args, **more)
            raise ZeroDivisionError("secret")

        async def list_sessions(self, *args: Any, **more: Any) -> Any:
            if not self.leaks:
                return await super().list_sessions(*args, **more)
            raise OSError("secret")

        async def get_stats(self) -> Any:
            raise KeyError("secret")

        async def health_check(self) -> Any:
            raise OSError("secret")

    storage = Leaking()
    async with voxon_on(storage) as voxon:
        with pytest.raises(StorageError, match="ZeroDivisionError"):
            await voxon.load_profile("ann")
        storage.leaks = False
        await voxon.load_profile("ann")  # it is open from now on
        storage.leaks = True
        for call in (lambda: voxon.load_profile("ann"), voxon.get_stats):
            with pytest.raises(StorageError) as caught:
                await call()
            assert "secret" not in str(caught.value) and caught.value.__cause__ is not None
        with pytest.raises(StorageUnavailableError):
            await voxon.analytics()
        health = await voxon.health_check()
        assert health["status"] == "unhealthy" and "secret" not in health["error"]
