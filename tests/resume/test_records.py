"""What is written into the record of a call: nothing that another writer noted is lost, nothing goes back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.resume.services import NOON, clock_at, service_on, talk
from tests.session.stores import WatchedStorage, voxon_on
from tests.storages import made
from voxsession import (
    ConfigurationError,
    ConflictError,
    MemorySessionStorage,
    SessionStorage,
    UnsupportedFormatError,
)
from voxsession.core.message import Message
from voxsession.resume import SessionManagerService, SessionState, SessionStatus
from voxsession.resume.restoring import state_of
from voxsession.session.calls.book import CallBook
from voxsession.testing import FakeClock

CALL = "c"
Deed = Callable[[], Awaitable[Any]]


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.server)])
async def storage(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SessionStorage]:
    """An empty storage, in the process or on a server."""
    async with made(request.param, request, tmp_path) as empty:
        yield empty


class Race:
    """Two services of one call; what `first` does comes between what the late one read and what it writes."""

    def __init__(self, inner: SessionStorage) -> None:
        self.watched = WatchedStorage(inner)
        self.late = service_on(self.watched, clock=clock_at(seed="late"))
        self.first = service_on(inner, clock=clock_at(seed="first"))

    def before_write(self, deed: Deed) -> list[Any]:
        """Does it before the late one's next write; what it gave is in the list."""
        given: list[Any] = []

        async def come_between(name: str, call: Any) -> Any:
            if name in ("save", "append"):
                self.watched.mishap = None
                given.append(await deed())
            return await call()

        self.watched.mishap = come_between
        return given

    async def state(self) -> SessionState:
        """The call as it is stored."""
        state = await self.first.get_session(CALL)
        assert state is not None
        return state

    async def functions(self) -> dict[str, dict[str, Any]]:
        """Its functions by their ids."""
        return {str(row["call_id"]): row for row in (await self.state()).function_calls}


@pytest.fixture
def race(storage: SessionStorage) -> Race:
    """Two services of one storage."""
    return Race(storage)


def alone() -> tuple[SessionManagerService, FakeClock]:
    """A service with a clock that stands."""
    clock = clock_at()
    return service_on(MemorySessionStorage(max_sessions=None, cleanup_interval=None), clock=clock), clock


# --- functions


async def test_a_function_that_begins_while_the_call_is_resumed_runs_once(race: Race) -> None:
    """Who asked first was told to run it: the resumption that is written after that takes it in, as unknown."""
    await race.first.create_session(CALL)
    begun = race.before_write(lambda: race.first.begin_function_call(CALL, "pay", name="pay"))
    resumed = await race.late.resume_session(CALL)
    assert begun == [True] and resumed is not None
    assert [(row["call_id"], row["status"]) for row in resumed.function_calls] == [("pay", "unknown")]
    assert not await race.late.begin_function_call(CALL, "pay", name="pay")


async def test_a_result_that_comes_while_the_call_is_resumed_is_kept(race: Race) -> None:
    """Whichever of both is written first."""
    await race.first.create_session(CALL)
    await race.first.begin_function_call(CALL, "before")
    told = race.before_write(lambda: race.first.finish_function_call(CALL, "before", result={"paid": 5}))
    assert await race.late.resume_session(CALL) is not None and told == [True]

    await race.first.begin_function_call(CALL, "behind")
    resumed = race.before_write(lambda: race.first.resume_session(CALL))
    assert await race.late.finish_function_call(CALL, "behind", result={"paid": 7}) and resumed[0] is not None
    found = await race.functions()
    assert [found[one]["result"] for one in ("before", "behind")] == [{"paid": 5}, {"paid": 7}]
    assert {row["status"] for row in found.values()} == {"completed"}


async def test_of_two_outcomes_at_one_moment_one_counts(race: Race) -> None:
    """The other one is told."""
    await race.first.create_session(CALL)
    await race.first.begin_function_call(CALL, "pay")
    race.before_write(lambda: race.first.finish_function_call(CALL, "pay", result=1))
    with pytest.raises(ConflictError):
        await race.late.finish_function_call(CALL, "pay", error="no answer")
    assert (await race.functions())["pay"]["result"] == 1


async def test_nothing_begins_in_a_call_that_ends(race: Race) -> None:
    """It was ended between the look and the write."""
    await race.first.create_session(CALL)
    ended = race.before_write(lambda: race.first.end_session(CALL))
    assert not await race.late.begin_function_call(CALL, "pay")
    assert ended == [True] and await race.functions() == {}


async def test_a_whole_state_forgets_no_function() -> None:
    """A state from before the function was begun is written back, as a bridge does after each turn."""
    service, _ = alone()
    waiting = {"call_id": "waits", "name": "mail", "status": "pending"}
    early = await service.create_session(CALL, function_calls=[waiting])
    for call_id in ("pay", "waits"):
        assert await service.begin_function_call(CALL, call_id, arguments={"sum": 5})
    await service.finish_function_call(CALL, "pay", result={"paid": True})
    early.metadata = {"turn": 2}
    assert await service.update_session(CALL, **vars(early))

    state = await service.get_session(CALL)
    assert state is not None and state.metadata == {"turn": 2}
    found = {row["call_id"]: row for row in state.function_calls}
    assert (found["pay"]["status"], found["pay"]["result"]) == ("completed", {"paid": True})
    assert (found["waits"]["status"], found["waits"]["name"]) == ("begun", "mail")
    for call_id in ("pay", "waits"):
        assert not await service.begin_function_call(CALL, call_id)
    assert await service.update_session(CALL, function_calls=[{"call_id": "pay", "status": "forgotten"}])
    state = await service.get_session(CALL)
    assert state is not None and [row["call_id"] for row in state.function_calls] == ["waits"]


async def test_a_later_outcome_takes_the_place_of_the_earlier(race: Race) -> None:
    """A failure that is noted after a result does not stand beside it."""
    await race.first.create_session(CALL)
    await race.first.begin_function_call(CALL, "pay", name="pay")
    await race.first.finish_function_call(CALL, "pay", result=1)
    await race.late.finish_function_call(CALL, "pay", error="taken back")
    row = (await race.functions())["pay"]
    assert (row["status"], row["error"], row["name"]) == ("failed", "taken back", "pay")
    assert "result" not in row


@pytest.mark.parametrize("note", ["begin_function_call", "finish_function_call"])
async def test_a_call_in_which_functions_run_is_not_cleaned_up(note: str) -> None:
    """What is noted of a function is activity, also while a clean-up is about to remove the call."""
    service, clock = alone()
    await service.create_session(CALL)
    clock.advance(hours=48)
    assert await getattr(service, note)(CALL, "pay")
    state = await service.get_session(CALL)
    assert state is not None and state.last_activity == clock.now()
    assert await service.cleanup_expired_sessions(24) == 0

    race = Race(MemorySessionStorage(max_sessions=None, cleanup_interval=None))
    await race.first.create_session(CALL, last_activity=NOON - timedelta(hours=48))
    told = race.before_write(lambda: getattr(race.first, note)(CALL, "pay"))
    assert await race.late.cleanup_expired_sessions(24) == 0 and told == [True]
    assert (await race.functions()).keys() == {"pay"}


async def test_nor_is_one_whose_function_was_begun_by_a_clock_that_is_behind() -> None:
    """What it noted moves no activity on, and the clean-up sees it all the same."""
    storage = MemorySessionStorage(max_sessions=None, cleanup_interval=None)
    race = Race(storage)
    behind = service_on(storage, clock=clock_at(NOON - timedelta(hours=50), "behind"))
    await race.first.create_session(CALL, last_activity=NOON - timedelta(hours=48))
    race.before_write(lambda: behind.begin_function_call(CALL, "pay"))
    assert await race.late.cleanup_expired_sessions(24) == 0
    assert (await race.functions())["pay"]["status"] == "begun"


async def test_a_call_can_be_written_back_with_all_it_keeps() -> None:
    """Functions are bounded with the other fields; what is refused changes nothing and can be given shorter."""
    service, _ = alone()
    await service.create_session(CALL, metadata={"notes": "x" * 740_000})
    await service.begin_function_call(CALL, "f0", arguments="x" * 90_000)
    for number in range(1, 3):
        await service.begin_function_call(CALL, f"f{number}")
    await service.finish_function_call(CALL, "f1", result="y" * 99_000)
    with pytest.raises(ConfigurationError, match="are kept"):
        await service.begin_function_call(CALL, "late", arguments="x" * 90_000)
    await service.update_session(CALL, last_error="z" * 20_000)
    with pytest.raises(ConfigurationError, match="are kept"):
        await service.update_session(CALL, metadata={"notes": "x" * 900_000})
    with pytest.raises(ConfigurationError, match="are kept"):
        await service.update_session(CALL, function_calls=[{"call_id": "own", "result": "x" * 250_000}])
    await service.begin_function_call(CALL, "f3")
    await service.finish_function_call(CALL, "f2", result="y" * 70_000)
    with pytest.raises(ConfigurationError, match="are kept"):
        await service.finish_function_call(CALL, "f3", result="y" * 70_000)
    assert await service.finish_function_call(CALL, "f3", result="at https://example.org/f3")
    await service.update_session(CALL, audio_metadata={"rest": "x" * 20_000})
    await service.pause_session(CALL, reason="\u0001" * 2_000)

    state = await service.resume_session(CALL)
    assert state is not None
    assert SessionState.from_dict(state.to_dict()) == state
    state.current_turn += 1
    assert await service.update_session(CALL, **vars(state))


# --- when it was active


async def test_a_state_that_is_written_back_again_and_again_keeps_the_call_alive() -> None:
    """The time that it was read with is no news; a day later the call is neither refused nor cleaned up."""
    service, clock = alone()
    state = await service.create_session(CALL)
    for _ in range(4):
        clock.advance(hours=13)
        state.current_turn += 1
        assert await service.update_session(CALL, **vars(state))
        found = await service.get_session(CALL)
        assert found is not None and found.last_activity == clock.now()
    assert await service.validate_session_resume(CALL) == (True, "Valid resume request")
    assert await service.cleanup_expired_sessions(24) == 0


async def test_a_call_that_came_from_elsewhere_is_kept_alive_too() -> None:
    """It was given a `last_activity` when it was made, which is not taken for the present one later."""
    service, clock = alone()
    state = await service.create_session(CALL, last_activity=NOON - timedelta(hours=20))
    assert state.created_at == state.last_activity == NOON - timedelta(hours=20)
    for _ in range(2):
        state.current_turn += 1
        await service.update_session(CALL, **vars(state))
    found = await service.get_session(CALL)
    assert found is not None and found.last_activity == clock.now()


async def test_who_means_another_moment_gets_it() -> None:
    """Named alone, or from before the call began, which no state was read with."""
    service, clock = alone()
    state = await service.create_session(CALL)
    clock.advance(hours=3)
    earlier = NOON + timedelta(hours=1)
    await service.update_session(CALL, last_activity=earlier)
    found = await service.get_session(CALL)
    assert found is not None and found.last_activity == earlier
    state.last_activity = NOON - timedelta(hours=25)
    await service.update_session(CALL, **vars(state))
    found = await service.get_session(CALL)
    assert found is not None and found.last_activity == NOON - timedelta(hours=25)


# --- words, metadata


async def test_a_stale_state_does_not_slip_in_beside_a_resumption(race: Race) -> None:
    """It was checked before the call was resumed elsewhere, and is written after it: nothing of it is."""
    stale = await race.late.create_session(CALL, conversation_history=talk("one"))

    async def take_over() -> None:
        state = await race.first.resume_session(CALL)
        assert state is not None
        state.metadata, state.conversation_history = {"server": 2}, talk("one", "two")
        await race.first.update_session(CALL, **vars(state))

    race.before_write(take_over)
    stale.metadata, stale.status, stale.conversation_history = {"server": 1}, SessionStatus.PAUSED, []
    with pytest.raises(ConflictError, match="resumed elsewhere"):
        await race.late.update_session(CALL, **vars(stale))
    state = await race.state()
    assert (state.metadata, state.status) == ({"server": 2}, SessionStatus.ACTIVE)
    assert (state.conversation_history, state.resumed_count) == (talk("one", "two"), 1)


async def test_no_field_of_a_stale_state_slips_in(race: Race) -> None:
    """The same without words, which would tell as well."""
    await race.late.create_session(CALL)
    race.before_write(lambda: race.first.resume_session(CALL))
    with pytest.raises(ConflictError, match="resumed elsewhere"):
        await race.late.update_session(CALL, resumed_count=0, status="paused")
    assert (await race.state()).status is SessionStatus.ACTIVE


@pytest.mark.parametrize(
    ("before", "first", "late"),
    [
        ((), ("hi", "ho"), ("hi",)),
        (("hi",), ("hi", "ho"), ("hi", "ho")),
        (("old",), ("y",), ("x", "new")),
        (("a", "b", "c"), ("a",), ("a", "b", "c", "d")),
    ],
)
async def test_of_two_histories_one_is_said(
    race: Race, before: tuple[str, ...], first: tuple[str, ...], late: tuple[str, ...]
) -> None:
    """Two services replace what was said at the same moment: it is what the later of them gave, and no mixture."""
    await race.first.create_session(CALL, conversation_history=talk(*before))
    race.before_write(
        lambda: race.first.update_session(CALL, conversation_history=talk(*first), replace_history=True)
    )
    assert await race.late.update_session(
        CALL, conversation_history=talk(*late), caller="late", replace_history=True
    )
    state = await race.state()
    assert (state.conversation_history, state.caller) == (talk(*late), "late")


async def test_what_is_said_meanwhile_stays(race: Race) -> None:
    """Talk in the conversation itself while a history is written comes behind it."""
    state = await race.first.create_session(CALL, conversation_history=talk("one"))

    async def say() -> None:
        async with await race.first.voxon.load_session(str(state.session_id)) as session:
            conversation = await session.resume_conversation(CALL)
            await conversation.add_messages([{"role": "user", "content": "three"}])

    race.before_write(say)
    assert await race.late.update_session(CALL, conversation_history=talk("one", "two"))
    texts = [item["text"] for item in (await race.state()).conversation_history]
    assert sorted(texts) == ["one", "three", "two"]


async def test_what_a_withdrawn_history_taught_is_withdrawn_too() -> None:
    """The app holds the session open where the race was lost: what is saved later taught each thing once."""
    race = Race(MemorySessionStorage(max_sessions=None, cleanup_interval=None))
    race.late = service_on(race.watched)  # with ids of its own for each attempt
    made_state = await race.first.create_session(CALL, user_id="ann")
    held = await race.late.voxon.load_session(str(made_state.session_id))
    race.before_write(lambda: race.first.update_session(CALL, conversation_history=talk("hello")))
    await race.late.update_session(CALL, conversation_history=talk("My name is Alice."), replace_history=True)
    await held.close()
    async with await race.first.voxon.load_session(str(made_state.session_id)) as session:
        conversation = await session.resume_conversation(CALL)
        said = [message.id for message in await conversation.history() if not message.redacted]
        taught = [entry.message_id for entry in session.get_memory().entries if "Alice" in entry.content]
        evidence = session._core.data.evidence
    assert taught == said
    hours = sum(one.count for name, one in evidence.items() if name.startswith("hour."))
    assert hours == 2, "of two messages, one of which was erased"


@pytest.mark.parametrize("with_sound", [True, False])
async def test_two_services_of_one_facade_write_one_history(
    with_sound: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They share the live session, so nothing in the storage tells them apart; both have read before one writes."""
    voxon = voxon_on(MemorySessionStorage(max_sessions=None, cleanup_interval=None))
    services = [SessionManagerService(voxon) for _ in range(2)]
    await services[0].create_session(CALL, conversation_history=talk("start"))
    read, barrier, met = CallBook.history, asyncio.Barrier(2), list[CallBook]()

    async def read_together(book: CallBook, conversation_id: str) -> list[Message]:
        messages = await read(book, conversation_id)
        if len(met) < 2:
            met.append(book)
            await asyncio.wait_for(barrier.wait(), 30)
        return messages

    monkeypatch.setattr(CallBook, "history", read_together)
    histories = [talk("x", "y"), talk("x", "z", "more")]
    sound: dict[str, Any] = {"audio_buffer": [b"1" * 3000]} if with_sound else {}
    await asyncio.gather(
        *(
            one.update_session(CALL, conversation_history=h, replace_history=True, **sound)
            for one, h in zip(services, histories, strict=True)
        )
    )
    state = await services[0].get_session(CALL)
    assert state is not None and state.conversation_history in histories
    await voxon.close()


@pytest.mark.parametrize(("deed", "note"), [("pause_session", "pause_reason"), ("end_session", "end_reason")])
async def test_a_reason_is_put_beside_what_others_wrote(race: Race, deed: str, note: str) -> None:
    """Another service writes its metadata while the call is paused or ended."""
    await race.first.create_session(CALL, metadata={"ticket": 6})
    race.before_write(lambda: race.first.update_session(CALL, metadata={"ticket": 7}))
    assert await getattr(race.late, deed)(CALL, reason="on hold")
    assert (await race.state()).metadata == {"ticket": 7, note: "on hold"}


async def test_the_first_who_ends_a_call_says_why(race: Race) -> None:
    """The second one's reason is written nowhere."""
    await race.first.create_session(CALL)
    race.before_write(lambda: race.first.end_session(CALL, reason="hung up"))
    assert await race.late.end_session(CALL, reason="late")
    assert (await race.state()).metadata == {"end_reason": "hung up"}


@pytest.mark.parametrize("minutes", [-5, 5])
async def test_a_lost_function_of_the_model_is_unknown_whatever_clocks_say(minutes: int) -> None:
    """It was called before the resumption, by a server with another clock; one called after it has begun."""
    storage = MemorySessionStorage(max_sessions=None, cleanup_interval=None)
    here = service_on(storage, clock=clock_at(NOON + timedelta(minutes=minutes), "here"))
    there = service_on(storage, clock=clock_at(NOON, "there"))
    made_state = await here.create_session(CALL, conversation_history=talk("hello"))

    async def call_tool(service: SessionManagerService, call_id: str) -> None:
        call = {"id": call_id, "type": "function", "function": {"name": "pay", "arguments": "{}"}}
        async with await service.voxon.load_session(str(made_state.session_id)) as session:
            conversation = await session.resume_conversation(CALL)
            await conversation.add_messages([{"role": "assistant", "content": None, "tool_calls": [call]}])

    await call_tool(here, "lost")
    resumed = await there.resume_session(CALL)
    assert resumed is not None
    assert [(row["call_id"], row["status"]) for row in resumed.function_calls] == [("lost", "unknown")]
    await call_tool(here, "new")
    for service in (here, there):
        state = await service.get_session(CALL)
        assert state is not None
        assert {row["call_id"]: row["status"] for row in state.function_calls} == {
            "lost": "unknown",
            "new": "begun",
        }


# --- what is odd


async def test_a_call_that_was_ended_and_cleaned_up_while_it_was_read() -> None:
    """Its record is gone; what is left is told as an ended call of that conversation."""
    service, _ = alone()
    await service.create_session(CALL)
    call = await service._find(CALL, None)
    assert call is not None
    async with call:
        await service.end_session(CALL)
        await call.book.remove(CALL, call.record["token"])
        left = await call.book.entry(CALL)
        assert left is not None and left.call == {"status": "ended"}
        call.entry = left
        state = await state_of(call)
    assert (state.status, state.created_at) == (SessionStatus.ENDED, NOON)


async def test_a_status_of_a_newer_version_is_named() -> None:
    """It is no ValueError; and the call can still be ended."""
    service, _ = alone()
    await service.create_session(CALL)
    call = await service._find(CALL, None)
    assert call is not None
    async with call:
        await call.book.change(CALL, {"status": "transferred"})
    with pytest.raises(UnsupportedFormatError, match=r"call 'c'.*transferred"):
        await service.get_session(CALL)
    assert await service.end_session(CALL)
    state = await service.get_session(CALL)
    assert state is not None and state.status is SessionStatus.ENDED
