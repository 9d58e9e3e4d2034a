"""Session files that are altered by hand in every field: the right data or a clear answer, never wrong data."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import TypeAlias

import pytest

from tests.faults.altering import MINE, OTHER, SAMPLES, Stage, other_lines
from voxsession import FileSessionStorage
from voxsession.core.envelope import Record

Alteration: TypeAlias = tuple[str, bool, Callable[[], object]]

KEYRING, POINTERS = Path(".keyring"), Path(".pointer")


@pytest.mark.parametrize("sample", SAMPLES)
async def test_files(tmp_path: Path, sample: int | None) -> None:
    """Every line of the session's file, of its page, of its pointer and of the keyring, and the files themselves."""
    folder, storage = tmp_path, FileSessionStorage(tmp_path)
    stage = await Stage.set(storage)
    kept = _files(folder)
    alterations = [one async for one in _alterations(stage, folder)]
    for how, is_common, alter in stage.chosen(alterations, sample):
        alter()
        await stage.look(how, is_common=is_common)
        for path in _files(folder).keys() - kept.keys():
            path.unlink()
        for path, content in kept.items():
            if not path.exists() or path.read_bytes() != content:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
    await stage.look("nothing")
    await storage.close()
    stage.report(f"{len(alterations)} possible on files")


def _files(folder: Path) -> dict[Path, bytes]:
    return {
        path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and ".locks" not in path.parts
    }


async def _alterations(stage: Stage, folder: Path) -> AsyncIterator[Alteration]:
    """A word on each, whether it concerns others too, and what does it."""
    records = [await stage.storage.load(session_id) for session_id in (MINE, OTHER)]
    mine, other = (folder / POINTERS / f"{record['owner']}.json" for record in records if record)
    page, other_page = (next((folder / f"{session_id}.pages").iterdir()) for session_id in (MINE, OTHER))
    plain_page = await stage.in_clear.load_page(MINE, page.stem)
    assert plain_page is not None
    pairs: list[tuple[Path, Path, list[Record]]] = [
        (folder / f"{MINE}.json", folder / f"{OTHER}.json", await stage.plain_lines(MINE)),
        (page, other_page, [plain_page]),
        (mine, other, await stage.plain_lines(f".pointer..{mine.stem}")),
        (folder / KEYRING / "main.json", other, await stage.plain_lines(".keyring..main")),
    ]
    for path, foreign, plain in pairs:
        for how, content in _contents(path.read_bytes(), foreign.read_bytes(), plain):
            name = f"{path.relative_to(folder)}: {how}"
            yield name, KEYRING.name in path.parts, partial(path.write_bytes, content)
        yield f"{path.relative_to(folder)} gone", KEYRING.name in path.parts, path.unlink
    for marker in (folder / ".owners").rglob(MINE):
        yield "its owner's marker gone", False, marker.unlink
        yield "its owner's marker filled", False, partial(marker.write_bytes, b"x")


def _contents(raw: bytes, foreign: bytes, plain: list[Record]) -> list[tuple[str, bytes]]:
    """What the content of a file can be made."""
    lines, others = raw.split(b"\n")[:-1], foreign.split(b"\n")[:-1]
    found = [
        ("empty", b""),
        ("another's", foreign),
        ("both", raw + foreign),
        ("no end", raw.replace(b"\n", b" ")),
    ]
    for place, line in enumerate(lines):
        before, after = lines[:place], lines[place + 1 :]
        if place < len(lines) - 1:  # without its newest batches it is a session that was there
            found.append((f"line {place} gone", b"\n".join([*before, *after, b""])))
        found.append((f"line {place} twice", b"\n".join([*before, line, line, *after, b""])))
        end = b"\t" if line.endswith(b"\t") else b""
        for how, altered in other_lines(
            line.rstrip(b"\t"), others[min(place, len(others) - 1)], plain[place]
        ):
            found.append((f"line {place}: {how}", b"\n".join([*before, altered + end, *after, b""])))
    return found
