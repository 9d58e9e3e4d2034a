"""A manager that hands each message to the agent its device is with, though every request may be another process's.

Nothing is kept between two requests but what lies in the storage: which agent a device is with (a routing marker), and
what was said (a session). So this runs as it is in a function that a platform starts anew for each message::

    SESSION_STORAGE=postgresql://... SESSION_KEY=... python examples/manager_agent.py

Without these variables it keeps its sessions in ./sessions, under a key ring file of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from typing import Any

from voxsession import Conversation, Voxon, VoxonConfig
from voxsession.locks import SessionLockService

AGENTS = {
    "scheduling": ("appointment", "schedule", "book", "calendar", "reschedule"),
    "billing": ("invoice", "bill", "refund", "pay", "charge"),
}
RECEPTION = "reception"
BEGINNINGS = ("Al", "Ben", "Car", "Dan", "El", "Fran", "Gre", "Han", "Is", "Jo")
ENDINGS = ("ba", "da", "la", "ma", "na", "ra", "sa", "ta", "va", "za")
GOODBYES = ("bye", "goodbye", "that's all", "that is all")


class Desk:
    """One facade for the requests that run in an event loop: the first opens it, the last one closes it.

    A process that answers one request at a time opens and closes it with each. One that answers a hundred at once has
    one pool of connections for them, and none when they are answered. A facade belongs to one loop, so threads that
    have a loop each have a facade each.
    """

    def __init__(self) -> None:
        self._voxons: dict[asyncio.AbstractEventLoop, Voxon] = {}
        self._requests: Counter[asyncio.AbstractEventLoop] = Counter()

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[Voxon]:
        loop = asyncio.get_running_loop()
        if loop not in self._voxons:
            self._voxons[loop] = Voxon(VoxonConfig.from_env())
        voxon = self._voxons[loop]
        self._requests[loop] += 1
        try:
            yield voxon
        finally:
            self._requests[loop] -= 1
            if not self._requests[loop]:
                del self._requests[loop], self._voxons[loop]
                await voxon.close()


DESK = Desk()


def agent_for(text: str) -> str:
    """Whom a message is for, by its words."""
    words = text.lower()
    return next((agent for agent, hints in AGENTS.items() if any(hint in words for hint in hints)), RECEPTION)


async def answer(conv: Conversation, agent: str, text: str) -> str:
    """The agent's answer; a real one would bring its own instructions, functions and model."""
    reply = await conv.send_message(text, metadata={"agent": agent})
    return f"[{agent}] {reply}"


async def run_manager(text: str, context: Mapping[str, Any]) -> str:
    """Answers one message; `context["user_id"]` is the id that the device sent along."""
    device_id = context["user_id"]
    async with DESK.open() as voxon:
        locks = SessionLockService(voxon)
        agent = await locks.get_session_lock(device_id)
        if agent in (None, RECEPTION):  # nobody in particular: the message decides
            agent = agent_for(text)
            await locks.set_session_lock(device_id, agent, user_id=device_id)
        async with voxon.session(user_id=device_id) as session:
            # Not `async with`, which would end the conversation with this request.
            conv = await session.resume_conversation()
            reply = await answer(conv, agent, text)
        if text.lower().rstrip(" .!").endswith(GOODBYES):
            await locks.clear_session_lock(device_id)
        return reply


async def many_devices(count: int = 100) -> list[str]:
    """The load test: so many devices at once, each with something of its own to be remembered."""
    names = [first + last for first in BEGINNINGS for last in ENDINGS][:count]
    contexts = [{"user_id": f"device-{number}"} for number in range(len(names))]
    await asyncio.gather(
        *(run_manager(f"My name is {name}", one) for name, one in zip(names, contexts, strict=True))
    )
    replies = await asyncio.gather(*(run_manager("What is my name?", one) for one in contexts))
    for name, reply in zip(names, replies, strict=True):
        assert reply == f"[{RECEPTION}] Your name is {name}.", reply
    return list(replies)


def main() -> None:
    # Each message has an event loop of its own, as if it were another process's.
    for text in (
        "Hello, my name is Alice",
        "I want to schedule an appointment",
        "What is my name?",
        "Thank you, goodbye",
        "I was charged twice",
    ):
        print(f"> {text}\n{asyncio.run(run_manager(text, {'user_id': 'device-alice'}))}")
    replies = asyncio.run(many_devices())
    print(f"{len(replies)} devices at once, each was remembered: {replies[-1]}")


if __name__ == "__main__":
    main()
