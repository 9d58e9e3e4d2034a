"""Refusals in the words of many servers, and clients of the app's own: what is told, and that no key is."""

from __future__ import annotations

import json
import traceback
from typing import Any

import pytest

from tests.models.openai_server import KEY, MODEL, Fail, OpenAIServer, Say
from tests.models.openai_talk import talking
from voxsession import ContextTooLongError, ModelCallError

TOO_LONG = {
    "vLLM": "The decoder prompt (length 5000) is longer than the maximum model length of 4096.",
    "vLLM, newer": "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens.",
    "Ollama": "the input length exceeds the context length",
    "llama.cpp": "the request exceeds the available context size, try increasing it",
    "TGI": "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 5000 and 100",
    "Gemini": "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
    "xAI": "This model's maximum prompt length is 131072 but the request contains 537812 tokens.",
    "SGLang": "The input (5000 tokens) is longer than the model's context length (4096 tokens).",
    "OpenRouter": "This endpoint's maximum context length is 4096 tokens. However, you requested about 5000 tokens.",
    "LM Studio": "Trying to keep the first 5000 tokens when context the overflows.",
}


@pytest.mark.parametrize("how", ["refused", "in a stream"])
@pytest.mark.parametrize("said", TOO_LONG.values(), ids=TOO_LONG.keys())
async def test_a_context_too_long_is_known_in_everybodys_words(said: str, how: str) -> None:
    """Whatever server says it, with status 400 or in a stream that began: it is sent once more with less."""
    refusal = Say(raw=[json.dumps({"error": {"message": said}})]) if how == "in a stream" else None
    with OpenAIServer([refusal or Fail(400, None, "invalid_request_error", said), "fine"]) as server:
        async with talking(server) as conv:
            await conv.add_messages([{"role": "user", "content": f"{n} " + "word " * 300} for n in range(9)])
            reply = await conv.send_message("hi")
        sizes = [len(request["messages"]) for request in server.requests]

    assert reply == "fine" and len(sizes) == 2 and sizes[1] < sizes[0]


async def test_other_refusals_are_not_taken_for_a_context_too_long() -> None:
    """A quota that names tokens, and a bad request about another length, are what they are."""
    quota = Fail(429, "rate_limit_exceeded", "tokens", "Limit 30000, Requested 40000 tokens per min.")
    wrong = Fail(
        400, None, "invalid_request_error", "Invalid 'stop': array too long. Expected maximum length 4."
    )
    with OpenAIServer([quota, wrong]) as server:
        async with talking(server, max_retries=0) as conv:
            for kind in ("rate_limit", "bad_request"):
                with pytest.raises(ModelCallError) as caught:
                    await conv.send_message("hi")
                assert caught.value.kind == kind and not isinstance(caught.value, ContextTooLongError)


async def test_a_prompt_that_is_withheld_is_told_as_filtered() -> None:
    """Azure refuses a prompt with status 400 and the code of its filter."""
    refusal = Fail(400, "content_filter", "invalid_request_error", "The response was filtered")
    with OpenAIServer([refusal]) as server:
        async with talking(server) as conv:
            with pytest.raises(ModelCallError, match="content filter") as caught:
                await conv.send_message("hi")

    assert (caught.value.kind, caught.value.status) == ("filtered", 400)


def told(error: BaseException) -> str:
    """All that somebody may log of an error."""
    causes = [error, error.__cause__, error.__context__]
    return "".join(
        [*traceback.format_exception(error), *map(repr, causes), *(str(vars(one)) for one in causes if one)]
    )


async def test_the_key_is_in_no_error_about_bytes_that_are_no_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where an answer is no UTF-8 and repeats the key, neither the error nor its cause has it."""

    async def no_text(self: OpenAIServer, writer: Any, *_: Any) -> bool:
        body = b'{"choices": "\xff ' + KEY.encode() + b'"}'
        head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        await writer.drain()
        return True

    monkeypatch.setattr(OpenAIServer, "_fail", no_text)
    with OpenAIServer([Fail(200)]) as server:
        async with talking(server, stream=False, max_retries=0) as conv:
            with pytest.raises(ModelCallError) as caught:
                await conv.send_message("hi")

    assert caught.value.kind == "bad_answer" and isinstance(caught.value.__cause__, UnicodeDecodeError)
    assert KEY not in told(caught.value) and KEY.encode() not in caught.value.__cause__.object


async def test_a_key_that_a_client_got_later_is_in_no_error() -> None:
    """A client of the app's own may fetch its key anew: also that one is taken out of what the server repeats."""
    import openai

    late = "sk-late-0123456789abcdefghij"

    async def fetch() -> str:
        return late

    with OpenAIServer(echo_key=True) as server:
        client = openai.AsyncOpenAI(base_url=server.url, api_key=fetch, max_retries=0)
        async with client, talking(server, client=client) as conv:
            with pytest.raises(ModelCallError) as caught:
                await conv.send_message("hi")

    assert caught.value.kind == "authentication"
    assert late not in told(caught.value)


@pytest.mark.parametrize(("seconds", "works"), [(None, True), (5, True), (0.3, False)])
async def test_the_time_of_a_client_of_ones_own_is_its_own(
    seconds: float | None, works: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How long an answer may be silent is what the client says, not what the model would."""
    import openai

    with OpenAIServer([Say("one two", pause_seconds=0.6)]) as server:
        client = openai.AsyncOpenAI(base_url=server.url, api_key=server.key, timeout=seconds, max_retries=0)
        async with client, talking(server, client=client, timeout_seconds=0.1, model=MODEL) as conv:
            if works:
                assert await conv.send_message("hi") == "one two"
            else:
                with pytest.raises(ModelCallError) as caught:
                    await conv.send_message("hi")
                assert caught.value.kind == "timeout"
