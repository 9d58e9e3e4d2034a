"""Functions of calls: begun once, never run twice, told as unknown where nobody knows."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.resume.services import service_on
from tests.session.stores import voxon_on
from voxsession import ConfigurationError, MemorySessionStorage, SessionConfig
from voxsession.resume import SessionManagerService
from voxsession.testing import ScriptedModel


@pytest.fixture
def memory() -> MemorySessionStorage:
    """An empty storage."""
    return MemorySessionStorage(max_sessions=None, cleanup_interval=None)


async def _functions(service: SessionManagerService) -> dict[str, Any]:
    state = await service.get_session("c")
    assert state is not None
    return {str(row.get("call_id")): row for row in state.function_calls}


async def test_of_many_one_begins(memory: MemorySessionStorage) -> None:
    """Twenty services ask for one function at the same moment: one is told to run it."""
    await service_on(memory).create_session("c")
    services = [service_on(memory) for _ in range(20)]
    answers = await asyncio.gather(*(one.begin_function_call("c", "f1", name="pay") for one in services))
    assert sorted(answers) == [False] * 19 + [True]


async def test_what_was_begun_is_unknown_after_a_resumption(memory: MemorySessionStorage) -> None:
    """It is not begun again; what waited still may be, what was done stays done."""
    service = service_on(memory)
    waiting = {"call_id": "waits", "name": "mail", "status": "pending"}
    done = {"call_id": "done", "name": "find", "status": "completed", "result": 7}
    await service.create_session("c", function_calls=[waiting, done, {"name": "no id, no result"}])
    assert await service.begin_function_call("c", "begun", name="pay", arguments={"sum": 5})

    resumed = await service_on(memory).resume_session("c")

    assert resumed is not None
    told = {row.get("call_id"): row["status"] for row in resumed.function_calls}
    assert told == {"waits": "pending", "done": "completed", None: "unknown", "begun": "unknown"}
    assert (await _functions(service))["begun"]["arguments"] == {"sum": 5}
    for call_id, may in (("begun", False), ("done", False), ("waits", True), ("waits", False)):
        assert await service.begin_function_call("c", call_id) is may, call_id


async def test_an_outcome_is_kept(memory: MemorySessionStorage) -> None:
    """Results and failures survive; a result that comes after a resumption takes the place of not knowing."""
    service = service_on(memory)
    await service.create_session("c")
    for call_id in ("good", "bad", "late"):
        await service.begin_function_call("c", call_id)
    await service.finish_function_call("c", "good", result={"ok": True})
    await service.finish_function_call("c", "bad", error="no money")
    await service_on(memory).resume_session("c")
    assert (await _functions(service))["late"]["status"] == "unknown"
    await service.finish_function_call("c", "late", result=None)

    found = await _functions(service_on(memory))
    assert (found["good"]["status"], found["good"]["result"]) == ("completed", {"ok": True})
    assert (found["bad"]["status"], found["bad"]["error"]) == ("failed", "no money")
    assert found["late"]["status"] == "completed"
    assert not await service.begin_function_call("c", "late")


async def test_unknown_and_ended_calls_begin_nothing(memory: MemorySessionStorage) -> None:
    """And what is no JSON is refused before anything is noted."""
    service = service_on(memory)
    assert not await service.begin_function_call("c", "f1")
    assert not await service.finish_function_call("c", "f1", result=1)
    await service.create_session("c")
    for bad in ({"arguments": object()}, {"arguments": {1: 2}}, {"name": ""}, {"arguments": "x" * 2_000_000}):
        with pytest.raises(ConfigurationError):
            await service.begin_function_call("c", "f1", **bad)
    for bad_id in ("", 7, "x" * 201, "\ud800"):
        with pytest.raises(ConfigurationError):
            await service.begin_function_call("c", bad_id)  # type: ignore[arg-type]
    assert await _functions(service) == {}
    await service.end_session("c")
    assert not await service.begin_function_call("c", "f1")


async def test_a_call_keeps_so_many_functions(memory: MemorySessionStorage) -> None:
    """The next one is refused with the remedy, and nothing is lost."""
    service = service_on(memory)
    done = [{"call_id": f"f{number}", "status": "completed", "result": 1} for number in range(1000)]
    await service.create_session("c", function_calls=done)
    with pytest.raises(ConfigurationError, match="without those that are done"):
        await service.begin_function_call("c", "one more")
    await service.update_session("c", function_calls=done[-10:])
    assert await service.begin_function_call("c", "one more")


async def test_functions_of_the_model_are_told_too(memory: MemorySessionStorage) -> None:
    """What the model called in the conversation itself stands in the state, a lost one as unknown."""
    service = service_on(memory)
    state = await service.create_session("c", user_id="ann")
    call = {"id": "m1", "type": "function", "function": {"name": "status", "arguments": '{"order": 5}'}}
    lost = {"id": "m2", "type": "function", "function": {"name": "pay", "arguments": "{}"}}
    async with voxon_on(memory) as voxon, await voxon.load_session(str(state.session_id)) as session:
        conversation = await session.resume_conversation("c")
        await conversation.add_messages(
            [
                {"role": "user", "content": "Where is order 5?"},
                {"role": "assistant", "content": None, "tool_calls": [call]},
                {"role": "tool", "content": "on its way", "tool_call_id": "m1"},
                {"role": "assistant", "content": "On its way."},
                {"role": "user", "content": "Pay it."},
                {"role": "assistant", "content": None, "tool_calls": [lost]},
            ]
        )
    before = await _functions(service)
    assert before["m2"]["status"] == "begun"
    resumed = await service.resume_session("c")
    assert resumed is not None
    rows = {row["call_id"]: row for row in resumed.function_calls}
    assert (rows["m1"]["arguments"], rows["m1"]["result"]) == ({"order": 5}, "on its way")
    assert rows["m2"]["status"] == "unknown"
    # Written back, they stay the conversation's: nothing is kept twice.
    await service.update_session("c", **vars(resumed))
    assert (await _functions(service)).keys() == {"m1", "m2"}


async def test_a_resumed_conversation_goes_on_with_the_model(memory: MemorySessionStorage) -> None:
    """The model is shown what was said before the line dropped."""
    model = ScriptedModel(["Hello again"])
    service = SessionManagerService(voxon_on(memory, model=model))
    await service.create_session(
        "c", user_id="ann", conversation_history=[{"type": "input", "text": "My order is 4711"}]
    )
    resumed = await service.resume_session("c")
    assert resumed is not None
    async with await service.voxon.load_session(str(resumed.session_id)) as session:
        assert isinstance(session.config, SessionConfig)
        conversation = await session.resume_conversation("c")
        assert await conversation.send_message("Are you there?") == "Hello again"
    assert any("4711" in str(one["content"]) for one in model.requests[0].messages)
