"""Compressing memories, taking them out, bringing them in."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import attrs

from voxsession.core.changes import MemoryAdded, MemoryCompressed, MemoryRemoved, MemoryUpdated
from voxsession.core.envelope import from_stamp, stamp
from voxsession.core.memory_entry import MemoryEntry
from voxsession.core.types import (
    JsonObject,
    as_utc,
    check_number,
    check_object,
    check_text,
    decode_json,
)
from voxsession.errors import ConfigurationError, UnsupportedFormatError
from voxsession.memory.budget import expired
from voxsession.memory.compress import plan_compression
from voxsession.session.base import SessionBase
from voxsession.session.learn import keeps_local
from voxsession.session.reports import CompressionReport, ImportReport
from voxsession.session.streams import read_bounded, write_lines
from voxsession.session.summarizing import check_writer, summary_of

__all__ = ["Portable"]

EXPORT_FORMAT = 1
ON_CONFLICT = ("skip", "replace", "rename")
MAX_IMPORT_BYTES = 64 * 1024 * 1024
MAX_ID = 200
MAX_CATEGORY = 100
_FIELDS = (
    "id",
    "content",
    "category",
    "importance",
    "timestamp",
    "expires_at",
    "pinned",
    "speaker",
    "metadata",
)


class Portable(SessionBase):
    """Memories on their way to fewer, out, or in."""

    def compress_memory(self, keep_recent_days: float = 7) -> CompressionReport:
        """Folds older entries that say the same, drops expired ones; the originals are kept as history.

        Args:
            keep_recent_days: entries younger than this many days are left alone.

        Returns:
            How many were `merged` and `expired`, with what became of each.
        """
        core = self._writable()
        days = float(check_number("keep_recent_days", keep_recent_days, 0, 100_000))
        now = core.now()
        gone = expired(core.view, now)
        if gone:
            core.record(*gone)
        # Apart, because what lives with the process must not take the place of what is stored.
        replaced = self._fold(core.view.memories, days, local=False)
        replaced |= self._fold(core.view.local_memories, days, local=True)
        details: list[JsonObject] = [
            {"id": old_id, "became": "merged", "into": new_id} for old_id, new_id in replaced.items()
        ]
        expired_ids = [entry_id for change in gone for entry_id in change.event_fields()["entry_ids"]]
        details += [{"id": entry_id, "became": "expired"} for entry_id in expired_ids]
        return CompressionReport(
            counts={"merged": len(replaced), "expired": len(expired_ids)}, details=details
        )

    def _fold(self, entries: Mapping[str, MemoryEntry], days: float, *, local: bool) -> dict[str, str]:
        core, now = self._core, self._core.now()
        live = [entry for entry in entries.values() if entry.is_live(now)]
        replaced: dict[str, str] = {}
        for folding in plan_compression(live, now, days):
            total = folding.kept.evidence_count + sum(entry.evidence_count for entry in folding.folded)
            kept = attrs.evolve(folding.kept, evidence_count=total)
            core.record(MemoryUpdated(at=now, entry=kept, local=local))
            replaced |= {entry.id: kept.id for entry in folding.folded}
        if replaced:
            core.record(MemoryCompressed(at=now, replaced=replaced, local=local))
        return replaced

    async def summarize_memory(self, keep_recent_days: float = 7) -> CompressionReport:
        """Lets the summarizer (or the model) write one entry for each category of older entries.

        No lock is held while it writes; an entry that changed meanwhile is left as it is. The
        originals are kept as history.

        Raises:
            ConfigurationError: there is neither a summarizer nor a model that could write.
            ModelError: it failed; nothing was changed.
        """
        core = self._writable()
        check_writer(self._host)
        limit = (
            core.now().timestamp()
            - float(check_number("keep_recent_days", keep_recent_days, 0, 100_000)) * 86_400
        )
        groups: dict[tuple[str, str | None], list[MemoryEntry]] = {}
        for entry in core.view.memories.values():
            old = entry.timestamp.timestamp() < limit
            if old and entry.is_live(core.now()) and not (entry.pinned or entry.sensitive or entry.slot):
                groups.setdefault((entry.category, entry.speaker), []).append(entry)
        merged, details = 0, []
        for (category, speaker), entries in groups.items():
            if len(entries) < 2:
                continue
            text = await summary_of(core, self._host, [entry.content for entry in entries])
            same = [entry for entry in entries if core.view.memories.get(entry.id) is entry]
            if len(same) != len(entries):
                continue
            summary = self._summary_entry(text, category, speaker, entries)
            replaced = {entry.id: summary.id for entry in entries}
            core.record(MemoryCompressed(at=core.now(), replaced=replaced, added=[summary]))
            merged += len(entries)
            details += [{"id": entry.id, "became": "summarized", "into": summary.id} for entry in entries]
        core.settle_memory()
        return CompressionReport(counts={"summarized": merged}, details=details)

    def _summary_entry(
        self, text: str, category: str, speaker: str | None, entries: list[MemoryEntry]
    ) -> MemoryEntry:
        core = self._core
        return MemoryEntry(
            id=core.clock.new_id("mem"),
            content=check_text("summary", text, allow_empty=False),
            category=category,
            importance=max(entry.importance for entry in entries),
            timestamp=core.now(),
            speaker=speaker,
            source="assistant",
            evidence_count=sum(entry.evidence_count for entry in entries),
            token_count=core.counter.count(text),
            estimated=not core.counter.exact,
        )

    # --- out

    def export_memory(self, include_sensitive: bool = False) -> JsonObject:
        """The live entries as a JSON-ready dict; `omitted` counts the sensitive ones left out."""
        now = self._core.now()
        live = [entry for entry in self._core.view.all_memories() if entry.is_live(now)]
        shown = [entry for entry in live if include_sensitive or not entry.sensitive]
        return {
            "format": EXPORT_FORMAT,
            "kind": "voxsession.memories",
            "exported_at": stamp(now),
            "omitted": len(live) - len(shown),
            "entries": [_as_row(entry) for entry in shown],
        }

    async def export_memory_to(self, path: str | Path, include_sensitive: bool = False) -> Path:
        """Writes the live entries to a file, an entry a line; gives the path."""
        data = self.export_memory(include_sensitive)
        rows = data.pop("entries")
        return await write_lines(path, [data, *rows])

    # --- in

    def import_memory(
        self, data: Mapping[str, Any], on_conflict: str = "skip", dry_run: bool = False
    ) -> ImportReport:
        """Takes entries of an export in; all of them are checked before the first is taken.

        Args:
            data: what `export_memory` gave.
            on_conflict: for an id that exists: ``skip``, ``replace`` or ``rename`` it.
            dry_run: only tell what would happen.

        Raises:
            ConfigurationError: an entry is wrong; it names which, and nothing was taken in.
            UnsupportedFormatError: a newer version made the export.
        """
        core = self._writable()
        if on_conflict not in ON_CONFLICT:
            raise ConfigurationError.out_of_range(
                "on_conflict", on_conflict, "choose one of " + ", ".join(ON_CONFLICT)
            )
        entries = [self._imported(row, place) for place, row in enumerate(_rows(data))]
        counts = {"added": 0, "skipped": 0, "replaced": 0, "renamed": 0}
        details: list[JsonObject] = []
        with core.batch():
            for entry in entries:
                what, final = self._take_in(entry, on_conflict, dry_run)
                counts[what] += 1
                details.append({"id": final, "became": what})
            if not dry_run:
                core.settle_memory()
        return ImportReport(counts=counts, details=details)

    async def import_memory_from(
        self, path: str | Path, on_conflict: str = "skip", dry_run: bool = False
    ) -> ImportReport:
        """Takes in a file that `export_memory_to` wrote, or `export_memory` as JSON."""
        raw = await read_bounded(path, MAX_IMPORT_BYTES)
        try:
            if b'"entries"' in raw[:4096].split(b"\n", 1)[0]:
                data = decode_json(raw)
            else:
                lines = [decode_json(line) for line in raw.splitlines() if line.strip()]
                data = {**lines[0], "entries": lines[1:]}
        except (ValueError, IndexError, TypeError) as error:
            raise ConfigurationError(f"{path} is no export of memories ({error}).", option="path") from None
        return self.import_memory(data, on_conflict, dry_run)

    def _imported(self, row: Any, place: int) -> MemoryEntry:
        where = f"entries[{place}]"
        if not isinstance(row, Mapping):
            raise ConfigurationError.out_of_range(where, type(row).__name__, "a dict is needed")
        try:
            text = check_text("content", row.get("content"), allow_empty=False)
            metadata = row.get("metadata")
            speaker = row.get("speaker")
            entry_id = row.get("id")
            return MemoryEntry(
                id=_name("id", self._core.clock.new_id("mem") if entry_id is None else entry_id, MAX_ID),
                content=text,
                category=_name("category", row.get("category", "general"), MAX_CATEGORY),
                importance=float(check_number("importance", row.get("importance", 0.5), 0, 1)),
                timestamp=_moment("timestamp", row.get("timestamp")) or self._core.now(),
                expires_at=_moment("expires_at", row.get("expires_at")),
                sensitive=bool(row.get("sensitive", False)),
                pinned=bool(row.get("pinned", False)),
                speaker=None if speaker is None else check_text("speaker", speaker),
                source="imported",
                metadata=None if metadata is None else check_object("metadata", metadata),
                token_count=self._core.counter.count(text),
                estimated=not self._core.counter.exact,
            )
        except ConfigurationError as error:
            raise ConfigurationError(f"{where}: {error}", option=where, value=error.value) from None

    def _take_in(self, entry: MemoryEntry, on_conflict: str, dry_run: bool) -> tuple[str, str]:
        core = self._core
        known = core.view.find_memory(entry.id)
        what = "added"
        if known is not None:
            if on_conflict == "skip":
                return "skipped", entry.id
            what = "replaced" if on_conflict == "replace" else "renamed"
            if what == "renamed":
                entry = attrs.evolve(entry, id=core.clock.new_id("mem"))
        if not dry_run:
            local = keeps_local(str(self._setting("memory_mode")), entry.importance, learned=False)
            if what == "replaced":
                core.record(
                    MemoryRemoved(at=core.now(), entry_ids=[entry.id], reason="replaced", local=local)
                )
            core.record(MemoryAdded(at=entry.timestamp, entry=entry, local=local))
        return what, entry.id


def _as_row(entry: MemoryEntry) -> JsonObject:
    row = {name: getattr(entry, name) for name in _FIELDS}
    for name in ("timestamp", "expires_at"):
        row[name] = stamp(row[name]) if row[name] is not None else None
    if entry.sensitive:
        row["sensitive"] = True
    return row


def _rows(data: Mapping[str, Any]) -> list[Any]:
    if not isinstance(data, Mapping) or not isinstance(data.get("entries"), list):
        raise ConfigurationError(
            "This is no export of memories: it has no list under 'entries'.", option="data"
        )
    found = data.get("format", EXPORT_FORMAT)
    if not isinstance(found, int) or found > EXPORT_FORMAT:
        raise UnsupportedFormatError("The export of memories", found=found, newest=EXPORT_FORMAT)
    rows: list[Any] = data["entries"]
    return rows


def _moment(option: str, value: Any) -> datetime | None:
    if value is None:
        return None
    try:
        moment = (
            from_stamp(value) if isinstance(value, str) and value.endswith("Z") and "." in value else None
        )
        moment = moment or datetime.fromisoformat(value)
        if moment.utcoffset() is None:
            raise ValueError
    except (ValueError, TypeError, OverflowError):
        raise ConfigurationError.out_of_range(option, value, "an ISO time with a zone is needed") from None
    return as_utc(option, moment)


def _name(option: str, value: Any, longest: int) -> str:
    name = check_text(option, value, allow_empty=False)
    if len(name) > longest:
        raise ConfigurationError.out_of_range(option, name, f"at most {longest} characters")
    return name
