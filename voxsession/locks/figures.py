"""Figures about device locks: what is in force now, and what one service has done."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

from voxsession.clock import Clock
from voxsession.core.struct import Struct, field
from voxsession.errors import FormatError, KeyNotFoundError
from voxsession.locks.leases import FENCES, Leases
from voxsession.locks.markers import Markers
from voxsession.locks.records import LockRecords

__all__ = ["Tally", "figures_of", "opened"]

AT_ONCE = 16


class Tally:
    """What one service has done since it was made."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._began = clock.monotonic()
        self.operations = 0
        self.errors = 0
        self.cleaned_up = 0

    def to_dict(self) -> dict[str, Any]:
        """The counts, the share of operations that failed, and how many locks were cleaned up in an hour."""
        hours = (self._clock.monotonic() - self._began) / 3600
        return {
            "operations": self.operations,
            "errors": self.errors,
            "error_rate": self.errors / self.operations if self.operations else 0.0,
            "cleaned_up": self.cleaned_up,
            "cleanup_rate_per_hour": self.cleaned_up / hours if hours > 0 else 0.0,
        }


class _Seen(Struct):
    """What a look at all markers has found."""

    by_agent: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    expired: int = 0
    unreadable: int = 0


async def figures_of(markers: Markers, leases: Leases, now: datetime) -> dict[str, Any]:
    """How many devices are routed to whom, for how long on average, and how many are held.

    Every record is opened, since what stands in clear could have been altered.
    """
    seen = _Seen()
    async for marker in opened(markers.records):
        if marker is None:
            seen.unreadable += 1
        elif marker.body.is_live(now):
            seen.by_agent[marker.body.agent] += 1
            # Another server's clock may be ahead of this one's.
            seen.seconds += max(0.0, (now - marker.body.locked_at).total_seconds())
        else:
            seen.expired += marker.body.agent is not None
    held = 0
    async for lease in opened(leases.records):
        seen.unreadable += lease is None
        held += lease is not None and lease.body.is_live(now)
    active = seen.by_agent.total()
    return {
        "active_locks": active,
        "active_by_agent": dict(seen.by_agent.most_common()),
        "avg_duration_seconds": seen.seconds / active if active else 0.0,
        "expired_locks": seen.expired,
        "active_leases": held,
        "unreadable": seen.unreadable,
    }


async def opened(records: LockRecords, ids: list[str] | None = None) -> AsyncIterator[Any]:
    """The records under these ids, or all, but for that of `FENCES`; None in place of one that does not open."""
    if ids is None:
        ids = [str(header["session_id"]) async for header in records.headers()]
    ids = [one for one in ids if one != FENCES]
    for start in range(0, len(ids), AT_ONCE):
        batch = ids[start : start + AT_ONCE]
        for found in await asyncio.gather(*(records.load(one) for one in batch), return_exceptions=True):
            if isinstance(found, (FormatError, KeyNotFoundError)):
                yield None
            elif isinstance(found, BaseException):
                raise found
            elif found is not None:
                yield found
