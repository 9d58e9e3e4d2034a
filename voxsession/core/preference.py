"""The running evidence behind one learned preference."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from voxsession.core.struct import Struct, evolve, field
from voxsession.core.types import Count, UtcTime

__all__ = ["MAX_EVIDENCE_IDS", "Evidence", "Metric"]

#: So many messages are named with each piece of evidence.
MAX_EVIDENCE_IDS: Final = 8


class Evidence(Struct, frozen=True, kw_only=True):
    """A decayed weighted mean that grows by increments.

    Attributes:
        total: sum of value x weight, older parts decayed.
        weight: sum of the weights, decayed alike.
        count: messages that added to it.
        last_at: the latest time that anything was said of it.
        message_ids: the messages that moved it most, and the newest, in the order they came (at most 8); a message
            that shows nothing of it (value 0) is not named.
        parts: value and weight that each of `message_ids` gave, the weights decayed alike; documents written by
            early versions have none.
    """

    total: float = 0.0
    weight: float = 0.0
    count: Count = 0
    last_at: UtcTime | None = None
    message_ids: list[str] = field(default_factory=list)
    parts: list[tuple[float, float]] = field(default_factory=list)

    @property
    def value(self) -> float | None:
        """The mean, or None without evidence."""
        return self.total / self.weight if self.weight > 0 else None

    def weight_at(self, moment: datetime, half_life_seconds: float) -> float:
        """What the weight is worth at a moment, if nothing is said until then; at an earlier one it is all there.

        Args:
            moment: aware.
            half_life_seconds: after which it counts half.
        """
        return self.weight * (_faded(self.last_at, moment, half_life_seconds) if self.last_at else 1.0)

    def grown(
        self,
        value: float,
        weight: float,
        at: UtcTime,
        *,
        message_id: str | None = None,
        decay: float = 1.0,
        half_life_seconds: float | None = None,
    ) -> Evidence:
        """The evidence with one more message.

        With a half-life, what was said earlier fades by the time that lies between, whichever of the two comes
        in first: a message that is older than the latest one adds what is left of it by then.

        Args:
            value: what the message shows.
            weight: how much it says, in messages.
            at: when it was said.
            message_id: which it was; None names none, and what shows nothing (value 0) is not named.
            decay: what is left of earlier evidence because of the message itself, 0 to 1.
            half_life_seconds: after which evidence counts half; None = time does not count.

        Example:
            >>> from datetime import UTC, timedelta
            >>> day = datetime(2026, 1, 1, tzinfo=UTC)
            >>> one = Evidence().grown(1.0, 1.0, day, half_life_seconds=86_400)
            >>> round(one.grown(0.0, 1.0, day + timedelta(days=1), half_life_seconds=86_400).value, 3)
            0.333
        """
        keep, last_at = decay, at
        if half_life_seconds is not None and self.last_at is not None:
            if at >= self.last_at:
                keep *= _faded(self.last_at, at, half_life_seconds)
            else:
                late = _faded(at, self.last_at, half_life_seconds)
                keep, weight, last_at = 1.0 - (1.0 - decay) * late, weight * late, self.last_at
        total = self.total * keep + value * weight
        whole = self.weight * keep + weight
        ids, parts = self.message_ids, self._faded_parts(keep)
        if message_id is not None and value:
            ids = [*ids, message_id]
            parts.append((value, weight))
            if len(ids) > MAX_EVIDENCE_IDS:
                least = _least(parts[:-1], total / whole if whole > 0 else 0.0)
                del parts[least], ids[least]
        return Evidence(
            total=total, weight=whole, count=self.count + 1, last_at=last_at, message_ids=ids, parts=parts
        )

    def without(self, gone: set[str]) -> Evidence:
        """The evidence that does not name these messages any more; its numbers stay."""
        if gone.isdisjoint(self.message_ids):
            return self
        kept = [
            (message_id, part)
            for message_id, part in zip(self.message_ids, self._faded_parts(1.0), strict=True)
            if message_id not in gone
        ]
        return evolve(self, message_ids=[one for one, _ in kept], parts=[part for _, part in kept])

    def _faded_parts(self, keep: float) -> list[tuple[float, float]]:
        """The parts with what is left of them, in a list of their own; unknown ones weigh nothing."""
        missing = len(self.message_ids) - len(self.parts)
        known = [(0.0, 0.0)] * missing + self.parts
        return [(value, weight * keep) for value, weight in known] if keep < 1.0 else known


def _faded(earlier: datetime, later: datetime, half_life_seconds: float) -> float:
    """What is left after the time between two moments, at most all."""
    seconds = (later - earlier).total_seconds()
    return float(0.5 ** (seconds / half_life_seconds)) if seconds > 0 else 1.0


def _least(parts: list[tuple[float, float]], mean: float) -> int:
    """The place of the part that moves the mean least, of equal ones the oldest."""
    moved = [abs(weight * (value - mean)) for value, weight in parts]
    return moved.index(min(moved))


class Metric(Struct, frozen=True, kw_only=True):
    """What is known of one custom metric; `last` is what was measured at `last_at`, the latest time."""

    count: Count = 0
    total: float = 0.0
    last: float = 0.0
    last_at: UtcTime | None = None
    min: float = 0.0
    max: float = 0.0
