"""Making calls, one after another and several at once: who has an id has it whole, and nobody's call is destroyed."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest

from tests.resume.services import clock_at, service_on, talk
from tests.session.stores import WatchedStorage, only
from voxsession import ConfigurationError, ConflictError, MemorySessionStorage, SessionExistsError
from voxsession.core.call_record import without_call
from voxsession.core.conversation import ConversationEntry
from voxsession.core.struct import evolve
from voxsession.resume import SessionManagerService
from voxsession.session.messages import message_from_dict

CALL = "c"


class Killed(BaseException):
    """The process dies here."""


def storage_in_memory() -> MemorySessionStorage:
    """An empty storage in memory."""
    return MemorySessionStorage(max_sessions=None, cleanup_interval=None)


class Stall:
    """The next call of this operation reaches the storage only when it may go on.

    Attributes:
        is_reached: set when that call was made.
        may_go_on: to be set by the test.
    """

    def __init__(self, watched: WatchedStorage, operation: str) -> None:
        self.is_reached, self.may_go_on = asyncio.Event(), asyncio.Event()
        watched.mishap = only(operation, self._wait, times=1)

    async def _wait(self, operation: str, call: Any) -> Any:
        self.is_reached.set()
        await self.may_go_on.wait()
        return await call()


async def refusing(core: Any, conversation_id: str, given: Any, *how: Any) -> Any:
    """A message that says something bad is a wrong one."""
    if given["content"] == "bad":
        raise ConfigurationError.out_of_range("messages", "bad", "say something good")
    return await message_from_dict(core, conversation_id, given, *how)


async def dies_at(service: SessionManagerService, watched: WatchedStorage, place: int) -> bool:
    """Resumes the call in a process that dies before its so many-th write; whether it came to that."""
    left = [place]

    async def kill(name: str, call: Any) -> Any:
        left[0] -= name in ("save", "append", "save_page", "delete")
        if left[0] < 0:
            raise Killed
        return await call()

    watched.mishap = kill
    try:
        await service.resume_session(CALL, user_id="ann")
    except Killed:
        return True
    return False


async def test_a_creator_that_stalls_destroys_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its promise was taken over in the same session: what the other one made and began stays as it is."""
    monkeypatch.setattr("voxsession.calls.making.PROMISE_SECONDS", 0.02)
    inner = storage_in_memory()
    watched = WatchedStorage(inner)
    slow, other = service_on(watched), service_on(inner)
    await other.create_session("earlier", user_id="ann")
    stall = Stall(watched, "append")
    slow_one = asyncio.create_task(
        slow.create_session(CALL, user_id="ann", caller="slow", conversation_history=talk("slow words"))
    )
    await stall.is_reached.wait()
    await other.create_session(CALL, user_id="ann", caller="other", conversation_history=talk("words"))
    assert await other.begin_function_call(CALL, "pay")
    stall.may_go_on.set()
    with pytest.raises(SessionExistsError):
        await slow_one
    for service in (slow, other):
        state = await service.get_session(CALL)
        assert state is not None and state.caller == "other"
        assert state.conversation_history == talk("words"), "no word of the one that lost"
        assert not await service.begin_function_call(CALL, "pay")


async def test_a_late_promise_replaces_no_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever comes back to a promise that was taken over, and sees the other's call, leaves it alone."""
    monkeypatch.setattr("voxsession.calls.making.PROMISE_SECONDS", 0.02)
    inner = storage_in_memory()
    watched = WatchedStorage(inner)
    slow, other = service_on(watched), service_on(inner)
    await slow.create_session("earlier", session_id="s")
    session = await slow.voxon.load_session("s")
    done: list[str] = []

    async def stall(name: str, call: Any) -> Any:
        answer = await call()
        if name == "save" and not done:
            done.append(name)
            await other.create_session(CALL, session_id="s", caller="other")
            await slow.get_session("earlier")  # the session here knows of that call now
        return answer

    watched.mishap = stall
    with pytest.raises(SessionExistsError):
        await slow.create_session(CALL, session_id="s", caller="slow")
    state = await other.get_session(CALL)
    assert done and state is not None and state.caller == "other"
    await session.close()


async def test_a_late_one_finds_its_place_taken_and_goes_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """The slow one wrote its call after the id was promised to another, who gets it nevertheless."""
    monkeypatch.setattr("voxsession.calls.making.PROMISE_SECONDS", 0.02)
    inner = storage_in_memory()
    first, second = WatchedStorage(inner), WatchedStorage(inner)
    slow, slower = service_on(first), service_on(second)
    await slow.create_session("earlier", user_id="ann")
    slow_write, slower_write = Stall(first, "append"), Stall(second, "append")
    one = asyncio.create_task(slow.create_session(CALL, user_id="ann", caller="slow"))
    await slow_write.is_reached.wait()
    two = asyncio.create_task(slower.create_session(CALL, user_id="ann", caller="slower"))
    await slower_write.is_reached.wait()
    slow_write.may_go_on.set()
    await asyncio.wait([one, two], timeout=0.1)  # what it does now has to be right however far it gets
    slower_write.may_go_on.set()
    found = await asyncio.gather(one, two, return_exceptions=True)
    made = [one for one in found if not isinstance(one, BaseException)]
    assert len(made) == 1 and all(isinstance(one, SessionExistsError) for one in found if one not in made)
    state = await service_on(inner).get_session(CALL)
    assert state is not None and state.caller == made[0].caller


@pytest.mark.parametrize("fields", [{}, {"audio_buffer": [b"x" * 100]}])
@pytest.mark.parametrize("user_id", [None, "ann"])
async def test_what_cannot_be_made_leaves_nothing(
    fields: dict[str, Any], user_id: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrong message is told before anything is written; the id is free at once."""
    storage = storage_in_memory()
    service = service_on(storage)
    with monkeypatch.context() as patch:
        patch.setattr("voxsession.session.calls.book.message_from_dict", refusing)
        with pytest.raises(ConfigurationError):
            await service.create_session(
                CALL, user_id=user_id, conversation_history=talk("good", "bad"), **fields
            )
    assert await service.get_session(CALL) is None
    pointers = await storage.list_sessions(kind="pointer")
    assert [one for one in pointers if str(one["session_id"]).startswith("call-")] == []
    made = await service.create_session(CALL, user_id=user_id, conversation_history=talk("good"))
    assert made.conversation_history == talk("good")


@pytest.mark.parametrize("user_id", [None, "ann"])
async def test_a_call_begins_with_its_words_and_its_sound(user_id: str | None) -> None:
    """Whoever finds it finds it whole, wherever the process that made it died."""
    for place in range(12):
        inner = storage_in_memory()
        await service_on(inner).create_session("earlier", user_id="ann")
        watched = WatchedStorage(inner)
        left = [place]

        async def kill(name: str, call: Any, left: list[int] = left) -> Any:
            left[0] -= name in ("save", "append", "save_page")
            if left[0] < 0:
                raise Killed
            return await call()

        watched.mishap = kill
        with contextlib.suppress(Killed):
            await service_on(watched).create_session(
                CALL, user_id=user_id, conversation_history=talk("a", "b"), audio_buffer=[b"x" * 50]
            )
        found = await service_on(inner).get_session(CALL)
        if found is not None:
            assert (found.conversation_history, found.audio_buffer) == (talk("a", "b"), [b"x" * 50])
        if left[0] > 0:
            return
    raise AssertionError("more writes than a call takes")


@pytest.mark.parametrize("chunks", [[b""], [b"", b"x"], [b"", b"", b"y" * 600_000, b""]])
async def test_sound_may_begin_with_an_empty_chunk(chunks: list[bytes]) -> None:
    """As a stream does that has not heard anything yet."""
    service = service_on(storage_in_memory())
    assert (await service.create_session(CALL, audio_buffer=chunks)).audio_buffer == chunks
    await service.create_session("d")
    assert await service.update_session("d", audio_buffer=chunks)
    assert (await service.get_session("d")).audio_buffer == chunks  # type: ignore[union-attr]


async def test_an_imported_call_does_not_block_its_id() -> None:
    """What a bundle says of a call is not believed, whatever it is; an ended one stays ended."""
    service = service_on(storage_in_memory())
    state = await service.create_session(CALL, user_id="ann", conversation_history=talk("a", "b"))
    async with await service.voxon.load_session(str(state.session_id)) as session:
        bundle: Any = await session.export_full(include_sensitive=True)
    other = service_on(storage_in_memory())
    async with await other.voxon.import_session(bundle) as imported:
        session_id = imported.session_id
        assert imported._core.data.conversations[CALL].call is None
    assert await other.get_session(CALL) is None
    made = await other.create_session(CALL, session_id=session_id, user_id="ann")
    assert made.conversation_history == talk("a", "b"), "it was asked to go on with this conversation"
    assert (await other.resume_session(CALL)) is not None
    anywhere = service_on(storage_in_memory())
    await (await anywhere.voxon.import_session(bundle)).close()
    fresh = await anywhere.get_or_create_session(CALL, user_id="ann")
    assert fresh.conversation_history == []


@pytest.mark.parametrize(
    "forged", [{"token": 5}, {"status": ["ended"]}, {"audio": "x"}, {"function_calls": 3}]
)
def test_what_a_bundle_says_of_a_call_is_not_believed(forged: dict[str, Any]) -> None:
    """Only that it had ended is."""
    now = clock_at().now()
    entry = ConversationEntry(id=CALL, started_at=now, opened_at=now, last_at=now, call=forged)
    assert without_call(entry).call is None
    ended = evolve(entry, call={**forged, "status": "ended"})
    assert without_call(ended).call == {"status": "ended"}


async def test_a_stranger_s_fallback_takes_nothing() -> None:
    """It is refused like any other resumption, and the call goes on."""
    service = service_on(storage_in_memory(), fallback_to_new=True)
    await service.create_session(CALL, user_id="ann", caller="ann's")
    assert await service.resume_session(CALL, user_id="eve") is None
    assert (await service.get_session(CALL, user_id="ann")).caller == "ann's"  # type: ignore[union-attr]


async def test_several_fall_back_at_once() -> None:
    """One gets the new call, the others are told that somebody else has it, or take it up when it is there."""
    inner = storage_in_memory()
    services = [service_on(inner, fallback_to_new=True) for _ in range(3)]
    await services[0].create_session(CALL, user_id="ann")
    await services[0].end_session(CALL)
    found = await asyncio.gather(
        *(one.resume_session(CALL, user_id="ann") for one in services), return_exceptions=True
    )
    got = [one for one in found if not isinstance(one, ConflictError)]
    assert sorted(one.resumed_count for one in got) == [*range(len(got))] and got
    assert (await service_on(inner).get_session(CALL)).resumed_count == len(got) - 1  # type: ignore[union-attr]


async def test_falling_back_from_a_deleted_conversation() -> None:
    """The new call gets a session of its own; so it does where one was cleaned up, without its old words."""
    clock = clock_at()
    service = service_on(storage_in_memory(), clock=clock, fallback_to_new=True)
    first = await service.create_session(CALL, user_id="ann", conversation_history=talk("old"))
    async with await service.voxon.load_session(str(first.session_id)) as session:
        await session.delete_conversation(CALL)
    second = await service.resume_session(CALL, user_id="ann")
    assert second is not None and second.session_id != first.session_id
    await service.update_session(CALL, conversation_history=talk("second"))
    clock.advance(hours=30)
    assert await service.cleanup_expired_sessions(24) == 1
    third = await service.resume_session(CALL, user_id="ann")
    assert third is not None and third.conversation_history == []
    clock.advance(hours=30)
    assert await service.cleanup_expired_sessions(24) == 1
    assert (await service.create_session(CALL, user_id="ann")).conversation_history == []


async def test_whoever_dies_in_a_fallback_leaves_nothing_for_good(monkeypatch: pytest.MonkeyPatch) -> None:
    """At whatever write: once the new call is there, clean-up takes from the old one what nobody removed."""
    monkeypatch.setattr("voxsession.calls.making.PROMISE_SECONDS", 0.02)
    for place in range(12):
        inner, clock = storage_in_memory(), clock_at()
        made = await service_on(inner, clock=clock).create_session(
            CALL, user_id="ann", audio_buffer=[b"secret" * 9]
        )
        clock.advance(hours=30)
        watched = WatchedStorage(inner)
        has_died = await dies_at(service_on(watched, clock=clock, fallback_to_new=True), watched, place)
        other = service_on(inner, clock=clock, fallback_to_new=True)
        assert await other.resume_session(CALL, user_id="ann") is not None
        clock.advance(hours=1)
        await other.cleanup_expired_sessions(24)
        new = await other.get_session(CALL)
        assert new is not None and new.session_id != made.session_id
        assert await inner.list_pages(str(made.session_id)) == [], place
        async with await other.voxon.load_session(str(made.session_id)) as session:
            assert session._core.data.conversations[CALL].call is None
        if not has_died:
            return
    raise AssertionError("more writes than a fallback takes")


async def test_a_fallback_that_nobody_repeats_leaves_nothing_either() -> None:
    """The id was promised, the new call never written: clean-up takes the promise and what the old call kept."""
    inner, clock = storage_in_memory(), clock_at()
    made = await service_on(inner, clock=clock).create_session(
        CALL, user_id="ann", audio_buffer=[b"secret" * 9]
    )
    clock.advance(hours=30)
    watched = WatchedStorage(inner)
    assert await dies_at(service_on(watched, clock=clock, fallback_to_new=True), watched, 1)
    clock.advance(hours=2)
    other = service_on(inner, clock=clock)
    await other.cleanup_expired_sessions(24)
    assert (await other.get_session_stats())["total_sessions"] == 0
    assert await inner.list_pages(str(made.session_id)) == []
