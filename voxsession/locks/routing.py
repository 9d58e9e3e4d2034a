"""The calls about markers: which agent a device is routed to."""

from __future__ import annotations

import logging

from voxsession.core.types import check_user_id
from voxsession.locks.calls import check_lease_of
from voxsession.locks.checks import check_name, check_ttl
from voxsession.locks.exclusive import ExclusiveLeases
from voxsession.locks.lease import Lease

__all__ = ["RoutingMarkers"]

_log = logging.getLogger(__name__)


class RoutingMarkers(ExclusiveLeases):
    """Reading, overwriting and clearing markers; a write may name a lease, and is refused where that holds no more."""

    _agent_ttls: dict[str, float]
    _user_ttls: dict[str, float]

    async def get_session_lock(self, device_id: str) -> str | None:
        """The agent that the device is routed to; None where there is none, its time is over, or the storage is away.

        Raises:
            ConfigurationError: it is no device id.
            IntegrityError: what is stored was altered.
            KeyNotFoundError: its key is not known here.
            StorageError: the storage refused, as for a right that is lacking; so all calls about markers.
        """
        device_id = self._device(device_id)
        return await self._or_without("read", device_id, self._markers.get(device_id), None)

    async def set_session_lock(
        self,
        device_id: str,
        agent_key: str,
        ttl_seconds: float | None = None,
        *,
        user_id: str | None = None,
        lease: Lease | None = None,
    ) -> bool:
        """Routes the device to an agent, whichever it was routed to before.

        Args:
            device_id: the device.
            agent_key: the agent's name.
            ttl_seconds: how long; None = the user's time, else the agent's, else the service's.
            user_id: whose device it is; `delete_user` then erases the marker too.
            lease: write only if this lease holds the device.

        Returns:
            Whether it was written: False where the storage is away, or the lease does not hold the device any more.

        Raises:
            ConfigurationError: an argument is none that can be used; it is named.
        """
        device_id, agent = self._device(device_id), check_name("agent_key", agent_key)
        check_user_id(user_id)
        ttl = self._ttl_for(ttl_seconds, agent, user_id)
        check_lease_of(lease, device_id)

        async def put() -> bool:
            await self._home.ready()
            owner, fence = self._home.vault.owner(user_id), lease.fence if lease is not None else None
            return await self._markers.put(device_id, agent, ttl, owner=owner, fence=fence)

        done = await self._or_without("set", device_id, self._in_the_name_of(lease, put), False)
        if done:
            _log.debug("device %s: session lock set", device_id)
        return done

    async def clear_session_lock(self, device_id: str, *, lease: Lease | None = None) -> bool:
        """Routes the device to nobody.

        Returns:
            False where it was not routed, the storage is away, or the lease does not hold the device any more.
        """
        device_id = self._device(device_id)
        check_lease_of(lease, device_id)

        async def clear() -> bool:
            return await self._markers.clear(device_id, fence=lease.fence if lease is not None else None)

        done = await self._or_without("cleared", device_id, self._in_the_name_of(lease, clear), False)
        if done:
            _log.debug("device %s: session lock cleared", device_id)
        return done

    def _ttl_for(self, given: float | None, agent: str, user_id: str | None) -> float:
        if given is not None:
            return check_ttl("ttl_seconds", given)
        by_agent = self._agent_ttls.get(agent, self._ttl)
        return by_agent if user_id is None else self._user_ttls.get(user_id, by_agent)
