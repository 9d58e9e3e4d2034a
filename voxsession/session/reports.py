"""What larger operations tell of themselves."""

from __future__ import annotations

from typing import Any

import attrs

__all__ = ["CompressionReport", "ImportReport", "Receipt", "Report"]


@attrs.define(frozen=True, slots=True, kw_only=True)
class Report:
    """What was done: `counts` (what -> number), `details` (a row each). False when nothing happened."""

    counts: dict[str, int] = attrs.field(factory=dict)
    details: list[dict[str, Any]] = attrs.field(factory=list)

    def __bool__(self) -> bool:
        return any(self.counts.values())


@attrs.define(frozen=True, slots=True, kw_only=True)
class CompressionReport(Report):
    """What became of each entry: merged, expired, kept."""


@attrs.define(frozen=True, slots=True, kw_only=True)
class ImportReport(Report):
    """What an import did, or would do: added, skipped, replaced, renamed."""


@attrs.define(frozen=True, slots=True, kw_only=True)
class Receipt(Report):
    """What was erased, moved, kept or brought back, where."""
