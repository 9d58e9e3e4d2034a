"""The running evidence behind one learned preference."""

from __future__ import annotations

import attrs

from voxsession.core.types import Count, UtcTime

__all__ = ["Evidence", "Metric"]


@attrs.define(frozen=True, slots=True, kw_only=True)
class Evidence:
    """A decayed weighted mean that grows by increments.

    Attributes:
        total: sum of value x weight, older parts decayed.
        weight: sum of the weights, decayed alike.
        count: messages that added to it.
        message_ids: the latest messages that moved it, newest last (at most 8).
    """

    total: float = 0.0
    weight: float = 0.0
    count: Count = 0
    last_at: UtcTime | None = None
    message_ids: list[str] = attrs.field(factory=list)

    @property
    def value(self) -> float | None:
        """The mean, or None without evidence."""
        return self.total / self.weight if self.weight > 0 else None


@attrs.define(frozen=True, slots=True, kw_only=True)
class Metric:
    """What is known of one custom metric; `last` is what was measured at `last_at`, the latest time."""

    count: Count = 0
    total: float = 0.0
    last: float = 0.0
    last_at: UtcTime | None = None
    min: float = 0.0
    max: float = 0.0
