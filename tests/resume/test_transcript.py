"""Items of platforms as messages of a conversation, and back."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.core.strategies import json_objects
from tests.resume.services import service_on, talk
from voxsession import MemorySessionStorage

ITEMS: list[dict[str, Any]] = [
    {"type": "input", "text": "Hello"},
    {"type": "output", "text": "Hi", "at": "2026-01-01T00:00:00", "n": [1, {"a": None}]},
    {"role": "user", "content": "as chat has it"},
    {"role": "assistant", "content": "so too"},
    {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "in parts"}]},
    {"type": "input", "text": ""},
    {"type": "dtmf", "digit": "5"},
    {"type": "transfer", "text": "to the desk"},
    {},
    {"type": "function_call", "call_id": "f1", "name": "look_up", "arguments": '{"id": 7}'},
    {"type": "function_call_output", "call_id": "f1", "output": "found"},
]


@pytest.fixture
def memory() -> MemorySessionStorage:
    """An empty storage."""
    return MemorySessionStorage(max_sessions=None, cleanup_interval=None)


async def test_items_come_back_as_they_were(memory: MemorySessionStorage) -> None:
    """Each form, in order, in another process; the model sees their texts under the right roles."""
    await service_on(memory).create_session("c", conversation_history=ITEMS)
    service = service_on(memory)
    state = await service.resume_session("c")
    assert state is not None and state.conversation_history == ITEMS

    async with await service.voxon.load_session(str(state.session_id)) as session:
        said = [(m.role, m.content) for m in await (await session.resume_conversation("c")).history()]
    assert said[:5] == [
        ("user", "Hello"),
        ("assistant", "Hi"),
        ("user", "as chat has it"),
        ("assistant", "so too"),
        ("user", "in parts"),
    ]
    assert ("user", "to the desk") in said and ("tool", "found") in said


@settings(max_examples=25)
@example([ITEMS[-1], ITEMS[-2]], 1)
@example([ITEMS[-2], ITEMS[-1], ITEMS[-1]], 3)
@example([ITEMS[-2], ITEMS[0], ITEMS[-1]], 3)
@given(st.lists(json_objects | st.sampled_from(ITEMS), max_size=8), st.integers(0, 8))
async def test_any_history_round_trips(items: list[dict[str, Any]], cut: int) -> None:
    """Whatever an item holds; what is shorter shortens it where it is to replace what was said."""
    service = service_on(MemorySessionStorage(max_sessions=None, cleanup_interval=None))
    await service.create_session("c", conversation_history=items)
    state = await service.get_session("c")
    assert state is not None and state.conversation_history == items
    await service.update_session("c", conversation_history=items[:cut], replace_history=True)
    shorter = await service.get_session("c")
    assert shorter is not None and shorter.conversation_history == items[:cut]


async def test_writing_back_what_was_read_records_no_message(memory: MemorySessionStorage) -> None:
    """Nothing is erased and nothing said anew, however often a whole state is written back."""
    service = service_on(memory)
    state = await service.create_session("c", conversation_history=[*ITEMS, *talk("a", "b")])
    for _ in range(3):
        await service.update_session("c", **vars(state))
        found = await service.get_session("c")
        assert found is not None
        state = found
    async with await service.voxon.load_session(str(state.session_id)) as session:
        assert session.get_analytics()["message_count"] == len(ITEMS) + 2


async def test_an_interrupted_reply_is_what_was_heard(memory: MemorySessionStorage) -> None:
    """The history of a call holds what reached the caller."""
    service = service_on(memory)
    state = await service.create_session(
        "c",
        conversation_history=[{"type": "input", "text": "?"}, {"type": "output", "text": "a b c", "id": 9}],
    )
    async with await service.voxon.load_session(str(state.session_id)) as session:
        await (await session.resume_conversation("c")).interrupt(heard="a")
    found = await service.get_session("c")
    assert found is not None and found.conversation_history[1] == {"type": "output", "text": "a", "id": 9}


async def test_an_output_that_comes_later_is_still_the_outcome(memory: MemorySessionStorage) -> None:
    """The caller said something while the function ran: the history keeps its order, and the function is done."""
    service = service_on(memory)
    items = [ITEMS[-2], ITEMS[0], ITEMS[-1]]
    state = await service.create_session("c", conversation_history=items)
    assert state.conversation_history == items
    assert [(row["call_id"], row["status"], row["result"]) for row in state.function_calls] == [
        ("f1", "completed", "found")
    ]
