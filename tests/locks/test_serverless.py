"""Each request another process: nothing is kept but what lies in the storage, and nothing is left behind."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from tests.locks.forks import forked
from tests.locks.one_request import answer_in, manager_agent, nothing_left_open
from tests.locks.pairs import KEY
from tests.servers.postgres import PostgresServer
from tests.servers.redis import RedisServer
from voxsession import Voxon, VoxonConfig
from voxsession.locks import SessionLockService
from voxsession.storage.database_link import engine_url

ROOT = Path(__file__).resolve().parent.parent.parent
TEXTS = [
    "Hello, my name is Alice",
    *(f"Please note item {number}" for number in range(2, 19)),
    "I want to schedule an appointment",
    "What is my name?",
]
STORAGES = [
    "file",
    pytest.param("postgres", marks=pytest.mark.server),
    pytest.param("redis", marks=pytest.mark.server),
]


@pytest.fixture(params=STORAGES)
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str]:
    """The environment of a function: where its sessions lie, and its key."""
    if request.param == "file":
        return {
            "SESSION_KEY": KEY,
            "SESSION_STORAGE": "file",
            "SESSION_STORAGE_PATH": str(tmp_path / "sessions"),
        }
    if request.param == "postgres":
        server: PostgresServer = request.getfixturevalue("postgres_server")
        return {
            "SESSION_KEY": KEY,
            "SESSION_STORAGE": "database",
            "DATABASE_URL": asyncio.run(server.new_place()),
        }
    redis: RedisServer = request.getfixturevalue("redis_server")
    return {
        "SESSION_KEY": KEY,
        "SESSION_STORAGE": "redis",
        "REDIS_URL": redis.url,
        "SESSION_PREFIX": f"less{os.urandom(4).hex()}",
    }


@pytest.fixture
def manager(settings: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The example as a module, with the environment of a function."""
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    module = manager_agent()
    yield module
    assert not module.DESK._voxons and not module.DESK._requests, "everything was closed"


def fresh(environment: dict[str, str], said: str) -> str:
    """The answer of a process that has done nothing before but import."""
    return str(forked(answer_in, environment, said))


def started(environment: dict[str, str], said: str) -> str:
    """The answer of a program that was started for it."""
    done = subprocess.run(
        [sys.executable, "-W", "always::ResourceWarning", "-m", "tests.locks.one_request", said],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=100,
        check=False,
    )
    told = [line for line in done.stderr.splitlines() if not line.startswith("Token counts are estimates")]
    assert done.returncode == 0 and not told, done.stderr
    return done.stdout.strip()


@pytest.mark.slow
@pytest.mark.parametrize("ask", [fresh, pytest.param(started, marks=pytest.mark.all_only)])
def test_twenty_processes_answer_one_conversation(
    settings: dict[str, str],
    ask: Callable[[dict[str, str], str], str],
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Twenty fresh processes in turn: each goes on where the last one was, and nothing is forgotten or left behind."""
    environment = {**os.environ, **settings, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"}
    environment.pop("VOXSESSION_TIKTOKEN_DIR", None)  # reading the ranks takes longer than all else
    replies = [ask(environment, said) for said in TEXTS]
    assert replies[-1] == "[scheduling] Your name is Alice."
    assert [reply.partition("]")[0] for reply in replies] == ["[reception"] * 18 + ["[scheduling"] * 2
    assert not any("reset our conversation" in reply for reply in replies)
    assert not list(home.iterdir()), "the key came from the environment; no ring was made"

    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    history = asyncio.run(_history())
    assert [message.content for message in history if message.role == "user"] == TEXTS
    assert [message.content for message in history if message.role == "assistant"] == [
        reply.partition("] ")[2] for reply in replies
    ]
    assert len({message.conversation_id for message in history}) == 1


async def _history() -> list[Any]:
    async with Voxon(VoxonConfig.from_env()) as voxon, voxon.session("device-1") as session:
        assert await SessionLockService(voxon).get_session_lock("device-1") == "scheduling"
        return await (await session.resume_conversation()).history()


async def test_a_conversation_is_not_begun_anew(manager: ModuleType) -> None:
    """The document's own test of a flow: the second message finds the first."""
    context = {"user_id": "device-7"}
    result1 = await manager.run_manager("Hello", context)
    result2 = await manager.run_manager("I want to schedule", context)
    result3 = await manager.run_manager("Is there anything later?", context)
    assert result1.startswith("[reception]")
    assert "I've reset our conversation" not in result2
    assert result2.startswith("[scheduling]") and result3.startswith("[scheduling]")


async def test_a_hundred_devices_at_once(manager: ModuleType) -> None:
    """The document's load test: all sessions work independently, and each device is remembered."""
    replies = await manager.many_devices(100)
    assert len(set(replies)) == 100
    async with Voxon(VoxonConfig.from_env()) as voxon:
        stats = await SessionLockService(voxon).get_lock_stats()
        assert stats["active_by_agent"] == {"reception": 100}
        assert (await voxon.get_stats())["total_sessions"] == 100


async def test_concurrent_sessions(manager: ModuleType) -> None:
    """The document's load test as it stands there."""
    tasks = []
    for i in range(100):
        device_id = f"device-{i}"
        task = manager.run_manager("Hello", {"user_id": device_id})
        tasks.append(task)

    results = await asyncio.gather(*tasks)
    assert len(results) == 100 and all(one.startswith("[reception] ") for one in results)


def test_a_loop_for_each_thread(manager: ModuleType) -> None:
    """A warm process of a framework with threads: each request has a loop of its own, several run at once."""

    def ask(number: int) -> str:
        reply: str = asyncio.run(manager.run_manager("hello", {"user_id": f"device-{number}"}))
        return reply

    with ThreadPoolExecutor(3) as pool:
        assert all(one.startswith("[reception] ") for one in pool.map(ask, range(12)))


def _leak() -> None:
    here, there = socket.socketpair()
    there.close()
    del here


def test_what_is_left_open_is_noticed() -> None:
    """The check itself: a socket that nobody closed fails it."""
    with pytest.raises(AssertionError, match=r"left open.*socket"), nothing_left_open():
        _leak()
    with nothing_left_open():
        pass


def test_a_new_loop_for_each_call(
    manager: ModuleType, settings: dict[str, str], request: pytest.FixtureRequest
) -> None:
    """`asyncio.run` for each message: no task, no socket, no connection is left when it returns."""
    for number in range(5):
        with nothing_left_open():
            asyncio.run(manager.run_manager(f"Message {number}", {"user_id": "device-1"}))
    if "DATABASE_URL" in settings:
        assert (
            asyncio.run(_connections(request.getfixturevalue("postgres_server"), settings["DATABASE_URL"]))
            == 0
        )


async def _connections(server: PostgresServer, url: str) -> int:
    """How many connections of this test's role the server has."""
    engine = create_async_engine(engine_url(server.url()))
    count: Callable[[], Any] = lambda: text(  # noqa: E731
        f"SELECT COUNT(*) FROM pg_stat_activity WHERE usename = '{engine_url(url).username}'"
    )
    try:
        async with engine.connect() as connection:
            for _ in range(100):  # the server notices an end a moment later
                found = int((await connection.execute(count())).scalar_one())
                await connection.rollback()
                if not found:
                    break
                await asyncio.sleep(0.05)
            return found
    finally:
        await engine.dispose()


@pytest.mark.parametrize(
    "url", ["redis://127.0.0.1:1", "postgresql://me@127.0.0.1:1/chats"], ids=["redis", "postgres"]
)
async def test_servers_that_are_not_there(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stateless mode with real adapters: nobody listens at the address, and the app goes on."""
    monkeypatch.setenv("SESSION_KEY", KEY)
    async with SessionLockService(url) as locks:
        assert await locks.get_session_lock("device-1") is None
        assert await locks.set_session_lock("device-1", "scheduling") is False
        assert (await locks.health_check())["status"] == "unhealthy"
