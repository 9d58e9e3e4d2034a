"""A move that is killed at random moments, again and again, until it is done."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.moving.stored import everything, history, live
from voxsession import FileSessionStorage
from voxsession.core.envelope import storage_key
from voxsession.storage.registry import open_storage

KILLS = 9
HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the mover forks")


class Mover:
    """The process that forks movers."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def start(self) -> int:
        """Starts a mover; its process id."""
        assert self._process.stdin is not None
        self._process.stdin.write("go\n")
        self._process.stdin.flush()
        return self._told("pid")

    def ended(self) -> int:
        """Waits for it; its exit code."""
        return self._told("ended")

    def _told(self, what: str) -> int:
        assert self._process.stdout is not None
        word, number = self._process.stdout.readline().split()
        assert word == what
        return int(number)


@contextmanager
def mover(*args: str) -> Iterator[Mover]:
    """A mover process that ends with the block."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(HERE / "mover_process.py"), *args]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment, cwd=ROOT
    ) as process:
        yield Mover(process)


@pytest.mark.parametrize(("scheme", "delete"), [("file", False), ("file", True), ("sqlite", True)])
async def test_killed_and_started_again_until_it_is_done(scheme: str, delete: bool, tmp_path: Path) -> None:
    """Nothing is missing, nothing doubled, and nothing gone from the source that has not arrived."""
    source_url = f"file://{tmp_path}/source"
    target_url = f"{scheme}:///{tmp_path}/target" if scheme == "sqlite" else f"file://{tmp_path}/target"
    source = FileSessionStorage(tmp_path / "source")
    for number in range(12):
        await live(source, f"s{number}", 3, whole=bool(number % 2))
        await live(source, f"s{number}", 2)
    await live(source, "long", 320, whole=True)
    wanted = await everything(source)
    seed = random.randrange(2**32)
    chance, kills, longest = random.Random(seed), 0, 0.25
    with mover(source_url, target_url, *(["delete"] if delete else [])) as process:
        for _ in range(KILLS):
            pid = process.start()
            await asyncio.sleep(chance.uniform(0.0, longest))
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            was_killed = process.ended() == -signal.SIGKILL
            kills += was_killed
            longest *= 1 if was_killed else 0.6
        process.start()
        assert process.ended() == 0, f"seed {seed}"

    target: Any = open_storage(target_url)
    assert await everything(target) == wanted, f"seed {seed}"
    left = await everything(source)
    assert left == ({key: wanted[key] for key in [storage_key("keyring", "", "main")]} if delete else wanted)
    assert await history(target, "long") == [f"m{number}" for number in range(320)]
    print(f"{kills} of {KILLS} runs were killed before their end, seed {seed}")
    await source.close()
    await target.close()
