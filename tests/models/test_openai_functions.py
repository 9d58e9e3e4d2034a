"""Functions that a model calls, over real HTTP: the loop, its limits, and functions that misbehave."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.models.openai_server import OpenAIServer, Say, calls
from tests.models.openai_talk import stored, talking
from voxsession import (
    ConfigurationError,
    MemorySessionStorage,
    ModelError,
    Reply,
    StorageError,
    Voxon,
    VoxonConfig,
)

ROOT = Path(__file__).resolve().parent.parent.parent


def order_status(order_id: int) -> dict[str, Any]:
    """Where an order is."""
    return {"order": order_id, "status": "shipped"}


@pytest.mark.parametrize("stream", [True, False])
async def test_calls_and_results_go_through_as_complete_pairs(stream: bool) -> None:
    """Parallel calls, sync and async, unknown ones and failing ones: each has its result, the model sees them all."""
    script = [
        calls(
            ("order_status", {"order_id": 7}),
            ("refund", {"order_id": 7}),
            ("no_such_function", {}),
            ("order_status", {"wrong": 1}),
            ("order_status", "{broken"),
            ("broken", {}),
            text="Let me look.",
        ),
        "It is on its way.",
    ]
    storage = MemorySessionStorage()
    with OpenAIServer(script) as server:
        async with talking(server, storage, stream=stream, enable_functions=True) as conv:
            conv.register_function(order_status)

            @conv.function
            async def refund(order_id: int) -> str:
                """Pays back."""
                return f"refunded {order_id}"

            @conv.function
            def broken() -> str:
                """Always fails."""
                raise RuntimeError("no database")

            reply = await conv.send_message("Where is my order?")
        kept = await stored(storage)
        assert not server.refused
        sent, shown = server.messages, server.requests[0]["tools"]

    results = [message for message in sent if message["role"] == "tool"]
    asked = next(message for message in sent if message.get("tool_calls"))
    assert reply == "It is on its way."
    assert [tool["function"]["name"] for tool in shown] == ["order_status", "refund", "broken"]
    assert [call["id"] for call in asked["tool_calls"]] == [result["tool_call_id"] for result in results]
    assert [result["content"] for result in results[:2]] == ['{"order":7,"status":"shipped"}', "refunded 7"]
    errors = [json.loads(result["content"])["error"] for result in results[2:]]
    assert "no function 'no_such_function'" in errors[0] and "known: order_status" in errors[0]
    assert errors[1].startswith("bad arguments") and errors[2].startswith("bad arguments")
    assert errors[3] == "RuntimeError: no database"
    assert [role for role, _, _ in kept] == ["user", "assistant", *["tool"] * 6, "assistant"]
    assert kept[1][1] == "Let me look." and kept[-1][1] == "It is on its way."


async def test_usage_of_all_rounds_is_added_up() -> None:
    """A reply that took two requests has the tokens of both."""
    with OpenAIServer([calls(("order_status", {"order_id": 7})), "on its way"]) as server:
        async with talking(server, enable_functions=True) as conv:
            conv.register_function(order_status)
            reply = await conv.send_message("Where?")

    assert reply.usage is not None and reply.usage.output_tokens == 1 + 3
    assert not reply.usage.estimated


async def test_a_model_that_only_calls_is_stopped() -> None:
    """After a number of rounds without an answer the turn is a ModelError; every call kept has its result."""
    storage = MemorySessionStorage()
    with OpenAIServer(brain=lambda body: calls(("order_status", {"order_id": 7}))) as server:
        async with talking(server, storage, enable_functions=True) as conv:
            conv.register_function(order_status)
            with pytest.raises(ModelError, match="times in a row"):
                await conv.send_message("Where?")
        rounds = len(server.requests)
        server.brain = lambda body: "enough"
        async with talking(server, storage, enable_functions=True) as conv:
            reply = await conv.send_message("And?")
        assert not server.refused
    kept = await stored(storage)

    assert reply == "enough"
    assert [role for role, _, _ in kept] == ["user", *["assistant", "tool"] * rounds, "user", "assistant"]


@pytest.mark.parametrize("kind", ["sync", "async", "stubborn"])
async def test_a_function_that_hangs_is_given_up(kind: str) -> None:
    """After its time the model is told so and goes on; nothing waits for the function, not even the exit."""
    release = threading.Event()

    def hang_sync() -> str:
        release.wait(20)
        return "late"

    async def hang_async() -> str:
        await asyncio.Event().wait()
        return "never"

    async def hang_stubborn() -> str:
        while not release.is_set():
            try:
                await asyncio.sleep(0.05)
            except asyncio.CancelledError:
                continue
        return "late"

    hang = {"sync": hang_sync, "async": hang_async, "stubborn": hang_stubborn}[kind]
    with OpenAIServer([calls((hang.__name__, {})), "sorry"]) as server:
        async with talking(server, enable_functions=True) as conv:
            conv.register_function(hang, timeout_seconds=0.1)
            reply = await asyncio.wait_for(conv.send_message("hi"), 10)
        result = server.messages[-1]["content"]
        release.set()
        await asyncio.sleep(0.1)

    assert reply == "sorry"
    assert "longer than 0.1 seconds" in json.loads(result)["error"]


async def test_the_time_of_a_function_is_checked() -> None:
    """The decorator takes it too; a time that is none is refused by name."""
    with OpenAIServer([calls(("slow", {})), "sorry"]) as server:
        async with talking(server, enable_functions=True) as conv:

            @conv.function(timeout_seconds=0.05)
            async def slow() -> str:
                """Takes its time."""
                await asyncio.sleep(20)
                return "late"

            for wrong in (0, -1, float("nan"), 10**6, "5"):
                with pytest.raises(ConfigurationError, match="timeout_seconds"):
                    conv.register_function(slow, timeout_seconds=wrong)  # type: ignore[arg-type]
            await conv.send_message("hi")

        assert "longer than 0.05 seconds" in server.messages[-1]["content"]


class Unprintable(Exception):
    """An error that cannot even be told."""

    def __str__(self) -> str:
        raise ValueError("no")


def raise_(error: BaseException) -> Any:
    """Raises."""
    raise error


CYCLE: list[Any] = []
CYCLE.append(CYCLE)


@pytest.mark.parametrize(
    ("result", "told"),
    [
        (object, "result='object' is not allowed"),
        (lambda: {"set": {1}}, "result.set"),
        (lambda: {1: "x"}, "JSON keys are str"),
        (lambda: float("nan"), "NaN"),
        (lambda: CYCLE, "larger than 100,000 characters"),
        (lambda: "x" * 20_000_000, "larger than 100,000 characters"),
        (lambda: ["x" * 100] * 200_000, "larger than 100,000 characters"),
        (lambda: [0] * 5_000_000, "larger than 100,000 characters"),
        (lambda: "word " * 19_000, "fit here; ask for less"),
        (lambda: raise_(Unprintable()), "Unprintable"),
        (lambda: raise_(StopIteration()), "StopIteration"),
        (lambda: raise_(asyncio.CancelledError()), "ancelled"),
        (lambda: raise_(ValueError("x" * 5000)), "ValueError: xxx"),
        (lambda: "lone \ud800 surrogate", "lone ? surrogate"),
        (lambda: None, "null"),
    ],
)
@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_whatever_a_function_gives_becomes_a_result(result: Any, told: str, kind: str) -> None:
    """What cannot be sent, or is too large, is an error that the model is told; the turn goes on."""

    def lookup_sync() -> Any:
        return result()

    async def lookup_async() -> Any:
        return result()

    lookup = {"sync": lookup_sync, "async": lookup_async}[kind]
    with OpenAIServer([calls((lookup.__name__, {})), "fine"]) as server:
        async with talking(server, enable_functions=True) as conv:
            conv.register_function(lookup)
            reply = await conv.send_message("hi")
        assert not server.refused
        sent = server.messages[-1]["content"]

    assert reply == "fine"
    assert len(sent) <= 1100
    assert told in sent


async def test_a_function_that_exits_ends_no_program() -> None:
    """sys.exit() in a function is an error that the model is told."""

    def leave() -> None:
        """Leaves."""
        sys.exit(1)

    with OpenAIServer([calls(("leave", {})), "still here"]) as server:
        async with talking(server, enable_functions=True) as conv:
            conv.register_function(leave)
            reply = await conv.send_message("hi")
        sent = server.messages[-1]["content"]

    assert reply == "still here" and "SystemExit" in sent


async def test_several_large_results_share_the_room_of_the_context() -> None:
    """What does not fit beside earlier results is refused to the model, so that the next request always fits."""
    wanted = [("lookup", {"n": number}) for number in range(5)]
    with OpenAIServer([calls(*wanted), calls(*wanted), "fine"]) as server:
        async with talking(server, enable_functions=True, context_tokens=2000) as conv:

            @conv.function
            def lookup(n: int) -> str:
                """Looks up."""
                return "word " * 600

            reply = await conv.send_message("hi")
        results = [message["content"] for message in server.messages if message["role"] == "tool"]

    assert reply == "fine" and len(results) == 10
    assert [("fit here" in result) for result in results[:5]] == [False, False, True, True, True]


async def test_an_interruption_lets_the_running_function_end_and_starts_no_other() -> None:
    """interrupt() while a function runs: its result is kept, those behind it are told as not run, no more is asked."""
    storage = MemorySessionStorage()
    runs: list[int] = []
    with OpenAIServer([calls(("pay", {"n": 1}), ("pay", {"n": 2})), "never asked for"]) as server:
        async with talking(server, storage, enable_functions=True) as conv:

            @conv.function
            async def pay(n: int) -> str:
                """Pays."""
                runs.append(n)
                await conv.interrupt()
                return "paid"

            reply = await conv.send_message("pay both")
        assert len(server.requests) == 1
    kept = await stored(storage)

    assert reply.interrupted and runs == [1]
    assert [role for role, _, _ in kept] == ["user", "assistant", "tool", "tool"]
    assert kept[2][1] == "paid" and "not run" in str(kept[3][1])


@pytest.mark.parametrize(
    ("heard", "kept"),
    [
        ("Let me", [("Let me", True)]),
        ("Let me look. It", [("Let me look.", False), (" It", True)]),
        ("Let me look.", [("Let me look.", False)]),
        (None, [("Let me look.", False), ("It is", True)]),
    ],
)
async def test_what_was_heard_is_kept_once_across_calls(
    heard: str | None, kept: list[tuple[str, bool]]
) -> None:
    """Where a reply speaks before and after its calls, what was heard is shared out, and nothing is there twice."""
    storage = MemorySessionStorage()
    begun = asyncio.Event()
    script = [calls(("order_status", {"order_id": 7}), text="Let me look."), Say("It is on", stall_after=3)]
    with OpenAIServer(script) as server:
        async with talking(server, storage, enable_functions=True) as conv:
            conv.register_function(order_status)

            async def read() -> None:
                async for chunk in conv.stream_message("Where?"):
                    if chunk == " is":
                        begun.set()

            reading = asyncio.create_task(read())
            await begun.wait()
            await conv.interrupt(heard=heard)
            await reading
        found = await stored(storage)

    assert [(text, cut) for role, text, cut in found if role == "assistant"] == kept


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("given", ["", "call_0"])
async def test_ids_that_are_missing_or_doubled_are_made_unique(given: str, stream: bool) -> None:
    """A server that sends calls without ids, or one id for all, gets pairs back that it can tell apart."""
    script = [
        calls(("order_status", {"order_id": 1}), ("order_status", {"order_id": 2}), ids=[given, given]),
        calls(("order_status", {"order_id": 3}), ("order_status", {"order_id": 4}), ids=[given, given]),
        "fine",
    ]
    with OpenAIServer(script) as server:
        async with talking(server, enable_functions=True, stream=stream) as conv:
            conv.register_function(order_status)
            reply = await conv.send_message("all of them")
        assert not server.refused
        sent = server.messages

    ids = [call["id"] for message in sent for call in message.get("tool_calls", ())]
    results = [message for message in sent if message["role"] == "tool"]
    assert reply == "fine" and len(set(ids)) == 4
    assert [result["tool_call_id"] for result in results] == ids
    assert [json.loads(result["content"])["order"] for result in results] == [1, 2, 3, 4]


async def test_a_call_that_was_cut_off_is_not_run() -> None:
    """Arguments that end at the output limit are an error to the model, never a call with what had come."""
    runs: list[Any] = []
    cut = [Say(tool_calls=[("wipe", text)], finish=("length",)) for text in ("", '{"what": "ev')]
    with OpenAIServer([*cut, "fine"]) as server:
        async with talking(server, enable_functions=True) as conv:

            @conv.function
            def wipe(what: str = "all") -> str:
                """Erases."""
                runs.append(what)
                return "done"

            reply = await conv.send_message("hi")
        assert not server.refused

    assert reply == "fine" and runs == []


@pytest.mark.parametrize("wrong", [["nonsense"], [{"id": "a"}], [{"id": "a", "function": "f"}]])
async def test_calls_without_a_form_are_a_model_error(wrong: list[Any]) -> None:
    """A model of one's own that gives calls nobody can read is told so; what it said before them is kept."""

    async def model(request: Any) -> Any:
        yield "So"
        yield Reply("", tool_calls=wrong)

    async with (
        Voxon(VoxonConfig(session_storage="memory"), model=model) as voxon,
        voxon.session("u") as session,
        session.conversation() as conv,
    ):
        session.config.enable_functions = True
        conv.register_function(order_status)
        with pytest.raises(ModelError, match="Call 0"):
            await conv.send_message("hi")
        history = await conv.history()

    assert [(message.content, message.interrupted) for message in history] == [("hi", False), ("So", True)]


# --- the example


def support(body: dict[str, Any]) -> Any:
    """Plays the model of the support bot: looks orders up, asks for refunds, remembers what it is told."""
    last, system = body["messages"][-1], body["messages"][0]["content"]
    text = str(last["content"])
    if last["role"] == "tool":
        return f"I have looked: {text}"
    if "money back" in text:
        return calls(
            ("order_status", {"order_id": 1043}), ("request_refund", {"order_id": 1043, "reason": text})
        )
    if "Where is my order" in text:
        return calls(("order_status", {"order_id": 1042}))
    return "You are Mira." if "Mira" in system else "I do not know you."


async def test_the_support_bot_talks_calls_and_remembers(tmp_path: Path, home: Path) -> None:
    """The example runs on two variables: it calls both functions, and a second run still knows the customer."""
    program = [sys.executable, str(ROOT / "examples" / "support_bot.py")]
    with OpenAIServer(brain=support) as server:
        env = {
            **os.environ,
            "OPENAI_BASE_URL": server.url,
            "OPENAI_API_KEY": server.key,
            "VOXSESSION_HOME": str(home),
            "PYTHONPATH": str(ROOT),
        }
        shown = []
        for _ in range(2):
            done = await asyncio.to_thread(
                subprocess.run, program, cwd=tmp_path, env=env, stdin=subprocess.DEVNULL,
                capture_output=True, text=True, timeout=60, check=False,
            )  # fmt: skip
            assert done.returncode == 0, done.stdout + done.stderr
            shown.append(done.stdout)
        system = server.requests[7]["messages"][0]["content"]

    assert "[order_status]" in shown[0] and "[request_refund]" in shown[0]
    assert '"paid_back_within_days":5' in shown[0] and "refunds asked for: [1043]" in shown[0]
    assert "Mira" in system


@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_a_turn_cancelled_in_a_function_leaves_complete_pairs(kind: str) -> None:
    """Cancelling keeps what is known: the one that ran may have had an effect, those behind it were not run."""
    storage = MemorySessionStorage()
    runs: list[str] = []
    begun, release = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def pay_sync() -> str:
        """Pays."""
        runs.append("pay")
        loop.call_soon_threadsafe(begun.set)
        release.wait(20)
        return "paid"

    async def pay_async() -> str:
        """Pays."""
        runs.append("pay")
        begun.set()
        await asyncio.Event().wait()
        return "paid"

    def ship() -> str:
        """Ships."""
        runs.append("ship")
        return "shipped"

    pay = {"sync": pay_sync, "async": pay_async}[kind]
    with OpenAIServer([calls((pay.__name__, {}), ("ship", {})), "again"]) as server:
        async with talking(server, storage, enable_functions=True) as conv:
            conv.register_function(pay)
            conv.register_function(ship)
            turn = asyncio.create_task(conv.send_message("do it"))
            await asyncio.wait_for(begun.wait(), 20)
            turn.cancel()
            await asyncio.gather(turn, return_exceptions=True)
            assert await conv.send_message("well?") == "again"
            release.set()
        assert not server.refused
        told = [message["content"] for message in server.messages if message["role"] == "tool"]
    kept = await stored(storage)

    assert runs == ["pay"]
    assert "whether it had an effect is not known" in told[0] and "was not run" in told[1]
    assert [role for role, _, _ in kept] == ["user", "assistant", "tool", "tool", "user", "assistant"]


async def test_a_call_that_could_not_be_saved_is_not_run_and_is_told_so() -> None:
    """Where the storage fails before a function, it does not run; call and result are a pair all the same."""
    runs: list[str] = []
    storage = MemorySessionStorage()
    works = storage.append

    async def refuse(*given: Any, **named: Any) -> Any:
        raise OSError("no disk")

    with OpenAIServer([calls(("pay", {})), "again"]) as server:
        async with talking(server, storage, enable_functions=True) as conv:

            @conv.function
            def pay() -> str:
                """Pays."""
                runs.append("pay")
                return "paid"

            await conv.add_messages([{"role": "user", "content": "hello"}])
            storage.append = refuse  # type: ignore[method-assign]
            with pytest.raises(StorageError):
                await conv.send_message("do it")
            storage.append = works  # type: ignore[method-assign]
            assert await conv.send_message("well?") == "again"
        assert not server.refused
        told = [message["content"] for message in server.messages if message["role"] == "tool"]

    assert runs == [] and len(told) == 1 and "was not run" in told[0]


async def test_calls_that_no_context_could_hold_are_not_run() -> None:
    """Arguments larger than the context are a ModelError before anything ran; what was said is kept."""
    runs: list[int] = []
    with OpenAIServer([calls(("look", {"text": "word " * 3000}), text="Let me look."), "again"]) as server:
        async with talking(server, enable_functions=True, context_tokens=2000) as conv:

            @conv.function
            def look(text: str) -> str:
                """Looks."""
                runs.append(len(text))
                return "found"

            with pytest.raises(ModelError, match="None was run"):
                await conv.send_message("hi")
            again = await conv.send_message("well?")
            kept = [(message.role, message.content) for message in await conv.history()]
        assert not server.refused

    assert runs == [] and again == "again"
    assert kept[:3] == [("user", "hi"), ("assistant", "Let me look."), ("user", "well?")]
