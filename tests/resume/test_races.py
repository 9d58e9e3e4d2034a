"""Several services at one call: one wins, the others are told, and nothing that is in use goes."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import timedelta
from typing import Any

import pytest

from tests.patience import LONG_SECONDS, until
from tests.resume.services import NOON, clock_at, service_on, talk
from tests.session.stores import WatchedStorage, lose_answer, only, refuse, voxon_on
from voxsession import (
    ConflictError,
    MemorySessionStorage,
    SessionExistsError,
    SessionStorage,
    StorageUnavailableError,
    VoxonConfig,
)
from voxsession.core.struct import evolve
from voxsession.resume import SessionManagerService, SessionState

CALL = "c"


def memory() -> MemorySessionStorage:
    """An empty storage in memory."""
    return MemorySessionStorage(max_sessions=None, cleanup_interval=None)


async def slowly(operation: str, call: Any) -> Any:
    """A storage that lets others work in between, as one on a server does."""
    await asyncio.sleep(0.001)
    return await call()


class Meeting:
    """Lets so many services come to a storage call before any of them goes through."""

    def __init__(self, count: int) -> None:
        self._barrier = asyncio.Barrier(count)

    async def __call__(self, operation: str, call: Any) -> Any:
        async with asyncio.timeout(LONG_SECONDS):
            await self._barrier.wait()
        return await call()


def meeting(inner: SessionStorage, operation: str, count: int) -> list[SessionManagerService]:
    """Services that are all at this storage call before the first of them does it."""
    meet = Meeting(count)
    services = []
    for _ in range(count):
        watched = WatchedStorage(inner)
        watched.mishap = only(operation, meet, times=1)
        services.append(service_on(watched))
    return services


async def outcomes(services: list[SessionManagerService], **how: Any) -> list[Any]:
    """What each service got from resuming the call at the same moment."""
    work = (one.resume_session(CALL, **how) for one in services)
    return await asyncio.gather(*work, return_exceptions=True)


async def test_of_two_at_one_moment_one_wins(storage: SessionStorage) -> None:
    """Both have read the call before one writes: one gets the state, the other ConflictError; it counts once."""
    await service_on(storage).create_session(CALL, conversation_history=talk("hello"))
    services = meeting(storage, "append" if storage.can_append else "save", 2)
    told: list[str] = []
    for one in services:
        one.voxon.events.on("session.resume*", lambda event: told.append(event.type))
    got = await outcomes(services)
    assert sorted(told) == ["session.resume_failed", "session.resumed"]

    assert sorted(type(one).__name__ for one in got) == ["ConflictError", "SessionState"]
    state = await service_on(storage).get_session(CALL)
    assert state is not None and state.resumed_count == 1
    lost = services[[isinstance(one, ConflictError) for one in got].index(True)]
    assert lost.counts.as_dict()["failed_resumes_by_reason"] == {"Conflict": 1}
    # Who lost can look, and take it up later.
    assert (await lost.resume_session(CALL)).resumed_count == 2  # type: ignore[union-attr]


async def test_two_services_of_one_facade(storage: SessionStorage) -> None:
    """They share the live session, and still one of them wins; who holds the session open loses nothing."""
    watched = WatchedStorage(storage)
    voxon = voxon_on(watched)
    services = [SessionManagerService(voxon) for _ in range(2)]
    state = await services[0].create_session(CALL)
    held = await voxon.load_session(str(state.session_id))
    note = held.add_memory("not saved yet")
    watched.mishap = slowly
    got = await outcomes(services)

    assert sorted(type(one).__name__ for one in got) == ["ConflictError", "SessionState"]
    assert note.id in {entry.id for entry in held.get_memory().entries}
    await held.close()
    await voxon.close()


async def test_an_open_handle_elsewhere_sees_no_stale_call(storage: SessionStorage) -> None:
    """A process that holds the session open reads what another process did to the call."""
    voxon = voxon_on(storage)
    here, there = SessionManagerService(voxon), service_on(storage)
    state = await here.create_session(CALL)
    held = await voxon.load_session(str(state.session_id))
    assert (await there.resume_session(CALL)).resumed_count == 1  # type: ignore[union-attr]
    assert (await here.get_session(CALL)).resumed_count == 1  # type: ignore[union-attr]
    assert (await here.resume_session(CALL)).resumed_count == 2  # type: ignore[union-attr]
    await there.end_session(CALL)
    assert await here.validate_session_resume(CALL) == (False, "Session already ended")
    await held.close()
    await voxon.close()


async def test_resuming_only_as_often_as_expected() -> None:
    """Whoever expects another count is told; nothing is written."""
    storage = memory()
    service = service_on(storage)
    await service.create_session(CALL)
    assert await service.resume_session(CALL, expected_resumes=0) is not None
    with pytest.raises(ConflictError, match="resumed 1 times by now, not 0"):
        await service.resume_session(CALL, expected_resumes=0)
    assert (await service.resume_session(CALL, expected_resumes=1)).resumed_count == 2  # type: ignore[union-attr]


async def test_a_replaced_server_writes_nothing() -> None:
    """A whole state that was read before the call was resumed elsewhere is refused: it would undo what came since."""
    storage = memory()
    old, new = service_on(storage), service_on(storage)
    stale = await old.create_session(CALL, conversation_history=talk("a"))
    await new.resume_session(CALL)
    await new.update_session(CALL, conversation_history=talk("a", "b"))
    with pytest.raises(ConflictError, match="resumed elsewhere"):
        await old.update_session(CALL, **vars(stale))
    state = await new.get_session(CALL)
    assert state is not None and state.conversation_history == talk("a", "b")


async def test_updates_of_two_services_go_together(storage: SessionStorage) -> None:
    """Other fields of one call, and sound, from two processes at the same moment: nothing is lost."""
    first, second = service_on(storage), service_on(storage)
    await first.create_session(CALL, audio_buffer=[b"0" * 100])
    await asyncio.gather(
        first.update_session(CALL, caller="x", audio_buffer=[b"1" * 900]),
        second.update_session(CALL, bot_name="y", audio_buffer=[b"2" * 900]),
    )
    state = await first.get_session(CALL)
    assert state is not None and (state.caller, state.bot_name) == ("x", "y")
    assert state.audio_buffer in ([b"1" * 900], [b"2" * 900])


async def test_ending_and_resuming_at_one_moment(storage: SessionStorage) -> None:
    """Whatever comes first: in the end the call has ended, and who was told otherwise was told a conflict."""
    for number in range(4):
        name = f"c{number}"
        first, second = service_on(storage), service_on(storage)
        await first.create_session(name)
        got = await asyncio.gather(
            first.resume_session(name), second.end_session(name), return_exceptions=True
        )
        assert got[1] is True and (got[0] is None or isinstance(got[0], (SessionState, ConflictError)))
        assert await first.validate_session_resume(name) == (False, "Session already ended")


async def test_one_id_is_made_once(storage: SessionStorage) -> None:
    """Of eight who make it at once one does, the others are told or given it; nothing is left over of theirs."""
    services = [service_on(storage) for _ in range(8)]
    states = await asyncio.gather(*(one.get_or_create_session(CALL, caller="x") for one in services))
    assert len({state.session_id for state in states}) == 1
    assert len(await storage.list_sessions()) == 1
    assert len(await storage.list_sessions(kind="pointer")) == 1


@pytest.mark.parametrize("operation", ["save", "append"])
@pytest.mark.parametrize("times", [1, 2, 3])
@pytest.mark.parametrize("mishap", [refuse, lose_answer])
async def test_a_creation_that_broke_off_can_be_repeated(
    operation: str, times: int, mishap: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever it broke, the id is taken by a call that is there, or it is free."""
    monkeypatch.setattr("voxsession.calls.making.PROMISE_SECONDS", 0.02)
    inner = memory()
    watched = WatchedStorage(inner)
    service = service_on(watched)
    await service.health_check()
    left = [times]

    async def at_the_nth(name: str, call: Any) -> Any:
        left[0] -= name == operation
        return await (mishap(name, call) if name == operation and left[0] == 0 else call())

    watched.mishap = at_the_nth
    with contextlib.suppress(StorageUnavailableError):
        await service.create_session(CALL, caller="first", conversation_history=talk("said"))
    watched.mishap = None
    other = service_on(inner)
    state = await other.get_or_create_session(CALL, caller="first")
    resumed = await other.resume_session(CALL)
    assert resumed is not None and resumed.session_id == state.session_id and resumed.caller == "first"


@pytest.mark.parametrize("mishap", [refuse, lose_answer])
async def test_a_resumption_that_broke_off_is_counted_once_at_most(mishap: Any) -> None:
    """The next one finds the call whole."""
    watched = WatchedStorage(memory())
    service = service_on(watched)
    await service.create_session(CALL, conversation_history=talk("said"), audio_buffer=[b"x"])
    watched.mishap = only("append", mishap)
    with pytest.raises(StorageUnavailableError):
        await service.resume_session(CALL)
    watched.mishap = None
    resumed = await service.resume_session(CALL)
    assert resumed is not None and resumed.resumed_count in (1, 2)
    assert (resumed.conversation_history, resumed.audio_buffer) == (talk("said"), [b"x"])


async def test_a_call_that_is_resumed_is_not_cleaned_up(storage: SessionStorage) -> None:
    """It is resumed between the look of a clean-up and its write: it stays, and the other way round it is told."""
    clock = clock_at()
    limits = VoxonConfig(max_resume_age_hours=1000)
    live = service_on(storage, clock=clock, limits=limits)
    await live.create_session(CALL, audio_buffer=[b"s" * 2000])
    clock.advance(hours=48)
    watched = WatchedStorage(storage)
    cleaner = service_on(watched, clock=clock_at(clock.now(), "two"))

    async def resume_first(name: str, call: Any) -> Any:
        if name in ("save", "append"):
            watched.mishap = None
            assert await live.resume_session(CALL) is not None
        return await call()

    await cleaner.health_check()
    watched.mishap = resume_first
    assert await cleaner.cleanup_expired_sessions(24) == 0
    state = await live.get_session(CALL)
    assert state is not None and state.audio_buffer == [b"s" * 2000]


async def test_a_call_whose_conversation_is_open_is_not_cleaned_up() -> None:
    """Somebody talks there, however long ago the call itself was touched."""
    clock = clock_at()
    service = service_on(memory(), clock=clock)
    state = await service.create_session(CALL)
    session = await service.voxon.load_session(str(state.session_id))
    conversation = await session.resume_conversation(CALL)
    clock.advance(hours=48)
    assert await service.cleanup_expired_sessions(24) == 0
    await conversation.end()
    await session.close()
    assert await service.cleanup_expired_sessions(24) == 1


async def test_what_cannot_be_opened_is_not_cleaned_up() -> None:
    """A session that was altered keeps its call's pointer and pages, and the others are cleaned up all the same."""
    storage, clock = memory(), clock_at()
    service = service_on(storage, clock=clock)
    states = [await service.create_session(f"c{number}") for number in range(3)]
    broken = await storage.load(str(states[1].session_id))
    assert broken is not None
    broken["sealed"]["core"] = broken["sealed"]["core"][:-8] + "AAAAAAA="
    storage_key = str(states[1].session_id)
    await storage.delete(storage_key)
    await storage.save({**broken, "base_seq": 0, "tail": []})
    clock.advance(hours=48)
    assert await service.cleanup_expired_sessions(24) == 2
    assert len(await storage.list_sessions(kind="pointer")) == 1
    assert await storage.load(storage_key) is not None


async def test_pointers_that_lead_nowhere_go_after_a_while() -> None:
    """A promise of a call that was never written is kept for an hour, then forgotten."""
    storage, clock = memory(), clock_at()
    service = service_on(storage, clock=clock)
    state = await service.create_session(CALL)
    await storage.delete(str(state.session_id))
    assert await service.cleanup_expired_sessions(24) == 0
    assert len(await storage.list_sessions(kind="pointer")) == 1
    clock.advance(hours=2)
    assert await service.cleanup_expired_sessions(24) == 0
    assert await storage.list_sessions(kind="pointer") == []


@pytest.mark.parametrize("minutes", [-7, 7])
async def test_clocks_may_differ_by_minutes(storage: SessionStorage, minutes: int) -> None:
    """A server whose clock is ahead or behind resumes, is told of conflicts, and cleans nothing up that is in use."""
    here = service_on(storage, clock=clock_at(NOON, "here"))
    there = service_on(storage, clock=clock_at(NOON + timedelta(minutes=minutes), "there"))
    await here.create_session(CALL, conversation_history=talk("hi"))
    assert (await there.resume_session(CALL)).resumed_count == 1  # type: ignore[union-attr]
    assert await there.update_session(CALL, caller="x")
    assert (await here.resume_session(CALL)).resumed_count == 2  # type: ignore[union-attr]
    for service in (here, there):
        assert await service.cleanup_expired_sessions(1) == 0
    assert (await there.get_session(CALL)).conversation_history == talk("hi")  # type: ignore[union-attr]


async def test_sound_is_not_kept_that_another_service_takes_away() -> None:
    """One adds to the sound while another one replaces it: whatever is named in the end can be read."""
    inner = memory()
    watched = WatchedStorage(inner)
    adding, replacing = service_on(watched), service_on(inner)
    sound = [bytes([number]) * 300_000 for number in range(3)]
    await adding.create_session(CALL, audio_buffer=sound)

    async def replace_first(name: str, call: Any) -> Any:
        if name == "append":
            watched.mishap = None
            await replacing.update_session(CALL, audio_buffer=[b"other"])
        return await call()

    watched.mishap = replace_first
    assert await adding.update_session(CALL, audio_buffer=[*sound, b"new"])
    state = await replacing.get_session(CALL)
    assert state is not None and state.audio_buffer == [*sound, b"new"]


async def test_a_lost_race_leaves_the_app_s_session_whole(storage: SessionStorage) -> None:
    """The app holds the session open where the race was lost: what it saves next is saved, and nothing else."""
    watched = WatchedStorage(storage)
    voxon = voxon_on(watched)
    here, there = SessionManagerService(voxon), service_on(storage)
    state = await here.create_session(CALL)
    held = await voxon.load_session(str(state.session_id))

    async def resume_first(name: str, call: Any) -> Any:
        if name in ("save", "append"):
            watched.mishap = None
            assert await there.resume_session(CALL) is not None
        return await call()

    watched.mishap = resume_first
    with pytest.raises(ConflictError):
        await here.resume_session(CALL)
    held.add_memory("of the app")
    await held.save()
    await held.close()
    found = await there.get_session(CALL)
    assert found is not None and found.resumed_count == 1
    await voxon.close()


class _Pause:
    """Lets the so many-th save wait before it is made, until it may go on."""

    def __init__(self, watched: WatchedStorage, nth: int) -> None:
        self.is_reached, self.may_go_on = asyncio.Event(), asyncio.Event()
        self._left = nth
        watched.mishap = only("save", self._wait)

    async def _wait(self, name: str, call: Any) -> Any:
        self._left -= 1
        if self._left == 0:
            self.is_reached.set()
            await self.may_go_on.wait()
        return await call()


async def test_a_call_that_is_about_to_be_written_is_waited_for() -> None:
    """Whoever promised it first writes it, though another one asks for the id meanwhile."""
    inner = memory()
    watched = WatchedStorage(inner)
    slow = service_on(watched)
    await slow.health_check()
    pause, looking = _Pause(watched, 2), WatchedStorage(inner)
    made = asyncio.create_task(slow.create_session(CALL, caller="first"))
    await pause.is_reached.wait()
    asked = asyncio.create_task(service_on(looking).get_or_create_session(CALL, caller="second"))
    await until(lambda: looking.calls.count("load") > 6)  # it has met the promise, and looks again and again
    pause.may_go_on.set()
    assert (await asked).caller == "first"
    assert (await made).caller == "first"
    assert len(await inner.list_sessions()) == 1


async def test_a_promise_that_comes_too_late_is_taken_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """The id is another one's by then: the slow one is told, and leaves nothing behind."""
    monkeypatch.setattr("voxsession.calls.making.PROMISE_SECONDS", 0.02)
    inner = memory()
    watched = WatchedStorage(inner)
    slow, other = service_on(watched), service_on(inner)
    await slow.health_check()
    pause = _Pause(watched, 2)
    made = asyncio.create_task(slow.create_session(CALL, caller="first"))
    await pause.is_reached.wait()
    assert (await other.create_session(CALL, caller="second")).caller == "second"
    pause.may_go_on.set()
    with pytest.raises(SessionExistsError):
        await made
    assert len(await inner.list_sessions()) == 1
    assert (await slow.get_session(CALL)).caller == "second"  # type: ignore[union-attr]


async def test_a_pointer_is_believed_only_by_the_call_it_names() -> None:
    """Two calls of one session under one id, one after the other: the pointer of the first does not find the second."""
    storage, clock = memory(), clock_at()
    service = service_on(storage, clock=clock)
    first = await service.create_session(CALL, session_id="s")
    pointers = await service.voxon.calls._pointers()
    old = await pointers.find(CALL)
    clock.advance(hours=30)
    assert await service.cleanup_expired_sessions(24) == 1
    second = await service.create_session(CALL, session_id="s")
    assert old is not None and first.session_id == second.session_id == "s"
    newest = await pointers.find(CALL)
    assert newest is not None and newest.token != old.token
    await pointers.write(evolve(newest, token=old.token))
    assert await service.get_session(CALL) is None
