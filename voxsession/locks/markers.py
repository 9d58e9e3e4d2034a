"""Which agent a device is routed to: a record that whoever comes last overwrites."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import Any

from voxsession.core.envelope import MARKER_FIELDS, stamp
from voxsession.core.struct import Struct, evolve
from voxsession.core.types import UtcTime
from voxsession.installation import Installation
from voxsession.locks.records import LockRecords, Stored

__all__ = ["Marker", "Markers"]


class Marker(Struct, frozen=True, kw_only=True):
    """What a marker's body holds.

    Attributes:
        agent: the agent; None where the record stands only for the lease that it names.
        fence: that of the newest lease of the device; None where there is none. A write that names an
            older lease finds another number here and is refused, also if it looked before that lease was taken.
    """

    agent: str | None
    locked_at: UtcTime
    expires_at: UtcTime
    ttl_seconds: float
    fence: int | None = None

    def is_live(self, now: datetime) -> bool:
        """Whether it routes the device now."""
        return self.agent is not None and now < self.expires_at


class Markers:
    """The `marker` records of one tenant.

    Args:
        clear_columns: tell agent, time and time to live in clear, so that SQL can ask for them.
    """

    def __init__(self, home: Installation, *, clear_columns: bool) -> None:
        self.records = LockRecords(home, "marker", Marker)
        self._clock = home.clock
        self._clear_columns = clear_columns

    async def get(self, device_id: str) -> str | None:
        """The agent that the device is routed to now."""
        stored = await self.records.load(device_id)
        if stored is None or not stored.body.is_live(self._clock.now()):
            return None
        agent: str = stored.body.agent
        return agent

    async def put(
        self, device_id: str, agent: str, ttl_seconds: float, *, owner: str, fence: int | None
    ) -> bool:
        """Routes the device to an agent; False where `fence` is given and is not the newest lease's."""

        async def attempt() -> bool:
            before = await self.records.load(device_id)
            known = before.body.fence if before is not None else None
            if fence is not None and fence != known:
                return False
            now = self._clock.now()
            marker = Marker(
                agent=agent,
                locked_at=now,
                expires_at=now + timedelta(seconds=ttl_seconds),
                ttl_seconds=ttl_seconds,
                fence=known,
            )
            await self._save(device_id, marker, before, owner)
            return True

        return await self.records.until_it_fits(device_id, attempt)

    async def clear(self, device_id: str, *, fence: int | None) -> bool:
        """Routes the device to nobody; False where nobody was named, or `fence` is not the newest lease's."""

        async def attempt() -> bool:
            before = await self.records.load(device_id)
            if before is None or (fence is not None and fence != before.body.fence):
                return False
            now = self._clock.now()
            was_live: bool = before.body.is_live(now)
            if before.body.fence is None:
                return await self.records.delete(before) and was_live
            if before.body.agent is None:
                return False
            empty = evolve(before.body, agent=None, locked_at=now, expires_at=now, ttl_seconds=0)
            await self._save(device_id, empty, before)
            return was_live

        return await self.records.until_it_fits(device_id, attempt)

    async def fence_of(self, device_id: str) -> int:
        """The number of the newest lease that the marker knows; 0 where it knows none."""
        stored = await self.records.load(device_id)
        return (stored.body.fence or 0) if stored is not None else 0

    async def learn_fence(self, device_id: str, fence: int) -> bool:
        """Notes the number of a lease before it is handed out; False where a newer one is known."""

        async def attempt() -> bool:
            before = await self.records.load(device_id)
            now = self._clock.now()
            if before is None:
                marker = Marker(agent=None, locked_at=now, expires_at=now, ttl_seconds=0, fence=fence)
            elif (before.body.fence or 0) >= fence:
                return False
            else:
                marker = evolve(before.body, fence=fence)
            await self._save(device_id, marker, before, str(before.header["owner"]) if before else "")
            return True

        return await self.records.until_it_fits(device_id, attempt)

    async def _save(self, device_id: str, marker: Marker, before: Stored | None, owner: str = "") -> None:
        # Redis removes what is long past its `expires_at` by itself, which must not happen under a lease.
        expires_at = marker.expires_at if marker.fence is None else None
        clear = _in_clear(marker) if self._clear_columns and marker.agent is not None else None
        await self.records.save(device_id, marker, before, expires_at=expires_at, owner=owner, clear=clear)


def _in_clear(marker: Marker) -> dict[str, Any]:
    """What `MARKER_FIELDS` say of a marker: a copy of its body for readers of columns, never read back here."""
    values = (marker.agent, stamp(marker.locked_at), math.ceil(marker.ttl_seconds))
    return dict(zip(MARKER_FIELDS, values, strict=True))
