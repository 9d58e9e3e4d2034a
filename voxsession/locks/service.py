"""The service of device locks."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from voxsession.clock import Clock
from voxsession.core.types import check_flag, check_number
from voxsession.errors import ConfigurationError
from voxsession.locks.checks import DeviceCheck, check_ttl, check_ttls
from voxsession.locks.cleaning import clean_up
from voxsession.locks.figures import Tally, figures_of
from voxsession.locks.leases import Leases
from voxsession.locks.markers import Markers
from voxsession.locks.routing import RoutingMarkers
from voxsession.memory.token_estimate import EstimatedCounter
from voxsession.session.handlers import EventHub, Events
from voxsession.voxon import Voxon
from voxsession.voxon_config import VoxonConfig

__all__ = ["SessionLockService"]

MAX_TOLERANCE_SECONDS = 86_400
_log = logging.getLogger(__name__)


class SessionLockService(RoutingMarkers):
    """Says which agent a device is routed to, and lets one holder at a time act for it.

    Making one does no I/O. Nothing runs in the background, and no state is kept between calls, so that
    every call may be another process's.

    Args:
        storage_or_voxon: a `Voxon`, whose storage and keys are used; or a storage, its name or its URL, or a
            `VoxonConfig`: the keys are then those of the settings or of ``SESSION_KEY``.
        ttl_seconds: how long a lock holds; None = `VoxonConfig.lock_ttl_seconds` (a day, ``DEFAULT_SESSION_TTL``).
        agent_ttl_seconds: other times by agent.
        user_ttl_seconds: other times by user id, which go before those by agent.
        validate_device_id: called with each device id, gives whether the app takes it, such as `uuid_device_id`.
        clear_columns: tell agent, time and TTL of markers in clear, so that SQL can ask for them.
        single_process: leases also where the storage cannot compare, since only this process uses it.
        clock_tolerance_seconds: how much longer than its time a lease of others is left alone, and a lock is kept
            from cleaning, for servers whose clocks differ by so much.
        clock: where times and ids come from; a Voxon brings its own.

    Raises:
        ConfigurationError: something else was given than what is listed here; it is named.

    Example:
        >>> from voxsession import MemorySessionStorage
        >>> locks = SessionLockService(MemorySessionStorage())
        >>> await locks.set_session_lock("device-123", "scheduling")
        True
        >>> await locks.get_session_lock("device-123")
        'scheduling'
        >>> await locks.clear_session_lock("device-123")
        True
    """

    def __init__(
        self,
        storage_or_voxon: Any,
        *,
        ttl_seconds: float | None = None,
        agent_ttl_seconds: Mapping[str, float] | None = None,
        user_ttl_seconds: Mapping[str, float] | None = None,
        validate_device_id: DeviceCheck | None = None,
        clear_columns: bool = False,
        single_process: bool = False,
        clock_tolerance_seconds: float = 0,
        clock: Clock | None = None,
    ) -> None:
        self._owns_voxon = not isinstance(storage_or_voxon, Voxon)
        self._voxon = _facade(storage_or_voxon, clock)
        self._home = self._voxon._home
        self._clock = self._home.clock
        config = self._voxon.config
        self._ttl = check_ttl("ttl_seconds", config.lock_ttl_seconds if ttl_seconds is None else ttl_seconds)
        self._agent_ttls = check_ttls("agent_ttl_seconds", agent_ttl_seconds)
        self._user_ttls = check_ttls("user_ttl_seconds", user_ttl_seconds)
        if validate_device_id is not None and (
            not callable(validate_device_id) or inspect.iscoroutinefunction(validate_device_id)
        ):
            raise ConfigurationError.out_of_range(
                "validate_device_id", validate_device_id, "a plain function that takes the id is needed"
            )
        self._validate = validate_device_id
        self._single_process = check_flag("single_process", single_process)
        self._tolerance = timedelta(
            seconds=check_number("clock_tolerance_seconds", clock_tolerance_seconds, 0, MAX_TOLERANCE_SECONDS)
        )
        self._markers = Markers(self._home, clear_columns=check_flag("clear_columns", clear_columns))
        self._leases = Leases(self._home, self._markers, self._tolerance)
        self._tally = Tally(self._clock)
        self._hub = EventHub(self._clock, parent=self._home.hub)
        self._events = Events(self._hub)

    async def cleanup_expired_sessions(self) -> int:
        """Removes markers and leases whose time has passed; how many. Several processes may do it at once.

        Raises:
            ConfigurationError: the storage cannot list.
            StorageUnavailableError: it is away; call it again.
        """

        async def clean() -> int:
            return await clean_up(self._markers, self._leases, self._clock.now(), self._tolerance)

        count = await self._counted(clean())
        self._tally.cleaned_up += count
        if count:
            _log.info("%d expired session locks were removed", count)
        return count

    async def health_check(self) -> dict[str, Any]:
        """`{"status": "healthy", "storage": "operational"}`, or the error; it never raises."""
        return await self._voxon.health_check()

    async def get_lock_stats(self) -> dict[str, Any]:
        """Figures about the locks in force, and about what this service did since it was made.

        `active_locks` in all and `active_by_agent`, `avg_duration_seconds` since they were set, `expired_locks` that
        wait for the clean-up, `active_leases`, `unreadable` records; then `operations`, `errors`, `error_rate`,
        `cleaned_up`, `cleanup_rate_per_hour`. Where the storage cannot list, only the latter.
        """

        async def look() -> dict[str, Any]:
            storage = (await self._home.ready()).storage
            found: dict[str, Any] = {"storage_type": storage.storage_type}
            if storage.can_list:
                found |= await figures_of(self._markers, self._leases, self._clock.now())
            return found

        return {**await self._counted(look()), **self._tally.to_dict()}


def _facade(target: Any, clock: Clock | None) -> Voxon:
    if isinstance(target, Voxon):
        return target
    config = target if isinstance(target, VoxonConfig) else VoxonConfig.from_env(session_storage=target)
    # No text is ever counted here, so the exact ranks need not be loaded.
    return Voxon(config, clock=clock, token_counter=EstimatedCounter("o200k_base"))
