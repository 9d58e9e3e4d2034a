"""Removing device locks whose time has passed, in several processes at once."""

from __future__ import annotations

import contextlib
from datetime import datetime, timedelta

from voxsession.core.envelope import stamp
from voxsession.errors import ConflictError
from voxsession.locks.figures import opened
from voxsession.locks.leases import FENCES, Leases
from voxsession.locks.markers import Markers
from voxsession.locks.records import LockRecords, Stored

__all__ = ["clean_up"]


async def clean_up(markers: Markers, leases: Leases, now: datetime, tolerance: timedelta) -> int:
    """Removes what is past its time by more than the tolerance, or was released; how many agents and holders went.

    Each is opened, and removed only if nobody wrote it since. What cannot be opened stays.

    Raises:
        IntegrityError: the record of the kept number was altered: no lease was removed, but all markers were.
    """
    # Markers need nothing but themselves, so they go first.
    return await _clean_markers(markers, leases, now, tolerance) + await _clean_leases(leases, now, tolerance)


async def _clean_leases(leases: Leases, now: datetime, tolerance: timedelta) -> int:
    past = [
        one
        async for one in opened(leases.records, await _due(leases.records, now))
        if one is not None and not one.body.is_live(now, tolerance)
    ]
    if past:  # before the first of them goes, so that no later lease gets a number that was given already
        await leases.keep_fence(max(one.body.fence for one in past))
    return sum([await _remove(leases.records, one) and one.body.holder is not None for one in past])


async def _clean_markers(markers: Markers, leases: Leases, now: datetime, tolerance: timedelta) -> int:
    removed = 0
    async for one in opened(markers.records, await _due(markers.records, now)):
        if one is None or one.body.is_live(now - tolerance):
            continue
        # Under a lease a marker stays, since it is where a write of an older lease is found out.
        if one.body.fence is not None and await _is_leased(leases, one, now, tolerance):
            continue
        removed += await _remove(markers.records, one) and one.body.agent is not None
    return removed


async def _is_leased(leases: Leases, marker: Stored, now: datetime, tolerance: timedelta) -> bool:
    async for lease in opened(leases.records, [str(marker.header["session_id"])]):
        if lease is None or lease.body.is_live(now, tolerance):
            return True
    return False


async def _remove(records: LockRecords, stored: Stored) -> bool:
    with contextlib.suppress(ConflictError):  # it was written meanwhile
        return await records.delete(stored)
    return False


async def _due(records: LockRecords, now: datetime) -> list[str]:
    """What may be past its time by its clear header, or does not tell there."""
    return [
        str(header["session_id"])
        async for header in records.headers()
        if header["session_id"] != FENCES and (header.get("expires_at") or "") <= stamp(now)
    ]
