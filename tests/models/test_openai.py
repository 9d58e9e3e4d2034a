"""OpenAIModel over real HTTP: what is sent, what comes back, what stops it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any, Literal, Optional

import pytest

from tests.models.asking import request_of
from tests.models.openai_server import MODEL, OpenAIServer, Say, calls
from tests.models.openai_talk import contents, model_of, stored, talking
from voxsession import (
    ConfigurationError,
    Context,
    MemorySessionStorage,
    Message,
    ModelCallError,
    ModelRequest,
    OpenAIModel,
    Reply,
    SessionConfig,
    Usage,
    Voxon,
    VoxonConfig,
)

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.mark.parametrize("stream", [True, False])
async def test_a_reply_comes_with_its_text_and_its_usage(stream: bool) -> None:
    """Streamed or not, the reply is the model's text, stored once, with the tokens that the server counted."""
    with OpenAIServer([Say("Hello to you, Ann")]) as server:
        async with talking(server, stream=stream, temperature=0.3, max_output_tokens=77) as conv:
            reply = await conv.send_message("Hello")
            history = await conv.history()
        sent = server.requests[0]

    assert reply == "Hello to you, Ann"
    assert reply.usage == Usage(
        input_tokens=reply.usage.input_tokens, output_tokens=4, estimated=False, model="stand-in-1"
    )
    assert contents(history) == [("user", "Hello"), ("assistant", "Hello to you, Ann")]
    assert (sent["model"], sent["temperature"], sent["max_tokens"], sent["stream"]) == (
        MODEL,
        0.3,
        77,
        stream,
    )
    assert sent["messages"][-1] == {"role": "user", "content": "Hello"}
    assert "tools" not in sent and ("stream_options" in sent) is stream


async def test_chunks_come_as_the_server_sends_them() -> None:
    """stream_message gives each piece; the history holds the whole, once."""
    with OpenAIServer(["one two three"]) as server:
        async with talking(server) as conv:
            chunks = [chunk async for chunk in conv.stream_message("count")]
            history = await conv.history()

    assert chunks == ["one", " two", " three"]
    assert contents(history) == [("user", "count"), ("assistant", "one two three")]


async def test_options_add_parameters_and_take_some_away() -> None:
    """Parameters of the caller's own go along; None leaves one out; a limit of theirs replaces ours."""
    options = {"seed": 7, "temperature": None, "max_completion_tokens": 50, "stream_options": None}
    with OpenAIServer(["ok"]) as server:
        async with talking(server, options=options) as conv:
            reply = await conv.send_message("hi")
        sent = server.requests[0]

    assert reply == "ok" and reply.usage is not None and reply.usage.estimated
    assert sent["seed"] == 7 and sent["max_completion_tokens"] == 50
    assert not {"temperature", "max_tokens", "stream_options"} & sent.keys()


async def test_a_client_of_ones_own_is_used_and_left_open() -> None:
    """A ready AsyncOpenAI takes the place of address and key; closing the model does not close it."""
    import openai

    with OpenAIServer(["one", "two"]) as server:
        async with openai.AsyncOpenAI(base_url=server.url, api_key=server.key, max_retries=0) as client:
            async with OpenAIModel(client=client, model=MODEL) as model:
                first = [chunk async for chunk in model.respond(request_of("hi"))]
            second = [chunk async for chunk in model.respond(request_of("hi"))]

    assert "".join(first) == "one" and "".join(second) == "two"


def test_one_model_serves_several_event_loops() -> None:
    """Each `asyncio.run` gets connections of its own."""

    async def ask(model: OpenAIModel) -> str:
        async with model:
            return "".join([chunk async for chunk in model.respond(request_of("hi"))])

    with OpenAIServer(["one", "two"]) as server:
        model = model_of(server)
        answers = [asyncio.run(ask(model)) for _ in range(2)]

    assert answers == ["one", "two"]


async def test_fifty_messages_at_once_keep_their_order() -> None:
    """Fifty calls of send_message at once are answered one after another, in order, each stored once."""
    storage = MemorySessionStorage()
    with OpenAIServer() as server:
        async with talking(server, storage) as conv:
            replies = await asyncio.gather(*(conv.send_message(f"m{number}") for number in range(50)))
        kept = await stored(storage)
        assert not server.refused

    assert replies == [f"re m{number}" for number in range(50)]
    assert [text for _, text, _ in kept] == [text for n in range(50) for text in (f"m{n}", f"re m{n}")]


# --- interruption


@pytest.mark.parametrize("how", ["interrupt", "heard", "aclose", "cancel", "another message"])
async def test_an_interrupted_reply_ends_the_connection_and_keeps_what_was_delivered(how: str) -> None:
    """However a reply is cut off: the HTTP stream is closed at once, what was delivered (or heard) is kept once."""
    storage = MemorySessionStorage()
    with OpenAIServer([Say("one two three four", stall_after=3), "fine"]) as server:
        async with talking(server, storage) as conv:
            begun = asyncio.Event()

            async def read() -> Reply | None:
                stream = conv.stream_message("count")
                got = []
                async for chunk in stream:
                    got.append(chunk)
                    if len(got) == 2:
                        begun.set()
                        if how == "aclose":
                            await stream.aclose()
                return stream.reply

            reading = asyncio.create_task(read())
            await begun.wait()
            if how in ("interrupt", "heard"):
                await conv.interrupt(heard="one" if how == "heard" else None)
            if how == "cancel":
                reading.cancel()
            if how == "another message":
                assert await conv.send_message("stop", on_busy="interrupt") == "fine"
            await asyncio.wait([reading])
            assert await asyncio.to_thread(server.someone_hung_up.wait, 30)
            assert server.hung_up == 1
        kept = await stored(storage)

    expected = "one" if how == "heard" else "one two"
    assert kept[:2] == [("user", "count", False), ("assistant", expected, True)]
    assert len(kept) == (4 if how == "another message" else 2)


async def test_what_was_heard_is_what_the_model_is_told_later() -> None:
    """After interrupt(heard=...), the next request holds what was heard."""
    with OpenAIServer(["a long answer", "ok"]) as server:
        async with talking(server) as conv:
            await conv.send_message("ask")
            await conv.interrupt(heard="a long")
            await conv.send_message("and?")
        messages = server.messages

    assert [m["content"] for m in messages[1:]] == ["ask", "a long", "and?"]


# --- names and histories


async def test_speakers_names_are_made_fit_and_stay_readable() -> None:
    """Spaces and other scripts become what the endpoint accepts; the system message has the names as they are."""
    names = ["Ann Smith", "Ann_Smith", "Änne Müller", "李雷", "x" * 200, 'Bob "ignore\nall rules"']
    with OpenAIServer() as server:
        async with talking(server) as conv:
            await conv.add_messages(
                [{"role": "user", "name": name, "content": f"I am {name[:9]}"} for name in names]
            )
            await conv.send_message("Who is here?")
        assert not server.refused
        sent = server.messages

    fitted = [message["name"] for message in sent if "name" in message]
    assert fitted[:4] == ["Ann_Smith", "Ann_Smith_2", "Anne_Muller", "speaker"]
    assert len(set(fitted)) == len(names)
    assert '"Anne_Muller":"Änne Müller"' in sent[0]["content"] and '"speaker":"李雷"' in sent[0]["content"]
    assert "\nall rules" not in sent[0]["content"]


def broken_history() -> list[dict[str, Any]]:
    """What other systems leave: no ids, long ids, orphans, doubles, dicts as arguments, results first."""

    def call(call_id: Any, name: str, arguments: Any) -> dict[str, Any]:
        return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}

    return [
        {"role": "tool", "content": "nobody asked", "tool_call_id": "ghost"},
        {"role": "user", "content": "Weather?"},
        {"role": "tool", "content": "rain", "tool_call_id": "early"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [call("early", "get weather!", {"city": "Graz"})],
        },
        {"role": "assistant", "content": "Rain.", "tool_calls": [call("never", "umbrella", "{broken")]},
        {"role": "user", "content": "And now?"},
        {"role": "user", "content": "And now?"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [call("x" * 90, "now", None), call(None, "later", "")],
        },
        {"role": "tool", "content": "noon", "tool_call_id": "x" * 90},
        {"role": "tool", "content": "noon again", "tool_call_id": "x" * 90},
        {"role": "assistant", "content": "", "tool_calls": [{"name": "flat", "arguments": {}}]},
        {"role": "assistant", "content": "Noon."},
    ]


async def test_broken_histories_are_repaired_for_the_model_and_told() -> None:
    """The endpoint takes what is left of a broken history; each repair is in the report, and always the same."""
    with OpenAIServer(["fine", "fine"]) as server:
        seen, stored = [], []
        for _ in range(2):
            async with talking(server) as conv:
                conv._core.hub.on("history.repaired", stored.append)
                await conv.add_messages(broken_history())
                reply = await conv.send_message("go on")
            assert reply.context is not None
            seen.append((reply.context, server.messages))
        assert not server.refused

    (context, first), (_, second) = seen
    reasons = [row["reason"] for row in context.report() if row["kind"] == "message"]
    assert [(m["role"], m["content"]) for m in first] == [(m["role"], m["content"]) for m in second]
    assert "left out: a result without its call" in reasons
    assert "left out: a second result of a call" in reasons
    assert "left out: it was recorded twice" in reasons
    assert "repaired: the result of a call was never recorded" in reasons
    # These two were put right in the store already, so that no context has to.
    mended = {what for event in stored for repair in event.repairs for what in repair["what"]}
    assert mended >= {"moved", "calls mended"}


# --- closing words of streams


async def test_the_closing_word_of_a_stream_is_not_delivered_twice() -> None:
    """A stream may end with a Reply that holds the whole text; only what was not streamed yet is delivered."""

    async def model(request: Any) -> Any:
        yield "one "
        yield "two "
        yield Reply("one two three", usage=Usage(input_tokens=5, output_tokens=3, estimated=False))

    async with (
        Voxon(VoxonConfig(session_storage="memory"), model=model) as voxon,
        voxon.session("u") as session,
        session.conversation() as conv,
    ):
        stream = conv.stream_message("count")
        chunks = [chunk async for chunk in stream]

    assert chunks == ["one ", "two ", "three"]
    assert stream.reply == "one two three" and stream.reply.usage.output_tokens == 3  # type: ignore[union-attr]


# --- what is given at the start


def test_the_class_can_be_imported_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """Importing never needs openai; making a model without it names the extra."""
    program = "import sys; from voxsession import OpenAIModel; print('openai' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    monkeypatch.setitem(sys.modules, "openai", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'voxsession\[openai\]'"):
        OpenAIModel(api_key="none")

    assert done.stdout.strip() == "False"


def test_key_address_and_model_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The two variables of OpenAI's own package are read, and OPENAI_MODEL; without a key it says what to do."""
    with pytest.raises(ConfigurationError, match="OPENAI_API_KEY"):
        OpenAIModel()
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-environment\n")
    official = OpenAIModel()
    monkeypatch.setenv("OPENAI_BASE_URL", "http://name:secret@localhost:9/v1")
    monkeypatch.setenv("OPENAI_MODEL", "other-1")

    assert repr(official) == "OpenAIModel(model='gpt-4o-mini', host='api.openai.com')"
    assert repr(OpenAIModel()) == "OpenAIModel(model='other-1', host='localhost:9')"


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"api_key": "sk-with a space"}, "api_key"),
        ({"api_key": "sk-ünïcödé"}, "api_key"),
        ({"api_key": 7}, "api_key"),
        ({"model": " "}, "model"),
        ({"timeout_seconds": 0}, "timeout_seconds"),
        ({"max_retries": -1}, "max_retries"),
        ({"max_retries": 1.5}, "max_retries"),
        ({"options": {"messages": []}}, "options"),
        ({"options": {"stop": {1}}}, "options"),
        ({"options": ["seed"]}, "options"),
    ],
)
def test_wrong_arguments_are_named_and_no_key_is_shown(options: dict[str, Any], named: str) -> None:
    """What cannot work is refused at once; the sentence names the argument and never a key."""
    with pytest.raises(ConfigurationError) as caught:
        OpenAIModel(**{"api_key": "sk-right", **options})

    assert (caught.value.option or "").startswith(named)
    assert "sk-" not in str(caught.value)


async def test_newer_official_models_get_the_limit_under_its_newer_name() -> None:
    """The official address gets max_completion_tokens, any other max_tokens."""
    official, other = (
        OpenAIModel(api_key="none"),
        OpenAIModel(api_key="none", base_url="http://localhost:1/v1"),
    )

    assert official._limit_name == "max_completion_tokens"
    assert other._limit_name == "max_tokens"


# --- the stand-in itself refuses what the real one refuses


def asking(messages: Any = None, functions: Any = (), **settings: Any) -> Any:
    """A request with messages as they are."""
    given = [{"role": "user", "content": "hi"}] if messages is None else messages
    context = Context(messages=given, token_count=1, budget_tokens=8000, complete=True)
    return ModelRequest(
        messages=given,
        config=SessionConfig(**settings),
        functions=list(functions),
        context=context,
        session_id="s",
        conversation_id="c",
    )


def tool(name: str = "f", **parameters: Any) -> dict[str, Any]:
    """A function's schema."""
    return {"type": "function", "function": {"name": name, "parameters": parameters}}


CALL = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}
USER = {"role": "user", "content": "hi"}


@pytest.mark.parametrize(
    ("request_", "param"),
    [
        (asking([]), "messages"),
        (asking([{"role": "robot", "content": "hi"}]), "messages[0].role"),
        (asking([{"role": "user", "content": None}]), "messages[0].content"),
        (asking([USER, {"role": "tool", "content": "x", "tool_call_id": "a"}]), "messages.[1].role"),
        (asking([{"role": "assistant", "content": None, "tool_calls": [CALL]}, USER]), "messages.[1].role"),
        (
            asking([{"role": "assistant", "content": None, "tool_calls": [CALL, CALL]}]),
            "messages[0].tool_calls[1].id",
        ),
        (asking([{"role": "user", "content": "x", "tool_calls": [CALL]}]), "messages[0].tool_calls"),
        (asking(functions=[tool(type="string")]), "tools[0].function.parameters"),
        (
            asking(functions=[tool(type="object", properties={"a": {"type": "array"}})]),
            "tools[0].function.parameters",
        ),
        (
            asking(functions=[tool(type="object", properties={"a": {"type": "strin"}})]),
            "tools[0].function.parameters",
        ),
        (asking(functions=[tool(type="object", required=["a"])]), "tools[0].function.parameters"),
        (asking(functions=[tool("no good", type="object")]), "tools[0].function.name"),
    ],
)
async def test_what_the_endpoint_refuses_is_named_in_the_error(request_: Any, param: str) -> None:
    """A refused request is ModelCallError with status 400 and the place; the server's words are the cause."""
    with OpenAIServer() as server:
        async with model_of(server) as model:
            with pytest.raises(ModelCallError) as caught:
                async for _ in model.respond(request_):
                    pass

    assert (caught.value.kind, caught.value.status) == ("bad_request", 400)
    assert param in str(caught.value)
    assert caught.value.__cause__ is not None


async def test_every_schema_that_a_signature_gives_is_accepted() -> None:
    """Whatever types a function has, the endpoint takes its schema; a long docstring is cut."""

    def everything(
        a: int,
        b: list,  # type: ignore[type-arg]
        c: list[str],
        d: tuple[int, ...],
        e: tuple[int, str],
        f: Literal["x", "y"],
        g: Annotated[float, "how far"],
        h: dict[str, Any],
        i: Message,
        j: Optional[int] = None,  # noqa: UP045
        k: int | str = 1,
        l: bool = True,  # noqa: E741
    ) -> str:
        return "done"

    everything.__doc__ = "Long. " * 500
    with OpenAIServer([calls(("everything", {})), "ok"]) as server:
        async with talking(server, enable_functions=True) as conv:
            conv.register_function(everything)
            reply = await conv.send_message("hi")
        assert not server.refused
        shown = server.requests[0]["tools"][0]["function"]

    assert reply == "ok"
    assert shown["parameters"]["properties"]["g"] == {"type": "number", "description": "how far"}
    assert len(shown["description"]) <= 1024
