"""What servers do that speak the protocol with an accent: odd calls, whole answers, errors in place of one."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.models.openai_server import Fail, OpenAIServer, Say
from tests.models.openai_talk import contents, talking
from voxsession import ContextTooLongError, ModelCallError


def event(delta: dict[str, Any], finish: str | None = None) -> str:
    """One chunk of a stream."""
    return json.dumps({"id": "x", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})


def part(index: int | None, call_id: str | None, name: str | None, arguments: str | None) -> dict[str, Any]:
    """A piece of a call; None leaves a field out."""
    named = {"name": name, "arguments": arguments}
    piece = {"index": index, "id": call_id, "function": {k: v for k, v in named.items() if v is not None}}
    return {k: v for k, v in piece.items() if v is not None}


def called(*deltas: list[dict[str, Any]], finish: str = "tool_calls") -> Say:
    """A stream that calls, its pieces as they are given."""
    return Say(raw=[*(event({"tool_calls": pieces}) for pieces in deltas), event({}, finish), "[DONE]"])


ONE, TWO = ("look", {"n": 1}), ("see", {"n": 2})


@pytest.mark.parametrize(
    ("pieces", "ran"),
    [
        # interleaved by index
        ([[part(0, "a", "look", "")], [part(1, "b", "see", "")], [part(0, None, None, '{"n"')],
          [part(1, None, None, '{"n"')], [part(0, None, None, ":1}")], [part(1, None, None, ":2}")]], [ONE, TWO]),
        # interleaved by id, without an index
        ([[part(None, "a", "look", "")], [part(None, "b", "see", "")], [part(None, "a", None, '{"n":1}')],
          [part(None, "b", None, '{"n":2}')]], [ONE, TWO]),
        # all under one index, without ids
        ([[part(0, "", "look", '{"n":1}')], [part(0, "", "see", '{"n":2}')]], [ONE, TWO]),
        ([[part(0, None, "look", '{"n":1}'), part(0, None, "look", '{"n":2}')]], [ONE, ("look", {"n": 2})]),
        # the name in pieces
        ([[part(0, "a", "lo", "")], [part(0, None, "ok", "")], [part(0, None, None, '{"n":1}')]], [ONE]),
        # id and name in each piece, with an index and without
        ([[part(0, "a", "look", '{"n"')], [part(0, "a", "look", ":1}")], [part(0, "a", "look", "")]], [ONE]),
        ([[part(None, "a", "look", '{"n"')], [part(None, "a", "look", ":1}")]], [ONE]),
        # the whole call once more at the end
        ([[part(0, "a", "look", '{"n"')], [part(0, None, None, ":1}")], [part(0, "a", "look", '{"n":1}')]], [ONE]),
        # id and name later
        ([[part(0, None, "look", "")], [part(0, "late", None, '{"n":1}')]], [ONE]),
        ([[part(0, "a", None, "")], [part(0, None, "look", '{"n":1}')]], [ONE]),
    ],
)  # fmt: skip
async def test_calls_are_put_together_from_whatever_pieces(pieces: Any, ran: list[Any]) -> None:
    """However a server cuts its calls up, each runs once, with its own name and arguments."""
    done: list[Any] = []

    def look(n: int) -> str:
        """Looks."""
        done.append(("look", {"n": n}))
        return "looked"

    def see(n: int) -> str:
        """Sees."""
        done.append(("see", {"n": n}))
        return "seen"

    with OpenAIServer([called(*pieces), "fine"]) as server:
        async with talking(server, enable_functions=True) as conv:
            conv.register_function(look)
            conv.register_function(see)
            reply = await conv.send_message("hi")
        assert not server.refused
        ids = [call["id"] for message in server.messages for call in message.get("tool_calls", ())]

    assert reply == "fine" and done == ran
    assert len(set(ids)) == len(ran)


async def test_a_call_that_a_filter_cut_off_is_not_run() -> None:
    """A call whose arguments had not begun when a content filter ended the answer does not run on defaults."""
    ran: list[str] = []

    def wipe(what: str = "all") -> str:
        """Erases."""
        ran.append(what)
        return "done"

    with OpenAIServer([called([part(0, "a", "wipe", "")], finish="content_filter"), "fine"]) as server:
        async with talking(server, enable_functions=True) as conv:
            conv.register_function(wipe)
            reply = await conv.send_message("hi")

    assert reply == "fine" and ran == []


@pytest.mark.parametrize("sign", ['{"type": "ping"}', '{"id": "x", "choices": null}', "{}"])
async def test_a_sign_of_life_without_choices_spoils_no_answer(sign: str) -> None:
    """Gateways put events of their own between the chunks."""
    with OpenAIServer(
        [Say(raw=[sign, event({"content": "so"}), sign, event({}, "stop"), "[DONE]"])]
    ) as server:
        async with talking(server) as conv:
            assert await conv.send_message("hi") == "so"


WHOLE = {
    "object": "chat.completion",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "all"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 5, "completion_tokens": 1, "total_tokens": 6},
}


async def test_a_whole_answer_to_a_request_for_a_stream_is_the_reply() -> None:
    """A server that cannot stream and does not say so is understood, with its usage and its calls."""
    call = {"id": "a", "type": "function", "function": {"name": "look", "arguments": '{"n": 1}'}}
    said = {"role": "assistant", "content": None, "tool_calls": [call]}
    asking = {**WHOLE, "choices": [{"index": 0, "message": said, "finish_reason": "tool_calls"}]}
    with OpenAIServer([Fail(200, body=json.dumps(one)) for one in (asking, WHOLE)]) as server:
        async with talking(server, enable_functions=True) as conv:

            @conv.function
            def look(n: int) -> str:
                """Looks."""
                return f"looked {n}"

            reply = await conv.send_message("hi")
        sent = server.messages[-1]["content"]

    assert reply == "all" and sent == "looked 1"
    assert reply.usage is not None and (reply.usage.input_tokens, reply.usage.estimated) == (10, False)


async def test_a_stream_under_another_name_is_read_as_one() -> None:
    """Events that come as application/json are events all the same."""
    body = "".join(f"data: {one}\n\n" for one in (event({"content": "so"}), event({}, "stop"), "[DONE]"))
    with OpenAIServer([Fail(200, body=body)]) as server:
        async with talking(server) as conv:
            assert await conv.send_message("hi") == "so"


async def test_a_whole_answer_needs_no_finish_reason() -> None:
    """What came in one piece is whole; an empty one without a reason is not taken for a reply."""
    choice = {"index": 0, "message": {"role": "assistant", "content": "all"}}
    with OpenAIServer([Fail(200, body=json.dumps({"choices": [choice]}))]) as server:
        async with talking(server, stream=False) as conv:
            assert await conv.send_message("hi") == "all"


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    ("body", "kind", "said"),
    [
        ("<html>Log in</html>", "bad_answer", "cannot be read"),
        ('{"detail": "wrong path"}', "bad_answer", "base_url"),
        ('{"error": {"message": "overloaded", "code": 502}}', "server", "failed"),
        ('{"error": {"message": "slow down", "code": 429}}', "rate_limit", "too many requests"),
        ('{"error": "no"}', "server", "error"),
        (
            '{"object": "error", "message": "no", "type": "BadRequestError", "code": 400}',
            "bad_request",
            "accept",
        ),
    ],
)
async def test_what_comes_in_place_of_an_answer_is_told_as_what_it_is(
    body: str, kind: str, said: str, stream: bool
) -> None:
    """A page, an error with status 200: the kind tells, the sentence has the remedy, nothing is recorded of it."""
    with OpenAIServer([Fail(200, body=body)]) as server:
        async with talking(server, stream=stream, max_retries=0) as conv:
            with pytest.raises(ModelCallError, match=said) as caught:
                await conv.send_message("hi")
            history = await conv.history()

    assert caught.value.kind == kind
    assert contents(history) == [("user", "hi")]


async def test_a_context_too_long_is_known_in_the_middle_of_a_stream_too() -> None:
    """Some servers begin to answer with status 200 and only then say that the context is too long."""
    error = {"object": "error", "message": "This model's maximum context length is 10 tokens", "code": 400}
    with OpenAIServer([Say(raw=[json.dumps(error)]), Say(raw=[json.dumps({"error": error})])]) as server:
        async with talking(server) as conv:
            await conv.add_messages([{"role": "user", "content": "word " * 500}])
            with pytest.raises(ContextTooLongError):
                await conv.send_message("hi")
        assert len(server.requests) == 2
