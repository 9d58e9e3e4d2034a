"""Cutting JSON into rows as it comes in, so that no file needs to fit into memory."""

from __future__ import annotations

import re
from typing import Any, Protocol

from voxsession.core.types import JsonObject, decode_json
from voxsession.errors import ConfigurationError
from voxsession.memory.readers.forms import ROW_KEYS, is_head

__all__ = ["MAX_ROW_BYTES", "DocumentSplitter", "LineSplitter", "Row", "Splitter"]

MAX_ROW_BYTES = 32 * 1024 * 1024
Row = tuple[int, Any]
_TEXT = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
# A lone quotation mark is a text whose end has not come yet.
_TOKEN = re.compile(_TEXT + rb'|["\[\]{}:,]', re.DOTALL)
# Inside of a row only the brackets count; what lies between them is passed over in one go.
_BRACKET = re.compile(rb'(?:[^"\[\]{}]++|' + _TEXT + rb')*+(["\[\]{}])', re.DOTALL)
_CLOSED_BY = {b"[": b"]", b"{": b"}"}


class Splitter(Protocol):
    """Takes a file in pieces, gives its rows with the number of the line each begins on.

    Attributes:
        head: what stands beside the rows.
        rows_key: the key that the rows stand under; None where they stand alone.
    """

    head: JsonObject
    rows_key: str | None

    def feed(self, data: bytes) -> list[Row]:
        """The rows that are complete with this piece.

        Raises:
            ConfigurationError: a row is not JSON, or too large; it names the line.
        """
        ...

    def finish(self) -> list[Row]:
        """The rows that the end of the file completes.

        Raises:
            ConfigurationError: the file is cut off.
        """
        ...


def _decoded(raw: bytes, line: int) -> Any:
    try:
        return decode_json(raw)
    except ValueError as error:
        raise ConfigurationError(f"line {line} is not readable as JSON ({error})", option="path") from None


def _too_long(line: int) -> ConfigurationError:
    return ConfigurationError(
        f"the entry on line {line} has more than {MAX_ROW_BYTES} bytes. Shorten it, or leave it out",
        option="path",
    )


class LineSplitter:
    """Rows of JSON Lines; empty lines are no rows."""

    def __init__(self) -> None:
        self.head: JsonObject = {}
        self.rows_key: str | None = None
        self._pieces: list[bytes] = []
        self._size = 0
        self._line = 0

    def feed(self, data: bytes) -> list[Row]:
        """The rows whose lines end in this piece."""
        first, *others = data.split(b"\n")
        rows: list[Row] = []
        self._add(first)
        for other in others:
            rows += self._end_line()
            self._add(other)
        return rows

    def finish(self) -> list[Row]:
        """The row of a last line without its newline."""
        return self._end_line()

    def _add(self, piece: bytes) -> None:
        self._pieces.append(piece)
        self._size += len(piece)
        if self._size > MAX_ROW_BYTES:
            raise _too_long(self._line + 1)

    def _end_line(self) -> list[Row]:
        raw = b"".join(self._pieces).strip()
        self._pieces, self._size = [], 0
        self._line += 1
        if not raw:
            return []
        value = _decoded(raw, self._line)
        if not self.head and is_head(value):
            self.head = value
            return []
        return [(self._line, value)]


class DocumentSplitter:
    """Rows of one JSON array, or of the array under one of `ROW_KEYS` in one object.

    An object without such an array is one row itself.
    """

    def __init__(self) -> None:
        self.head: JsonObject = {}
        self.rows_key: str | None = None
        self._buffer = b""
        self._at = 0  # where the scan goes on
        self._start = 0  # where the value that is being read begins
        self._line, self._counted = 1, 0  # the line that the counted part of the buffer ends on
        self._open: list[bytes] = []
        self._row_depth = 0  # how deep the rows lie; 0 outside of them
        self._key: str | None = None
        self._has_colon = False
        self._is_first = True
        self._is_over = False
        self._rows: list[Row] = []

    def feed(self, data: bytes) -> list[Row]:
        """The rows that are complete with this piece."""
        self._cut()
        self._buffer += data
        while match := self._next():
            token = match[match.lastindex or 0]
            self._at = match.end()
            if token == b'"':
                self._at -= 1
                break
            self._take(token, self._at - len(token), self._at)
        if len(self._buffer) - self._start > MAX_ROW_BYTES:
            raise _too_long(self._line_at(self._first(len(self._buffer))))
        rows, self._rows = self._rows, []
        return rows

    def finish(self) -> list[Row]:
        """The row that an object without rows is."""
        if not self._is_over:
            line = self._line_at(len(self._buffer))
            raise ConfigurationError(
                f"it is cut off: it ends on line {line} inside of a value", option="path"
            )
        if self._buffer[self._start :].strip():
            raise self._malformed(self._start)
        return [] if self.rows_key is not None or self._row_depth else [(1, self.head)]

    def _next(self) -> re.Match[bytes] | None:
        is_inside = len(self._open) not in (0, 1, self._row_depth)
        return (_BRACKET.match if is_inside else _TOKEN.search)(self._buffer, self._at)

    def _cut(self) -> None:
        """Drops what was read."""
        self._line_at(self._start)
        self._buffer = self._buffer[self._start :]
        self._at -= self._start
        self._counted -= self._start
        self._start = 0

    def _line_at(self, place: int) -> int:
        if place > self._counted:
            self._line += self._buffer.count(b"\n", self._counted, place)
            self._counted = place
        return self._line

    def _take(self, token: bytes, start: int, end: int) -> None:
        depth = len(self._open)
        if self._is_over or not (depth or token in _CLOSED_BY):
            raise self._malformed(start)
        if token in _CLOSED_BY:
            self._opened(token, depth, end)
        elif token in (b"]", b"}"):
            self._closed(token, depth, start, end)
        elif token == b",":
            self._value(depth, start, end, is_last=False)
        elif self._is_object(depth):
            self._named(token, start, end)

    def _is_object(self, depth: int) -> bool:
        return depth == 1 and self._open[0] == b"{"

    def _named(self, token: bytes, start: int, end: int) -> None:
        """A text or a colon beside the rows."""
        if self._key is None and token != b":" and not self._buffer[self._start : start].strip():
            self._key = str(_decoded(token, self._line_at(start)))
        elif self._key is not None and token == b":" and not self._has_colon:
            self._has_colon, self._start = True, end

    def _opened(self, token: bytes, depth: int, end: int) -> None:
        if depth == 0:
            self._row_depth, self._start = int(token == b"["), end
        elif self._is_object(depth) and token == b"[" and self._key in ROW_KEYS and self.rows_key is None:
            if self._buffer[self._start : end - 1].strip():
                raise self._malformed(end)
            self.rows_key, self._row_depth, self._start, self._is_first = self._key, 2, end, True
        self._open.append(token)

    def _closed(self, token: bytes, depth: int, start: int, end: int) -> None:
        if not depth or _CLOSED_BY[self._open[-1]] != token:
            raise self._malformed(start)
        if depth in (1, self._row_depth):
            self._value(depth, start, end, is_last=True)
        self._open.pop()
        if depth == 2 == self._row_depth:
            self._row_depth, self._is_first = 0, False
        self._is_over = depth == 1

    def _value(self, depth: int, start: int, end: int, *, is_last: bool) -> None:
        """A value ends at `start`: a row, or a member of the object that holds the rows."""
        first = self._first(start)
        raw = self._buffer[first:start].rstrip()
        self._start = end
        if not self._is_object(depth):
            if raw:
                self._rows.append((line := self._line_at(first), _decoded(raw, line)))
            elif not (is_last and self._is_first):
                raise self._malformed(first)
        elif self._key is None or not self._has_colon:
            if self._key is not None or raw or not (is_last and self._is_first):
                raise self._malformed(first)
        elif self._key != self.rows_key:
            self.head[self._key] = _decoded(raw, self._line_at(first))
        elif raw:
            raise self._malformed(first)
        if self._is_object(depth):
            self._key, self._has_colon = None, False
        self._is_first = False

    def _first(self, end: int) -> int:
        """Where the value that goes up to `end` begins, behind white space."""
        raw = self._buffer[self._start : end]
        return self._start + len(raw) - len(raw.lstrip())

    def _malformed(self, place: int) -> ConfigurationError:
        return ConfigurationError(f"line {self._line_at(place)} is not readable as JSON", option="path")
