"""Calls: made, found, changed, resumed, ended, each the same on every storage."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.resume.services import NOON, clock_at, service_on, talk
from tests.session.stores import contents, user_says, voxon_on
from voxsession import (
    ConfigurationError,
    ConflictError,
    MemorySessionStorage,
    SessionEndedError,
    SessionExistsError,
    SessionNotFoundError,
    SessionStorage,
    VoxonConfig,
)
from voxsession.resume import SessionManagerService, SessionState, SessionStatus

CALL = "conversation-123"


@pytest.fixture
async def memory() -> AsyncIterator[SessionStorage]:
    """An empty storage in memory, for what no storage has a part in."""
    yield MemorySessionStorage(max_sessions=None, cleanup_interval=None)


async def test_a_call_goes_on_in_another_process(storage: SessionStorage) -> None:
    """Words, functions, sound, ids and the app's own data are as they were, and the resumption is counted."""
    first = service_on(storage)
    before = await first.create_session(
        CALL, user_id="ann", status=SessionStatus.ACTIVE, media_format="pcm16", caller="+39 055 1"
    )
    before.conversation_history = talk("I am Ann and I need help", "How can I help you?")
    before.function_calls = [{"call_id": "f1", "name": "look_up", "status": "completed", "result": [1, 2]}]
    before.audio_buffer = [bytes(range(256)) * 40, b"", b"\x00\xff"]
    before.audio_metadata, before.metadata = {"rate_hz": 16_000}, {"ticket": {"id": 7}}
    before.openai_session_id, before.active_response_id = "sess_o", "resp_1"
    before.current_turn, before.error_count, before.last_error = 3, 1, "a hiccup"
    assert await first.update_session(CALL, **vars(before))

    resumed = await service_on(storage).resume_session(CALL, user_id="ann")

    assert resumed is not None
    assert (resumed.resumed_count, resumed.status) == (1, SessionStatus.ACTIVE)
    for name in (
        "conversation_id session_id media_format caller conversation_history function_calls audio_buffer "
        "audio_metadata metadata openai_session_id active_response_id current_turn error_count last_error created_at"
    ).split():
        assert getattr(resumed, name) == getattr(before, name), name
    assert resumed.last_activity >= before.last_activity


async def test_it_is_one_truth_with_the_session(storage: SessionStorage) -> None:
    """The call's words are the conversation's, from either side, and what it taught is the session's."""
    service = service_on(storage)
    state = await service.create_session(CALL, user_id="ann")
    await service.update_session(CALL, conversation_history=talk("My name is Ann", "Hello Ann"))

    async with voxon_on(storage) as voxon:
        session = await voxon.load_session(str(state.session_id), user_id="ann")
        conversation = await session.resume_conversation(CALL)
        assert contents(conversation.messages) == ["My name is Ann", "Hello Ann"]
        assert await conversation.send_message("What's my name?") == "Your name is Ann."
        await session.close()

    resumed = await service.resume_session(CALL)
    assert resumed is not None and len(resumed.conversation_history) == 4
    assert resumed.conversation_history[3] == {"type": "output", "text": "Your name is Ann."}


async def test_a_person_has_one_session_for_all_calls(memory: SessionStorage) -> None:
    """Calls of one person are conversations of one session; without a person each has a session of its own."""
    service = service_on(memory)
    first, second = [await service.create_session(f"c{n}", user_id="ann") for n in range(2)]
    alone, other = [await service.create_session(f"n{n}") for n in range(2)]
    named = await service.create_session("c9", user_id="ann", session_id="chosen")

    assert first.session_id == second.session_id != alone.session_id != other.session_id
    assert named.session_id == "chosen"
    with pytest.raises(SessionNotFoundError):
        await service.create_session("c10", user_id="bob", session_id="chosen")
    assert await service.get_session("c10") is None


async def test_reasons_are_told(memory: SessionStorage) -> None:
    """Each refusal has its own words, and resuming gives None for each of them."""
    clock = clock_at()
    limits = VoxonConfig(max_resume_attempts=2, max_resume_age_hours=24)
    service = service_on(memory, clock=clock, limits=limits)
    assert await service.validate_session_resume(CALL) == (False, "Session not found")
    await service.create_session(CALL)
    assert await service.validate_session(CALL) == (True, "Valid resume request")
    clock.advance(hours=24)
    assert await service.validate_session_resume(CALL) == (True, "Valid resume request")
    clock.advance(seconds=1)
    assert await service.validate_session_resume(CALL) == (False, "Session too old to resume")
    assert await service.resume_session(CALL) is None
    await service.update_session(CALL)
    for count in (1, 2):
        resumed = await service.resume_session(CALL)
        assert resumed is not None and resumed.resumed_count == count
    assert await service.validate_session_resume(CALL) == (False, "Maximum resume attempts exceeded")
    assert await service.resume_session(CALL) is None
    assert await service.end_session(CALL, "caller hung up")
    assert await service.validate_session_resume(CALL) == (False, "Session already ended")
    assert await service.resume_session(CALL) is None
    assert service.counts.as_dict()["failed_resumes_by_reason"] == {
        "Session too old to resume": 1,
        "Maximum resume attempts exceeded": 1,
        "Session already ended": 1,
    }


async def test_an_ended_call_stays_ended(storage: SessionStorage) -> None:
    """Its words can be read; nothing resumes it, whoever asks, and the first reason stays."""
    service = service_on(storage)
    await service.create_session(CALL, user_id="ann", conversation_history=talk("bye"))
    assert await service.end_session(CALL, "caller hung up")
    assert await service.end_session(CALL, "once more")
    assert await service.update_session(CALL, status="active", last_error="late")

    state = await service_on(storage).get_session(CALL)
    assert state is not None and state.status == SessionStatus.ENDED
    assert state.metadata["end_reason"] == "caller hung up" and state.last_error == "late"
    assert state.conversation_history == talk("bye")
    async with voxon_on(storage) as voxon:
        session = await voxon.load_session(str(state.session_id))
        with pytest.raises(SessionEndedError):
            await session.resume_conversation(CALL)
        assert session.status == "active"
    with pytest.raises(SessionExistsError):
        await service.create_session(CALL)


async def test_a_conversation_that_was_closed_can_be_resumed(memory: SessionStorage) -> None:
    """Leaving the block of a conversation ends no call; ending the whole session does."""
    service = service_on(memory)
    state = await service.create_session(CALL)
    async with await service.voxon.load_session(str(state.session_id)) as session:
        async with session.resume_conversation(CALL):
            pass
    assert await service.resume_session(CALL) is not None
    async with await service.voxon.load_session(str(state.session_id)) as session:
        await session.end()
    assert await service.validate_session_resume(CALL) == (False, "Session already ended")


async def test_strangers_find_nothing(storage: SessionStorage) -> None:
    """Another person's call is not found, and cannot be changed, ended, resumed or taken."""
    service = service_on(storage)
    await service.create_session(CALL, user_id="ann")
    stranger: dict[str, Any] = {"user_id": "eve"}

    assert await service.get_session(CALL, **stranger) is None
    assert await service.resume_session(CALL, **stranger) is None
    assert await service.validate_session_resume(CALL, **stranger) == (False, "Session not found")
    assert not await service.update_session(CALL, caller="eve", **stranger)
    assert not await service.end_session(CALL, **stranger)
    assert not await service.pause_session(CALL, **stranger)
    assert not await service.begin_function_call(CALL, "f1", **stranger)
    with pytest.raises(SessionExistsError):
        await service.get_or_create_session(CALL, **stranger)
    assert (await service.resume_session(CALL, user_id="ann")) is not None


async def test_only_calls_of_the_service_are_found(memory: SessionStorage) -> None:
    """A plain conversation is no call; made one by its owner, it is found with what was said before."""
    async with voxon_on(memory) as voxon, voxon.session("ann", session_id="s") as session:
        await (await session.start_conversation("plain")).add_messages(user_says("said before"))
    service = service_on(memory)
    assert await service.get_session("plain") is None
    assert await service.resume_session("plain") is None

    state = await service.create_session("plain", user_id="ann", session_id="s")
    assert state.conversation_history == talk("said before")


async def test_updates_change_what_they_name(storage: SessionStorage) -> None:
    """Other fields stay; reading is no activity, an update is one; an unknown call is False."""
    clock = clock_at()
    service = service_on(storage, clock=clock)
    assert not await service.update_session(CALL, caller="x")
    await service.create_session(CALL, caller="first", bot_name="robin")
    clock.advance(minutes=5)
    assert await service.pause_session(CALL, reason="on hold")
    paused = await service.get_session(CALL)
    clock.advance(minutes=5)
    assert paused == await service.get_session(CALL)
    assert await service.update_session(CALL, caller="second")
    state = await service.get_session(CALL)

    assert paused is not None and state is not None
    assert (paused.status, paused.metadata) == (SessionStatus.PAUSED, {"pause_reason": "on hold"})
    assert (state.caller, state.bot_name, state.status) == ("second", "robin", SessionStatus.PAUSED)
    assert (state.last_activity - paused.last_activity).total_seconds() == 300
    assert await service.update_session(CALL, last_activity=NOON)
    moved = await service.get_session(CALL)
    assert moved is not None and moved.last_activity == NOON


async def test_a_history_replaces_what_was_said(storage: SessionStorage) -> None:
    """Where that is asked for: what both begin with stays, the rest is said anew; what was erased is read nowhere."""
    service = service_on(storage)
    state = await service.create_session(CALL, conversation_history=talk("one", "two", "wrongly heard"))
    await service.update_session(
        CALL, conversation_history=talk("one", "two", "three", "four"), replace_history=True
    )
    await service.update_session(CALL, conversation_history=talk("one", "two", "three", "four", "five"))

    async with voxon_on(storage) as voxon:
        session = await voxon.load_session(str(state.session_id))
        said = [m for m in await (await session.resume_conversation(CALL)).history() if not m.redacted]
    assert contents(said) == ["one", "two", "three", "four", "five"]
    assert len({message.id for message in said}) == 5
    await service.update_session(CALL, conversation_history=[], replace_history=True)
    empty = await service.get_session(CALL)
    assert empty is not None and empty.conversation_history == []


async def test_a_refused_resumption_may_give_a_new_call(storage: SessionStorage) -> None:
    """Where that was chosen, the id leads to a new call in a session of its own; the old one stays readable."""
    service = service_on(storage, fallback_to_new=True)
    made_anew = await service.resume_session("never-made", user_id="ann")
    assert made_anew is not None and made_anew.resumed_count == 0
    old = await service.create_session(CALL, user_id="ann", conversation_history=talk("before"))
    await service.end_session(CALL)

    new = await service.resume_session(CALL, user_id="ann")

    assert new is not None and new.resumed_count == 0 and new.conversation_history == []
    assert new.session_id != old.session_id
    async with voxon_on(storage) as voxon:
        session = await voxon.load_session(str(old.session_id))
        with pytest.raises(SessionEndedError):
            await session.resume_conversation(CALL)
    again = await service.resume_session(CALL, user_id="ann")
    assert again is not None and (again.resumed_count, again.session_id) == (1, new.session_id)
    receipt = await service.voxon.delete_session(str(old.session_id))
    assert receipt.counts["calls"] == 1, "the first one alone, which lay in the same session"
    assert await service.get_session(CALL) is not None, "the id is the new call's"
    # A stranger does not take the id, and is told no more than of one that is not there.
    assert await service.resume_session(CALL, user_id="eve") is None
    assert await service.get_session(CALL, user_id="ann") is not None


async def test_cleaning_up_takes_the_state_and_leaves_the_session(storage: SessionStorage) -> None:
    """Old calls lose pointer, record and sound; sessions, messages and calls in use stay."""
    clock = clock_at()
    service = service_on(storage, clock=clock)
    old = await service.create_session("old", audio_buffer=[b"a" * 5000], conversation_history=talk("kept"))
    ended = await service.create_session("ended")
    await service.end_session("ended")
    clock.advance(hours=25)
    await service.create_session("recent")
    session_id = str(old.session_id)
    assert await service.cleanup_expired_sessions(max_age_hours=26) == 0
    assert len(await storage.list_pages(session_id)) == 1

    assert await service.cleanup_expired_sessions(max_age_hours=24) == 2

    assert await service.get_session("old") is None and await service.get_session("recent") is not None
    assert await storage.list_pages(session_id) == []
    assert len(await storage.list_sessions(kind="pointer")) == 1
    async with voxon_on(storage, clock=clock_at(clock.now(), "other")) as voxon:
        session = await voxon.load_session(session_id)
        assert contents((await session.resume_conversation("old")).messages) == ["kept"]
        closed = await voxon.load_session(str(ended.session_id))
        with pytest.raises(SessionEndedError):
            await closed.resume_conversation("ended")
    assert (await service.create_session("old")).session_id != session_id, "the id is free again"


async def test_what_the_sdk_says_keeps_a_call_alive(memory: SessionStorage) -> None:
    """A message that was recorded beside the service is activity of the call."""
    clock = clock_at()
    service = service_on(memory, clock=clock)
    state = await service.create_session(CALL)
    clock.advance(hours=23)
    async with await service.voxon.load_session(str(state.session_id)) as session:
        async with session.resume_conversation(CALL) as conversation:
            await conversation.add_messages(user_says("still here"))
    clock.advance(hours=2)
    assert await service.cleanup_expired_sessions(24) == 0
    assert await service.validate_session_resume(CALL) == (True, "Valid resume request")


async def test_deleting_takes_the_calls_along(storage: SessionStorage) -> None:
    """With a session, a person or a conversation go pointer, record and sound."""
    service = service_on(storage)
    state = await service.create_session("c1", user_id="ann", audio_buffer=[b"s" * 3000])
    await service.create_session("c2", user_id="ann", audio_buffer=[b"t" * 3000])
    session_id = str(state.session_id)
    async with await service.voxon.load_session(session_id) as session:
        await session.delete_conversation("c2")
    assert len(await storage.list_pages(session_id)) == 1 and await service.get_session("c2") is None
    pointers = [str(one["session_id"]) for one in await storage.list_sessions(kind="pointer")]
    assert sum(one.startswith("call-") for one in pointers) == 1, "nothing leads to the deleted one"
    assert (await service.get_session_stats())["active_sessions_count"] == 1
    receipt = await service.voxon.delete_session(session_id)
    assert receipt.counts["calls"] == 1
    assert await service.get_session("c1") is None
    assert await storage.list_sessions(kind="pointer") == []


async def test_an_ended_session_takes_no_updates(memory: SessionStorage) -> None:
    """Its calls can be read; changing them is refused, pausing and beginning functions is False."""
    service = service_on(memory)
    state = await service.create_session(CALL, conversation_history=talk("kept"))
    async with await service.voxon.load_session(str(state.session_id)) as session:
        await session.end()
    with pytest.raises(SessionEndedError):
        await service.update_session(CALL, caller="x")
    assert not await service.pause_session(CALL) and not await service.begin_function_call(CALL, "f")
    assert await service.end_session(CALL)
    found = await service.get_session(CALL)
    assert found is not None and found.conversation_history == talk("kept")
    with pytest.raises(SessionEndedError):
        await service.create_session("another", session_id=str(state.session_id))
    assert await service.get_session("another") is None


async def test_an_id_of_an_ended_call_that_was_cleaned_up(memory: SessionStorage) -> None:
    """It may be used again: the person's new call gets a session of its own, and none is named by hand."""
    clock = clock_at()
    service = service_on(memory, clock=clock)
    first = await service.create_session(CALL, user_id="ann")
    await service.end_session(CALL)
    clock.advance(hours=30)
    assert await service.cleanup_expired_sessions(24) == 1
    with pytest.raises(SessionEndedError):
        await service.create_session(CALL, user_id="ann", session_id=str(first.session_id))
    second = await service.create_session(CALL, user_id="ann")
    assert second.session_id != first.session_id
    assert (await service.resume_session(CALL, user_id="ann")) is not None


async def test_what_the_app_has_not_saved_is_no_hindrance(memory: SessionStorage) -> None:
    """A setting that another process changed too stays the app's conflict; the call is served all the same."""
    service = service_on(memory)
    state = await service.create_session(CALL)
    session = await service.voxon.load_session(str(state.session_id))
    session.config.temperature = 0.1
    async with voxon_on(memory) as other, await other.load_session(str(state.session_id)) as theirs:
        theirs.config.temperature = 0.9
    assert (await service.resume_session(CALL)).resumed_count == 1  # type: ignore[union-attr]
    assert (await service.get_session(CALL)).resumed_count == 1  # type: ignore[union-attr]
    with pytest.raises(ConflictError):
        await session.save()
    await session.reload(keep_pending=False)
    assert session.config.temperature == 0.9
    await session.close()


async def test_ids_are_checked_at_one_door(memory: SessionStorage) -> None:
    """Ids as hostile as session ids are refused by every method, before the storage is asked."""
    service = service_on(memory)
    for bad in ("", ".hidden", "../up", "a/b", "a\x00b", "ü", "x" * 201, "a b", "a\n", None, 7, b"x"):
        for method in (
            service.create_session,
            service.get_or_create_session,
            service.get_session,
            service.update_session,
            service.resume_session,
            service.end_session,
            service.pause_session,
            service.validate_session_resume,
        ):
            with pytest.raises(ConfigurationError):
                await method(bad)  # type: ignore[operator]
    longest = "x" * 200
    assert (await service.create_session(longest)).conversation_id == longest


async def test_ids_are_not_told_in_clear(memory: SessionStorage) -> None:
    """No clear field of any record has the id of a call, the caller or a word."""
    service = service_on(memory)
    await service.create_session("+39-055-secret", caller="+39-055-secret", audio_buffer=[b"AUDIO" * 500])
    for kind in ("session", "pointer"):
        for header in await memory.list_sessions(kind=kind):
            key = header["session_id"] if kind == "session" else f".pointer..{header['session_id']}"
            assert "secret" not in str(await memory.load(key))


@pytest.mark.parametrize(
    "fields",
    [
        {"caler": "x"},
        {"status": "gone"},
        {"status": 3},
        {"resumed_count": -1},
        {"resumed_count": True},
        {"caller": b"x"},
        {"caller": "x" * 3000},
        {"caller": "\ud800"},
        {"last_activity": "yesterday"},
        {"last_activity": 12},
        {"function_calls": [{"f": object()}]},
        {"function_calls": ["f"]},
        {"function_calls": {"f": 1}},
        {"function_calls": [{"call_id": 7}]},
        {"metadata": {"x": float("nan")}},
        {"metadata": {1: 2}},
        {"metadata": {"x": "y" * 2_000_000}},
        {"conversation_history": "hello"},
        {"conversation_history": [{"text": {1, 2}}]},
        {"audio_buffer": b"bytes"},
        {"audio_buffer": ["00"]},
        {"audio_buffer": [b"x"] * 20_001},
        {"conversation_id": "other"},
    ],
    ids=str,
)
async def test_bad_fields_change_nothing(memory: SessionStorage, fields: dict[str, Any]) -> None:
    """The error names the field; nothing of the update is done."""
    service = service_on(memory)
    before = await service.create_session(CALL)
    with pytest.raises(ConfigurationError) as told:
        await service.update_session(CALL, bot_name="changed", **fields)
    assert next(iter(fields)).split("[")[0] in str(told.value) or "fields of the call" in str(told.value)
    assert await service.get_session(CALL) == before


async def test_a_gigabyte_of_sound_is_refused_at_once(memory: SessionStorage) -> None:
    """It is counted, not copied: the same megabyte a thousand times takes no time and no memory."""
    service = service_on(memory)
    await service.create_session(CALL, audio_buffer=[b"kept"])
    with pytest.raises(ConfigurationError, match="audio_buffer has 1,048,576,000 bytes"):
        await service.update_session(CALL, audio_buffer=[bytes(1_048_576)] * 1000)
    state = await service.get_session(CALL)
    assert state is not None and state.audio_buffer == [b"kept"]


async def test_what_it_opens_it_closes() -> None:
    """A facade that was given stays open; a storage that was given stays the app's."""
    memory = MemorySessionStorage(cleanup_interval=None)
    config = VoxonConfig(session_encryption_key="pass:for the tests of resuming")
    async with SessionManagerService(memory, config=config) as service:
        await service.create_session(CALL)
        assert (await service.health_check())["status"] == "healthy"
    with pytest.raises(ConfigurationError, match="closed"):
        await service.get_session(CALL)
    async with service:  # starting it again opens it again
        assert (await service.get_session(CALL)) is not None
    async with SessionManagerService(memory, config=config) as service:
        assert (await service.get_session(CALL)) is not None
    with pytest.raises(ConfigurationError):
        SessionManagerService(memory, config={"storage": "memory"})  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError):
        SessionManagerService(object())
    async with service.voxon as voxon:
        async with SessionManagerService(voxon):
            pass
        assert isinstance(await SessionManagerService(voxon).get_session(CALL), SessionState)
