"""What goes wrong around calls: writes that fail, sound that moves, figures that are behind, open blocks."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from tests.patience import until
from tests.resume.services import clock_at, service_on, talk
from tests.session.stores import WatchedStorage, lose_answer, refuse
from voxsession import (
    ConfigurationError,
    ConflictError,
    FileSessionStorage,
    IntegrityError,
    MemorySessionStorage,
    StorageUnavailableError,
    VoxonConfig,
)
from voxsession.resume import SessionManagerService, SessionMonitor
from voxsession.storage import file_pages
from voxsession.testing import FakeClock

CALL = "c"
WRITES = ("save", "append")


@pytest.fixture
def memory() -> MemorySessionStorage:
    """An empty storage in memory."""
    return MemorySessionStorage(max_sessions=None, cleanup_interval=None)


def failing(watched: WatchedStorage, mishap: Any, times: int = 1) -> None:
    """The next writes of sessions fail in this way."""
    left = [times]

    async def fail(name: str, call: Any) -> Any:
        if name in WRITES and left[0] > 0:
            left[0] -= 1
            return await mishap(name, call)
        return await call()

    watched.mishap = fail


async def held(service: SessionManagerService) -> Any:
    """A call whose session the app holds open."""
    state = await service.create_session(CALL, user_id="ann", conversation_history=talk("one"))
    return await service.voxon.load_session(str(state.session_id))


# --- sound


async def test_sound_that_others_replace_is_read_all_the_same(memory: MemorySessionStorage) -> None:
    """Its old pages go as soon as the new ones are named: whoever held the old head looks again."""
    watched = WatchedStorage(memory)
    reader, writer = service_on(watched), service_on(memory)
    await writer.create_session(CALL, audio_buffer=[b"a" * 2000])
    for ask in (reader.get_session, reader.resume_session):
        new = [bytes([len(ask.__name__)]) * 3000]
        done: list[str] = []

        async def replace(name: str, call: Any, new: list[bytes] = new, done: list[str] = done) -> Any:
            if name == "load_page" and not done:
                done.append(name)
                await writer.update_session(CALL, audio_buffer=new)
            return await call()

        watched.mishap = replace
        state = await ask(CALL)
        assert done and state is not None and state.audio_buffer == new
    assert (await writer.get_session(CALL)).resumed_count == 1  # type: ignore[union-attr]


async def test_a_resumption_that_looks_again_is_counted_once(memory: MemorySessionStorage) -> None:
    """Where the head moved because somebody else resumed the call, it is theirs."""
    watched = WatchedStorage(memory)
    service, other = service_on(watched), service_on(memory)
    await other.create_session(CALL, audio_buffer=[b"a" * 2000])
    done: list[str] = []

    async def overtake(name: str, call: Any) -> Any:
        if name == "load_page" and not done:
            done.append(name)
            assert await other.resume_session(CALL) is not None
            await other.update_session(CALL, audio_buffer=[b"b" * 2000])
        return await call()

    watched.mishap = overtake
    with pytest.raises(ConflictError, match=r"call\.resumed"):
        await service.resume_session(CALL)
    assert (await other.get_session(CALL)).resumed_count == 1  # type: ignore[union-attr]


async def test_sound_that_is_gone_is_told_and_counted(memory: MemorySessionStorage) -> None:
    """Nobody wrote anything, and the page is missing: that is an error, and a resumption that failed."""
    watched = WatchedStorage(memory)
    service = service_on(watched, fallback_to_new=True)
    told: list[Any] = []
    service.voxon.events.on("session.resume_failed", told.append)
    await service.create_session(CALL, audio_buffer=[b"a" * 2000])

    async def gone(name: str, call: Any) -> Any:
        return None if name == "load_page" else await call()

    watched.mishap = gone
    with pytest.raises(IntegrityError):
        await service.resume_session(CALL)
    watched.mishap = refuse
    with pytest.raises(StorageUnavailableError):
        await service.resume_session(CALL)
    assert service.counts.failed == {"IntegrityError": 1, "StorageUnavailableError": 1}
    assert [event.reason for event in told] == ["IntegrityError", "StorageUnavailableError"]
    watched.mishap = None
    assert (await service.get_session(CALL)).resumed_count == 0  # type: ignore[union-attr]


async def test_pages_may_go_while_they_are_listed(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process has removed one between the listing and the look at it."""
    storage = FileSessionStorage(tmp_path)
    service = service_on(storage)
    state = await service.create_session(CALL, audio_buffer=[b"a" * 2000])
    scan = file_pages.os.scandir

    def then_gone(path: str) -> Any:
        entries = list(scan(path))
        for entry in entries:
            file_pages.os.unlink(entry.path)
        return entries

    monkeypatch.setattr(file_pages.os, "scandir", then_gone)
    assert await storage.list_pages(str(state.session_id)) == []


# --- writes that fail


@pytest.mark.parametrize("mishap", [refuse, lose_answer])
async def test_a_function_whose_beginning_was_not_told_is_begun_once(
    memory: MemorySessionStorage, mishap: Any
) -> None:
    """Nobody was told to run it, so whoever asks again is, once; in a session that the app holds open as well."""
    watched = WatchedStorage(memory)
    service, other = service_on(watched), service_on(memory)
    session = await held(service)
    failing(watched, mishap)
    with pytest.raises(StorageUnavailableError):
        await service.begin_function_call(CALL, "pay")
    asked = await asyncio.gather(*(service.begin_function_call(CALL, "pay") for _ in range(3)))
    assert sorted(asked) == [False, False, True]
    assert not await other.begin_function_call(CALL, "pay")
    assert len((await other.get_session(CALL)).function_calls) == 1  # type: ignore[union-attr]
    await session.close()


async def test_a_function_that_another_began_meanwhile_is_theirs(memory: MemorySessionStorage) -> None:
    """Both at the very same time of day: what failed here is not taken for what was stored there."""
    clock = clock_at()
    watched = WatchedStorage(memory)
    service, other = service_on(watched, clock=clock), service_on(memory, clock=clock)
    session = await held(service)
    failing(watched, refuse)
    with pytest.raises(StorageUnavailableError):
        await service.begin_function_call(CALL, "pay")
    assert await other.begin_function_call(CALL, "pay")
    assert not await service.begin_function_call(CALL, "pay")
    await session.save()
    await session.close()


async def test_two_begin_in_one_process_while_the_write_takes_a_while(memory: MemorySessionStorage) -> None:
    """The second one meets what the first is about to be told of."""
    watched = WatchedStorage(memory)
    service = service_on(watched)
    session = await held(service)

    async def slowly(name: str, call: Any) -> Any:
        await asyncio.sleep(0.01 if name in WRITES else 0)
        return await call()

    watched.mishap = slowly
    asked = await asyncio.gather(*(service.begin_function_call(CALL, "pay") for _ in range(4)))
    assert sorted(asked) == [False, False, False, True]
    await session.close()


async def test_what_is_told_is_stored(memory: MemorySessionStorage) -> None:
    """An end that could not be written is written before anybody is told of it."""
    watched = WatchedStorage(memory)
    service, other = service_on(watched), service_on(memory)
    session = await held(service)
    failing(watched, refuse)
    with pytest.raises(StorageUnavailableError):
        await service.end_session(CALL)
    watched.mishap = refuse
    with pytest.raises(StorageUnavailableError):
        await service.get_session(CALL)
    watched.mishap = None
    assert await service.end_session(CALL)
    assert await other.validate_session_resume(CALL) == (False, "Session already ended")
    await session.close()


@pytest.mark.parametrize("is_held", [False, True])
async def test_a_resumption_that_failed_stands_in_nobody_s_way(
    memory: MemorySessionStorage, is_held: bool
) -> None:
    """The next one in this process looks again, and gets the call."""
    watched = WatchedStorage(memory)
    service = service_on(watched)
    session = await held(service)
    if not is_held:
        await session.close()

    async def late(name: str, call: Any) -> Any:
        await asyncio.sleep(0.02)
        return await refuse(name, call)

    failing(watched, late)
    found = await asyncio.gather(
        service.resume_session(CALL), service.resume_session(CALL), return_exceptions=True
    )
    assert isinstance(found[0], StorageUnavailableError)
    assert not isinstance(found[1], BaseException) and found[1] is not None
    assert (await service_on(memory).get_session(CALL)).resumed_count >= 1  # type: ignore[union-attr]
    await session.close()


async def test_contenders_take_turns(memory: MemorySessionStorage) -> None:
    """After one that failed the next has to look again; after one that won all others have lost."""
    registry = service_on(memory).voxon.calls
    await service_on(memory).create_session(CALL)
    call = await registry.open(CALL)
    assert call is not None
    with registry.contest(CALL) as one, registry.contest(CALL) as two:
        with pytest.raises(StorageUnavailableError):
            async with one.turn(call):
                raise StorageUnavailableError("away")
        async with two.turn(call) as is_ours:
            assert not is_ours
        async with two.turn(call) as is_ours:
            assert is_ours
        with pytest.raises(ConflictError):
            async with one.turn(call):
                raise AssertionError("it has lost")
    call.session._let_go()


async def test_inside_a_block_calls_are_refused(memory: MemorySessionStorage) -> None:
    """Nothing could be saved before its end: two would be told to run one function."""
    service, other = service_on(memory), service_on(memory)
    async with await held(service) as session:
        async with session.batch_update():
            for deed in (
                service.begin_function_call(CALL, "pay"),
                service.finish_function_call(CALL, "pay"),
                service.update_session(CALL, caller="x"),
                service.resume_session(CALL),
                service.pause_session(CALL),
                service.end_session(CALL),
                service.create_session("d", session_id=session.session_id, user_id="ann"),
            ):
                with pytest.raises(ConfigurationError, match="batch_update"):
                    await deed
            assert (await service.get_session(CALL)) is not None
        assert await service.begin_function_call(CALL, "pay")
    assert not await other.begin_function_call(CALL, "pay")


# --- figures and the background


async def figures(service: SessionManagerService) -> tuple[int, int]:
    """How many calls go on and have ended, as they are counted."""
    stats = await service.get_session_stats()
    return stats["active_sessions_count"], stats["ended_sessions_count"]


async def test_figures_follow_what_ends_calls(memory: MemorySessionStorage) -> None:
    """Status, deletion, the end of the session, death between two writes: at the latest the clean-up notes it."""
    clock = clock_at()
    watched = WatchedStorage(memory)
    service = service_on(watched, clock=clock)
    await service.create_session("by-status")
    assert await service.update_session("by-status", status="ended")
    assert await figures(service) == (0, 1)
    deleted = await service.create_session("deleted")
    assert await figures(service) == (1, 1)
    async with await service.voxon.load_session(str(deleted.session_id)) as session:
        await session.delete_conversation("deleted")
    assert await figures(service) == (0, 1)
    over = await service.create_session("over")
    async with await service.voxon.load_session(str(over.session_id)) as session:
        await session.end()
    await service.create_session("half")

    async def no_pointer(name: str, call: Any) -> Any:
        return await (refuse if name == "save" else _go_on)(name, call)

    watched.mishap = no_pointer
    with pytest.raises(StorageUnavailableError):
        await service.end_session("half")
    watched.mishap = None
    assert await service.cleanup_expired_sessions(24) == 0
    assert await figures(service) == (0, 3)
    assert await service.cleanup_expired_sessions(24) == 0
    clock.advance(hours=30)
    assert await service.cleanup_expired_sessions(24) == 3
    assert await figures(service) == (0, 0)


async def _go_on(name: str, call: Any) -> Any:
    return await call()


async def test_figures_are_a_copy(memory: MemorySessionStorage) -> None:
    """Whoever changes what was given changes nothing here."""
    service = service_on(memory)
    monitor = SessionMonitor(service)
    await service.resume_session("none")
    given = await monitor.collect()
    given["failed_resumes_by_reason"].clear()
    monitor.get_metrics()["failed_resumes_by_reason"]["x"] = 1
    assert monitor.get_metrics()["failed_resumes_by_reason"] == {"Session not found": 1}


async def test_the_background_starts_though_the_storage_is_away(memory: MemorySessionStorage) -> None:
    """How long sessions last is not known then; once it is, calls are cleaned up."""
    clock: FakeClock = clock_at()
    watched = WatchedStorage(memory)
    limits = VoxonConfig(cleanup_interval_seconds=0.02, session_storage="memory")
    service = service_on(watched, clock=clock, limits=limits, session_ttl_seconds=3600)
    watched.mishap = refuse
    await service.start()
    watched.mishap = None
    await service.create_session(CALL)
    clock.advance(hours=3)
    await until(lambda: service.counts.cleaned)
    await service.stop()
    assert service.counts.cleaned == 1 and not await memory.list_sessions(kind="pointer")


async def test_calls_are_counted_though_the_clean_up_did_not_come_to_its_end(
    memory: MemorySessionStorage,
) -> None:
    """What was removed before the storage went away was removed."""
    clock: FakeClock = clock_at()
    watched = WatchedStorage(memory)
    service = service_on(watched, clock=clock)
    told: list[int] = []
    service.voxon.events.on("session.cleaned", lambda event: told.append(event.count))
    for name in ("a", "b", "c"):
        await service.create_session(name)
    clock.advance(hours=30)

    async def refuse_after_one(name: str, call: Any) -> Any:
        if len(await memory.list_sessions(kind="pointer")) < 3:
            await refuse(name, call)
        return await call()

    watched.mishap = refuse_after_one
    with pytest.raises(StorageUnavailableError):
        await service.cleanup_expired_sessions()
    assert (service.counts.cleaned, told) == (1, [1])


# --- what is told


async def test_a_receipt_tells_of_sound(memory: MemorySessionStorage) -> None:
    """Nobody can search it for a text, so it is said to be kept."""
    service = service_on(memory)
    state = await service.create_session(
        CALL, caller="Zebulon", conversation_history=talk("I am Zebulon"), audio_buffer=[b"x" * 100]
    )
    async with await service.voxon.load_session(str(state.session_id)) as session:
        receipt = await session.forget("Zebulon")
    kept = {row["kind"]: row["reason"] for row in receipt.details if row["became"] == "kept"}
    assert kept == {
        "audio": "sound cannot be searched",
        "conversation": "its id or its call holds the text",
    }


def test_a_url_of_redis_alone_is_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It says where Redis is and not that sessions go there."""
    for name in ("SESSION_STORAGE", "DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("REDIS_URL", "redis://:secret@cache:6379")
    with caplog.at_level(logging.WARNING):
        assert VoxonConfig.from_env().session_storage == "file"
    assert "SESSION_STORAGE=redis" in caplog.text and "secret" not in caplog.text
    caplog.clear()
    assert VoxonConfig.from_env(session_storage="memory").session_storage == "memory"
    monkeypatch.setenv("SESSION_STORAGE", "redis")
    assert VoxonConfig.from_env().session_storage == "redis"
    assert not [record for record in caplog.records if record.name.startswith("voxsession")]
