"""Your own model: any `async def model(request)` answers, at once or as a stream.

A stand-in plays the model here, so that this runs without a network; where a real client would be called, a comment
says how. The model only answers: the context, the saving and the learning around it are the session's.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from voxsession import ModelRequest, Reply, SessionConfig, Voxon, VoxonConfig


async def model(request: ModelRequest) -> AsyncIterator[str]:
    """What goes between the session and a chat endpoint.

    With a client of your provider this would be, in its streaming form::

        stream = await client.chat.completions.create(
            model="...", messages=request.messages, temperature=request.config.temperature, stream=True
        )
        return (chunk.choices[0].delta.content or "" async for chunk in stream)
    """
    print(f"    (sent: {request.context.token_count} tokens in {len(request.messages)} messages)")
    return words_of(stand_in(request))


def stand_in(request: ModelRequest) -> str:
    """Reads the system message as a model would: what is remembered stands there."""
    known = [line[2:] for line in str(request.messages[0]["content"]).splitlines() if line.startswith("- ")]
    asked = str(request.messages[-1]["content"])
    if "?" in asked and known:
        return "From earlier I know this: " + "; ".join(known) + "."
    return f"I have read: {asked}"


async def words_of(text: str) -> AsyncIterator[str]:
    for place, word in enumerate(text.split(" ")):
        await asyncio.sleep(0.005)
        yield word if place == 0 else " " + word


async def weather(city: str) -> str:
    """The weather in a city."""
    return f"It rains in {city}."


def model_with_a_function(request: ModelRequest) -> Reply:
    """A model that wants a function called: it asks for it, and answers once the result is there."""
    if request.messages[-1]["role"] == "tool":
        return Reply("Take an umbrella. " + str(request.messages[-1]["content"]))
    function = {"name": "weather", "arguments": '{"city": "Porto"}'}
    return Reply(tool_calls=[{"id": "call_1", "type": "function", "function": function}])


async def main() -> None:
    config = SessionConfig(instructions="You are a travel companion.", context_tokens=2000)
    storage = VoxonConfig(session_storage="memory")
    async with Voxon(storage, model=model) as voxon, voxon.session(user_id="alice", config=config) as session:
        async with session.conversation() as conv:
            print(await conv.send_message("My name is Alice and I live in Porto."))

        async with session.conversation() as conv:
            # Chunk by chunk; the whole turn is recorded when the stream has ended.
            async for chunk in conv.stream_message("What do you know about me?"):
                print(chunk, end="", flush=True)
            print()

            # Somebody interrupts: what was delivered is kept, and marked.
            stream = conv.stream_message("Tell me again?")
            async for _ in stream:
                await stream.aclose()
            last = conv.messages[-1]
            print(f"Interrupted: {last.interrupted}; kept: {last.content!r}")

    await call_functions(storage)


async def call_functions(storage: VoxonConfig) -> None:
    config = SessionConfig(enable_functions=True)
    async with (
        Voxon(storage, model=model_with_a_function) as voxon,
        voxon.session(user_id="bob", config=config) as session,
        session.conversation() as conv,
    ):
        conv.register_function(weather)
        print(await conv.send_message("Do I need an umbrella?"))
        print("Recorded: " + ", ".join(message.role for message in conv.messages))


if __name__ == "__main__":
    asyncio.run(main())
