"""A stand-in for a chat completions endpoint: real HTTP on the loopback, the real one's refusals, answers as scripted.

It runs in a thread of its own, so that a blocked event loop of the tested program does not hold it up::

    with OpenAIServer(["Hello!", calls(("order_status", {"order_id": 7}))]) as server:
        model = OpenAIModel(base_url=server.url, api_key=server.key)
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import threading
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from tests.models.openai_rules import Refusal, refusal_of, size_of

KEY = "sk-test-0123456789abcdefghijklmnop"
MODEL = "stand-in-1"


@dataclass
class Say:
    """An answer, and what goes wrong with it.

    Attributes:
        tool_calls: name and arguments (a dict, or the text as it is sent) of each call.
        finish: the finish reasons, in order; None sends none.
        after: text sent after the last finish reason.
        cut_after: the connection is cut after so many pieces; `cleanly` ends the body as if all were said.
        stall_after: nothing more comes after so many pieces; with `pings`, nothing but signs of life.
        raw: events that are sent as they are, instead of the pieces.
        garbage: sent as it is, as the last event before the end.
    """

    text: str = ""
    tool_calls: Sequence[tuple[str, Any]] = ()
    ids: Sequence[str] = ()
    finish: Sequence[str | None] | None = None
    after: str = ""
    usage: bool = True
    pause_seconds: float = 0
    cut_after: int | None = None
    cleanly: bool = False
    stall_after: int | None = None
    pings: bool = False
    raw: Sequence[str] | None = None
    garbage: str | None = None


@dataclass
class Fail:
    """A refusal with any status, such as 429 or 500."""

    status: int
    code: str | None = None
    kind: str = "server_error"
    message: str = "The server had an error while processing your request. Sorry about that!"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str | None = None


@dataclass
class Hang:
    """No answer at all, not even headers."""


Answer: TypeAlias = str | Say | Fail | Hang | Callable[[dict[str, Any]], Any]


def calls(*wanted: tuple[str, Any], text: str = "", ids: Sequence[str] = ()) -> Say:
    """An answer that asks for functions, all in parallel."""
    return Say(text, tool_calls=wanted, ids=ids)


class OpenAIServer:
    """The server; a context manager.

    Args:
        script: answers to accepted requests, first to last; then it repeats what it was asked.
        context_tokens: messages, functions and the answer's limit together must stay below.
        brain: answers a request body where the script is used up.
        echo_key: a refused key is repeated in full, as some servers do.

    Attributes:
        requests: the bodies of all requests, refused ones too.
        times: when each came, in seconds of a clock that only goes forward.
        refused: the errors that the rules gave.
        was_asked: set when the first request has come.
        hung_up: how many clients closed their connection before the answer was over.
    """

    path = "/v1/chat/completions"

    def __init__(
        self,
        script: Sequence[Answer] = (),
        *,
        context_tokens: int = 100_000,
        brain: Callable[[dict[str, Any]], Any] | None = None,
        key: str = KEY,
        models: Sequence[str] = (MODEL, "gpt-4o-mini"),
        echo_key: bool = False,
    ) -> None:
        self.script = list(script)
        self.context_tokens = context_tokens
        self.brain = brain or repeat
        self.key = key
        self.models = models
        self.echo_key = echo_key
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.times: list[float] = []
        self.refused: list[Refusal] = []
        self.hung_up = 0
        self.was_asked = threading.Event()
        self.someone_hung_up = threading.Event()
        self._ready = threading.Event()
        self._count = 0
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)

    def __enter__(self) -> OpenAIServer:
        # Where a proxy is set, a client would ask it for the loopback too.
        self._bypass = os.environ.get("NO_PROXY")
        os.environ["NO_PROXY"] = "127.0.0.1"
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *problem: object) -> None:
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join(10)
        if self._bypass is None:
            del os.environ["NO_PROXY"]
        else:
            os.environ["NO_PROXY"] = self._bypass

    @property
    def url(self) -> str:
        """What a client takes as its base address."""
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def roles(self) -> list[str]:
        """The roles in the latest request."""
        return [message["role"] for message in self.messages]

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The messages of the latest request."""
        found: list[dict[str, Any]] = self.requests[-1]["messages"]
        return found

    async def _serve(self) -> None:
        self._loop, self._ended = asyncio.get_running_loop(), asyncio.Event()
        self._tasks: set[asyncio.Task[Any]] = set()
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0, limit=2**26)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._ended.wait()
        server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # --- HTTP

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            while await self._exchange(reader, writer):
                pass
        except (OSError, asyncio.IncompleteReadError):
            self._note_hang_up()
        finally:
            self._tasks.discard(task)
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request and its answer; whether the connection stays open."""
        head = await reader.readline()
        if not head:
            return False
        method, path, _ = head.decode().split()
        headers: dict[str, str] = {}
        while line := (await reader.readline()).decode().strip():
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        raw = await reader.readexactly(int(headers.get("content-length", 0)))
        if (method, path) != ("POST", self.path):
            return await self._fail(writer, Fail(404, kind="invalid_request_error", message="Invalid URL"))
        return await self._answer(reader, writer, headers, raw)

    async def _answer(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, headers: dict[str, str], raw: bytes
    ) -> bool:
        try:
            body = json.loads(raw)
        except ValueError:
            body = None
        self.times.append(time.monotonic())
        self.headers.append(headers)
        self.requests.append(body)
        self.was_asked.set()
        given = headers.get("authorization", "").removeprefix("Bearer ")
        refusal = refusal_of(body, given, self.key, self.models, self.context_tokens, self.echo_key)
        if refusal is not None:
            self.refused.append(refusal)
            fail = Fail(refusal.status, refusal.code, "invalid_request_error", refusal.message)
            return await self._fail(writer, fail, refusal.param)
        answer: Any = self.script.pop(0) if self.script else self.brain
        if callable(answer):
            answer = answer(body)
        if isinstance(answer, str):
            answer = Say(answer)
        if isinstance(answer, Hang):
            return await self._until_gone(reader)
        if isinstance(answer, Fail):
            return await self._fail(writer, answer)
        if body.get("stream"):
            return await self._stream(reader, writer, body, answer)
        return await self._whole(reader, writer, body, answer)

    async def _fail(self, writer: asyncio.StreamWriter, fail: Fail, param: str | None = None) -> bool:
        error = {"message": fail.message, "type": fail.kind, "param": param, "code": fail.code}
        text = fail.body if fail.body is not None else json.dumps({"error": error}, indent=4)
        return await self._send(writer, fail.status, text, fail.headers)

    async def _send(
        self, writer: asyncio.StreamWriter, status: int, text: str, headers: Mapping[str, str] | None = None
    ) -> bool:
        body = text.encode()
        lines = [f"HTTP/1.1 {status} Said", "content-type: application/json", f"content-length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        await writer.drain()
        return True

    async def _until_gone(self, reader: asyncio.StreamReader) -> bool:
        await reader.read(1)  # nobody sends more before the answer is over
        self._note_hang_up()
        return False

    def _note_hang_up(self) -> None:
        self.hung_up += 1
        self.someone_hung_up.set()

    # --- answers

    async def _whole(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, body: dict[str, Any], answer: Say
    ) -> bool:
        if answer.stall_after is not None:
            return await self._until_gone(reader)
        if answer.garbage is not None:
            return await self._send(writer, 200, answer.garbage)
        message: dict[str, Any] = {"role": "assistant", "content": answer.text or None, "refusal": None}
        if answer.tool_calls:
            message["tool_calls"] = self._calls(answer)
        reasons = answer.finish if answer.finish is not None else [_reason(answer)]
        choices = [
            {"index": place, "message": message, "logprobs": None, "finish_reason": reason}
            for place, reason in enumerate(reasons)
        ]
        said = {**self._frame("chat.completion"), "choices": choices, "usage": _usage(body, answer)}
        return await self._send(writer, 200, json.dumps(said))

    async def _stream(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, body: dict[str, Any], answer: Say
    ) -> bool:
        head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n"
        writer.write(head.encode() + b"\r\n")
        sent = 0
        async for event in self._events(body, answer):
            if answer.stall_after == sent:
                while answer.pings and not reader.at_eof():
                    writer.write(b"8\r\n: ping\n\n\r\n")
                    await writer.drain()
                    await asyncio.sleep(0.02)
                return await self._until_gone(reader)
            if answer.cut_after == sent:
                if answer.cleanly:
                    writer.write(b"0\r\n\r\n")
                # One that ends as it should stays open, or the next request meets its end.
                return answer.cleanly
            if reader.at_eof():
                self._note_hang_up()
                return False
            data = f"data: {event}\n\n".encode()
            writer.write(b"%x\r\n%s\r\n" % (len(data), data))
            await writer.drain()
            sent += 1
            await asyncio.sleep(answer.pause_seconds)
        writer.write(b"0\r\n\r\n")
        await writer.drain()
        return True

    async def _events(self, body: dict[str, Any], answer: Say) -> AsyncIterator[str]:
        frame = self._frame("chat.completion.chunk")
        if answer.raw is not None:
            for event in answer.raw:
                yield event
            return
        for delta, reason in self._deltas(answer):
            yield json.dumps(
                {
                    **frame,
                    "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}],
                }
            )
        if answer.garbage is not None:
            yield answer.garbage
        if answer.usage and (body.get("stream_options") or {}).get("include_usage"):
            yield json.dumps({**frame, "choices": [], "usage": _usage(body, answer)})
        yield "[DONE]"

    def _deltas(self, answer: Say) -> list[tuple[dict[str, Any], str | None]]:
        made: list[tuple[dict[str, Any], str | None]] = [({"role": "assistant", "content": ""}, None)]
        made += [({"content": word}, None) for word in _words(answer.text)]
        for place, call in enumerate(self._calls(answer)):
            function, arguments = call["function"], call["function"]["arguments"]
            begun = {**call, "index": place, "function": {**function, "arguments": ""}}
            made.append(({"tool_calls": [begun]}, None))
            half = len(arguments) // 2
            for part in (arguments[:half], arguments[half:]):
                made.append(({"tool_calls": [{"index": place, "function": {"arguments": part}}]}, None))
        reasons = answer.finish if answer.finish is not None else [_reason(answer)]
        made += [({}, reason) for reason in reasons if reason is not None]
        made += [({"content": word}, None) for word in _words(answer.after)]
        return made

    def _calls(self, answer: Say) -> list[dict[str, Any]]:
        made = []
        for place, (name, arguments) in enumerate(answer.tool_calls):
            self._count += 1
            call_id = answer.ids[place] if place < len(answer.ids) else f"call_{self._count:04}"
            text = arguments if isinstance(arguments, str) else json.dumps(arguments)
            made.append({"id": call_id, "type": "function", "function": {"name": name, "arguments": text}})
        return made

    def _frame(self, kind: str) -> dict[str, Any]:
        return {"id": f"chatcmpl-{len(self.requests)}", "object": kind, "created": 1, "model": self.models[0]}


def repeat(body: dict[str, Any]) -> str:
    """Says what it was told last."""
    last = body["messages"][-1]
    return f"re {last['content']}"


def _reason(answer: Say) -> str:
    return "tool_calls" if answer.tool_calls else "stop"


def _words(text: str) -> list[str]:
    words = text.split(" ")
    return [word if place == 0 else " " + word for place, word in enumerate(words)] if text else []


def _usage(body: dict[str, Any], answer: Say) -> dict[str, int]:
    sent, made = size_of(body), max(len(_words(answer.text)), 1)
    return {"prompt_tokens": sent, "completion_tokens": made, "total_tokens": sent + made}
