"""What larger operations tell of themselves."""

from __future__ import annotations

from typing import Any

import attrs

from voxsession.core.display import page_of, table

__all__ = ["CompressionReport", "ImportReport", "Receipt", "Report"]


@attrs.define(frozen=True, slots=True, kw_only=True)
class Report:
    """What was done: `counts` (what -> number), `details` (a row each). False when nothing happened."""

    counts: dict[str, int] = attrs.field(factory=dict)
    details: list[dict[str, Any]] = attrs.field(factory=list)

    def __bool__(self) -> bool:
        return any(self.counts.values())

    def _repr_html_(self) -> str:
        columns = list(dict.fromkeys(name for row in self.details for name in row))
        rows = [[str(row.get(name, "")) for name in columns] for row in self.details]
        counts = table(("what", "number"), [[name, str(number)] for name, number in self.counts.items()])
        return page_of(type(self).__name__, counts + (table(columns, rows) if rows else ""))


@attrs.define(frozen=True, slots=True, kw_only=True)
class CompressionReport(Report):
    """What became of each entry: merged, expired, kept."""


@attrs.define(frozen=True, slots=True, kw_only=True)
class ImportReport(Report):
    """What became of each row of an import, or would; `details` has the first 1,000 of each fate."""


@attrs.define(frozen=True, slots=True, kw_only=True)
class Receipt(Report):
    """What was erased, moved, kept or brought back, where."""
