"""Calls served by real processes: killed in the middle, racing each other, cleaning up behind each other."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
STORAGES = [
    "file",
    pytest.param("postgres", marks=pytest.mark.server),
    pytest.param("redis", marks=pytest.mark.server),
]
THOROUGH = pytest.mark.all_only
TIMES = [4, pytest.param(100, marks=[THOROUGH, pytest.mark.slow, pytest.mark.timeout(600)])]
CALLS = [24, pytest.param(1000, marks=[THOROUGH, pytest.mark.slow, pytest.mark.timeout(600)])]


async def settings_of(kind: str, request: pytest.FixtureRequest, folder: Path) -> dict[str, str]:
    """How other processes reach an empty storage of this kind."""
    if kind == "file":
        return {"session_storage": "file", "session_storage_path": str(folder / "calls")}
    server = request.getfixturevalue(f"{kind}_server")
    if kind == "postgres":
        return {"session_storage": "database", "session_database_url": await server.new_place()}
    prefix = f"calls:{request.node.name}"
    return {"session_storage": "redis", "session_redis_url": server.url, "session_prefix": prefix}


def run(task: str, settings: dict[str, str], count: int) -> Any:
    """What the processes of a task said in the end."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.resume.call_process", task, json.dumps(settings), str(count), "seed"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=550,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("kind", STORAGES)
@pytest.mark.parametrize("times", TIMES)
async def test_killed_in_the_middle_of_a_resumption(
    kind: str, times: int, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """After kill -9 another process resumes with everything, and no acknowledged resumption is lost."""
    told = run("killed", await settings_of(kind, request, tmp_path), times)
    assert told["killed"] == times and told["in_the_middle"] > times / 2


@pytest.mark.parametrize("kind", STORAGES)
@pytest.mark.parametrize("count", CALLS)
async def test_four_processes_resume_each_call_once(
    kind: str, count: int, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """All four go for all calls at the same moment; each call has one winner, the other three are told."""
    told = run("raced", await settings_of(kind, request, tmp_path), count)
    assert told["resumed"] == count


@pytest.mark.parametrize("kind", STORAGES)
@pytest.mark.parametrize("count", CALLS)
async def test_four_processes_clean_up_while_calls_are_resumed(
    kind: str, count: int, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """What was resumed stays, what nobody wanted goes, and each is counted by one of them."""
    told = run("cleaned", await settings_of(kind, request, tmp_path), count)
    assert told["removed"] > 0 and told["resumed"] > 0
