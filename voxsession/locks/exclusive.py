"""The calls about leases: one holder at a time."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable

from voxsession.errors import ConfigurationError, ConflictError
from voxsession.locks.calls import LockCalls
from voxsession.locks.checks import check_name, check_ttl
from voxsession.locks.lease import Lease, check_lease
from voxsession.locks.leases import Taken

__all__ = ["ExclusiveLeases"]

_log = logging.getLogger(__name__)


class ExclusiveLeases(LockCalls):
    """Taking, renewing and giving back the right to act for a device."""

    async def acquire_lease(
        self, device_id: str, holder: str, ttl_seconds: float | None = None
    ) -> Lease | None:
        """Takes the device for a holder; None where anybody holds it, this holder included.

        Raises:
            ConfigurationError: the storage cannot compare, and `single_process` was not named; or a wrong argument.
            StorageUnavailableError: the storage is away: it is not known who holds the device.
        """
        return await self._counted(self._take(device_id, holder, ttl_seconds, by_force=False))

    async def take_over(self, device_id: str, holder: str, ttl_seconds: float | None = None) -> Lease:
        """Takes the device whoever holds it; the event ``lease.taken_over`` says from whom.

        Raises:
            ConfigurationError: as `acquire_lease`.
            StorageUnavailableError: the storage is away.
            ConflictError: others take it over all the time.
        """
        taken = await self._counted(self._take(device_id, holder, ttl_seconds, by_force=True))
        if taken is None:
            raise ConflictError(
                device_id,
                expected_seq=0,
                found_seq=None,
                message=f"Device {device_id!r} was taken over by others at the same moment. You do not hold it; try "
                "again.",
            )
        return taken

    async def renew_lease(self, lease: Lease) -> Lease | None:
        """The lease with its time counted from now; None where it has expired, was released or taken over.

        That is also told as the event ``lease.lost``, with `held_by`.
        """
        check_lease(lease)

        async def renew() -> Lease | None:
            await self._compares()
            renewed, holder = await self._leases.renew(lease)
            if renewed is None:
                self._lost(lease, holder)
            return renewed

        return await self._counted(renew())

    async def release_lease(self, lease: Lease) -> bool:
        """Frees the device; False where the lease is not the one that holds it, and nothing is changed then."""
        check_lease(lease)

        async def release() -> bool:
            await self._compares()
            return await self._leases.release(lease)

        return await self._counted(release())

    async def _take(
        self, device_id: str, holder: str, ttl_seconds: float | None, *, by_force: bool
    ) -> Lease | None:
        device_id, holder = self._device(device_id), check_name("holder", holder)
        ttl = self._ttl if ttl_seconds is None else check_ttl("ttl_seconds", ttl_seconds)
        await self._compares()
        taken = await self._take_whole(device_id, holder, ttl, by_force)
        if taken is None:
            return None
        if by_force:
            about = {"device_id": device_id, "holder": holder, "fence": taken.lease.fence}
            self._tell("lease.taken_over", device_id, {**about, "previous_holder": taken.previous_holder})
        return taken.lease

    async def _take_whole(self, device_id: str, holder: str, ttl: float, by_force: bool) -> Taken | None:
        """Takes the device; who is cancelled meanwhile is let go at once, and what he would have got is given back."""
        taking = asyncio.ensure_future(self._take_and_mark(device_id, holder, ttl, by_force))
        try:
            return await asyncio.shield(taking)
        except asyncio.CancelledError:
            returning = asyncio.ensure_future(self._return_taken(taking))
            self._home.background.add(returning)
            returning.add_done_callback(self._home.background.discard)
            raise

    async def _take_and_mark(self, device_id: str, holder: str, ttl: float, by_force: bool) -> Taken | None:
        taken = await self._leases.take(device_id, holder, ttl, by_force=by_force)
        if taken is None:
            return None
        is_marked = False
        try:
            # The marker knows the number before anybody has the lease: from here on no older one writes to it.
            is_marked = await self._markers.learn_fence(device_id, taken.lease.fence)
        finally:
            if not is_marked:
                await self._return(taken.lease)
        return taken if is_marked else None

    async def _return_taken(self, taking: asyncio.Future[Taken | None]) -> None:
        with contextlib.suppress(Exception):
            taken = await taking
            if taken is not None:
                await self._return(taken.lease)

    async def _return(self, lease: Lease) -> None:
        """Frees a device whose lease nobody got; where that fails too, it is free when its time is over."""
        with contextlib.suppress(Exception):
            await self._leases.release(lease)

    async def _in_the_name_of(self, lease: Lease | None, write: Callable[[], Awaitable[bool]]) -> bool:
        """Writes a marker; under a lease only where that holds the device, and its number is the newest there."""
        if lease is None:
            return await write()
        if not await self._is_held(lease):
            return False
        if await write():
            return True
        # The marker may have been erased with its person, or lost, since the lease was taken. It is told the number
        # again before the lease is looked at again, so that whoever takes over later still forestalls this write.
        if not await self._markers.learn_fence(lease.device_id, lease.fence):
            return False
        return await self._is_held(lease) and await write()

    async def _compares(self) -> None:
        storage = (await self._home.ready()).storage
        if not (storage.can_compare or self._single_process):
            raise ConfigurationError(
                f"Leases need a storage that compares versions between processes; {storage.storage_type} storage does "
                "not. Take file, database or redis, or say single_process=True where no other process uses it.",
                option="single_process",
            )

    async def _is_held(self, lease: Lease) -> bool:
        if await self._leases.is_held(lease):
            return True
        self._lost(lease, await self._leases.holder_of(lease.device_id))
        return False

    def _lost(self, lease: Lease, holder: str | None) -> None:
        _log.info("device %s: lease %d does not hold it any more", lease.device_id, lease.fence)
        about = {"device_id": lease.device_id, "holder": lease.holder, "fence": lease.fence}
        self._tell("lease.lost", lease.device_id, {**about, "held_by": holder})
