"""A support bot: a real model, two functions, and a customer who is remembered.

Two variables say where the model is, and then it runs::

    OPENAI_BASE_URL=https://api.openai.com/v1 OPENAI_API_KEY=sk-... python examples/support_bot.py

Any server that speaks the protocol will do (Ollama, vLLM, llama.cpp, ...); OPENAI_MODEL names the model. In a
terminal it talks to you, elsewhere it plays a short conversation. Started again, it still knows the customer.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator
from typing import Annotated, Any

from voxsession import ModelError, OpenAIModel, SessionConfig, SessionPresets, Voxon, VoxonConfig

INSTRUCTIONS = (
    "You are the support assistant of a small bookshop. Look an order up before you say anything about it, and "
    "request a refund only when the customer asked for one. Answer in one or two sentences."
)
PLAYED = (
    "Hello, my name is Mira. Where is my order 1042?",
    "And 1043? It arrived, but some pages are torn. I would like my money back.",
    "Thank you. Which orders did we talk about?",
)
ORDERS: dict[int, dict[str, Any]] = {
    1042: {"status": "on its way", "arrives": "tomorrow", "title": "The Sea Around Us"},
    1043: {"status": "delivered", "arrives": None, "title": "A Field Guide to Clouds"},
}
REFUNDS: dict[int, str] = {}


def order_status(order_id: Annotated[int, "the number on the receipt"]) -> dict[str, Any]:
    """Where an order is, and what is in it."""
    if order_id not in ORDERS:
        # The model is told what went wrong and can ask the customer again.
        raise LookupError(f"there is no order {order_id}")
    return {"order_id": order_id, **ORDERS[order_id]}


async def request_refund(
    order_id: Annotated[int, "the number on the receipt"], reason: Annotated[str, "in the customer's words"]
) -> dict[str, Any]:
    """Asks the accounts team to pay a delivered order back; may be repeated."""
    if order_status(order_id)["status"] != "delivered":
        return {"accepted": False, "why": "it is not delivered yet and can be cancelled instead"}
    REFUNDS.setdefault(order_id, reason)
    return {"accepted": True, "paid_back_within_days": 5}


def questions() -> Iterator[str]:
    """What the customer says: typed in a terminal, played elsewhere."""
    if not sys.stdin.isatty():
        yield from PLAYED
        return
    print("Say something; an empty line ends the conversation.")
    while text := input("> ").strip():
        yield text


async def main() -> None:
    if not (os.environ.get("OPENAI_BASE_URL") and os.environ.get("OPENAI_API_KEY")):
        print("This bot needs a model: set OPENAI_BASE_URL and OPENAI_API_KEY, then start it again.")
        return
    support: SessionConfig = SessionPresets.CUSTOMER_SUPPORT
    config = support.replace(instructions=INSTRUCTIONS, enable_functions=True, temperature=0.2)
    async with (
        OpenAIModel() as model,
        Voxon(VoxonConfig(session_storage_path="./support-sessions"), model=model) as voxon,
        voxon.session(user_id="customer-7", config=config) as session,
        session.conversation() as conv,
    ):
        conv.register_function(order_status)
        conv.register_function(request_refund)
        session.events.on("function.called", lambda event: print(f"    [{event.function}]"))
        for text in questions():
            print(f"Customer: {text}")
            async for chunk in conv.stream_message(text):
                print(chunk, end="", flush=True)
            print()
        print(
            f"({len(session.get_memory().entries)} things remembered, refunds asked for: {sorted(REFUNDS)})"
        )


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except ModelError as error:
        sys.exit(f"The model could not answer. {error}")
