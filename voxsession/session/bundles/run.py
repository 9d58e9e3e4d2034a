"""The writing of one bundle: which rows go into it, and what of them is shown."""

from __future__ import annotations

import asyncio
import inspect
from typing import Any

from voxsession.codec.bundle_rows import BUNDLE_FORMAT, BUNDLE_KIND, SessionRow, row_of
from voxsession.core.call_record import without_audio
from voxsession.core.memory_entry import MemoryEntry
from voxsession.core.session_data import Totals
from voxsession.core.struct import Struct, evolve
from voxsession.memory.tokens import TokenCounter
from voxsession.session.bundles.redaction import Redaction
from voxsession.session.bundles.source import BundleSource
from voxsession.session.bundles.writer import BundleWriter, Target
from voxsession.session.import_file import Progress
from voxsession.session.secrecy import Secrecy

__all__ = ["BundleChoice", "BundleRun"]

_ROWS_AT_ONCE = 200


class BundleChoice(Struct, frozen=True, kw_only=True):
    """What goes into a bundle."""

    sensitive: bool
    messages: bool
    learning: bool
    redaction: Redaction | None
    progress: Progress | None


class BundleRun:
    """One writing of one bundle."""

    def __init__(
        self, source: BundleSource, target: Target, choice: BundleChoice, counter: TokenCounter
    ) -> None:
        self._source = source
        self._writer = BundleWriter(target)
        self._choice = choice
        self._counter = counter
        self._secrecy: Secrecy | None = None
        self._done = 0

    async def write(self, exported_at: str) -> None:
        """Writes all rows."""
        choice, source = self._choice, self._source
        filed = await source.open()
        if not choice.sensitive:
            self._secrecy = Secrecy(source.data, filed, source.conversations())
        chosen = {"messages": choice.messages, "learning": choice.learning}
        left_out = [name for name, is_in in chosen.items() if not is_in]
        head = {
            "format": BUNDLE_FORMAT,
            "kind": BUNDLE_KIND,
            "exported_at": exported_at,
            "left_out": left_out,
        }
        await self._writer.begin(head)
        if choice.messages:
            for talk in source.conversations():
                await self._add("conversation", without_audio(talk))
        async for entry in source.memories():
            await self._add_memory(entry)
        if choice.messages:
            async for page in source.messages():
                for message in page:
                    shown = self._secrecy.shown(message) if self._secrecy is not None else message
                    await self._add("message", shown)
        await self._add("session", self._session())
        secrecy = self._secrecy
        await self._writer.end(
            omitted=secrecy.omitted if secrecy is not None else 0,
            redacted=secrecy.redacted if secrecy is not None else 0,
        )
        await self._tell(is_end=True)

    async def _add_memory(self, entry: MemoryEntry) -> None:
        if self._secrecy is not None and self._secrecy.leaves_out(entry):
            return
        if not self._choice.messages:
            entry = evolve(entry, message_id=None, conversation_id=None, confirmed_in=None)
        await self._add("memory", entry)

    def _session(self) -> SessionRow:
        row = self._source.session()
        if not self._choice.messages:  # what counts them begins anew
            row = evolve(row, analytics=Totals())
        if not self._choice.learning:
            extra = {name: value for name, value in row.extra.items() if name != "profile"}
            row = evolve(row, evidence={}, topics={}, extra=extra)
        return self._secrecy.session(row) if self._secrecy is not None else row

    async def _add(self, kind: str, record: Any) -> None:
        if self._choice.redaction is not None:
            rewritten = getattr(self._choice.redaction, kind)(record)
            record = self._counted(rewritten) if rewritten is not record else record
        await self._writer.add(kind, row_of(kind, record))
        self._done += 1
        if self._done % _ROWS_AT_ONCE == 0:
            await asyncio.sleep(0)
            await self._tell()

    def _counted(self, record: Any) -> Any:
        """A text that was rewritten has another size."""
        if not hasattr(record, "token_count"):
            return record
        size = self._counter.count(record.content or "")
        return evolve(record, token_count=size, estimated=not self._counter.exact)

    async def _tell(self, *, is_end: bool = False) -> None:
        progress = self._choice.progress
        total = self._done if is_end else max(self._source.total, self._done)
        told = progress(self._done, total) if progress is not None else None
        if inspect.isawaitable(told):
            await told
