"""Rows of a bundle on their way out: into one object or into lines, in clear or sealed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from voxsession.codec.bundle_rows import LISTS
from voxsession.codec.bundle_seal import PieceSealer
from voxsession.core.types import JsonObject, encode_json
from voxsession.errors import ConfigurationError
from voxsession.memory.readers.own import Checksum

__all__ = [
    "MAX_ROW_BYTES",
    "BundleTally",
    "BundleWriter",
    "LineTarget",
    "ObjectTarget",
    "PieceTarget",
    "Target",
]

MAX_ROW_BYTES = 32 * 1024 * 1024
_WRITE_BYTES = 256 * 1024

Put = Callable[[bytes], Awaitable[None]]


class BundleTally:
    """How many rows of each kind there were, with one checksum over the head, all rows and what the end says.

    Args:
        head: the head of the bundle.
    """

    def __init__(self, head: JsonObject) -> None:
        self._sum = Checksum()
        self._sum.add(head)
        self.counts = dict.fromkeys(LISTS.values(), 0)

    def add(self, kind: str, row: JsonObject) -> None:
        """Takes a row in."""
        self._sum.add({kind: row})
        if kind in LISTS:
            self.counts[LISTS[kind]] += 1

    def end(self, said: JsonObject) -> JsonObject:
        """What stands at the end of a bundle that says this of itself."""
        end: JsonObject = {**said, "counts": self.counts}
        self._sum.add(end)
        return {**end, "sha256": self._sum.fields()["sha256"]}


class Target(Protocol):
    """Where the rows of a bundle go."""

    async def begin(self, head: JsonObject) -> None:
        """Takes the head."""

    async def add(self, kind: str, row: JsonObject) -> None:
        """Takes a row."""

    async def end(self, end: JsonObject) -> None:
        """Takes what stands at the end."""


class BundleWriter:
    """Writes the rows of one bundle, in the order of `ROW_KINDS`.

    Args:
        target: where they go.
    """

    def __init__(self, target: Target) -> None:
        self._target = target
        self._tally = BundleTally({})

    async def begin(self, head: JsonObject) -> None:
        """Writes the head."""
        self._tally = BundleTally(head)
        await self._target.begin(head)

    async def add(self, kind: str, row: JsonObject) -> None:
        """Writes a row."""
        self._tally.add(kind, row)
        await self._target.add(kind, row)

    async def end(self, **said: Any) -> None:
        """Writes what stands at the end."""
        await self._target.end(self._tally.end(said))


class ObjectTarget:
    """A bundle as one object.

    Attributes:
        bundle: the object; whole after `end`.
    """

    def __init__(self) -> None:
        self.bundle: JsonObject = {}

    async def begin(self, head: JsonObject) -> None:
        """Takes the head."""
        self.bundle = {**head, "session": {}, **{name: [] for name in LISTS.values()}}

    async def add(self, kind: str, row: JsonObject) -> None:
        """Takes a row."""
        if kind in LISTS:
            self.bundle[LISTS[kind]].append(row)
        else:
            self.bundle[kind] = row

    async def end(self, end: JsonObject) -> None:
        """Takes what stands at the end."""
        self.bundle |= end


class LineTarget:
    """A bundle as lines of JSON, a row a line.

    Args:
        put: gets the bytes, many lines at once.
    """

    def __init__(self, put: Put) -> None:
        self._put = put
        self._waiting: list[bytes] = []
        self._size = 0

    async def begin(self, head: JsonObject) -> None:
        """Takes the head."""
        await self._line(head)

    async def add(self, kind: str, row: JsonObject) -> None:
        """Takes a row."""
        await self._line({kind: row})

    async def end(self, end: JsonObject) -> None:
        """Takes what stands at the end."""
        await self._line({"end": end})
        await self._flush()

    async def _line(self, value: JsonObject) -> None:
        line = encode_json(value) + b"\n"
        if len(line) > MAX_ROW_BYTES:
            kind = next(iter(value))
            raise ConfigurationError(
                f"A {kind} takes {len(line)} bytes as a row of the bundle, of up to {MAX_ROW_BYTES}. Make it smaller "
                "(state and metadata can be redacted), then export again. Nothing was written.",
                option=kind,
            )
        self._waiting.append(line)
        self._size += len(line)
        if self._size >= _WRITE_BYTES:
            await self._flush()

    async def _flush(self) -> None:
        lines, self._waiting, self._size = b"".join(self._waiting), [], 0
        await self._put(lines)


class PieceTarget(LineTarget):
    """A bundle as lines that are sealed piece by piece.

    Args:
        sealer: seals them.
        put_piece: gets each piece as text.
    """

    def __init__(self, sealer: PieceSealer, put_piece: Callable[[str], Awaitable[None]]) -> None:
        super().__init__(self._seal)
        self._sealer = sealer
        self._put_piece = put_piece

    async def end(self, end: JsonObject) -> None:
        """Takes what stands at the end, and seals the last piece."""
        await super().end(end)
        await self._put_piece(await asyncio.to_thread(self._sealer.finish))

    async def _seal(self, lines: bytes) -> None:
        for piece in await asyncio.to_thread(self._sealer.feed, lines):
            await self._put_piece(piece)
