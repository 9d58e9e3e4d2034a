"""Who alone may act for a device: a record that is taken only where it is free."""

from __future__ import annotations

import contextlib
from datetime import datetime, timedelta

from voxsession.core.struct import Struct, evolve
from voxsession.core.types import UtcTime
from voxsession.errors import StorageError
from voxsession.installation import Installation
from voxsession.locks.lease import Lease
from voxsession.locks.markers import Markers
from voxsession.locks.records import LockRecords, Stored

__all__ = ["FENCES", "LeaseBody", "Leases", "Taken"]

#: The id under which the greatest number of all leases that were cleaned up is kept; no device has it.
FENCES = ".fences"


class LeaseBody(Struct, frozen=True, kw_only=True):
    """What a lease's body holds; `holder` is None once it was released, `lease_id` was random from the first."""

    holder: str | None
    acquired_at: UtcTime
    expires_at: UtcTime
    ttl_seconds: float
    fence: int
    lease_id: str = ""

    def is_live(self, now: datetime, tolerance: timedelta = timedelta(0)) -> bool:
        """Whether somebody holds it."""
        return self.holder is not None and now < self.expires_at + tolerance

    def is_of(self, lease: Lease) -> bool:
        """Whether this is the lease that was handed out, still held."""
        mine = (lease.holder, lease.fence, lease.lease_id)
        return (self.holder, self.fence, self.lease_id) == mine


class Taken(Struct, frozen=True):
    """A lease that was taken, with who held the device until then; None where nobody did."""

    lease: Lease
    previous_holder: str | None


class Leases:
    """The `lease` records of one tenant.

    A number once given to a lease never comes again, and what follows is greater: the next one is more than that of
    the lease before, than the one that the device's marker knows, and at least the time in milliseconds. Before the
    record of a lease is removed, its number is kept for all devices under `FENCES`, which counts where there is no
    record. So any one of the three may be lost, and numbers also grow over a storage that was emptied, or restored
    from a backup.

    Args:
        markers: those of the same tenant.
        tolerance: how much longer than its time another's lease counts as held, since its clock may be slow.
    """

    def __init__(self, home: Installation, markers: Markers, tolerance: timedelta) -> None:
        self.records = LockRecords(home, "lease", LeaseBody)
        self._markers = markers
        self._clock = home.clock
        self._tolerance = tolerance

    async def take(self, device_id: str, holder: str, ttl_seconds: float, *, by_force: bool) -> Taken | None:
        """Takes the device where it is free, or by force; None where somebody holds it."""

        async def attempt() -> Taken | None:
            stored = await self.records.load(device_id)
            now = self._clock.now()
            if stored is not None and not by_force and stored.body.is_live(now, self._tolerance):
                return None
            was_live = stored is not None and stored.body.is_live(now)
            previous = stored.body.holder if stored is not None and was_live else None
            body = LeaseBody(
                holder=holder,
                acquired_at=now,
                expires_at=now + timedelta(seconds=ttl_seconds),
                ttl_seconds=ttl_seconds,
                fence=await self._next_fence(device_id, stored, now),
                lease_id=self._clock.new_id("lease"),
            )
            saved = await self._save_first(device_id, body, stored)
            return Taken(_lease_of(device_id, holder, saved.body), previous)

        return await self.records.until_it_fits(device_id, attempt, in_turn=by_force)

    async def renew(self, lease: Lease) -> tuple[Lease | None, str | None]:
        """The lease with its time counted from now; else None and who holds the device."""

        async def attempt() -> tuple[Lease | None, str | None]:
            stored = await self.records.load(lease.device_id)
            now = self._clock.now()
            if stored is None or not stored.body.is_live(now):
                return None, None
            if not stored.body.is_of(lease):
                return None, stored.body.holder
            # Never shorter than it was: this clock may be behind the one that gave it.
            expires_at = max(now + timedelta(seconds=lease.ttl_seconds), stored.body.expires_at)
            body = evolve(stored.body, expires_at=expires_at, ttl_seconds=lease.ttl_seconds)
            await self._save(lease.device_id, body, stored)
            return _lease_of(lease.device_id, lease.holder, body), None

        return await self.records.until_it_fits(lease.device_id, attempt)

    async def release(self, lease: Lease) -> bool:
        """Frees the device; False where the lease is not the one that holds it."""

        async def attempt() -> bool:
            stored = await self.records.load(lease.device_id)
            if stored is None or not stored.body.is_of(lease):
                return False
            body = evolve(stored.body, holder=None, expires_at=self._clock.now())
            await self._save(lease.device_id, body, stored)
            return True

        return await self.records.until_it_fits(lease.device_id, attempt)

    async def holder_of(self, device_id: str) -> str | None:
        """Who holds the device now."""
        stored = await self.records.load(device_id)
        holder: str | None = stored.body.holder if stored and stored.body.is_live(self._clock.now()) else None
        return holder

    async def is_held(self, lease: Lease) -> bool:
        """Whether this lease is the one that holds its device, and its time has not passed."""
        stored = await self.records.load(lease.device_id)
        return stored is not None and stored.body.is_of(lease) and stored.body.is_live(self._clock.now())

    # --- numbers

    async def keep_fence(self, fence: int) -> None:
        """Notes that leases up to this number may be removed: every later one is greater."""

        async def attempt() -> None:
            stored = await self.records.load(FENCES)
            if stored is not None and stored.body.fence >= fence:
                return
            now = self._clock.now()
            body = LeaseBody(holder=None, acquired_at=now, expires_at=now, ttl_seconds=0, fence=fence)
            await self.records.save(FENCES, body, stored, expires_at=None)

        await self.records.until_it_fits(FENCES, attempt)

    async def _kept_fence(self) -> int | None:
        stored = await self.records.load(FENCES)
        fence: int | None = stored.body.fence if stored is not None else None
        return fence

    async def _next_fence(self, device_id: str, stored: Stored | None, now: datetime) -> int:
        before = stored.body.fence if stored is not None else await self._kept_fence() or 0
        known = await self._markers.fence_of(device_id)
        return max(before, known, int(now.timestamp() * 1000) - 1) + 1

    async def _save_first(self, device_id: str, body: LeaseBody, before: Stored | None) -> Stored:
        """Writes a new lease; where it is not known whether that arrived, the device is not left to nobody."""
        try:
            saved = await self._save(device_id, body, before)
            return saved if before is not None else await self._above_all(device_id, saved)
        except StorageError:
            with contextlib.suppress(Exception):
                await self.release(_lease_of(device_id, str(body.holder), body))
            raise

    async def _above_all(self, device_id: str, saved: Stored) -> Stored:
        """Mends the number of a first lease that was written while another of the device came and was removed.

        Raises:
            ConflictError: it was taken by force meanwhile.
        """
        while (kept := await self._kept_fence()) is not None and kept >= saved.body.fence:
            saved = await self._save(device_id, evolve(saved.body, fence=kept + 1), saved)
        return saved

    async def _save(self, device_id: str, body: LeaseBody, before: Stored | None) -> Stored:
        return await self.records.save(device_id, body, before, expires_at=body.expires_at)


def _lease_of(device_id: str, holder: str, body: LeaseBody) -> Lease:
    return Lease(
        device_id=device_id,
        holder=holder,
        expires_at=body.expires_at,
        fence=body.fence,
        ttl_seconds=body.ttl_seconds,
        lease_id=body.lease_id,
    )
