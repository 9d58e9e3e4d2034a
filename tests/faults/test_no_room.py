"""Storages that are full: the write is StorageFullError, what was stored stays, what is pending goes in later."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from sqlalchemy import event
from sqlalchemy.pool import Pool

from tests.faults.talkers import QUIET, named, storage_at
from tests.servers.redis import RedisServer, ask
from tests.session.stores import KEY, kept_texts, user_says
from voxsession import FileSessionStorage, SessionStorage, StorageFullError, Voxon, VoxonConfig

Room: TypeAlias = Callable[[], contextlib.AbstractContextManager[None]]

DISK = "8m"
FILE_BYTES = 96_000
LONG = os.urandom(150_000).hex()  # a turn that does not fit, and does not pack


async def survive(config: VoxonConfig, no_room: Room, storage: SessionStorage) -> None:
    """A turn, a whole document with a page, and a first save find no room, and go in once there is some."""
    before = [f"before {number}" for number in range(100)]
    async with Voxon(config) as voxon:
        talks = {}
        for name in ("turn", "whole"):
            session = await voxon.create_session(session_id=name, config=QUIET)
            talks[name] = await session.start_conversation("c")
            await talks[name].add_messages(user_says(*before))
        session.clear_memory(ids=[session.add_memory("x").id])  # makes its next save a whole one
        new = voxon.create_session(session_id="new", config=QUIET)
        new.update_state(long=LONG)
        with no_room():
            for talk in talks.values():
                for number in range(2):
                    with pytest.raises(StorageFullError):
                        await talk.add_messages(user_says(*["short"] * 100, f"{number} {LONG}"))
            with pytest.raises(StorageFullError):
                await new.save()
            for name in talks:
                assert await kept_texts(storage, name) == before, "what was stored is unchanged"
            assert sorted([info.session_id async for info in voxon.list_sessions()]) == sorted(talks)
        await new.save()
        for name, talk in talks.items():
            await talk.add_messages(user_says("after"))
            kept = await kept_texts(storage, name)
            assert kept == [*before, *["short"] * 100, f"0 {LONG}", *["short"] * 100, f"1 {LONG}", "after"]
        assert sorted([info.session_id async for info in voxon.list_sessions()]) == sorted(["new", *talks])
    await storage.close()
    print(
        "5 writes refused: 4 turns (2 of them whole documents) and a first save; 404 pending messages went in once"
    )


# --- a full disk


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of a few megabytes."""
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(tmp_path)]
    try:
        is_mounted = subprocess.run(mount, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        is_mounted = False
    if not is_mounted:
        pytest.skip("a small file system cannot be mounted here")
    yield tmp_path
    subprocess.run(["umount", str(tmp_path)], check=True)


def filled(disk: Path) -> Room:
    """Nothing more goes on this disk until the end of the block."""

    @contextlib.contextmanager
    def full() -> Iterator[None]:
        ballast = disk / "ballast"
        with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
            while file.write(b"x" * 4096):
                continue
        yield
        ballast.unlink()

    return full


async def test_files_on_a_full_disk(small_disk: Path) -> None:
    """Files, on a disk that somebody else has filled."""
    path = str(small_disk / "sessions")
    config = VoxonConfig(session_storage="file", session_storage_path=path, session_encryption_key=KEY)
    await survive(config, filled(small_disk), FileSessionStorage(path))


async def test_sqlite_on_a_full_disk(small_disk: Path) -> None:
    """SQLite, on a disk that somebody else has filled."""
    url = f"sqlite:///{small_disk}/sessions.db"
    await survive(named(url), filled(small_disk), storage_at(url))


# --- limits, which can be set everywhere


@contextlib.contextmanager
def small_files() -> Iterator[None]:
    """No file of this process grows further."""
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_BYTES, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_files_that_may_not_grow(tmp_path: Path) -> None:
    """Files, where the system lets none grow."""
    path = str(tmp_path / "sessions")
    config = VoxonConfig(session_storage="file", session_storage_path=path, session_encryption_key=KEY)
    await survive(config, small_files, FileSessionStorage(path))


async def test_a_sqlite_database_that_may_not_grow(tmp_path: Path) -> None:
    """SQLite, where the database has as many pages as it may have."""
    url, most = f"sqlite:///{tmp_path}/sessions.db", [1 << 30]

    def limit(connection: Any, *rest: object) -> None:
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA max_page_count = {most[0]}")
        cursor.close()

    @contextlib.contextmanager
    def full() -> Iterator[None]:
        most[0] = 1  # which SQLite takes for as many as there are
        yield
        most[0] = 1 << 30

    event.listen(Pool, "checkout", limit)
    try:
        await survive(named(url), full, storage_at(url))
    finally:
        event.remove(Pool, "checkout", limit)


@pytest.mark.server
async def test_redis_that_may_not_grow(own_redis: RedisServer) -> None:
    """Redis with `maxmemory` and no eviction."""

    @contextlib.contextmanager
    def full() -> Iterator[None]:
        ask(own_redis.port, "CONFIG", "SET", "maxmemory", "1")
        yield
        ask(own_redis.port, "CONFIG", "SET", "maxmemory", "0")

    await survive(named(own_redis.url), full, storage_at(own_redis.url))
