"""Calls that wait for a connection travel together, and none is lost by it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.patience import LONG_SECONDS, cancel_everybody
from voxsession.storage.redis_calls import BURST, BURST_BYTES, Calls, Command


class Server:
    """Answers each command with itself, once it is let; notes what travelled together."""

    def __init__(self) -> None:
        self.bursts: list[int] = []
        self.at_once = self.most_at_once = 0
        self.going = asyncio.Event()

    async def send(self, commands: list[Command]) -> list[Any]:
        self.bursts.append(len(commands))
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(0)
        await self.going.wait()
        self.at_once -= 1
        if any(command[0] == "drop" for command in commands):
            raise ConnectionError("dropped")
        return [ValueError(command[1]) if command[0] == "bad" else command[1] for command in commands]


async def begun(calls: Calls, *commands: Command) -> list[asyncio.Task[Any]]:
    tasks = [asyncio.ensure_future(calls(command)) for command in commands]
    await asyncio.sleep(0)
    return tasks


async def test_those_that_wait_travel_together() -> None:
    """The first goes alone; the rest follow in bursts, each caller with its own answer."""
    server = Server()
    calls = Calls(server.send, 2, together=True)
    tasks = await begun(calls, *(["get", str(number)] for number in range(200)))
    server.going.set()

    assert await asyncio.gather(*tasks) == [str(number) for number in range(200)]
    assert server.bursts == [1, BURST, BURST, BURST, 199 - 3 * BURST]
    assert server.most_at_once == 2


async def test_those_of_one_round_travel_together() -> None:
    """Who asks while others are on their way shares a connection with all who ask in the same round."""
    server = Server()
    calls = Calls(server.send, 4, together=True)
    tasks = [asyncio.ensure_future(calls(["get", str(number)])) for number in range(6)]
    for _ in range(3):
        await asyncio.sleep(0)
    assert server.bursts == [1, 5]
    tasks += [asyncio.ensure_future(calls(["get", str(number)])) for number in range(6, 9)]
    tasks[7].cancel()
    gone = asyncio.ensure_future(calls(["get", "gone"]))
    for _ in range(3):
        await asyncio.sleep(0)
    assert server.bursts == [1, 5, 3]
    late = await begun(calls, ["get", "late"])
    late[0].cancel()
    server.going.set()
    assert await asyncio.gather(*tasks[:7], tasks[8]) == [str(number) for number in (*range(7), 8)]
    assert await gone == "gone"
    await asyncio.wait_for(calls.settle(), 1)
    assert server.bursts == [1, 5, 3]
    assert await calls(["get", "alone"]) == "alone"


async def test_long_commands_travel_alone() -> None:
    """A burst ends where it has grown long."""
    server = Server()
    calls = Calls(server.send, 1, together=True)
    tasks = await begun(calls, *(["get", "x" * BURST_BYTES] for _ in range(4)))
    server.going.set()
    await asyncio.gather(*tasks)
    assert server.bursts == [1, 1, 1, 1]


async def test_apart_where_nothing_may_travel_together() -> None:
    """Without `together` each call has a round trip of its own."""
    server = Server()
    calls = Calls(server.send, 2, together=False)
    tasks = await begun(calls, *(["get", str(number)] for number in range(10)))
    server.going.set()
    assert len(await asyncio.gather(*tasks)) == 10
    assert server.bursts == [1] * 10


async def test_a_failure_is_its_own_callers() -> None:
    """A refused command fails for its caller; a dropped connection for all that used it."""
    server = Server()
    server.going.set()
    calls = Calls(server.send, 1, together=True)
    found = await asyncio.gather(
        *map(calls, (["get", "a"], ["bad", "b"], ["get", "c"])), return_exceptions=True
    )
    assert [str(one) for one in found] == ["a", "b", "c"]
    assert isinstance(found[1], ValueError)

    found = await asyncio.gather(
        *map(calls, (["get", "a"], ["drop", ""], ["get", "c"])), return_exceptions=True
    )
    assert [type(one) for one in found] == [str, ConnectionError, ConnectionError]
    with pytest.raises(ConnectionError):
        await calls(["drop", ""])
    assert await calls(["get", "d"]) == "d"


async def test_a_cancelled_caller_is_left_out() -> None:
    """Who has gone while waiting is not sent; who goes on the way takes nobody along."""
    server = Server()
    calls = Calls(server.send, 1, together=True)
    tasks = await begun(calls, *(["get", str(number)] for number in range(4)))
    tasks[1].cancel()
    await asyncio.sleep(0)
    server.going.set()
    assert await tasks[0] == "0"
    tasks[2].cancel()

    assert await tasks[3] == "3"
    assert server.bursts == [1, 2]
    assert tasks[1].cancelled()
    await asyncio.wait_for(calls.settle(), 1)


async def test_settling_waits_for_all() -> None:
    """Once it has settled nothing is on its way, and nothing waits."""
    server = Server()
    calls = Calls(server.send, 1, together=True)
    tasks = await begun(calls, *(["get", str(number)] for number in range(5)))
    settling = asyncio.ensure_future(calls.settle())
    await asyncio.sleep(0)
    assert not settling.done()
    server.going.set()
    await settling
    assert all(task.done() for task in tasks) or await asyncio.gather(*tasks)
    assert server.at_once == 0


@pytest.mark.parametrize("rounds", range(4))
async def test_cancelling_all_tasks_leaves_nobody_waiting_for_ever(rounds: int) -> None:
    """As at a shutdown that saves and closes afterwards, also where a burst was cancelled before its first step."""
    server = Server()
    calls = Calls(server.send, 2, together=True)
    tasks = [asyncio.ensure_future(calls(["say", str(number)])) for number in range(5)]
    for _ in range(rounds):
        await asyncio.sleep(0)
    await cancel_everybody()
    assert all(task.cancelled() for task in tasks)

    server.going.set()
    later = asyncio.gather(*(calls(["say", str(number)]) for number in range(3)))
    assert await asyncio.wait_for(later, LONG_SECONDS) == ["0", "1", "2"]
    await asyncio.wait_for(calls.settle(), LONG_SECONDS)
