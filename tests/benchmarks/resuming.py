"""P13: resuming calls, with 1,000 live calls of 1,000 messages each, on files, PostgreSQL and Redis.

`python -m tests.benchmarks.resuming [CALLS] [MESSAGES]` prints the rows of this part alone.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.benchmarks.measure import Row, machine, message
from tests.benchmarks.sides import KEY
from tests.servers.postgres import PostgresServer
from tests.servers.redis import RedisServer
from voxsession import SessionConfig, Voxon, VoxonConfig
from voxsession.resume import SessionManagerService

CALLS, MESSAGES, AT_ONCE = 1000, 1000, 4
QUIET = SessionConfig(enable_learning=False, enable_analytics=False)


async def run(folder: Path, calls: int = CALLS, messages: int = MESSAGES) -> list[Row]:
    """Durable PostgreSQL and stock Redis, each started for this alone; a row for each storage and figure."""
    rows: list[Row] = []
    async for name, settings in _storages(folder):
        async with _service(settings) as service:
            await _fill(service, calls, messages)
        async with _service(settings) as service:  # another process, as far as the service can tell
            single = await _resume_all(service, calls, messages, at_once=1)
        async with _service(settings) as service:
            several = await _resume_all(service, calls, messages, at_once=AT_ONCE)
        rows += [
            Row("P13", f"resume a call, {name}, p50", statistics.median(single), None, "", "–"),
            Row("P13", f"resume a call, {name}, p99", _p99(single), None, "", "< 100"),
            Row(
                "P13",
                f"resume a call, {name}, {AT_ONCE} at once, p99",
                _p99(several),
                None,
                "",
                "(for information)",
            ),
        ]
    return rows


async def _storages(folder: Path) -> AsyncIterator[tuple[str, dict[str, str]]]:
    yield "files", {"session_storage": "file", "session_storage_path": f"{folder}/calls"}
    postgres, redis = PostgresServer("fsync=on", "full_page_writes=on"), RedisServer()
    try:
        postgres.start()
        url = await postgres.new_place()
        yield "PostgreSQL", {"session_storage": "database", "session_database_url": url}
        redis.start()
        yield "Redis", {"session_storage": "redis", "session_redis_url": redis.url}
    finally:
        postgres.remove()
        redis.remove()


@asynccontextmanager
async def _service(settings: dict[str, Any]) -> AsyncIterator[SessionManagerService]:
    async with Voxon(VoxonConfig(session_encryption_key=KEY, **settings)) as voxon:
        service = SessionManagerService(voxon)
        await service.health_check()
        yield service


async def _fill(service: SessionManagerService, calls: int, messages: int) -> None:
    for number in range(calls):
        await service.voxon.create_session(session_id=f"s{number}", config=QUIET)
        history = [
            {"type": "output" if place % 2 else "input", "text": message(place)} for place in range(messages)
        ]
        await service.create_session(
            f"call-{number}", session_id=f"s{number}", caller=f"+39 {number}", conversation_history=history
        )


async def _resume_all(
    service: SessionManagerService, calls: int, messages: int, *, at_once: int
) -> list[float]:
    """Milliseconds of each resumption, history and all; every one of them must succeed."""
    # A server that runs has its connections: they are made before the clock starts.
    await asyncio.gather(*(service.get_session(f"call-{number}") for number in range(min(10, calls))))
    waiting, times = iter(range(calls)), list[float]()

    async def go_on() -> None:
        for number in waiting:
            started = time.perf_counter()
            state = await service.resume_session(f"call-{number}")
            times.append((time.perf_counter() - started) * 1000)
            assert state is not None and len(state.conversation_history) == messages, number

    await asyncio.gather(*(go_on() for _ in range(at_once)))
    assert len(times) == calls
    return times


def _p99(times: list[float]) -> float:
    return sorted(times)[max(0, -(-len(times) * 99 // 100) - 1)]


def main() -> None:
    """Measures this part alone and prints it."""
    sizes = [int(one) for one in sys.argv[1:3]]
    with tempfile.TemporaryDirectory(prefix="voxsession-bench-") as folder:
        for row in asyncio.run(run(Path(folder), *sizes)):
            print(f"{row.work}: {row.ours:.3g} {row.unit} ({row.goal})")
    print(machine())


if __name__ == "__main__":
    main()
