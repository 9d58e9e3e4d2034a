"""What larger operations tell of themselves."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from voxsession.core.display import page_of, table
from voxsession.core.struct import Struct, field

__all__ = ["CompressionReport", "ImportReport", "Receipt", "Report"]


class Report(Struct, frozen=True, kw_only=True):
    """What was done: `counts` (what -> number), `details` (a row each). False when nothing happened."""

    counts: dict[str, int] = field(default_factory=dict)
    details: list[dict[str, Any]] = field(default_factory=list)

    def __bool__(self) -> bool:
        return any(self.counts.values())

    def _repr_html_(self) -> str:
        columns = list(dict.fromkeys(name for row in self.details for name in row))
        rows = [[str(row.get(name, "")) for name in columns] for row in self.details]
        counts = table(("what", "number"), [[name, str(number)] for name, number in self.counts.items()])
        return page_of(type(self).__name__, counts + (table(columns, rows) if rows else ""))


class CompressionReport(Report, frozen=True):
    """What became of each entry: merged, folded, shortened, summarized, expired, kept."""

    def withdraw(self, entry_ids: Iterable[str], why: str) -> None:
        """Corrects it where a part of the compression was dropped after all: these entries were kept."""
        gone = set(entry_ids)
        for place, row in enumerate(self.details):
            if row.get("id") in gone and "into" in row:
                self.counts[row["became"]] -= 1
                self.details[place] = {"id": row["id"], "became": "kept", "why": why}


class ImportReport(Report, frozen=True):
    """What became of each row of an import, or would; `details` has the first 1,000 of each fate."""


class Receipt(Report, frozen=True):
    """What was erased, moved, kept or brought back, where."""
