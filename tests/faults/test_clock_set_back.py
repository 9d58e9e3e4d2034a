"""A clock that is put back an hour between two processes: neither order nor conflicts depend on it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.session.stores import contents, kept_texts, user_says, voxon_on
from tests.storages import made
from voxsession import ConflictError, SessionStorage, Voxon
from voxsession.testing import FakeClock

KINDS = [
    *("file", "sqlite"),
    *(pytest.param(kind, marks=pytest.mark.server) for kind in ("postgres", "redis")),
]
HOUR = timedelta(hours=1)
ROUNDS = 20


@pytest.fixture(params=KINDS)
async def storage(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SessionStorage]:
    """An empty storage of each kind."""
    async with made(request.param, request, tmp_path) as one:
        yield one


def behind(clock: FakeClock, seed: str) -> FakeClock:
    """The clock of another machine, which is an hour late."""
    return FakeClock(clock.now() - HOUR, step_seconds=0.001, seed=seed)


async def says(voxon: Voxon, text: str) -> None:
    """One process, from opening to closing, that says one thing and remembers it."""
    async with voxon.session("ann", session_id="s") as session:
        session.add_memory(f"{text} noted")
        await (await session.start_conversation("c")).add_messages(user_says(text))


async def test_processes_one_after_another(storage: SessionStorage) -> None:
    """What is written later stands later, whatever the clocks say; each process finds all that was before."""
    clock = FakeClock(step_seconds=0.001, seed="early")
    clocks = [clock, behind(clock, "late")]
    said = [f"turn {number}" for number in range(ROUNDS)]
    for number, text in enumerate(said):
        async with voxon_on(storage, clock=clocks[number % 2]) as voxon:
            await says(voxon, text)
            async with await voxon.load_session("s") as session:
                notes = contents(session.get_memory().entries)
                assert sorted(notes) == sorted(f"{one} noted" for one in said[: number + 1])
        assert await kept_texts(storage, "s") == said[: number + 1]
    print(f"{ROUNDS} turns by two clocks an hour apart, all in the order in which they were written")


async def test_processes_at_once(storage: SessionStorage) -> None:
    """Two live sessions that write in turns, each behind the other's back: all is stored once, in order."""
    clock = FakeClock(step_seconds=0.001, seed="early")
    clocks = {"early": clock, "late": behind(clock, "late")}
    facades = {name: voxon_on(storage, clock=one) for name, one in clocks.items()}
    sessions = {name: await one.session("ann", session_id="s") for name, one in facades.items()}
    talks = {name: await session.start_conversation(name) for name, session in sessions.items()}
    for number in range(ROUNDS):
        for name, talk in talks.items():
            sessions[name].add_memory(f"{name} noted {number}")
            await talk.add_messages(user_says(f"{name} {number}"))

    print(
        f"{2 * ROUNDS} turns by two clocks an hour apart, each made from an outdated version, each stored once"
    )
    for name in clocks:
        assert await kept_texts(storage, "s", name) == [f"{name} {number}" for number in range(ROUNDS)]
    async with voxon_on(storage) as voxon:
        notes = contents((await voxon.load_session("s")).get_memory().entries)
    assert sorted(notes) == sorted(f"{name} noted {number}" for name in clocks for number in range(ROUNDS))


@pytest.mark.parametrize("is_first_late", [False, True])
async def test_conflicts(storage: SessionStorage, is_first_late: bool) -> None:
    """Who saves a setting second gets the conflict, also where the second one's clock is ahead."""
    clock = FakeClock(step_seconds=0.001, seed="early")
    clocks = [clock, behind(clock, "late")]
    first, second = (voxon_on(storage, clock=one) for one in (clocks[::-1] if is_first_late else clocks))
    async with first, second:
        await says(first, "hello")
        one, other = await first.load_session("s"), await second.load_session("s")
        one.config.voice = "echo"
        other.config.voice = "sage"
        await one.save()
        with pytest.raises(ConflictError):
            await other.save()
    async with voxon_on(storage) as voxon, await voxon.load_session("s") as session:
        assert session.config.voice == "echo"


async def test_a_live_session(storage: SessionStorage) -> None:
    """The clock of one process is put back while it writes: all goes on, and lists still show each session once."""
    clock = FakeClock(step_seconds=0.001, seed="one")
    async with voxon_on(storage, clock=clock) as voxon:
        for name in ("other", "s"):
            await (await voxon.create_session(session_id=name, user_id="ann")).close()
        async with await voxon.load_session("s") as session:
            conversation = await session.start_conversation("c")
            for number in range(ROUNDS):
                if number == ROUNDS // 2:
                    clock.set(clock.now() - HOUR)
                await conversation.add_messages(user_says(f"turn {number}"))
        assert sorted([info.session_id async for info in voxon.list_sessions()]) == ["other", "s"]
        assert sorted([info.session_id async for info in voxon.list_sessions(user_id="ann")]) == [
            "other",
            "s",
        ]
    assert await kept_texts(storage, "s") == [f"turn {number}" for number in range(ROUNDS)]
