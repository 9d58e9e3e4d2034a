"""P6, P7: a turn on PostgreSQL, on Redis, on SQLite, beside the peers on the same server."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from tests.benchmarks.measure import Row, interleaved, turn
from tests.benchmarks.sides import KEY, fill_peer, our_session
from tests.servers.postgres import PostgresServer
from tests.servers.redis import RedisServer
from voxsession import Voxon, VoxonConfig

ROUNDS, SAVER_ROUNDS, GROWTH_ROUNDS = 200, 30, 100
SESSIONS, TURNS, REPEATS = 1000, 10, 3
# The peer's pool raises where more than its connections are wanted at once.
REDIS_IN_FLIGHT = 16

Add = Callable[[int], Awaitable[Any]]


async def run(folder: Path) -> list[Row]:
    """Durable PostgreSQL and stock Redis, each started for this alone."""
    postgres, redis = PostgresServer("fsync=on", "full_page_writes=on"), RedisServer()
    try:
        postgres.start()
        redis.start()
        postgres_url = await postgres.new_place()
        peer_url = (await postgres.new_place()).replace("postgresql://", "postgresql+asyncpg://")
        ours = {
            "PostgreSQL": {"session_storage": "database", "session_database_url": postgres_url},
            "Redis": {"session_storage": "redis", "session_redis_url": redis.url},
            "SQLite": {"session_storage": "database", "session_database_url": f"sqlite:///{folder}/ours.db"},
        }
        return [
            *await _turns(ours, peer_url, redis.url, folder),
            *await _many(ours, peer_url, redis.url),
            *await _growth(
                {
                    **ours,
                    "files": {"session_storage": "file", "session_storage_path": f"{folder}/files"},
                    "memory": {"session_storage": "memory"},
                }
            ),
        ]
    finally:
        postgres.remove()
        redis.remove()


def _voxon(settings: dict[str, str]) -> Voxon:
    return Voxon(VoxonConfig(session_encryption_key=KEY, **settings))  # type: ignore[arg-type]


def _agents_sql(engine: Any, name: str) -> Any:
    from agents.extensions.memory import SQLAlchemySession

    return SQLAlchemySession(name, engine=engine, create_tables=True)


def _agents_redis(client: Any, name: str) -> Any:
    from agents.extensions.memory import RedisSession

    return RedisSession(name, redis_client=client)


async def _turns(ours: dict[str, dict[str, str]], peer_url: str, redis_url: str, folder: Path) -> list[Row]:
    from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
    from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
    from redis.asyncio import Redis
    from sqlalchemy.ext.asyncio import create_async_engine

    engine, client = create_async_engine(peer_url), Redis.from_url(redis_url)
    sql = await fill_peer(_agents_sql(engine, "p6"), 1000)
    redis = await fill_peer(_agents_redis(client, "p6"), 1000)
    plain_url = peer_url.replace("+asyncpg", "")
    async with (
        _voxon(ours["PostgreSQL"]) as on_postgres,
        _voxon(ours["Redis"]) as on_redis,
        _voxon(ours["SQLite"]) as on_sqlite,
        AsyncPostgresSaver.from_conn_string(plain_url) as postgres_saver,
        AsyncSqliteSaver.from_conn_string(f"{folder}/langgraph.db") as sqlite_saver,
    ):
        await postgres_saver.setup()
        our_postgres, our_redis, our_sqlite = [
            await _our_turn(voxon, "p6", 1000) for voxon in (on_postgres, on_redis, on_sqlite)
        ]
        # Each pair by itself: a saver that moves a whole session each turn leaves cold caches to whoever comes next.
        postgres = await interleaved(ROUNDS, our_postgres, lambda n: sql.add_items(turn(n)))
        on_the_redis = await interleaved(ROUNDS, our_redis, lambda n: redis.add_items(turn(n)))
        savers = [
            await interleaved(SAVER_ROUNDS, our_postgres, await _langgraph_turn(postgres_saver, 1000)),
            await interleaved(SAVER_ROUNDS, our_sqlite, await _langgraph_turn(sqlite_saver, 1000)),
        ]
    await engine.dispose()
    await client.aclose()
    work, info = "record one turn, session of 1,000, on", "(for information)"
    return [
        Row("P6", f"{work} PostgreSQL", *postgres, "agents SQLAlchemySession", "≤ 0.5"),
        Row("P6", f"{work} Redis", *on_the_redis, "agents RedisSession", "≤ 0.5"),
        Row("P6", f"{work} PostgreSQL", *savers[0], "langgraph AsyncPostgresSaver", info),
        Row("P6", f"{work} SQLite", *savers[1], "langgraph AsyncSqliteSaver", info),
    ]


async def _our_turn(voxon: Voxon, name: str, messages: int) -> Add:
    _, conversation = await our_session(voxon, name, messages)
    return lambda number: conversation.add_messages(turn(number))


async def _langgraph_turn(saver: Any, messages: int) -> Add:
    from langchain_core.messages import AIMessage, HumanMessage
    from langgraph.graph import END, START, MessagesState, StateGraph

    async def answer(state: Any) -> dict[str, Any]:
        return {"messages": [AIMessage(turn(len(state["messages"]))[1]["content"])]}

    graph = StateGraph(MessagesState)
    graph.add_node("answer", answer)
    graph.add_edge(START, "answer")
    graph.add_edge("answer", END)
    compiled = graph.compile(checkpointer=saver)
    config = {"configurable": {"thread_id": "p6"}}
    said = [text for number in range(messages // 2) for text in turn(number)]
    filled = [(HumanMessage if text["role"] == "user" else AIMessage)(text["content"]) for text in said]
    await compiled.aupdate_state(config, {"messages": filled})
    return lambda number: compiled.ainvoke({"messages": [HumanMessage(turn(number)[0]["content"])]}, config)


async def _many(ours: dict[str, dict[str, str]], peer_url: str, redis_url: str) -> list[Row]:
    from redis.asyncio import Redis
    from sqlalchemy.ext.asyncio import create_async_engine

    engine, client = create_async_engine(peer_url, pool_size=10, max_overflow=0), Redis.from_url(redis_url)
    in_flight = asyncio.Semaphore(REDIS_IN_FLIGHT)
    rates: dict[str, list[float]] = {"PostgreSQL": [], "sql": [], "Redis": [], "redis": []}

    async def guarded(session: Any, number: int) -> None:
        async with in_flight:
            await session.add_items(turn(number))

    for repeat in range(REPEATS):
        for name in ("PostgreSQL", "Redis"):
            rates[name].append(await _our_rate(ours[name], f"many{repeat}"))
        rates["sql"].append(await _rate(lambda n, r=repeat: _peer_adds(_agents_sql(engine, f"m{r}-{n}"))))
        rates["redis"].append(
            await _rate(lambda n, r=repeat: _peer_adds(_agents_redis(client, f"m{r}-{n}"), guarded))
        )
    await engine.dispose()
    await client.aclose()
    median = {name: statistics.median(found) for name, found in rates.items()}
    work = f"{SESSIONS:,} sessions x {TURNS} turns at once on"
    return [
        Row("P7", f"{work} PostgreSQL", median["PostgreSQL"], median["sql"], "agents SQLAlchemySession",
            "≥ 4", unit="turns/s"),
        Row("P7", f"{work} Redis", median["Redis"], median["redis"],
            f"agents RedisSession, {REDIS_IN_FLIGHT} at once", "≥ 2", unit="turns/s"),
    ]  # fmt: skip


async def _rate(work: Callable[[int], Awaitable[None]]) -> float:
    started = time.perf_counter()
    await asyncio.gather(*(work(number) for number in range(SESSIONS)))
    return SESSIONS * TURNS / (time.perf_counter() - started)


async def _peer_adds(session: Any, add: Callable[[Any, int], Awaitable[None]] | None = None) -> None:
    for number in range(TURNS):
        await (add(session, number) if add else session.add_items(turn(number)))


async def _our_rate(settings: dict[str, str], name: str) -> float:
    async with _voxon(settings) as voxon:
        await voxon.health_check()

        async def one(number: int) -> None:
            session, conversation = await our_session(voxon, f"{name}-{number}", 0)
            for place in range(TURNS):
                await conversation.add_messages(turn(place))
            await session.close()

        rate = await _rate(one)
        total = 0
        for number in range(SESSIONS):
            session = await voxon.load_session(f"{name}-{number}")
            total += int(session.get_analytics()["message_count"])
            await session.close()
    assert total == SESSIONS * TURNS * 2, f"lost: {SESSIONS * TURNS * 2 - total}"
    return rate


async def _growth(ours: dict[str, dict[str, str]]) -> list[Row]:
    """One turn at 10,000 and at 1,000 messages beside one at none, for every storage of a server."""
    rows = []
    for name, settings in ours.items():
        async with _voxon(settings) as voxon:
            sides = [await _our_turn(voxon, f"growth-{size}", size) for size in (0, 1000, 10_000)]
            empty, middle, long = await interleaved(GROWTH_ROUNDS, *sides)
        for size, spent in (("1,000", middle), ("10,000", long)):
            work = f"record one turn at {size} messages on {name}"
            rows.append(Row("P2", work, spent, empty, "ours at 0 messages", "≤ 1.15"))
    return rows
