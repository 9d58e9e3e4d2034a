"""The audio of a call: sealed pages of bytes beside its session."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from voxsession.core.call_record import AUDIO, audio_refs
from voxsession.core.types import JsonObject
from voxsession.errors import ConfigurationError, IntegrityError
from voxsession.session.live import LiveCore
from voxsession.session.recorder import Recorder

__all__ = ["MAX_AUDIO_BYTES", "MAX_AUDIO_CHUNKS", "check_audio", "read_audio", "write_audio"]

MAX_AUDIO_BYTES = 4 * 1024 * 1024  # two minutes of 16-bit speech at 16 kHz
MAX_AUDIO_CHUNKS = 20_000
PAGE_BYTES = 512 * 1024
_LENGTH_BYTES = 4


def check_audio(value: object, option: str = "audio_buffer") -> list[bytes]:
    """The chunks as bytes, counted before anything is copied.

    Raises:
        ConfigurationError: it is no list of bytes, or more than a call may keep.
    """
    if isinstance(value, (str, bytes, bytearray, memoryview)) or not isinstance(value, Sequence):
        raise ConfigurationError.out_of_range(option, type(value).__name__, "a list of bytes is needed")
    size = 0
    for place, chunk in enumerate(value):
        if not isinstance(chunk, (bytes, bytearray, memoryview)):
            raise ConfigurationError.out_of_range(
                f"{option}[{place}]", type(chunk).__name__, "bytes are needed"
            )
        size += memoryview(chunk).nbytes
    if size > MAX_AUDIO_BYTES or len(value) > MAX_AUDIO_CHUNKS:
        raise ConfigurationError(
            f"{option} has {size:,} bytes in {len(value):,} chunks; a call keeps up to {MAX_AUDIO_BYTES:,} bytes in "
            f"{MAX_AUDIO_CHUNKS:,} chunks. Keep what was not transcribed yet, and recordings in a store of your own.",
            option=option,
        )
    return [bytes(chunk) for chunk in value]


async def write_audio(
    recorder: Recorder, core: LiveCore, call: Mapping[str, Any], chunks: Sequence[bytes]
) -> list[JsonObject]:
    """Writes the chunks that no page of the call holds yet; what the call's record keeps of all of them.

    Pages that were full before are named again as they are. Called in the session's `turn`, and followed by the
    change that names the pages without waiting for anything, so that nobody takes them for loose ones.
    """
    rows, place = _kept(call, chunks)
    for run in _runs(chunks[place:]):
        rows.append(await _page(recorder, core, run))
    return rows


async def read_audio(recorder: Recorder, core: LiveCore, call: Mapping[str, Any]) -> list[bytes]:
    """The chunks of a call, in order."""
    chunks: list[bytes] = []
    session_id = core.data.session_id
    for row in _rows(call):
        if "inline" in row:
            body = base64.b64decode(row["inline"])
        else:
            assert core.codec is not None
            body = await recorder.page(session_id, core.codec, audio_refs({AUDIO: [row]})[0])
        chunks += _unpacked(body, f"{session_id}/{row.get('id', AUDIO)}")
    return chunks


def _rows(call: Mapping[str, Any]) -> list[JsonObject]:
    rows = call.get(AUDIO)
    return list(rows) if isinstance(rows, list) else []


def _kept(call: Mapping[str, Any], chunks: Sequence[bytes]) -> tuple[list[JsonObject], int]:
    """The pages that begin the chunks unchanged, and how many chunks they hold; a small last one is written anew."""
    kept: list[JsonObject] = []
    place = 0
    for row in _rows(call):
        run = chunks[place : place + row["count"]]
        is_last = place + row["count"] >= len(chunks)
        if len(run) != row["count"] or _digest(run) != row["digest"]:
            break
        if row["size"] < PAGE_BYTES // 2 and not is_last:
            break
        kept.append(row)
        place += len(run)
    return kept, place


def _runs(chunks: Sequence[bytes]) -> list[list[bytes]]:
    runs: list[list[bytes]] = []
    size = 0
    for chunk in chunks:
        if not runs or size + len(chunk) > PAGE_BYTES:
            runs.append([])
            size = 0
        runs[-1].append(chunk)
        size += len(chunk) + _LENGTH_BYTES
    return runs


async def _page(recorder: Recorder, core: LiveCore, run: Sequence[bytes]) -> JsonObject:
    body = b"".join(len(chunk).to_bytes(_LENGTH_BYTES, "big") + chunk for chunk in run)
    known: JsonObject = {"count": len(run), "size": len(body), "digest": _digest(run)}
    if not recorder.storage.can_page:
        return {"inline": base64.b64encode(body).decode(), **known}
    ref = await recorder.put_page(core, AUDIO, body, count=len(run))
    return {"id": ref.id, "hash": ref.hash, **known}


def _digest(run: Sequence[bytes]) -> str:
    digest = hashlib.sha256()
    for chunk in run:
        digest.update(len(chunk).to_bytes(_LENGTH_BYTES, "big") + chunk)
    return digest.hexdigest()[:32]


def _unpacked(body: bytes, name: str) -> list[bytes]:
    chunks, place = [], 0
    while place < len(body):
        start = place + _LENGTH_BYTES
        place = start + int.from_bytes(body[place:start], "big")
        if place > len(body):
            raise IntegrityError(name, "its audio is cut off")
        chunks.append(body[start:place])
    return chunks
