"""A process that forks writers of sessions: `python -m tests.session.writer`.

Each line of its input asks for a child, or for one that ended to be buried; each line of its output is
``child<TAB>word``. A child says a word only after what it tells of has returned. It is warmed up before
the first fork, so a writer is at work a few milliseconds after it was asked for.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, TypeAlias

from tests.session.stores import KEY
from voxsession import MemorySessionStorage, Voxon, VoxonConfig

Say: TypeAlias = Callable[[str], None]
PARTS = 4
WHOLE_EVERY, LONG_EVERY, ASK_EVERY = 6, 9, 5


def voxon_at(folder: str, **options: Any) -> Voxon:
    """The facade that every process here uses for a folder."""
    return Voxon(VoxonConfig(session_storage_path=folder, session_encryption_key=KEY, **options))


async def write_turns(say: Say, folder: str, name: str, seed: int, turns: int = 400) -> None:
    """Does turns until it is killed, and says each one's id once it is acknowledged."""
    dice = random.Random(seed)
    async with voxon_at(folder) as voxon, voxon.session(session_id="s") as session:
        conversation = await session.start_conversation("c")  # which goes on where there is one
        say("open")
        for number in range(turns):
            turn = f"{name}-{number}"
            if (not number and dice.random() < 0.5) or dice.randrange(WHOLE_EVERY) == 0:
                session.clear_memory(ids=[session.add_memory("x").id])  # makes this save a whole one
            session.track_metric("turns", 1)
            if dice.randrange(ASK_EVERY) == 0:
                await conversation.send_message(f"{turn} asked")
            else:
                filling = dice.randbytes(4_500).hex() if dice.randrange(LONG_EVERY) == 0 else ""
                await conversation.add_messages(
                    [{"role": "assistant", "content": f"{turn} {part} {filling}"} for part in range(PARTS)]
                )
            say(turn)


def turns_of(messages: list[Any]) -> Iterator[str]:
    """The ids of the turns that these messages are; `AssertionError` where one is not whole."""
    rest = iter(messages)
    for message in rest:
        turn, part = message.content.split()[:2]
        if part == "asked":
            answer = next(rest, None)
            assert message.role == "user", turn
            assert answer is not None and answer.role == "assistant" and not answer.interrupted, turn
        else:
            parts = [part] + [next(rest).content.split()[:2] for _ in range(PARTS - 1)]
            assert parts == ["0"] + [[turn, str(number)] for number in range(1, PARTS)], turn
        yield turn


async def open_person(say: Say, folder: str, user: str) -> None:
    """Opens the session of a person and says its id."""
    async with voxon_at(folder) as voxon, voxon.session(user) as session:
        session.track_metric("opened", 1)
        await session.save()
        say(session.session_id)


async def write_beside(say: Say, folder: str, name: str, turns: int) -> None:
    """Does so many turns in a conversation of its own beside other writers, and remembers one thing in each."""
    async with voxon_at(folder) as voxon, voxon.session(session_id="s") as session:
        async with session.conversation(name) as conversation:
            for number in range(turns):
                session.track_metric("turns", 1)
                session.add_memory(f"{name} noted {number}")
                if number % 7 == 0:
                    session.clear_memory(ids=[session.add_memory("x").id])
                await conversation.add_messages(
                    [{"role": "assistant", "content": f"{name}-{number} {part}"} for part in range(PARTS)]
                )
                say(f"{name}-{number}")


CALLS: dict[str, Callable[..., Awaitable[None]]] = {
    call.__name__: call for call in (write_turns, open_person, write_beside)
}


# --- the process itself


def tell(child: str, word: str) -> None:
    """One line of output in one write, so that the lines of several processes never mix."""
    os.write(1, f"{child}\t{word}\n".encode())


async def warm_up() -> None:
    """Loads what a writer needs, so that its child has it."""
    config = VoxonConfig(session_storage=MemorySessionStorage(), session_encryption_key=KEY)
    async with Voxon(config) as voxon, voxon.session("warm") as session:
        async with session.conversation() as conversation:
            await conversation.send_message("I like tea. What do I like?")


def run_child(child: str, call: str, arguments: dict[str, Any]) -> None:
    """The life of a child: its call, its word on how it ended, its end."""
    try:
        asyncio.run(CALLS[call](lambda word: tell(child, word), **arguments))  # type: ignore[arg-type]
        tell(child, "done")
    except BaseException as error:
        tell(child, f"failed {type(error).__name__}: {error}".replace("\n", " "))
    os._exit(0)


def main() -> None:
    """Answers the lines of input until there are no more."""
    asyncio.run(warm_up())
    assert threading.active_count() == 1, "a fork would lose these threads"
    for line in sys.stdin:
        asked = json.loads(line)
        if "bury" in asked:
            os.waitpid(asked["pid"], 0)
            tell(asked["bury"], "dead")
            continue
        pid = os.fork()
        if pid == 0:
            run_child(asked["child"], asked["call"], asked["arguments"])
        tell(asked["child"], f"pid {pid}")


if __name__ == "__main__":
    main()
