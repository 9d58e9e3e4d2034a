"""Every kind of storage that can list, made for one test: those of the package, on the servers of this run."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from voxsession import FileSessionStorage, MemorySessionStorage, SessionStorage
from voxsession.storage.database import DatabaseSessionStorage
from voxsession.storage.redis import RedisSessionStorage

__all__ = ["KINDS", "made"]

LOCAL = ("memory", "file", "sqlite")
SERVERS = {"postgres": "postgres_server", "redis": "redis_server", "mariadb": "mariadb_server"}
KINDS = [
    *LOCAL,
    *(pytest.param(kind, marks=pytest.mark.server) for kind in ("postgres", "redis")),
    pytest.param("mariadb", marks=[pytest.mark.server, pytest.mark.all_only]),
]
PREFIXES = (f"kept{number}" for number in itertools.count())


@contextlib.asynccontextmanager
async def made(kind: str, request: pytest.FixtureRequest, folder: Path) -> AsyncIterator[SessionStorage]:
    """An empty storage of this kind; it is closed at the end."""
    storage = await _storage(kind, request, folder)
    try:
        yield storage
    finally:
        await storage.close()


async def _storage(kind: str, request: pytest.FixtureRequest, folder: Path) -> SessionStorage:
    if kind == "memory":
        return MemorySessionStorage(max_sessions=None, cleanup_interval=None)
    if kind == "file":
        return FileSessionStorage(folder / "store")
    if kind == "sqlite":
        return DatabaseSessionStorage(f"sqlite:///{folder / 'store.db'}")
    server = request.getfixturevalue(SERVERS[kind])
    if kind == "redis":
        return RedisSessionStorage(server.url, session_prefix=next(PREFIXES))
    return DatabaseSessionStorage(await server.new_place())
