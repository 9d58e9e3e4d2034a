"""What all calls of the device locks have in common: the doors, the count, the events, the end."""

from __future__ import annotations

import logging
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Self, TypeVar

from voxsession.clock import Clock
from voxsession.core.events import Event
from voxsession.errors import (
    ConfigurationError,
    ConflictError,
    StorageError,
    StorageFullError,
    StorageUnavailableError,
)
from voxsession.installation import Installation
from voxsession.locks.checks import DeviceCheck, check_device_id
from voxsession.locks.figures import Tally
from voxsession.locks.lease import Lease, check_lease
from voxsession.locks.leases import Leases
from voxsession.locks.markers import Markers
from voxsession.session.handlers import EventHub, Events
from voxsession.voxon import Voxon

__all__ = ["LockCalls", "check_lease_of"]

T = TypeVar("T")
AWAY = (StorageUnavailableError, StorageFullError, ConflictError)
_log = logging.getLogger(__name__)


class LockCalls:
    """The ground that the calls of `SessionLockService` stand on; its constructor fills it."""

    _voxon: Voxon
    _owns_voxon: bool
    _home: Installation
    _clock: Clock
    _ttl: float
    _validate: DeviceCheck | None
    _single_process: bool
    _markers: Markers
    _leases: Leases
    _tally: Tally
    _hub: EventHub
    _events: Events

    async def __aenter__(self) -> Self:
        if self._owns_voxon:
            await self._voxon.__aenter__()  # an earlier block has closed it
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes what this service opened; a Voxon or a storage that it was given stays open."""
        self._events.end_all()
        if self._owns_voxon:
            await self._voxon.close()

    @property
    def events(self) -> Events:
        """``lease.taken_over`` and ``lease.lost``, as far as this service notices; a Voxon's events have them too."""
        return self._events

    def _device(self, device_id: object) -> str:
        return check_device_id(device_id, self._validate)

    async def _counted(self, work: Coroutine[Any, Any, T]) -> T:
        self._tally.operations += 1
        try:
            return await work
        except ConfigurationError:
            raise
        except Exception:
            self._tally.errors += 1
            raise

    async def _or_without(self, what: str, device_id: str, work: Coroutine[Any, Any, T], instead: T) -> T:
        """What the work gives; where the storage is away, the app goes on as if there were no lock.

        What no waiting mends, such as a right that is lacking, is raised.
        """
        try:
            return await self._counted(work)
        except (StorageError, ConflictError) as error:
            if not isinstance(error, AWAY) and not error.is_foreign:
                raise
            name = type(error).__name__
            _log.warning(
                "device %s: session lock could not be %s, going on without it (%s)", device_id, what, name
            )
            return instead

    def _tell(self, name: str, device_id: str, fields: dict[str, Any]) -> None:
        if self._hub.is_heard:
            self._hub.emit(Event(name, self._clock.now(), device_id, fields))


def check_lease_of(lease: Lease | None, device_id: str) -> None:
    """The lease that a call for a device names, if it names one."""
    if lease is not None and check_lease(lease).device_id != device_id:
        raise ConfigurationError.out_of_range("lease", lease.device_id, f"it is not of device {device_id}")
