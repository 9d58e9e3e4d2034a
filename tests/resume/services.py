"""Services on one storage: several of them stand for several processes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from tests.session.stores import voxon_on
from voxsession import VoxonConfig
from voxsession.resume import SessionManagerService
from voxsession.testing import FakeClock

__all__ = ["NOON", "clock_at", "service_on", "talk"]

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def clock_at(moment: datetime = NOON, seed: str = "one") -> FakeClock:
    """A clock that stands at a moment; two of one storage need two seeds."""
    return FakeClock(moment, seed=seed)


def service_on(
    storage: Any,
    *,
    clock: Any = None,
    limits: VoxonConfig | None = None,
    fallback_to_new: bool = False,
    **options: Any,
) -> SessionManagerService:
    """A service with a facade of its own, as another process has it."""
    voxon = voxon_on(storage, clock=clock, **options)
    return SessionManagerService(voxon, config=limits, fallback_to_new=fallback_to_new)


def talk(*texts: str) -> list[dict[str, Any]]:
    """A history of so many turns, the caller first."""
    kinds = ("input", "output")
    return [{"type": kinds[place % 2], "text": text} for place, text in enumerate(texts)]
