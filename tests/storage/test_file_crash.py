"""The file storage in a rough world: killed writers, full disks, folders for reading only, other processes."""

from __future__ import annotations

import json
import os
import random
import select
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from voxsession.storage.file import FileSessionStorage
from voxsession.testing.records import a_document

WRITER = str(Path(__file__).with_name("writer_process.py"))
ROOT = str(Path(__file__).resolve().parents[2])
KILLS = int(os.environ.get("VOXSESSION_TEST_KILLS", "60"))

pytestmark = pytest.mark.skipif(os.name == "nt", reason="these tests fork and send signals")


def start(*arguments: object, **options: Any) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": ROOT}
    command = [sys.executable, WRITER, *map(str, arguments)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, **options)


def told(*arguments: object) -> list[dict[str, Any]]:
    """What a process told until it ended by itself."""
    process = start(*arguments)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    return [json.loads(line) for line in out.splitlines()]


@pytest.fixture
def shared_folder() -> Iterator[Path]:
    """A folder that other users can reach, which pytest's own ones are not."""
    with tempfile.TemporaryDirectory(prefix="voxsession-test-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte."""
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(tmp_path)]
    try:
        mounted = subprocess.run(mount, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        mounted = False
    if not mounted:
        pytest.skip("a small file system cannot be mounted here")
    yield tmp_path
    subprocess.run(["umount", str(tmp_path)], check=True)


async def test_nothing_acknowledged_is_lost_to_kills(tmp_path: Path) -> None:
    """A writer of four sessions is killed at random moments; all that it had acknowledged is there each time."""
    dice = random.Random(KILLS)
    process = start("killed", tmp_path, stdin=subprocess.PIPE)
    acknowledged: dict[str, int] = {}
    torn = 0
    storage = FileSessionStorage(tmp_path)
    try:
        for _ in range(KILLS):
            acknowledged.update(killed_round(process, dice.uniform(0, 0.04)))
            for name, seq in acknowledged.items():
                torn += await check(storage, name, seq)
    finally:
        process.kill()
        process.communicate()
        await storage.close()

    print(f"{KILLS} kills, {sum(acknowledged.values())} versions acknowledged, {torn} torn ends, none lost")
    assert len(acknowledged) == 4


def killed_round(process: subprocess.Popen[bytes], seconds: float) -> dict[str, int]:
    """Lets a writer live for so long after its first sign of life; the versions that it acknowledged."""
    assert process.stdin and process.stdout
    process.stdin.write(b"go\n")
    process.stdin.flush()
    acknowledged: dict[str, int] = {}
    pid = 0
    for line in process.stdout:
        message = json.loads(line)
        if "pid" in message:
            pid = message["pid"]
            select.select([], [], [], seconds)
            os.kill(pid, signal.SIGKILL)
        elif "ended" in message:
            return acknowledged
        else:
            acknowledged[message["name"]] = max(message["seq"], acknowledged.get(message["name"], 0))
    raise AssertionError("the writer's parent has ended")


async def check(storage: FileSessionStorage, name: str, seq: int) -> bool:
    """The session is whole and not older than what was acknowledged; whether its end is torn."""
    record = await storage.load(name)
    assert record is not None
    seqs = [record["seq"], *(batch["seq"] for batch in record["tail"])]
    assert seqs == list(range(seqs[0], seqs[0] + len(seqs)))
    assert seqs[-1] >= seq
    assert await storage.load_page(name, record["page"]) is not None
    listed = [header["session_id"] for header in await storage.list_sessions(owner="o1")]
    assert name in listed
    return "torn_bytes" in record


async def test_two_processes_append_to_one_session(tmp_path: Path) -> None:
    """Batches that two processes append to one session at once are all there, in one order, each once."""
    storage = FileSessionStorage(tmp_path)
    await storage.save(a_document())
    writers = [start("appender", tmp_path, name, 100) for name in ("one", "two")]
    for writer in writers:
        writer.communicate(timeout=60)
        assert writer.returncode == 0

    record = await storage.load("sess_1")
    assert record is not None
    assert [batch["seq"] for batch in record["tail"]] == list(range(2, 202))
    for name in ("one", "two"):
        mine = [batch["sealed"] for batch in record["tail"] if batch["sealed"].startswith(name)]
        assert mine == [f"{name}_{number}" for number in range(100)]


async def test_a_file_size_limit(tmp_path: Path) -> None:
    """Where a file may not grow, writes are StorageFullError, the file keeps its old end, and it can go on."""
    lines = told("full", tmp_path, 60_000)

    assert [line["step"] for line in lines[:-1]] == ["append", "save", "first save", "page"]
    assert all("There is no room" in line["error"] for line in lines[:-1])
    record = await FileSessionStorage(tmp_path).load("sess_1")
    assert record is not None and "torn_bytes" not in record
    assert [batch["seq"] for batch in record["tail"]] == list(range(2, lines[-1]["stored"] + 2))
    assert not list(tmp_path.glob("*.tmp")) and not list(tmp_path.glob("sess_2*"))


async def test_a_full_disk(small_disk: Path) -> None:
    """On a full disk writes are StorageFullError and all that was acknowledged can be read."""
    lines = told("filled", small_disk)
    storage = FileSessionStorage(small_disk)
    record = await storage.load("sess_1")
    await storage.close()

    assert [line["step"] for line in lines[:-1]] == ["append", "save", "first save", "page"]
    assert all(line["cause"] == "OSError" for line in lines[:-1])
    assert record is not None and "torn_bytes" not in record
    assert len(record["tail"]) == lines[-1]["stored"] - 1 > 90


async def test_a_folder_for_reading_only(shared_folder: Path) -> None:
    """Who may only read can load and list; every write says which folder may not be used, and for what."""
    folder = shared_folder / "sessions"
    storage = FileSessionStorage(folder)
    await storage.save(a_document())
    await storage.close()
    modes = (0o755, 0o644) if os.getuid() == 0 else (0o555, 0o444)
    for path in [folder, *folder.rglob("*")]:
        path.chmod(modes[0] if path.is_dir() else modes[1])
    try:
        lines = told("unwelcome", folder)
    finally:
        for path in [folder, *folder.rglob("*")]:
            path.chmod(0o700)

    assert lines[0] == {"loaded": 1, "listed": 1}
    failed = {line["step"]: line for line in lines[1:] if "step" in line}
    assert list(failed) == ["append", "save", "first save", "delete", "page", "open"]
    for line in failed.values():
        assert line["kind"] == "StorageError" and str(folder) in line["error"]
        assert "Give this process the right" in line["error"]
    assert next(line for line in lines if "health" in line)["health"]["status"] == "unhealthy"
    assert await storage.load("sess_1") == {**a_document(), "tail": []}
