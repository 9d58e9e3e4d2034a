"""Large sessions move in bounded memory."""

from __future__ import annotations

import os
import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.portability.sessions import elsewhere
from voxsession import FileSessionStorage
from voxsession.codec.bundle_rows import BUNDLE_FORMAT, BUNDLE_KIND, SessionRow, row_of
from voxsession.core.conversation import ConversationEntry
from voxsession.core.message import Message
from voxsession.core.session_data import Totals
from voxsession.session.bundles.writer import BundleWriter, LineTarget
from voxsession.session.streams import NewFile

START = datetime(2026, 1, 1, tzinfo=UTC)
PHRASE = "correct horse battery staple"


async def write_bundle(path: Path, count: int, words: int) -> None:
    """A bundle of so many messages, made without a session."""
    talk = ConversationEntry(
        id="c", started_at=START, last_at=START, first_index=0, last_index=count - 1, message_count=count
    )
    figures = Totals(conversation_count=1, message_count=count)
    async with NewFile(path, "made") as file:
        writer = BundleWriter(LineTarget(file.write))
        await writer.begin(
            {
                "format": BUNDLE_FORMAT,
                "kind": BUNDLE_KIND,
                "exported_at": "2026-01-01T00:00:00Z",
                "left_out": [],
            }
        )
        await writer.add("conversation", row_of("conversation", talk))
        for number in range(count):
            message = Message(
                id=f"m{number}",
                conversation_id="c",
                role="user" if number % 2 == 0 else "assistant",
                content=f"{number} " + "some more " * words,
                at=START + timedelta(seconds=number),
                token_count=2 * words,
            )
            await writer.add("message", row_of("message", message))
        row = SessionRow(session_id="big", created_at=START, user_id="u", analytics=figures)
        await writer.add("session", row_of("session", row))
        await writer.end(omitted=0, redacted=0)


async def move(path: Path, folder: Path, watch: Callable[[], None]) -> int:
    """Takes a bundle in, writes it out in clear and sealed, takes that in again; how many messages there were."""

    def look(done: int, total: int) -> None:
        watch()

    async with elsewhere(FileSessionStorage(folder / "store")) as here:
        moved = await here.import_session(path, progress=look)
        await moved.export_full(folder / "again", progress=look)
        await moved.export_full(folder / "sealed", passphrase=PHRASE, progress=look)
        report = await here.import_session(
            folder / "sealed", passphrase=PHRASE, on_conflict="rename", dry_run=True, progress=look
        )
    assert abs((folder / "again").stat().st_size - path.stat().st_size) < 2_000
    return int(report.counts["messages"])


async def test_memory_does_not_grow_with_the_session(tmp_path: Path) -> None:
    """A session several times as large as what is kept of it at any moment."""
    path = tmp_path / "bundle"
    await write_bundle(path, 2_500, 400)
    assert path.stat().st_size > 10_000_000
    await write_bundle(tmp_path / "warm", 2, 2)
    (tmp_path / "first").mkdir()
    await move(tmp_path / "warm", tmp_path / "first", lambda: None)
    tracemalloc.start()
    try:
        assert await move(path, tmp_path, lambda: None) == 2_500
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 8_000_000


@pytest.mark.slow
@pytest.mark.all_only
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="the size of a process is read from /proc")
async def test_a_hundred_thousand_messages(tmp_path: Path) -> None:
    """The process hardly grows while 100,000 messages go in and out."""
    path = tmp_path / "bundle"
    await write_bundle(path, 100_000, 20)
    before, most = resident_bytes(), [0]

    def watch() -> None:
        most[0] = max(most[0], resident_bytes())

    assert await move(path, tmp_path, watch) == 100_000
    assert most[0] - before < 40_000_000


def resident_bytes() -> int:
    """How much memory this process has."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
