"""What goes wrong between a conversation and its model: refusals, silence, broken answers, contexts too long."""

from __future__ import annotations

import asyncio
import json
import logging
import traceback
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.models.asking import request_of
from tests.models.openai_server import Fail, Hang, OpenAIServer, Say, calls
from tests.models.openai_talk import contents, model_of, stored, talking
from voxsession import (
    ContextTooLongError,
    MemorySessionStorage,
    ModelCallError,
    ModelRequest,
    Voxon,
    VoxonConfig,
)

WRONG_KEY = "sk-wrong-9876543210zyxwvutsrqp"
TOO_MANY = Fail(429, "rate_limit_exceeded", "requests", "Rate limit reached for requests")


def event(**choice: Any) -> str:
    """One chunk of a stream, with a choice as it is."""
    return json.dumps({"id": "x", "object": "chat.completion.chunk", "created": 1, "choices": [choice]})


# --- refusals and retries


@pytest.mark.parametrize(
    ("answer", "options", "kind", "status"),
    [
        (None, {"api_key": WRONG_KEY}, "authentication", 401),
        (None, {"model": "no-such-model"}, "not_found", 404),
        (Fail(403, "forbidden"), {}, "permission", 403),
        (Fail(422), {}, "bad_request", 422),
        (TOO_MANY, {"max_retries": 0}, "rate_limit", 429),
        (Fail(500), {"max_retries": 0}, "server", 500),
        (Fail(502, body="<html>bad gateway</html>"), {"max_retries": 0}, "server", 502),
        (Fail(418), {}, "bad_request", 418),
        (Hang(), {"timeout_seconds": 0.2, "max_retries": 0}, "timeout", None),
        (None, {"base_url": "http://127.0.0.1:9/v1", "max_retries": 0}, "connection", None),
    ],
)
async def test_a_refusal_says_its_kind_and_status_and_loses_nothing(
    answer: Any, options: dict[str, Any], kind: str, status: int | None
) -> None:
    """Each failure is one ModelCallError with kind, status and cause; the user's message is kept and saved."""
    storage = MemorySessionStorage()
    with OpenAIServer([answer] if answer else []) as server:
        async with talking(server, storage, **options) as conv:
            with pytest.raises(ModelCallError) as caught:
                await conv.send_message("my private words")
        kept = await stored(storage)

    assert (caught.value.kind, caught.value.status) == (kind, status)
    assert caught.value.__cause__ is not None
    assert "private" not in str(caught.value)
    assert kept == [("user", "my private words", False)]


async def test_too_many_requests_are_sent_again_when_the_server_says() -> None:
    """After 429 the pause is what Retry-After says, and the reply comes as if nothing had been."""
    waiting = Fail(429, "rate_limit_exceeded", "requests", "slow down", headers={"retry-after": "1"})
    with OpenAIServer([waiting, "at last"]) as server:
        async with talking(server) as conv:
            reply = await conv.send_message("hi")
            history = await conv.history()
        pause = server.times[1] - server.times[0]

    assert reply == "at last" and len(history) == 2
    assert pause > 0.95  # without the header it would be 0.5 at most


async def test_failures_of_the_server_are_sent_again_with_growing_pauses() -> None:
    """After 500s the pauses grow; when the tries are used up, the last failure is told."""
    for _ in range(3):  # a machine that stands still for a moment lengthens whichever pause that falls into
        with OpenAIServer([Fail(500), Fail(503), "back again"]) as server:
            async with talking(server, max_retries=2) as conv:
                reply = await conv.send_message("hi")
        first, second = (server.times[n + 1] - server.times[n] for n in range(2))
        if second > first:
            break
    with OpenAIServer([Fail(500), Fail(500)]) as server:
        async with talking(server, max_retries=1) as conv:
            with pytest.raises(ModelCallError, match="up to 2 times") as caught:
                await conv.send_message("hi")

    assert reply == "back again"
    assert second > first > 0.3
    assert caught.value.status == 500


async def test_a_turn_that_waits_to_try_again_can_be_interrupted() -> None:
    """interrupt() does not wait for Retry-After."""
    waiting = Fail(429, headers={"retry-after": "60"})
    with OpenAIServer([waiting, "fine"]) as server:
        async with talking(server) as conv:
            turn = asyncio.create_task(conv.send_message("hi"))
            assert await asyncio.to_thread(server.was_asked.wait, 30)
            await conv.interrupt()
            reply = await asyncio.wait_for(turn, 30)
            again = await conv.send_message("now?")

    assert reply == "" and reply.interrupted
    assert again == "fine"


# --- the key


@pytest.mark.parametrize("how", ["refused", "repeated by the server", "repeated in a stream", "unreachable"])
async def test_the_key_is_in_no_error_no_log_and_no_repr(how: str, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever fails, and even where the server repeats the key: it is in no traceback, log line, event or repr."""
    caplog.set_level(logging.DEBUG)
    told: list[Any] = []
    script: list[Any] = []
    key = WRONG_KEY
    with OpenAIServer(echo_key=how != "refused") as server:
        if how == "repeated in a stream":
            key = server.key
            script += [
                Say(
                    "so", finish=(), garbage=json.dumps({"error": {"message": f"bad key {key}", "code": key}})
                )
            ]
            script += [Fail(500, key, message=key), Say("so", finish=(), garbage=f"{{{key}")]
        server.script = script
        options = {"base_url": "http://127.0.0.1:9/v1"} if how == "unreachable" else {}
        async with talking(server, api_key=key, max_retries=0, **options) as conv:
            conv._core.hub.on("*", lambda seen: told.append(repr(dict(seen.fields))))
            for _ in range(len(script) or 1):
                with pytest.raises(ModelCallError) as caught:
                    await conv.send_message("hi")
                error = caught.value
                told += [
                    *traceback.format_exception(error),
                    repr(error),
                    repr(error.__cause__),
                    str(vars(error)),
                ]
        model = model_of(server, api_key=key)
        told += [repr(model), str(model), repr(conv), caplog.text]

    assert len(told) > 8
    assert not [line for line in told if key in line]


# --- broken answers


@pytest.mark.parametrize(
    ("answer", "kind", "delivered"),
    [
        (Say("one two three four", cut_after=3), "connection", "one two"),
        (Say("one two three four", cut_after=3, cleanly=True), "connection", "one two"),
        (Say("one two three four", cut_after=0), "connection", ""),
        (Say("one two", finish=()), "connection", "one two"),
        (Say("one two", finish=(), garbage="{not json"), "bad_answer", "one two"),
        (Say("one two", finish=(), garbage='"a text"'), "bad_answer", "one two"),
        (Say("one", finish=(), garbage='{"error": {"message": "overloaded"}}'), "server", "one"),
        (Say(raw=[event(index=0, delta={"content": 7}, finish_reason="stop")]), "bad_answer", ""),
        (Say(raw=['{"choices": "none"}']), "bad_answer", ""),
        (Say(raw=["[]"]), "bad_answer", ""),
        (Say(raw=["null"]), "connection", ""),
        (Say(raw=[event(index=0, delta={"tool_calls": 3})]), "bad_answer", ""),
        (Say(raw=[event(index=0, delta={"tool_calls": [None]})]), "connection", ""),
        (Say(raw=["[DONE]"]), "connection", ""),
        (Say("", finish=("content_filter",)), "filtered", ""),
        (Say("one two three", stall_after=2), "timeout", "one"),
    ],
)
async def test_a_broken_stream_is_an_error_and_what_was_delivered_is_kept(
    answer: Say, kind: str, delivered: str
) -> None:
    """A stream that breaks is told as what it is; its text so far is kept, marked interrupted; the talk goes on."""
    storage = MemorySessionStorage()
    with OpenAIServer([answer, "better"]) as server:
        seconds = 30 if answer.stall_after is None else 1
        async with talking(server, storage, timeout_seconds=seconds, max_retries=0) as conv:
            with pytest.raises(ModelCallError) as caught:
                await conv.send_message("hi")
            again = await conv.send_message("again")
        kept = await stored(storage)
        assert not server.refused

    assert caught.value.kind == kind
    assert again == "better"
    broken = [("assistant", delivered, True)] if delivered else []
    assert kept == [("user", "hi", False), *broken, ("user", "again", False), ("assistant", "better", False)]


@pytest.mark.parametrize(
    ("garbage", "kind"),
    [("{not json", "bad_answer"), ("<html></html>", "bad_answer"), ('"text"', "bad_answer"), ("{}", "bad_answer"),
     ('{"choices": []}', "connection"), ('{"choices": [5]}', "connection"), ('{"choices": {"a": 1}}', "bad_answer")],
)  # fmt: skip
async def test_a_broken_whole_answer_is_an_error(garbage: str, kind: str) -> None:
    """A whole answer without the form of one is a ModelCallError, and nothing is recorded of it."""
    with OpenAIServer([Say(garbage=garbage)]) as server:
        async with talking(server, stream=False, max_retries=0) as conv:
            with pytest.raises(ModelCallError) as caught:
                await conv.send_message("hi")
            history = await conv.history()

    assert caught.value.kind == kind
    assert contents(history) == [("user", "hi")]


@pytest.mark.parametrize("finish", [("stop", "stop"), ("stop", "length"), ("stop", "tool_calls")])
async def test_of_two_finish_reasons_the_first_ends_the_reply(finish: tuple[str, ...]) -> None:
    """What a server says after it ended its answer is not part of it, and its usage still counts."""
    with OpenAIServer([Say("the answer", finish=finish, after="and more")]) as server:
        async with talking(server) as conv:
            reply = await conv.send_message("hi")
            history = await conv.history()

    assert reply == "the answer" and reply.usage is not None and not reply.usage.estimated
    assert contents(history) == [("user", "hi"), ("assistant", "the answer")]


async def test_of_two_choices_the_first_is_the_reply() -> None:
    """A second choice, with a finish reason of its own, is left aside."""
    pieces = [
        event(index=0, delta={"content": "first"}, finish_reason=None),
        event(index=1, delta={"content": "second"}, finish_reason="stop"),
        event(index=0, delta={"content": " one"}, finish_reason="stop"),
        "[DONE]",
    ]
    with OpenAIServer([Say(raw=pieces)]) as server:
        async with talking(server) as conv:
            reply = await conv.send_message("hi")

    assert reply == "first one"


async def test_an_answer_that_has_ended_is_not_lost_to_what_follows(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that stalls, or sends nonsense, after the finish reason does not spoil the reply."""
    monkeypatch.setattr("voxsession.models.openai.USAGE_WAIT_SECONDS", 0.1)
    with OpenAIServer([Say("whole", stall_after=3), Say("whole", garbage="{nonsense")]) as server:
        async with talking(server) as conv:
            stalled = await conv.send_message("hi")
            spoilt = await conv.send_message("hi again")

    assert stalled == "whole" and spoilt == "whole"


async def test_signs_of_life_are_no_answer() -> None:
    """A server that keeps the connection open with empty lines is silent all the same."""
    with OpenAIServer([Say("one two", stall_after=2, pings=True)]) as server:
        async with talking(server, timeout_seconds=1) as conv:
            with pytest.raises(ModelCallError) as caught:
                await conv.send_message("hi")
            history = await conv.history()

    assert caught.value.kind == "timeout"
    assert contents(history) == [("user", "hi"), ("assistant", "one")]


# --- contexts too long


async def fill(conv: Any, turns: int = 30) -> None:
    """A long talk."""
    for number in range(turns):
        words = f"message {number} " + "word " * 60
        await conv.add_messages([{"role": "user", "content": words}, {"role": "assistant", "content": words}])


@pytest.mark.parametrize("says_how_much", [True, False])
async def test_a_context_too_long_is_sent_once_more_and_told(says_how_much: bool) -> None:
    """One retry with a smaller budget; report, event and reply tell of it; history is as if nothing had been."""
    built: list[Any] = []
    words = {} if says_how_much else {"message": "The prompt is too long."}
    with OpenAIServer(context_tokens=2500) as server:
        async with talking(server, context_tokens=6000, max_output_tokens=100, enable_learning=False) as conv:
            await fill(conv)
            conv._core.hub.on("context.built", built.append)
            if not says_how_much:
                server.context_tokens = 100_000
                server.script = [Fail(400, None, "invalid_request_error", **words)]
            reply = await conv.send_message("what now?")
            history = await conv.history()
        sizes = [len(request["messages"]) for request in server.requests]

    assert reply == "re what now?" and len(history) == 62
    assert len(sizes) == 2 and sizes[1] < sizes[0]
    assert [event.shortened for event in built] == [False, True]
    assert built[1].tokens < built[0].tokens
    told = [row for row in reply.context.report() if row["kind"] == "budget"]  # type: ignore[union-attr]
    assert told[0]["reason"] == f"the model refused {built[0].tokens} tokens as too long"


async def test_a_context_that_stays_too_long_is_an_error_after_one_retry() -> None:
    """The second refusal is ContextTooLongError; two requests were made, the message is kept."""
    refusal = Fail(400, "context_length_exceeded", "invalid_request_error", "too long")
    with OpenAIServer([refusal, refusal, "fine"]) as server:
        async with talking(server) as conv:
            await fill(conv, 3)
            with pytest.raises(ContextTooLongError) as caught:
                await conv.send_message("hi")
            made = len(server.requests)
            again = await conv.send_message("hi again")

    assert made == 2 and again == "fine"
    assert caught.value.status == 400 and "context_tokens" in str(caught.value)


async def test_a_model_of_ones_own_gets_the_same_second_chance() -> None:
    """Any model may raise ContextTooLongError before its first chunk; after it, it is an error like others."""
    asked: list[Any] = []

    async def model(request: ModelRequest) -> AsyncIterator[str]:
        asked.append(request)
        if len(asked) == 3:
            yield "so "
        if len(asked) != 2:
            raise ContextTooLongError(fits=0.3)
        yield "fine"

    async with (
        Voxon(VoxonConfig(session_storage=MemorySessionStorage()), model=model) as voxon,
        voxon.session("u") as session,
        session.conversation() as conv,
    ):
        await fill(conv)
        reply = await conv.send_message("hi")
        with pytest.raises(ContextTooLongError):
            await conv.send_message("again")
        last = (await conv.history())[-1]

    assert reply == "fine" and len(asked) == 3
    assert asked[1].context.budget_tokens == int(asked[0].context.token_count * 0.3)
    assert (last.content, last.interrupted) == ("so ", True)


async def test_what_cannot_be_made_smaller_is_an_error_at_once() -> None:
    """Where instructions and newest message alone are too long, there is no second request."""
    refusal = Fail(400, "context_length_exceeded", "invalid_request_error", "too long")
    with OpenAIServer([refusal]) as server:
        async with talking(server, instructions="Be kind. " * 300) as conv:
            with pytest.raises(ContextTooLongError) as caught:
                await conv.send_message("hi")
        made = len(server.requests)

    assert made == 1
    assert "nothing left to shorten" in "".join(caught.value.__notes__)


async def test_a_smaller_context_holds_for_the_rest_of_the_turn() -> None:
    """Rounds that follow in the same turn keep to the smaller budget, so that none is refused again."""
    with OpenAIServer(context_tokens=2500) as server:
        server.script = [calls(("lookup", {})), "done"]
        async with talking(
            server, context_tokens=6000, max_output_tokens=100, enable_learning=False, enable_functions=True
        ) as conv:
            await fill(conv)

            @conv.function
            def lookup() -> str:
                """Looks up."""
                return "found"

            reply = await conv.send_message("look it up")
        assert [refusal.code for refusal in server.refused] == ["context_length_exceeded"]

    assert reply == "done" and len(server.requests) == 3


@pytest.mark.parametrize(
    ("said", "share"),
    [
        (
            "This model's maximum context length is 8192 tokens. However, you requested 12288 tokens (8192 in the "
            "messages, 4096 in the completion). Please reduce the length of the messages or completion.",
            0.45,
        ),
        ("maximum context length is 1,000 tokens. However, your messages resulted in 2,000 tokens.", 0.45),
        ("the request exceeds the available context size. try increasing the context size", None),
        ("input is too long for this model", None),
    ],
)
async def test_the_figures_of_a_refusal_say_how_much_would_fit(said: str, share: float | None) -> None:
    """Where the server names limit and size, the retry aims below the limit."""
    with OpenAIServer([Fail(400, None, "invalid_request_error", said)]) as server:
        async with model_of(server) as model:
            with pytest.raises(ContextTooLongError) as caught:
                async for _ in model.respond(request_of("hi")):
                    pass

    assert caught.value.fits == pytest.approx(share) if share else caught.value.fits is None
