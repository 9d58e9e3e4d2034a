"""Damaged session files: what is read is a state that was stored, or an error; never something else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from voxsession.errors import ConflictError, IntegrityError
from voxsession.storage.file import FileSessionStorage
from voxsession.storage.frames import batch_line, document_line
from voxsession.testing.records import a_batch, a_document, a_page

BATCHES = [a_batch(seq=seq, body="two\nlines" * seq, owner="o1") for seq in range(2, 5)]
LINES = [document_line(a_document(owner="o1")), *(batch_line(batch) for batch in BATCHES)]
WHOLE = b"".join(LINES)
STATE = {**a_document(owner="o1"), "tail": BATCHES}


@pytest.fixture
async def storage(tmp_path: Path) -> FileSessionStorage:
    storage = FileSessionStorage(tmp_path)
    await storage.save(a_document(owner="o1"))
    for batch in BATCHES:
        await storage.append("sess_1", batch)
    assert (tmp_path / "sess_1.json").read_bytes() == WHOLE
    return storage


async def test_cut_at_every_byte(storage: FileSessionStorage, tmp_path: Path) -> None:
    """A file that was cut anywhere loads as an earlier state with the torn bytes counted, or is IntegrityError."""
    ends = [sum(map(len, LINES[: number + 1])) for number in range(len(LINES))]
    file = tmp_path / "sess_1.json"
    for length in range(len(WHOLE)):
        file.write_bytes(WHOLE[:length])
        complete = sum(end <= length for end in ends)
        if not complete:
            with pytest.raises(IntegrityError, match="truncated" if length else "empty"):
                await storage.load("sess_1")
            assert await storage.list_sessions() == []
        else:
            torn = length - ends[complete - 1]
            expected: dict[str, Any] = {**STATE, "tail": BATCHES[: complete - 1]}
            assert await storage.load("sess_1") == (expected | {"torn_bytes": torn} if torn else expected)
            assert [header["seq"] for header in await storage.list_sessions(owner="o1")] == [complete]
        assert file.read_bytes() == WHOLE[:length]


@pytest.mark.parametrize("mask", [0x01, 0x20, 0x80])
async def test_flip_every_byte(storage: FileSessionStorage, tmp_path: Path, mask: int) -> None:
    """Any altered byte is IntegrityError, a torn end, or stays within its own line, where the seal finds it."""
    file = tmp_path / "sess_1.json"
    seen = {"refused": 0, "torn": 0, "within": 0}
    for place in range(len(WHOLE)):
        damaged = bytearray(WHOLE)
        damaged[place] ^= mask
        file.write_bytes(damaged)
        await storage.list_sessions()
        try:
            record = await storage.load("sess_1")
        except IntegrityError:
            seen["refused"] += 1
            continue
        assert record is not None
        if "torn_bytes" in record:
            seen["torn"] += 1
            assert place == len(WHOLE) - 1
            assert record == {**STATE, "tail": BATCHES[:-1], "torn_bytes": len(LINES[-1])}
        else:
            seen["within"] += 1
            line = WHOLE[:place].count(b"\n")
            assert not line or {**record, "tail": []} == {**STATE, "tail": []}
            others = [
                (a, b) for n, (a, b) in enumerate(zip(record["tail"], BATCHES, strict=True), 1) if n != line
            ]
            assert all(found == stored for found, stored in others)

    assert seen["refused"] > 200 and seen["torn"] == 1
    assert seen["within"] > 200 or mask == 0x80  # no byte above 127 stands alone in UTF-8


JUNK = [b"", b"\n", b"{}\n", b"[]\n", b"not json\n", b"\xff\xfe\n", b"null\n", b"\0" * 99]


@pytest.mark.parametrize("damage", JUNK, ids=[str(number) for number in range(len(JUNK))])
async def test_a_present_file_is_never_nothing(
    storage: FileSessionStorage, tmp_path: Path, damage: bytes
) -> None:
    """Whatever a session's file holds instead: no load says 'no such session', no write goes over it."""
    file = tmp_path / "sess_1.json"
    file.write_bytes(damage)

    for call in (
        storage.load("sess_1"),
        storage.save(a_document(seq=5)),
        storage.save(a_document(batch_id="anew")),
        storage.append("sess_1", a_batch(seq=5)),
        storage.delete("sess_1", expected_seq=4),
    ):
        with pytest.raises(IntegrityError, match="sess_1"):
            await call
    assert await storage.cleanup_expired_sessions(max_age_seconds=0) == 0
    assert file.read_bytes() == damage


async def test_a_complete_line_in_the_middle_that_fails(storage: FileSessionStorage, tmp_path: Path) -> None:
    """A complete line that is no record is an error also where good ones follow; nothing is cut."""
    file = tmp_path / "sess_1.json"
    damaged = LINES[0] + b'{"seq":"x"}\n' + LINES[1]
    file.write_bytes(damaged)

    with pytest.raises(IntegrityError):
        await storage.load("sess_1")
    assert file.read_bytes() == damaged


async def test_torn_bytes_are_kept_aside(storage: FileSessionStorage, tmp_path: Path) -> None:
    """Behind a torn frame nothing is appended; the next whole save keeps its bytes aside, each time anew."""
    file = tmp_path / "sess_1.json"
    for number in (1, 2):
        seq = (await storage.list_sessions())[0]["seq"]
        torn = b'{"torn":%d' % number
        with file.open("ab") as stream:
            stream.write(torn)
        with pytest.raises(ConflictError) as caught:
            await storage.append("sess_1", a_batch(seq=seq + 1))
        assert caught.value.found_seq == seq
        record = await storage.load("sess_1")
        assert record is not None and record["torn_bytes"] == len(torn)
        assert file.read_bytes().endswith(torn)
        await storage.save(a_document(seq=seq + 1, owner="o1"))

        assert (tmp_path / f"sess_1.torn-{number}").read_bytes() == torn
        assert await storage.load("sess_1") == {**a_document(seq=seq + 1, owner="o1"), "tail": []}
    await storage.delete("sess_1")
    assert not [path for path in tmp_path.iterdir() if path.is_file()]


async def test_a_long_torn_frame(storage: FileSessionStorage, tmp_path: Path) -> None:
    """A torn frame of a megabyte is left out and kept aside like a short one."""
    torn = batch_line(a_batch(seq=5, body="x" * 1_000_000))[:-1]
    with (tmp_path / "sess_1.json").open("ab") as stream:
        stream.write(torn)
    assert await storage.load("sess_1") == {**STATE, "torn_bytes": len(torn)}
    assert (await storage.list_sessions())[0]["seq"] == 4
    assert await storage.load_since("sess_1", 2) is None

    await storage.save(a_document(seq=5))
    assert (tmp_path / "sess_1.torn-1").read_bytes() == torn


async def test_a_stale_temporary_file_does_not_matter(storage: FileSessionStorage, tmp_path: Path) -> None:
    """What a killed writer had begun is replaced by the next write and goes with the session."""
    (tmp_path / "sess_1.tmp").write_bytes(b"half a docu")
    assert await storage.load("sess_1") == STATE
    await storage.save(a_document(seq=5))
    assert not (tmp_path / "sess_1.tmp").exists()

    (tmp_path / "sess_1.tmp").write_bytes(b"half a docu")
    await storage.delete("sess_1")
    assert not (tmp_path / "sess_1.tmp").exists()


async def test_damaged_pages(storage: FileSessionStorage, tmp_path: Path) -> None:
    """A page that is cut, foreign or no record is IntegrityError; a missing one is None."""
    await storage.save_page("sess_1", a_page())
    file = tmp_path / "sess_1.pages" / "page_1.json"
    raw = file.read_bytes()
    await storage.save_page("sess_1", a_page(page_id="page_2"))
    other = (tmp_path / "sess_1.pages" / "page_2.json").read_bytes()

    for damage in (
        b"",
        raw[:-1],
        raw[:40],
        b"{}\n",
        raw[:-10] + b"\n",
        other,
        raw.replace(b"sess_1", b"sess_2"),
    ):
        file.write_bytes(damage)
        with pytest.raises(IntegrityError, match="sess_1/page_1"):
            await storage.load_page("sess_1", "page_1")
    file.unlink()
    assert await storage.load_page("sess_1", "page_1") is None
