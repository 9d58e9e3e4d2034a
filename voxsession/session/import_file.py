"""The rows of a file that is imported, whatever form it has."""

from __future__ import annotations

import asyncio
import codecs
import inspect
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing, contextmanager

from voxsession.core.types import JsonObject
from voxsession.errors import ConfigurationError
from voxsession.memory.readers.forms import check_form, form_of, is_lines
from voxsession.memory.readers.split import DocumentSplitter, LineSplitter, Row, Splitter
from voxsession.session.streams import LineFile

__all__ = ["MAX_IMPORT_BYTES", "ImportFile", "Progress"]

Progress = Callable[[int, int], object]
MAX_IMPORT_BYTES = 4 * 1024**3
_ROWS_AT_ONCE = 100
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class ImportFile:
    """Gives the rows of an open file, as often as asked, in bounded memory.

    Attributes:
        name: the path, for errors.
        form: known from the first row on; named by hand, from the beginning.
        head: what stands beside the rows; complete at their end.
    """

    def __init__(self, file: LineFile, form: str | None, progress: Progress | None) -> None:
        self.name = file.name
        self.form = check_form(form)
        self.head: JsonObject = {}
        self._file = file
        self._progress = progress
        if file.size > MAX_IMPORT_BYTES:
            raise ConfigurationError(
                f"{self.name} has {file.size} bytes; up to {MAX_IMPORT_BYTES} are read. Import it in parts.",
                option="path",
            )

    async def rows(self) -> AsyncGenerator[Row, None]:
        """Each row with the number of the line that it begins on.

        Raises:
            ConfigurationError: the file is empty, cut off or not JSON; it names the line.
        """
        splitter: Splitter | None = None
        done = count = 0
        async for part in self._file.chunks():
            done += len(part)
            with self._named():
                if splitter is None:
                    splitter = _splitter_for(part)
                found = splitter.feed(part if done > len(part) else part.removeprefix(codecs.BOM_UTF8))
            self._recognise(splitter, found)
            for row in found:
                yield row
                count += 1
                if count % _ROWS_AT_ONCE == 0:
                    await asyncio.sleep(0)
            await self._tell(done)
        with self._named():
            if splitter is None:
                raise ConfigurationError("it is empty", option="path")
            found = splitter.finish()
        self._recognise(splitter, found, is_end=True)
        for row in found:
            yield row

    async def find_form(self) -> str:
        """The form of the file, by its first row where it was not named."""
        if self.form is None:
            progress, self._progress = self._progress, None
            async with aclosing(self.rows()) as rows:
                async for _ in rows:
                    break
            self._progress = progress
        return self.form or "jsonl"

    def _recognise(self, splitter: Splitter, rows: list[Row], *, is_end: bool = False) -> None:
        self.head = splitter.head
        if self.form is None and (rows or is_end):
            self.form = form_of(splitter.head, splitter.rows_key, rows[0][1] if rows else None)

    @contextmanager
    def _named(self) -> Iterator[None]:
        try:
            yield
        except ConfigurationError as error:
            raise ConfigurationError(
                f"{self.name} cannot be imported: {error}. Nothing was taken in.", option="path"
            ) from None

    async def _tell(self, done: int) -> None:
        told = self._progress(done, self._file.size) if self._progress is not None else None
        if inspect.isawaitable(told):
            await told


def _splitter_for(start: bytes) -> Splitter:
    """What cuts a file that begins so."""
    if start.startswith(_UTF_16):
        raise ConfigurationError("it is UTF-16, and has to be UTF-8", option="path")
    return LineSplitter() if is_lines(start.removeprefix(codecs.BOM_UTF8)) else DocumentSplitter()
