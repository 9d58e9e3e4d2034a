"""Reading a bundle, whatever form it has: an object or a file, of lines or of one document, in clear or sealed."""

from __future__ import annotations

import asyncio
import codecs
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from typing import Any, TypeAlias

from voxsession.codec.bundle_rows import BUNDLE_FORMAT, BUNDLE_KIND, LISTS, ROW_KINDS, SEALED_KIND
from voxsession.codec.bundle_seal import PieceOpener
from voxsession.core.types import ENCODING_ERRORS, JsonObject, decode_json, encode_json
from voxsession.errors import ConfigurationError, IntegrityError, KeyNotFoundError, UnsupportedFormatError
from voxsession.session.bundles.writer import MAX_ROW_BYTES, BundleTally
from voxsession.session.streams import LineFile

__all__ = ["MAX_BUNDLE_BYTES", "BundleReader", "broken_bundle"]

MAX_BUNDLE_BYTES = 1024**3
MAX_DOCUMENT_BYTES = 64 * 1024 * 1024
_HEAD_BYTES = 64 * 1024
_ROWS_AT_ONCE = 200
_PACKED_FILES = (b"\x1f\x8b", b"PK\x03\x04", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd")
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_OTHERS = {
    "voxsession.memories": "an export of memories: give it to session.import_memory",
    "voxsession_backup": "a backup: give it to voxon.restore",
}

Part: TypeAlias = tuple[str, Any]


class BundleReader:
    """Gives the rows of a bundle, as often as asked; whoever reads to the end knows that it is whole and unaltered.

    Args:
        given: the bundle as an object, or its file, opened.
        passphrase: what it is sealed with; None = it is not sealed.
        max_bytes: more than so many bytes, packed or unpacked, are refused.

    Attributes:
        name: what errors call it.
        bytes_read: of the file, by all readings together.
    """

    def __init__(
        self, given: Mapping[str, Any] | LineFile, passphrase: str | None, max_bytes: int = MAX_BUNDLE_BYTES
    ) -> None:
        self._file = given if isinstance(given, LineFile) else None
        self._object = given if isinstance(given, Mapping) else None
        self._passphrase = passphrase
        self._max_bytes = max_bytes
        self._opener: PieceOpener | None = None
        self.name = given.name if isinstance(given, LineFile) else "bundle"
        self.bytes_read = 0

    async def open(self) -> None:
        """Finds out what it is, and whether the pass phrase fits.

        Raises:
            ConfigurationError: it is too large, or packed by some other program.
            IntegrityError: it is no bundle, or is not sealed though a pass phrase was given.
            KeyNotFoundError: it is sealed, and the pass phrase is missing or another one.
            UnsupportedFormatError: a newer version made it.
        """
        head = await self._head_of_file() if self._object is None else self._object
        self._check_head(head)
        if head["kind"] == SEALED_KIND:
            if self._passphrase is None:
                raise KeyNotFoundError(
                    None,
                    f"The bundle {self.name!r}",
                    message=f"The bundle {self.name!r} is sealed with a pass phrase, and none was given. Give the one "
                    "it was exported with: passphrase=...",
                )
            self._opener = await asyncio.to_thread(self._fitting, head, self._passphrase)
        elif self._passphrase is not None:
            raise broken_bundle(self.name, "it is not sealed, though a pass phrase was given", _NOT_SEALED)

    async def rows(self) -> AsyncGenerator[tuple[str, Any, int], None]:
        """Each row with its kind and its number, from 1 on; then ``end`` with what the end says.

        Raises:
            IntegrityError: it is cut off or altered; after the last row at the latest.
        """
        parts = (
            self._line_parts() if self._opener is not None or self._object is None else self._object_parts()
        )
        tally: BundleTally | None = None
        number, last, is_whole, size = 0, 0, False, 0
        async with aclosing(parts):
            async for kind, value in parts:
                if is_whole or not isinstance(value, dict):
                    raise self._broken(f"row {number} is not readable, or follows its end")
                size += self._size_of(value)
                if size > self._max_bytes:
                    raise self._too_large(size)
                if tally is None:
                    self._check_head(value)
                    tally = self._begun(value)
                    continue
                number += 1
                if kind == "end":
                    self._check_end(value, tally, last)
                    is_whole = True
                elif kind not in ROW_KINDS or ROW_KINDS.index(kind) < last:
                    raise self._broken(f"row {number} is of no kind that belongs there")
                else:
                    last = ROW_KINDS.index(kind) + (kind == "session")  # there is one
                    self._add(tally, kind, value, number)
                yield kind, value, number
                if number % _ROWS_AT_ONCE == 0:
                    await asyncio.sleep(0)
        if not is_whole:
            raise self._broken("it is cut off: its end is missing")

    # --- what it is

    async def _head_of_file(self) -> Mapping[str, Any]:
        assert self._file is not None
        if self._file.size > self._max_bytes:
            raise self._too_large(self._file.size)
        start = await anext(self._file.chunks(), b"")
        if start.startswith(_PACKED_FILES) or start.startswith(_UTF_16):
            raise ConfigurationError(
                f"{self.name} is packed, or no UTF-8 text. Unpack it first; nothing was written.",
                option="path",
            )
        line, newline, _ = start.removeprefix(codecs.BOM_UTF8)[:_HEAD_BYTES].partition(b"\n")
        head = _object_of(line) if newline else None
        if head is None or "session" in head or "pieces" in head:
            self._object = head = await self._document()
        return head

    async def _document(self) -> JsonObject:
        """A file that holds the bundle as one object, as `json.dump` writes it."""
        assert self._file is not None
        if self._file.size > MAX_DOCUMENT_BYTES:
            raise self._broken(
                f"it is no bundle of lines, and as one object it may have {MAX_DOCUMENT_BYTES} bytes; "
                "export_full(to=...) writes lines"
            )
        limit = min(self._max_bytes, MAX_DOCUMENT_BYTES)
        pieces: list[bytes] = []
        async for chunk in self._file.chunks():
            pieces.append(chunk)
            limit -= len(chunk)
            if limit < 0:  # it has grown since
                raise self._too_large(self._file.size)
        raw = b"".join(pieces)
        found = _object_of(raw.removeprefix(codecs.BOM_UTF8))
        if found is None:
            raise self._broken("it is empty, cut off, or no JSON")
        return found

    def _check_head(self, head: Mapping[str, Any]) -> None:
        kind = head.get("kind")
        if kind not in (BUNDLE_KIND, SEALED_KIND):
            other = next((said for name, said in _OTHERS.items() if kind == name or name in head), None)
            raise self._broken("it is " + (other or "no bundle of a session"))
        found = head.get("format")
        if type(found) is not int or found < 1:
            raise self._broken("it has no format number")
        if found > BUNDLE_FORMAT:
            raise UnsupportedFormatError(f"The bundle {self.name!r}", found=found, newest=BUNDLE_FORMAT)

    def _fitting(self, head: Mapping[str, Any], passphrase: str) -> PieceOpener:
        try:
            return PieceOpener(head, passphrase, self.name)
        except IntegrityError as error:
            raise self._broken(error.reason) from None

    def _begun(self, head: JsonObject) -> BundleTally:
        try:
            return BundleTally(head)
        except ENCODING_ERRORS:
            raise self._broken("its head holds what JSON has not") from None

    def _add(self, tally: BundleTally, kind: str, row: JsonObject, number: int) -> None:
        try:
            tally.add(kind, row)
        except ENCODING_ERRORS:
            raise self._broken(f"row {number} ({kind}) holds what JSON has not") from None

    def _check_end(self, end: JsonObject, tally: BundleTally, last: int) -> None:
        if last < len(ROW_KINDS):
            raise self._broken("it holds no session")
        said = {name: value for name, value in end.items() if name not in ("counts", "sha256")}
        counts = end.get("counts")
        for name, count in tally.counts.items():
            if not isinstance(counts, dict) or counts.get(name) != count:
                raise self._broken(f"its end does not count the {count} {name} that it holds")
        try:
            is_same = tally.end(said)["sha256"] == end.get("sha256")
        except ENCODING_ERRORS:
            is_same = False
        if not is_same:
            raise self._broken("its checksum does not match: it was altered after the export")

    def _size_of(self, row: JsonObject) -> int:
        """The bytes of a row that are counted nowhere else: of an object that is not sealed."""
        if self._file is not None or self._opener is not None:
            return 0
        try:
            return len(encode_json(row))
        except ENCODING_ERRORS:
            return 0  # it is refused as what it is

    # --- its parts

    async def _object_parts(self) -> AsyncGenerator[Part, None]:
        assert self._object is not None
        bundle = self._object
        yield "head", {name: bundle.get(name) for name in ("format", "kind", "exported_at", "left_out")}
        for kind, name in LISTS.items():
            rows = _list_of(bundle.get(name))
            if rows is None:
                raise self._broken(f"it has no list of {name}")
            for row in rows:
                yield kind, row
        yield "session", bundle.get("session")
        ends = ("format", "kind", "exported_at", "left_out", "session", *LISTS.values())
        yield "end", {name: value for name, value in bundle.items() if name not in ends}

    async def _line_parts(self) -> AsyncGenerator[Part, None]:
        body = self._read_chunks() if self._opener is None else self._opened_pieces()
        is_first = True
        async with aclosing(self._lines(body)) as lines:
            async for line in lines:
                found = _object_of(line)
                if found is None or (not is_first and len(found) != 1):
                    raise self._broken("a line of it is not readable")
                yield ("head", found) if is_first else next(iter(found.items()))
                is_first = False

    async def _opened_pieces(self) -> AsyncGenerator[bytes, None]:
        assert self._opener is not None
        number, waiting, unpacked = 0, None, 0
        async with aclosing(self._pieces()) as pieces:
            async for piece in pieces:
                if waiting is not None:
                    body = await self._open_piece(waiting, number, is_last=False)
                    number, unpacked = number + 1, unpacked + len(body)
                    if unpacked > self._max_bytes:
                        raise self._too_large(unpacked)
                    yield body
                waiting = piece
        yield await self._open_piece(waiting, number, is_last=True)

    async def _open_piece(self, piece: object, number: int, *, is_last: bool) -> bytes:
        assert self._opener is not None
        try:
            return await asyncio.to_thread(self._opener.open, piece, number, is_last=is_last)
        except IntegrityError as error:
            raise self._broken(error.reason) from None

    async def _pieces(self) -> AsyncGenerator[object, None]:
        if self._object is not None:
            pieces = _list_of(self._object.get("pieces"))
            if pieces is None:
                raise self._broken("it has no list of pieces")
            if (size := sum(len(piece) for piece in pieces if isinstance(piece, str))) > self._max_bytes:
                raise self._too_large(size)
            for piece in pieces:
                yield piece
            return
        is_head = True
        async with aclosing(self._lines(self._read_chunks())) as lines:
            async for line in lines:
                if not is_head:
                    try:
                        yield decode_json(line)
                    except ValueError:
                        raise self._broken("a line of it is not readable") from None
                is_head = False

    async def _lines(self, chunks: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
        """Complete lines; one that is too long is refused before it is all in memory."""
        pieces: list[bytes] = []
        size = 0
        async for chunk in chunks:
            first, *others = chunk.split(b"\n")
            pieces.append(first)
            size += len(first)
            for other in others:
                yield b"".join(pieces)
                pieces, size = [other], len(other)
            if size > MAX_ROW_BYTES:
                raise self._broken(f"a line of it has more than {MAX_ROW_BYTES} bytes")
        if any(pieces):
            raise self._broken("it is cut off in the middle of a line")

    async def _read_chunks(self) -> AsyncGenerator[bytes, None]:
        assert self._file is not None
        is_first, size = True, 0
        async for chunk in self._file.chunks():
            self.bytes_read += len(chunk)
            size += len(chunk)
            if size > self._max_bytes:  # it has grown since
                raise self._too_large(size)
            yield chunk.removeprefix(codecs.BOM_UTF8) if is_first else chunk
            is_first = False

    # --- refusing it

    def _broken(self, reason: str) -> IntegrityError:
        return broken_bundle(self.name, reason)

    def _too_large(self, size: int) -> ConfigurationError:
        return ConfigurationError(
            f"The bundle {self.name!r} has {size} bytes or more; up to {self._max_bytes} are taken in. Give a larger "
            "max_bytes if you know where it comes from. Nothing was written.",
            option="max_bytes",
            value=self._max_bytes,
        )


_NOT_SEALED = "leave passphrase out if you trust where it comes from"


def broken_bundle(
    name: str, reason: str, remedy: str = "take another copy of it, or export the session again"
) -> IntegrityError:
    """The error for a bundle of this name that cannot be taken in."""
    message = f"The bundle {name!r} cannot be trusted: {reason}. Nothing was written; {remedy}."
    return IntegrityError(name, reason, message)


def _list_of(value: object) -> Sequence[Any] | None:
    return value if isinstance(value, Sequence) and not isinstance(value, (str, bytes)) else None


def _object_of(raw: bytes) -> JsonObject | None:
    try:
        found = decode_json(raw)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
