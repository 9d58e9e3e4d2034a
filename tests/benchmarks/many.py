"""P5: a thousand sessions of ten turns at once."""

from __future__ import annotations

import asyncio
import statistics
import time
from pathlib import Path

from tests.benchmarks.measure import Row, turn
from tests.benchmarks.sides import agents_sqlite, our_session, our_voxon

SESSIONS, TURNS, ROUNDS = 1000, 10, 3


async def _ours(folder: Path) -> float:
    async with our_voxon(folder) as voxon:
        await voxon.health_check()

        async def one(number: int) -> None:
            session, conversation = await our_session(voxon, f"s{number}", 0)
            for place in range(TURNS):
                await conversation.add_messages(turn(place))
            await session.close()

        started = time.perf_counter()
        await asyncio.gather(*(one(number) for number in range(SESSIONS)))
        spent = time.perf_counter() - started
    async with our_voxon(folder) as voxon:
        total = 0
        for number in range(SESSIONS):
            session = await voxon.load_session(f"s{number}")
            total += int(session.get_analytics()["message_count"])
    assert total == SESSIONS * TURNS * 2, f"lost: {SESSIONS * TURNS * 2 - total}"
    return SESSIONS * TURNS / spent


async def _theirs(folder: Path) -> float:
    async def one(number: int) -> None:
        session = agents_sqlite(folder, f"s{number}")
        for place in range(TURNS):
            await session.add_items(turn(place))
        session.close()

    started = time.perf_counter()
    await asyncio.gather(*(one(number) for number in range(SESSIONS)))
    return SESSIONS * TURNS / (time.perf_counter() - started)


async def run(folder: Path) -> list[Row]:
    """Turns a second, the creation of the sessions included; counted afterwards."""
    ours, theirs = [], []
    for number in range(ROUNDS):
        ours.append(await _ours(folder / f"many-{number}"))
        theirs.append(await _theirs(folder / f"peer-many-{number}"))
    return [
        Row("P5", "1,000 sessions x 10 turns at once", statistics.median(ours), statistics.median(theirs),
            "agents SQLiteSession", "≥ 3, goal 4", unit="turns/s"),
    ]  # fmt: skip
