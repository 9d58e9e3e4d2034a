"""Processes that serve calls of one storage, for tests: `python -m tests.resume.call_process TASK SETTINGS COUNT SEED`.

It forks its workers itself, warmed up and without connections, and prints one line of JSON at the end.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from tests.resume.services import talk
from tests.session.stores import KEY
from voxsession import ConflictError, MemorySessionStorage, SystemClock, Voxon, VoxonConfig
from voxsession.resume import SessionManagerService

PROCESSES = 4
AT_ONCE = 8
HISTORY = talk(*(f"line {number}" for number in range(12)))
FUNCTIONS = [{"call_id": "paid", "name": "pay", "status": "begun"}]

Work = Callable[[SessionManagerService], Awaitable[Any]]


def service_at(settings: dict[str, Any]) -> SessionManagerService:
    """The service that every process here uses."""
    limits = {"max_resume_attempts": 10**6, "max_resume_age_hours": 10**4}
    config = VoxonConfig(session_encryption_key=KEY, **settings, **limits)
    return SessionManagerService(Voxon(config))


class Worker:
    """A forked process that does one piece of work and says what came of it."""

    def __init__(self, settings: dict[str, Any], work: Work, gate: tuple[int, int] | None = None) -> None:
        self._read, write = os.pipe()
        self._pid = os.fork()
        if self._pid:
            os.close(write)
            return
        os.close(self._read)
        try:
            if gate is not None:
                os.close(gate[1])
                os.read(gate[0], 1)  # all begin when the last end of the pipe is closed
            os.write(write, json.dumps(asyncio.run(_served(settings, work, write))).encode() + b"\n")
        except BaseException as error:
            os.write(write, json.dumps({"failed": f"{type(error).__name__}: {error}"}).encode() + b"\n")
        os._exit(0)

    def lines(self) -> list[Any]:
        """All that it said, once it is done or dead."""
        with os.fdopen(self._read, "rb") as said:
            whole = [line for line in said.read().split(b"\n")[:-1] if line]
        os.waitpid(self._pid, 0)
        return [json.loads(line) for line in whole]

    def result(self) -> Any:
        """What came of its work; its failure is raised here."""
        last = self.lines()[-1]
        if isinstance(last, dict) and "failed" in last:
            raise AssertionError(last["failed"])
        return last

    def wait_for_a_line(self) -> None:
        """Returns when it has said something."""
        while os.read(self._read, 1) != b"\n":
            pass

    def kill(self) -> None:
        """Ends it at once, wherever it is."""
        os.kill(self._pid, signal.SIGKILL)


async def _served(settings: dict[str, Any], work: Work, said: int) -> Any:
    service = service_at(settings)
    service.said = said  # type: ignore[attr-defined]
    try:
        return await work(service)
    finally:
        await service.voxon.close()


def one(settings: dict[str, Any], work: Work) -> Any:
    """What a process of its own makes of this."""
    return Worker(settings, work).result()


def together(settings: dict[str, Any], works: list[Work]) -> list[Any]:
    """What so many processes make of it that begin at the same moment."""
    start, go = os.pipe()
    workers = [Worker(settings, work, (start, go)) for work in works]
    os.close(go)
    results = [worker.result() for worker in workers]
    os.close(start)
    return results


# --- tasks


def killed(settings: dict[str, Any], count: int, dice: random.Random) -> Any:
    """A process is killed in the middle of a resumption, so many times; after each the call is whole."""

    async def make(service: SessionManagerService) -> None:
        await service.create_session("c", function_calls=FUNCTIONS, audio_buffer=[b"sound" * 900])
        await service.update_session("c", conversation_history=HISTORY)

    async def resume_on(service: SessionManagerService) -> None:
        said = service.said  # type: ignore[attr-defined]
        await service.get_session("c")
        while True:
            os.write(said, b'"begin"\n')
            state = await service.resume_session("c")
            assert state is not None
            os.write(said, json.dumps(state.resumed_count).encode() + b"\n")

    async def look(service: SessionManagerService) -> int:
        state = await service.resume_session("c")
        assert state is not None, await service.validate_session_resume("c")
        assert state.conversation_history == HISTORY and state.audio_buffer == [b"sound" * 900]
        assert [row["status"] for row in state.function_calls] == ["unknown"]
        return state.resumed_count

    one(settings, make)
    counted, in_the_middle = 0, 0
    for _ in range(count):
        worker = Worker(settings, resume_on)
        worker.wait_for_a_line()
        time.sleep(dice.random() * 0.02)
        worker.kill()
        lines = worker.lines()
        acknowledged = [line for line in lines if isinstance(line, int)]
        counted = max([counted, *acknowledged])
        in_the_middle += not lines or lines[-1] == "begin"
        found = one(settings, look)
        # What was acknowledged is there; of what was not, at most one more resumption has arrived.
        assert counted + 1 <= found <= counted + 2, (counted, found)
        counted = found
    return {"killed": count, "in_the_middle": in_the_middle, "resumed": counted}


async def _in_turns(names: list[str], do: Callable[[str], Awaitable[Any]]) -> None:
    waiting = iter(names)

    async def go_on() -> None:
        for name in waiting:
            await do(name)

    await asyncio.gather(*(go_on() for _ in range(AT_ONCE)))


def raced(settings: dict[str, Any], count: int, dice: random.Random) -> Any:
    """Four processes resume the same calls at the same moment: each call is resumed exactly once."""
    names = [f"call-{number}" for number in range(count)]

    async def make(service: SessionManagerService) -> None:
        await _in_turns(names, lambda name: service.create_session(name, conversation_history=HISTORY[:2]))

    async def resume_all(service: SessionManagerService) -> dict[str, Any]:
        won: list[str] = []
        lost = [0]

        async def resume(name: str) -> None:
            try:
                state = await service.resume_session(name, expected_resumes=0)
                assert state is not None and state.resumed_count == 1, name
                won.append(name)
            except ConflictError:
                lost[0] += 1

        mixed = list(names)
        random.Random(os.getpid()).shuffle(mixed)
        await _in_turns(mixed, resume)
        return {"won": won, "lost": lost[0]}

    async def count_all(service: SessionManagerService) -> list[int]:
        counts = []
        for name in names:
            state = await service.get_session(name)
            assert state is not None
            counts.append(state.resumed_count)
        return counts

    one(settings, make)
    started = time.perf_counter()
    results = together(settings, [resume_all] * PROCESSES)
    seconds = time.perf_counter() - started
    won = [name for result in results for name in result["won"]]
    assert sorted(won) == sorted(names), "a call was resumed twice, or not at all"
    assert sum(result["lost"] for result in results) == (PROCESSES - 1) * count
    assert set(one(settings, count_all)) == {1}
    return {"resumed": len(won), "winners": [len(r["won"]) for r in results], "seconds": seconds}


def cleaned(settings: dict[str, Any], count: int, dice: random.Random) -> Any:
    """Four processes clean up while others resume the same old calls: none that was resumed is removed."""
    names = [f"old-{number}" for number in range(count)]
    fresh = [f"fresh-{number}" for number in range(count // 4)]
    long_ago = SystemClock().now() - timedelta(hours=48)

    async def make(service: SessionManagerService) -> None:
        await _in_turns(names, lambda name: service.create_session(name, last_activity=long_ago))
        await _in_turns(fresh, service.create_session)

    async def resume_some(service: SessionManagerService) -> dict[str, list[str]]:
        resumed: list[str] = []

        async def resume(name: str) -> None:
            try:
                state = await service.resume_session(name)
            except ConflictError:
                return
            if state is not None:
                resumed.append(name)

        await _in_turns([*names[::2], *fresh], resume)
        return {"resumed": resumed}

    async def clean(service: SessionManagerService) -> dict[str, int]:
        return {"removed": sum([await service.cleanup_expired_sessions(24) for _ in range(3)])}

    async def what_is_left(service: SessionManagerService) -> list[str]:
        return [name for name in [*names, *fresh] if await service.get_session(name) is not None]

    one(settings, make)
    works: list[Work] = [resume_some, clean, clean, clean, clean, resume_some]
    results = together(settings, works)
    resumed = {name for result in results for name in result.get("resumed", ())}
    left = set(one(settings, what_is_left))
    assert resumed <= left, f"resumed, and removed: {sorted(resumed - left)[:5]}"
    assert set(fresh) <= left
    removed = sum(result.get("removed", 0) for result in results)
    assert removed == count - len(left - set(fresh)), (removed, count, len(left))
    assert left - set(fresh) <= resumed, "an old call that nobody resumed stayed"
    return {"removed": removed, "left": len(left), "resumed": len(resumed)}


async def _warm_up() -> None:
    config = VoxonConfig(
        session_storage=MemorySessionStorage(cleanup_interval=None), session_encryption_key=KEY
    )
    async with Voxon(config) as voxon:
        service = SessionManagerService(voxon)
        await service.create_session("warm", conversation_history=HISTORY, audio_buffer=[b"x"])
        await service.resume_session("warm")
        await service.cleanup_expired_sessions(0)


TASKS: dict[str, Callable[[dict[str, Any], int, random.Random], Any]] = {
    task.__name__: task for task in (killed, raced, cleaned)
}

if __name__ == "__main__":
    asyncio.run(_warm_up())
    print(
        json.dumps(TASKS[sys.argv[1]](json.loads(sys.argv[2]), int(sys.argv[3]), random.Random(sys.argv[4])))
    )
