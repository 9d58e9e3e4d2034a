"""What a turn does: recording, context, reply, streaming, interruption, functions, order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from voxsession import (
    BudgetError,
    ConfigurationError,
    ConversationBusyError,
    MemorySessionStorage,
    ModelError,
    ModelRequest,
    Reply,
    SessionConfig,
    SessionEndedError,
    Voxon,
    VoxonConfig,
)
from voxsession.testing import ScriptedModel


def voxon_with(model: Any = None, storage: Any = None, **options: Any) -> Voxon:
    """A facade on a storage of its own."""
    config = VoxonConfig(session_storage=storage or MemorySessionStorage())
    return Voxon(config, model=model, **options)


def contents(messages: Any) -> list[tuple[str, str | None]]:
    """Role and text of each message."""
    return [(message.role, message.content) for message in messages]


async def test_send_message_gives_a_reply_that_knows_where_it_came_from() -> None:
    """A reply is a str with its message, its context and its usage."""
    async with voxon_with(ScriptedModel(["Hello yourself"])) as voxon:
        async with voxon.session("u") as session, session.conversation() as conv:
            reply = await conv.send_message("Hello", metadata={"channel": "web"})
            history = await conv.history()

    assert reply == "Hello yourself" and isinstance(reply, str)
    assert reply.message is not None and reply.message.content == "Hello yourself"
    assert reply.context is not None and reply.context.messages[-1] == {"role": "user", "content": "Hello"}
    assert not reply.interrupted
    assert contents(history) == [("user", "Hello"), ("assistant", "Hello yourself")]
    assert history[0].metadata == {"channel": "web"}


async def test_any_async_callable_is_a_model() -> None:
    """A coroutine function, an async generator function and an object with respond all answer."""

    async def plain(request: ModelRequest) -> str:
        return f"plain {request.messages[-1]['content']}"

    async def streaming(request: ModelRequest) -> AsyncIterator[str]:
        for word in ("in ", "pieces"):
            yield word

    class Object:
        async def respond(self, request: ModelRequest) -> Reply:
            return Reply("as an object")

    answers = []
    for model in (plain, streaming, Object()):
        async with voxon_with(model) as voxon, voxon.session("u") as session:
            async with session.conversation() as conv:
                answers.append(await conv.send_message("hi"))

    assert answers == ["plain hi", "in pieces", "as an object"]


async def test_stream_gives_chunks_and_keeps_one_message() -> None:
    """A stream gives the text in pieces; the history holds it once, as a whole."""

    async def model(request: ModelRequest) -> AsyncIterator[str]:
        for piece in ("one ", "two ", "three"):
            yield piece

    async with voxon_with(model) as voxon, voxon.session("u") as session:
        async with session.conversation() as conv:
            stream = conv.stream_message("count")
            pieces = [piece async for piece in stream]
            history = await conv.history()

    assert pieces == ["one ", "two ", "three"]
    assert stream.reply == "one two three"
    assert contents(history) == [("user", "count"), ("assistant", "one two three")]


@pytest.mark.parametrize("how", ["aclose", "next call", "session close"])
async def test_leaving_a_stream_early_keeps_what_was_delivered(how: str) -> None:
    """What was delivered stays, once, marked interrupted; however the stream is settled."""
    storage = MemorySessionStorage()

    async def model(request: ModelRequest) -> AsyncIterator[str]:
        for piece in ("one ", "two ", "three"):
            yield piece

    async with voxon_with(model, storage) as voxon:
        session = await voxon.create_session(user_id="u", session_id="s")
        conv = await session.start_conversation("c")
        stream = conv.stream_message("count")
        async for _ in stream:
            break
        if how == "aclose":
            await stream.aclose()
        elif how == "next call":
            await conv.send_message("go on")
        await session.close()
        async with await voxon.load_session("s") as again:
            conv = await again.resume_conversation("c")
            first = (await conv.history())[:2]

    assert contents(first) == [("user", "count"), ("assistant", "one ")]
    assert first[1].interrupted


async def test_interrupt_stops_a_running_reply_and_keeps_what_was_heard() -> None:
    """interrupt(heard) ends the stream for its reader; history and later contexts hold what was heard."""
    waiting = asyncio.Event()

    async def model(request: ModelRequest) -> AsyncIterator[str]:
        yield "I would like to tell you "
        waiting.set()
        await asyncio.Event().wait()

    async with voxon_with(model) as voxon, voxon.session("u") as session:
        async with session.conversation() as conv:
            turn = asyncio.create_task(conv.send_message("tell me"))
            await waiting.wait()
            await conv.interrupt(heard="I would")
            reply = await asyncio.wait_for(turn, 30)
            history = await conv.history()
            analytics = conv.get_analytics()

    assert reply == "I would" and reply.interrupted
    assert contents(history) == [("user", "tell me"), ("assistant", "I would")]
    assert analytics["interruption_count"] == 1


async def test_interrupt_after_the_reply_shortens_it_once() -> None:
    """When the reply is over, interrupt marks it with what was heard, and a second call changes nothing."""
    async with voxon_with(ScriptedModel(["a long answer"])) as voxon, voxon.session("u") as session:
        async with session.conversation() as conv:
            await conv.send_message("ask")
            await conv.interrupt(heard="a long")
            await conv.interrupt(heard="other")
            last = (await conv.history())[-1]

    assert (last.content, last.interrupted) == ("a long", True)


async def test_turns_queue_in_order() -> None:
    """Fifty messages at once are answered one after another, in the order they were sent."""

    async def model(request: ModelRequest) -> str:
        await asyncio.sleep(0)
        return "re " + request.messages[-1]["content"]

    async with voxon_with(model) as voxon, voxon.session("u") as session:
        async with session.conversation() as conv:
            replies = await asyncio.gather(*(conv.send_message(f"m{i}") for i in range(50)))
            history = await conv.history()

    assert replies == [f"re m{i}" for i in range(50)]
    assert [m.content for m in history] == [text for i in range(50) for text in (f"m{i}", f"re m{i}")]


async def test_reject_and_interrupt_while_busy() -> None:
    """on_busy="reject" raises and records nothing; "interrupt" ends the running reply and takes its place."""
    started = asyncio.Event()

    async def model(request: ModelRequest) -> AsyncIterator[str]:
        if request.messages[-1]["content"] == "slow":
            yield "so "
            started.set()
            await asyncio.Event().wait()
        yield "fast"

    async with voxon_with(model) as voxon, voxon.session("u") as session:
        async with session.conversation() as conv:
            slow = asyncio.create_task(conv.send_message("slow"))
            await started.wait()
            with pytest.raises(ConversationBusyError):
                await conv.send_message("no", on_busy="reject")
            quick = await conv.send_message("now", on_busy="interrupt")
            first = await slow
            history = await conv.history()
            with pytest.raises(ConfigurationError):
                await conv.send_message("x", on_busy="whatever")

    assert first.interrupted and first == "so " and quick == "fast"
    assert contents(history) == [
        ("user", "slow"),
        ("assistant", "so "),
        ("user", "now"),
        ("assistant", "fast"),
    ]


@pytest.mark.parametrize("answer", [None, 5, object()])
async def test_a_model_that_gives_no_text_is_a_model_error(answer: object) -> None:
    """What is no text is refused by name; the user's message is kept and the conversation goes on."""
    answers = iter([answer, "better"])

    async def model(request: ModelRequest) -> Any:
        return next(answers)

    async with voxon_with(model) as voxon, voxon.session("u") as session:
        async with session.conversation() as conv:
            with pytest.raises(ModelError, match=type(answer).__name__):
                await conv.send_message("hi")
            reply = await conv.send_message("again")
            history = await conv.history()

    assert reply == "better"
    assert [m.content for m in history] == ["hi", "again", "better"]


async def test_a_model_that_raises_loses_nothing() -> None:
    """The model's error is the cause; the user's message is saved; no text of it is in the error."""
    storage = MemorySessionStorage()

    async def model(request: ModelRequest) -> str:
        raise ValueError("no service")

    async with voxon_with(model, storage) as voxon:
        session = await voxon.create_session(session_id="s")
        conv = await session.start_conversation("c")
        with pytest.raises(ModelError) as caught:
            await conv.send_message("my secret words")
        del session, conv
    async with voxon_with(ScriptedModel(["fine"]), storage) as voxon:
        async with await voxon.load_session("s") as session:
            conv = await session.resume_conversation("c")
            history = await conv.history()

    assert isinstance(caught.value.__cause__, ValueError)
    assert "secret" not in str(caught.value)
    assert contents(history) == [("user", "my secret words")]


async def test_a_model_that_hangs_can_be_given_up() -> None:
    """A cancelled turn keeps the user's message and frees the conversation."""
    limit = asyncio.timeout(None)

    async def model(request: ModelRequest) -> str:
        if request.messages[-1]["content"] == "hang":
            limit.reschedule(asyncio.get_running_loop().time() + 0.02)
            await asyncio.Event().wait()
        return "here"

    async with voxon_with(model) as voxon, voxon.session("u") as session:
        async with session.conversation() as conv:
            with pytest.raises(TimeoutError):
                async with limit:
                    await conv.send_message("hang")
            reply = await conv.send_message("there?")
            history = await conv.history()

    assert reply == "here"
    assert [m.content for m in history] == ["hang", "there?", "here"]


async def test_a_megabyte_of_reply_is_kept() -> None:
    """A reply of 1 MB is stored whole, and the next context still keeps its budget."""
    big = "word " * 200_000
    async with voxon_with(ScriptedModel([big, "short"])) as voxon, voxon.session("u") as session:
        async with session.conversation() as conv:
            first = await conv.send_message("long please")
            second = await conv.send_message("and now?")

    assert first == big and second == "short"
    assert second.context is not None and second.context.token_count <= second.context.budget_tokens


async def test_a_message_that_never_fits_is_refused_and_not_recorded() -> None:
    """BudgetError says what is needed and what there is; the conversation is as before."""
    async with voxon_with(ScriptedModel(["ok"])) as voxon:
        config = SessionConfig(context_tokens=100)
        async with voxon.session("u", config=config) as session, session.conversation() as conv:
            with pytest.raises(BudgetError) as caught:
                await conv.send_message("word " * 500)
            reply = await conv.send_message("short")
            history = await conv.history()

    assert caught.value.needed_tokens > caught.value.available_tokens == 100
    assert reply == "ok" and len(history) == 2


async def test_add_messages_takes_a_turn_made_elsewhere_with_its_tools() -> None:
    """Calls and results are recorded as given; one wrong dict refuses all of them."""
    call = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
    turn: list[dict[str, Any]] = [
        {"role": "user", "content": "Rain?", "name": "Ann", "at": datetime(2026, 5, 1, tzinfo=UTC)},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "content": '{"rain": true}', "tool_call_id": "call_1"},
        {"role": "assistant", "content": "Yes."},
    ]
    async with voxon_with() as voxon, voxon.session("u") as session:
        async with session.conversation() as conv:
            made = await conv.add_messages(turn)
            for wrong in (
                {"role": "robot", "content": "x"},
                {"role": "user", "content": "x", "at": datetime(2026, 5, 1)},
                {"role": "user", "content": None},
                {"role": "user", "content": "x", "surprise": 1},
                {"role": "user", "content": "x", "metadata": {"a": {1, 2}}},
                "text",
            ):
                with pytest.raises(ConfigurationError, match=r"messages\[1\]"):
                    await conv.add_messages([{"role": "user", "content": "fine"}, wrong])  # type: ignore[list-item]
            context = await conv.build_context()

    assert [m.role for m in made] == ["user", "assistant", "tool", "assistant"]
    assert made[0].name == "Ann" and made[0].at == datetime(2026, 5, 1, tzinfo=UTC)
    assert [m["role"] for m in context.messages if m["role"] != "system"] == [
        "user",
        "assistant",
        "tool",
        "assistant",
    ]


async def test_functions_are_called_and_their_results_reach_the_model() -> None:
    """Sync and async functions run, failures are given back to the model, calls and results stay pairs."""

    def call(name: str, arguments: str, call_id: str) -> Reply:
        function = {"name": name, "arguments": arguments}
        return Reply("", tool_calls=[{"id": call_id, "type": "function", "function": function}])

    model = ScriptedModel(
        [
            call("order_status", '{"order_id": 7}', "a"),
            call("order_status", '{"wrong": 7}', "b"),
            call("nothing_like_it", "{}", "c"),
            call("broken", "{}", "d"),
            "Your order is on its way.",
        ]
    )
    async with voxon_with(model) as voxon:
        config = SessionConfig(enable_functions=True)
        async with voxon.session("u", config=config) as session, session.conversation() as conv:

            @conv.function
            async def order_status(order_id: int) -> dict[str, Any]:
                """Where an order is."""
                return {"order": order_id, "status": "shipped"}

            @conv.function
            def broken() -> str:
                """Always fails."""
                raise RuntimeError("no database")

            reply = await conv.send_message("Where is my order?")
            history = await conv.history()

    results = [m.content for m in history if m.role == "tool"]
    assert reply == "Your order is on its way."
    assert results[0] == '{"order":7,"status":"shipped"}'
    assert all("error" in (result or "") for result in results[1:])
    assert [m.role for m in history] == ["user"] + ["assistant", "tool"] * 4 + ["assistant"]
    assert model.requests[0].functions[0]["function"]["description"] == "Where an order is."


async def test_functions_stay_away_unless_enabled() -> None:
    """Without enable_functions the model is shown none."""
    model = ScriptedModel(["no tools"])
    async with voxon_with(model) as voxon, voxon.session("u") as session:
        async with session.conversation() as conv:
            conv.register_function(len_of)
            await conv.send_message("hi")

    assert model.requests[0].functions == []


def len_of(text: str) -> int:
    """Length of a text."""
    return len(text)


async def test_an_ended_conversation_refuses_and_can_be_resumed() -> None:
    """After its block a conversation takes no more; resumed, the model sees what was said before."""
    model = ScriptedModel(["one", "two"])
    async with voxon_with(model) as voxon, voxon.session("u") as session:
        async with session.conversation("c") as conv:
            await conv.send_message("first words")
        with pytest.raises(SessionEndedError):
            await conv.send_message("more")
        conv = await session.resume_conversation("c")
        await conv.send_message("second words")

    assert [m["content"] for m in model.requests[1].messages[-3:]] == ["first words", "one", "second words"]


async def test_resume_without_an_id_takes_the_latest_and_a_missing_one_is_named() -> None:
    """resume_conversation() goes on with the latest, makes one where there is none, refuses an unknown id."""
    async with voxon_with(ScriptedModel(["a", "b"])) as voxon, voxon.session("u") as session:
        fresh = await session.resume_conversation()
        await fresh.end()
        async with session.conversation("early") as conv:
            await conv.send_message("x")
        async with session.conversation("late") as conv:
            await conv.send_message("y")
        latest = await session.resume_conversation()
        with pytest.raises(ConfigurationError, match="nowhere"):
            await session.resume_conversation("nowhere")

    assert latest.conversation_id == "late"


async def test_a_branch_sees_its_parent_up_to_where_it_left() -> None:
    """The branch sees the parent's words until then; its own words do not enter the parent."""
    async with voxon_with(ScriptedModel(["1", "2", "3"])) as voxon, voxon.session("u") as session:
        main = await session.start_conversation("main")
        await main.send_message("before")
        branch = await session.start_conversation("deep", parent_id="main")
        await main.send_message("after")
        await branch.send_message("aside")
        in_branch, in_main = await branch.history(), await main.history()

    assert [m.content for m in in_branch] == ["before", "1", "aside", "3"]
    assert [m.content for m in in_main] == ["before", "1", "after", "2"]
    assert branch.parent_id == "main"


async def test_build_context_previews_without_recording() -> None:
    """The preview holds the text, awaiting it gives what would be sent, and nothing is stored of either."""
    async with voxon_with(ScriptedModel(["ok"])) as voxon, voxon.session("u") as session:
        async with session.conversation() as conv:
            await conv.send_message("My name is Alice")
            preview = conv.build_context("What's my name?")
            full = await preview
            history = await conv.history()

    assert preview.complete
    assert full.messages[-1] == {"role": "user", "content": "What's my name?"}
    assert "Alice" in full.messages[0]["content"]
    assert len(history) == 2
    assert {row["kind"] for row in full.report()} >= {"instructions", "memory", "message"}


async def test_text_is_checked_at_the_door() -> None:
    """Empty text, no str and lone surrogates are refused by name; special tokens are plain text."""
    async with voxon_with(ScriptedModel(["ok"])) as voxon, voxon.session("u") as session:
        async with session.conversation() as conv:
            for wrong in ("", "  ", None, b"bytes", "lone \ud800 surrogate"):
                with pytest.raises(ConfigurationError):
                    await conv.send_message(wrong)  # type: ignore[arg-type]
            await conv.send_message("<|endoftext|>")
            history = await conv.history()

    assert [m.content for m in history] == ["<|endoftext|>", "ok"]
