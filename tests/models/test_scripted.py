"""ScriptedModel answers by its script, and refuses what a chat endpoint would refuse."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.models.asking import request_of
from voxsession.core.struct import evolve
from voxsession.errors import ModelError
from voxsession.models.base import Model, ModelRequest, Reply
from voxsession.testing import ScriptedModel

CALL = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}


def with_messages(messages: list[dict[str, Any]]) -> ModelRequest:
    """A request of just these messages."""
    return evolve(request_of("x"), messages=messages)


async def test_answers_come_in_order_and_requests_are_kept() -> None:
    """Each request gets the next answer, as a `Reply`, and can be looked at afterwards."""
    model = ScriptedModel(["one", Reply("two", tool_calls=[CALL])])

    first, second = await model.respond(request_of("a")), await model.respond(request_of("b"))

    assert (first, second) == ("one", "two")
    assert isinstance(first, Reply)
    assert isinstance(second, Reply)
    assert second.tool_calls == [CALL]
    assert [request.messages[-1]["content"] for request in model.requests] == ["a", "b"]
    assert isinstance(model, Model)
    assert model.remaining == 0


async def test_a_script_that_is_used_up_says_so() -> None:
    """The request after the last answer is an error that says how many there were."""
    model = ScriptedModel(["only"])
    await model.respond(request_of("a"))

    with pytest.raises(ModelError, match="has 1 answers, and this is request 2"):
        await model.respond(request_of("b"))


async def test_an_exception_in_the_script_is_raised() -> None:
    """An exception is raised in its turn, and the script goes on."""
    model = ScriptedModel([TimeoutError("slow"), "fine"])

    with pytest.raises(TimeoutError, match="slow"):
        await model.respond(request_of("a"))
    assert await model.respond(request_of("a")) == "fine"


async def test_a_function_answers_from_the_request() -> None:
    """Plain and async functions of the request are called; what they give is the answer, even if it is none."""

    async def later(request: ModelRequest) -> str:
        return f"later {request.messages[-1]['content']}"

    model = ScriptedModel(
        [lambda request: f"now {request.messages[-1]['content']}", later, lambda request: None, KeyError]
    )

    assert [await model.respond(request_of("a")) for _ in range(3)] == ["now a", "later a", None]
    with pytest.raises(KeyError):
        await model.respond(request_of("a"))


async def chunks_of(model: ScriptedModel) -> list[str]:
    """All chunks of the next answer."""
    stream = await model.respond(request_of("a"))
    assert isinstance(stream, AsyncIterator)
    return [chunk async for chunk in stream]


async def test_a_text_is_streamed_in_words() -> None:
    """Chunks are words, or as many words as asked for, and together they are the text."""
    text = "  One two,\nthree  four."

    assert await chunks_of(ScriptedModel([text], stream=True)) == ["  One ", "two,\n", "three  ", "four."]
    assert "".join(await chunks_of(ScriptedModel([text], chunks=3))) == text
    assert len(await chunks_of(ScriptedModel([text], chunks=3))) == 2
    assert await chunks_of(ScriptedModel([""], stream=True)) == []


async def test_a_call_of_functions_is_not_streamed() -> None:
    """A reply with tool calls comes whole even where texts are streamed."""
    reply = await ScriptedModel([Reply(tool_calls=[CALL])], stream=True).respond(request_of("a"))

    assert isinstance(reply, Reply)
    assert reply.tool_calls == [CALL]


async def test_a_stream_can_be_left_early() -> None:
    """Between two chunks other tasks run, so that the reader can be interrupted."""
    stream = await ScriptedModel(["a b c d"], stream=True).respond(request_of("x"))
    assert isinstance(stream, AsyncIterator)
    heard: list[str] = []
    two_heard = asyncio.Event()

    async def listen() -> None:
        async for chunk in stream:
            heard.append(chunk)
            if len(heard) == 2:
                two_heard.set()

    task = asyncio.create_task(listen())
    await two_heard.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert heard[:2] == ["a ", "b "]
    assert len(heard) < 4


async def test_a_delayed_answer_can_be_cancelled() -> None:
    """A model that hangs is one with a long delay."""
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(ScriptedModel(["late"], delay_seconds=3600).respond(request_of("x")), 0.01)


REFUSED = [
    ([], "no messages"),
    ([{"role": "wizard", "content": "x"}], "role is 'wizard'"),
    ([{"content": "x"}], "role is None"),
    ([{"role": "user", "content": None}], "content is a NoneType"),
    ([{"role": "user", "content": [{"type": "text"}]}], "content is a list"),
    ([{"role": "user"}], "content is a NoneType"),
    ([{"role": "assistant", "content": None}], "content is a NoneType"),
    ([{"role": "tool", "content": "x", "tool_call_id": "call_1"}], "no call of that id"),
    (
        [{"role": "assistant", "content": None, "tool_calls": [CALL]}, {"role": "user", "content": "x"}],
        "have no result",
    ),
    ([{"role": "assistant", "content": None, "tool_calls": [CALL]}], "have no result"),
    (
        [
            {"role": "assistant", "content": "", "tool_calls": [CALL]},
            {"role": "tool", "content": "x", "tool_call_id": "call_2"},
        ],
        "result of 'call_2'",
    ),
    ([{"role": "user", "content": "x", "tool_calls": [CALL]}], "user message cannot call"),
]


@pytest.mark.parametrize(("messages", "why"), REFUSED, ids=[why for _, why in REFUSED])
async def test_what_a_chat_endpoint_refuses_is_refused(messages: list[dict[str, Any]], why: str) -> None:
    """Bad messages are a `ModelError` that says what is wrong, and cost no answer."""
    model = ScriptedModel(["unused"])

    with pytest.raises(ModelError, match=why):
        await model.respond(with_messages(messages))
    assert model.remaining == 1
    assert len(model.requests) == 1


async def test_a_call_with_its_results_is_taken() -> None:
    """Calls that are answered by as many results, in any order, are fine."""
    second = {**CALL, "id": "call_2"}
    messages = [
        {"role": "user", "content": "weather?"},
        {"role": "assistant", "content": None, "tool_calls": [CALL, second]},
        {"role": "tool", "content": "wet", "tool_call_id": "call_2"},
        {"role": "tool", "content": "dry", "tool_call_id": "call_1"},
    ]

    assert await ScriptedModel(["Wet and dry."]).respond(with_messages(messages)) == "Wet and dry."
