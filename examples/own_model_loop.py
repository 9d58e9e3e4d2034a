"""Your own loop: messages are made elsewhere, the session records them and says what to send.

For programs that call their model themselves, with a framework or in another process. Two calls are needed:
`await conv.build_context(text)` before the model, `await conv.add_messages([...])` after it.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

from voxsession import Conversation, Voxon, VoxonConfig


async def call_the_model(messages: list[dict[str, Any]]) -> dict[str, Any]:
    """A stand-in for your own call; it takes and gives messages in the usual chat form."""
    asked = str(messages[-1]["content"])
    if messages[-1]["role"] == "user" and "train" in asked:
        function = {"name": "next_train", "arguments": json.dumps({"to": "Graz"})}
        calls = [{"id": "call_1", "type": "function", "function": function}]
        return {"role": "assistant", "content": None, "tool_calls": calls}
    if messages[-1]["role"] == "tool":
        return {"role": "assistant", "content": f"Your train: {asked}"}
    return {"role": "assistant", "content": f"I was sent {len(messages)} messages, the last one: {asked}"}


def next_train(to: str) -> str:
    return f"20:48 to {to}, carriage 21"


async def turn(conv: Conversation, text: str) -> str:
    """One turn of a loop that may call functions."""
    # Instructions, memories, earlier messages and the new one, as far as the budget goes.
    context = await conv.build_context(text)
    made: list[dict[str, Any]] = [{"role": "user", "content": text}]
    while True:
        # What was made in this turn follows the context, which ends with the user's message.
        answer = await call_the_model(context.messages + made[1:])
        made.append(answer)
        if not answer.get("tool_calls"):
            break
        for call in answer["tool_calls"]:
            result = next_train(**json.loads(call["function"]["arguments"]))
            made.append({"role": "tool", "tool_call_id": call["id"], "content": result})
    await conv.add_messages(made)  # the whole turn as one durable batch; it is learned from as well
    return str(answer["content"])


async def main() -> None:
    storage = VoxonConfig(session_storage="memory")
    async with Voxon(storage) as voxon, voxon.session(user_id="mira") as session:
        async with session.conversation() as conv:
            print(await turn(conv, "Hello, my name is Mira and I live in Halle."))
            print(await turn(conv, "When is the next train?"))

        # Another conversation, later: what was learned is in the context before anything was said in it.
        async with session.conversation() as conv:
            context = await conv.build_context("Hello again!")
            print(f"\n{context.token_count} of {context.budget_tokens} tokens would be sent:")
            for message in context.messages:
                print(f"  {message['role']}: {message['content']}")


if __name__ == "__main__":
    asyncio.run(main())
