"""Memories on their way out, in a form that others can read, or in."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from voxsession.core.envelope import stamp
from voxsession.core.memory_entry import MemoryEntry
from voxsession.core.rules import allowed_categories
from voxsession.core.struct import evolve
from voxsession.core.types import JsonObject, check_text, encode_json
from voxsession.errors import ConfigurationError
from voxsession.memory.allowance import category_expiry
from voxsession.memory.readers.forms import ROW_KEYS, check_form, form_of
from voxsession.memory.readers.own import EXPORT_FORMAT, KIND, Checksum, row_of
from voxsession.memory.readers.rows import RowReader
from voxsession.memory.tokens import count_long
from voxsession.session.base import SessionBase
from voxsession.session.intake import Intake, check_on_conflict
from voxsession.session.live import LiveCore
from voxsession.session.reports import ImportReport
from voxsession.session.streams import LineFile, NewFile

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from voxsession.session.import_file import ImportFile, Progress

__all__ = ["Portable"]

_LINES_AT_ONCE = 1000


class Portable(SessionBase):
    """Memories on their way out, or in."""

    # --- out

    def export_memory(self, include_sensitive: bool = False) -> JsonObject:
        """The live entries as a JSON-ready dict; `omitted` counts the sensitive ones left out.

        Args:
            include_sensitive: sensitive entries too, marked as such.

        Returns:
            `format`, `kind`, `exported_at`, `omitted`, `count` and `sha256` of the entries, `entries`.
        """
        core = self._core
        head, shown = _export_head(core.view.all_memories(), core.now(), include_sensitive)
        return head | {"entries": [row_of(entry) for entry in shown]}

    async def export_memory_to(self, path: str | Path, include_sensitive: bool = False) -> Path:
        """Writes the live entries to a file, an entry a line behind a line that says what it is.

        Args:
            path: the file; one of this name is replaced when the new one is whole.
            include_sensitive: sensitive entries too, marked as such.

        Returns:
            The path.

        Raises:
            ConfigurationError: there is no such folder, or it cannot be written to.
            StorageFullError: the disk is full.
        """
        now, entries = self._core.now(), self._core.view.all_memories()
        head, shown = await asyncio.to_thread(_export_head, entries, now, include_sensitive)
        async with NewFile(path, self._core.clock.new_id("part")) as file:
            await file.write(encode_json(head) + b"\n")
            for start in range(0, len(shown), _LINES_AT_ONCE):
                lines = await asyncio.to_thread(_lines, shown[start : start + _LINES_AT_ONCE])
                await file.write(lines)
        return file.path

    # --- in

    def import_memory(
        self,
        data: Mapping[str, Any] | list[Any],
        on_conflict: Literal["skip", "replace", "rename"] = "skip",
        dry_run: bool = False,
        *,
        format: str | None = None,
        user_id: str | None = None,
    ) -> ImportReport:
        """Takes entries in; all of them are checked before the first is taken.

        Args:
            data: what `export_memory` gave; what mem0 gives; or a list of texts or of dicts with a text.
            on_conflict: for an id that exists: ``skip``, ``replace`` or ``rename`` it.
            dry_run: only tell what would happen.
            format: ``voxsession``, ``mem0`` or ``jsonl``; None = told by its content.
            user_id: whose entries are meant, where the import holds those of several users.

        Returns:
            What became of the rows; those that the budget has no room for are `left_out`, and entries that
            made room for others `evicted`, both by the rule that holds for all memories.

        Raises:
            ConfigurationError: an entry is wrong; it names which, and nothing was taken in.
            IntegrityError: an own export was altered; nothing was taken in.
            UnsupportedFormatError: a newer version made the export.
        """
        core = self._writable()
        intake = Intake(core, check_on_conflict(on_conflict))
        form, key, rows = _given(data, check_form(format))
        head = data if isinstance(data, Mapping) else {}
        reader = RowReader(form, head, _user(user_id), core.clock)
        for place, row in enumerate(rows):
            entry, has_id = reader.entry(row, f"{key}[{place}]")
            if entry is None:
                intake.leave_to_others(place + 1)
            else:
                intake.take(
                    _counted(core, entry, core.counter.count(entry.content)), place + 1, has_id=has_id
                )
        reader.finish(head, "the export of memories")
        report = intake.report()
        if not dry_run:
            intake.land()
        return report

    async def import_memory_from(
        self,
        path: str | Path,
        on_conflict: Literal["skip", "replace", "rename"] = "skip",
        dry_run: bool = False,
        *,
        format: str | None = None,
        user_id: str | None = None,
        progress: Progress | None = None,
    ) -> ImportReport:
        """Takes a file in, of any length, and saves.

        Args:
            path: an own export, JSON Lines, an export of mem0, or the `conversations.json` of ChatGPT, whose
                conversations become past conversations of this session.
            on_conflict: for an id that exists: ``skip``, ``replace`` or ``rename`` it.
            dry_run: only tell what would happen.
            format: ``voxsession``, ``jsonl``, ``mem0`` or ``chatgpt``; None = told by its content.
            user_id: whose entries are meant, where the file holds those of several users.
            progress: called with the bytes read and the bytes of the file; plain or async. Conversations are
                read twice.

        Returns:
            What became of the rows, as `import_memory` tells it; `row` is the line.

        Raises:
            ConfigurationError: the file or a row is wrong; it names the line, and nothing was taken in.
            IntegrityError: an own export was altered or cut off; nothing was taken in.
            UnsupportedFormatError: a newer version made the export.
            StorageError: it was taken in and could not be saved; it is kept for the next save.
        """
        # Loaded when it is needed: most programs import nothing.
        from voxsession.session.import_file import ImportFile
        from voxsession.session.past_talks import PastTalks

        core = self._writable()
        check_on_conflict(on_conflict)
        wanted = _user(user_id)
        async with LineFile(path) as opened:
            file = ImportFile(opened, format, progress)
            if await file.find_form() == "chatgpt":
                return await PastTalks(core, self._host, file, on_conflict).take_in(dry_run)
            intake = await _read_entries(core, file, on_conflict, wanted)
        report = intake.report()
        if not dry_run:
            self._writable()  # it may have been closed while the file was read
            await intake.land_slowly()
            await self._host.autosave_now(core)
        return report


def _export_head(
    entries: Sequence[MemoryEntry], now: datetime, include_sensitive: bool
) -> tuple[JsonObject, list[MemoryEntry]]:
    """What stands before the entries of an export, and those that are in it."""
    live = [entry for entry in entries if entry.is_live(now)]
    shown = [entry for entry in live if include_sensitive or not entry.sensitive]
    checksum = Checksum()
    for entry in shown:
        checksum.add(row_of(entry))
    head = {
        "format": EXPORT_FORMAT,
        "kind": KIND,
        "exported_at": stamp(now),
        "omitted": len(live) - len(shown),
    }
    return head | checksum.fields(), shown


def _lines(entries: Sequence[MemoryEntry]) -> bytes:
    return b"".join(encode_json(row_of(entry)) + b"\n" for entry in entries)


async def _read_entries(core: LiveCore, file: ImportFile, on_conflict: str, user_id: str | None) -> Intake:
    intake, reader = Intake(core, on_conflict), None
    async for line, row in file.rows():
        reader = reader or RowReader(file.form or "jsonl", file.head, user_id, core.clock)
        entry, has_id = reader.entry(row, f"{file.name} line {line}")
        if entry is None:
            intake.leave_to_others(line)
            continue
        tokens = await count_long(core.counter, entry.content)
        intake.take(_counted(core, entry, tokens), line, has_id=has_id)
    reader = reader or RowReader(file.form or "jsonl", file.head, user_id, core.clock)
    reader.finish(file.head, file.name)
    return intake


def _counted(core: LiveCore, entry: MemoryEntry, tokens: int) -> MemoryEntry:
    """The entry with its size, in a category that the session's template allows, with the end that this gives."""
    allowed = allowed_categories((core.view.template or {}).get("memory_categories"))
    category = entry.category if not allowed or entry.category in allowed else "general"
    entry = evolve(entry, category=category, token_count=tokens, estimated=not core.counter.exact)
    end = category_expiry(entry, core.view.config)
    return entry if end == entry.expires_at else evolve(entry, expires_at=end)


def _given(data: object, form: str | None) -> tuple[str, str, list[Any]]:
    """The form, the key of the rows, and the rows."""
    key: str | None = None
    if isinstance(data, Mapping):
        key = next((name for name in ROW_KEYS if isinstance(data.get(name), list)), None)
        rows = data[key] if key is not None else None
    else:
        rows = data
    if isinstance(data, (str, os.PathLike)):
        raise ConfigurationError(
            "This is a text or a path, and no export of memories. A file is taken in by "
            "await session.import_memory_from(path), JSON text by session.import_memory(json.loads(text)).",
            option="data",
        )
    if not isinstance(rows, list):
        raise ConfigurationError(
            "This is no export of memories: it has no list under 'entries', 'results' or 'memories', and is none.",
            option="data",
        )
    head = data if isinstance(data, Mapping) else {}
    form = form or form_of(head, key, rows[0] if rows else None)
    if form == "chatgpt":
        raise ConfigurationError(
            "These are conversations. Import their file with await session.import_memory_from(path).",
            option="data",
        )
    return form, key or "rows", rows


def _user(user_id: str | None) -> str | None:
    return None if user_id is None else check_text("user_id", user_id, allow_empty=False)
